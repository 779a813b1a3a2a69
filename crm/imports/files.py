"""Files that people import: received, recognised, kept under a random name, and read row by row as text.

Promises: nothing a file contains is changed on the way (007 stays 007, NA stays NA); a row that does not fit the heading is
a fault and never shifts; a file is stored under a name of ours and its own name is only a label.
"""

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

from crm import vcards
from crm.core.errors import Invalid
from crm.core.i18n import N_
from crm.core.shelf import Shelf, label
from crm.imports import encodings, headings, presets, workbook

MOST_BYTES: Final = 100 * 2**20
"""Room for a table of a million rows."""
MOST_OF_WORKBOOK: Final = 25 * 2**20
MOST_ROWS: Final = 1_000_000
MOST_COLUMNS: Final = workbook.MOST_COLUMNS
LONGEST_CELL: Final = workbook.LONGEST_CELL
LONGEST_HEADING: Final = 100
WORKBOOK_SECONDS: Final = 60
"""Wall time for reading a workbook; its own limit is CPU time."""

DELIMITERS: Final = {",": N_("Comma"), ";": N_("Semicolon"), "\t": N_("Tab"), "|": N_("Vertical bar")}
SUFFIXES: Final = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".xlsx": "xlsx", ".vcf": "vcf", ".vcard": "vcf", ".ics": "vcf",
}  # fmt: skip

# a cell of several hundred kilobytes is a cell; the limit of the library is one number for the whole process
csv.field_size_limit(LONGEST_CELL)


class Format(StrEnum):
    """What kind of file it is."""

    CSV = "csv"
    XLSX = "xlsx"
    VCARD = "vcf"


@dataclass(frozen=True)
class Reading:
    """How a file is read: detected first, changeable by the person.

    header: the first row names the columns. ours: a file of faulty rows that we wrote, so its guarded cells are unguarded.
    """

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    sheet: str = ""
    header: bool = True
    ours: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the reading as the record keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class Survey:
    """What one pass over a file told: how it was read, its sheets, its columns (each name once) and how many rows it has."""

    reading: Reading
    columns: tuple[str, ...]
    row_count: int
    sheets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Received:
    """A file that was stored: `token` is its name on our disk, `name` what the person calls it."""

    token: str
    name: str
    format: Format
    size: int
    sha256: str
    survey: Survey


class Row(NamedTuple):
    """One row of a file. number: as a spreadsheet counts it, the heading being row 1. fault: why it cannot be read."""

    number: int
    cells: tuple[str, ...]
    fault: Invalid | None = None


# --- keeping ----------------------------------------------------------------


_SHELF: Final = Shelf("imports")
folder, path_of, stored_tokens = _SHELF.folder, _SHELF.path_of, _SHELF.tokens


def _rows_path(token: str) -> Path:
    return path_of(token).with_suffix(".rows")


def remove(token: str) -> None:
    """Remove a stored file and what was made of it; a file that is gone already is as good."""
    _SHELF.remove(token)
    _rows_path(token).unlink(missing_ok=True)


# --- receiving --------------------------------------------------------------


def receive(name: str, content: bytes) -> Received:
    """Store an uploaded file and look at it. Raises Invalid beside `file` with a sentence that helps."""
    form = _format_of(name, content)
    token = _SHELF.store(content)
    try:
        reading = Reading() if form is Format.XLSX else recognise(content, form)
        found = survey(token, form, reading, guess=True)
    except Invalid:
        remove(token)
        raise
    return Received(token, label(name), form, len(content), hashlib.sha256(content).hexdigest(), found)


def copied(token: str, name: str, form: Format, sha256: str, seen: Survey) -> Received:
    """Store a file that is here once more, under a name of its own. Raises Invalid beside `file` when it is gone."""
    try:
        content = path_of(token).read_bytes()
    except FileNotFoundError:
        raise Invalid(N_("The file of this import was removed. Import it anew."), field="file") from None
    return Received(_SHELF.store(content), name, form, len(content), sha256, seen)


