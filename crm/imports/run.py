"""The run: rows become customers in chunks, each chunk whole or not at all, together with the place where the next begins.

Promises: a killed run goes on where it stopped, without half rows and without doubles; a person who works meanwhile waits
for a chunk, never for the import; a trial run decides by the same code and changes nothing but its own report.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy import delete, insert, select

from crm import notifications
from crm.core import clock, jobs, retry
from crm.core.access import SYSTEM, Actor, Identity
from crm.core.errors import AlreadyDone, Conflict, CrmError, NotFound, SignedOut, Unavailable
from crm.core.i18n import N_
from crm.core.jobs import JobContext
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.imports import files, portraits
from crm.imports import rows as reading
from crm.imports.matching import Decision, Known, apply, decide, look_up
from crm.imports.portraits import Changes
from crm.imports.records import Import, ImportChange, ImportRow, Outcome, State, as_causes, need_to_work_with
from crm.imports.rows import Prepared, Terms
from crm.imports.storing import write
from db.engine import Database

CHUNK: Final = 500
MOST_CHANGED: Final = 200
"""So many rows of those that update: writing a change takes longer than an addition."""
PAUSE: Final = 0.02
"""Seconds between two chunks, in which others write."""
LONGEST_HOLD: Final = 0.25
"""Seconds after which a chunk ends early: others wait for their turn."""
CLASHES: Final = 5
AWAY_SECONDS: Final = 10
AWAY_TRIES: Final = 360
"""How often and how long a run waits for a database that is away or full: an hour."""

Who = Identity | Actor


# --- one chunk ----------------------------------------------------------------


@verb("imports.run")
def take(u: UnitOfWork, import_id: int, place: int, rows: Sequence[Prepared], under: Terms) -> int:
    """Store the rows that begin at `place` and move the import's place; return how many were taken, -1 when none is due.

    None is due when somebody stopped the import or another process has done these rows already.
    """
    record = locked(u, import_id)
    if record.state != State.RUNNING or record.next_row != place:
        return -1
    known = Known(under)
    look_up(u, rows, known, hold=True)
    decided = _decide_all(u, rows, known)
    fresh = [one.match for _, one in decided if one.outcome is Outcome.NEW and one.match]
    for match in fresh:
        match.import_id = record.id
    written = write(u, [*fresh, *known.stored.values()], {"import": [None, record.id]})
    own = {one.id for one in known.stored.values() if one.import_id == record.id}
    _remember(u, record.id, {key: found for key, found in written.changes.items() if key not in own})
    told = [_told(record.id, row, one) for row, one in decided if one.outcome in {Outcome.UPDATED, Outcome.FAULTY}]
    if told:
        u.execute(insert(ImportRow.__table__), told, raw=True, bulk=True)  # raw, bulk: one statement for the chunk
    record.made_tags = [*record.made_tags, *written.tags]
    _move(record, Counter(one.outcome for _, one in decided))
    return len(decided)


def _decide_all(u: UnitOfWork, rows: Sequence[Prepared], known: Known) -> list[tuple[Prepared, Decision]]:
    """Decide about row after row, so that each meets those before it, as long as others can wait."""
    begun, decided = time.perf_counter(), []
    for row in rows:
        decision = decide(row, known, u.actor)
        apply(row, decision, known)
        decided.append((row, decision))
        if time.perf_counter() - begun > LONGEST_HOLD:
            break
    return decided


def _remember(u: UnitOfWork, import_id: int, changes: Mapping[int, Changes]) -> None:
    """Keep what an undo needs of customers who were there before; rows that change one after the other become one change.

    raw, bulk: one statement for the chunk.
    """
    if not changes:
        return
    table = ImportChange.__table__
    mine = (table.c.import_id == import_id) & table.c.customer_id.in_(sorted(changes))
    before = {row.customer_id: row.changes for row in u.execute(select(table).where(mine), raw=True)}
    if before:
        u.execute(delete(table).where(mine), raw=True, bulk=True)
    rows = [
        {
            "import_id": import_id,
            "customer_id": key,
            "changes": portraits.merged(before.get(key, {}), found),
            "kept": [],
        }
        for key, found in sorted(changes.items())
    ]
    u.execute(insert(table), rows, raw=True, bulk=True)


def locked(u: UnitOfWork, import_id: int) -> Import:
    """Return an import that nobody else changes until this transaction ends. Raises NotFound, Refused."""
    record: Import | None = u.session.scalar(select(Import).where(Import.id == import_id).with_for_update())
    if record is None:
        raise NotFound
    need_to_work_with(u.actor, record)
    return record


def _told(import_id: int, row: Prepared, decision: Decision) -> dict[str, Any]:
    customer_id = decision.match.id if decision.match else None
    causes = as_causes(decision.faults)
    return {
        "import_id": import_id,
        "row": row.number,
        "outcome": str(decision.outcome),
        "customer_id": customer_id,
        "causes": causes,
    }


def _move(record: Import, counts: Counter[str]) -> None:
    record.next_row += counts.total()
    for outcome, count in counts.items():
        setattr(record, f"{outcome}_count", getattr(record, f"{outcome}_count") + count)


# --- all chunks ---------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """Where the rows of an import come from, and where it goes on."""

    record: Import
    under: Terms

    @contextmanager
    def rows(self, start: int = 0) -> Iterator[Iterator[Prepared]]:
        """Open the file and give its rows from `start` on, prepared one by one while they are taken."""
        with files.table(self.record.stored_as, self.record.kind, self.record.how) as (_, found):
            yield (reading.prepare(row, self.under) for row in islice(found, start, None))


def source_of(u: UnitOfWork, import_id: int) -> Source:
    """Return the source of an import under the terms of this moment. Raises NotFound."""
    record = u.get(Import, import_id)
    return Source(record, reading.terms(u, record.plan, record.headings))


def chunks(rows: Iterator[Prepared], *, updates: bool = False) -> Iterator[list[Prepared]]:
    """Give rows in chunks of CHUNK, smaller ones where they update."""
    size = min(CHUNK, MOST_CHANGED) if updates else CHUNK
    while chunk := list(islice(rows, size)):
        yield chunk


def run_all(database: Database, who: Who, import_id: int, progress: Callable[[int], None] = lambda _: None) -> None:
    """Store all rows that are still to come and finish the import; returns when it is finished or was stopped.

    progress: is told after each chunk how many rows are done. Raises CrmError when it cannot go on; `fail` writes that down.
    """
    with unit_of_work(database, who) as u:
        source = source_of(u, import_id)
    place = source.record.next_row
    with source.rows(place) as rows:
        for chunk in chunks(rows, updates=source.under.plan.updates):
            waiting = chunk
            while waiting:
                taken = patiently(database, who, take, import_id, place, waiting, source.under)
                if taken < 0:
                    return
                waiting, place = waiting[taken:], place + taken
                progress(place)
                time.sleep(PAUSE)
    with unit_of_work(database, who) as u:
        finish(u, import_id)
    notify(database, import_id)


def patiently(database: Database, who: Who, step: Callable[..., int], *facts: Any) -> int:
    """Take one step in a unit of its own; a clash with somebody's change rolls it back, and it is tried again."""

    def attempt() -> int:
        with unit_of_work(database, who) as u:
            return step(u, *facts)

    for remaining in reversed(range(CLASHES)):
        try:
            return retry.patiently(attempt)
        except Conflict:
            if not remaining:
                raise
    raise AssertionError  # pragma: no cover  the loop returns or raises


