"""Showing hidden contact data: one customer at a time, noted, and limited for each person and hour.

Whoever sees the contact data of a customer in full anyway is not counted: an entry for every card that a record keeper or
the responsible opens would bury those that matter.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import bindparam, select

from crm import customers, notifications, rights, settings
from crm.core.access import SYSTEM, Actor, Owned
from crm.core.audit_log import AuditEntry
from crm.core.errors import AlreadyDone, Refused, Unavailable
from crm.core.i18n import N_
from crm.core.people import Team, User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.customers import Card, Customer, Email, Phone, Reach
from db.engine import Database

RIGHT: Final = "privacy.show_contact_data"
PERIOD: Final = timedelta(hours=1)
STOPPED: Final = N_("{who} was stopped: hidden phones and e-mails of {limit} customers were shown within an hour.")


def may_be_shown(actor: Actor, customer: Card | Customer) -> bool:
    """Say whether this person may have the hidden contact data of this customer shown. The verb asks again."""
    return actor.covers(RIGHT, _owner(customer))


@verb("privacy.show_contact_data")
def show_contact_data(u: UnitOfWork, customer_id: int) -> Reach:
    """Return phones, e-mails and address of one customer in full, and note that they were shown.

    Raises NotFound, Refused (outside one's reach, or too many customers within an hour: whoever leads is told then).
    """
    customer = u.get(Customer, customer_id)
    if not may_be_shown(u.actor, customer):
        raise Refused(N_("This record is outside your reach."))
    ways = customers.reach(u, customer_id)
    if ways.in_full:
        return ways
    _need_room(u, customer_id)
    u.remember(customer, {"contact_data_shown": [None, True]})
    return replace(
        ways,
        phones=_full(u, Phone.number, Phone, customer_id),
        emails=_full(u, Email.address, Email, customer_id),
        address=u.inside(select(Customer.address).where(Customer.id == customer_id))[0],
    )


def _full(u: UnitOfWork, column: Any, model: Any, customer_id: int) -> tuple[str, ...]:
    return tuple(u.inside(select(column).where(model.customer_id == customer_id).order_by(model.position)))


def _owner(customer: Card | Customer) -> Owned:
    return Owned(customer.responsible_id, customer.team_id, customer.partner_id)


# --- the limit ----------------------------------------------------------------

_LATELY: Final = Prepared(
    select(AuditEntry.record_id)
    .where(
        AuditEntry.at > bindparam("since"), AuditEntry.actor_id == bindparam("me"), AuditEntry.verb == bindparam("verb")
    )
    .distinct()
)


def _need_room(u: UnitOfWork, customer_id: int) -> None:
    """Raise Refused when so many customers were shown within the hour; one who was among them may be shown again."""
    u.session.scalar(select(User.id).where(User.id == u.actor.id).with_for_update())  # two clicks at once count as two
    rows = u.rows(_LATELY, since=u.now - PERIOD, me=u.actor.id, verb=RIGHT)
    lately = {row["record_id"] for row in rows}
    limit = int(settings.value(u, "contact_data_per_hour"))
    if customer_id in lately or len(lately) < limit:
        return
    u.at_any_rate(partial(_tell, u.database, u.actor, limit, u.now))
    text = N_(
        "Hidden phones and e-mails of {limit} customers were shown to you within an hour. "
        "More will be possible later; whoever leads your team has been told."
    )
    raise Refused(text, limit=limit)


def _tell(database: Database, actor: Actor, limit: int, now: datetime) -> None:
    """Put it behind the bell of whoever leads this person, once an hour."""
    try:
        with unit_of_work(database, SYSTEM, now=now, key=f"shown-{actor.id}-{now:%Y%m%d%H}") as u:
            for person_id in _leaders(u, actor):
                notifications.send(u, person_id, STOPPED, who=actor.name, limit=limit)
    except (
        AlreadyDone,
        Unavailable,
    ):  # told already; or the database is away, which the person hears at his next click
        return


def _leaders(u: UnitOfWork, actor: Actor) -> list[int]:
    """Return the nearest leader above this person; whoever sees the changes where there is none."""
    teams = {row["id"]: row for row in u.rows(select(Team.id, Team.parent_id, Team.leader_id))}
    active = set(u.all(select(User.id).where(User.disabled_at.is_(None), User.deleted_at.is_(None))))
    team_id = actor.team_id
    while team_id in teams:
        leader = teams[team_id]["leader_id"]
        if leader in active and leader != actor.id:
            return [leader]
        team_id = teams.pop(team_id)["parent_id"]
    return rights.holders(u, "audit.view")
