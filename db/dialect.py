"""Where the two databases differ in a statement, the difference is written here once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Boolean, Connection, Dialect, Insert, Table, TextClause, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


def _insert(dialect: Dialect, table: Table) -> Any:
    return (postgresql if dialect.name == "postgresql" else sqlite).insert(table)


def upsert(dialect: Dialect, table: Table, rows: Sequence[Mapping[str, Any]], key: Iterable[str]) -> Insert:
    """Insert the rows; where the key exists, replace the other columns of the row."""
    statement = _insert(dialect, table).values(list(rows))
    rest = {name: statement.excluded[name] for name in rows[0] if name not in set(key)}
    return statement.on_conflict_do_update(index_elements=list(key), set_=rest)  # type: ignore[no-any-return]


def add_up(dialect: Dialect, table: Table, rows: Sequence[Mapping[str, Any]], key: Iterable[str], sums: str) -> Insert:
    """Insert the rows; where the key exists, add the row's `sums` column to what stands there."""
    statement = _insert(dialect, table).values(list(rows))
    total = table.c[sums] + statement.excluded[sums]
    return statement.on_conflict_do_update(index_elements=list(key), set_={sums: total})  # type: ignore[no-any-return]


def insert_new(dialect: Dialect, table: Table, rows: Sequence[Mapping[str, Any]]) -> Insert:
    """Insert the rows whose key is not there yet; `rowcount` says how many."""
    new = each_new(dialect, table).values(list(rows))
    return new.execution_options(preserve_rowcount=True)  # else PostgreSQL counts -1


def each_new(dialect: Dialect, table: Table) -> Insert:
    """Insert rows that are given one by one when the statement runs; those whose key is there already are passed over."""
    return _insert(dialect, table).on_conflict_do_nothing()  # type: ignore[no-any-return]  # of either dialect


def reset_ids(connection: Connection, table: Table) -> None:
    """After rows with chosen ids, let the next id that the database gives be above them."""
    if connection.dialect.name == "postgresql":
        name = table.name.replace('"', "")
        sequence = f"pg_get_serial_sequence('{name}', 'id')"
        connection.execute(text(f'SELECT setval({sequence}, (SELECT max(id) FROM "{name}"))'))  # noqa: S608  our own table name


def free_ids(dialect: Dialect, table: Table, count: int) -> TextClause:
    """Select `count` ids for rows that this very write transaction inserts: nobody else has them or will get them."""
    if dialect.name == "postgresql":
        query = f"SELECT nextval(pg_get_serial_sequence('{table.name}', 'id')) FROM generate_series(1, :count)"  # noqa: S608  our own table name
    else:  # one writer at a time, so that the ids above the largest are free until it commits
        places = "WITH RECURSIVE place(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < :count)"
        last = f"SELECT max(id) FROM {table.name}"  # noqa: S608  likewise
        if table.dialect_options["sqlite"]["autoincrement"]:  # ids of rows that are gone are not given again
            last = f"SELECT seq FROM sqlite_sequence WHERE name = '{table.name}'"  # noqa: S608  likewise
        query = f"{places} SELECT coalesce(({last}), 0) + n FROM place"  # noqa: S608  likewise
    return text(query).bindparams(count=count)


class LikeInAnyCase(FunctionElement[bool]):
    """'A text is like a pattern, whatever its letters' case': the text, then the pattern as typed and in the cases that people use.

    PostgreSQL folds every alphabet by itself; SQLite folds Latin letters only and tries each of the patterns. '!' escapes.
    """

    inherit_cache = True
    type = Boolean()


@compiles(LikeInAnyCase, "sqlite")
def _like_in_sqlite(element: LikeInAnyCase, compiler: Any, **options: Any) -> str:
    told, *patterns = (compiler.process(one, **options) for one in element.clauses)
    return "(" + " OR ".join(f"{told} LIKE {one} ESCAPE '!'" for one in patterns) + ")"


@compiles(LikeInAnyCase, "postgresql")
def _like_in_postgresql(element: LikeInAnyCase, compiler: Any, **options: Any) -> str:
    told, pattern, *_others = element.clauses
    return f"({compiler.process(told, **options)} ILIKE {compiler.process(pattern, **options)} ESCAPE '!')"


class ByRow(FunctionElement[Any]):
    """A column that is looked at in each row and by no index: where an index leads to many rows one by one, or out of order.

    SQLite takes an index by guesses of how many rows it leads to; PostgreSQL knows, and decides by itself.
    """

    inherit_cache = True


@compiles(ByRow, "sqlite")
def _by_row_in_sqlite(element: ByRow, compiler: Any, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@compiles(ByRow, "postgresql")
def _by_row_in_postgresql(element: ByRow, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))