def _format_of(name: str, content: bytes) -> Format:
    """Tell the format by the name and make sure that the content is of that kind."""
    suffix = Path(label(name).lower()).suffix
    if suffix == ".xls" or content.startswith(b"\xd0\xcf\x11\xe0"):
        raise Invalid(
            N_("This is an old or a protected Excel file. Save it as .xlsx without a password and import that."),
            field="file",
        )
    if suffix not in SUFFIXES:
        raise Invalid(N_("Only files ending in .csv, .tsv, .txt, .xlsx or .vcf can be imported."), field="file")
    most = MOST_OF_WORKBOOK if suffix == ".xlsx" else MOST_BYTES
    if len(content) > most:
        text = N_("The file is larger than {most} MB. Divide it into several files.")
        raise Invalid(text, field="file", most=most >> 20)
    if not content.strip(b"\x00\xff\xfe\xef\xbb\xbf \t\r\n"):
        raise Invalid(N_("The file is empty."), field="file")
    form = Format.VCARD if _begins_as_cards(content) else Format(SUFFIXES[suffix])
    if suffix == ".ics" and not _begins_as_cards(content):
        raise Invalid(N_("This is a calendar. Export the address book instead, as .vcf or as a table."), field="file")
    if (form is Format.XLSX) != content.startswith(b"PK\x03\x04") or (
        form is Format.VCARD and not _begins_as_cards(content)
    ):
        raise Invalid(
            N_("What is inside this file does not fit its name. Save it anew as .csv or .xlsx."), field="file"
        )
    return form


def _begins_as_cards(content: bytes) -> bool:
    """Say whether a file begins with an address card, in whichever encoding."""
    return vcards.is_cards(content[:4096].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe").decode("latin-1"))


# --- recognising ------------------------------------------------------------


def recognise(content: bytes, form: Format = Format.CSV) -> Reading:
    """Tell the encoding and the delimiter of a text file. Raises Invalid when it is no text."""
    encoding = encodings.detect(content)
    if encoding is None:
        raise Invalid(N_("This file is not text. Save the table as CSV or as an Excel workbook."), field="file")
    if form is Format.VCARD:
        return Reading(encoding=encoding)
    return Reading(encoding=encoding, delimiter=delimiter_of(content[: 256 * 1024].decode(encoding, "ignore")))


def delimiter_of(text: str) -> str:
    """Return the delimiter under which most rows of the beginning of a file have as many cells as its heading."""
    if stated := _stated_delimiter(text):
        return stated
    best = (0.0, 0, ",")
    for sign in DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign)
        try:
            records = [record for record in islice(reader, 100) if record]
        except csv.Error:
            continue
        width = len(records[0]) if records else 0
        if width > 1:
            share = sum(len(record) == width for record in records) / len(records)
            best = max(best, (round(share, 1), width, sign), key=lambda one: one[:2])
    return best[2]


def _stated_delimiter(text: str) -> str:
    """Return the delimiter that Excel wrote into the first line as `sep=;`, '' without one."""
    found = re.match(r'"?sep=([,;|\t])"?\r?\n', text)
    return found[1] if found else ""


def survey(token: str, form: Format, reading: Reading, *, guess: bool = False) -> Survey:
    """Go over a stored file once. Raises Invalid where it cannot be read like this.

    guess: a fresh file, whose heading may show that it is a file of faulty rows that we wrote.
    """
    sheets: tuple[str, ...] = ()
    if form is not Format.XLSX and (reading.delimiter not in DELIMITERS or reading.encoding not in encodings.ENCODINGS):
        raise Invalid(N_("This value cannot be used here."), field="encoding")
    if form is Format.VCARD:
        _convert_cards(token, reading.encoding)
    if form is Format.XLSX:
        sheets, sheet = _convert(token, reading.sheet)
        reading = replace(reading, sheet=sheet, encoding="utf-8", delimiter=",")
    if guess:
        with _records(token, form, reading) as records:
            first = next(records, [])
            reading = replace(reading, ours=not isinstance(first, Invalid) and _is_guarded(first, form))
    count = 0
    with table(token, form, reading) as (columns, rows):
        presets.refuse(columns)
        for count, _ in enumerate(rows, 1):
            if count > MOST_ROWS:
                text = N_("The file has more than {most} rows. Divide it into several files.")
                raise Invalid(text, field="file", most=MOST_ROWS)
    if not count:
        raise Invalid(N_("There are no rows below the heading."), field="file")
    return Survey(reading, columns, count, sheets)


