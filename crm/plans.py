"""Plans: targets for a person or a team and a period, and how far they are.

Promises: progress is the sum of the counters that the counted things moved themselves; a team's progress is the sum of its
people's; nobody sees a plan or a count beyond his scope.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar, Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, bindparam, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from crm import counters
from crm.core.errors import Invalid
from crm.core.guards import Guarded
from crm.core.i18n import N_
from crm.core.people import Team, User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from db.base import Record

MEASURES: Final[Mapping[str, str]] = {
    "interactions": N_("Contacts"),
    "calls": N_("Calls"),
    "outbound_calls": N_("Outbound calls"),
    "meetings": N_("Meetings"),
    "emails": N_("E-mails"),
    "purchases": N_("Purchases"),
}
"""What a plan can count: code -> name. A capability with something new to count adds a line and calls `counters.count`."""

MOST: Final = 1_000_000
SET: Final = {"edit": "plans.set"}


class Plan(Guarded, Record):
    """A target: so many of a measure between two days, for one person, one team, or (neither) the whole company."""

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint("target > 0", name="target"),
        CheckConstraint("starts_on <= ends_on", name="period"),
        Index("ix_plans_period", "starts_on", "ends_on"),
    )
    area: ClassVar[str] = "plans"

    measure: Mapped[str] = mapped_column(info=SET)
    target: Mapped[int] = mapped_column(info=SET)
    starts_on: Mapped[date] = mapped_column(info=SET)
    ends_on: Mapped[date] = mapped_column(info=SET)
    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True, info=SET)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), index=True, info=SET)
    partner_id: Mapped[int | None] = mapped_column(info=SET)
    of_team: Mapped[bool] = mapped_column(default=False, info=SET)


@verb("plans.set")
def set_target(
    u: UnitOfWork,
    *,
    measure: str,
    target: int,
    starts_on: date,
    ends_on: date,
    responsible_id: int | None = None,
    team_id: int | None = None,
) -> Plan:
    """Set a target for a person or a team (neither: the company); the same period set again replaces the target.

    Raises Invalid, NotFound, Refused (a person or team outside one's reach).
    """
    if measure not in MEASURES:
        raise Invalid(N_("Please choose one of the list."), field="measure")
    if not 0 < target <= MOST:
        raise Invalid(N_("Please enter a number between 1 and {most}."), field="target", most=MOST)
    if ends_on < starts_on:
        raise Invalid(N_("The last day must not be before the first."), field="ends_on")
    of_team = responsible_id is None and team_id is not None
    if responsible_id is not None:
        team_id = u.get(User, responsible_id).team_id
    facts = {"measure": measure, "starts_on": starts_on, "ends_on": ends_on, "responsible_id": responsible_id}
    known = select(Plan).filter_by(**facts, team_id=team_id)
    if (plan := u.session.scalar(known)) is not None:
        plan.target = target
        return plan
    return u.add(Plan(**facts, team_id=team_id, of_team=of_team, target=target))


@verb("plans.set")
def drop(u: UnitOfWork, plan_id: int, *, seen: int) -> None:
    """Delete a target. Raises NotFound, Conflict, Refused."""
    u.delete(u.get(Plan, plan_id, seen=seen))


# --- queries ----------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """How far a plan is on a day. pace: what should be done by the end of that day if work went evenly over weekdays."""

    plan_id: int
    version: int
    measure: str
    whose: str
    target: int
    done: int
    starts_on: date
    ends_on: date
    pace: float
    days_left: int
    responsible_id: int | None
    team_id: int | None

    @property
    def left(self) -> int:
        """How many are still to do, never below zero."""
        return max(self.target - self.done, 0)

    @property
    def share(self) -> float:
        """Done as a share of the target, for a bar: 0 to 1."""
        return min(self.done / self.target, 1.0)


PLAN_COLUMNS: Final = (
    Plan.id,
    Plan.version,
    Plan.measure,
    Plan.target,
    Plan.starts_on,
    Plan.ends_on,
    Plan.responsible_id,
    Plan.team_id,
)


class Which(StrEnum):
    """Whose plans: everybody's in the scope, one's own, those of teams and the company, or what one looks at first."""

    ALL = "all"
    MINE = "mine"
    TEAMS = "teams"
    FIRST = "first"


_RUNNING: Final = Prepared(
    select(*PLAN_COLUMNS, User.name.label("person"), Team.name.label("team"), Team.parent_id.label("above"))
    .outerjoin(User, User.id == Plan.responsible_id)
    .outerjoin(Team, Team.id == Plan.team_id)
    .where(Plan.starts_on <= bindparam("day"), Plan.ends_on >= bindparam("day"))
)
_MY_RUNNING: Final = Prepared(_RUNNING.statement.where(Plan.responsible_id == bindparam("person")))
_OF_TEAMS: Final = Prepared(_RUNNING.statement.where(Plan.responsible_id.is_(None)))
_OF_TEAMS_AND_MINE: Final = Prepared(
    _RUNNING.statement.where(or_(Plan.responsible_id.is_(None), Plan.responsible_id == bindparam("person")))
)
_OF_ONE_TEAM: Final = Prepared(_RUNNING.statement.where(Plan.team_id == bindparam("team_id")))
_TEAMS: Final = Prepared(select(Team.id, Team.parent_id))
_PEOPLE: Final = Prepared(select(User.id, User.team_id))


def progress(u: UnitOfWork, day: date, which: Which = Which.ALL, *, team_id: int | None = None) -> list[Progress]:
    """Return the plans that run on `day` inside the reader's scope, a team's before its people's.

    which: FIRST are the reader's own plans and those of the company and of the topmost teams that he reaches.
    team_id: only the plans of this team and of its people. `whose` is '' for the company.
    """
    plans = _running(u, day, which, team_id)
    of_teams = [one["responsible_id"] is None for one in plans]
    measures, spans = (one["measure"] for one in plans), ((one["starts_on"], one["ends_on"]) for one in plans)
    sums = counters.totals(u, measures, spans, of_teams=all(of_teams))
    teams_of = _teams_above(u, people=not all(of_teams)) if any(of_teams) else {}
    found = [_progress(one, sums[one["measure"], (one["starts_on"], one["ends_on"])], teams_of, day) for one in plans]
    return sorted(found, key=_by_person_and_length)


def _running(u: UnitOfWork, day: date, which: Which, team_id: int | None) -> list[dict[str, Any]]:
    if team_id is not None:
        return u.rows(_OF_ONE_TEAM, day=day, team_id=team_id)
    if which is Which.MINE:
        return u.rows(_MY_RUNNING, day=day, person=u.actor.id)
    if which is not Which.FIRST:
        return u.rows(_OF_TEAMS if which is Which.TEAMS else _RUNNING, day=day)
    plans = u.rows(_OF_TEAMS_AND_MINE, day=day, person=u.actor.id)
    reached = {one["team_id"] for one in plans}
    return [one for one in plans if one["responsible_id"] is not None or one["above"] not in reached - {None}]


def _by_person_and_length(one: Progress) -> tuple[Any, ...]:
    """Sort a team before its people, and of one person the shortest period first."""
    return (
        one.team_id or 0,
        one.responsible_id is not None,
        one.whose,
        one.ends_on - one.starts_on,
        one.starts_on,
        one.measure,
    )


def _teams_above(u: UnitOfWork, *, people: bool) -> dict[int | None, set[int]]:
    """Return team id (people: person id) -> that team (the person's team) and every team above it."""
    above = {row["id"]: row["parent_id"] for row in u.rows(_TEAMS)}
    teams = {row["id"]: row["team_id"] for row in u.rows(_PEOPLE)} if people else {one: one for one in above}
    found: dict[int | None, set[int]] = {}
    for one, lowest in teams.items():
        chain, team = set[int](), lowest
        while team is not None and team not in chain:
            chain.add(team)
            team = above.get(team)
        found[one] = chain
    return found


def _progress(
    plan: Mapping[str, Any], counted: Mapping[int | None, int], teams_of: Mapping[int | None, set[int]], day: date
) -> Progress:
    person, team = plan["responsible_id"], plan["team_id"]
    if person is not None:
        done = counted.get(person, 0)
    else:
        done = sum(n for one, n in counted.items() if team is None or team in teams_of.get(one, ()))
    all_days = weekdays(plan["starts_on"], plan["ends_on"])
    passed = weekdays(plan["starts_on"], min(day, plan["ends_on"]))
    return Progress(
        plan_id=plan["id"],
        version=plan["version"],
        measure=plan["measure"],
        whose=(plan["person"] if person is not None else plan["team"]) or "",
        target=plan["target"],
        done=done,
        starts_on=plan["starts_on"],
        ends_on=plan["ends_on"],
        pace=plan["target"] * passed / all_days if all_days else float(plan["target"]),
        days_left=all_days - passed,
        responsible_id=person,
        team_id=team,
    )


@lru_cache(maxsize=1024)
def weekdays(first: date, last: date) -> int:
    """Return the number of days Monday to Friday between two days, both included; 0 when `last` is before `first`."""
    days = (last - first).days + 1
    if days <= 0:
        return 0
    weeks, rest = divmod(days, 7)
    return weeks * 5 + sum((first + timedelta(days=n)).weekday() < 5 for n in range(rest))  # noqa: PLR2004  Saturday is 5
