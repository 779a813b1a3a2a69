"""Questions about imports: the list, how far one is, what its rows will look like, what was wrong with them."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import pandas as pd
from sqlalchemy import Text, cast, func, select

from crm import customers
from crm.core.errors import Invalid
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.customers import Customer
from crm.imports import files, headings, presets
from crm.imports.mapping import CONTACT, REQUISITES
from crm.imports.matching import Known, decide, look_up
from crm.imports.records import Import, ImportChange, ImportRow, Outcome, as_faults, need_to_work_with
from crm.imports.rows import Prepared, prepare, terms

LONGEST_EXAMPLE: Final = 40

COLUMNS: Final = (
    Import.id,
    Import.file_name,
    Import.state,
    Import.row_count,
    Import.next_row,
    Import.new_count,
    Import.updated_count,
    Import.skipped_count,
    Import.faulty_count,
    Import.responsible_id,
    Import.created_at,
    Import.finished_at,
)


def listing(u: UnitOfWork, *, page: int = 1, size: int = 50) -> pd.DataFrame:
    """Return one page of the imports inside the reader's scope, the newest first: COLUMNS, `id` as index."""
    newest = select(*COLUMNS).order_by(Import.id.desc())
    return u.frame(newest.limit(size).offset((max(page, 1) - 1) * size)).set_index("id")


def count(u: UnitOfWork) -> int:
    """Return how many imports there are inside the reader's scope."""
    return customers.capped(u, select(Import.id))


def one(u: UnitOfWork, import_id: int) -> Import:
    """Return one import. Raises NotFound."""
    return u.get(Import, import_id)


def system_of(record: Import) -> str:
    """Return the name of the system whose export the file is, '' when it comes from nowhere that is known."""
    preset = presets.of(record.headings)
    return preset.name if preset else ""


def may_work_with(u: UnitOfWork, record: Import) -> bool:
    """Say whether the reader may look into the file and decide about it, and not only see that there is an import."""
    return u.actor.covers("imports.run", record.owner)


def examples(u: UnitOfWork, import_id: int, *, most: int = 3) -> dict[str, list[str]]:
    """Return heading -> some values of the column, as the file has them. Raises NotFound, Refused, Invalid."""
    record = u.get(Import, import_id)
    need_to_work_with(u.actor, record)
    found: dict[str, list[str]] = {heading: [] for heading in record.headings}
    for cells in files.sample(record.stored_as, record.kind, record.how):
        for heading, cell in zip(record.headings, cells, strict=True):
            text = " ".join(cell.split())[:LONGEST_EXAMPLE]
            if text and len(found[heading]) < most and text not in found[heading]:
                found[heading].append(text)
    return found


# --- preview ------------------------------------------------------------------


@dataclass(frozen=True)
class PreviewRow:
    """One row as it will be stored. values: field (or own heading) -> text; faults: the same keys, '' for the whole row."""

    number: int
    outcome: Outcome
    values: Mapping[str, str]
    faults: Mapping[str, Invalid]


@dataclass(frozen=True)
class Preview:
    """The first rows of a file under its mapping. fields: what the columns of the table are, in order; own: of the company's own fields."""

    fields: tuple[str, ...]
    own: tuple[str, ...]
    rows: tuple[PreviewRow, ...]


def preview(u: UnitOfWork, import_id: int, *, most: int = 20) -> Preview:
    """Return the first rows as they will be stored, with their faults. Raises NotFound, Refused, Invalid."""
    record = u.get(Import, import_id)
    need_to_work_with(u.actor, record)
    under = terms(u, record.plan, record.headings)
    with files.table(record.stored_as, record.kind, record.how) as (_, rows):
        prepared = [prepare(row, under) for row in islice(rows, most)]
    known, shown = Known(under), []
    look_up(u, prepared, known)
    for row in prepared:
        decision = decide(row, known, u.actor)
        shown.append(PreviewRow(row.number, decision.outcome, _values(row), decision.faults))
    own = tuple(heading for _, heading in under.own)
    return Preview(_fields(prepared, own, [one.key for one in under.fields]), own, tuple(shown))


def _values(row: Prepared) -> dict[str, str]:
    facts = row.facts
    silent = {"sort_name"} | ({"type"} - row.raw.keys())  # what only follows from what the row says
    clean: dict[str, Any] = {key: value for key, value in row.fields.items() if key not in silent}
    if facts.phones is not None:
        clean["phones"] = [written for written, _ in facts.phones]
    if facts.emails is not None:
        clean["emails"] = facts.emails
    person = {f"{CONTACT}{key}": value for key, value in row.contact.items()}
    tags = {"tags": row.tags} if row.tags else {}
    found = {**row.raw, **clean, **tags, **row.requisites, **person, **row.extra}
    return {
        key: "; ".join(value) if isinstance(value, list | tuple) else str(value)
        for key, value in found.items()
        if value is not None
    }