def _is_guarded(heading: Sequence[str], form: Format) -> bool:
    """Say whether we wrote a file with this heading and guarded its cells: faulty rows always, an export only as CSV."""
    return headings.is_of_faults(heading) or (form is Format.CSV and headings.exported_in(heading) is not None)


def sample(token: str, form: Format, reading: Reading, most: int = 50) -> list[tuple[str, ...]]:
    """Return the cells of the first rows that can be read."""
    with table(token, form, reading) as (_, rows):
        return [row.cells for row in islice(rows, most) if row.fault is None]


_REFUSALS: Final = {
    "too_large": N_("The workbook unpacks to more than can be read. Save the sheet as CSV and import that."),
    "too_slow": N_("Reading the workbook takes too long. Save the sheet as CSV and import that."),
    "too_many_rows": N_(
        "The sheet reaches beyond row {most}. Delete what stands far below the table, or save it as CSV."
    ),
    "too_many_columns": N_("Row {row} has more than {most} columns. Delete what stands far to the right of the table."),
    "entities": N_("The workbook contains instructions that a table does not need. It was not read."),
    "no_workbook": N_("This is not a whole Excel workbook. Save it anew as .xlsx or as CSV."),
}


def _convert(token: str, sheet: str) -> tuple[tuple[str, ...], str]:
    """Write a sheet of a stored workbook beside it as CSV, in a bounded process; return the sheets and the one read."""
    command = [sys.executable, "-I", workbook.__file__, str(path_of(token)), str(_rows_path(token)), sheet]
    try:
        done = subprocess.run(  # noqa: S603  our own script; the sheet's name is an argument, not a command
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=WORKBOOK_SECONDS,
            check=False,
            env={"PATH": ""},
        )
        answer: dict[str, Any] = (
            json.loads(done.stdout) if done.returncode == 0 else {"refused": _killed(done.returncode)}
        )
    except subprocess.TimeoutExpired:
        answer = {"refused": "too_slow"}
    except ValueError:
        answer = {"refused": "no_workbook"}
    if "refused" in answer:
        _rows_path(token).unlink(missing_ok=True)
        raise Invalid(_REFUSALS[answer["refused"]], field="file", **answer.get("values", {}))
    return tuple(answer["sheets"]), str(answer["sheet"])


def _killed(code: int) -> str:
    """Say why the process ended early: it used up its seconds, else its memory."""
    return "too_slow" if -code in {9, 24} else "too_large"


def _convert_cards(token: str, encoding: str) -> None:
    """Write the address cards of a stored file beside it as CSV, with a column for each property that any card has."""

    def cards() -> Iterator[dict[str, str]]:
        with path_of(token).open(encoding=encoding) as file:
            yield from vcards.read(file)

    try:
        used = {key for card in cards() for key, value in card.items() if value}
        columns = [key for key in vcards.COLUMNS if key in used]
        if not columns:
            raise Invalid(N_("No address card in this file can be read."), field="file")
        with _rows_path(token).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([card[key] for key in columns] for card in cards())
    except UnicodeError:
        raise _wrong_encoding(encoding) from None


def _wrong_encoding(encoding: str) -> Invalid:
    named = encodings.ENCODINGS.get(encoding, encoding)
    return Invalid(
        N_("The file is not written in {encoding}. Choose another encoding."), field="encoding", encoding=named
    )


# --- reading ----------------------------------------------------------------


@contextmanager
def table(token: str, form: Format, reading: Reading) -> Iterator[tuple[tuple[str, ...], Iterator[Row]]]:
    """Open a stored file: its columns and its rows, blank ones left out.

    Raises Invalid where the file cannot be read on: wrong encoding, a quotation mark that is never closed.
    """
    with _records(token, form, reading) as records:
        number, first = _first(records)
        if len(first) > MOST_COLUMNS:
            raise Invalid(_REFUSALS["too_many_columns"], field="file", row=number, most=MOST_COLUMNS)
        named = [unguarded(cell) for cell in first] if reading.ours else first
        columns = _named(named if reading.header else [""] * len(first))
        rows = _rows(records, len(first), number + 1, reading)
        yield columns, rows if reading.header else _with_first(Row(number, tuple(first)), rows)


