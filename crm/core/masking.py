"""Masking on read: a personal column leaves the database in full only for those who may see it in full.

The right stands on the column: `info={"view": "customers.view_personal", "mask": "phone"}`. A statement that gives such a
column to somebody without the right for every row must go through `UnitOfWork.rows` or `frame`, which mask row by row by
the ownership columns that the statement selects beside it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Alias, Column, CompoundSelect, Join, Label, Select
from sqlalchemy.sql import coercions, roles, visitors
from sqlalchemy.sql.selectable import SelectStatementGrouping

from crm.core.access import Actor, Owned
from crm.core.errors import Refused
from crm.core.grants import ALL
from crm.core.i18n import N_
from crm.core.reading import Look, guarded_tables
from db.base import AnySelect

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


def each_line(shown: Callable[[str], str]) -> Callable[[str], str]:
    """Return what masks several values, one on each line."""
    return lambda value: "\n".join(map(shown, value.split("\n"))) if value else ""


MASKS: Final[dict[str, Callable[[str], str]]] = {
    "phone": phone,
    "email": email,
    "hidden": hidden,
    "phones": each_line(phone),
    "emails": each_line(email),
}


def _personal(element: Any) -> list[Column[Any]]:
    """Return the personal columns that an expression is made of, through expressions in subqueries too."""
    found: list[Column[Any]] = []
    waiting: list[Any] = [coercions.expect(roles.ColumnsClauseRole, element)]
    known = {id(waiting[0])}
    while waiting:
        for part in visitors.iterate(waiting.pop()):
            for base in getattr(part, "base_columns", ()):
                if isinstance(base, Column):
                    if base.info.get("view"):
                        found.append(base)
                elif id(base) not in known:  # a column of a subquery whose origin is an expression
                    known.add(id(base))
                    waiting.append(base)
    return found


def _selects(statement: Any) -> list[Any]:
    """Return the selects that a statement is made of: itself, or the parts of a union."""
    if isinstance(statement, SelectStatementGrouping):
        return _selects(statement.element)
    if isinstance(statement, CompoundSelect):
        return [one for part in statement.selects for one in _selects(part)]
    return [statement]


def restricted(actor: Actor, rights: Iterable[str]) -> bool:
    """Say whether one of these rights is not this person's for every row."""
    return any(actor.scope(right) is not ALL for right in rights)


def exposed(actor: Actor, statement: Any, look: Look) -> bool:
    """Say whether a statement would give this person a personal column that is not theirs to see everywhere.

    Whole records pass: their personal columns are deferred and raise when they are read (see `loads_deferred`).
    """
    if not restricted(actor, look.personal):
        return False
    for one in _selects(statement):
        if not isinstance(one, Select):
            return True
        columns = [each["expr"] for each in one.column_descriptions if not isinstance(each["expr"], type)]
        if any(restricted(actor, [base.info["view"]]) for column in columns for base in _personal(column)):
            return True
    return False


def loads_deferred(actor: Actor, statement: Any) -> bool:
    """Say whether an option of a statement (`undefer`, `load_only`) would load a personal column with its record."""
    for option in statement._with_options:  # noqa: SLF001  SQLAlchemy has no other way to ask
        for load in getattr(option, "context", [option]):
            if ("deferred", False) not in (getattr(load, "strategy", None) or ()) and not getattr(
                load, "local_opts", None
            ):
                continue
            columns = getattr(load.path[-1], "columns", None) if load.path else None
            if columns is None or restricted(actor, [one.info["view"] for one in columns if "view" in one.info]):
                return True
    return False


@dataclass(frozen=True, slots=True)
class Veil:
    """One personal column of a statement's rows: under which key it comes, which right shows it, how it is masked otherwise.

    owners: the selected ownership columns that speak of its record. plain: False for what cannot be masked by kind.
    """

    key: str
    right: str
    shown: Callable[[str], str]
    owners: tuple[str, ...]
    plain: bool


def veils(statement: AnySelect) -> tuple[Veil, ...]:
    """Return every personal column that a statement gives."""
    found = []
    for part in _selects(statement):
        for key, column in part.selected_columns.items():
            plain = (
                part is statement
                and len(column.base_columns) == 1
                and isinstance(next(iter(column.base_columns)), Column)
            )
            for base in _personal(column):
                owners = tuple(_owners(statement, column, base)) if plain else ()
                found.append(Veil(key, base.info["view"], MASKS[base.info.get("mask", "hidden")], owners, plain))
    return tuple(found)


def mask(actor: Actor, statement: AnySelect, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mask in place the personal columns of rows that the person may not see in full; return the rows.

    A row is known to be the person's own by ownership columns that the statement selects from the same record (for a
    phone: from its customer). An expression made of personal columns cannot be masked by kind and is refused.
    """
    return draw_veils(actor, veils(statement), set(statement.selected_columns.keys()), rows)


def draw_veils(
    actor: Actor, found: Iterable[Veil], names: set[str], rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Mask rows by the veils of their statement; `names` are its columns."""
    for veil in found:
        if not restricted(actor, [veil.right]):
            continue
        if not veil.plain or any(row.keys() != names for row in rows):
            raise Refused(N_("Personal data must be read masked."))
        for row in rows:
            owned = Owned(**{name: row[name] for name in veil.owners})
            if row[veil.key] is not None and not actor.covers(veil.right, owned):
                row[veil.key] = veil.shown(str(row[veil.key]))
    return rows


def _owners(statement: AnySelect, column: Any, base: Column[Any]) -> list[str]:
    """Return the selected ownership columns that speak of the record which a personal column belongs to."""
    model: Any = guarded_tables().get(base.table)
    parent = getattr(model, "parent", None)
    owner = base.table if parent is None else parent.__table__
    source = _source(column)
    if parent is not None:  # the customer of a phone: only where the statement has no second customer to mistake it for
        froms = [one for one in _flat(statement.get_final_froms()) if _table(one) is owner]
        source = froms[0] if len(froms) == 1 else None
    found = [name for name in Owned._fields if name in statement.selected_columns]
    return [name for name in found if source is not None and _is_from(statement.selected_columns[name], source, owner)]


def _source(column: Any) -> Any:
    return getattr(column.element if isinstance(column, Label) else column, "table", None)


def _is_from(column: Any, source: Any, owner: Any) -> bool:
    """Say whether an ownership column is read directly from this FROM part, which must be the owner's table."""
    return (
        _source(column) == source
        and _table(source) is owner
        and {base.table for base in column.base_columns} == {owner}
    )


def _table(source: Any) -> Any:
    """Return the table behind a FROM part or its alias, None behind a subquery."""
    plain = source.element if isinstance(source, Alias) else source
    return next((table for table in guarded_tables() if table == plain), None)


def _flat(froms: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for one in froms:
        found.extend(_flat((one.left, one.right)) if isinstance(one, Join) else [one])
    return found
