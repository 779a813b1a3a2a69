"""Guards on what is read: one look at a statement before it runs, and the scope put onto every guarded record in it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Alias, Column, ColumnClause, ColumnElement, Join, Select, Table, TextClause
from sqlalchemy.orm import FromStatement, with_loader_criteria
from sqlalchemy.sql import visitors

from crm.core.guards import Guarded

if TYPE_CHECKING:
    from crm.core.uow import UnitOfWork


@dataclass(frozen=True, slots=True)
class Look:
    """What stands in a statement.

    models: the guarded records. personal: the rights that stand on personal columns anywhere in it.
    is_bare: a part of it names rows without their record (a table or SQL text), so that no scope could be put onto it.
    """

    models: frozenset[type[Guarded]]
    personal: frozenset[str]
    is_bare: bool


_by_table: dict[Table, type[Guarded]] = {}


def guarded_tables() -> dict[Table, type[Guarded]]:
    """Return the guarded record of each table that has one."""
    if len(_by_table) != len(Guarded.models()):
        _by_table.update({model.__table__: model for model in Guarded.models()})  # type: ignore[attr-defined]
    return _by_table


def look_at(statement: Any) -> Look:
    """Walk through a statement with its subqueries once."""
    tables = guarded_tables()
    models: set[type[Guarded]] = set()
    personal: set[str] = set()
    is_bare = isinstance(statement, FromStatement) or statement._propagate_attrs.get("compile_state_plugin") != "orm"  # noqa: SLF001  how SQLAlchemy tells records
    for part in visitors.iterate(statement):
        if isinstance(part, ColumnElement):
            personal.update(
                base.info["view"] for base in part.base_columns if isinstance(base, Column) and "view" in base.info
            )
        if isinstance(part, Table):
            if (model := tables.get(part)) is not None:
                models.add(model)
        elif not is_bare:
            is_bare = _is_bare(part)
    return Look(frozenset(models), frozenset(personal), is_bare)


def _is_bare(part: Any) -> bool:
    """Say whether a part of a statement is SQL text or a guarded table that came without its record."""
    if isinstance(part, Column):
        return "parententity" not in part._annotations and _is_plain(part.table)  # noqa: SLF001  SQLAlchemy notes there what the mapper made
    if isinstance(part, ColumnClause):
        return part.is_literal and part.name != "*"
    if isinstance(part, Select):
        joined = (one[0] for one in part._setup_joins)  # noqa: SLF001  the FROM parts as they were written, before they are merged
        return any(_is_unmapped(one) for one in (*part._raw_columns, *part._from_obj, *joined))  # noqa: SLF001
    if isinstance(part, Join):
        return _is_unmapped(part.left) or _is_unmapped(part.right)
    return isinstance(part, TextClause)


def _is_plain(source: Any) -> bool:
    """Say whether a FROM part is a guarded table or an alias of one."""
    table = source.element if isinstance(source, Alias) else source
    return isinstance(table, Table) and table in guarded_tables()


def _is_unmapped(source: Any) -> bool:
    return "parententity" not in source._annotations and _is_plain(source)  # noqa: SLF001


def scoped(unit: "UnitOfWork", statement: Any, models: frozenset[type[Guarded]], *, changes: bool) -> Any:
    """Return the statement with the actor's scope on every guarded record; a change needs the verb's own scope too."""
    options = []
    for model in models:
        options.append(_option(unit, model, f"{model.area}.view"))
        if changes:
            options.append(_option(unit, model, unit.right))
    options = [one for one in options if one is not None]
    return statement.options(*options) if options else statement


def _option(unit: "UnitOfWork", model: type[Guarded], right: str) -> Any:
    """Return the criterion for a record; made once per unit and actor, because most units read a table several times."""
    made = unit.criteria
    if (model, right) not in made:
        rows = model.rows(unit.actor, right)
        made[model, right] = None if rows is None else with_loader_criteria(model, rows, include_aliases=True)
    return made[model, right]
