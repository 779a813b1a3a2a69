"""Missing data: whoever looks after the base asks a customer's responsible with one press for what is missing on the card.

Promises: the responsible finds it behind the bell, with the way into the very form; the card says who asked and when until
everything that was asked for is there, which is told by the card itself and by nobody's tick; whoever asks once more within
three days is told so, and the responsible hears it once.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final

from sqlalchemy import JSON, BindParameter, ForeignKey, Index, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from crm import fields, notifications, templates
from crm.core.access import SYSTEM
from crm.core.errors import Conflict, Invalid, Unavailable
from crm.core.guards import ChildOf
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.customers import KEPT, Customer, Email, Phone
from crm.templates import PERSONAL, STANDARD_KEYS
from db.base import BigId, Record
from db.engine import Database

RIGHT: Final = "quality.ask"
AGAIN_AFTER: Final = timedelta(days=3)
"""So long whoever asks once more is told that it was asked."""

TOLD: Final = N_("{who} asks you to fill in what is missing of {customer}.")


class DataRequest(ChildOf, Record):
    """Somebody asked the responsible for data of a customer. wanted: the keys of what was missing; asked_of_id: who was responsible."""

    __tablename__ = "data_requests"
    __table_args__ = (
        Index("ix_data_requests_customer", "customer_id", "id"),
        Index("ix_data_requests_asked", "asked_at"),
    )
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"
    written_by: ClassVar[tuple[str, ...]] = (RIGHT,)

    customer_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("customers.id", ondelete="CASCADE"), info={"edit": RIGHT}
    )
    asked_of_id: Mapped[int] = mapped_column(ForeignKey("users.id"), info={"edit": RIGHT})
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), info=KEPT)
    asked_at: Mapped[datetime] = mapped_column(info=KEPT)
    wanted: Mapped[list[str]] = mapped_column(JSON, info=KEPT)


@verb("quality.ask")
def ask(u: UnitOfWork, customer_id: int) -> DataRequest:
    """Ask a customer's responsible for what is missing.

    Raises Invalid (nothing is missing, nobody is responsible), NotFound, Refused, Conflict when this very person was asked
    less than AGAIN_AFTER ago and has not filled it in.
    """
    customer = u.get(Customer, customer_id)
    # held until the commit, or two presses at the same moment would both ask
    u.all(select(Customer.id).where(Customer.id == customer_id).with_for_update(key_share=True))
    person = u.get(User, customer.responsible_id) if customer.responsible_id is not None else None
    if person is None or not person.is_active:
        raise Invalid(N_("Nobody is responsible for this customer: hand it over first."))
    gaps = missing(u, [customer_id])[customer_id]
    if not gaps:
        raise Invalid(N_("Nothing is missing of this customer."))
    last = latest(u, [customer_id]).get(customer_id)
    if last and is_fresh(last, gaps, person.id, u.now):
        raise Conflict(N_("This was asked for less than three days ago."))
    facts = {"asked_of_id": person.id, "asked_by_id": u.actor.id, "asked_at": u.now, "wanted": gaps}
    asked = u.add(DataRequest(customer_id=customer_id, **facts))
    u.after_commit(partial(_tell, u.database, asked.id, u.actor.name, u.now))
    return asked


def _tell(database: Database, request_id: int, who: str, now: datetime) -> None:
    """Put the request behind the bell of whoever was asked, unless he asked himself."""
    try:
        with unit_of_work(database, SYSTEM, now=now) as u:
            asked = u.get(DataRequest, request_id)
            if asked.asked_of_id == asked.asked_by_id:
                return
            name = u.get(Customer, asked.customer_id).name
            query = way_in(asked.customer_id, asked.wanted)
            notifications.send(u, asked.asked_of_id, TOLD, page="customer", query=query, who=who, customer=name)
    except Unavailable:
        return


def way_in(customer_id: int, keys: Sequence[str]) -> dict[str, str]:
    """Return the query of the card that opens the form in which these fields are filled in, the first of them on top.

    Business data come first: who may not change personal data asks for it in the form that opens then.
    """
    first = next((key for key in keys if key not in PERSONAL), keys[0])
    return {"id": str(customer_id), "do": "personal" if first in PERSONAL else "business", "field": first}


# --- queries --------------------------------------------------------------------

_THESE: Final[BindParameter[int]] = bindparam("these", expanding=True)
_KNOWN: Final = tuple(getattr(Customer, key) for key in STANDARD_KEYS if key not in {"phones", "emails", "address"})
_FACTS: Final = Prepared(select(Customer.id, Customer.type, Customer.extra, *_KNOWN).where(Customer.id.in_(_THESE)))
_PHONES: Final = Prepared(select(Phone.customer_id).where(Phone.customer_id.in_(_THESE)).distinct())
_EMAILS: Final = Prepared(select(Email.customer_id).where(Email.customer_id.in_(_THESE)).distinct())
_ADDRESSES: Final = Prepared(
    select(Customer.id).where(Customer.id.in_(_THESE), Customer.address.is_not(None), Customer.address != "")
)
_ASKED: Final = Prepared(
    select(
        DataRequest.customer_id,
        DataRequest.asked_of_id,
        DataRequest.asked_by_id,
        DataRequest.asked_at,
        DataRequest.wanted,
    )
    .where(DataRequest.customer_id.in_(_THESE))
    .order_by(DataRequest.id)
)
_ADDRESSED: Final = Prepared(
    select(Customer.id, User.email)
    .join(User, User.id == Customer.responsible_id)
    .where(Customer.id.in_(_THESE), User.email.is_not(None), User.disabled_at.is_(None))
)


def missing(u: UnitOfWork, ids: Iterable[int]) -> dict[int, list[str]]:
    """Return customer -> the keys of what is missing on the card, in the order of the template; [] for whom it is complete.

    Customers whom the reader does not see are not in it.
    """
    these = list(ids)
    rows = u.rows(_FACTS, these=these) if these else []
    ways = [{row["customer_id"] for row in u.rows(one, these=these)} for one in (_PHONES, _EMAILS)] if rows else []
    housed = {row["id"] for row in u.rows(_ADDRESSES, these=these)} if rows else set()
    types, own = templates.types(u), fields.definitions(u)
    found = {}
    for row in rows:
        facts = row | {"address": "there" if row["id"] in housed else None}
        phones, emails = (row["id"] in way for way in ways)
        there = templates.filled(facts, phones=phones, emails=emails, extra=row["extra"])
        found[row["id"]] = templates.absent(types[row["type"]], own, there)
    return found


def latest(u: UnitOfWork, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return customer -> the last request for data: asked_of_id, asked_by_id, asked_at, wanted (keys)."""
    these = list(ids)
    return {row["customer_id"]: row for row in u.rows(_ASKED, these=these)} if these else {}


def is_open(asked: Mapping[str, Any], gaps: Iterable[str]) -> bool:
    """Say whether something of what was asked for is missing still. gaps: what is missing now."""
    return not set(asked["wanted"]).isdisjoint(gaps)


def is_fresh(asked: Mapping[str, Any], gaps: Iterable[str], responsible_id: int | None, now: datetime) -> bool:
    """Say whether this very person has been asked just now and has not filled it in."""
    same = asked["asked_of_id"] == responsible_id
    return bool(same and now - asked["asked_at"] < AGAIN_AFTER and is_open(asked, gaps))


def addresses(u: UnitOfWork, ids: Iterable[int]) -> dict[int, str]:
    """Return customer -> the responsible's e-mail address, for whoever may ask; those without one are not in it."""
    these = list(ids)
    if not these or not u.may(RIGHT):
        return {}
    return {row["id"]: row["email"] for row in u.rows(_ADDRESSED, these=these)}
