"""Steps: what a person does with an import, from the uploaded file to its end.

Promises: whoever imports sees his own imports only, unless his right reaches further; reading a large file never holds a
transaction; the same file with the same mapping is noticed.
"""

from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import delete, select, update

from crm import fields, templates
from crm.core import jobs
from crm.core.errors import Conflict, Invalid, NotFound
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.imports import files, guessing, headings, run, trial, undo
from crm.imports import mapping as mappings
from crm.imports.files import Format, Reading, Received, Survey
from crm.imports.mapping import FieldMapping
from crm.imports.records import UNDO_DAYS, Import, ImportChange, ImportRow, State, need_to_work_with
from crm.imports.rows import terms
from crm.imports.run import locked

FINISHED_DAYS: Final = 30
STAGED_DAYS: Final = 7


# --- before a transaction: files take their time ------------------------------


def receive(u: UnitOfWork, name: str, content: bytes) -> Received:
    """Store an uploaded file and look at it; `stage` makes an import of it. Raises Invalid beside `file`, Refused."""
    u.need("imports.run")
    u.session.rollback()  # a reading transaction that stays open for seconds lets the database's journal grow
    return files.receive(name, content)


def once_more(u: UnitOfWork, import_id: int) -> Received:
    """Bring the file of an import once more, for `stage`: after an undo it can be imported again. Raises Invalid, NotFound."""
    record = u.get(Import, import_id)
    need_to_work_with(u.actor, record)
    if record.file_removed_at is not None:
        raise Invalid(_NO_FILE, field="file")
    facts = record.stored_as, record.file_name, record.kind, record.sha256
    seen = Survey(record.how, tuple(record.headings), record.row_count, tuple(record.sheets))
    u.session.rollback()  # as in `receive`
    return files.copied(*facts, seen)


def survey(u: UnitOfWork, import_id: int, reading: Reading) -> Survey:
    """Read the file of an import in another way (encoding, delimiter, sheet, heading); `reread` takes it over.

    Raises Invalid beside `encoding`, `delimiter` or `file`, NotFound.
    """
    record = u.get(Import, import_id)
    need_to_work_with(u.actor, record)
    token, form = record.stored_as, record.kind
    u.session.rollback()  # as in `receive`
    return files.survey(token, form, reading)


# --- verbs --------------------------------------------------------------------


@verb("imports.run")
def stage(u: UnitOfWork, received: Received, *, word: str = "Customer", like: int | None = None) -> Import:
    """Make an import of a received file, with a proposed mapping. word: how a customer without a name is called.

    like: an import whose mapping it takes over.
    """
    found = received.survey
    plan = u.get(Import, like).plan if like is not None else None
    record = Import(
        responsible_id=u.actor.id,
        team_id=u.actor.team_id,
        partner_id=u.actor.partner_id,
        file_name=received.name,
        stored_as=received.token,
        sha256=received.sha256,
        format=str(received.format),
        created_at=u.now,
        **_seen(found),
        mapping=(plan or _proposed(u, received.token, received.format, found, word)).as_json(),
    )
    return u.add(record)


@verb("imports.run")
def reread(u: UnitOfWork, import_id: int, survey: Survey, *, seen: int, word: str = "Customer") -> Import:
    """Take over another way of reading the file. The mapping is proposed anew when the columns are others."""
    record = _staged(u, import_id, seen)
    before = record.headings
    for key, value in _seen(survey).items():
        setattr(record, key, value)
    record.trial = None
    if record.headings != before:
        record.mapping = _proposed(u, record.stored_as, record.kind, survey, word).as_json()
    return record


@verb("imports.run")
def choose(u: UnitOfWork, import_id: int, plan: FieldMapping, *, seen: int) -> Import:
    """Set the mapping. Raises InvalidForm with a fault per column or option, Conflict, NotFound."""
    record = _staged(u, import_id, seen)
    mappings.check(plan, record.headings, fields.definitions(u), templates.in_use(u))
    if plan.as_json() != record.mapping:
        record.mapping, record.trial = plan.as_json(), None
    return record


