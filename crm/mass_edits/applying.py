"""Applying: what a mass edit does to one customer, and how it is taken back without losing what was done since."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, select

from crm import customers, fields, tags, templates
from crm.core.access import Owned
from crm.core.uow import UnitOfWork
from crm.customers import Customer, CustomerTag, Facts
from crm.fields import FieldList
from crm.mass_edits.records import BIN, RESPONSIBLE, RIGHT, TAGS_OFF, TAGS_ON, Changes

_BESIDES: Final = frozenset({RESPONSIBLE, BIN, TAGS_ON, TAGS_OFF})
Bearing = Mapping[int, Mapping[int, CustomerTag]]
"""Customer -> tag -> the row that puts the one on the other."""


def rights(changes: Changes) -> tuple[str, ...]:
    """Return the rights that must reach a customer for these changes."""
    needed = {RESPONSIBLE: "customers.assign", BIN: "customers.archive"}
    return tuple(dict.fromkeys(("customers.view", RIGHT, *(needed.get(key, "customers.edit") for key in changes))))


def within(u: UnitOfWork, changes: Changes) -> list[ColumnElement[bool]]:
    """Return 'every right that these changes need reaches the customer' as SQL conditions."""
    inside = (Customer.rows(u.actor, right) for right in rights(changes))
    return [one for one in inside if one is not None]


def of_fields(changes: Changes) -> dict[str, Any]:
    """Return field -> value, of standard and own fields."""
    return {key: value for key, value in changes.items() if key not in _BESIDES}


def bearing(u: UnitOfWork, ids: Sequence[int]) -> Bearing:
    """Return the tags of customers."""
    found: dict[int, dict[int, CustomerTag]] = {key: {} for key in ids}
    for row in u.all(select(CustomerTag).where(CustomerTag.customer_id.in_(ids))):
        found[row.customer_id][row.tag_id] = row
    return found


# --- there ------------------------------------------------------------------


def apply(u: UnitOfWork, customer: Customer, changes: Changes, own: FieldList, borne: Bearing) -> dict[str, Any] | None:
    """Change a customer; return what stood there before, {} where all was so already, None where it is not meant.

    Not meant is who lies in the bin, has no room for further tags, or is of the kind that an own field or a type is not for.
    """
    if customer.archived_at is not None or not _is_meant(u, customer, changes, own, borne):
        return None
    before: dict[str, Any] = {}
    wanted = of_fields(changes)
    if different := {key: value for key, value in wanted.items() if _value(customer, key) != value}:
        before |= {key: _value(customer, key) for key in different}
        put(u, customer, different)
    if RESPONSIBLE in changes and customer.responsible_id != changes[RESPONSIBLE]:
        before[RESPONSIBLE] = [customer.responsible_id, customer.team_id]
        customers.give_to(u, customer, changes[RESPONSIBLE])
    if changes.get(BIN):
        before[BIN] = None
        customer.archived_at = u.now
    on = [one for one in changes.get(TAGS_ON, ()) if one not in borne[customer.id]]
    off = [one for one in changes.get(TAGS_OFF, ()) if one in borne[customer.id]]
    retag(u, customer, on, off, borne)
    return before | ({TAGS_ON: on} if on else {}) | ({TAGS_OFF: off} if off else {})


def _is_meant(u: UnitOfWork, customer: Customer, changes: Changes, own: FieldList, borne: Bearing) -> bool:
    if not all(one.concerns(customer.kind) for one in own if one.key in changes):
        return False
    if "type" in changes and templates.types(u)[changes["type"]].kind != customer.kind:
        return False
    here = borne[customer.id]
    fresh = set(changes.get(TAGS_ON, ())) - here.keys()
    return len(here) + len(fresh) - len(here.keys() & set(changes.get(TAGS_OFF, ()))) <= tags.MOST or not fresh


def _value(customer: Customer, key: str) -> Any:
    return customer.extra.get(key) if key.startswith(fields.OWN) else getattr(customer, key)


def put(u: UnitOfWork, customer: Customer, values: Mapping[str, Any]) -> None:
    """Set clean values of standard and own fields."""
    own = {key: value for key, value in values.items() if key.startswith(fields.OWN)}
    if customers.put(customer, Facts({key: value for key, value in values.items() if key not in own}, own=own)):
        customers.index(u, customer)


def retag(u: UnitOfWork, customer: Customer, on: Iterable[int], off: Iterable[int], borne: Bearing) -> None:
    """Put tags on a customer and take others off; its history says so."""
    before, here = set(borne[customer.id]), borne[customer.id]
    added, gone = set(on) - before, set(off) & before
    for tag_id in sorted(added):
        u.session.add(CustomerTag(customer_id=customer.id, tag_id=tag_id))
    for tag_id in sorted(gone):
        u.delete(here[tag_id])
    if added or gone:
        u.remember(customer, {"tags": [tags.named(u, before), tags.named(u, before | added - gone)]})


# --- and back ---------------------------------------------------------------


def take_back(u: UnitOfWork, customer: Customer, before: Mapping[str, Any], changes: Changes, borne: Bearing) -> bool:
    """Put back what stood there before, but for what somebody changed since; say whether everything went back."""
    plain = {key: value for key, value in before.items() if key not in _BESIDES}
    same = {key: value for key, value in plain.items() if _value(customer, key) == changes[key]}
    if same:
        put(u, customer, same)
    back = len(same) == len(plain)
    if RESPONSIBLE in before:
        back &= _returned(u, customer, changes[RESPONSIBLE], *before[RESPONSIBLE])
    if BIN in before:
        back &= customer.archived_at is not None
        customer.archived_at = None
    here = borne[customer.id]
    there = {row["id"] for row in tags.directory(u).values()}
    on, off = before.get(TAGS_ON, ()), before.get(TAGS_OFF, ())
    back &= all(one in here for one in on) and all(one not in here and one in there for one in off)
    retag(u, customer, [one for one in off if one in there], on, borne)
    return back


def _returned(u: UnitOfWork, customer: Customer, given: int | None, person_id: int | None, team_id: int | None) -> bool:
    """Give a customer back to whoever had it, if it was not handed on and one still reaches him; say whether that was so."""
    owned = Owned(person_id, team_id, customer.partner_id)
    reached = all(u.actor.covers(right, owned) for right in (RIGHT, "customers.assign"))
    if customer.responsible_id != given or not reached:
        return False
    customer.responsible_id, customer.team_id = person_id, team_id
    return True
