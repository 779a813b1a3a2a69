"""Steps: what a person does to take customers out. Few are written at once, many by a job while the person goes on working.

Promises: every export, every taking of its file and every refusal of one is in the audit log; the file is given to the
sign-in that asked for it and to no other, waits for a day, and is gone five minutes after it was taken.
"""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import IO, Any, Final

from sqlalchemy import select

from crm import customers, notifications
from crm.core import clock, jobs, retry
from crm.core.access import SYSTEM, Actor
from crm.core.errors import AlreadyDone, CrmError, Invalid, NotFound, SignedOut, Unavailable
from crm.core.i18n import N_
from crm.core.jobs import JobContext, JobState
from crm.core.people import User
from crm.core.uow import ON_REFUSAL, UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.customers import Filters
from crm.exports import forms, records, writing
from crm.exports.records import AFTER_TAKEN, OF_PERSON, WAITS, Export, Form, State
from crm.exports.writing import Wish
from db.engine import Database

AT_ONCE: Final = 2_000
"""So many customers are written while the person waits; more of them by a job."""
MOST_SHOWN: Final = 5
FORGOTTEN: Final = timedelta(days=2)
"""A file that belongs to no export, or was never finished, is removed after this."""


def count(u: UnitOfWork, filters: Filters) -> int:
    """Return how many customers would be in the file, counting no further than the list does. Raises Refused."""
    u.need(records.RIGHT)
    return customers.capped(u, customers.keys(u, filters, right=records.RIGHT))


@verb("account.edit")
def note_refusal(u: UnitOfWork) -> None:
    """Note that this person tried to take customers out without the right to it."""
    u.remember(User(id=u.actor.id), {"refused": [None, records.RIGHT]})


def _note_refusal(database: Database, actor: Actor, now: datetime) -> None:
    """Note it at whatever a refusal broke off, once a minute: a page is drawn more than once."""
    key = f"export-refused-{actor.id}-{now:%Y%m%d%H%M}"
    noting = replace(SYSTEM, id=actor.id, name=actor.name)  # whatever was taken away from the person's role
    with suppress(AlreadyDone, Unavailable), unit_of_work(database, noting, now=now, key=key) as u:
        note_refusal(u)


ON_REFUSAL[records.RIGHT] = _note_refusal


def mine(u: UnitOfWork, sign_in_id: int | None) -> list[Export]:
    """Return the newest exports of this sign-in that are being made, can be taken or failed."""
    return [one for one in _waiting(u, sign_in_id) if not one.is_of_person][:MOST_SHOWN]


def _waiting(u: UnitOfWork, sign_in_id: int | None) -> list[Export]:
    own = select(Export).where(Export.responsible_id == u.actor.id, Export.created_at > u.now - WAITS)
    found = u.all(own.order_by(Export.id.desc()).limit(4 * MOST_SHOWN))
    return [one for one in found if one.sign_in_id == sign_in_id and (one.state != State.READY or one.is_there(u.now))]


def progress(u: UnitOfWork, record: Export) -> JobState | None:
    """Return how far the job of an export is, None without one."""
    try:
        return jobs.state(u, record.job_id) if record.job_id else None
    except NotFound:
        return None


# --- a few at once --------------------------------------------------------------


def write_now(u: UnitOfWork, wish: Wish) -> tuple[str, int]:
    """Write a file while the person waits and return its token and how many are in it; `keep` makes an export of it.

    Raises Refused, and Invalid beside `format` when there are more than AT_ONCE.
    """
    if count(u, wish.filters) > AT_ONCE:
        raise Invalid(N_("Too many customers to be written at once."), field="format")
    token = writing.fresh_token()
    return token, writing.write(lambda: nullcontext(u), wish, token)


@verb("customers.export")
def keep(u: UnitOfWork, wish: Wish, written: tuple[str, int], *, sign_in_id: int | None) -> Export:
    """Make an export of a file that was written: now it can be taken."""
    token, rows = written
    record = _asked(u, wish, token, sign_in_id)
    record.state, record.ready_at, record.row_count = State.READY, u.now, rows
    return u.add(record)


# --- many, by a job ---------------------------------------------------------------


@verb("customers.export")
def ask(u: UnitOfWork, wish: Wish, *, sign_in_id: int | None) -> Export:
    """Let a job write the file; the bell tells when it is ready."""
    record = u.add(_asked(u, wish, writing.fresh_token(), sign_in_id))
    record.job_id = u.later(write_job, export_id=record.id)
    return record


def _asked(u: UnitOfWork, wish: Wish, token: str, sign_in_id: int | None) -> Export:
    narrowed = {key: value for key, value in vars(wish.filters).items() if value and key not in {"text", "where"}}
    return Export(
        responsible_id=u.actor.id,
        team_id=u.actor.team_id,
        partner_id=u.actor.partner_id,
        sign_in_id=sign_in_id,
        format=str(wish.form),
        language=wish.language,
        filters=narrowed,
        searched=wish.filters.text.strip() or None,
        rule=wish.filters.where or None,
        columns=list(wish.columns) or None,
        sorted_by=wish.order,
        state=State.MAKING,
        stored_as=token,
        created_at=u.now,
    )


