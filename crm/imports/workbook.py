"""Read one sheet of an Excel workbook as text, in a process of its own that may not take much memory or time.

Run by path (`python -I workbook.py SOURCE TARGET SHEET`), so it imports nothing of the application. It writes the sheet's rows to
TARGET as CSV in UTF-8 and says on standard output, as JSON, what it found or why it refused. A workbook is somebody else's
program as much as a file: 1.7 kB of it can ask for gigabytes, so everything is bounded before it is read.
"""

import csv
import json
import re
import sys
import zipfile
from collections.abc import Iterable
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat

MEMORY: Final = 512 * 2**20
SECONDS: Final = 20
MOST_UNPACKED: Final = 160 * 2**20
MOST_PARTS: Final = 2_000
MOST_ROWS: Final = 300_000
MOST_COLUMNS: Final = 200
LONGEST_CELL: Final = 1_000_000


class RefusedError(Exception):
    """The workbook is not read; `code` says why and `values` go into the sentence."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


def bound() -> None:
    """Let the system end this process when it takes too much."""
    try:
        import resource  # noqa: PLC0415  not on every system
    except ModuleNotFoundError:
        return
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, MEMORY),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def check_archive(source: Path) -> None:
    """Refuse what is no workbook, unpacks to too much, or brings its own document type (entities, outside files)."""
    try:
        with zipfile.ZipFile(source) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
                raise RefusedError("too_large")
            names = {part.filename for part in parts}
            if "xl/workbook.xml" not in names:
                raise RefusedError("no_workbook")
            for part in parts:
                with archive.open(part) as stream:
                    _check_document_type(stream, must_parse=part.filename.endswith((".xml", ".rels")))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise RefusedError("no_workbook") from None


class _Begun(Exception):  # noqa: N818  a signal, not an error: the root element was reached
    """The document's own elements begin: nothing before them was a document type."""


def _check_document_type(stream: Any, *, must_parse: bool) -> None:
    parser = expat.ParserCreate()

    def refuse(*_facts: Any) -> None:
        raise RefusedError("entities")

    def begin(*_facts: Any) -> None:
        raise _Begun

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = begin
    try:
        while piece := stream.read(65_536):
            parser.Parse(piece, False)  # noqa: FBT003  expat knows no keyword here
    except _Begun:
        return
    except expat.ExpatError:
        if must_parse:  # a picture is no XML, and nobody reads it as such
            raise RefusedError("no_workbook") from None


def text_of(cell: Any) -> str:
    """Return what a cell holds as text: 7 formatted '000' is '007', a day is 2026-11-21, 12.0 is 12."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        return re.sub(r"_x000([9AD])_", lambda found: chr(int(found[1], 16)), value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value, str(cell.number_format))
    if isinstance(value, datetime):
        moment = value.replace(microsecond=0)
        return moment.date().isoformat() if moment.time() == time() else moment.isoformat(" ")
    return str(value)  # a day is written 2026-11-21, a time 14:02:00


def _number(value: Any, shown_as: str) -> str:
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124  NaN is not itself
            return str(value)
        text = format(Decimal(repr(value)), "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = str(value)
    return text.zfill(len(shown_as)) if re.fullmatch("0+", shown_as) else text


def rows_of(sheet: Any) -> Iterable[list[str]]:
    """Give the rows of a sheet as text, refusing cells beyond the bounds. Blank rows come as empty lists."""
    sheet.reset_dimensions()  # what the file says of its size is not believed
    for number, cells in enumerate(sheet.iter_rows(), 1):
        if number > MOST_ROWS:
            raise RefusedError("too_many_rows", most=MOST_ROWS)
        row = [text_of(cell) for cell in cells]
        if any(len(text) > LONGEST_CELL for text in row):
            raise RefusedError("too_large")
        while row and not row[-1].strip():
            row.pop()
        if len(row) > MOST_COLUMNS:
            raise RefusedError("too_many_columns", row=number, most=MOST_COLUMNS)
        yield row


def read(source: Path, target: Path, wanted: str) -> dict[str, Any]:
    """Write one sheet to `target`; return the names of all sheets and the one that was read."""
    check_archive(source)
    sys.modules["numpy"] = None  # type: ignore[assignment]  # openpyxl can do without, and it would take half the memory allowed
    from openpyxl import load_workbook  # noqa: PLC0415  only after the bounds stand

    with source.open("rb") as stored:  # the library would judge a path by its ending
        book = load_workbook(stored, read_only=True, data_only=True, keep_links=False)
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        if not sheets:
            raise RefusedError("no_workbook")
        name = wanted if wanted in sheets else next(iter(sheets))
        with target.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            width = 0
            for row in rows_of(sheets[name]):
                width = width or len(row)
                writer.writerow(row + [""] * (width - len(row)) if row else row)
    return {"sheets": list(sheets), "sheet": name}


def main(source: str, target: str, sheet: str) -> dict[str, Any]:
    """Read within the bounds; whatever the workbook does to us is a refusal."""
    bound()
    try:
        return read(Path(source), Path(target), sheet)
    except RefusedError as refused:
        return {"refused": refused.code, "values": refused.values}
    except MemoryError:
        return {"refused": "too_large", "values": {}}
    except Exception:  # noqa: BLE001  a hostile file can raise anything out of the library
        return {"refused": "no_workbook", "values": {}}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:4])))
