"""Market: which competitors sell what to a customer, and what he thinks and doubts, as colleagues have heard it.

Promises: a competitor is one, however the name is written; who noted what, and where he knows it from, stands beside it; what
is said of another team's customer is as far away as the customer.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Final

from babel.numbers import list_currencies
from sqlalchemy import ForeignKey, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from crm import customers, settings, tags
from crm.core import clock, money
from crm.core.errors import Invalid, InvalidForm, NotFound
from crm.core.guards import ChildOf
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import KEPT, Customer
from db.base import BigId, Record

EDIT: Final = "customers.edit"
HEAR: Final = "interactions.log"
LENGTHS: Final[Mapping[str, int]] = {"competitor": 120, "product": 500, "source": 200, "text": 2000}
FIRST_DAY: Final = date(1950, 1, 1)
MOST: Final = 100
"""So many competitors, and so many voices, one customer has at most."""


class Period(StrEnum):
    """For how long an amount is."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


PERIODS: Final[Mapping[str, str]] = {
    Period.MONTH: N_("a month"),
    Period.QUARTER: N_("a quarter"),
    Period.YEAR: N_("a year"),
}


class Said(StrEnum):
    """What kind of thing a customer said."""

    OPINION = "opinion"
    PRAISE = "praise"
    DOUBT = "doubt"


SAID: Final[Mapping[str, str]] = {
    Said.OPINION: N_("Opinion"),
    Said.PRAISE: N_("Praise"),
    Said.DOUBT: N_("Doubt"),
}


class Competitor(Record):
    """Somebody who sells what we sell. `key` is what equal names share."""

    __tablename__ = "competitors"

    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True, info=KEPT)


class Supply(ChildOf, Record):
    """What a competitor sells to a customer, about how much, and from where we know it. amount: in `currency`, for `period`."""

    __tablename__ = "supplies"
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"
    written_by: ClassVar[tuple[str, ...]] = (EDIT,)

    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    competitor_id: Mapped[int] = mapped_column(BigId, ForeignKey("competitors.id"), index=True)
    product: Mapped[str | None]
    amount: Mapped[Decimal | None]
    currency: Mapped[str | None]
    period: Mapped[str | None]
    since: Mapped[date | None]
    source: Mapped[str | None]
    noted_at: Mapped[datetime] = mapped_column(info=KEPT)
    noted_by_id: Mapped[int | None] = mapped_column(info=KEPT)


_HEARD: Final[dict[str, Any]] = {"edit": HEAR}


class Voice(ChildOf, Record):
    """What a customer thinks, praises or doubts, as somebody heard it."""

    __tablename__ = "voices"
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"
    written_by: ClassVar[tuple[str, ...]] = (HEAR, EDIT)

    customer_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("customers.id", ondelete="CASCADE"), index=True, info=_HEARD
    )
    kind: Mapped[str] = mapped_column(info=_HEARD)
    text: Mapped[str] = mapped_column(info=_HEARD)
    heard_on: Mapped[date] = mapped_column(info=_HEARD)
    noted_at: Mapped[datetime] = mapped_column(info=KEPT)
    noted_by_id: Mapped[int | None] = mapped_column(info=KEPT)


# --- what is typed --------------------------------------------------------------


