"""Holdings: the one list of what is kept about a customer. The file for the person and the erasure both go through it.

Whoever makes a table that belongs to a customer, or a column with something personal in it, adds it here: a law test compares
this list with the models and fails for what is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, or_

from crm import documents, interactions, market, relations
from crm.change_requests import ChangeRequest
from crm.consents import BASES, PURPOSES, WAYS, Consent
from crm.core.i18n import N_
from crm.customers import KINDS, SOURCES, STAGES, Contact, Customer, CustomerTag, Email, Phone, Requisites, StageChange
from crm.documents import Document
from crm.duplicates import Pair
from crm.imports import FIELDS, OUTCOMES, ImportChange, ImportRow
from crm.interactions import Interaction
from crm.market import Supply, Voice
from crm.mass_edits import FATES, MassEditRow
from crm.merges import Merge
from crm.missing_data import DataRequest
from crm.purchases import Purchase, PurchaseLine
from crm.relations import Relation
from db.base import Base

PEOPLE, PRODUCTS, TAGS, COMPETITORS = "people", "products", "tags", "competitors"
"""What the number in a column names."""


@dataclass(frozen=True)
class Told:
    """A column as the person reads it in his file. codes: code -> its name; names: what its number names; said: it holds a msgid."""

    label: str
    codes: Mapping[Any, str] = field(default_factory=dict)
    names: str = ""
    said: bool = False


@dataclass(frozen=True)
class Holding:
    """One table with data of customers.

    told: column -> how the person reads it, in this order. emptied: column -> what stands there after the erasure.
    goes: whole rows go. key: the column that names the customer; also: another one that does. mirrored: each fact is two rows,
    one from each side, and only that of `key` is told.
    """

    model: type[Base]
    title: str
    told: Mapping[str, Told]
    emptied: Mapping[str, Any] = field(default_factory=dict)
    goes: bool = False
    key: str = "customer_id"
    also: str = ""
    mirrored: bool = False

    def mine(self, ids: Sequence[int]) -> ColumnElement[bool]:
        """Return 'the row is about one of these customers' as SQL."""
        columns = self.model.__table__.c
        return or_(*(columns[key].in_(ids) for key in (self.key, self.also) if key))

    def told_of(self, ids: Sequence[int]) -> ColumnElement[bool]:
        """Return 'the row is told to one of these customers' as SQL."""
        return self.model.__table__.c[self.key].in_(ids) if self.mirrored else self.mine(ids)

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.model.__tablename__)


_AT, _COLLEAGUE = Told(N_("When")), Told(N_("Colleague"), names=PEOPLE)
_TEXTS: Final = ("external_number", "source_detail", "need", "website", "city", "address", "note")
_CUSTOMER: Final = {
    "id": Told(N_("Number")),
    "name": Told(FIELDS["name"]),
    "kind": Told(FIELDS["kind"], KINDS),
    "type": Told(FIELDS["type"]),
    **{key: Told(FIELDS[key]) for key in ("address", "city", "region", "country", "website", "external_number")},
    "stage": Told(FIELDS["stage"], STAGES),
    "source": Told(FIELDS["source"], SOURCES),
    **{key: Told(FIELDS[key]) for key in ("source_detail", "industry", "employees", "need", "note")},
    "extra": Told(N_("Own fields")),
    "responsible_id": Told(N_("Responsible"), names=PEOPLE),
    "created_at": Told(N_("Created")),
    "created_by_id": Told(N_("Created by"), names=PEOPLE),
    "completeness": Told(N_("Completeness in per cent")),
    "verified_at": Told(N_("Verified")),
    "verified_by_id": Told(N_("Verified by"), names=PEOPLE),
    "archived_at": Told(N_("In the bin since")),
}

HOLDINGS: Final[Sequence[Holding]] = (
    Holding(
        Customer,
        N_("Customer"),
        _CUSTOMER,
        # the name and the name that lists sort by become 'Erased customer 123' besides
        dict.fromkeys(_TEXTS) | {"extra": {}},
        key="id",
    ),
    Holding(
        Phone,
        N_("Phones"),
        {"number": Told(N_("Phone")), "digits": Told(N_("Digits")), "label": Told(N_("Label"))},
        goes=True,
    ),
    Holding(Email, N_("E-mail addresses"), {"address": Told(N_("E-mail")), "label": Told(N_("Label"))}, goes=True),
    Holding(
        Contact,
        N_("Contact persons"),
        {
            "name": Told(N_("Name")),
            "position": Told(N_("Position")),
            "department": Told(N_("Department")),
            "phones": Told(N_("Phones")),
            "digits": Told(N_("Digits")),
            "emails": Told(N_("E-mail addresses")),
            "birthday": Told(N_("Birthday")),
            "note": Told(N_("Note")),
            "is_primary": Told(N_("Asked first")),
            "left_at": Told(N_("No longer there")),
        },
        goes=True,
    ),
    Holding(
        Requisites,
        N_("Requisites"),
        {
            "name": Told(N_("Legal name")),
            "inn": Told(N_("INN")),
            "kpp": Told(N_("KPP")),
            "ogrn": Told(N_("OGRN")),
            "account": Told(N_("Bank account")),
            "bic": Told(N_("BIC (Russia)")),
            "uscc": Told(N_("USCC (China)")),
            "iban": Told(N_("IBAN")),
            "swift": Told(N_("SWIFT")),
            "vat": Told(N_("VAT number")),
            "address": Told(N_("Legal address")),
        },
        goes=True,
    ),
    Holding(
        Pair,
        N_("Possible duplicates"),
        {"certainty": Told(N_("How certain")), "found_at": _AT, "parted_at": Told(N_("Not the same since"))},
        goes=True,
        also="other_id",
    ),
    Holding(
        Relation,
        N_("Related customers"),
        {
            "kind": Told(N_("Relation"), relations.KINDS),
            "other_id": Told(N_("Number of the other customer")),
            "made_at": _AT,
        },
        goes=True,
        also="other_id",
        mirrored=True,
    ),
    Holding(CustomerTag, N_("Tags"), {"tag_id": Told(N_("Tag"), names=TAGS)}, goes=True),
    Holding(
        StageChange,
        N_("Steps from stage to stage"),
        {
            "at": _AT,
            "before": Told(N_("Before"), STAGES),
            "after": Told(N_("Stage"), STAGES),
            "by_id": _COLLEAGUE,
            "reason": Told(N_("Why")),
        },
        {"reason": None},
    ),
    Holding(
        Interaction,
        N_("Contacts"),
        {
            "at": _AT,
            "kind": Told(N_("What"), interactions.KINDS),
            "direction": Told(N_("Direction"), interactions.DIRECTIONS),
            "outcome": Told(N_("Result"), interactions.OUTCOMES),
            "topic": Told(N_("Topic")),
            "note": Told(N_("What was said")),
            "minutes": Told(N_("Minutes")),
            "responsible_id": _COLLEAGUE,
            "logged_at": Told(N_("Written down")),
        },
        {"topic": None, "note": ""},
    ),
    Holding(
        Purchase,
        N_("Purchases"),
        {
            "at": _AT,
            "number": Told(N_("Number")),
            "amount": Told(N_("Amount")),
            "currency": Told(N_("Currency")),
            "note": Told(N_("Note")),
            "responsible_id": _COLLEAGUE,
        },
        {"note": ""},
    ),
    Holding(
        PurchaseLine,
        N_("Lines of purchases"),
        {
            "purchase_id": Told(N_("Purchase")),
            "product_id": Told(N_("Product"), names=PRODUCTS),
            "quantity": Told(N_("Quantity")),
            "price": Told(N_("Price")),
            "discount": Told(N_("Discount")),
            "amount": Told(N_("Amount")),
        },
    ),
    Holding(
        ChangeRequest,
        N_("Requests"),
        {
            "asked_at": _AT,
            "text": Told(N_("What is to be changed")),
            "responsible_id": _COLLEAGUE,
            "answer": Told(N_("Answer")),
            "done_at": Told(N_("Answered")),
        },
        {"text": "", "answer": ""},
    ),
    Holding(
        Merge,
        N_("Merged cards"),
        {
            "at": _AT,
            "customer_id": Told(N_("Card that stayed")),
            "other_id": Told(N_("Card that was merged into it")),
            "by_id": _COLLEAGUE,
            "moved": Told(N_("What went along")),
            "before": Told(N_("What stood there before")),
            "undone_at": Told(N_("Undone")),
        },
        {"moved": {}, "before": {}},
    ),
    Holding(
        ImportRow,
        N_("Rows of imported files"),
        {
            "import_id": Told(N_("Import")),
            "row": Told(N_("Row of the file")),
            "outcome": Told(N_("Result"), OUTCOMES),
            "causes": Told(N_("What is wrong")),
        },
        {"causes": []},
    ),
    Holding(
        Consent,
        N_("Legal bases and consents"),
        {
            "purpose": Told(N_("For what"), PURPOSES),
            "basis": Told(N_("Basis"), BASES),
            "given_on": Told(N_("Since")),
            "until": Told(N_("Until")),
            "how": Told(N_("How the customer said it"), WAYS),
            "proof": Told(N_("Where the proof lies")),
            "recorded_at": Told(N_("Recorded")),
            "recorded_by_id": Told(N_("Recorded by"), names=PEOPLE),
            "ended_on": Told(N_("Withdrawn on")),
            "ended_how": Told(N_("How it was withdrawn"), WAYS),
            "ended_by_id": Told(N_("Withdrawal recorded by"), names=PEOPLE),
        },
        {"proof": None},
    ),
    Holding(
        Document,
        N_("Documents"),
        {
            "stored_as": Told(N_("File in the folder 'documents'")),
            "name": Told(N_("Name")),
            "kind": Told(N_("Kind"), documents.KINDS),
            "number": Told(N_("Version")),
            "note": Told(N_("Note")),
            "size": Told(N_("Bytes")),
            "sha256": Told(N_("SHA-256")),
            "added_at": _AT,
            "added_by_id": _COLLEAGUE,
            "replaced_at": Told(N_("Newer version since")),
            "archived_at": Told(N_("In the bin since")),
        },
        goes=True,
    ),
    Holding(
        Supply,
        N_("Competitors"),
        {
            "competitor_id": Told(N_("Competitor"), names=COMPETITORS),
            "product": Told(N_("What they sell here")),
            "amount": Told(N_("About how much")),
            "currency": Told(N_("Currency")),
            "period": Told(N_("For"), market.PERIODS),
            "since": Told(N_("Since")),
            "source": Told(N_("Known from")),
            "noted_at": _AT,
            "noted_by_id": _COLLEAGUE,
        },
        goes=True,
    ),
    Holding(
        Voice,
        N_("Opinions and doubts"),
        {
            "heard_on": Told(N_("When")),
            "kind": Told(N_("What it is"), market.SAID),
            "text": Told(N_("What was said")),
            "noted_by_id": _COLLEAGUE,
        },
        goes=True,
    ),
    Holding(
        DataRequest,
        N_("Missing data asked for"),
        {
            "asked_at": _AT,
            "asked_by_id": Told(N_("Who asks"), names=PEOPLE),
            "asked_of_id": Told(N_("Who is asked"), names=PEOPLE),
            "wanted": Told(N_("Fields")),
        },
        goes=True,
    ),
    Holding(
        MassEditRow,
        N_("Mass edits"),
        {
            "mass_edit_id": Told(N_("Mass edit")),
            "fate": Told(N_("Result"), FATES),
            "before": Told(N_("Before")),
        },
        goes=True,
    ),
    Holding(
        ImportChange,
        N_("Changes by imports"),
        {
            "import_id": Told(N_("Import")),
            "changes": Told(N_("Before and after")),
            "undone_at": Told(N_("Undone")),
            "kept": Told(N_("Kept")),
        },
        goes=True,
    ),
)
