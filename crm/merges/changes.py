"""The verbs: two customers become one, and two again.

What undoing needs stands in `Merge.before`: `fields` (field -> what stood there, what stands there now), `archived_at` (since
when the other lay in the bin, if it did), and what `links.make_room` changed.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import delete, select, update

from crm import customers, fields, notifications
from crm.core import audit_log
from crm.core.access import SYSTEM
from crm.core.errors import Conflict, CrmError, Invalid, NotFound, Unavailable
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.customers import Customer, StageChange
from crm.merges import values
from crm.merges.links import give_room_back, links, make_room, move, move_back, recount
from crm.merges.queries import ANOTHER, Undoing, need_two, rows_of, undoing
from crm.merges.records import NOTED, Merge
from crm.merges.values import Change
from db.engine import Database

WENT: Final = N_("{who} merged your customer {name} with another one. Responsible: {responsible}.")
CAME_BACK: Final = N_("Your customer {name} is a card of its own again: a merge was undone.")


@verb("customers.merge")
def merge(
    u: UnitOfWork,
    survivor_id: int,
    other_id: int,
    choices: Mapping[str, str] | None = None,
    *,
    seen: tuple[int, int] | None = None,
) -> Merge:
    """Merge the other customer into the survivor. choices: field -> Side, for fields in which they differ.

    seen: the versions that the preview showed. Raises Invalid beside a field, NotFound, Refused, Conflict.
    """
    if survivor_id == other_id:
        raise Invalid(ANOTHER, field="with")
    survivor, other = _held(u, survivor_id, other_id)
    mine, theirs = rows_of(u, survivor_id, other_id)
    need_two(u, mine, theirs)
    if seen is not None and seen != (survivor.version, other.version):
        raise Conflict(record=survivor)
    both = values.of_row(mine), values.of_row(theirs)
    changes = values.settled(*both, values.several(fields.everything(u)), choices or {})
    record = u.add(Merge(customer_id=survivor_id, other_id=other_id, at=u.now, by_id=u.actor.id))
    record.before, record.moved = _move(u, record, changes, other.archived_at)
    _write(u, survivor, changes, {"merged": [None, other_id], NOTED: [None, record.id]})
    customers.note_steps(u, [(survivor_id, *changes["stage"])] if "stage" in changes else ())
    _replace(u, other, {"archived_at": other.archived_at or u.now, "merged_into_id": survivor_id})
    u.remember(other, {"merged_into": [None, survivor_id], NOTED: [None, record.id]})
    _settle(u, survivor, other)
    if other.responsible_id not in (None, u.actor.id, survivor.responsible_id):
        u.after_commit(partial(_tell_gone, u.database, u.actor.name, other.id, survivor.responsible_id, u.now))
    return record


@verb("customers.merge")
def undo(u: UnitOfWork, merge_id: int) -> Undoing:
    """Make two customers of one again; return what went back and what did not.

    Fields and rows that somebody changed since stay as they are, rows that were added since stay with the survivor.
    Raises NotFound, Refused (erased meanwhile, or a later merge must be undone first), Conflict (undone already).
    """
    record = u.get(Merge, merge_id)
    survivor, other = _held(u, record.customer_id, record.other_id)
    found = undoing(u, merge_id)
    if found.refused is not None:
        raise found.refused
    before = _before(u, record)
    mine, _theirs = rows_of(u, survivor.id, other.id)
    back, _kept = values.put_back(values.of_row(mine), before["fields"])
    archived_at = datetime.fromisoformat(before["archived_at"]) if before["archived_at"] else None
    _replace(u, other, {"archived_at": archived_at, "merged_into_id": None})
    _move_back(u, record, before)
    record.undone_at, record.undone_by_id, record.before = u.now, u.actor.id, {}
    _write(u, survivor, back, {"unmerged": [None, other.id], NOTED: [None, record.id]})
    _step_back(u, record, back.get("stage"))
    u.remember(other, {"unmerged_from": [None, survivor.id], NOTED: [None, record.id]})
    _settle(u, survivor, other)
    if other.responsible_id not in (None, u.actor.id) and archived_at is None:
        u.after_commit(partial(_tell_back, u.database, other.id, u.now))
    return found


def _held(u: UnitOfWork, one: int, other: int) -> list[Customer]:
    """Return two customers whom nobody else changes until the commit; locked in one order, so that nobody waits in a circle."""
    both = select(Customer).where(Customer.id.in_((one, other))).order_by(Customer.id).with_for_update()
    found = {each.id: each for each in u.all(both.execution_options(populate_existing=True))}
    if len(found) < 2:  # noqa: PLR2004  both are there
        raise NotFound
    return [found[one], found[other]]


def _before(u: UnitOfWork, record: Merge) -> dict[str, Any]:
    return u.inside(select(Merge.before).where(Merge.id == record.id))[0]  # type: ignore[no-any-return]  # of its column


def _move(
    u: UnitOfWork, record: Merge, changes: Mapping[str, Change], archived_at: datetime | None
) -> tuple[dict[str, Any], dict[str, int]]:
    """Let everything lead to the survivor; return what undoing needs, and how many rows of each kind went."""
    room = make_room(u, record.customer_id, record.other_id)
    shifts = room["places"]
    moved = {one.name: move(u, one, record, shifts.get(one.name, 0)) for one in links()}
    kept = {"fields": dict(changes), "archived_at": archived_at.isoformat() if archived_at else None}
    return kept | room, {name: n for name, n in moved.items() if n}


def _move_back(u: UnitOfWork, record: Merge, before: Mapping[str, Any]) -> None:
    for one in links():
        if record.moved.get(one.name):
            move_back(u, one, record, before["places"].get(one.name, 0))
    give_room_back(u, record.other_id, before)


def _write(u: UnitOfWork, survivor: Customer, changes: Mapping[str, Change], noted: dict[str, list[Any]]) -> None:
    """Set the survivor's fields; its version rises in any case, so that open forms notice, and one entry tells all."""
    values.write(survivor, changes)
    if u.session.is_modified(survivor):
        audit_log.note_besides(survivor, noted)
        u.session.flush()
    else:
        u.remember(survivor, noted)
        _replace(u, survivor, {})