def _supply(u: UnitOfWork, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Clean a form: competitor, product, amount (text), currency, period, since, source. Raises InvalidForm."""
    faults: dict[str, Invalid] = {}
    found: dict[str, Any] = {}
    for key, clean in _FIELDS.items():
        try:
            found[key] = clean(raw.get(key))
        except Invalid as fault:
            faults[key] = Invalid(fault.text, field=key, **fault.values)
    since = raw.get("since")
    if since is not None and not FIRST_DAY <= since <= _today(u):
        faults["since"] = Invalid(N_("Please enter the day, not later than today."), field="since")
    if found.get("amount") is not None and not faults:
        found["amount"] = money.rounded(found["amount"], found["currency"] or settings.value(u, "currency"))
        found |= {"currency": found["currency"] or settings.value(u, "currency"), "period": found["period"] or "year"}
    if faults:
        raise InvalidForm(faults)
    return found | {"since": since} | ({} if found["amount"] is not None else {"currency": None, "period": None})


def _competitor(value: Any) -> str:
    name = " ".join(str(value or "").split())
    if not tags.key_of(name):
        raise Invalid(N_("Please enter a name."))
    return customers.fitting("competitor", name, LENGTHS["competitor"])


def _text(key: str) -> Any:
    return lambda value: customers.fitting(key, str(value or "").strip(), LENGTHS[key]) or None


def _amount(value: Any) -> Decimal | None:
    if value in (None, ""):
        return None
    amount = money.parse(str(value))
    if amount < 0 or amount >= Decimal(10) ** 12:
        raise Invalid(N_("'{text}' is not an amount."), text=str(value)[:40])
    return amount


def _code(codes: Any) -> Any:
    def clean(value: Any) -> str | None:
        if value and value not in codes:
            raise Invalid(N_("Please choose one of the list."))
        return str(value) if value else None

    return clean


_FIELDS: Final[Mapping[str, Any]] = {
    "competitor": _competitor,
    "product": _text("product"),
    "amount": _amount,
    "currency": _code(frozenset(list_currencies())),
    "period": _code(frozenset(Period)),
    "source": _text("source"),
}


def _today(u: UnitOfWork) -> date:
    return clock.day_of(u.now, u.actor.timezone or settings.value(u, "timezone"))


# --- verbs ----------------------------------------------------------------------


@verb(EDIT)
def add_supply(u: UnitOfWork, customer_id: int, raw: Mapping[str, Any]) -> Supply:
    """Note that a competitor sells to a customer; a new name is learnt. Raises InvalidForm, NotFound, Refused, Conflict."""
    facts = _supply(u, raw)
    customer = u.get(Customer, customer_id)
    _need_room(supplies(u, customer.id), "competitor")
    who = _learnt(u, facts.pop("competitor"))
    made = u.add(Supply(customer_id=customer.id, competitor_id=who.id, **facts, noted_at=u.now, noted_by_id=u.actor.id))
    u.remember(customer, {"competitor": [None, who.name]})
    return made


@verb(EDIT)
def change_supply(u: UnitOfWork, supply_id: int, raw: Mapping[str, Any], *, seen: int) -> Supply:
    """Say otherwise what a competitor sells to a customer. `seen` is the version that the form showed. Raises as `add_supply`."""
    facts = _supply(u, raw)
    supply = u.get(Supply, supply_id, seen=seen)
    supply.competitor_id = _learnt(u, facts.pop("competitor")).id
    for key, value in facts.items():
        setattr(supply, key, value)
    return supply


@verb(EDIT)
def drop_supply(u: UnitOfWork, supply_id: int, *, seen: int) -> None:
    """Take away what was noted of a competitor at a customer. Raises NotFound, Refused, Conflict."""
    supply = u.get(Supply, supply_id, seen=seen)
    customer = u.get(Customer, supply.customer_id)
    u.remember(customer, {"competitor": [u.get(Competitor, supply.competitor_id).name, None]})
    u.delete(supply)


@verb(HEAR)
def add_voice(u: UnitOfWork, customer_id: int, *, kind: str | None, text: str, heard_on: date | None = None) -> Voice:
    """Note what a customer thinks, praises or doubts; without a day today. Raises InvalidForm, NotFound, Refused, Conflict."""
    faults: dict[str, Invalid] = {}
    said, day = text.strip(), heard_on or _today(u)
    if kind not in set(Said):
        faults["kind"] = Invalid(N_("Please choose one of the list."), field="kind")
    if not said:
        faults["text"] = Invalid(N_("Please write what was said."), field="text")
    elif len(said) > LENGTHS["text"]:
        faults["text"] = Invalid(N_("At most {length} characters fit here."), field="text", length=LENGTHS["text"])
    if not FIRST_DAY <= day <= _today(u):
        faults["heard_on"] = Invalid(N_("Please enter the day, not later than today."), field="heard_on")
    if faults:
        raise InvalidForm(faults)
    customer = u.get(Customer, customer_id)
    _need_room(voices(u, customer.id), "text")
    facts = {"kind": str(kind), "text": customers.fitting("text", said, LENGTHS["text"]), "heard_on": day}
    return u.add(Voice(customer_id=customer.id, **facts, noted_at=u.now, noted_by_id=u.actor.id))


@verb(EDIT)
def drop_voice(u: UnitOfWork, voice_id: int) -> None:
    """Take away what was noted by mistake. Raises NotFound, Refused."""
    u.delete(u.get(Voice, voice_id))


def _learnt(u: UnitOfWork, name: str) -> Competitor:
    """Return the competitor of this name; the first who names one makes him known."""
    found: Competitor | None = u.session.scalar(select(Competitor).where(Competitor.key == tags.key_of(name)))
    return found or u.add(Competitor(name=name, key=tags.key_of(name)))


def _need_room(there: list[dict[str, Any]], field: str) -> None:
    if len(there) >= MOST:
        raise Invalid(N_("At most {most} fit here."), field=field, most=MOST)


# --- queries --------------------------------------------------------------------

_KNOWN: Final = Prepared(select(Competitor.id, Competitor.name).order_by(Competitor.key))
_SUPPLIES: Final = Prepared(
    select(
        *(Supply.id, Supply.customer_id, Competitor.name.label("competitor"), Supply.product, Supply.amount),
        *(Supply.currency, Supply.period, Supply.since, Supply.source, Supply.noted_at, Supply.noted_by_id),
        Supply.version,
    )
    .join(Competitor, Competitor.id == Supply.competitor_id)
    .where(Supply.customer_id == bindparam("customer_id"))
    .order_by(Competitor.key, Supply.id)
)
_VOICES: Final = Prepared(
    select(Voice.id, Voice.customer_id, Voice.kind, Voice.text, Voice.heard_on, Voice.noted_at, Voice.noted_by_id)
    .where(Voice.customer_id == bindparam("customer_id"))
    .order_by(Voice.heard_on.desc(), Voice.id.desc())
)


def known(u: UnitOfWork) -> list[str]:
    """Return the names of all competitors that anybody has noted, in the order of the alphabet."""
    return [row["name"] for row in u.rows(_KNOWN)]


def supplies(u: UnitOfWork, customer_id: int) -> list[dict[str, Any]]:
    """Return what competitors sell to a customer whom the reader sees."""
    return u.rows(_SUPPLIES, customer_id=customer_id)


def voices(u: UnitOfWork, customer_id: int) -> list[dict[str, Any]]:
    """Return what a customer whom the reader sees thinks, praises and doubts, the newest first."""
    return u.rows(_VOICES, customer_id=customer_id)


def one_of(rows: list[dict[str, Any]], key: int | None) -> dict[str, Any]:
    """Return the row of this number. Raises NotFound."""
    found = next((row for row in rows if row["id"] == key), None)
    if found is None:
        raise NotFound
    return found