@verb("imports.run")
def attempt(u: UnitOfWork, import_id: int) -> None:
    """Start a trial run over the whole file, which changes nothing. Raises InvalidForm for an unfinished mapping."""
    record = _ready(u, import_id)
    record.state, record.trial, record.problem = State.CHECKING, None, None
    record.job_id = u.later(trial.trial_job, import_id=record.id)


@verb("imports.run")
def start(u: UnitOfWork, import_id: int, *, again: bool = False) -> None:
    """Start the run as a job. again: the person knows that the same file was imported before.

    Raises InvalidForm for an unfinished mapping, Invalid beside `again`, NotFound.
    """
    record = _begin(u, import_id, again=again)
    record.job_id = u.later(run.run_job, import_id=record.id)


@verb("imports.run")
def start_here(u: UnitOfWork, import_id: int, *, again: bool = False) -> None:
    """Start the run in the process that calls: `run.run_all` follows. Raises as `start`."""
    _begin(u, import_id, again=again)


def _begin(u: UnitOfWork, import_id: int, *, again: bool) -> Import:
    record = _ready(u, import_id)
    if not again and (before := earlier(u, record)) is not None:
        text = N_("This file was imported with the same mapping on {day}.")
        raise Invalid(text, field="again", day=(before.finished_at or before.created_at).date())
    record.state, record.asked_again, record.problem = State.RUNNING, again, None
    record.started_at = record.started_at or u.now
    return record


@verb("imports.run")
def stop(u: UnitOfWork, import_id: int) -> None:
    """Stop a run, a trial run or an undo after the rows it is at: what is stored stays."""
    record = locked(u, import_id)
    if record.state in {State.RUNNING, State.UNDOING}:
        record.state = State.STOPPED
    elif record.state == State.CHECKING:
        record.state, record.trial = State.STAGED, None


@verb("imports.run")
def resume(u: UnitOfWork, import_id: int) -> None:
    """Take up a stopped or failed run or undo, or one whose job is gone, at its next row. Raises Conflict when it runs."""
    record = locked(u, import_id)
    if record.state not in {State.STOPPED, State.FAILED} and not is_stuck(u, record):
        raise Conflict(_NOT_NOW)
    if record.undo_asked_at is not None:
        _undo(u, record)
        return
    if record.file_removed_at is not None:
        raise Invalid(_NO_FILE, field="file")
    if record.state == State.CHECKING:
        record.job_id = u.later(trial.trial_job, import_id=record.id)
        return
    record.state, record.problem = State.RUNNING, None
    record.job_id = u.later(run.run_job, import_id=record.id)


@verb("imports.run")
def take_all_back(u: UnitOfWork, import_id: int) -> None:
    """Undo an import as a job: new customers go, updated ones get back what they had. Raises Conflict when it cannot be."""
    record = locked(u, import_id)
    if not record.can_be_undone(u.now):
        raise Conflict(_NOT_NOW)
    record.undo_asked_at, record.undone = u.now, dict(undo.NOTHING)
    _undo(u, record)


def _undo(u: UnitOfWork, record: Import) -> None:
    record.state, record.problem = State.UNDOING, None
    record.job_id = u.later(undo.undo_job, import_id=record.id)


@verb("imports.run")
def discard(u: UnitOfWork, import_id: int) -> None:
    """Throw away an import that stored nothing yet, with its file. Raises Conflict otherwise."""
    record = locked(u, import_id)
    if record.state != State.STAGED or record.next_row:
        raise Conflict(_NOT_NOW)
    token = record.stored_as
    u.delete(record)
    u.after_commit(lambda: files.remove(token))


