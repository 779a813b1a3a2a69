"""Showing hidden contact data: one customer at a time, noted, and limited for each person and hour.

Whoever sees the contact data of a customer in full anyway is not counted: an entry for every card that a record keeper or
the responsible opens would bury those that matter.
"""

from dataclasses import replace
from typing import Any, Final

from sqlalchemy import select

from crm import customers, settings
from crm.core.access import Actor, Owned
from crm.core.errors import Refused
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Card, Customer, Email, Phone, Reach
from crm.privacy import limit as measure

RIGHT: Final = "privacy.show_contact_data"
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


def _need_room(u: UnitOfWork, customer_id: int) -> None:
    """Raise Refused when so many customers were shown within the hour; one who was among them may be shown again."""
    measure.hold(u)
    lately = set(measure.lately(u, RIGHT))
    limit = int(settings.value(u, "contact_data_per_hour"))
    if customer_id in lately or len(lately) < limit:
        return
    measure.stopped(u, "shown", STOPPED, limit=limit)
    text = N_(
        "Hidden phones and e-mails of {limit} customers were shown to you within an hour. "
        "More will be possible later; whoever leads your team has been told."
    )
    raise Refused(text, limit=limit)
