"""Interactions: the journal of everything that happened with a customer: calls, mails, meetings, visits, letters, messages.

Promises: an entry is in the journal, on the card and in the plans' counters, or in none of them; it is seen by whoever may
see its customer; who logged it and when is never changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar, Final

import pandas as pd
from sqlalchemy import BigInteger, BindParameter, ForeignKey, Index, and_, bindparam, exists, func, or_, select, tuple_
from sqlalchemy.orm import Mapped, aliased, mapped_column

from crm import counters, customers, search, settings
from crm.core import clock
from crm.core.errors import Invalid
from crm.core.guards import ChildOf
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import KEPT, SIZE, SKIPPED, Customer
from db.base import AnySelect, BigId, Record
from db.given import given, rows_of, text_of

LONGEST_NOTE: Final = 10_000
LONGEST_TOPIC: Final = 200
COUNT_CAP: Final = 1_000
NEWEST_OWN: Final = 1_000
SHOWN_OWN: Final = 20
SHORTEST_OF_NOTE: Final = 3


class Kind(StrEnum):
    """By which way people talked."""

    CALL = "call"
    EMAIL = "email"
    MEETING = "meeting"
    VISIT = "visit"
    LETTER = "letter"
    SMS = "sms"
    MESSENGER = "messenger"


KINDS: Final = {
    Kind.CALL: N_("Call"),
    Kind.EMAIL: N_("E-mail"),
    Kind.MEETING: N_("Meeting"),
    Kind.VISIT: N_("Visit"),
    Kind.LETTER: N_("Letter"),
    Kind.SMS: N_("SMS"),
    Kind.MESSENGER: N_("Messenger"),
}


class Direction(StrEnum):
    """Who began."""

    INBOUND = "in"
    OUTBOUND = "out"


DIRECTIONS: Final = {Direction.INBOUND: N_("Inbound"), Direction.OUTBOUND: N_("Outbound")}


class Outcome(StrEnum):
    """What came of it."""

    TAKEN = "taken"
    FINISHED = "finished"
    CALL_BACK = "call_back"
    NO_ANSWER = "no_answer"
    OFFER_ASKED = "offer_asked"
    ORDER = "order"
    REFUSED = "refused"


OUTCOMES: Final = {
    Outcome.TAKEN: N_("Taken in work"),
    Outcome.FINISHED: N_("Finished"),
    Outcome.CALL_BACK: N_("Call back"),
    Outcome.NO_ANSWER: N_("No answer"),
    Outcome.OFFER_ASKED: N_("Offer asked"),
    Outcome.ORDER: N_("Order"),
    Outcome.REFUSED: N_("Refused"),
}


class Interaction(ChildOf, Record):
    """One entry of the journal. `at` is when it happened, `logged_at` when it was written down."""

    __tablename__ = "interactions"
    __table_args__ = (
        Index("ix_interactions_customer_at", "customer_id", "at", "id"),
        Index("ix_interactions_responsible_at", "responsible_id", "at", "id"),
        Index("ix_interactions_at", "at", "id", "customer_id"),  # whose it is decides who sees it
    )
    area: ClassVar[str] = "interactions"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"

    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"))
    kind: Mapped[str]
    direction: Mapped[str | None]
    outcome: Mapped[str | None]
    topic: Mapped[str | None]
    note: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]
    minutes: Mapped[int | None]
    responsible_id: Mapped[int] = mapped_column(ForeignKey("users.id"), info=KEPT)
    logged_at: Mapped[datetime] = mapped_column(info=KEPT)


MEASURES_OF: Final = {
    Kind.CALL: ("calls",),
    Kind.EMAIL: ("emails",),
    Kind.MEETING: ("meetings",),
    Kind.VISIT: ("meetings",),
}
"""Which counters an entry of each kind moves, besides `interactions` which every entry moves."""


def measures(kind: Kind, direction: str | None) -> tuple[str, ...]:
    """Return the counters that an entry moves."""
    outgoing = ("outbound_calls",) if kind is Kind.CALL and direction == Direction.OUTBOUND else ()
    return ("interactions", *MEASURES_OF.get(kind, ()), *outgoing)


@verb("interactions.log")
def log(
    u: UnitOfWork,
    customer_id: int,
    *,
    kind: str,
    direction: str | None = None,
    outcome: str | None = None,
    topic: str = "",
    note: str = "",
    at: datetime | None = None,
    minutes: int | None = None,
) -> Interaction:
    """Write an interaction into the journal; without `at` it happened now. Raises Invalid, NotFound, Refused."""
    checked_kind = _code(kind, Kind, "kind")
    happened = _moment(u, at)
    customer = u.get(Customer, customer_id)
    entry = Interaction(
        customer_id=customer_id,
        kind=checked_kind,
        direction=_code(direction, Direction, "direction") if direction else None,
        outcome=_code(outcome, Outcome, "outcome") if outcome else None,
        topic=_text(topic, LONGEST_TOPIC, "topic") or None,
        note=_text(note, LONGEST_NOTE, "note"),
        at=happened,
        minutes=minutes,
        responsible_id=u.actor.id,
        logged_at=u.now,
    )
    u.add(entry)
    customers.remember_interaction(u, customer, happened)
    day = clock.day_of(happened, settings.value(u, "timezone"))
    if u.actor.id is not None:
        counters.count(u, day, u.actor.id, measures(Kind(checked_kind), direction))
    return entry


def _code(text: str, codes: type[StrEnum], field: str) -> str:
    if text not in set(codes):
        raise Invalid(N_("Please choose one of the list."), field=field)
    return str(codes(text))


def _text(text: str, length: int, field: str) -> str:
    cleaned = text.replace("\x00", "").strip()
    if len(cleaned) > length:
        raise Invalid(N_("At most {length} characters fit here."), field=field, length=length)
    return cleaned


def _moment(u: UnitOfWork, at: datetime | None) -> datetime:
    if at is None:
        return u.now
    if at > u.now + timedelta(minutes=5):
        raise Invalid(N_("This moment is still to come."), field="at")
    return at


# --- queries ----------------------------------------------------------------

COLUMNS: Final = (
    Interaction.id,
    Interaction.at,
    Interaction.kind,
    Interaction.direction,
    Interaction.outcome,
    Interaction.topic,
    Interaction.note,
    Interaction.responsible_id,
    Interaction.customer_id,
)


@dataclass(frozen=True)
class Filters:
    """What narrows the journal; None does not narrow. `since` and `until` are moments, `until` not included."""

    customer_id: int | None = None
    responsible_id: int | None = None
    kind: str | None = None
    direction: str | None = None
    since: datetime | None = None
    until: datetime | None = None


OF_FEW: Final = "of_few"
"""Among the filters: by way of the customers, who are few (see `customers.few`)."""
AFTER: Final = "after"
"""Among the filters: what was before an entry, by the order of the list."""


def _wanted(filters: Filters) -> dict[str, Any]:
    """Return filter -> value of the filters that narrow."""
    return {key: value for key, value in vars(filters).items() if value is not None}


def _asked(u: UnitOfWork, filters: Filters) -> tuple[tuple[str, ...], dict[str, Any]]:
    wanted = _wanted(filters)
    by_customer = filters.customer_id is None and customers.few(u)
    return ((*wanted, OF_FEW) if by_customer else tuple(wanted)), wanted


def _narrowed(statement: AnySelect, keys: Iterable[str]) -> AnySelect:
    for key in keys:
        value: BindParameter[Any] = bindparam(key)
        if key == OF_FEW:
            statement = statement.where(Interaction.customer_id.in_(select(Customer.id)))
        elif key == AFTER:
            last = tuple_(bindparam("after_at", type_=Interaction.at.type), bindparam("after_id", type_=BigInteger))
            statement = statement.where(tuple_(Interaction.at, Interaction.id) < last)
        elif key == "since":
            statement = statement.where(Interaction.at >= value)
        elif key == "until":
            statement = statement.where(Interaction.at < value)
        else:
            statement = statement.where(getattr(Interaction, key) == value)
    return statement


@lru_cache(maxsize=128)
def _pages(keys: tuple[str, ...]) -> Prepared:
    # the page first, the names to it: joined at once, a database may begin with the customers and sort all they ever said
    newest = (Interaction.at.desc(), Interaction.id.desc())
    here = _narrowed(select(*COLUMNS), keys).order_by(*newest).limit(SIZE).offset(SKIPPED).subquery()
    of_page = select(*here.c, Customer.name.label("customer")).join(Customer, Customer.id == here.c.customer_id)
    return Prepared(of_page.order_by(here.c.at.desc(), here.c.id.desc()))


@lru_cache(maxsize=128)
def _counts(keys: tuple[str, ...]) -> Prepared:
    with_customer = select(Interaction.id).join(Customer, Customer.id == Interaction.customer_id)
    return customers.counting(_narrowed(with_customer, keys))


def page(
    u: UnitOfWork,
    filters: Filters = Filters(),
    *,
    number: int = 1,
    size: int = 50,
    after: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Return one page of the journal, the newest first, as rows of COLUMNS and `customer` (the name).

    after: the last row of the page before, where it is known: what was skipped then is not gone through once more.
    """
    keys, wanted = _asked(u, filters)
    if after is None:
        return u.rows(_pages(keys), **wanted, size=size, skipped=(max(number, 1) - 1) * size)
    place = {"after_at": after["at"], "after_id": after["id"]}
    return u.rows(_pages((*keys, AFTER)), **wanted, **place, size=size, skipped=0)