def _first(records: Iterator[list[str] | Invalid]) -> tuple[int, list[str]]:
    """Return the first record that is not blank, without its blank cells at the end, and its number."""
    for number, record in enumerate(records, 1):
        if isinstance(record, Invalid):
            raise record
        while record and not record[-1].strip():
            record.pop()
        if record:
            return number, record
    return 1, []


def _with_first(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows


def _rows(records: Iterator[list[str] | Invalid], width: int, number: int, reading: Reading) -> Iterator[Row]:
    for place, record in enumerate(records, number):
        if isinstance(record, Invalid):
            yield Row(place, (), record)
            continue
        if not any(cell.strip() for cell in record):
            continue
        while len(record) > width and not record[-1].strip():
            record.pop()
        cells = tuple(unguarded(cell) for cell in record) if reading.ours else tuple(record)
        if len(record) == width:
            yield Row(place, cells)
        else:
            yield Row(place, cells, Invalid(_RAGGED, field="", found=len(record), expected=width))


_RAGGED: Final = N_("This row has {found} cells and the heading has {expected}.")


@contextmanager
def _records(token: str, form: Format, reading: Reading) -> Iterator[Iterator[list[str] | Invalid]]:
    path = path_of(token) if form is Format.CSV else _rows_path(token)
    if form is Format.XLSX and not path.exists():
        _convert(token, reading.sheet)
    if form is Format.VCARD and not path.exists():
        _convert_cards(token, reading.encoding)
    with path.open(encoding=reading.encoding if form is Format.CSV else "utf-8", newline="") as file:
        yield _parsed(file, reading, form)


def _parsed(file: TextIO, reading: Reading, form: Format) -> Iterator[list[str] | Invalid]:
    """Give the records of a text file without NUL signs; a record whose quotation marks are wrong comes as its fault."""
    number = 0
    try:
        if form is Format.CSV and not _stated_delimiter(file.readline(20)):
            file.seek(0)
        reader = csv.reader(file, delimiter=reading.delimiter, strict=True)
        while True:
            number += 1
            try:
                yield [cell.replace("\x00", "") for cell in next(reader)]
            except csv.Error as error:
                if "field limit" in str(error) or "unexpected end" in str(error):
                    raise Invalid(_UNCLOSED, field="file", row=number) from None
                yield Invalid(N_("The quotation marks of this row are in the wrong places."), field="")
    except StopIteration:
        return
    except UnicodeError:
        raise _wrong_encoding(reading.encoding) from None


_UNCLOSED: Final = N_(
    "Row {row}: a quotation mark opens here and is never closed. Correct the file, or choose another delimiter."
)


def _named(heading: Sequence[str]) -> tuple[str, ...]:
    """Give every column a name of its own: 'Phone', 'Phone (2)'; one without a name is called as in a spreadsheet: 'C'."""
    names: dict[str, None] = {}
    for place, text in enumerate(heading):
        name = " ".join(text.split())[:LONGEST_HEADING] or _letters(place)
        again = 2
        unique = name
        while unique in names:
            unique, again = f"{name} ({again})", again + 1
        names[unique] = None
    return tuple(names)


def _letters(place: int) -> str:
    """Return the name of a spreadsheet's column: 0 is A, 26 is AA."""
    return (_letters(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)  # noqa: PLR2004  letters of the alphabet


# --- cells that a spreadsheet would take for formulas -------------------------

_STARTS_FORMULA: Final = re.compile(r"^[\s\u200b\u2060\ufeff]*[=+\-@|\t\r\n%＝＋－＠|]")
_TO_GUARD: Final = re.compile(rf"^'*{_STARTS_FORMULA.pattern[1:]}")
"""Also what begins with an apostrophe of its own, or taking the guard away would take that one with it."""
_GUARDED: Final = re.compile(r"^'(?='*[\s\u200b\u2060\ufeff]*[=+\-@|\t\r\n%＝＋－＠|])")


def guarded(text: str) -> str:
    """Return a cell as it may stand in a file for a spreadsheet: what it would run as a formula begins with an apostrophe."""
    return f"'{text}" if _TO_GUARD.match(text) else text


def unguarded(text: str) -> str:
    """Return what a guarded cell said."""
    return _GUARDED.sub("", text)
