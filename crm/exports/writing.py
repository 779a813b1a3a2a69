"""Writing: the customers of a list, read through the door in pages, each as its reader sees him, into a file.

Promises: nobody outside the scope of `customers.export` is in the file, and what the reader sees in part stands there in
part; each customer is there once, whatever colleagues change meanwhile; memory holds one page, never the list.
"""

import secrets
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import BindParameter, bindparam, select

from crm import customers, fields, settings, tags, templates, users
from crm.core import clock, retry
from crm.core.access import Owned
from crm.core.i18n import translate
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.customers import KINDS, SOURCES, STAGES, Customer, Email, Filters, Phone
from crm.exports import forms
from crm.exports.records import RIGHT, Form, path_of
from crm.fields import OWN, FieldList
from crm.imports.headings import EXPORTED, FIELDS, LISTED
from crm.templates import TypeList

R = TypeVar("R")
CHUNK: Final = 500
MOST_KEPT: Final = 100
"""So many columns that imports kept become columns again; a file has room for 200."""
_CODED: Final[Mapping[str, Mapping[Any, str]]] = {"kind": KINDS, "stage": STAGES, "source": SOURCES}
_TEXTS: Final = tuple(
    getattr(Customer, key) for key in EXPORTED if key not in {"phones", "emails", "responsible", "tags"}
)
_MOMENTS: Final = ("last_interaction_at", "last_purchase_at", "created_at", "verified_at")
_COUNTS: Final = ("interaction_count", "purchase_count", "completeness")
_KEPT_BY_US: Final = tuple(getattr(Customer, key) for key in (*_MOMENTS, *_COUNTS))
_OWNER: Final = (Customer.responsible_id, Customer.team_id, Customer.partner_id)
_THESE: Final[BindParameter[int]] = bindparam("these", expanding=True)
_PAGE: Final = Prepared(
    select(Customer.id, *_TEXTS, *_KEPT_BY_US, Customer.extra, *_OWNER).where(Customer.id.in_(_THESE))
)
_OWN: Final = Prepared(select(Customer.extra).where(Customer.id.in_(_THESE)))
_PHONES: Final = Prepared(
    select(Phone.customer_id, Phone.number, *_OWNER)
    .join(Customer, Customer.id == Phone.customer_id)
    .where(Phone.customer_id.in_(_THESE))
    .order_by(Phone.customer_id, Phone.position)
)
_EMAILS: Final = Prepared(
    select(Email.customer_id, Email.address, *_OWNER)
    .join(Customer, Customer.id == Email.customer_id)
    .where(Email.customer_id.in_(_THESE))
    .order_by(Email.customer_id, Email.position)
)

Units = Callable[[], AbstractContextManager[UnitOfWork]]
"""Opens a unit of work for whoever asked; one for each page, so that no transaction lasts as long as the file takes."""


@dataclass(frozen=True)
class Wish:
    """What is asked for: which customers, in which form, in which language.

    columns: the keys of the list's columns that a table has, in their order, none for everything that there is. order: of the
    list.
    """

    filters: Filters
    form: Form
    language: str
    columns: tuple[str, ...] = ()
    order: str = "name"


@dataclass(frozen=True)
class Words:
    """How codes and colleagues are called in a file, and which own fields are in it. columns: those that were chosen."""

    language: str
    people: Mapping[int, str]
    fields: FieldList = ()
    columns: tuple[str, ...] = ()
    zone: str = "UTC"
    types: TypeList = ()

    def say(self, text: str) -> str:
        """Translate a text into the language of the file."""
        return translate(self.language, text)

    def cells(self, row: Mapping[str, Any], kept: Sequence[str]) -> list[str]:
        """Return a customer as the cells of a table. kept: the columns that imports kept under their headings."""
        facts = {**row, "responsible": self.people.get(row["responsible_id"] or 0, "")}
        extra = row["extra"]
        own = {one.key: fields.written(one, extra.get(one.key), self.say) for one in self.fields}
        found = [own[key] if key in own else self._cell(key, facts[key]) for key in self.headings]
        return found + [str(extra.get(key, "")) for key in kept]

    @cached_property
    def headings(self) -> dict[str, str]:
        """Key -> heading of the columns, but those that imports kept. What is not there any more is left out."""
        every = {key: self.say(FIELDS[key]) for key in EXPORTED} | {one.key: one.label for one in self.fields}
        if not self.columns:
            return every
        every |= {key: self.say(text) for key, text in LISTED.items()}
        return {key: every[key] for key in dict.fromkeys(("name", *self.columns)) if key in every}

    def _cell(self, key: str, value: Any) -> str:
        if key in _MOMENTS:
            return clock.day_of(value, self.zone).isoformat() if value is not None else ""
        if key == "type":
            return next(
                (self.say(one.name) if one.is_base else one.name for one in self.types if one.code == value), ""
            )
        if key in _CODED:
            return self.say(_CODED[key][value]) if value in _CODED[key] else str(value or "")
        if isinstance(value, list):
            return "; ".join(value)
        return "" if value is None else str(value)


