"""Prepared statements: what pages ask at every click is looked at once and scoped once for each way of reaching rows.

The door does with them what it does with every other statement (the scope on every guarded record, the masks, the refusal
of what names rows without their record); it only remembers the outcome, which does not depend on who asks. What depends on
it, the facts that rows are compared with, is given at each run: without them the database refuses the statement.
"""

from functools import cached_property
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult
from sqlalchemy.orm import QueryableAttribute, with_loader_criteria

from crm.core.access import Actor
from crm.core.errors import Refused
from crm.core.guards import Guarded
from crm.core.i18n import N_
from crm.core.masking import Veil, draw_veils, restricted, veils
from crm.core.reach import Anybody, Reach
from crm.core.reading import Look, look_at
from db.base import AnySelect

Scoped = tuple[AnySelect, tuple[Reach, ...]]
"""A statement with its scope, and the facts that it compares rows with."""


class Prepared:
    """One statement of columns, made when its module is imported: `u.rows(PAGE, customer_id=7)`.

    Its values stand in it as `bindparam("customer_id")`.
    """

    def __init__(self, statement: AnySelect) -> None:
        if statement._with_options or _names_records(statement):  # noqa: SLF001  no other way to ask
            raise TypeError("A prepared statement selects columns, without options.")
        self.statement = statement
        self._scoped: dict[tuple[Reach, ...], Scoped] = {}

    def scoped(self, actor: Actor) -> tuple[AnySelect, dict[str, Any]]:
        """Return the statement with the scope of people who reach rows as this one does, and this one's facts."""
        if self._look.is_bare or not self._is_of_records:
            raise Refused(N_("A statement without records must say so."))
        reaches = tuple(actor.reach(f"{model.area}.view") for model in self._models)
        if reaches not in self._scoped:
            self._scoped[reaches] = self._with_scope(reaches)
        statement, compared = self._scoped[reaches]
        facts = actor.facts if compared else {}
        return statement, {str(fact): facts[fact] for fact in compared}

    def refuse_personal(self, actor: Actor) -> None:
        """Raise Refused when the statement gives a personal column that is not this person's to see everywhere."""
        if restricted(actor, (veil.right for veil in self._veils)):
            raise Refused(N_("Personal data must be read masked."))

    def as_dictionaries(self, actor: Actor, result: CursorResult[Any]) -> list[dict[str, Any]]:
        """Return the rows of a run as dictionaries, personal columns masked where the actor may not see them."""
        names = self._names
        rows = [dict(zip(names, row, strict=True)) for row in result.all()]
        return draw_veils(actor, self._veils, set(names), rows) if self._veils else rows

    def _with_scope(self, reaches: tuple[Reach, ...]) -> Scoped:
        statement, compared = self.statement, set()
        for model, reach in zip(self._models, reaches, strict=True):
            anybody = cast("Actor", Anybody(f"{model.area}.view", reach))
            rows = model.rows(anybody, f"{model.area}.view")
            if rows is not None:
                statement = statement.options(with_loader_criteria(model, rows, include_aliases=True))
                compared.add(reach)
        return statement, tuple(sorted(compared - {Reach.NOTHING}))

    @cached_property
    def _is_of_records(self) -> bool:
        return self.statement._propagate_attrs.get("compile_state_plugin") == "orm"  # noqa: SLF001  what the session asks, too

    @cached_property
    def _look(self) -> Look:
        return look_at(self.statement)

    @cached_property
    def _models(self) -> list[type[Guarded]]:
        return sorted(self._look.models, key=lambda model: model.__name__)

    @cached_property
    def _veils(self) -> tuple[Veil, ...]:
        return veils(self.statement)

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(self.statement.selected_columns.keys())


def _names_records(statement: AnySelect) -> bool:
    """Say whether a whole record (or its alias, or a bundle of columns) is selected."""
    return not all(
        isinstance(each["expr"], ColumnElement | QueryableAttribute) for each in statement.column_descriptions
    )
