"""Rows between PostgreSQL and a SQLite file of the same tables: how a PostgreSQL database is copied and brought back.

The types are read from the tables themselves and not from the models, so that an older copy can be brought back too.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    cast,
    func,
    select,
    text,
)
from sqlalchemy.schema import AddConstraint, DropConstraint
from sqlalchemy.types import JSON, Float

from db.base import Amount
from db.dialect import reset_ids
from db.migrate import VERSION_TABLE
from db.sqlite import driver

CHUNK: Final = 5_000


def reflected(connection: Connection) -> list[Table]:
    """Return the tables of a database's own schema as they are, the version table left out."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.tables.values() if table.name != VERSION_TABLE]


def to_file(connection: Connection, path: Path) -> dict[str, int]:
    """Fill the tables of a SQLite file from PostgreSQL, all from one snapshot; return rows per table.

    connection: in a transaction of its own that has done nothing yet. The file has the same tables, empty.
    """
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {limit} = 0"))
    counts = {}
    with driver.connect(path) as file:
        file.execute("PRAGMA synchronous=OFF")  # the whole file is forced to disk once, when it is complete
        for table in reflected(connection):
            columns = [_quoted(column.name) for column in table.columns]
            places = ", ".join("?" * len(columns))
            insert = f"INSERT INTO {_quoted(table.name)} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608  names of tables
            counts[table.name] = 0
            wanted = select(*(_leaving(column) for column in table.columns))
            for rows in connection.execution_options(yield_per=CHUNK).execute(wanted).partitions():
                file.executemany(insert, [tuple(row) for row in rows])
                counts[table.name] += len(rows)
    file.close()
    return counts


def from_file(path: Path, connection: Connection) -> None:
    """Fill the tables of a PostgreSQL database, which are empty, from a SQLite file. Foreign keys are proved at the end."""
    tables = reflected(connection)
    keys = [key for table in tables for key in table.foreign_key_constraints]
    for key in keys:
        connection.execute(DropConstraint(key))
    file = driver.connect(f"file:{path}?mode=ro", uri=True)
    try:
        known = {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in tables:
            if table.name in known:
                _load(file, connection, table)
    finally:
        file.close()
    for key in keys:
        connection.execute(AddConstraint(_anew(key)))


def _anew(key: ForeignKeyConstraint) -> ForeignKeyConstraint:
    key._create_rule = None  # noqa: SLF001  dropping it made SQLAlchemy forget how to add it
    return key


def _load(file: Any, connection: Connection, table: Table) -> None:
    columns = ", ".join(_quoted(column.name) for column in table.columns)
    arriving = [_arriving(column) for column in table.columns]
    cursor = connection.connection.cursor()
    with cursor.copy(f"COPY {_quoted(table.name)} ({columns}) FROM STDIN") as stream:
        for row in _rows(file, f"SELECT {columns} FROM {_quoted(table.name)}"):  # noqa: S608  names of tables
            stream.write_row(
                [None if value is None else turn(value) for turn, value in zip(arriving, row, strict=True)]
            )
    if "id" in table.columns and isinstance(table.columns["id"].type, Integer):
        reset_ids(connection, table)


def _rows(file: Any, statement: str) -> Iterator[tuple[Any, ...]]:
    cursor = file.execute(statement)
    while rows := cursor.fetchmany(CHUNK):
        yield from rows


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_amount(column: Column[Any]) -> bool:
    return isinstance(column.type, Numeric) and not isinstance(column.type, Float)


def _leaving(column: Column[Any]) -> Any:
    """Return the column's value as SQLite keeps it (see `db.base`)."""
    if isinstance(column.type, DateTime):
        return func.to_char(func.timezone("UTC", column), "YYYY-MM-DD HH24:MI:SS.US")
    if _is_amount(column):
        return cast(column * Amount.SCALE, BigInteger)
    if isinstance(column.type, JSON | Date):
        return cast(column, Text)
    return cast(column, Integer) if isinstance(column.type, Boolean) else column


def _arriving(column: Column[Any]) -> Callable[[Any], Any]:
    """Return how a value of the file becomes one of PostgreSQL's column."""
    if isinstance(column.type, DateTime):
        return lambda value: f"{value}+00"
    if _is_amount(column):
        return lambda value: Decimal(value) / Amount.SCALE
    return bool if isinstance(column.type, Boolean) else _as_it_is


def _as_it_is(value: Any) -> Any:
    return value
