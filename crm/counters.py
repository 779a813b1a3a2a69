"""Counters: how many of each counted thing each person did on each day, kept in the transaction of the thing itself.

They promise that a plan's progress is read from a handful of rows, however long the journal is. A capability that has
something to count registers it in MEASURES of `plans` and calls `count` in its verb.
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, func, select
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.access import Actor, Owned
from crm.core.guards import Guarded
from crm.core.people import User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from db.base import Base
from db.dialect import add_up


class DailyCount(Guarded, Base):
    """How often a person did something on one day of the company's calendar."""

    __tablename__ = "daily_counts"
    area = "plans"

    day: Mapped[date] = mapped_column(primary_key=True)
    responsible_id: Mapped[int] = mapped_column(primary_key=True)
    measure: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return 'its person is inside the scope' as SQL: a person is reached by his own id and by his team."""
        person = User.__table__.c
        inside = actor.within(right, _PersonOwner)
        return None if inside is None else cls.responsible_id.in_(select(person.id).where(inside))


class _PersonOwner:
    """A user seen as something owned: by himself and by his team."""

    responsible_id = User.__table__.c.id
    team_id = User.__table__.c.team_id
    partner_id = User.__table__.c.partner_id


def owner_of_person(user: User) -> Owned:
    """Return to whom what a person did belongs."""
    return Owned(user.id, user.team_id, user.partner_id)


def count(u: UnitOfWork, day: date, person_id: int, measures: Iterable[str], by: int = 1) -> None:
    """Add to a person's counters of one day; part of the verb that did the counted thing."""
    rows = [{"day": day, "responsible_id": person_id, "measure": one, "count": by} for one in sorted(measures)]
    if rows:
        table = DailyCount.__table__
        key = ("day", "responsible_id", "measure")
        statement = add_up(u.session.get_bind().dialect, table, rows, key, "count")
        u.execute(statement, bulk=True, raw=True)


Period = tuple[date, date]
"""First and last day, both included."""


@lru_cache(maxsize=64)
def _sums(periods: int) -> Prepared:
    sums = [
        func.sum(case((DailyCount.day.between(bindparam(f"first_{n}"), bindparam(f"last_{n}")), DailyCount.count), else_=0))
        .label(f"period_{n}")
        for n in range(periods)
    ]  # fmt: skip
    return Prepared(
        select(DailyCount.responsible_id, DailyCount.measure, *sums)
        .where(DailyCount.measure.in_(bindparam("measures", expanding=True)))
        .where(DailyCount.day.between(bindparam("first"), bindparam("last")))
        .group_by(DailyCount.responsible_id, DailyCount.measure)
    )


def totals(
    u: UnitOfWork, measures: Iterable[str], periods: Iterable[Period]
) -> dict[tuple[str, Period], dict[int, int]]:
    """Return (measure, period) -> person id -> count, for the people inside the reader's scope: one statement for all."""
    wanted, spans = sorted(set(measures)), sorted(set(periods))
    if not wanted or not spans:
        return {}
    values: dict[str, Any] = {"measures": wanted, "first": spans[0][0], "last": max(last for _, last in spans)}
    for place, (first, last) in enumerate(spans):
        values |= {f"first_{place}": first, f"last_{place}": last}
    found: dict[tuple[str, Period], dict[int, int]] = {(one, span): {} for one in wanted for span in spans}
    for row in u.rows(_sums(len(spans)), **values):
        for place, span in enumerate(spans):
            found[row["measure"], span][row["responsible_id"]] = int(row[f"period_{place}"])
    return found
