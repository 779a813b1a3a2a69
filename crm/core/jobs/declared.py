"""Declaring jobs, and what a running job works with."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy.orm import Mapped, mapped_column
from structlog.contextvars import bound_contextvars

from crm.core import clock, logs, retry
from crm.core.access import SYSTEM, Actor, Identity
from crm.core.errors import CrmError, Refused, SignedOut
from crm.core.i18n import N_
from crm.core.jobs import engine
from crm.core.jobs.facts import QUEUE, Job, JobFailed
from crm.core.uow import UnitOfWork, unit_of_work
from db.base import Base
from db.dialect import upsert
from db.engine import Database

R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

PROGRESS_SECONDS: Final = 1.0

log = logs.logger("rapport.jobs")


class JobProgress(Base):
    """How far a running job says that it is."""

    __tablename__ = "job_progress"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    done: Mapped[int]
    total: Mapped[int]
    at: Mapped[datetime] = mapped_column(index=True)


JOBS: Final[dict[str, Job]] = {}
"""Every job by its name."""


def job(name: str, *, title: str, queue: str = QUEUE, cron: str | None = None) -> Callable[[F], F]:
    """Declare a function as a job: it takes a JobContext and keyword facts that JSON can hold.

    name: never changes once released: jobs under way find their function by it. A job whose steps change gets a new name.
    title: the msgid of its name for people. cron: five fields, UTC; such a job must do without facts.
    """

    def declare(function: F) -> F:
        if name in JOBS:
            raise ValueError(f"There are two jobs named {name}.")
        JOBS[name] = Job(name, title, queue, function, cron)
        function.job = JOBS[name]  # type: ignore[attr-defined]
        return function

    return declare


class JobContext:
    """What a job works with.

    database: for work below the door. who: on whose behalf. job_id: names the run, the same after a restart.
    """

    def __init__(self, database: Database, job_id: str, who: Identity | Actor) -> None:
        self.database, self.job_id, self.who = database, job_id, who
        self._told_at: datetime | None = None

    def uow(self, *, key: str | None = None) -> AbstractContextManager[UnitOfWork]:
        """Open a unit of work with the rights that the asker has now. Raises Refused when the account has ended."""
        return unit_of_work(self.database, self.who, key=key)

    def step(self, name: str, function: Callable[..., R], *args: Any) -> R:
        """Do one durable step: once its result (JSON) is recorded it is not done again, also after kill -9.

        A step that was killed before its result was recorded is done again: what it does must bear that, or be a `change`.
        Steps come in the same order at every run of the same job. Trouble that passes is waited for.
        """

        def attempt() -> R:
            return _honestly(lambda: retry.patiently(lambda: function(*args)))

        return engine.run_step(name, attempt)

    def change(self, name: str, command: Callable[..., Any], *args: Any, **facts: Any) -> None:
        """Run one verb as a durable step in a transaction of its own: exactly once, killed or not."""
        key = f"job:{self.job_id}:{name}"

        def once() -> None:
            retry.run(self.database, self.who, command, *args, key=key, **facts)

        self.step(name, once)

    def progress(self, done: int, total: int) -> None:
        """Say how far the job is, for the page that waits; written at most once a second and at the end."""
        now = clock.now()
        if done < total and self._told_at and (now - self._told_at).total_seconds() < PROGRESS_SECONDS:
            return
        self._told_at = now
        row = {"job_id": self.job_id, "done": done, "total": total, "at": now}
        with self.database.writing() as connection:
            connection.execute(upsert(connection.dialect, JobProgress.__table__, [row], ["job_id"]))

    def cancelled(self) -> bool:
        """Say whether somebody stopped the job. The next step would end it anyway; long steps ask for themselves."""
        return engine.was_cancelled(self.database, self.job_id)


def _honestly(function: Callable[[], R]) -> R:
    """Run a part of a job; what a person may read passes, a mistake of ours becomes a number."""
    try:
        return function()
    except SignedOut as ended:
        raise Refused(N_("The account that asked for this has ended.")) from ended
    except (CrmError, JobFailed):
        raise
    except Exception as error:
        raise JobFailed(type(error).__name__, logs.number_of(error)) from error


def perform(database: Database, one: Job, job_id: str, asked_by: int | None, facts: Mapping[str, Any]) -> Any:
    """Run a job's function: called by the engine, for the first time or after a restart."""
    context = JobContext(database, job_id, SYSTEM if asked_by is None else Identity(asked_by))
    with bound_contextvars(job=job_id, name=one.name):
        log.info("job runs")
        result = _honestly(lambda: one.function(context, **facts))
        log.info("job done")
    return result


def start(database: Database, executor: str) -> None:
    """Start working off the declared jobs in this process. executor: the worker's name, the same at every start."""
    engine.start(database, executor, JOBS.values(), perform)
