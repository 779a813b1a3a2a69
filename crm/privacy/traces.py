"""Traces: in which files a customer stands, and how a text is recognised as speaking of him."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from sqlalchemy import select

from crm import imports, merges, search
from crm.core.errors import Invalid
from crm.core.uow import UnitOfWork
from crm.customers import Customer, Email, Phone
from crm.imports import Import, files
from db.base import Base

RIGHT: Final = "privacy.erase"
LEAST_DIGITS: Final = 4
LOCAL_PHONE: Final = 10


@dataclass(frozen=True)
class Traces:
    """The imports in whose files a customer stands."""

    imports: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Person:
    """By what a text is recognised: the words of each name, e-mails, digits of phones without the country's.

    Whoever was merged into one has several names.
    """

    names: tuple[frozenset[str], ...]
    emails: tuple[str, ...]
    phones: tuple[str, ...]

    def stands_in(self, text: str) -> bool:
        """Say whether a row of a file is about this person: it has the whole name, an e-mail or a phone."""
        low = text.casefold()
        if any(one in low for one in self.emails):
            return True
        if any(name and all(word in low for word in name) and name <= set(search.words(low)) for name in self.names):
            return True
        digits = re.sub(r"[^\d\n]", "", low) if self.phones else ""
        return any(one in digits for one in self.phones)

    def is_hinted_in(self, text: str) -> bool:
        """Say whether a text may mean this person: part of the name, of an e-mail or of a phone stands in it."""
        low, digits = text.casefold().strip(), re.sub(r"\D", "", text)
        if frozenset().union(*self.names) & set(search.words(low)) or any(
            low in one or one in low for one in self.emails
        ):
            return True
        return len(digits) >= LEAST_DIGITS and any(digits[-LOCAL_PHONE:] in one for one in self.phones)


def person_of(kept: Mapping[str, list[dict[str, Any]]]) -> Person:
    """Return by what a customer is recognised, from everything that is kept about him."""
    return Person(
        tuple(frozenset(search.words(one["name"].casefold())) for one in kept["customers"]),
        tuple(row["address"].casefold() for row in kept["emails"]),
        tuple(row["digits"][-LOCAL_PHONE:] for row in kept["phones"]),
    )


def look_through(u: UnitOfWork, customer_id: int) -> Traces:
    """Go through the files that wait on our disk; takes as long as they are large, so it comes before the erasure itself.

    Raises NotFound, Refused.
    """
    u.need(RIGHT)
    u.get(Customer, customer_id)
    ids = merges.one_and_all(u, customer_id)
    person = person_of({one.__tablename__: _rows(u, one, ids) for one in (Customer, Phone, Email)})
    waiting = u.execute(select(Import.__table__).where(Import.file_removed_at.is_(None)), raw=True).mappings().all()
    u.session.rollback()  # a reading transaction that stays open for seconds lets the database's journal grow
    return Traces(frozenset(one["id"] for one in waiting if _stands_in_file(person, dict(one))))


def _rows(u: UnitOfWork, model: type[Base], ids: Sequence[int]) -> list[dict[str, Any]]:
    table = model.__table__
    key = table.c.id if model is Customer else table.c.customer_id
    return [dict(row) for row in u.execute(select(table).where(key.in_(ids)), raw=True).mappings()]


def _stands_in_file(person: Person, record: Mapping[str, Any]) -> bool:
    """Say whether a row of a file is about the person. What cannot be read at all counts as one: nobody can import it."""
    try:
        with _rows_of(record) as rows:
            return any(person.stands_in("\n".join((*row, " ".join(row)))) for row in rows)
    except FileNotFoundError:
        return False
    except Invalid:
        return True


@contextmanager
def _rows_of(record: Mapping[str, Any]) -> Iterator[Iterator[tuple[str, ...]]]:
    reading, form = imports.Reading(**record["reading"]), imports.Format(record["format"])
    with files.table(record["stored_as"], form, reading) as (columns, rows):
        yield chain([tuple(columns)], (row.cells for row in rows))