def write(units: Units, wish: Wish, token: str, progress: Callable[[int, int], None] = lambda _done, _all: None) -> int:
    """Write the file of a wish under a token and return how many customers are in it.

    progress: is told how many of how many are done. Raises Refused, Invalid (too many for a sheet), Unavailable.
    """
    with units() as u:
        u.need(RIGHT)
        these = array("q", u.all(customers.keys(u, wish.filters, right=RIGHT, order=wish.order)))
        zone = u.actor.timezone or settings.value(u, "timezone")
        own, types = fields.definitions(u), templates.everything(u)
        words = Words(wish.language, users.names(u), own, wish.columns, zone, types)
    part = path_of(token).with_suffix(".part")
    kept = [] if wish.form is Form.VCARD or wish.columns else _kept_columns(units, these)
    count = 0
    with _opened(wish, words, kept, part) as add:
        for start in range(0, len(these), CHUNK):
            for row in _patiently(units, page, list(these[start : start + CHUNK])):
                add(row)
                count += 1
            progress(min(start + CHUNK, len(these)), len(these))
    part.rename(path_of(token))
    return count


def fresh_token() -> str:
    """Return a name for a new file that nobody can guess."""
    return secrets.token_hex(16)


@contextmanager
def _opened(wish: Wish, words: Words, kept: Sequence[str], path: Path) -> Iterator[Callable[[Mapping[str, Any]], Any]]:
    """Open the file for writing; what is added are rows of `page`."""
    if wish.form is Form.VCARD:
        with forms.as_cards(path) as add:
            yield add
        return
    headings = words.headings | {f"kept:{key}": key for key in kept}
    table = (
        forms.as_csv(path, headings, wish.language)
        if wish.form is Form.CSV
        else forms.as_workbook(path, headings, words.say(forms.TITLE))
    )
    with table as put:
        yield lambda row: put(words.cells(row, kept))


def _kept_columns(units: Units, these: Sequence[int]) -> list[str]:
    """Return the headings under which imports kept something of these customers, in the order of the alphabet."""
    found: set[str] = set()
    for start in range(0, len(these), CHUNK):
        chunk = list(these[start : start + CHUNK])
        found.update(
            key for row in _patiently(units, lambda u, ids: u.rows(_OWN, these=ids), chunk) for key in row["extra"]
        )
    return sorted(key for key in found if not key.startswith(OWN))[:MOST_KEPT]


def _patiently(units: Units, ask: Callable[[UnitOfWork, list[int]], list[R]], these: list[int]) -> list[R]:
    """Read one page in a unit of its own, with the rights of this moment; trouble that passes is waited for."""

    def attempt() -> list[R]:
        with units() as u:
            u.need(RIGHT)
            return ask(u, these)

    return retry.patiently(attempt)


def page(u: UnitOfWork, these: list[int]) -> list[dict[str, Any]]:
    """Return those of these customers who may be taken out, in this order, with their phones and e-mails."""
    ways: dict[str, dict[int, list[str]]] = {}
    for key, statement, way in (("phones", _PHONES, "number"), ("emails", _EMAILS, "address")):
        ways[key] = defaultdict(list)
        for one in u.rows(statement, these=these):
            ways[key][one["customer_id"]].append(one[way])
    named = tags.of(u, these)
    ways["tags"] = defaultdict(list, {key: [one["name"] for one in those] for key, those in named.items()})
    found = {row["id"]: row for row in u.rows(_PAGE, these=these)}
    reached = (found[key] for key in these if key in found)
    return [
        row | {key: ways[key].get(row["id"], []) for key in ways}
        for row in reached
        if u.actor.covers(RIGHT, Owned(*(row[key] for key in Owned._fields)))
    ]
