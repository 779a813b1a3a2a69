"""Change requests: whoever may not change personal data asks the record keeper with one line, and hears what came of it.

Promises: a request reaches everybody who can answer it and stays open until somebody does; it is read by whoever asked and
by those who answer; neither the audit log nor a notification repeats what it says.
"""

from datetime import datetime
from functools import lru_cache, partial
from typing import Any, ClassVar, Final

from sqlalchemy import ForeignKey, Index, Integer, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from crm import customers, notifications, rights
from crm.core.access import SYSTEM, Actor, Owned
from crm.core.errors import Conflict, Invalid, Refused, Unavailable
from crm.core.guards import Guarded
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.customers import KEPT, SIZE, SKIPPED, Card, Customer
from db.base import AnySelect, BigId, Record
from db.engine import Database

ASK, ANSWER = "requests.ask", "requests.answer"
LONGEST: Final = 500
COUNT_CAP: Final = 1_000


class ChangeRequest(Guarded, Record):
    """One request. It belongs to whoever asked (`responsible_id`); it is open until `done_at`."""

    __tablename__ = "change_requests"
    __table_args__ = (
        Index("ix_change_requests_done", "done_at", "id"),
        Index("ix_change_requests_responsible", "responsible_id", "id"),
    )
    area: ClassVar[str] = "requests"

    customer_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("customers.id", ondelete="CASCADE"), index=True, info={"edit": ASK}
    )
    responsible_id: Mapped[int] = mapped_column(ForeignKey("users.id"), info={"edit": ASK})
    team_id: Mapped[int | None] = mapped_column(info={"edit": ASK})
    partner_id: Mapped[int | None] = mapped_column(info={"edit": ASK})
    text: Mapped[str] = mapped_column(info={"edit": ASK, "personal": True})
    asked_at: Mapped[datetime] = mapped_column(info=KEPT)
    answer: Mapped[str] = mapped_column(default="", info={"edit": ANSWER, "personal": True})
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), info={"edit": ANSWER})
    done_at: Mapped[datetime | None] = mapped_column(info={"edit": ANSWER})


def may_ask(actor: Actor, customer: Card | Customer) -> bool:
    """Say whether this person asks the record keeper to change this customer, who may not change it himself."""
    owner = Owned(customer.responsible_id, customer.team_id, customer.partner_id)
    return actor.covers(ASK, owner) and not actor.covers("customers.edit_personal", owner)


@verb("requests.ask")
def ask(u: UnitOfWork, customer_id: int, text: str) -> ChangeRequest:
    """Ask for a change of a customer's personal data. Raises Invalid beside `text`, NotFound, Refused."""
    customer = u.get(Customer, customer_id)
    if not u.actor.covers(ASK, Owned(customer.responsible_id, customer.team_id, customer.partner_id)):
        raise Refused(N_("This record is outside your reach."))
    said = _line(text, "text")
    if not said:
        raise Invalid(N_("Please write what is to be changed."), field="text")
    record = ChangeRequest(
        customer_id=customer_id,
        responsible_id=u.actor.id,
        team_id=u.actor.team_id or min(u.actor.team_ids, default=None),
        partner_id=u.actor.partner_id,
        text=said,
        asked_at=u.now,
    )
    u.add(record)
    u.after_commit(partial(_tell_who_answers, u.database, record.id, u.now))
    return record


@verb("requests.answer")
def answer(u: UnitOfWork, request_id: int, text: str = "", *, seen: int) -> ChangeRequest:
    """Close a request; whoever asked is told. An empty answer says that it was done.

    Raises Invalid beside `answer`, NotFound, Conflict when somebody answered meanwhile.
    """
    record = u.get(ChangeRequest, request_id)
    if record.done_at is not None or record.version != seen:
        raise Conflict(N_("This request was answered already."), record=record)
    record.answer, record.done_by_id, record.done_at = _line(text, "answer"), u.actor.id, u.now
    u.after_commit(partial(_tell_who_asked, u.database, record.id, u.now))
    return record