def _fields(prepared: list[Prepared], own: tuple[str, ...], keys: Sequence[str]) -> tuple[str, ...]:
    order = ("name", "kind", "type", "phones", "emails", "external_number")
    there = {key for row in prepared for key in _values(row)} - set(own)
    more = (one for one in headings.FIELDS if one.startswith(CONTACT))
    rest = [
        key
        for key in ("stage", "source", *customers.TEXTS, "employees", "tags", *REQUISITES, *more, *keys)
        if key in there and key not in order
    ]
    return (*(key for key in order if key in there or key == "name"), *rest)


# --- faulty rows --------------------------------------------------------------


def faulty_rows(u: UnitOfWork, import_id: int, *, most: int = 100) -> list[tuple[int, Mapping[str, Invalid]]]:
    """Return the first faulty rows of a run as (row, faults). Raises NotFound, Refused."""
    need_to_work_with(u.actor, u.get(Import, import_id))
    found = u.rows(_faulty(import_id).limit(most))
    return [(row["row"], as_faults(row["causes"])) for row in found]


def _faulty(import_id: int) -> Any:
    columns = select(ImportRow.row, ImportRow.causes)
    return columns.where(ImportRow.import_id == import_id, ImportRow.outcome == Outcome.FAULTY).order_by(ImportRow.row)


def faults_file(u: UnitOfWork, import_id: int, say: Callable[[str], str], labels: Mapping[str, str]) -> bytes:
    """Return the faulty rows as a CSV file for a spreadsheet: row, causes in words, then the row as it was.

    say: translates a msgid. labels: field -> its name. Corrected, the file can be imported as it is.
    Raises NotFound, Refused, Invalid beside `file` when the file was removed.
    """
    record = u.get(Import, import_id)
    need_to_work_with(u.actor, record)
    if record.file_removed_at is not None:
        raise Invalid(N_("The file of this import was removed. Import it anew."), field="file")
    causes = {row["row"]: as_faults(row["causes"]) for row in u.rows(_faulty(import_id))}
    written = io.StringIO(newline="")
    delimiter = record.how.delimiter
    writer = csv.writer(written, delimiter=delimiter)
    with files.table(record.stored_as, record.kind, record.how) as (columns, rows):
        kept = [place for place, heading in enumerate(columns) if heading not in headings.our_headings()]
        writer.writerow(
            map(
                files.guarded,
                (say(headings.ROW_HEADING), say(headings.CAUSE_HEADING), *(columns[place] for place in kept)),
            )
        )
        for row in rows:
            if row.number in causes:
                own = row.cells if row.fault else [row.cells[place] for place in kept]
                writer.writerow(map(files.guarded, (str(row.number), in_words(causes[row.number], say, labels), *own)))
    return written.getvalue().encode("utf-8-sig")


def in_words(faults: Mapping[str, Invalid], say: Callable[[str], str], labels: Mapping[str, str]) -> str:
    """Write the faults of a row as sentences, each with the name of its field."""
    return " ".join(
        f"{labels.get(key, key)}: {say(fault.text).format(**fault.values)}"
        if key
        else say(fault.text).format(**fault.values)
        for key, fault in faults.items()
    )


# --- what an undo left --------------------------------------------------------


def updated_customers(u: UnitOfWork, import_id: int) -> int:
    """Return how many different customers a run changed."""
    found = select(func.count(ImportRow.customer_id.distinct())).where(
        ImportRow.import_id == import_id, ImportRow.outcome == Outcome.UPDATED
    )
    return int(u.value(found))


def left_as_they_are(u: UnitOfWork, import_id: int, *, most: int = 100) -> list[tuple[int, str, list[str]]]:
    """Return the first customers that an undo did not take back whole: (id, name, what stayed as in `ImportChange.kept`).

    Those outside the reader's scope are not among them. Raises NotFound, Refused.
    """
    need_to_work_with(u.actor, u.get(Import, import_id))
    rows = select(Customer.id, Customer.name, ImportChange.kept).join(
        ImportChange, ImportChange.customer_id == Customer.id
    )
    these = rows.where(ImportChange.import_id == import_id, ImportChange.undone_at.is_not(None))
    found = u.rows(these.where(cast(ImportChange.kept, Text) != "[]").order_by(Customer.id).limit(most))
    return [(row["id"], row["name"], row["kept"]) for row in found]
