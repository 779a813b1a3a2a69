"""Everything that is kept about one customer in one file: tables for reading, and the same for machines.

Promises: nothing that stands on the list of holdings is left out, whoever asks sees it unmasked because the right is his, it is
in the audit log, and the file is for the sign-in that asked, for a day, like every export.
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from io import BytesIO
from typing import IO, Any, Final

from openpyxl import Workbook
from sqlalchemy import select

from crm import audit, documents, exports, merges, settings
from crm.core import dates
from crm.core.access import Owned
from crm.core.audit_log import AuditEntry
from crm.core.errors import Refused
from crm.core.i18n import N_, translate
from crm.core.people import User
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Customer, Tag
from crm.exports import Export
from crm.market import Competitor
from crm.privacy.holdings import COMPETITORS, HOLDINGS, PEOPLE, PRODUCTS, TAGS, Holding, Told
from crm.products import Product

RIGHT: Final = "privacy.export_person"
AT_ONCE: Final = 500
CHANGES: Final = "audit_entries"
_CHANGES: Final = {
    "at": Told(N_("When")),
    "who": Told(N_("Who")),
    "what": Told(N_("What happened"), said=True),
    "record": Told(N_("Record"), audit.RECORDS),
    "fields": Told(N_("Changed fields")),
}

Rows = list[dict[str, Any]]


@verb("privacy.export_person")
def export_person(u: UnitOfWork, customer_id: int, *, language: str = "en", sign_in_id: int | None = None) -> Export:
    """Write everything that is kept about a customer into one file, which waits like an export. Raises NotFound, Refused."""
    customer = u.get(Customer, customer_id)
    if not u.actor.covers(RIGHT, Owned(customer.responsible_id, customer.team_id, customer.partner_id)):
        raise Refused(N_("This record is outside your reach."))
    kept = everything(u, customer_id)
    u.remember(customer, {"data_taken": [None, True]})
    pack = partial(_pack, kept, _words(u, language))
    return exports.keep_for_person(u, customer_id, pack, language=language, sign_in_id=sign_in_id)


@verb("privacy.export_person")
def take_person_file(u: UnitOfWork, token: str, *, sign_in_id: int | None) -> Export:
    """Note that such a file leaves the house. Raises NotFound for every other sign-in, and when it is over."""
    return exports.taken(u, token, sign_in_id=sign_in_id, of_person=True)


# --- what is kept -----------------------------------------------------------------


def everything(u: UnitOfWork, customer_id: int) -> dict[str, Rows]:
    """Return table -> its rows about one customer, for the verbs of this capability, whose rights reach all of them.

    What was merged into the customer is about the same person.
    """
    ids = merges.one_and_all(u, customer_id)
    kept = {one.name: rows_of(u, one, ids) for one in HOLDINGS}
    return kept | {CHANGES: _changes(u, kept)}


def rows_of(u: UnitOfWork, holding: Holding, ids: Sequence[int]) -> Rows:
    """Return the rows of one table about one customer and whoever was merged into it, whole."""
    table = holding.model.__table__
    found = u.execute(select(table).where(holding.told_of(ids)).order_by(*table.primary_key), raw=True)
    return [dict(row) for row in found.mappings()]


def entries_of(u: UnitOfWork, kept: Mapping[str, Rows]) -> list[Any]:
    """Return the entries of the audit log about these rows: id, at, actor_id, verb, record, record_id, changes."""
    table = AuditEntry.__table__
    found: list[Any] = []
    for name, rows in kept.items():
        ids = sorted(row["id"] for row in rows if "id" in row)
        for start in range(0, len(ids), AT_ONCE):
            these = table.c.record_id.in_(ids[start : start + AT_ONCE])
            found += u.execute(select(table).where(table.c.record == name, these), raw=True).all()
    return sorted(found, key=lambda entry: entry.id)


def _changes(u: UnitOfWork, kept: Mapping[str, Rows]) -> Rows:
    people = {row["id"]: row["name"] for row in u.rows(select(User.id, User.name))}
    return [
        {
            "at": entry.at,
            "who": people.get(entry.actor_id, "Rapport"),
            "what": audit.action(entry.verb),
            "record": entry.record,
            "fields": ", ".join(entry.changes),
            "changes": entry.changes,
        }
        for entry in entries_of(u, kept)
    ]


# --- the file ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Words:
    """In which words a file is written. names: what a number names -> number -> name."""

    language: str
    zone: str
    names: Mapping[str, Mapping[int, str]]

    def say(self, text: str) -> str:
        return translate(self.language, text)

    def cell(self, told: Told, value: Any) -> str:
        """Write one value of a table."""
        if value is None:
            return ""
        if told.names:
            return self.names[told.names].get(value, str(value))
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False) if value else ""
        if told.said or told.codes:
            return self.say(told.codes.get(value, value))
        if isinstance(value, datetime):
            return dates.moment(value, self.language, self.zone)
        return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _words(u: UnitOfWork, language: str) -> _Words:
    people, products = select(User.id, User.name), select(Product.id, Product.name)
    names = {PEOPLE: people, PRODUCTS: products, TAGS: select(Tag.id, Tag.name)}
    names[COMPETITORS] = select(Competitor.id, Competitor.name)
    found = {key: {row["id"]: row["name"] for row in u.rows(statement)} for key, statement in names.items()}
    return _Words(language, settings.value(u, "timezone"), found)


def _pack(kept: Mapping[str, Rows], words: _Words, into: IO[bytes]) -> None:
    """Write the file: the tables, and every document with its older versions as it was uploaded."""
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.xlsx", _workbook(kept, words))
        file.writestr("data.json", json.dumps(kept, ensure_ascii=False, indent=1, default=_plain))
        for row in kept[documents.Document.__tablename__]:
            with suppress(FileNotFoundError):  # what the disk lost cannot be given; the table tells that it was there
                file.write(documents.path_of(row["stored_as"]), _named(row), zipfile.ZIP_STORED)


def _named(row: Mapping[str, Any]) -> str:
    """Return what a document is called in the file: as its row says, with the name that it was uploaded under."""
    return f"documents/{row['stored_as']}/{row['name']}"


def _plain(value: Any) -> str:
    """Write what JSON has no type for."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _workbook(kept: Mapping[str, Rows], words: _Words) -> bytes:
    book, written = Workbook(write_only=True), BytesIO()
    sheets = [(one.title, one.told, kept[one.name]) for one in HOLDINGS]
    for title, told, rows in (*sheets, (N_("Changes"), _CHANGES, kept[CHANGES])):
        if rows:
            sheet: Any = book.create_sheet(words.say(title)[:31])
            sheet.append([exports.as_text(sheet, words.say(one.label)) for one in told.values()])
            for row in rows:
                cells = (words.cell(one, row[key]) for key, one in told.items())
                sheet.append([exports.as_text(sheet, cell) for cell in cells])
    book.save(written)
    return written.getvalue()
