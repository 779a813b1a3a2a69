"""Undo: what an import did is taken back: the customers that it added go, those that it updated get back what they had.

Promises: what somebody changed since stays and is told; a new customer with whom somebody worked since stays and is told; a
killed undo goes on where it was; afterwards the same file can be imported again.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Table, bindparam, delete, insert, select, update

from crm import search, tags
from crm.core import jobs
from crm.core.access import Actor, Owned
from crm.core.audit_log import AuditEntry
from crm.core.i18n import N_
from crm.core.jobs import JobContext
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.customers import Customer, CustomerTag, StageChange, Tag
from crm.imports import portraits, run
from crm.imports.matching import PERSONAL_FIELDS, load
from crm.imports.portraits import MODELS, Portrait
from crm.imports.records import Import, ImportChange, ImportRow, Kept, State
from crm.imports.run import Who, guarded, locked, patiently
from crm.imports.storing import write
from db.engine import Database

NO_WORK: Final = frozenset(
    {"archived_at", "contact_data_shown", "data_taken", "existence_told", "access_asked", "saved_as_double"}
)
"""What the log says of a customer with whom nobody worked: looked at, or put into the bin."""

REMOVED, RESTORED, KEPT = "removed", "restored", "kept"
NOTHING: Final[Mapping[str, int]] = {REMOVED: 0, RESTORED: 0, KEPT: 0}


def undo_all(database: Database, who: Who, import_id: int, progress: Callable[[int], None] = lambda _: None) -> None:
    """Take back what is still to be taken back; returns when it is done or was stopped."""
    done = 0
    while (taken := patiently(database, who, take_back, import_id)) > 0:
        done += taken
        progress(done)
        time.sleep(run.PAUSE)
    if taken == 0:
        with unit_of_work(database, who) as u:
            finish_undo(u, import_id)
        run.tell(database, import_id, _TOLD, "undone")


_TOLD: Final = N_("Import of {file} undone: {removed} removed, {restored} as they were before, {kept} kept.")


@verb("imports.run")
def take_back(u: UnitOfWork, import_id: int) -> int:
    """Take back what was done to some customers; return to how many, 0 when none are left, -1 when somebody stopped it."""
    record = locked(u, import_id)
    if record.state != State.UNDOING:
        return -1
    table = ImportChange.__table__
    pending = select(table).where(table.c.import_id == record.id, table.c.undone_at.is_(None))
    # raw: what the import itself did, whoever sees the customers now; every one is asked for its own right
    asked = u.execute(
        pending.order_by(table.c.customer_id).limit(min(run.CHUNK, run.MOST_CHANGED)), raw=True
    ).mappings()
    rows = [dict(row) for row in asked]
    return _restore(u, record, rows) if rows else _remove(u, record)


# --- those that were updated -------------------------------------------------------


def _restore(u: UnitOfWork, record: Import, rows: Sequence[Mapping[str, Any]]) -> int:
    """Give customers back what they had; what was changed since stays.

    raw, bulk: as many rows as the chunk has.
    """
    found = load(u, [row["customer_id"] for row in rows], hold=True)
    there = set(tags.directory(u))
    kept: dict[int, list[str]] = {}
    matches = []
    for row in rows:
        match = found.get(row["customer_id"])
        if match is None or match.stored is None:  # erased meanwhile, with everything that was kept of it
            continue
        after, stays = portraits.taken_back(match.stored, row["changes"])
        if _may(u.actor, match.stored, after, row["changes"]):
            match.now = _without_lost_tags(after, there)
            kept[row["customer_id"]] = list(stays)
            matches.append(match)
        else:
            kept[row["customer_id"]] = [Kept.REACH]
    write(u, matches, {"import": [record.id, None]})
    table = ImportChange.__table__
    mine = (table.c.import_id == record.id) & (table.c.customer_id == bindparam("of"))
    marked = [{"of": row["customer_id"], "left": kept.get(row["customer_id"], [])} for row in rows]
    statement = update(table).where(mine).values(undone_at=u.now, kept=bindparam("left", type_=table.c.kept.type))
    u.execute(statement, marked, raw=True, bulk=True)
    _count(record, {RESTORED: sum(not one for one in kept.values()), KEPT: sum(map(bool, kept.values()))})
    return len(rows)


def _may(actor: Actor, now: Portrait, after: Portrait, changes: Mapping[str, Any]) -> bool:
    """Say whether the actor may still change this customer so."""
    needed = {"imports.run", "customers.edit"}
    if any(key.partition("/")[0] in PERSONAL_FIELDS | {"contacts"} for key in changes):
        needed.add("customers.edit_personal")
    if now.owned != after.owned:
        needed.add("customers.assign")
        if not actor.covers("customers.assign", after.owned):
            return False
    return all(actor.covers(right, now.owned) for right in needed)


def _without_lost_tags(after: Portrait, there: set[int]) -> Portrait:
    """Leave out tags that were deleted since: they cannot come back."""
    kept = {number: row for number, row in after.rows["customer_tags"].items() if row["tag_id"] in there}
    return Portrait(after.facts, after.extra, {**after.rows, "customer_tags": kept})


# --- those that were added ---------------------------------------------------------


def _remove(u: UnitOfWork, record: Import) -> int:
    """Remove new customers with whom nobody worked since.

    raw, bulk: all of them, also those that went to another team since; every one is asked for its right.
    """
    table: Any = Customer.__table__
    mine = select(table).where(table.c.import_id == record.id, table.c.id > record.undone_to).order_by(table.c.id)
    rows = u.execute(mine.limit(run.CHUNK).with_for_update(), raw=True).mappings().all()
    if not rows:
        return 0
    worked = _worked_with(u, record, [row["id"] for row in rows])
    kept = {}
    for row in rows:
        owned = Owned(row["responsible_id"], row["team_id"], row["partner_id"])
        if row["id"] in worked:
            kept[row["id"]] = Kept.WORKED
        elif not (u.actor.covers("imports.run", owned) and u.actor.covers("customers.create", owned)):
            kept[row["id"]] = Kept.REACH
    _delete(u, [row["id"] for row in rows if row["id"] not in kept])
    facts = {"import_id": record.id, "changes": {}, "undone_at": u.now}
    if kept:
        told = [facts | {"customer_id": key, "kept": [str(why)]} for key, why in kept.items()]
        u.execute(insert(ImportChange.__table__), told, raw=True, bulk=True)
    record.undone_to = rows[-1]["id"]
    _count(record, {REMOVED: len(rows) - len(kept), KEPT: len(kept)})
    return len(rows)


def _delete(u: UnitOfWork, ids: Sequence[int]) -> None:
    """Delete customers with all that came with them.

    raw, bulk: as many rows as the chunk has; nobody else's work is among them.
    """
    if not ids:
        return
    search.forget(u, *ids)
    rows, changes, people = ImportRow.__table__, ImportChange.__table__, Customer.__table__
    u.execute(update(rows).where(rows.c.customer_id.in_(ids)).values(customer_id=None), raw=True, bulk=True)
    u.execute(delete(changes).where(changes.c.customer_id.in_(ids)), raw=True, bulk=True)
    for model in MODELS.values():
        mine = model.__table__.c.customer_id.in_(ids)
        u.execute(delete(model.__table__).where(mine), raw=True, bulk=True)
    u.execute(delete(people).where(people.c.id.in_(ids)), raw=True, bulk=True)


def _worked_with(u: UnitOfWork, record: Import, ids: Sequence[int]) -> set[int]:
    """Return the customers with whom somebody worked: something was written about them, or the log says so.

    raw: also what whoever undoes does not see; none of it leaves.
    """
    found: set[int] = set()
    for table, key in _children():
        found |= set(u.execute(select(table.c[key]).where(table.c[key].in_(ids)).distinct(), raw=True).scalars())
    log = AuditEntry.__table__
    said = select(log.c.record_id, log.c.changes).where(log.c.record == "customers", log.c.record_id.in_(ids))
    written = [(row["record_id"], row["changes"]) for row in u.execute(said, raw=True).mappings()]
    entries = [(key, changes) for key, changes in written if not changes.keys() <= NO_WORK]
    imports = Import.__table__
    undone = select(imports.c.id).where(imports.c.state == State.UNDONE, imports.c.id.in_(_named(entries)))
    nothing = {record.id, *u.execute(undone, raw=True).scalars()} if entries else set()
    return found | {key for key, changes in entries if not _named([(key, changes)]) & nothing}


def _named(entries: Sequence[tuple[int, Mapping[str, Any]]]) -> set[int]:
    """Return the imports that entries of the log name."""
    pairs = [changes["import"] for _, changes in entries if "import" in changes]
    return {one for pair in pairs for one in pair if isinstance(one, int)}


@lru_cache(maxsize=1)
def _children() -> tuple[tuple[Table, str], ...]:
    """Return every table with rows about a customer that no import brings, with the column that names him.

    A step from stage to stage is none of them: the log tells it as well, and whether an import took it.
    """
    ours = {model.__table__ for model in MODELS.values()} | {StageChange.__table__}
    return tuple(
        (table, key.parent.name)
        for table in Customer.metadata.sorted_tables
        if table not in ours
        for key in table.foreign_keys
        if key.column is Customer.__table__.c.id
    )


# --- its end -------------------------------------------------------------------------


def _count(record: Import, more: Mapping[str, int]) -> None:
    so_far = {**NOTHING, **(record.undone or {})}
    record.undone = {key: number + more.get(key, 0) for key, number in so_far.items()}


@verb("imports.run")
def finish_undo(u: UnitOfWork, import_id: int) -> None:
    """Write down that all is taken back; tags that the import made and nobody bears now go, too.

    raw: who bears a tag, seen or not.
    """
    record = locked(u, import_id)
    if record.state != State.UNDOING:
        return
    borne_by: Any = CustomerTag.__table__.c.tag_id
    borne = set(u.execute(select(borne_by).where(borne_by.in_(record.made_tags)), raw=True).scalars())
    for tag in u.all(select(Tag).where(Tag.id.in_(record.made_tags), Tag.version == 1)):
        if tag.id not in borne:
            u.delete(tag)
    record.state, record.undone = State.UNDONE, {**NOTHING, **(record.undone or {})}
    u.remember(record, {key: [0, count] for key, count in record.undone.items()})


@jobs.job("imports.undo", title=N_("Undo of an import"), queue=jobs.BULK)
def undo_job(ctx: JobContext, *, import_id: int) -> None:
    """Undo an import. An undo that was killed begins again here and goes on with what is left."""
    guarded(ctx, import_id, undo_all)