@jobs.job("exports.write", title=N_("Export of customers"))
def write_job(ctx: JobContext, *, export_id: int) -> None:
    """Write the file of an export; one that was killed begins its file anew."""
    try:
        with ctx.uow() as u:
            record = u.get(Export, export_id)
            wish = Wish(
                record.wanted, Form(record.format), record.language, tuple(record.columns or ()), record.sorted_by
            )
        if record.state == State.MAKING:
            rows = writing.write(ctx.uow, wish, record.stored_as, ctx.progress)
            retry.run(ctx.database, ctx.who, finish, export_id, rows)
    except SignedOut:
        _give_up(ctx.database, export_id, CrmError(N_("The account that asked for this has ended.")))
        raise
    except CrmError as error:
        _give_up(ctx.database, export_id, error)
        raise
    except Exception:
        _give_up(ctx.database, export_id, CrmError(N_("Something broke on our side. Please export once more.")))
        raise
    notify(ctx.database, export_id)


@verb("customers.export")
def finish(u: UnitOfWork, export_id: int, rows: int) -> None:
    """Write down that the file is there, and how many customers are in it."""
    record = u.get(Export, export_id)
    if record.state == State.MAKING:
        record.state, record.ready_at, record.row_count = State.READY, u.now, rows
    elif record.file_removed_at is not None:  # somebody in it was erased meanwhile
        u.after_commit(partial(records.remove, record.stored_as))


@verb("customers.export")
def fail(u: UnitOfWork, export_id: int, error: CrmError) -> None:
    """Write down why there is no file."""
    record = u.get(Export, export_id)
    if record.state == State.MAKING:
        record.state = State.FAILED
        record.problem = {"text": error.text, "values": {key: str(value) for key, value in error.values.items()}}
        u.after_commit(partial(records.remove, record.stored_as))


def _give_up(database: Database, export_id: int, error: CrmError) -> None:
    with unit_of_work(database, SYSTEM) as u:
        fail(u, export_id, error)


def notify(database: Database, export_id: int) -> None:
    """Put the finished file behind the bell of whoever asked, once."""
    try:
        with unit_of_work(database, SYSTEM, key=f"export-{export_id}-told") as u:
            record = u.get(Export, export_id)
            if record.responsible_id is not None and record.state == State.READY:
                text = N_("The export of {count} customers is ready.")
                query = {"do": "export"}
                notifications.send(
                    u, record.responsible_id, text, page="customers", query=query, count=record.row_count
                )
    except AlreadyDone:
        return


# --- one customer's data -----------------------------------------------------------


def keep_for_person(
    u: UnitOfWork, customer_id: int, write: Callable[[IO[bytes]], Any], *, language: str, sign_in_id: int | None
) -> Export:
    """Keep a file with everything about one customer until it is taken; part of the verb that writes it."""
    token = writing.fresh_token()
    with forms.opened(records.path_of(token), "wb") as file:
        write(file)
    return u.add(
        Export(
            responsible_id=u.actor.id,
            team_id=u.actor.team_id,
            partner_id=u.actor.partner_id,
            sign_in_id=sign_in_id,
            format=OF_PERSON,
            language=language,
            filters={"customer_id": customer_id},
            row_count=1,
            state=State.READY,
            stored_as=token,
            created_at=u.now,
            ready_at=u.now,
        )
    )


def of_person(u: UnitOfWork, customer_id: int, sign_in_id: int | None) -> list[Export]:
    """Return the files with everything about a customer that wait for this sign-in, the newest first."""
    waiting = _waiting(u, sign_in_id)
    return [one for one in waiting if one.is_of_person and one.filters == {"customer_id": customer_id}]


# --- taking the file, and its end ---------------------------------------------------


@verb("customers.export")
def take(u: UnitOfWork, token: str, *, sign_in_id: int | None) -> Export:
    """Note that the file leaves the house, and return its export. Raises NotFound for every other sign-in, and when it is over."""
    return taken(u, token, sign_in_id=sign_in_id)


def taken(u: UnitOfWork, token: str, *, sign_in_id: int | None, of_person: bool = False) -> Export:
    """Note that a file of one kind leaves; part of the verb whose right covers the kind. Raises as `take`."""
    record: Export | None = u.session.scalar(select(Export).where(Export.stored_as == token).with_for_update())
    if record is None or record.sign_in_id != sign_in_id or not record.is_there(u.now):
        raise NotFound
    if record.is_of_person is not of_person:
        raise NotFound
    record.taken_at = record.taken_at or u.now
    u.remember(record, {"taken": [None, record.row_count]})
    return record


@verb("customers.export")
def remove_old_files(u: UnitOfWork) -> None:
    """Remove the files that are not given out any more."""
    for record in u.all(
        select(Export).where(Export.file_removed_at.is_(None), Export.created_at < u.now - AFTER_TAKEN)
    ):
        if _is_over(record, u.now):
            record.file_removed_at = u.now
            u.after_commit(partial(records.remove, record.stored_as))


def _is_over(record: Export, now: datetime) -> bool:
    over = record.expires_at or record.created_at + FORGOTTEN
    return record.state == State.FAILED or over <= now


@jobs.job("exports.remove_files", title=N_("Removal of old exported files"), cron="*/15 * * * *")
def remove_files_job(ctx: JobContext) -> None:
    """Remove the files that nobody can take any more, and those that belong to no export."""
    with ctx.uow() as u:
        remove_old_files(u)
    with ctx.uow() as u:
        belonging = set(u.all(select(Export.stored_as).where(Export.file_removed_at.is_(None))))
    for token, written_at in records.stored_tokens().items():
        if token not in belonging and clock.now().timestamp() - written_at > FORGOTTEN.total_seconds():
            records.remove(token)
