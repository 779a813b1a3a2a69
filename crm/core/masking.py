"""Masking on read: a personal column leaves the database in full only for those who may see it in full.

The right stands on the column: `info={"view": "customers.view_personal", "mask": "phone"}`. A statement that gives such a
column to somebody without the right for every row must go through `UnitOfWork.rows` or `frame`, which mask row by row by
the ownership columns that the statement selects beside it.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Column, Executable, Select
from sqlalchemy.sql import coercions, roles, visitors

from crm.core.access import ALL, Actor, Owned
from crm.core.errors import Refused
from crm.core.i18n import N_

DOT: Final = "•"


def phone(value: str) -> str:
    """Show the country code and the last two digits: '+7 •••-••-07'."""
    digits = re.sub(r"\D", "", value)
    lead = {"7": 1, "1": 1}.get(digits[:1], 2)
    return f"+{digits[:lead]} {DOT * 3}-{DOT * 2}-{digits[-2:]}" if len(digits) > 6 else DOT * 6  # noqa: PLR2004  shorter is no phone


def email(value: str) -> str:
    """Show the first letters and the top domain: 'i•••@e•••.ru'."""
    local, _, domain = value.partition("@")
    host, _, top = domain.rpartition(".")
    return f"{local[:1]}{DOT * 3}@{host[:1]}{DOT * 3}.{top}"


def hidden(value: str) -> str:
    """Show nothing but that there is something."""
    del value
    return DOT * 6


MASKS: Final[dict[str, Callable[[str], str]]] = {"phone": phone, "email": email, "hidden": hidden}


def _personal(element: Any) -> list[Column[Any]]:
    """Return the personal columns that an expression is made of, through subqueries too."""
    found = []
    clause = coercions.expect(roles.ColumnsClauseRole, element)
    for part in visitors.iterate(clause):
        for base in getattr(part, "base_columns", ()):
            if isinstance(base, Column) and base.info.get("view"):
                found.append(base)
    return found


def exposed(actor: Actor, statement: Executable) -> bool:
    """Say whether a statement would give this person a personal column that is not theirs to see everywhere.

    Whole records pass: their personal columns are deferred and raise when they are read.
    """
    if isinstance(statement, Select):
        columns = [one["expr"] for one in statement.column_descriptions if not isinstance(one["expr"], type)]
    else:
        columns = list(getattr(statement, "selected_columns", ()))
    return any(actor.scope(base.info["view"]) is not ALL for column in columns for base in _personal(column))


def mask(actor: Actor, statement: Select[Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mask in place the personal columns of rows that the person may not see in full; return the rows.

    An expression made of personal columns cannot be masked by kind and is refused.
    """
    for key, column in statement.selected_columns.items():
        bases = _personal(column)
        rights = {base.info["view"] for base in bases if actor.scope(base.info["view"]) is not ALL}
        if not rights:
            continue
        if len(column.base_columns) != 1 or not isinstance(next(iter(column.base_columns)), Column):
            raise Refused(N_("Personal data must be read masked."))
        right, shown = rights.pop(), MASKS[bases[0].info.get("mask", "hidden")]
        for row in rows:
            owned = Owned(row.get("responsible_id"), row.get("team_id"), row.get("partner_id"))
            if row[key] is not None and not actor.covers(right, owned):
                row[key] = shown(str(row[key]))
    return rows
