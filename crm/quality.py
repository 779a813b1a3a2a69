"""Quality: how complete and how fresh the data of customers are, whose customers wait to be looked at again.

Promises: the figures are those of the customers whom the right reaches, and each of them leads to the very customers that it
counts; who verifies stands for it with his name.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, case, func, select

from crm import settings
from crm.core.i18n import N_
from crm.core.jobs import JobContext, job
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Customer, capped, measure_between
from db.base import AnySelect

RIGHT: Final = "quality.view"
VERIFY: Final = "customers.verify"
DAYS: Final = "verify_after_days"
MOST_DAYS: Final = 3_650
CHUNK: Final = 5_000
PAUSE: Final = 0.02


@dataclass(frozen=True)
class Quality:
    """How good the data of some customers are. complete: average per cent; fresh: how many were verified in the last days."""

    customers: int
    complete: float
    fresh: int
    due: int

    @property
    def share_fresh(self) -> float:
        """The share that was verified in the last days."""
        return self.fresh / self.customers if self.customers else 0.0


@dataclass(frozen=True)
class OfPerson:
    """The same for the customers of one responsible (None: of nobody)."""

    responsible_id: int | None
    quality: Quality


def days_of(u: UnitOfWork, asked: int | None) -> int:
    """Return after how many days data count as old: those asked for, else the company's."""
    return min(asked, MOST_DAYS) if asked else int(settings.value(u, DAYS))


# --- figures --------------------------------------------------------------------


def _within(u: UnitOfWork, statement: AnySelect) -> AnySelect:
    inside = Customer.rows(u.actor, RIGHT)
    statement = statement.where(Customer.archived_at.is_(None))
    return statement if inside is None else statement.where(inside)


def per_person(u: UnitOfWork, *, days: int) -> list[OfPerson]:
    """Return the quality of each responsible's customers, the least complete first. Raises Refused."""
    u.need(RIGHT)
    statement = _within(u, select(*figures(Customer, u.now - timedelta(days=days))))
    return of_people(u.rows(statement.group_by(Customer.responsible_id)))


def figures(of: Any, since: datetime) -> tuple[Any, ...]:
    """Return what is counted for each responsible as SQL. of: the customers, or the columns of their table."""
    is_fresh = and_(of.verified_by_id.is_not(None), of.verified_at >= since)
    return (
        of.responsible_id,
        func.count().label("customers"),
        func.sum(of.completeness).label("complete"),
        func.sum(case((is_fresh, 1), else_=0)).label("fresh"),
        func.sum(case((of.verified_at < since, 1), else_=0)).label("due"),
    )


def of_people(rows: list[dict[str, Any]]) -> list[OfPerson]:
    """Return what was counted, the least complete first."""
    found = [OfPerson(row["responsible_id"], _quality([row])) for row in rows]
    return sorted(found, key=lambda one: (one.quality.complete, one.responsible_id or 0))


def together(those: list[OfPerson]) -> Quality:
    """Return the quality of all these customers."""
    parts = [vars(one.quality) | {"complete": one.quality.complete * one.quality.customers} for one in those]
    return _quality(parts)


def _quality(rows: list[Mapping[str, Any]] | list[dict[str, Any]]) -> Quality:
    sums = {key: sum(row[key] or 0 for row in rows) for key in ("customers", "complete", "fresh", "due")}
    count = int(sums["customers"])
    return Quality(count, float(sums["complete"]) / count if count else 0.0, int(sums["fresh"]), int(sums["due"]))


# --- the queue --------------------------------------------------------------------

_QUEUE: Final = (
    Customer.id,
    Customer.name,
    Customer.city,
    Customer.responsible_id,
    Customer.team_id,
    Customer.partner_id,
    Customer.completeness,
    Customer.verified_at,
    Customer.verified_by_id,
    Customer.version,
)


def _due(u: UnitOfWork, statement: AnySelect, before: datetime, responsible_id: int | None) -> AnySelect:
    u.need(RIGHT)
    statement = _within(u, statement).where(Customer.verified_at < before)
    return statement if responsible_id is None else statement.where(Customer.responsible_id == responsible_id)


def queue(u: UnitOfWork, *, days: int, responsible_id: int | None = None, size: int = 25) -> list[dict[str, Any]]:
    """Return those of the customers whom nobody has verified for so many days who wait longest. Raises Refused."""
    before = u.now - timedelta(days=days)
    found = _due(u, select(*_QUEUE), before, responsible_id).order_by(Customer.verified_at, Customer.id)
    return u.rows(found.limit(size))


def queue_count(u: UnitOfWork, *, days: int, responsible_id: int | None = None) -> int:
    """Return how many wait, at most COUNT_CAP + 1. Raises Refused."""
    return capped(u, _due(u, select(Customer.id), u.now - timedelta(days=days), responsible_id))


# --- measuring --------------------------------------------------------------------


@verb("fields.manage")
def measure(u: UnitOfWork, first: int, last: int, code: str | None = None) -> int:
    """Tell anew how complete customers are (by their ids; of one type, or all); return for how many it changed."""
    return measure_between(u, first, last, code)


@job("quality.measure", title=N_("Completeness of customers"))
def measure_job(ctx: JobContext, *, code: str) -> None:
    """Tell anew how complete the customers of a type are, after its template changed."""
    _measure_all(ctx, code)


@job("quality.measure_nightly", title=N_("Completeness of customers"), cron="23 2 * * *")
def measure_nightly(ctx: JobContext) -> None:
    """Tell it anew for everybody: own fields that went out of use count no more."""
    _measure_all(ctx, None)


def _measure_all(ctx: JobContext, code: str | None) -> None:
    """Go through the ids chunk by chunk, each in a transaction of its own, so that nobody waits for all of them."""
    with ctx.uow() as u:
        last = u.value(select(func.max(Customer.id))) or 0
    for first in range(1, last + 1, CHUNK):
        with ctx.uow() as u:
            measure(u, first, first + CHUNK - 1, code)
        ctx.progress(min(first + CHUNK, last), last)
        time.sleep(PAUSE)