@verb("imports.run")
def finish(u: UnitOfWork, import_id: int) -> None:
    """Write down that all rows are done, with one entry in the audit log for the whole import."""
    record = locked(u, import_id)
    if record.state != State.RUNNING:
        return
    record.state, record.finished_at = State.FINISHED, u.now
    u.remember(record, {key: [0, count] for key, count in record.counts.items()})


@verb("imports.run")
def fail(u: UnitOfWork, import_id: int, error: CrmError) -> None:
    """Write down why a run cannot go on. What is stored stays, and the run can be taken up again."""
    record = locked(u, import_id)
    if record.is_under_way:
        record.state = State.STAGED if record.state == State.CHECKING else State.FAILED
        record.problem = {"text": error.text, "values": {key: str(value) for key, value in error.values.items()}}


def notify(database: Database, import_id: int) -> None:
    """Put the result behind the bell of whoever imports, once."""
    text = N_("Import of {file}: {new} new, {updated} updated, {skipped} unchanged, {faulty} faulty.")
    tell(database, import_id, text, "told")


def tell(database: Database, import_id: int, text: str, what: str) -> None:
    """Put something behind the bell of whoever imports, once for each `what`."""
    try:
        with unit_of_work(database, SYSTEM, key=f"import-{import_id}-{what}") as u:
            record = u.get(Import, import_id)
            if record.responsible_id is not None:
                told = {"file": record.file_name, **record.counts, **(record.undone or {})}
                notifications.send(u, record.responsible_id, text, page="imports", query={"id": str(import_id)}, **told)
    except AlreadyDone:
        return


# --- jobs ---------------------------------------------------------------------


@jobs.job("imports.run", title=N_("Import of customers"), queue=jobs.BULK)
def run_job(ctx: JobContext, *, import_id: int) -> None:
    """Import a file. A run that was killed begins again here and goes on at the import's next row."""
    guarded(ctx, import_id, run_all)


def guarded(ctx: JobContext, import_id: int, work: Callable[..., None]) -> None:
    """Do the work; wait where the database is away, and write down what else keeps it from going on."""
    with unit_of_work(ctx.database, SYSTEM) as u:
        total = u.get(Import, import_id).row_count
    for remaining in reversed(range(AWAY_TRIES)):
        try:
            work(ctx.database, ctx.who, import_id, lambda done: ctx.progress(done, total))
        except Unavailable:
            if not remaining:
                raise
            time.sleep(AWAY_SECONDS)
        except SignedOut:
            _give_up(ctx.database, import_id, CrmError(N_("The account that asked for this has ended.")))
            raise
        except CrmError as error:
            _give_up(ctx.database, import_id, error)
            raise
        except Exception:
            _give_up(ctx.database, import_id, CrmError(_BROKE))
            raise
        else:
            return


_BROKE: Final = N_("Something broke on our side. What was stored stays; the import can be taken up again.")


def _give_up(database: Database, import_id: int, error: CrmError) -> None:
    with unit_of_work(database, SYSTEM) as u:
        fail(u, import_id, error)


ORPHAN_SECONDS: Final = 86_400


@jobs.job("imports.remove_files", title=N_("Removal of old import files"), cron="17 3 * * *")
def remove_files_job(ctx: JobContext) -> None:
    """Remove the files of old imports and those that belong to none."""
    from crm.imports import steps  # noqa: PLC0415  steps enqueue these jobs

    with ctx.uow() as u:
        steps.remove_old_files(u)
    with ctx.uow() as u:
        belonging = set(u.all(select(Import.stored_as)))
    for token, written_at in files.stored_tokens().items():
        if token not in belonging and clock.now().timestamp() - written_at > ORPHAN_SECONDS:
            files.remove(token)
