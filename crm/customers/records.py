"""The records of a customer, and the codes that stand in them."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.guards import ChildOf, Guarded
from crm.core.i18n import N_
from db.base import BigId, Record

PERSONAL: Final[dict[str, Any]] = {"personal": True, "edit": "customers.edit_personal"}
PRIVATE: Final[dict[str, Any]] = PERSONAL | {"view": "customers.view_personal"}
KEPT: Final[dict[str, Any]] = {"kept": True}


class Kind(StrEnum):
    """What a customer is."""

    PERSON = "person"
    COMPANY = "company"


KINDS: Final = {Kind.PERSON: N_("Private person"), Kind.COMPANY: N_("Company")}


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


def _listed(name: str, *columns: str) -> Index:
    """Return an index in the order of a list of one scope. It tells what lies in the bin, so that counting needs no row."""
    return Index(f"ix_customers_{name}", *columns, "id", "archived_at")


def _of_kind(row: Any) -> str:
    """Return the type of a new customer that was given none: the one that is always there for its kind."""
    return str(row.get_current_parameters()["kind"])


def _as_created(row: Any) -> datetime:
    found: datetime = row.get_current_parameters()["created_at"]
    return found


class Customer(Guarded, Record):
    """A person or company that we serve.

    interaction_count, last_interaction_at: kept by the journal, so that lists need no second table.
    merged_into_id: the customer whom this one was merged into (`crm.merges`); while it stands, this one lies in the bin, too.
    extra: values of the company's own fields under their keys (`crm.fields`), and what imports kept under its heading.
    type: code of a type of this kind (`crm.templates`). completeness: per cent of what the template of the type asks for.
    verified_at: since when the data count as right: when verified_by_id last stood for them, before that when they came.
    """

    __tablename__ = "customers"
    __table_args__ = (
        _listed("name", "sort_name"),
        _listed("team_name", "team_id", "sort_name"),
        _listed("responsible_name", "responsible_id", "sort_name"),
        _listed("partner_name", "partner_id", "sort_name"),
        _listed("responsible_last", "responsible_id", "last_interaction_at"),
        _listed("last", "last_interaction_at"),
        _listed("created", "created_at"),
        _listed("verified", "verified_at"),
        # within a city by name: names go by alphabets, and so do cities, so that a list in the order of all names meets them late
        Index("ix_customers_city_name", "city", "sort_name", "id", "archived_at", "stage"),
        # what lists are narrowed by most: rows of the table are ten times as long
        Index(
            "ix_customers_facts",
            *(
                "team_id",
                "stage",
                "archived_at",
                "kind",
                "type",
                "source",
                "city",
                "responsible_id",
                "last_interaction_at",
            ),
            *("interaction_count", "last_purchase_at", "purchase_count", "created_at"),
            *("completeness", "verified_at", "verified_by_id"),
        ),
    )
    area: ClassVar[str] = "customers"
    replaced_by: ClassVar[str] = "merged_into_id"

    kind: Mapped[str]
    type: Mapped[str] = mapped_column(default=_of_kind)
    name: Mapped[str] = mapped_column(info=PERSONAL)
    sort_name: Mapped[str] = mapped_column(info=KEPT)
    external_number: Mapped[str | None] = mapped_column(index=True)
    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), info={"edit": "customers.assign"})
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), info={"edit": "customers.assign"})
    partner_id: Mapped[int | None] = mapped_column(info={"edit": "customers.assign"})
    stage: Mapped[str] = mapped_column(default=Stage.POTENTIAL)
    source: Mapped[str | None]
    source_detail: Mapped[str | None]
    industry: Mapped[str | None]
    employees: Mapped[int | None]
    need: Mapped[str | None]
    website: Mapped[str | None]
    country: Mapped[str | None]
    region: Mapped[str | None]
    city: Mapped[str | None]
    address: Mapped[str | None] = mapped_column(
        deferred=True, deferred_raiseload=True, info=PRIVATE | {"mask": "hidden"}
    )
    note: Mapped[str | None]
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict, info={"parts": True})
    interaction_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    last_interaction_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    purchase_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    last_purchase_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    created_at: Mapped[datetime] = mapped_column(info=KEPT)
    created_by_id: Mapped[int | None] = mapped_column(info=KEPT)
    completeness: Mapped[int] = mapped_column(default=0, info=KEPT)
    verified_at: Mapped[datetime] = mapped_column(default=_as_created, info={"edit": "customers.verify"})
    verified_by_id: Mapped[int | None] = mapped_column(info={"edit": "customers.verify"})
    import_id: Mapped[int | None] = mapped_column(index=True, info=KEPT)
    archived_at: Mapped[datetime | None] = mapped_column(info={"edit": "customers.archive"})
    # no cascade: whom others were merged into cannot be deleted before that is undone
    merged_into_id: Mapped[int | None] = mapped_column(
        BigId, ForeignKey("customers.id"), index=True, info={"edit": "customers.merge"}
    )


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


class Contact(ChildOf, Record):
    """A person at a customer company. Phones and e-mails stand one on a line, `digits` as in Phone.

    It stands here and not beside its verbs (`crm.contacts`) because a customer is found by it: the look-up's index is made
    anew from everything that the customer is found by. left_at: since when the person is no longer there.
    """

    __tablename__ = "contacts"
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"
    written_by: ClassVar[tuple[str, ...]] = ("customers.edit_personal", "customers.create")

    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(info=PERSONAL)
    position: Mapped[str | None]
    department: Mapped[str | None]
    phones: Mapped[str] = mapped_column(
        default="", deferred=True, deferred_raiseload=True, info=PRIVATE | {"mask": "phones"}
    )
    digits: Mapped[str] = mapped_column(default="", deferred=True, deferred_raiseload=True, info=PRIVATE)
    emails: Mapped[str] = mapped_column(
        default="", deferred=True, deferred_raiseload=True, info=PRIVATE | {"mask": "emails"}
    )
    birthday: Mapped[date | None] = mapped_column(
        deferred=True, deferred_raiseload=True, info=PRIVATE | {"mask": "hidden"}
    )
    note: Mapped[str | None]
    is_primary: Mapped[bool] = mapped_column(default=False)
    left_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(info=KEPT)
    created_by_id: Mapped[int | None] = mapped_column(info=KEPT)


class StageChange(ChildOf, Record):
    """One step of a customer from one stage to another: when, by whom (None: Rapport itself) and, where it was said, why."""

    __tablename__ = "stage_changes"
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"
    written_by: ClassVar[tuple[str, ...]] = ("customers.edit", "customers.create")

    # the customer's own entry in the log says the same
    customer_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("customers.id", ondelete="CASCADE"), index=True, info=KEPT
    )
    before: Mapped[str] = mapped_column(info=KEPT)
    after: Mapped[str] = mapped_column(info=KEPT)
    at: Mapped[datetime] = mapped_column(info=KEPT)
    by_id: Mapped[int | None] = mapped_column(info=KEPT)
    reason: Mapped[str | None] = mapped_column(info=KEPT)


class Tag(Record):
    """A word that customers can bear. `key` is what equal names share; tone: see `crm.tags`."""

    __tablename__ = "tags"

    name: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True, info=KEPT)
    tone: Mapped[str]


class CustomerTag(ChildOf, Record):
    """One tag on one customer. It stands here because lists of customers are narrowed by it."""

    __tablename__ = "customer_tags"
    __table_args__ = (
        UniqueConstraint("customer_id", "tag_id"),
        Index("ix_customer_tags_tag", "tag_id", "customer_id"),
    )
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"

    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"))
    tag_id: Mapped[int] = mapped_column(BigId, ForeignKey("tags.id"))


_NUMBER: Final[dict[str, Any]] = {"personal": True}


class Requisites(ChildOf, Record):
    """One set of a customer's legal and bank data: see `crm.requisites`. It stands here because customers are found by it."""

    __tablename__ = "requisites"
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"
    written_by: ClassVar[tuple[str, ...]] = ("customers.edit", "customers.create")

    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    name: Mapped[str | None] = mapped_column(info=_NUMBER)
    inn: Mapped[str | None] = mapped_column(info=_NUMBER)
    kpp: Mapped[str | None] = mapped_column(info=_NUMBER)
    ogrn: Mapped[str | None] = mapped_column(info=_NUMBER)
    account: Mapped[str | None] = mapped_column(info=_NUMBER)
    bic: Mapped[str | None] = mapped_column(info=_NUMBER)
    uscc: Mapped[str | None] = mapped_column(info=_NUMBER)
    iban: Mapped[str | None] = mapped_column(info=_NUMBER)
    swift: Mapped[str | None] = mapped_column(info=_NUMBER)
    vat: Mapped[str | None] = mapped_column(info=_NUMBER)
    address: Mapped[str | None] = mapped_column(info=_NUMBER)
    created_at: Mapped[datetime] = mapped_column(info=KEPT)

    @property
    def numbers(self) -> list[str]:
        """The tax numbers by which the customer is found."""
        return [one for one in (self.inn, self.ogrn, self.uscc, self.vat) if one]
