"""Plans: targets for a person or a team and a period, and how far they are.

Promises: progress is the sum of the counters that the counted things moved themselves; a team's progress is the sum of its
people's; nobody sees a plan or a count beyond his scope.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import ClassVar, Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, select
from sqlalchemy.orm import Mapped, mapped_column

from crm import counters
from crm.core.errors import Invalid
from crm.core.guards import Guarded
from crm.core.i18n import N_
from crm.core.people import Team, User
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from db.base import Record

MEASURES: Final[Mapping[str, str]] = {
    "interactions": N_("Interactions"),
    "calls": N_("Calls"),
    "outbound_calls": N_("Outbound calls"),
    "meetings": N_("Meetings"),
    "emails": N_("E-mails"),
    "purchases": N_("Purchases"),
}
"""What a plan can count: code -> name. A capability with something new to count adds a line and calls `counters.count`."""

MOST: Final = 1_000_000


class Plan(Guarded, Record):
    """A target: so many of a measure between two days, for one person, one team, or (neither) the whole company."""

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint("target > 0", name="target"),
        CheckConstraint("starts_on <= ends_on", name="period"),
        Index("ix_plans_period", "starts_on", "ends_on"),
    )
    area: ClassVar[str] = "plans"

    measure: Mapped[str]
    target: Mapped[int]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True, info={"edit": "plans.set"})
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), index=True, info={"edit": "plans.set"})
    partner_id: Mapped[int | None]
    of_team: Mapped[bool] = mapped_column(default=False)


@verb("plans.set")
def set_target(  # noqa: PLR0913  a target is these six facts
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


def progress(u: UnitOfWork, day: date, *, mine: bool = False) -> list[Progress]:
    """Return every plan that runs on `day` inside the reader's scope, persons after their team.

    mine: only the reader's own plans. `whose` is '' for the company.
    """
    running = select(Plan).where(Plan.starts_on <= day, Plan.ends_on >= day)
    if mine:
        running = running.where(Plan.responsible_id == u.actor.id)
    plans = u.all(running.order_by(Plan.starts_on, Plan.measure, Plan.id))
    people = {row["id"]: row for row in u.rows(select(User.id, User.name, User.team_id))}
    teams = {row["id"]: row for row in u.rows(select(Team.id, Team.name, Team.parent_id))}
    sums = {key: counters.totals(u, *key) for key in {(p.measure, p.starts_on, p.ends_on) for p in plans}}
    found = []
    for plan in plans:
        counted = sums[plan.measure, plan.starts_on, plan.ends_on]
        done = sum(n for person, n in counted.items() if _counts_for(plan, person, people, teams))
        found.append(_progress(plan, done, day, _whose(plan, people, teams)))
    return sorted(found, key=lambda one: (one.team_id or 0, one.responsible_id is not None, one.whose, one.measure))


def _counts_for(plan: Plan, person: int, people: Mapping[int, Mapping], teams: Mapping[int, Mapping]) -> bool:
    if plan.responsible_id is not None:
        return person == plan.responsible_id
    if plan.team_id is None:
        return True
    team = people[person]["team_id"] if person in people else None
    for _ in range(len(teams)):  # upwards; bounded, should somebody have built a circle
        if team is None or team == plan.team_id:
            break
        team = teams[team]["parent_id"] if team in teams else None
    return team == plan.team_id


def _whose(plan: Plan, people: Mapping[int, Mapping], teams: Mapping[int, Mapping]) -> str:
    if plan.responsible_id is not None:
        return str(people[plan.responsible_id]["name"]) if plan.responsible_id in people else ""
    return str(teams[plan.team_id]["name"]) if plan.team_id in teams else ""


def _progress(plan: Plan, done: int, day: date, whose: str) -> Progress:
    all_days = weekdays(plan.starts_on, plan.ends_on)
    passed = weekdays(plan.starts_on, min(day, plan.ends_on))
    return Progress(
        plan_id=plan.id,
        version=plan.version,
        measure=plan.measure,
        whose=whose,
        target=plan.target,
        done=done,
        starts_on=plan.starts_on,
        ends_on=plan.ends_on,
        pace=plan.target * passed / all_days if all_days else float(plan.target),
        days_left=all_days - passed,
        responsible_id=plan.responsible_id,
        team_id=plan.team_id,
    )


def weekdays(first: date, last: date) -> int:
    """Return the number of days Monday to Friday between two days, both included; 0 when `last` is before `first`."""
    days = (last - first).days + 1
    if days <= 0:
        return 0
    weeks, rest = divmod(days, 7)
    return weeks * 5 + sum((first + timedelta(days=n)).weekday() < 5 for n in range(rest))  # noqa: PLR2004  Saturday is 5