def listing(u: UnitOfWork, filters: Filters = Filters(), *, page: int = 1, size: int = 50) -> pd.DataFrame:
    """Return one page of the journal, the newest first: COLUMNS and `customer` (the name), `id` as index."""
    wanted = _wanted(filters) | {"size": size, "skipped": (max(page, 1) - 1) * size}
    return u.frame(_pages(tuple(_wanted(filters))).statement.params(**wanted), index="id")


def count(u: UnitOfWork, filters: Filters = Filters()) -> int:
    """Return how many entries the filters leave, at most COUNT_CAP + 1 (which means 'more')."""
    keys, wanted = _asked(u, filters)
    return int(u.value(_counts(keys), **wanted, cap=COUNT_CAP + 1))


_OTHER = aliased(Interaction)
_LATEST: Final = Prepared(
    select(Interaction.customer_id, Interaction.at, Interaction.kind, Interaction.responsible_id).where(
        Interaction.customer_id.in_(bindparam("customer_ids", expanding=True)),
        Interaction.id
        == select(_OTHER.id)
        .where(_OTHER.customer_id == Interaction.customer_id)
        .order_by(_OTHER.at.desc(), _OTHER.id.desc())
        .limit(1)
        .scalar_subquery(),
    )
)


def latest(u: UnitOfWork, customer_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return the last entry of each of some customers: customer -> when, which kind, with whom."""
    keys = sorted(customer_ids)
    return {row["customer_id"]: row for row in u.rows(_LATEST, customer_ids=keys)} if keys else {}


def _own_notes() -> AnySelect:
    """Return the statement of the customers of one's newest entries in which every one of the given words stands."""
    newest = (
        select(Interaction.id, Interaction.customer_id, Interaction.topic, Interaction.note)
        .where(Interaction.responsible_id == bindparam("me"))
        .order_by(Interaction.at.desc(), Interaction.id.desc())
        .limit(NEWEST_OWN)
        .subquery()
    )
    words = rows_of("words")
    text = func.coalesce(newest.c.topic, "") + " " + newest.c.note
    nowhere = and_(*(text.not_like(text_of(words, writing)) for writing in range(3)))
    missing = exists().select_from(words).where(nowhere).correlate(newest)
    likely = or_(*(text.like(bindparam(f"longest_{writing}")) for writing in range(3)))
    return select(newest.c.customer_id).where(likely, ~missing).order_by(newest.c.id.desc()).limit(SHOWN_OWN)


_OWN_NOTES: Final = Prepared(_own_notes())


@search.also_in(search.Why.NOTE)
def in_own_notes(u: UnitOfWork, text: str) -> list[int]:
    """Return the customers in whose entries of one's own these words stand, the newest first."""
    words = dict.fromkeys(search.WORD.findall(text[:LONGEST_TOPIC].lower()))
    if u.actor.id is None or len("".join(words)) < SHORTEST_OF_NOTE - bool(search.HAN.search(text)):
        return []
    # SQLite knows the case of Latin letters only: the ways in which a word is written are asked for one by one
    asked = [[f"%{one}%" for one in (word, word.capitalize(), word.upper())] for word in sorted(words, key=len)]
    longest = {f"longest_{writing}": one for writing, one in enumerate(asked[-1])}
    rows = u.rows(_OWN_NOTES, me=u.actor.id, words=given(*asked), **longest)
    return list(dict.fromkeys(row["customer_id"] for row in rows))


def one(u: UnitOfWork, interaction_id: int) -> Interaction:
    """Return one entry. Raises NotFound."""
    return u.get(Interaction, interaction_id)