@verb("imports.run")
def remove_old_files(u: UnitOfWork) -> None:
    """Remove the files of imports that ended or were left long ago, what was quoted from them and what undoing them needs."""
    ended, left = u.now - timedelta(days=FINISHED_DAYS), u.now - timedelta(days=STAGED_DAYS)
    over = [State.FINISHED, State.STOPPED, State.FAILED, State.UNDONE]
    idle = Import.state.in_(over) & (Import.created_at < ended)
    old = select(Import.id).where(Import.state.in_(over), Import.created_at < u.now - timedelta(days=UNDO_DAYS))
    u.execute(delete(ImportChange).where(ImportChange.import_id.in_(old)), bulk=True)
    forgotten = (Import.state == State.STAGED) & (Import.created_at < left)
    for record in u.all(select(Import).where(Import.file_removed_at.is_(None), idle | forgotten)):
        record.file_removed_at, record.trial = u.now, None
        # bulk: as many rows as the file had
        u.execute(update(ImportRow).where(ImportRow.import_id == record.id).values(causes=[]), bulk=True)
        u.after_commit(partial(files.remove, record.stored_as))


_NOT_NOW: Final = N_("This is not possible in the state that the import is in.")
_NO_FILE: Final = N_("The file of this import was removed. Import it anew.")


def _staged(u: UnitOfWork, import_id: int, seen: int) -> Import:
    record = locked(u, import_id)
    if record.version != seen:
        raise Conflict(record=record)
    if record.state != State.STAGED or record.next_row:
        raise Conflict(_NOT_NOW)
    return record


def _ready(u: UnitOfWork, import_id: int) -> Import:
    """Return a staged import whose mapping can be used."""
    record = locked(u, import_id)
    if record.state != State.STAGED:
        raise Conflict(_NOT_NOW)
    if record.file_removed_at is not None:
        raise Invalid(_NO_FILE, field="file")
    mappings.check(record.plan, record.headings, fields.definitions(u), templates.in_use(u))
    return record


def _seen(survey: Survey) -> dict[str, Any]:
    return {
        "reading": survey.reading.as_json(),
        "sheets": list(survey.sheets),
        "headings": list(survey.columns),
        "row_count": survey.row_count,
    }


def _proposed(u: UnitOfWork, token: str, form: Format, found: Survey, word: str) -> FieldMapping:
    """Propose the mapping that served a file with the same headings before, else what the headings say."""
    columns = set(found.columns) - headings.our_headings()
    latest = select(Import).where(Import.started_at.is_not(None), Import.responsible_id == u.actor.id)
    for before in u.all(latest.order_by(Import.id.desc()).limit(20)):
        if set(before.headings) - headings.our_headings() == columns:
            return before.plan  # type: ignore[no-any-return]
    people = terms(u, FieldMapping(), found.columns).people
    sample = files.sample(token, form, found.reading)
    own = {one.key: one.label for one in fields.definitions(u)}
    return guessing.guess(found.columns, sample, word=word, people=people, own=own)


# --- questions about one import -----------------------------------------------


def earlier(u: UnitOfWork, record: Import) -> Import | None:
    """Return the last finished import of the same file with the same mapping, inside the reader's scope."""
    same = select(Import).where(Import.sha256 == record.sha256, Import.state == State.FINISHED, Import.id != record.id)
    for one in u.all(same.order_by(Import.id.desc()).limit(20)):
        if one.mapping == record.mapping and one.reading == record.reading:
            return one  # type: ignore[no-any-return]
    return None


def is_stuck(u: UnitOfWork, record: Import) -> bool:
    """Say whether an import should be under way but its job has ended without saying so, or it never had one.

    Taking up an import that does run is harmless: whoever finds its rows done by somebody else leaves.
    """
    if not record.is_under_way:
        return False
    if record.job_id is None:
        return True
    try:
        return jobs.state(u, record.job_id).is_over
    except NotFound:  # somebody else's job, or one that was forgotten
        return record.responsible_id == u.actor.id


def is_waiting(u: UnitOfWork, record: Import) -> bool:
    """Say whether the job of an import waits for its turn, or for a worker."""
    try:
        return record.job_id is not None and jobs.state(u, record.job_id).status is jobs.Status.WAITING
    except NotFound:
        return False


@verb("imports.run")
def take_faults_file(u: UnitOfWork, import_id: int) -> None:
    """Note in the audit log that somebody takes the file of faulty rows: personal data leaves with it."""
    record = locked(u, import_id)
    u.remember(record, {"faults_file": [None, record.faulty_count]})
