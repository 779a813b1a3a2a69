"""Exports: customers that leave in a file: a table for Excel, a table as text, or address cards.

Promises: who exports sees nobody more and nothing fuller than on the screen; every export is in the audit log; the file is
for the sign-in that asked, for a day; nothing in it runs as a formula.

The right is `customers.export`. By default the record keeper has it for everybody, because files go in and out by way of
him, and sales managers for their teams, whom they lead. Sales reps do not (a list of customers that leaves with whoever
leaves), nor do marketers and analysts (they count), nor administrators, who mind accounts and give the right to others.
"""

from crm.exports.forms import SUFFIXES, TYPES, as_sheet, as_text
from crm.exports.records import FORMS, OF_PERSON, WAITS, Export, Form, State, problem_of, remove
from crm.exports.steps import (
    AT_ONCE,
    ask,
    count,
    keep,
    keep_for_person,
    mine,
    of_person,
    progress,
    remove_files_job,
    take,
    taken,
    write_job,
    write_now,
)
from crm.exports.writing import Wish
from crm.imports.headings import EXPORTED, FIELDS

__all__ = [
    "AT_ONCE",
    "EXPORTED",
    "FIELDS",
    "FORMS",
    "OF_PERSON",
    "SUFFIXES",
    "TYPES",
    "WAITS",
    "Export",
    "Form",
    "State",
    "Wish",
    "as_sheet",
    "as_text",
    "ask",
    "count",
    "keep",
    "keep_for_person",
    "mine",
    "of_person",
    "problem_of",
    "progress",
    "remove",
    "remove_files_job",
    "take",
    "taken",
    "write_job",
    "write_now",
]
