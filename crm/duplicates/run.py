"""A look over the whole base: asked for or started by the calendar, done by a job, watched, stopped.

Promises: there is one at a time; a killed one begins again and leaves no half result; what it found replaces what the last one
found, and what people decided stays.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import delete, select

from crm.core import jobs, retry
from crm.core.access import SYSTEM, Actor, Identity
from crm.core.errors import Conflict, CrmError, NotFound, SignedOut
from crm.core.i18n import N_
from crm.core.jobs import JobContext, JobProgress
from crm.core.shelf import Shelf
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.duplicates import linking, reading
from crm.duplicates.linking import Found, Linking
from crm.duplicates.records import RIGHT, Pair, Run, State, bits
from db.dialect import upsert
from db.engine import Database

READ, WHOLE = 400, 1_000
"""Of how many steps a look has, so many are the reading."""

LOOK_SECONDS: Final = 1.0
SHELF: Final = Shelf("duplicates")
_BROKE: Final = N_("Something broke on our side. Please look for duplicates once more.")
_ENDED: Final = N_("The account that asked for this has ended.")

Who = Identity | Actor


# --- asking and stopping ------------------------------------------------------


@verb("customers.merge")
def look_now(u: UnitOfWork) -> Run:
    """Ask for a look over the whole base. Raises Conflict while one is under way."""
    if (last := last_run(u)) is not None and last.is_under_way and not is_lost(u, last):
        raise Conflict(N_("A look over the base is under way already."))
    _end_others(u, "")
    return u.add(Run(job_id=u.later(look_job), state=State.WAITING, asked_by_id=u.actor.id, asked_at=u.now))


@verb("customers.merge")
def stop(u: UnitOfWork, run_id: int) -> None:
    """Stop a look: what the one before found stays. Raises NotFound."""
    record = u.get(Run, run_id)
    if record.is_under_way:
        record.state, record.ended_at = State.STOPPED, u.now


# --- what the job does --------------------------------------------------------


@verb("customers.merge")
def begin(u: UnitOfWork, job_id: str) -> Run:
    """Write down that the job of a look is at work, for the first time or again after it was killed."""
    _end_others(u, job_id)
    record: Run | None = u.session.scalar(select(Run).where(Run.job_id == job_id).with_for_update())
    if record is None:  # the calendar started it
        record = u.add(Run(job_id=job_id, state=State.WAITING, asked_by_id=u.actor.id, asked_at=u.now))
    if record.is_under_way:
        record.state, record.started_at = State.RUNNING, u.now
    return record


def _end_others(u: UnitOfWork, job_id: str) -> None:
    """Write down the end of runs whose job is gone: one job of this queue is at work at a time."""
    for other in u.all(select(Run).where(Run.state == State.RUNNING, Run.job_id != job_id)):
        other.state, other.ended_at = State.FAILED, u.now
        other.problem = {"text": _BROKE, "values": {}}


@verb("customers.merge")
def keep(u: UnitOfWork, run_id: int, found: Sequence[Found]) -> None:
    """Keep pairs; what was known of one becomes new, what was decided of it stays."""
    if state_of(u, run_id) != State.RUNNING:
        return
    rows = [
        {
            "customer_id": one.customer_id,
            "other_id": one.other_id,
            "certainty": one.certainty,
            "signs": bits(*one.signs),
            "customer_version": one.versions[0],
            "other_version": one.versions[1],
            "found_at": u.now,
            "version": 1,
        }
        for one in found
    ]
    u.execute(
        upsert(u.session.get_bind().dialect, Pair.__table__, rows, ("customer_id", "other_id")), raw=True, bulk=True
    )


@verb("customers.merge")
def finish(u: UnitOfWork, run_id: int, customers: int) -> None:
    """Write down that a look is over, and let go of the pairs that it did not find any more and nobody decided about."""
    record = u.get(Run, run_id)
    if record.state != State.RUNNING or record.started_at is None:
        return
    record.state, record.ended_at, record.customer_count = State.FINISHED, u.now, customers
    pair = Pair.__table__
    left = pair.c.parted_at.is_(None) & (pair.c.found_at < record.started_at)
    u.execute(delete(pair).where(left), raw=True, bulk=True)


@verb("customers.merge")
def fail(u: UnitOfWork, job_id: str, error: CrmError) -> None:
    """Write down why a look ended without a result."""
    record = u.session.scalar(select(Run).where(Run.job_id == job_id))
    if record is not None and record.is_under_way:
        record.state, record.ended_at = State.FAILED, u.now
        record.problem = {"text": error.text, "values": {key: str(value) for key, value in error.values.items()}}


@jobs.job("duplicates.look", title=N_("Look for duplicates in the whole base"), queue=jobs.BULK, cron="23 2 * * 6")
def look_job(ctx: JobContext) -> None:
    """Look over the whole base. One that was killed begins anew."""
    try:
        look(ctx.database, ctx.who, ctx.job_id, ctx.progress, ctx.cancelled)
    except SignedOut:
        _give_up(ctx.database, ctx.job_id, CrmError(_ENDED))
        raise
    except CrmError as error:
        _give_up(ctx.database, ctx.job_id, error)
        raise
    except Exception:
        _give_up(ctx.database, ctx.job_id, CrmError(_BROKE))
        raise


def _give_up(database: Database, job_id: str, error: CrmError) -> None:
    with unit_of_work(database, SYSTEM) as u:
        fail(u, job_id, error)


def look(
    database: Database,
    who: Who,
    job_id: str,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Look over the whole base for whoever asked, and keep what is found. progress: is told how many steps of how many are done."""
    units = partial(unit_of_work, database, who)
    with units() as u:
        record = begin(u, job_id)
    if record.state != State.RUNNING:
        return
    with suppress(Stopped), linking.scratch(SHELF.folder()) as go, Watch(units, record.id, go, cancelled) as watch:
        for share in _take_up(units, go):
            watch.pause()
            progress(round(READ * share), WHOLE)
        for found in go.link(lambda share: progress(READ + round((WHOLE - READ - 1) * share), WHOLE)):
            watch.pause()
            retry.run(database, who, keep, record.id, found)
        watch.pause()
        retry.run(database, who, finish, record.id, go.count)
        progress(WHOLE, WHOLE)
        return
    if cancelled():
        retry.run(database, who, stop, record.id)


