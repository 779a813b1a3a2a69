"""Customers: the persons and companies that we serve, with every way to reach them.

Promises: each customer has at most one responsible and belongs to that person's team; a row outside the reader's scope
does not exist for him; phones and e-mails leave the database in full only for those who may see them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

import pandas as pd
from sqlalchemy import ForeignKey, Index, Select, case, func, literal, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.attributes import set_committed_value

from crm import search, settings
from crm.contact_data import clean_email, clean_phone
from crm.core.access import Owned, Scope
from crm.core.audit_log import HIDDEN
from crm.core.errors import Conflict, Invalid, InvalidForm, NotFound
from crm.core.guards import ChildOf, Guarded
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from db.base import AnySelect, BigId, Record

PERSONAL: Final[dict[str, Any]] = {"personal": True, "edit": "customers.edit_personal"}
PRIVATE: Final[dict[str, Any]] = PERSONAL | {"view": "customers.view_personal"}
KEPT: Final[dict[str, Any]] = {"kept": True}
NAME_LENGTH: Final = 200


class Kind(StrEnum):
    """What a customer is."""

    PERSON = "person"
    COMPANY = "company"


KINDS: Final = {Kind.PERSON: N_("Person"), Kind.COMPANY: N_("Company")}


class Stage(StrEnum):
    """Where a customer stands in his life with us."""

    POTENTIAL = "potential"
    NEW = "new"
    ACTIVE = "active"
    LOYAL = "loyal"
    AT_RISK = "at_risk"
    LOST = "lost"
    WON_BACK = "won_back"


STAGES: Final = {
    Stage.POTENTIAL: N_("Potential"),
    Stage.NEW: N_("New"),
    Stage.ACTIVE: N_("Active"),
    Stage.LOYAL: N_("Loyal"),
    Stage.AT_RISK: N_("At risk"),
    Stage.LOST: N_("Lost"),
    Stage.WON_BACK: N_("Won back"),
}


class Source(StrEnum):
    """Through which channel the customer came to us."""

    SALES = "sales"
    REQUEST = "request"
    ADVERTISING = "advertising"
    RECOMMENDATION = "recommendation"
    EXHIBITION = "exhibition"
    FEEDBACK = "feedback"
    RESEARCH = "research"
    FILE = "file"
    OTHER = "other"


SOURCES: Final = {
    Source.SALES: N_("Sales team"),
    Source.REQUEST: N_("Customer's own request"),
    Source.ADVERTISING: N_("Advertising"),
    Source.RECOMMENDATION: N_("Recommendation"),
    Source.EXHIBITION: N_("Exhibition"),
    Source.FEEDBACK: N_("Feedback"),
    Source.RESEARCH: N_("Market research"),
    Source.FILE: N_("Imported file"),
    Source.OTHER: N_("Other"),
}


class Customer(Guarded, Record):
    """A person or company that we serve.

    interaction_count, last_interaction_at: kept by the journal, so that lists need no second table.
    extra: values of the company's own fields.
    """

    __tablename__ = "customers"
    __table_args__ = (
        Index("ix_customers_team_name", "team_id", "sort_name", "id"),
        Index("ix_customers_responsible_name", "responsible_id", "sort_name", "id"),
        Index("ix_customers_name", "sort_name", "id"),
        Index("ix_customers_team_last", "team_id", "last_interaction_at", "id"),
    )
    area: ClassVar[str] = "customers"

    kind: Mapped[str]
    name: Mapped[str] = mapped_column(info=PERSONAL)
    sort_name: Mapped[str] = mapped_column(info=KEPT)
    external_number: Mapped[str | None] = mapped_column(index=True)
    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), info={"edit": "customers.assign"})
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), info={"edit": "customers.assign"})
    partner_id: Mapped[int | None] = mapped_column(index=True, info={"edit": "customers.assign"})
    stage: Mapped[str] = mapped_column(default=Stage.POTENTIAL)
    source: Mapped[str | None]
    source_detail: Mapped[str | None]
    industry: Mapped[str | None]
    employees: Mapped[int | None]
    need: Mapped[str | None]
    website: Mapped[str | None]
    country: Mapped[str | None]
    region: Mapped[str | None]
    city: Mapped[str | None] = mapped_column(index=True)
    address: Mapped[str | None] = mapped_column(
        deferred=True, deferred_raiseload=True, info=PRIVATE | {"mask": "hidden"}
    )
    note: Mapped[str | None]
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)
    interaction_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    last_interaction_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    purchase_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    last_purchase_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    created_at: Mapped[datetime] = mapped_column(info=KEPT)
    created_by_id: Mapped[int | None] = mapped_column(info=KEPT)
    import_id: Mapped[int | None] = mapped_column(index=True, info=KEPT)
    archived_at: Mapped[datetime | None] = mapped_column(info={"edit": "customers.archive"})


class Phone(ChildOf, Record):
    """One phone of a customer. `number` is as people write it, `digits` is E.164 without the plus."""

    __tablename__ = "phones"
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"
    written_by: ClassVar[tuple[str, ...]] = ("customers.edit_personal", "customers.create")

    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    number: Mapped[str] = mapped_column(deferred=True, deferred_raiseload=True, info=PRIVATE | {"mask": "phone"})
    digits: Mapped[str] = mapped_column(deferred=True, deferred_raiseload=True, index=True, info=PRIVATE)
    label: Mapped[str | None]
    position: Mapped[int] = mapped_column(default=0, info=KEPT)


class Email(ChildOf, Record):
    """One e-mail address of a customer, in lower case."""

    __tablename__ = "emails"
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"
    written_by: ClassVar[tuple[str, ...]] = ("customers.edit_personal", "customers.create")

    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    address: Mapped[str] = mapped_column(
        deferred=True, deferred_raiseload=True, index=True, info=PRIVATE | {"mask": "email"}
    )
    label: Mapped[str | None]
    position: Mapped[int] = mapped_column(default=0, info=KEPT)


# --- what a form carries ----------------------------------------------------

TEXTS: Final = ("external_number", "source_detail", "industry", "need", "website", "country", "region", "city", "address", "note")
LENGTHS: Final[Mapping[str, int]] = {"need": 2000, "note": 5000, "address": 500}
CHOICES: Final[Mapping[str, type[StrEnum]]] = {"stage": Stage, "source": Source}


@dataclass(frozen=True)
class Facts:
    """What is known of a customer, cleaned: the fields to set, the phones and the e-mails (None: leave them)."""

    fields: dict[str, Any] = field(default_factory=dict)
    phones: tuple[tuple[str, str], ...] | None = None
    emails: tuple[str, ...] | None = None


def checked(raw: Mapping[str, Any], *, region: str) -> Facts:
    """Clean what was typed or imported; raise InvalidForm with one Invalid per wrong field.

    raw: field name -> text; `phones` and `emails` are sequences of text; a field that is not there stays as it is.
    region: the country (RU, CN, …) of phones without a country code.
    """
    faults: dict[str, Invalid] = {}
    fields: dict[str, Any] = {}
    for key, value in raw.items():
        if key in {"phones", "emails"}:
            continue
        try:
            fields[key] = _checked_field(key, value)
        except Invalid as fault:
            faults[key] = fault
    phones = _each(raw.get("phones"), lambda text: clean_phone(text, region), "phones", faults)
    emails = _each(raw.get("emails"), clean_email, "emails", faults)
    if faults:
        raise InvalidForm(faults)
    if "name" in fields:
        fields["sort_name"] = sort_name(fields["name"])
    return Facts(fields, phones, emails)


def _checked_field(key: str, value: Any) -> Any:
    text = str(value).strip() if value is not None else ""
    if key == "name":
        if not text:
            raise Invalid(N_("Please enter a name."), field=key)
        return _short(key, text, NAME_LENGTH)
    if key == "kind":
        return _choice(key, text, Kind)
    if key in CHOICES:
        return _choice(key, text, CHOICES[key]) if text else (Stage.POTENTIAL.value if key == "stage" else None)
    if key == "employees":
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004  nobody employs a milliard
            raise Invalid(N_("Please enter a whole number."), field=key)
        return int(text)
    if key in TEXTS:
        return _short(key, text, LENGTHS.get(key, 200)) or None
    raise Invalid(N_("There is no field '{key}'."), field=key, key=key)


def _short(key: str, text: str, length: int) -> str:
    if len(text) > length:
        raise Invalid(N_("At most {length} characters fit here."), field=key, length=length)
    return text.replace("\x00", "")


def _choice(key: str, text: str, codes: type[StrEnum]) -> str:
    if text not in set(codes):
        raise Invalid(N_("'{text}' is not one of the choices."), field=key, text=text[:40])
    return text


def _each(values: Sequence[str] | None, clean: Any, key: str, faults: dict[str, Invalid]) -> Any:
    if values is None:
        return None
    found: dict[Any, None] = {}
    for text in values:
        if not text.strip():
            continue
        try:
            found[clean(text)] = None
        except Invalid as fault:
            faults[key] = fault
    return tuple(found)


def sort_name(name: str) -> str:
    """Return the name as lists sort it: case folded, without leading punctuation."""
    return name.casefold().lstrip(" \"'«»„“”().,-")[:NAME_LENGTH]


# --- verbs ------------------------------------------------------------------


@verb("customers.create")
def create(u: UnitOfWork, raw: Mapping[str, Any], *, responsible_id: int | None = None) -> Customer:
    """Add a customer. `raw` as in `checked`.

    Without `responsible_id` it belongs to oneself where one may only add one's own, else to nobody and to one's own team.
    Raises InvalidForm, Refused (outside one's reach).
    """
    if responsible_id is None and u.actor.scope("customers.create") is Scope.OWN:
        responsible_id = u.actor.id
    facts = checked({"kind": Kind.COMPANY, "name": ""} | dict(raw), region=settings.value(u, "phone_region"))
    customer = Customer(
        **facts.fields,
        responsible_id=responsible_id,
        team_id=_team_of(u, responsible_id) if responsible_id is not None else u.actor.team_id,
        partner_id=u.actor.partner_id,
        created_at=u.now,
        created_by_id=u.actor.id,
    )
    u.add(customer)
    _write_contact_data(u, customer, facts)
    _index(u, customer)
    return customer


@verb("customers.edit")
def edit(u: UnitOfWork, customer_id: int, raw: Mapping[str, Any], *, seen: int) -> Customer:
    """Change fields of a customer; personal fields need their own right. `seen` is the version that the form showed.

    Raises InvalidForm, NotFound, Refused, Conflict.
    """
    return _change(u, customer_id, raw, seen)


@verb("customers.edit_personal")
def edit_personal(u: UnitOfWork, customer_id: int, raw: Mapping[str, Any], *, seen: int) -> Customer:
    """Change name, phones, e-mails or address of a customer. Raises as `edit`."""
    return _change(u, customer_id, raw, seen)


@verb("customers.assign")
def assign(u: UnitOfWork, customer_id: int, *, responsible_id: int | None, seen: int) -> Customer:
    """Hand a customer over; the customer goes to the team of the new responsible."""
    customer = u.get(Customer, customer_id, seen=seen)
    customer.responsible_id = responsible_id
    if responsible_id is not None:
        customer.team_id = _team_of(u, responsible_id)
    return customer


@verb("customers.archive")
def archive(u: UnitOfWork, customer_id: int, *, seen: int) -> None:
    """Put a customer into the bin: it leaves lists and search, nothing is lost."""
    u.get(Customer, customer_id, seen=seen).archived_at = u.now


@verb("customers.archive")
def restore(u: UnitOfWork, customer_id: int) -> None:
    """Take a customer out of the bin."""
    u.get(Customer, customer_id).archived_at = None


def _change(u: UnitOfWork, customer_id: int, raw: Mapping[str, Any], seen: int) -> Customer:
    facts = checked(raw, region=settings.value(u, "phone_region"))
    customer = u.get(Customer, customer_id, seen=seen)
    for key, value in facts.fields.items():
        setattr(customer, key, value)
    changed = _write_contact_data(u, customer, facts)
    u.session.flush()
    if changed:
        u.remember(customer, {key: [HIDDEN, HIDDEN] for key in changed})  # the card's history tells it, not only the phone's
    if changed and customer.version == seen:
        _raise_version(u, customer)
    _index(u, customer)
    return customer


def _raise_version(u: UnitOfWork, customer: Customer) -> None:
    """Let open forms notice that phones or e-mails were exchanged, though the customer's own row is as it was."""
    table = Customer.__table__
    same = (table.c.id == customer.id) & (table.c.version == customer.version)
    # raw, bulk: a record without a changed column keeps its version
    if u.execute(update(table).where(same).values(version=table.c.version + 1), raw=True, bulk=True).rowcount != 1:  # type: ignore[arg-type, attr-defined]
        raise Conflict(record=customer)
    set_committed_value(customer, "version", customer.version + 1)


def _team_of(u: UnitOfWork, user_id: int) -> int | None:
    person = u.session.get(User, user_id)
    if person is None or not person.is_active:
        raise NotFound(N_("There is no such colleague."))
    return person.team_id


def _write_contact_data(u: UnitOfWork, customer: Customer, facts: Facts) -> list[str]:
    """Replace the phones and e-mails by those of `facts`; what stays the same keeps its row. Return which of the two changed."""
    changed = []
    if facts.phones is not None:
        stored = dict(zip(*_stored(u, Phone, Phone.digits, customer.id), strict=True))
        changed += ["phones"] if list(stored) != [digits for _, digits in facts.phones] else []
        for position, (number, digits) in enumerate(facts.phones):
            if (phone := stored.pop(digits, None)) is None:
                phone = Phone(customer_id=customer.id, number=number, digits=digits, position=position)
                u.session.add(phone)
            phone.position = position
        for phone in stored.values():
            u.delete(phone)
    if facts.emails is not None:
        kept = dict(zip(*_stored(u, Email, Email.address, customer.id), strict=True))
        changed += ["emails"] if tuple(kept) != facts.emails else []
        for position, address in enumerate(facts.emails):
            if (email := kept.pop(address, None)) is None:
                email = Email(customer_id=customer.id, address=address, position=position)
                u.session.add(email)
            email.position = position
        for email in kept.values():
            u.delete(email)
    return changed


def _stored(u: UnitOfWork, model: Any, column: Any, customer_id: int) -> tuple[list[Any], list[Any]]:
    rows = u.all(select(model).where(model.customer_id == customer_id).order_by(model.position, model.id))
    values = u.inside(select(column).where(model.customer_id == customer_id).order_by(model.position, model.id))
    return list(values), list(rows)


def _index(u: UnitOfWork, customer: Customer) -> None:
    """Keep the look-up in step, in the transaction of the change."""
    phones = u.inside(select(Phone.digits).where(Phone.customer_id == customer.id))
    emails = u.inside(select(Email.address).where(Email.customer_id == customer.id))
    search.index(u, customer.id, search.tokens(customer.name, customer.external_number, phones, emails))


# --- queries ----------------------------------------------------------------

COLUMNS: Final = (
    Customer.id,
    Customer.name,
    Customer.kind,
    Customer.stage,
    Customer.city,
    Customer.responsible_id,
    Customer.team_id,
    Customer.partner_id,
    Customer.last_interaction_at,
    Customer.interaction_count,
)
ORDERS: Final[Mapping[str, tuple[Any, ...]]] = {
    "name": (Customer.sort_name, Customer.id),
    "recent": (Customer.last_interaction_at.desc().nulls_last(), Customer.id),
    "newest": (Customer.id.desc(),),
}
COUNT_CAP: Final = 10_000


@dataclass(frozen=True)
class Filters:
    """What narrows the list; None does not narrow."""

    text: str = ""
    kind: str | None = None
    stage: str | None = None
    responsible_id: int | None = None
    mine: bool = False
    import_id: int | None = None


def _filtered(u: UnitOfWork, statement: AnySelect, filters: Filters) -> AnySelect:
    statement = statement.where(Customer.archived_at.is_(None))
    for column, wanted in (
        (Customer.kind, filters.kind),
        (Customer.stage, filters.stage),
        (Customer.import_id, filters.import_id),
        (Customer.responsible_id, u.actor.id if filters.mine else filters.responsible_id),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if filters.text.strip():
        statement = statement.where(search.matches(Customer.id, filters.text, full=u.actor.scope("customers.view_personal")))
    return statement


def page(
    u: UnitOfWork, filters: Filters = Filters(), *, order: str = "name", number: int = 1, size: int = 50
) -> list[dict[str, Any]]:
    """Return one page of the customers inside the reader's scope as rows of COLUMNS."""
    statement = _filtered(u, select(*COLUMNS), filters).order_by(*ORDERS.get(order, ORDERS["name"]))
    return u.rows(statement.limit(size).offset((max(number, 1) - 1) * size))


def listing(u: UnitOfWork, filters: Filters = Filters(), *, order: str = "name", page: int = 1, size: int = 50) -> pd.DataFrame:
    """Return one page of the customers inside the reader's scope: the columns of COLUMNS, `id` as index."""
    statement = _filtered(u, select(*COLUMNS), filters).order_by(*ORDERS.get(order, ORDERS["name"]))
    return u.frame(statement.limit(size).offset((max(page, 1) - 1) * size), index="id")


def found(u: UnitOfWork, text: str, *, most: int) -> list[dict[str, Any]]:
    """Return customers under a text as rows of COLUMNS, those talked to last first: candidates for `search.best`."""
    statement = _filtered(u, select(*COLUMNS), Filters(text)).order_by(*ORDERS["recent"])
    return u.rows(statement.limit(most))


def count(u: UnitOfWork, filters: Filters = Filters()) -> int:
    """Return how many customers the filters leave, at most COUNT_CAP + 1 (which means 'more')."""
    return capped(u, _filtered(u, select(Customer.id), filters))


def capped(u: UnitOfWork, keys: AnySelect) -> int:
    """Return how many rows a statement of keys gives, counting no further than COUNT_CAP + 1."""
    some = keys.limit(COUNT_CAP + 1).subquery()
    return int(u.value(select(func.count()).select_from(some)))


def one(u: UnitOfWork, customer_id: int) -> Customer:
    """Return one customer. Raises NotFound."""
    return u.get(Customer, customer_id)


@dataclass(frozen=True)
class Reach:
    """How to reach a customer, masked where the reader may not see it in full."""

    phones: tuple[str, ...]
    emails: tuple[str, ...]
    address: str | None
    in_full: bool


def reach(u: UnitOfWork, customer_id: int) -> Reach:
    """Return phones, e-mails and address of a customer. Raises NotFound."""
    owner = (Customer.responsible_id, Customer.team_id, Customer.partner_id)
    phones = u.rows(
        select(Customer.address, *owner, Phone.number)
        .outerjoin(Phone, Phone.customer_id == Customer.id)
        .where(Customer.id == customer_id)
        .order_by(Phone.position)
    )
    if not phones:
        raise NotFound
    emails = select(Email.address, *owner).join(Customer, Customer.id == Email.customer_id)
    return Reach(
        tuple(row["number"] for row in phones if row["number"] is not None),
        tuple(row["address"] for row in u.rows(emails.where(Email.customer_id == customer_id).order_by(Email.position))),
        phones[0]["address"],
        u.actor.covers("customers.view_personal", Owned(*(phones[0][key] for key in Owned._fields))),
    )


def values(u: UnitOfWork, customer_id: int) -> dict[str, Any]:
    """Return the stored values of every field of the form, for filling it and for comparing two versions of it.

    Personal values that the reader may not see come masked: a form must show them disabled.
    """
    customer = one(u, customer_id)
    found = {key: getattr(customer, key) for key in (*TEXTS, "name", "kind", "employees", *CHOICES) if key != "address"}
    ways = reach(u, customer_id)
    return found | {"address": ways.address, "phones": list(ways.phones), "emails": list(ways.emails)}


def remember_interaction(u: UnitOfWork, customer: Customer, at: datetime) -> None:
    """Keep the card's counters when the journal gets an entry; part of the journal's verb."""
    _remember(u, customer, Customer.interaction_count, Customer.last_interaction_at, at)


def remember_purchase(u: UnitOfWork, customer: Customer, at: datetime) -> None:
    """Keep the card's counters when a purchase is recorded; part of that verb."""
    _remember(u, customer, Customer.purchase_count, Customer.last_purchase_at, at)


def _remember(u: UnitOfWork, customer: Customer, count: Any, last: Any, at: datetime) -> None:
    """Add one to a counter of the card. The database adds, and the version stays: two calls logged at the same moment do
    not clash, and a form that is open meanwhile has nothing to compare."""
    table = Customer.__table__.c
    number, moment = table[count.key], table[last.key]
    happened = literal(at, moment.type)  # a bare value would be bound without the type that makes it UTC
    later = case((or_(moment.is_(None), moment < happened), happened), else_=moment)
    # raw, bulk: an update of the record would raise its version
    statement = update(Customer.__table__).where(table.id == customer.id).values({number: number + 1, moment: later})
    stored = u.execute(statement.returning(number, moment), raw=True, bulk=True).one()
    set_committed_value(customer, count.key, stored[0])
    set_committed_value(customer, last.key, stored[1])
