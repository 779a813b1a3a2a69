"""Many rows at once, column by column: `executemany` on SQLite, COPY on PostgreSQL.

It goes round the records and their guards, so only what loads a database before people work in it uses it. The values are
those that the types of `db.base` would store, made from whole columns instead of one by one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import numpy as np
from sqlalchemy import Boolean, Column, Connection, Date, MetaData, Table, select, text

from db.base import Amount, Instant
from db.engine import Database

Values = Any
"""A column: an array or sequence with one value per row, or one str, int, bool or None for all rows."""


def insert(connection: Connection, table: Table, columns: Mapping[str, Values]) -> int:
    """Insert rows into a table and return how many.

    columns: name -> Values. Moments are datetime64 arrays in UTC (NaT is no moment), days are datetime64 arrays, sums of
    money are whole ten-thousandths, JSON is text. A column that is not given must take NULL.
    """
    count = max((len(values) for values in columns.values() if not _is_constant(values)), default=1)
    if not count:
        return 0
    names = list(columns)
    stored = [_stored(table.c[name], columns[name], sqlite=connection.dialect.name == "sqlite") for name in names]
    rows = zip(*stored, strict=False)  # constants are endless
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({_listed(names)}) VALUES ({marks})", list(rows))  # noqa: S608  our own names
        return count
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {table.name} ({_listed(names)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    cursor.close()
    return count


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _is_constant(values: Values) -> bool:
    return values is None or isinstance(values, str | int)


def _stored(column: Column[Any], values: Values, *, sqlite: bool) -> Iterable[Any]:
    """Return the values as the database keeps them."""
    if _is_constant(values):
        return repeat(values) if values is None else repeat(next(iter(_stored(column, [values], sqlite=sqlite))))
    if isinstance(column.type, Instant):
        return moments(values)
    if isinstance(column.type, Date):
        values = np.datetime_as_string(values.astype("datetime64[D]"))
    plain: Iterable[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    if isinstance(column.type, Amount) and not sqlite:
        return map(_decimal, plain)
    return map(int, plain) if isinstance(column.type, Boolean) and sqlite else plain


def _decimal(parts: int) -> str:
    """Write ten-thousandths as a decimal number: -12345 -> '-1.2345'."""
    whole, rest = divmod(abs(parts), Amount.SCALE)
    return f"{'-' if parts < 0 else ''}{whole}.{rest:04d}"


def moments(values: np.ndarray[Any, Any]) -> list[str | None]:
    """Return UTC moments as both databases read them ('2026-02-09 06:00:00.000000'), None for NaT."""
    if not len(values):
        return []
    written = np.datetime_as_string(values.astype("datetime64[us]"))
    letters = written.view("U1").reshape(len(written), -1)
    letters[:, 10] = " "  # the T between day and time
    found: list[str | None] = written.tolist()
    for place in np.flatnonzero(np.isnat(values)).tolist():
        found[place] = None
    return found


@contextmanager
def without_indexes(database: Database, tables: Sequence[Table]) -> Iterator[None]:
    """Take away the plain indexes of some tables and build them anew at the end: the faster way for very many rows."""
    indexes = [
        index for table in tables for index in sorted(table.indexes, key=lambda one: str(one.name)) if not index.unique
    ]
    with database.writing() as connection:
        for index in indexes:
            index.drop(connection)
    try:
        yield
    finally:
        for index in indexes:
            with database.writing() as connection, roomy(connection):
                index.create(connection)


@contextmanager
def roomy(connection: Connection, megabytes: int = 64) -> Iterator[None]:
    """Give a connection more memory for one big piece of work."""
    if connection.dialect.name == "sqlite":
        before = connection.exec_driver_sql("PRAGMA cache_size").scalar()
        connection.exec_driver_sql(f"PRAGMA cache_size = {-1024 * megabytes}")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"PRAGMA cache_size = {before}")
    else:
        connection.execute(text(f"SET LOCAL maintenance_work_mem = '{megabytes}MB'"))
        connection.execute(text(f"SET LOCAL work_mem = '{megabytes}MB'"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        yield


def waiting_room(table: Table) -> Table:
    """Return a table of the same columns without keys and indexes, in which rows wait to be sorted."""
    columns = [Column(column.name, column.type) for column in table.columns]
    return Table(f"{table.name}_waiting", MetaData(), *columns)


def move_sorted(connection: Connection, waiting: Table, table: Table) -> None:
    """Move the waiting rows into their table in the order of its primary key: each page is then written once."""
    keys = [waiting.c[column.name] for column in table.primary_key]
    names = [column.name for column in table.columns]
    connection.execute(table.insert().from_select(names, select(waiting).order_by(*keys)))
    waiting.drop(connection)


def look_at_figures(database: Database) -> None:
    """Let PostgreSQL look at its figures now: by itself it does so minutes after so much has come, and guesses until then."""
    if not database.is_sqlite:
        with database.writing() as connection:
            connection.execute(text("ANALYZE"))
