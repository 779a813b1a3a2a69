"""How much that stands hidden one person is told within an hour: counted by what the log keeps, and who leads is told.

Used for contact data that are shown for a reason, and for the bare word that a customer out of sight exists.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import bindparam, select

from crm import notifications, rights, teams
from crm.core.access import SYSTEM, Actor
from crm.core.audit_log import AuditEntry
from crm.core.errors import AlreadyDone, Unavailable
from crm.core.people import User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork, unit_of_work
from db.engine import Database

PERIOD: Final = timedelta(hours=1)
_SINCE = AuditEntry.at > bindparam("since")
# entries are numbered in the order of time: from the hour's first on, only this person's own are looked at
_FIRST: Final = select(AuditEntry.id).where(_SINCE).order_by(AuditEntry.at, AuditEntry.id).limit(1).scalar_subquery()
_LATELY: Final = Prepared(
    select(AuditEntry.record_id).where(
        AuditEntry.actor_id == bindparam("me"), AuditEntry.id >= _FIRST, AuditEntry.verb == bindparam("verb"), _SINCE
    )
)


def hold(u: UnitOfWork) -> None:
    """Let this person be counted by one unit after the other: two clicks at once count as two."""
    u.session.scalar(select(User.id).where(User.id == u.actor.id).with_for_update())


def lately(u: UnitOfWork, verb: str, *, period: timedelta = PERIOD) -> list[int]:
    """Return the record of each entry that this person's use of a verb has left within the hour (or another period)."""
    rows = u.rows(_LATELY, since=u.now - period, me=u.actor.id, verb=verb)
    return [row["record_id"] for row in rows]


def stopped(u: UnitOfWork, what: str, text: str, **values: Any) -> None:
    """Let whoever leads this person know that he was stopped, once an hour, also when the unit is rolled back.

    what: by which such messages are told apart. text: a msgid with places for `who` and the values.
    """
    key = f"{what}-{u.actor.id}-{u.now:%Y%m%d%H}"
    u.at_any_rate(partial(_tell, u.database, u.actor, u.now, key, partial(_said, text, values)))


def _said(text: str, values: dict[str, Any], u: UnitOfWork, person_id: int, who: str) -> None:
    notifications.send(u, person_id, text, who=who, **values)


def _tell(
    database: Database, actor: Actor, now: datetime, key: str, say: Callable[[UnitOfWork, int, str], None]
) -> None:
    try:
        with unit_of_work(database, SYSTEM, now=now, key=key) as u:
            leader = teams.nearest_leader(u, actor.team_id, but=actor.id)
            for person_id in [leader] if leader is not None else rights.holders(u, "audit.view"):
                say(u, person_id, actor.name)
    except (
        AlreadyDone,
        Unavailable,
    ):  # told already; or the database is away, which the person hears at his next click
        return
