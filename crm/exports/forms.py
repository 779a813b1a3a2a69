"""The three forms of a file: each takes customers one by one and writes them as that form writes them.

Promises: no cell runs as a formula. CSV has no types, so a cell that a spreadsheet would run begins with an apostrophe
there; in a workbook every cell is of the type text instead, and stays exactly what it was. Nothing is kept in memory.
"""

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from crm import vcards
from crm.core.errors import Invalid
from crm.core.i18n import N_
from crm.customers import Kind
from crm.exports.records import Form
from crm.imports.files import guarded

Add = Callable[[Sequence[str]], Any]
"""Writes the next customer: his cells in the order of the headings."""

MOST_IN_A_SHEET: Final = 1_048_575
"""Rows below the heading that a sheet of Excel holds."""
SEMICOLON: Final = frozenset({"ru"})
"""Languages whose Excel expects a semicolon between the cells of a CSV file, because the comma stands in numbers."""
TITLE: Final = N_("Customers")
_WIDE: Final = {"name": 36, "phones": 24, "emails": 30, "address": 36, "note": 40}
_WIDTH: Final = 18


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def opened(path: Path, mode: str, **how: Any) -> IO[Any]:
    """Open a file that only this system user may read."""
    return open(path, mode, opener=_private, **how)


@contextmanager
def as_csv(path: Path, headings: Mapping[str, str], language: str) -> Iterator[Add]:
    """Write UTF-8 with the mark that Excel knows it by, with the delimiter that the reader's Excel expects."""
    with opened(path, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";" if language in SEMICOLON else ",")
        writer.writerow(map(guarded, headings.values()))
        yield lambda cells: writer.writerow(map(guarded, cells))


@contextmanager
def as_workbook(path: Path, headings: Mapping[str, str], title: str) -> Iterator[Add]:
    """Write a workbook of one sheet, row by row."""
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(title[:31])
    sheet.freeze_panes = "B2"
    for place, key in enumerate(headings):
        sheet.column_dimensions[_letters(place)].width = _WIDE.get(key, _WIDTH)
    rows = 0

    def add(cells: Sequence[str]) -> None:
        nonlocal rows
        if rows > MOST_IN_A_SHEET:
            text = N_("A sheet holds at most {most} rows. Take the table as text (CSV), or narrow the list.")
            raise Invalid(text, field="format", most=MOST_IN_A_SHEET)
        rows += 1
        sheet.append([as_text(sheet, cell) for cell in cells])

    add(list(headings.values()))
    try:
        yield add
    except BaseException:
        sheet.close()  # what is half written ends here, not whenever Python clears it away
        raise
    with opened(path, "wb") as file:
        book.save(file)


def as_sheet(title: str, rows: Iterable[Sequence[str | float]]) -> bytes:
    """Return a workbook of one sheet with a few rows as they are: numbers stay numbers, texts are never formulas."""
    book, content = Workbook(write_only=True), BytesIO()
    sheet: Any = book.create_sheet(re.sub(r"[\[\]:*?/\\]", " ", title)[:31])
    for place, width in enumerate((44, *[_WIDTH] * 4)):
        sheet.column_dimensions[_letters(place)].width = width
    for row in rows:
        sheet.append([as_text(sheet, cell) if isinstance(cell, str) else cell for cell in row])
    book.save(content)
    return content.getvalue()


def as_text(sheet: Any, value: str) -> Any:
    """Return a cell of the type text: '=1+1' would become a formula, '#N/A' an error."""
    cell: Any = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value))
    cell.data_type = "s"
    return cell


def _letters(place: int) -> str:
    """Return the name of a spreadsheet's column: 0 is A, 26 is AA."""
    return (_letters(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)  # noqa: PLR2004  letters of the alphabet


@contextmanager
def as_cards(path: Path) -> Iterator[Callable[[Mapping[str, Any]], Any]]:
    """Write one address card for each customer."""
    with opened(path, "w", encoding="utf-8", newline="") as file:
        yield lambda row: file.write(card(row))


def card(row: Mapping[str, Any]) -> str:
    """Return a customer as an address card: what an address book has room for."""
    name, is_company = vcards.text(row["name"]), row["kind"] == Kind.COMPANY
    address = (row["address"], row["city"], row["region"], "", row["country"])
    found = [
        ("KIND", "org" if is_company else "individual"),
        ("FN", name),
        ("ORG", name if is_company else ""),
        *(("TEL", vcards.text(one)) for one in row["phones"]),
        *(("EMAIL", vcards.text(one)) for one in row["emails"]),
        ("ADR", ";".join(["", "", *(vcards.text(part or "") for part in address)])),
        ("URL", vcards.text(row["website"] or "")),
        ("NOTE", vcards.text(row["note"] or "")),
    ]
    return vcards.written(found)


SUFFIXES: Final = {Form.CSV: ".csv", Form.XLSX: ".xlsx", Form.VCARD: ".vcf"}
TYPES: Final = {
    Form.CSV: "text/csv; charset=utf-8",
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Form.VCARD: "text/vcard; charset=utf-8",
}