def _step_back(u: UnitOfWork, record: Merge, change: Change | None) -> None:
    """Let the step from stage to stage go that a merge took; where somebody took another one since, one leads back.

    raw, bulk: nobody deletes a step otherwise.
    """
    if change is None:
        return
    after, before = change
    table = StageChange.__table__
    newest = select(table).where(table.c.customer_id == record.customer_id).order_by(table.c.id.desc()).limit(1)
    last = u.execute(newest, raw=True).mappings().first()
    if last is not None and (last["at"], last["before"], last["after"]) == (record.at, before, after):
        u.execute(delete(table).where(table.c.id == last["id"]), raw=True, bulk=True)
    else:
        customers.note_steps(u, [(record.customer_id, after, before)])


def _replace(u: UnitOfWork, other: Customer, facts: Mapping[str, Any]) -> None:
    """Put the other out of the way, or back where it was.

    raw, bulk: the right to merge is none to the bin. The rows are locked, and open forms notice by the version.
    """
    table = Customer.__table__
    raised = dict(facts) | {"version": table.c.version + 1}
    u.execute(update(table).where(table.c.id == other.id).values(raised), raw=True, bulk=True)
    u.session.expire(other)


def _settle(u: UnitOfWork, survivor: Customer, other: Customer) -> None:
    recount(u, (survivor.id, other.id))
    customers.measure(u, (survivor.id, other.id))
    for one in (survivor, other):
        u.session.expire(one)
        customers.index(u, one)


# --- telling ----------------------------------------------------------------------


def _tell_gone(database: Database, who: str, customer_id: int, responsible_id: int | None, now: datetime) -> None:
    """Put it behind the bell of whoever was responsible for the customer that went; the card leads on where it may be seen."""
    try:
        with unit_of_work(database, SYSTEM, now=now) as u:
            customer = u.get(Customer, customer_id)
            name = u.value(select(User.name).where(User.id == responsible_id)) or "–"
            query = {"id": str(customer_id)}
            told: dict[str, Any] = {"who": who, "name": customer.name, "responsible": name}
            notifications.send(u, customer.responsible_id or 0, WENT, page="customer", query=query, **told)
    except (Unavailable, CrmError):
        return


def _tell_back(database: Database, customer_id: int, now: datetime) -> None:
    try:
        with unit_of_work(database, SYSTEM, now=now) as u:
            customer = u.get(Customer, customer_id)
            query = {"id": str(customer_id)}
            notifications.send(
                u, customer.responsible_id or 0, CAME_BACK, page="customer", query=query, name=customer.name
            )
    except (Unavailable, CrmError):
        return
