"""The run: a mass edit goes through its customers in handfuls, there and back; a killed one goes on where it was.

Promises: a handful is changed whole or not at all, and noted in the same transaction; whoever writes meanwhile waits for a
handful, never for the whole; nothing is changed that the asker does not reach at that moment.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from crm import customers, fields, notifications
from crm.core import jobs, retry
from crm.core.access import SYSTEM, Actor, Identity
from crm.core.errors import AlreadyDone, Conflict, NotFound
from crm.core.i18n import N_
from crm.core.jobs import JobContext
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.customers import Customer
from crm.mass_edits import applying
from crm.mass_edits.records import RIGHT, Fate, MassEdit, MassEditRow, State
from db.engine import Database

AT_ONCE: Final = 200
"""So many customers are changed while the person waits; more of them by a job."""
CHUNK: Final = 100
LONGEST_HOLD: Final = 0.25
"""Seconds after which a handful ends early."""
KEPT_FOR: Final = timedelta(days=30)
"""So long a mass edit can be undone."""
SHOWN: Final = 5
_NOT_NOW: Final = N_("This mass edit is still under way, or was undone already.")

Who = Identity | Actor


def locked(u: UnitOfWork, mass_edit_id: int) -> MassEdit:
    """Return a mass edit that nobody else changes until this transaction ends. Raises NotFound."""
    record: MassEdit | None = u.session.scalar(select(MassEdit).where(MassEdit.id == mass_edit_id).with_for_update())
    if record is None:
        raise NotFound
    return record


# --- one handful ----------------------------------------------------------------


@verb("customers.edit_many")
def change_some(u: UnitOfWork, mass_edit_id: int) -> int:
    """Change the next customers; return how many were gone through, 0 when none is due."""
    record = locked(u, mass_edit_id)
    if record.state != State.RUNNING:
        return 0
    own, changes = fields.definitions(u), record.changes

    def change(customer: Customer, _before: Any, borne: applying.Bearing) -> tuple[Fate, dict[str, Any] | None]:
        before = applying.apply(u, customer, changes, own, borne)
        if before is None:
            return Fate.LEFT, None
        return (Fate.CHANGED, before) if before else (Fate.SAME, None)

    done = _go(u, record, Fate.WAITING, change, otherwise=Fate.LEFT)
    if done < 0:
        record.state = State.FINISHED
    return max(done, 0)


@verb("customers.edit_many")
def undo_some(u: UnitOfWork, mass_edit_id: int) -> int:
    """Put back the next customers; return how many were gone through, 0 when none is due."""
    record = locked(u, mass_edit_id)
    if record.state != State.UNDOING:
        return 0
    changes = record.changes

    def put_back(customer: Customer, before: Any, borne: applying.Bearing) -> tuple[Fate, dict[str, Any] | None]:
        return (Fate.BACK if applying.take_back(u, customer, before, changes, borne) else Fate.KEPT), before

    done = _go(u, record, Fate.CHANGED, put_back, otherwise=Fate.KEPT)
    if done < 0:
        record.state = State.UNDONE
    return max(done, 0)


Step = Callable[[Customer, Any, applying.Bearing], tuple[Fate, dict[str, Any] | None]]


def _go(u: UnitOfWork, record: MassEdit, fate: Fate, step: Step, *, otherwise: Fate) -> int:
    """Go through the next customers of one fate, give each another; return how many, -1 when there is none left.

    otherwise: the fate of whoever is out of reach by now.
    """
    begun = time.perf_counter()
    mine = select(MassEditRow.customer_id, MassEditRow.before).where(MassEditRow.mass_edit_id == record.id)
    rows = u.rows(mine.where(MassEditRow.fate == fate).order_by(MassEditRow.customer_id).limit(CHUNK))
    found = _reached(u, record, [row["customer_id"] for row in rows])
    borne = applying.bearing(u, list(found))
    told, stages = [], {key: customer.stage for key, customer in found.items()}
    for row in rows:
        customer, before = found.get(row["customer_id"]), row["before"]
        after = (otherwise, before) if customer is None else step(customer, before, borne)
        told.append({"customer": row["customer_id"], "now": str(after[0]), "then": after[1]})
        if time.perf_counter() - begun > LONGEST_HOLD:
            break
    if told:
        _note(u, record, told)
        customers.note_steps(u, [(key, stage, found[key].stage) for key, stage in stages.items()])
        customers.measure(u, found)
    return len(told) if rows else -1


def _reached(u: UnitOfWork, record: MassEdit, ids: Iterable[int]) -> dict[int, Customer]:
    """Return the customers of these whom the asker still reaches, held until the commit."""
    inside = applying.within(u, record.changes)
    statement = select(Customer).where(Customer.id.in_(ids), Customer.merged_into_id.is_(None), *inside)
    return {one.id: one for one in u.all(statement.order_by(Customer.id).with_for_update(of=Customer))}


def _note(u: UnitOfWork, record: MassEdit, told: list[dict[str, Any]]) -> None:
    """Keep the fate of each customer, and count."""
    u.session.flush()
    table: Any = MassEditRow.__table__
    one = (table.c.mass_edit_id == record.id) & (table.c.customer_id == bindparam("customer"))
    # raw, bulk: one statement for the handful
    order = update(table).where(one).values(fate=bindparam("now"), before=bindparam("then", type_=table.c.before.type))
    u.execute(order, told, raw=True, bulk=True)
    for fate, n in Counter(row["now"] for row in told).items():
        key = f"{fate}_count"
        setattr(record, key, getattr(record, key) + n)


# --- the whole --------------------------------------------------------------------


def all_now(
    database: Database, who: Who, mass_edit_id: int, tell: Callable[[int, int], None] = lambda _n, _of: None
) -> None:
    """Go through all customers that are due, handful by handful, there or back."""
    while True:
        with unit_of_work(database, who) as u:
            record = u.get(MassEdit, mass_edit_id)
        tell(record.done, record.todo)
        if not record.is_under_way:
            return
        retry.run(database, who, change_some if record.state == State.RUNNING else undo_some, mass_edit_id)


@jobs.job("mass_edits.run", title=N_("Mass edit"))
def run_job(ctx: JobContext, *, mass_edit_id: int) -> None:
    """Go through a mass edit, there or back; one that was killed goes on where it was."""
    all_now(ctx.database, ctx.who, mass_edit_id, ctx.progress)
    with unit_of_work(ctx.database, SYSTEM) as u:
        record = u.get(MassEdit, mass_edit_id)
    if record.state in {State.FINISHED, State.UNDONE} and record.todo > AT_ONCE:
        _tell(ctx.database, record)


def _tell(database: Database, record: MassEdit) -> None:
    """Put the end behind the bell of whoever asked, once."""
    is_back = record.state == State.UNDONE
    text = N_("Customers put back as they were: {n}.") if is_back else N_("Customers changed: {n}.")
    n = record.back_count if is_back else record.changed_count
    with suppress(AlreadyDone), unit_of_work(database, SYSTEM, key=f"mass-edit-{record.id}-{record.state}-told") as u:
        if record.responsible_id is not None:
            notifications.send(u, record.responsible_id, text, page="customers", query={"do": "change-many"}, n=n)


def set_off(u: UnitOfWork, record: MassEdit, count: int) -> None:
    """Let a job go through the customers that are due. A few are done while the person waits: then the job finds nothing."""
    record.job_id = u.later(run_job, mass_edit_id=record.id)
    if count <= AT_ONCE:
        u.after_commit(partial(all_now, u.database, u.who, record.id))


# --- stop, undo -----------------------------------------------------------------


@verb("customers.edit_many")
def stop(u: UnitOfWork, mass_edit_id: int) -> None:
    """Stop a mass edit after the customers it is at: what is changed stays, and can be undone."""
    record = locked(u, mass_edit_id)
    if record.state == State.RUNNING:
        record.state = State.STOPPED


@verb("customers.edit_many")
def undo(u: UnitOfWork, mass_edit_id: int) -> MassEdit:
    """Begin to put back what stood there before; what somebody changed since stays.

    Raises NotFound (absent, hidden, too old), Conflict (under way, or undone already).
    """
    record = locked(u, mass_edit_id)
    if record.created_at < u.now - KEPT_FOR:
        raise NotFound
    if record.state not in {State.FINISHED, State.STOPPED}:
        raise Conflict(_NOT_NOW)
    record.state = State.UNDOING
    set_off(u, record, record.changed_count)
    return record


def one(u: UnitOfWork, mass_edit_id: int) -> MassEdit:
    """Return a mass edit. Raises NotFound."""
    return u.get(MassEdit, mass_edit_id)


def recent(u: UnitOfWork) -> list[MassEdit]:
    """Return the newest mass edits that one may see and undo, the newest first. Raises Refused."""
    u.need(RIGHT)
    since = select(MassEdit).where(MassEdit.created_at > u.now - KEPT_FOR)
    return list(u.all(since.order_by(MassEdit.id.desc()).limit(SHOWN)))
