"""Looking at jobs: how far each is, what became of it, and stopping one's own."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import pandas as pd
from sqlalchemy import TableClause, func, select

from crm.core import clock
from crm.core.errors import CrmError, NotFound, Refused
from crm.core.i18n import N_
from crm.core.jobs import engine
from crm.core.jobs.declared import JOBS, JobProgress
from crm.core.jobs.facts import ON_SCHEDULE, JobFailed, rich
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb


class Status(StrEnum):
    """Where a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


STATUSES: Final = {
    Status.WAITING: N_("Waiting"),
    Status.RUNNING: N_("Running"),
    Status.DONE: N_("Done"),
    Status.FAILED: N_("Failed"),
    Status.CANCELLED: N_("Cancelled"),
}
_STATUS_OF: Final = {
    "DELAYED": Status.WAITING,
    "ENQUEUED": Status.WAITING,
    "PENDING": Status.RUNNING,
    "SUCCESS": Status.DONE,
    "CANCELLED": Status.CANCELLED,
}
UNDER_WAY: Final = ("DELAYED", "ENQUEUED", "PENDING")


@dataclass(frozen=True)
class JobState:
    """One run of a job. done, total: what it said of its progress, 0 and 0 when it said nothing.

    error: what a person may read, or None; number: of a mistake of ours, which the log explains.
    """

    id: str
    name: str
    status: Status
    asked_by_id: int | None
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    done: int = 0
    total: int = 0
    error: CrmError | None = None
    number: str = ""

    @property
    def is_over(self) -> bool:
        """Say whether nothing more will happen."""
        return self.status not in {Status.WAITING, Status.RUNNING}

    @property
    def title(self) -> str:
        """The msgid of the job's name, or its code when the job is not known any more."""
        return JOBS[self.name].title if self.name in JOBS else self.name


def state(u: UnitOfWork, job_id: str) -> JobState:
    """Return one run; whoever asked for it and whoever may see the system can. Raises NotFound."""
    found = _states(u, lambda runs: runs.c.workflow_uuid == job_id, most=1)
    if not found or not (u.actor.is_system or u.may("system.view") or found[0].asked_by_id == u.actor.id):
        raise NotFound
    return found[0]


def recent(u: UnitOfWork, *, most: int = 50) -> list[JobState]:
    """Return the newest runs, the last one first. Needs the right to see the system."""
    u.need("system.view")
    return _states(u, lambda runs: runs.c.workflow_uuid.is_not(None), most=most)


def last_runs(u: UnitOfWork) -> dict[str, JobState]:
    """Return job name -> its newest run, for every job that ran at all. Needs the right to see the system."""
    u.need("system.view")
    runs = engine.runs_table(u.session.get_bind().dialect)
    newest = select(func.max(runs.c.created_at)).group_by(runs.c.name)
    found: dict[str, JobState] = {}
    for one in _states(u, lambda these: these.c.created_at.in_(newest), most=10 * (len(JOBS) + 1)):
        found.setdefault(one.name, one)
    return found


def _states(u: UnitOfWork, which: Callable[[TableClause], Any], *, most: int) -> list[JobState]:
    runs, steps = engine.runs_table(u.session.get_bind().dialect), JobProgress.__table__.c
    wanted = (
        select(*(runs.c[one] for one in (*engine.COLUMNS, *engine.MOMENTS)), _error(u, runs), steps.done, steps.total)
        .join_from(runs, JobProgress.__table__, steps.job_id == runs.c.workflow_uuid, isouter=True)
        .where(which(runs))
        .order_by(runs.c.created_at.desc())
        .limit(most)
    )
    return [_state(dict(row)) for row in u.execute(wanted, raw=True).mappings()]


def _error(u: UnitOfWork, runs: TableClause) -> Any:
    """Return the error of a run as a column; the engine keeps results beside the runs."""
    results = engine.results_table(u.session.get_bind().dialect)
    beside = select(results.c.error).where(results.c.workflow_uuid == runs.c.workflow_uuid).scalar_subquery()
    return func.coalesce(beside, runs.c.error).label("error")


def _state(row: dict[str, Any]) -> JobState:
    error = json.loads(row["error"], object_hook=rich) if row["error"] else None
    return JobState(
        id=row["workflow_uuid"],
        name=row["name"].removesuffix(ON_SCHEDULE),
        status=_STATUS_OF.get(row["status"], Status.FAILED),
        asked_by_id=int(row["authenticated_user"]) if row["authenticated_user"] else None,
        asked_at=_moment(row["created_at"]) or clock.now(),
        started_at=_moment(row["started_at_epoch_ms"]),
        ended_at=_moment(row["completed_at"]) if row["status"] not in UNDER_WAY else None,
        done=row["done"] or 0,
        total=row["total"] or 0,
        error=error if isinstance(error, CrmError) else None,
        number=error.number if isinstance(error, JobFailed) else "",
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def as_frame(states: list[JobState]) -> pd.DataFrame:
    """Return runs as a frame with one row each: title, status, asked_at, ended_at, seconds, error, number."""
    rows = [
        {
            "title": one.title,
            "status": one.status,
            "asked_at": one.asked_at,
            "ended_at": one.ended_at,
            "seconds": (one.ended_at - one.started_at).total_seconds() if one.ended_at and one.started_at else None,
            "error": one.error,
            "number": one.number,
        }
        for one in states
    ]
    return pd.DataFrame(rows, columns=["title", "status", "asked_at", "ended_at", "seconds", "error", "number"])


@verb("account.edit", name="jobs.cancel")
def cancel(u: UnitOfWork, job_id: str) -> None:
    """Stop a job that one asked for oneself: what is done stays, the next step is not begun. Raises NotFound, Refused."""
    asked = state(u, job_id)
    if asked.asked_by_id != u.actor.id:
        raise Refused(N_("Only who asked for this can stop it."))
    u.after_commit(lambda: engine.client(u.database).cancel_workflow(job_id))
