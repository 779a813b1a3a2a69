"""Counters: how many of each counted thing each person did on each day, kept in the transaction of the thing itself.

They promise that a plan's progress is read from a handful of rows, however long the journal is. A capability that has
something to count registers it in MEASURES of `plans` and calls `count` in its verb.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, case, func, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.access import Actor, Owned
from crm.core.guards import Guarded
from crm.core.people import User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from db.base import Base
from db.dialect import add_up


class _OfPeople(Guarded):
    """A count of what people did: a person is reached by his own id and by his team."""

    area = "plans"

    day: Mapped[date] = mapped_column(primary_key=True)
    responsible_id: Mapped[int] = mapped_column(primary_key=True)
    measure: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return 'its person is inside the scope' as SQL."""
        person = User.__table__.c
        inside = actor.within(right, _PersonOwner)
        return None if inside is None else cls.responsible_id.in_(select(person.id).where(inside))


class DailyCount(_OfPeople, Base):
    """How often a person did something on one day of the company's calendar."""

    __tablename__ = "daily_counts"


class MonthlyCount(_OfPeople, Base):
    """The same for a whole month, `day` being its first: most plans run for months, and are read every second."""

    __tablename__ = "monthly_counts"


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
    key = ("day", "responsible_id", "measure")
    for record, first in ((DailyCount, day), (MonthlyCount, day.replace(day=1))):
        rows = [{"day": first, "responsible_id": person_id, "measure": one, "count": by} for one in sorted(measures)]
        if rows:
            statement = add_up(u.session.get_bind().dialect, record.__table__, rows, key, "count")
            u.execute(statement, bulk=True, raw=True)


Period = tuple[date, date]
"""First and last day, both included."""


def split(period: Period) -> tuple[list[Period], list[Period]]:
    """Return the whole months of a period, as the first days of the first and of the last one, and the days beside them."""
    first, last = period
    after = last + _DAY
    begins = first if first.day == 1 else _next_month(first)
    ends = after.replace(day=1)
    if begins >= ends:
        return [], [period]
    beside = [(first, begins - _DAY), (ends, last)]
    return [(begins, (ends - _DAY).replace(day=1))], [one for one in beside if one[0] <= one[1]]


_DAY: Final = timedelta(days=1)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


@lru_cache(maxsize=128)
def _sums(record: type[DailyCount | MonthlyCount], ranges: tuple[int, ...], *, of_teams: bool) -> Prepared:
    """Return the sums of as many periods as `ranges` is long, each of so many ranges of days."""
    within = [
        [record.day.between(bindparam(f"first_{n}_{k}"), bindparam(f"last_{n}_{k}")) for k in range(many)]
        for n, many in enumerate(ranges)
    ]
    sums = [
        func.sum(case((or_(*some), record.count), else_=0)).label(f"period_{n}")
        for n, some in enumerate(within)
        if some
    ]
    who = User.team_id if of_teams else record.responsible_id
    counts = select(who.label("who"), record.measure, *sums)
    if of_teams:
        counts = counts.join(User, User.id == record.responsible_id)
    return Prepared(
        counts.where(record.measure.in_(bindparam("measures", expanding=True)))
        .where(or_(*(one for some in within for one in some)))
        .group_by(who, record.measure)
    )


def totals(
    u: UnitOfWork, measures: Iterable[str], periods: Iterable[Period], *, of_teams: bool = False
) -> dict[tuple[str, Period], dict[int | None, int]]:
    """Return (measure, period) -> person id -> count, for the people inside the reader's scope.

    One statement for all whole months, one more where a period has other days.
    of_teams: the sums of the people of each team, by team id (None: people without a team).
    """
    wanted, spans = sorted(set(measures)), sorted(set(periods))
    found: dict[tuple[str, Period], dict[int | None, int]] = {(one, span): {} for one in wanted for span in spans}
    parts = [split(span) for span in spans]
    for record, ranges in ((MonthlyCount, [one for one, _ in parts]), (DailyCount, [one for _, one in parts])):
        if not wanted or not any(ranges):
            continue
        values: dict[str, Any] = {"measures": wanted}
        for n, some in enumerate(ranges):
            for k, (first, last) in enumerate(some):
                values |= {f"first_{n}_{k}": first, f"last_{n}_{k}": last}
        for row in u.rows(_sums(record, tuple(map(len, ranges)), of_teams=of_teams), **values):
            for n, span in enumerate(spans):
                sums = found[row["measure"], span]
                sums[row["who"]] = sums.get(row["who"], 0) + int(row.get(f"period_{n}", 0))
    return found