def _line(text: str, field: str) -> str:
    cleaned = text.replace("\x00", "").strip()
    if len(cleaned) > LONGEST:
        raise Invalid(N_("At most {length} characters fit here."), field=field, length=LONGEST)
    return cleaned


def _tell_who_answers(database: Database, request_id: int, now: datetime) -> None:
    """Put the request behind the bell of everybody who can answer it; it stands in their list in any case."""
    try:
        with unit_of_work(database, SYSTEM, now=now) as u:
            record = u.get(ChangeRequest, request_id)
            asker = Owned(record.responsible_id, record.team_id, record.partner_id)
            text, query = N_("Somebody asks you to change personal data of a customer."), {"do": "request"}
            for person_id in rights.holders(u, ANSWER, of=asker):
                notifications.send(u, person_id, text, page="requests", query=query | {"request": str(request_id)})
    except Unavailable:
        return


def _tell_who_asked(database: Database, request_id: int, now: datetime) -> None:
    try:
        with unit_of_work(database, SYSTEM, now=now) as u:
            record = u.get(ChangeRequest, request_id)
            query = {"id": str(record.customer_id), "do": "asked", "request": str(request_id)}
            text = N_("Your request to change personal data was answered.")
            notifications.send(u, record.responsible_id, text, page="customer", query=query)
    except Unavailable:
        return


# --- queries ----------------------------------------------------------------

COLUMNS: Final = (
    ChangeRequest.id,
    ChangeRequest.version,
    ChangeRequest.customer_id,
    Customer.name.label("customer"),
    ChangeRequest.responsible_id,
    ChangeRequest.text,
    ChangeRequest.asked_at,
    ChangeRequest.answer,
    ChangeRequest.done_by_id,
    ChangeRequest.done_at,
)


def _rows() -> AnySelect:
    return select(*COLUMNS).join(Customer, Customer.id == ChangeRequest.customer_id)


@lru_cache(maxsize=2)
def _pages(*, done: bool) -> Prepared:
    if done:
        newest = _rows().where(ChangeRequest.done_at.is_not(None)).order_by(ChangeRequest.done_at.desc())
        return Prepared(newest.limit(SIZE).offset(SKIPPED))
    oldest = _rows().where(ChangeRequest.done_at.is_(None)).order_by(ChangeRequest.id)
    return Prepared(oldest.limit(SIZE).offset(SKIPPED))


@lru_cache(maxsize=2)
def _counts(*, done: bool) -> Prepared:
    which = ChangeRequest.done_at.is_not(None) if done else ChangeRequest.done_at.is_(None)
    return customers.counting(
        select(ChangeRequest.id).join(Customer, Customer.id == ChangeRequest.customer_id).where(which)
    )


def page(u: UnitOfWork, *, done: bool = False, number: int = 1, size: int = 50) -> list[dict[str, Any]]:
    """Return one page of the requests that one may read as rows of COLUMNS: open ones, those that wait longest first; or done ones."""
    return u.rows(_pages(done=done), size=size, skipped=(max(number, 1) - 1) * size)


def count(u: UnitOfWork, *, done: bool = False) -> int:
    """Return how many open (or done) requests one may read, at most COUNT_CAP + 1."""
    return int(u.value(_counts(done=done), cap=COUNT_CAP + 1))


_ONE: Final = Prepared(_rows().where(ChangeRequest.id == bindparam("request_id", type_=Integer)))
_OPEN_OF: Final = Prepared(
    _rows()
    .where(ChangeRequest.customer_id == bindparam("customer_id"), ChangeRequest.done_at.is_(None))
    .order_by(ChangeRequest.id)
    .limit(5)
)


def one(u: UnitOfWork, request_id: int) -> dict[str, Any] | None:
    """Return one request as a row of COLUMNS, None when it is absent or not one's own to read."""
    rows = u.rows(_ONE, request_id=request_id)
    return rows[0] if rows else None


def open_of(u: UnitOfWork, customer_id: int) -> list[dict[str, Any]]:
    """Return the open requests about a customer that one may read."""
    return u.rows(_OPEN_OF, customer_id=customer_id)
