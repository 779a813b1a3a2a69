"""The list of customers: its columns, and how each is written."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from crm.core.access import Owned
from crm.core.i18n import N_
from crm.customers import KINDS, SOURCES, STAGES
from crm.fields import STANDARD
from ui import customer_types, own_fields, tables, words
from ui.session import _, may, me

STAGE_TONES: Final = {"loyal": "good", "active": "good", "won_back": "good", "at_risk": "warn", "lost": "bad"}
LABELS: Final[Mapping[str, str]] = {
    "name": STANDARD["name"],
    "kind": STANDARD["kind"],
    "type": STANDARD["type"],
    "stage": STANDARD["stage"],
    "tags": STANDARD["tags"],
    "city": STANDARD["city"],
    "responsible_id": STANDARD["responsible"],
    "last_interaction_at": N_("Last contact"),
    "interaction_count": N_("Contacts"),
    "last_purchase_at": N_("Last purchase"),
    "purchase_count": N_("Purchases"),
    "created_at": N_("Created"),
    "completeness": N_("Completeness"),
    "verified_at": N_("Verified"),
    "source": STANDARD["source"],
    "source_detail": STANDARD["source_detail"],
    "industry": STANDARD["industry"],
    "employees": STANDARD["employees"],
    "country": STANDARD["country"],
    "region": STANDARD["region"],
    "website": STANDARD["website"],
    "need": STANDARD["need"],
    "note": STANDARD["note"],
    "external_number": STANDARD["external_number"],
}
"""Every column that everybody's list can have, with its name."""

FIRST: Final = (
    "name",
    "kind",
    "stage",
    "tags",
    "city",
    "responsible_id",
    "last_interaction_at",
    "interaction_count",
)
"""The columns of whoever has chosen none; the company's own that stand in everybody's list follow."""

_MOMENTS: Final = frozenset({"last_interaction_at", "last_purchase_at", "created_at", "verified_at"})
_NUMBERS: Final = frozenset({"interaction_count", "purchase_count", "employees"})
_LONG: Final = frozenset({"source_detail", "need", "note", "industry"})
_CHANGED_HERE: Final = frozenset(
    {
        "stage",
        "city",
        "source",
        "source_detail",
        "industry",
        "employees",
        "country",
        "region",
        "website",
        "need",
        "note",
    }
)
"""Columns that are changed in the list itself by whoever may change the customer; own fields are, too."""
_SORTS: Final = {
    "name": "name",
    "city": "city",
    "last_interaction_at": "recent",
    "interaction_count": "contacts",
    "created_at": "newest",
    "verified_at": "verified",
    "completeness": "complete",
}


def is_changed_here(row: Mapping[str, Any]) -> bool:
    """Say whether the reader may change a customer of the list. The door asks again when it is done."""
    return me().covers("customers.edit", Owned(*(row[key] for key in Owned._fields)))


def label(key: str) -> str:
    """Return what a column is called."""
    return _(LABELS[key]) if key in LABELS else own_fields.labels().get(key, key)


def labels() -> dict[str, str]:
    """Return key -> name of every column that there is."""
    return {key: _(text) for key, text in LABELS.items()} | own_fields.labels()


def columns(chosen: Sequence[str] | None, people: Mapping[int, str]) -> dict[str, tables.Column]:
    """Return the columns to be drawn: those that were chosen, behind the name."""
    if not chosen:
        return {key: _column(key, people) for key in FIRST} | own_fields.columns()
    own = own_fields.columns(chosen)
    keys = dict.fromkeys(("name", *chosen))
    return {key: own[key] if key in own else _column(key, people) for key in keys if key in own or key in LABELS}


_CODED: Final[Mapping[str, Mapping[Any, str]]] = {"kind": KINDS, "source": SOURCES}


def _column(key: str, people: Mapping[int, str]) -> tables.Column:
    facts: dict[str, Any] = {"sorts": _SORTS.get(key, ""), "falls": key in _MOMENTS | _NUMBERS}
    facts["edits"] = key if key in _CHANGED_HERE else ""
    if key == "stage":
        facts |= {"write": lambda code: words.named(STAGES, code), "tag": True, "tone": _tone}
    elif key == "responsible_id":
        facts |= {
            "edits": key if may("customers.assign") else "",
            "write": lambda one: people.get(int(one), ""),
            "spare": True,
        }
    elif key == "type":
        facts |= {"write": customer_types.name_of, "muted": True}
    elif key == "completeness":
        facts |= {"write": lambda n: words.share(n / 100), "right": True}
    elif key in _CODED:
        facts |= {"write": lambda code: words.named(_CODED[key], code), "muted": True}
    elif key in _MOMENTS:
        facts["write"] = words.when
    elif key in _NUMBERS:
        facts |= {"write": lambda n: words.number(n) if n else "", "right": True}
    else:
        facts |= {"main": key == "name", "muted": key == "tags", "spare": key == "tags", "wrap": key in _LONG}
    return tables.Column(label(key), **facts)


def _tone(code: str) -> str:
    return STAGE_TONES.get(code, "")
