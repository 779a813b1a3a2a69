"""The run: rows become customers in chunks, each chunk whole or not at all, together with the place where the next begins.

Promises: a killed run goes on where it stopped, without half rows and without doubles; a person who works meanwhile waits
for a chunk, never for the import; a trial run decides by the same code and changes nothing but its own report.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from sqlalchemy import insert, select

from crm import contacts, customers, notifications, requisites, search, tags, templates
from crm.core import clock, jobs, retry
from crm.core.access import SYSTEM, Actor, Identity, Owned
from crm.core.errors import AlreadyDone, Conflict, CrmError, InvalidForm, NotFound, SignedOut, Unavailable
from crm.core.i18n import N_
from crm.core.jobs import JobContext
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.customers import CHOICES, TEXTS, Contact, Customer, CustomerTag, Email, Kind, Phone, Requisites, Stage
from crm.imports import files
from crm.imports import rows as reading
from crm.imports.matching import Decision, Known, Match, decide, kind_of, look_up, type_of
from crm.imports.records import Import, ImportRow, Outcome, State, as_causes, need_to_work_with
from crm.imports.rows import Prepared, Terms
from db.dialect import free_ids
from db.engine import Database

CHUNK: Final = 500
PAUSE: Final = 0.02
"""Seconds between two chunks, in which others write."""
LONGEST_HOLD: Final = 0.25
"""Seconds after which a chunk ends early: updates take longer than additions, and others wait for their turn."""
SHOWN_FAULTS: Final = 100
"""So many faulty rows a trial run keeps to show."""
CLASHES: Final = 5
REPORT_SECONDS: Final = 0.5
AWAY_SECONDS: Final = 10
AWAY_TRIES: Final = 360
"""How often and how long a run waits for a database that is away or full: an hour."""

Who = Identity | Actor


# --- one chunk ----------------------------------------------------------------


@dataclass
class _Writer:
    """Collects new customers and inserts them at once, as `customers.create` would have one by one."""

    u: UnitOfWork
    record: Import
    under: Terms
    waiting: list[tuple[Prepared, Match]] = field(default_factory=list)

    def add(self, row: Prepared, match: Match) -> None:
        """Take a new customer."""
        self.waiting.append((row, match))

    def flush(self) -> None:
        """Insert what waits and tell each match its id; ids that are known before spare asking for each row's.

        raw, bulk: a record object per row costs ten times as much. What the guards would ask was asked for each row by
        `decide`: the right to import and to add customers with exactly this owner.
        """
        if not self.waiting:
            return
        table: Any = Customer.__table__
        ids = free_ids(self.u.session.get_bind().dialect, table, len(self.waiting))
        for (_, match), key in zip(self.waiting, self.u.execute(ids, raw=True).scalars(), strict=True):
            match.id = key
        tokens = self._tokens()
        for target, found in (
            (table, [self._customer(row, match) for row, match in self.waiting]),
            (Phone.__table__, self._phones()),
            (Email.__table__, self._emails()),
            (Contact.__table__, self._contacts()),
            (CustomerTag.__table__, self._tags()),
            (Requisites.__table__, self._requisites()),
            (search.TOKENS, [{"token": token, "customer_id": key} for key, those in tokens for token in sorted(those)]),
        ):
            if found:
                self.u.execute(insert(target), found, raw=True, bulk=True)
        search.learn(self.u, {word for _, those in tokens for word in search.vocabulary(those)})
        self.waiting.clear()

    def _customer(self, row: Prepared, match: Match) -> dict[str, Any]:
        fixed = self.under.plan.fixed
        nothing: dict[str, Any] = dict.fromkeys((*TEXTS, *CHOICES, "employees"))
        given = {
            "kind": fixed.get("kind", str(Kind.COMPANY)),
            "stage": fixed.get("stage", str(Stage.POTENTIAL)),
            "source": fixed.get("source"),
        }
        kept = {
            "id": match.id,
            "extra": row.kept,
            "created_at": self.u.now,
            "created_by_id": self.u.actor.id,
            "import_id": self.record.id,
        }
        one, ways = type_of(row, self.under), {"phones": bool(row.facts.phones), "emails": bool(row.emails)}
        facts = nothing | given | row.fields | match.owned._asdict() | kept | {"type": one.code}
        there = templates.filled(facts, extra=row.kept, **ways)
        return facts | {"completeness": templates.score(one, self.under.fields, there)}

    def _phones(self) -> list[dict[str, Any]]:
        return [
            {"customer_id": match.id, "number": number, "digits": digits, "position": position}
            for row, match in self.waiting
            for position, (number, digits) in enumerate(row.facts.phones or ())
        ]

    def _emails(self) -> list[dict[str, Any]]:
        return [
            {"customer_id": match.id, "address": address, "position": position}
            for row, match in self.waiting
            for position, address in enumerate(row.emails)
        ]

    def _contacts(self) -> list[dict[str, Any]]:
        nothing: dict[str, Any] = {"position": None, "phones": "", "digits": "", "emails": "", "is_primary": True}
        kept = {"created_at": self.u.now, "created_by_id": self.u.actor.id}
        return [
            nothing | dict(row.contact_facts) | kept | {"customer_id": match.id}
            for row, match in self.waiting
            if row.contact_facts
        ]

    def _requisites(self) -> list[dict[str, Any]]:
        nothing: dict[str, Any] = dict.fromkeys(requisites.FIELDS) | {"created_at": self.u.now}
        signed = ((row.requisites, match.id) for row, match in self.waiting if row.requisites)
        return [nothing | dict(facts) | {"customer_id": key} for facts, key in signed]

    def _tags(self) -> list[dict[str, Any]]:
        names = sorted({name for row, _ in self.waiting for name in row.tags})
        known = tags.known(self.u, names)
        if fresh := [name for name in names if tags.key_of(name) not in known]:
            known |= tags.learn(self.u, fresh)
        return [
            {"customer_id": match.id, "tag_id": known[tags.key_of(name)]}
            for row, match in self.waiting
            for name in row.tags
        ]

    def _tokens(self) -> list[tuple[int | None, set[str]]]:
        return [(match.id, row.tokens) for row, match in self.waiting]


@verb("imports.run")
def take(u: UnitOfWork, import_id: int, place: int, rows: Sequence[Prepared], under: Terms) -> int:
    """Store the rows that begin at `place` and move the import's place; return how many were taken, -1 when none is due.

    None is due when somebody stopped the import or another process has done these rows already.
    """
    record = locked(u, import_id)
    if record.state != State.RUNNING or record.next_row != place:
        return -1
    begun = time.perf_counter()
    known, writer = Known(), _Writer(u, record, under)
    look_up(u, rows, known)
    told: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    for row in rows:
        decision = _store(u, writer, row, decide(row, known, u.actor, under), known)
        counts[decision.outcome] += 1
        if decision.outcome in {Outcome.UPDATED, Outcome.FAULTY}:
            told.append(_told(record.id, row, decision))
        if time.perf_counter() - begun > LONGEST_HOLD:
            break
    writer.flush()
    if told:
        u.execute(
            insert(ImportRow.__table__), told, raw=True, bulk=True
        )  # raw, bulk: one statement for all rows of the chunk
    _move(record, counts)
    return counts.total()


def locked(u: UnitOfWork, import_id: int) -> Import:
    """Return an import that nobody else changes until this transaction ends. Raises NotFound, Refused."""
    record: Import | None = u.session.scalar(select(Import).where(Import.id == import_id).with_for_update())
    if record is None:
        raise NotFound
    need_to_work_with(u.actor, record)
    return record


def _store(u: UnitOfWork, writer: _Writer, row: Prepared, decision: Decision, known: Known) -> Decision:
    """Do what was decided; return what came of it: a stored customer can still refuse what the row brings."""
    if decision.outcome is Outcome.NEW:
        match = Match(None, decision.owned, row.external_number, kind_of(row, writer.under))
        writer.add(row, match)
        known.add(row, match)
    elif decision.outcome is Outcome.UPDATED and decision.match is not None:
        writer.flush()  # the row may mean a customer that still waits
        try:
            _change(u, decision.match, row)
        except InvalidForm as form:  # the form is checked before anything is changed
            return Decision(Outcome.FAULTY, faults=form.faults)
        known.add(row, decision.match)
    return decision


def _change(u: UnitOfWork, match: Match, row: Prepared) -> None:
    """Bring a stored customer up to date: what the row leaves empty stays, phones and e-mails come to those that are there."""
    customer = u.get(Customer, match.id or 0)
    raw = {key: value for key, value in row.raw.items() if key not in {"phones", "emails"}}
    for key, column, model in (("phones", Phone.number, Phone), ("emails", Email.address, Email)):
        if fresh := (row.emails if key == "emails" else [number for number, _ in row.facts.phones or ()]):
            raw[key] = [
                *u.inside(select(column).where(model.customer_id == customer.id).order_by(model.position)),
                *fresh,
            ]
    if raw:
        customers.edit(u, customer.id, raw, seen=customer.version)
    if row.person is not None and row.person.id != customer.responsible_id:
        customers.assign(u, customer.id, responsible_id=row.person.id, seen=customer.version)
        match.owned = Owned(customer.responsible_id, customer.team_id, customer.partner_id)
    if row.requisites:
        requisites.complete(u, customer.id, row.requisites)
    if row.tags:
        tags.change(u, customer.id, on=row.tags)
    if row.contact:
        contacts.complete(u, customer.id, row.contact)
    if row.extra:
        customer.extra = {**customer.extra, **row.extra}


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


def _chunks(rows: Iterator[Prepared]) -> Iterator[list[Prepared]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def run_all(database: Database, who: Who, import_id: int, progress: Callable[[int], None] = lambda _: None) -> None:
    """Store all rows that are still to come and finish the import; returns when it is finished or was stopped.

    progress: is told after each chunk how many rows are done. Raises CrmError when it cannot go on; `fail` writes that down.
    """
    with unit_of_work(database, who) as u:
        source = source_of(u, import_id)
    place = source.record.next_row
    with source.rows(place) as rows:
        for chunk in _chunks(rows):
            waiting = chunk
            while waiting:
                taken = _take_patiently(lambda: unit_of_work(database, who), import_id, place, waiting, source.under)
                if taken < 0:
                    return
                waiting, place = waiting[taken:], place + taken
                progress(place)
                time.sleep(PAUSE)
    with unit_of_work(database, who) as u:
        finish(u, import_id)
    notify(database, import_id)


def _take_patiently(
    unit: Callable[[], AbstractContextManager[UnitOfWork]],
    import_id: int,
    place: int,
    rows: Sequence[Prepared],
    under: Terms,
) -> int:
    """Store one chunk; a clash with somebody's change rolls it back, and it is tried again."""

    def attempt() -> int:
        with unit() as u:
            return take(u, import_id, place, rows, under)

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
        record.state = State.FAILED if record.state == State.RUNNING else State.STAGED
        record.problem = {"text": error.text, "values": {key: str(value) for key, value in error.values.items()}}


