"""Lists that are given to a statement: one text for any number of values, so that it is compiled and planned once.

An `IN` with a place for each value is another statement for each length. Here the whole list is one value in both databases.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import BigInteger, Select, String, UnaryExpression, bindparam, cast, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.selectable import TableValuedAlias

ROW: Final = "value"
END: Final = "\n"


class _EachOf(FunctionElement[Any]):
    inherit_cache = True


@compiles(_EachOf, "sqlite")
def _each_in_sqlite(element: _EachOf, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_EachOf, "postgresql")
def _each_in_postgresql(element: _EachOf, compiler: Any, **options: Any) -> str:
    return f"json_array_elements(CAST({compiler.process(element.clauses, **options)} AS JSON))"


class _InOneText(FunctionElement[Any]):
    inherit_cache = True
    type = String()


@compiles(_InOneText, "sqlite")
def _together_in_sqlite(element: _InOneText, compiler: Any, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)}, '{END}')"


@compiles(_InOneText, "postgresql")
def _together_in_postgresql(element: _InOneText, compiler: Any, **options: Any) -> str:
    return f"string_agg(CAST({compiler.process(element.clauses, **options)} AS TEXT), '{END}')"


def in_one_text(statement: Select[Any]) -> Any:
    """Return the rows of a statement of one column as one text, or NULL: fetching a row for each costs ten times as much."""
    inner = statement.subquery()
    return select(_InOneText(*inner.c)).scalar_subquery()


def apart(text: str | None) -> list[str]:
    """Return what came in one text."""
    return text.split(END) if text else []


def given(*rows: Iterable[Any]) -> str:
    """Return rows as the value of a `rows_of`."""
    return json.dumps([list(row) for row in rows], ensure_ascii=False)


def rows_of(name: str) -> TableValuedAlias:
    """Return the rows that are given under a name, as a FROM part."""
    return _EachOf(bindparam(name, type_=String)).table_valued(ROW, name=f"of_{name}", joins_implicitly=True)


def text_of(rows: TableValuedAlias, place: int) -> Any:
    """Return a text of each row."""
    # the place stands in the text of the statement: as a value it would be put in anew at each run
    return UnaryExpression(rows.c[ROW], modifier=custom_op(f"->> {place}"), type_=String())


def number_of(rows: TableValuedAlias, place: int) -> Any:
    """Return a whole number of each row."""
    return cast(text_of(rows, place), BigInteger)


def numbers(name: str) -> Select[Any]:
    """Return what `column.in_` takes: the numbers that are given under a name as rows of one."""
    return select(number_of(rows_of(name), 0))


def texts(name: str) -> Select[Any]:
    """Return the same of texts."""
    return select(text_of(rows_of(name), 0))
