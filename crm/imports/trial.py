"""The trial run: it decides about every row as the run would and changes nothing but its own report.

Promises: its numbers are those of a run at this moment; what it shows of a customer's contact data only those read who may.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select

from crm.core import jobs, retry
from crm.core.access import Actor
from crm.core.audit_log import HIDDEN
from crm.core.errors import NotFound
from crm.core.i18n import N_
from crm.core.jobs import JobContext
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.imports import portraits
from crm.imports.matching import Decision, Known, Match, apply, decide, look_up
from crm.imports.records import Import, Outcome, State, as_causes
from crm.imports.rows import Prepared
from crm.imports.run import Who, chunks, guarded, locked, source_of
from db.engine import Database

SHOWN_FAULTS: Final = 100
"""So many faulty rows a trial run keeps to show."""
SHOWN_UPDATES: Final = 30
"""So many updates, each with what stands there before and after."""
LONGEST_SHOWN: Final = 200
REPORT_SECONDS: Final = 0.5


@dataclass
class _Trial:
    """The report of a trial run as it grows."""

    row: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[list[Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)

    def note(self, row: Prepared, decision: Decision, actor: Actor) -> None:
        """Take up what would become of a row; called before the next rows are told."""
        self.counts[decision.outcome] += 1
        if decision.outcome is Outcome.UPDATED and len(self.updates) < SHOWN_UPDATES:
            self.updates.append(_update(row, decision, actor))
        if decision.faults and len(self.faults) < SHOWN_FAULTS:
            self.faults.append([row.number, as_causes(decision.faults)])

    def as_json(self, *, done: bool) -> dict[str, Any]:
        outcomes = {str(outcome): self.counts[outcome] for outcome in Outcome}
        return {**outcomes, "row": self.row, "faults": self.faults, "updates": self.updates, "done": done}


def try_all(database: Database, who: Who, import_id: int, progress: Callable[[int], None] = lambda _: None) -> None:
    """Decide about every row and write nothing but the report: how many would be new, updated, left or faulty."""
    with unit_of_work(database, who) as u:
        source = source_of(u, import_id)
    known, trial, told_at = Known(source.under), _Trial(), time.monotonic()
    with source.rows() as rows:
        for chunk in chunks(rows):
            with unit_of_work(database, who) as u:
                if one_state(u, import_id) != State.CHECKING:
                    return
                look_up(u, chunk, known)
                fresh = []
                for row in chunk:
                    decision = decide(row, known, u.actor)
                    trial.note(row, decision, u.actor)
                    apply(row, decision, known)
                    fresh += [decision.match] if decision.outcome is Outcome.NEW and decision.match else []
                _lighten(fresh, known)
            trial.row += len(chunk)
            progress(trial.row)
            if time.monotonic() - told_at > REPORT_SECONDS:
                told_at = time.monotonic()
                retry.run(database, who, report, import_id, trial.as_json(done=False))
    retry.run(database, who, report, import_id, trial.as_json(done=True))


def _lighten(fresh: list[Match], known: Known) -> None:
    """Let go of what only a run needs: a trial run remembers every customer of the file to its end."""
    for match in fresh:
        match.row = None
        if known.under.plan.updates:
            match.pack()
        else:
            match.now = None


def _update(row: Prepared, decision: Decision, actor: Actor) -> dict[str, Any]:
    """Return one update for the report. Contact data stands in it only where whoever imports may see the customer's."""
    match, after = decision.match, decision.after
    if match is None or match.now is None or after is None:  # pragma: no cover  an update has all of them
        raise AssertionError
    in_full = actor.covers("customers.view_personal", match.owned)
    return {
        "row": row.number,
        "customer_id": match.id,
        "name": match.now.facts["name"],
        "fields": [
            [key, *(_shown(text, hidden=key in portraits.PERSONAL and not in_full) for text in pair)]
            for key, *pair in portraits.shown(match.now, after)
        ],
    }


def _shown(text: str, *, hidden: bool) -> str:
    return HIDDEN if hidden and text else text[:LONGEST_SHOWN]


def one_state(u: UnitOfWork, import_id: int) -> str:
    """Return the state of an import as it is now. Raises NotFound."""
    state = u.value(select(Import.state).where(Import.id == import_id))
    if state is None:
        raise NotFound
    return str(state)


@verb("imports.run")
def report(u: UnitOfWork, import_id: int, trial: dict[str, Any]) -> None:
    """Write down how far a trial run is; with `done` it has ended, and the import waits for its decision again."""
    record = locked(u, import_id)
    if record.state != State.CHECKING:
        return
    record.trial = trial
    if trial["done"]:
        record.state = State.STAGED


@jobs.job("imports.try", title=N_("Trial run of an import"), queue=jobs.BULK)
def trial_job(ctx: JobContext, *, import_id: int) -> None:
    """Go over a file without changing anything."""
    guarded(ctx, import_id, try_all)