def notify(database: Database, import_id: int) -> None:
    """Put the result behind the bell of whoever imports, once."""
    text = N_("Import of {file}: {new} new, {updated} updated, {skipped} left as they were, {faulty} faulty.")
    try:
        with unit_of_work(database, SYSTEM, key=f"import-{import_id}-told") as u:
            record = u.get(Import, import_id)
            if record.responsible_id is not None:
                told = {"file": record.file_name, **record.counts}
                notifications.send(u, record.responsible_id, text, page="imports", query={"id": str(import_id)}, **told)
    except AlreadyDone:
        return


# --- the trial run ------------------------------------------------------------


@dataclass
class _Trial:
    """The report of a trial run as it grows."""

    row: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[list[Any]] = field(default_factory=list)

    def note(self, row: Prepared, decision: Decision) -> None:
        self.counts[decision.outcome] += 1
        if decision.faults and len(self.faults) < SHOWN_FAULTS:
            self.faults.append([row.number, as_causes(decision.faults)])

    def as_json(self, *, done: bool) -> dict[str, Any]:
        outcomes = {str(outcome): self.counts[outcome] for outcome in Outcome}
        return {**outcomes, "row": self.row, "faults": self.faults, "done": done}


def try_all(database: Database, who: Who, import_id: int, progress: Callable[[int], None] = lambda _: None) -> None:
    """Decide about every row and write nothing but the report: how many would be new, updated, left or faulty."""
    with unit_of_work(database, who) as u:
        source = source_of(u, import_id)
    known, trial, told_at = Known(), _Trial(), time.monotonic()
    with source.rows() as rows:
        for chunk in _chunks(rows):
            with unit_of_work(database, who) as u:
                if one_state(u, import_id) != State.CHECKING:
                    return
                look_up(u, chunk, known)
                for row in chunk:
                    decision = decide(row, known, u.actor, source.under)
                    trial.note(row, decision)
                    _simulate(row, decision, known, source.under)
            trial.row += len(chunk)
            progress(trial.row)
            if time.monotonic() - told_at > REPORT_SECONDS:
                told_at = time.monotonic()
                retry.run(database, who, report, import_id, trial.as_json(done=False))
    retry.run(database, who, report, import_id, trial.as_json(done=True))


def _simulate(row: Prepared, decision: Decision, known: Known, under: Terms) -> None:
    if decision.outcome is Outcome.NEW:
        known.add(row, Match(None, decision.owned, row.external_number, kind_of(row, under)))
    elif decision.outcome is Outcome.UPDATED and decision.match is not None:
        if row.person is not None:
            decision.match.owned = Owned(row.person.id, row.person.team_id, decision.match.owned.partner_id)
        known.add(row, decision.match)


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


# --- jobs ---------------------------------------------------------------------


@jobs.job("imports.run", title=N_("Import of customers"), queue=jobs.BULK)
def run_job(ctx: JobContext, *, import_id: int) -> None:
    """Import a file. A run that was killed begins again here and goes on at the import's next row."""
    _guarded(ctx, import_id, run_all)


@jobs.job("imports.try", title=N_("Trial run of an import"), queue=jobs.BULK)
def trial_job(ctx: JobContext, *, import_id: int) -> None:
    """Go over a file without changing anything."""
    _guarded(ctx, import_id, try_all)


def _guarded(ctx: JobContext, import_id: int, work: Callable[..., None]) -> None:
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