def _take_up(units: reading.Units, go: Linking) -> Iterator[float]:
    """Read the base; give the share that is read."""
    whole = max(reading.count(units), 1)
    for page in reading.pages(units):
        go.add(page)
        yield min(go.count / whole, 1.0)


class Stopped(Exception):  # noqa: N818  what happened to the look
    """Somebody stopped the look."""


class Watch:
    """Looks once a second whether somebody stopped the run, and ends then what is being computed: it raises Stopped."""

    def __init__(self, units: reading.Units, run_id: int, go: Linking, cancelled: Callable[[], bool]) -> None:
        self._units, self._run_id, self._go, self._cancelled = units, run_id, go, cancelled
        self._stopped, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="duplicates-watch", daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it; what broke off because somebody stopped it becomes Stopped."""
        self._over.set()
        self._thread.join()
        if error is not None and self._stopped.is_set() and not isinstance(error, Stopped):
            raise Stopped from error

    def pause(self) -> None:
        """Raise Stopped where somebody stopped the run."""
        if self._stopped.is_set():
            raise Stopped

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            with suppress(Exception):  # the database is away: the look itself will hear of it
                with self._units() as u:
                    running = state_of(u, self._run_id) == State.RUNNING
                if self._cancelled() or not running:
                    self._stopped.set()
                    self._go.interrupt()


# --- looking at it --------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """How far a look is: `done` of `whole` steps; reads: it still reads the base; waits: it has not begun."""

    done: int
    whole: int
    waits: bool

    @property
    def reads(self) -> bool:
        """Say whether it still reads the base; afterwards it compares."""
        return self.done < READ


_LAST: Final = select(Run).order_by(Run.id.desc()).limit(1)


def last_run(u: UnitOfWork, *, state: State | None = None) -> Run | None:
    """Return the newest look, or the newest in a state; None without one. Raises Refused without the right."""
    u.need(RIGHT)
    found: Run | None = u.session.scalar(_LAST if state is None else _LAST.where(Run.state == state))
    return found


def state_of(u: UnitOfWork, run_id: int) -> str:
    """Return the state of a look as it is now. Raises NotFound."""
    state = u.value(select(Run.state).where(Run.id == run_id))
    if state is None:
        raise NotFound
    return str(state)


def step(u: UnitOfWork, record: Run) -> Step:
    """Return how far a look is."""
    table = JobProgress.__table__.c
    row: Any = u.execute(select(table.done, table.total).where(table.job_id == record.job_id), raw=True).one_or_none()
    return Step(row.done if row else 0, WHOLE, waits=record.state == State.WAITING)


def is_lost(u: UnitOfWork, record: Run) -> bool:
    """Say whether the job of a look has ended without a word: its worker was killed too often."""
    try:
        with unit_of_work(u.database, SYSTEM, now=u.now) as whole:  # whoever asked for it: only he sees the job else
            return jobs.state(whole, record.job_id).is_over
    except NotFound:
        return True
