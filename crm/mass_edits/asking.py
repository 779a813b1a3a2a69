"""Asking: what a person wants to change on all customers of a list, looked at before anything is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import func, insert, literal, select

from crm import customers, fields, settings, tags, templates
from crm.core.access import Owned
from crm.core.errors import Conflict, Invalid, InvalidForm
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Customer, Filters
from crm.mass_edits import applying
from crm.mass_edits.records import BIN, RESPONSIBLE, RIGHT, TAGS_OFF, TAGS_ON, Changes, Fate, MassEdit, MassEditRow
from crm.mass_edits.run import set_off
from db.base import AnySelect

MOST: Final = 50_000
SHOWN: Final = 5
FIELDS: Final = (
    "type",
    "stage",
    "source",
    "source_detail",
    "industry",
    "employees",
    "need",
    "country",
    "region",
    "city",
)
"""The standard fields that can be set on many customers at once; the company's own can besides."""


@dataclass(frozen=True)
class Wish:
    """What is to be changed. fields: field -> what was typed, nothing to empty it; on: names of tags; off: ids of tags.

    hand_over: `responsible_id` (None: nobody) becomes responsible. into_bin: they are put into the bin.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    on: Sequence[str] = ()
    off: Sequence[int] = ()
    hand_over: bool = False
    responsible_id: int | None = None
    into_bin: bool = False


@dataclass(frozen=True)
class Preview:
    """What a mass edit would do to how many customers.

    same: how many of them have it all already, None where nobody counted. changes: as they are stored, tags apart.
    before: of the first few, with `id`, `name` and what stands there now.
    """

    count: int
    same: int | None
    changes: Changes
    before: Sequence[Mapping[str, Any]]


# --- looking before ------------------------------------------------------------


def count(u: UnitOfWork, filters: Filters) -> int:
    """Return how many customers of the list one may change at once, counting no further than the list does. Raises Refused."""
    u.need(RIGHT)
    return customers.capped(u, customers.keys(u, filters, right=RIGHT))


def preview(u: UnitOfWork, filters: Filters, wish: Wish) -> Preview:
    """Return what would happen. Raises Refused, InvalidForm beside each field, Invalid beside `what` without a wish."""
    u.need(RIGHT)
    changes = _checked(u, wish)
    reached = _reached(u, filters, changes)
    plain = {_COLUMNS.get(key, key): value for key, value in changes.items() if key in FIELDS or key in _COLUMNS}
    is_plain = len(plain) == len(changes) and not wish.on and not wish.off
    as_wished = reached.where(*(getattr(Customer, key).is_not_distinct_from(plain[key]) for key in plain))
    columns = [Customer.id, Customer.name, Customer.extra, *(getattr(Customer, key) for key in plain)]
    first = select(*columns).where(Customer.id.in_(reached)).order_by(Customer.sort_name, Customer.id).limit(SHOWN)
    same = customers.capped(u, as_wished, MOST) if is_plain else None
    return Preview(customers.capped(u, reached, MOST), same, changes, _before(u, first, changes))


_COLUMNS: Final = {RESPONSIBLE: "responsible_id"}


def _before(u: UnitOfWork, first: AnySelect, changes: Changes) -> list[dict[str, Any]]:
    """Return the first few customers: `id`, `name`, and what stands now where `changes` would change something."""
    return [
        {"id": row["id"], "name": row["name"]}
        | {key: row.get(_COLUMNS.get(key, key), row["extra"].get(key)) for key in changes if key != BIN}
        for row in u.rows(first)
    ]


def _reached(u: UnitOfWork, filters: Filters, changes: Changes) -> AnySelect:
    """Return the ids of the customers whom the filters leave and whom every right that is needed reaches."""
    found = customers.keys(u, filters, right=RIGHT).order_by(None)
    return found.where(*applying.within(u, changes))


def _checked(u: UnitOfWork, wish: Wish) -> dict[str, Any]:
    """Return what is to be changed as it is stored, tags apart."""
    own = fields.definitions(u)
    known = {*FIELDS, *(one.key for one in own)}
    faults = {key: Invalid(N_("This is not changed on many at once."), field=key) for key in wish.fields.keys() - known}
    if faults:
        raise InvalidForm(faults)
    region, types = settings.value(u, "phone_region"), templates.everything(u)
    facts = customers.checked(wish.fields, region=region, own=own, types=types)
    # a type says its kind; customers of the other kind are left, so that nobody becomes a person by the way
    changes: dict[str, Any] = {key: value for key, value in facts.fields.items() if key != "kind"} | facts.own
    if wish.hand_over:
        changes[RESPONSIBLE] = _receiver(u, wish.responsible_id)
    if wish.into_bin:
        changes[BIN] = True
    if not changes and not wish.on and not wish.off:
        raise Invalid(N_("Please choose what to change."), field="what")
    for right in applying.rights(changes):
        u.need(right)
    return changes


def _receiver(u: UnitOfWork, person_id: int | None) -> int | None:
    """Return who is to be responsible. Raises Invalid beside `responsible`."""
    if person_id is None:
        return None
    person = u.session.get(User, person_id)
    if person is None or not person.is_active:
        raise Invalid(N_("There is no such colleague."), field="responsible")
    owned = Owned(person.id, person.team_id, person.partner_id)
    if not all(u.actor.covers(right, owned) for right in (RIGHT, "customers.assign")):
        raise Invalid(N_("This colleague is outside your reach."), field="responsible")
    return int(person.id)


# --- asking ----------------------------------------------------------------------


@verb("customers.edit_many")
def ask(u: UnitOfWork, filters: Filters, wish: Wish, *, seen: int) -> MassEdit:
    """Change a few customers as soon as this is committed, many by a job.

    The customers are those of this moment: whoever joins the list later is not changed. seen: how many the preview showed.
    Raises as `preview`, Conflict when there are more or fewer now, Invalid beside `what` when they are too many.
    """
    changes = _checked(u, wish) | _tags(u, wish)
    record = u.add(_record(u, changes))
    rows: Any = MassEditRow.__table__
    found = _reached(u, filters, changes).add_columns(literal(record.id), literal(str(Fate.WAITING)))
    # raw, bulk: thousands of keys, of whom each passed every right that is needed
    u.execute(insert(rows).from_select(["customer_id", "mass_edit_id", "fate"], found), raw=True, bulk=True)
    record.total = int(u.value(select(func.count()).where(MassEditRow.mass_edit_id == record.id)))
    if record.total > MOST:
        raise Invalid(
            N_("At most {most} customers are changed at once. Please narrow the list."), field="what", most=MOST
        )
    if record.total != seen:
        raise Conflict(N_("Meanwhile there are more or fewer customers. Please look again."))
    set_off(u, record, record.total)
    return record


def _record(u: UnitOfWork, changes: Changes) -> MassEdit:
    return MassEdit(
        responsible_id=u.actor.id,
        team_id=u.actor.team_id,
        partner_id=u.actor.partner_id,
        changes=dict(changes),
        total=0,
        created_at=u.now,
    )


def _tags(u: UnitOfWork, wish: Wish) -> dict[str, list[int]]:
    """Return the tags to be put on and taken off; a name that there is no tag of becomes one. Raises Invalid beside `tags`."""
    names = [tags.checked(name) for name in wish.on]
    found = tags.known(u, names)
    if fresh := [name for name in names if tags.key_of(name) not in found]:
        found |= tags.learn(u, fresh)
    on = sorted(set(found.values()))
    off = sorted(set(wish.off) & tags.directory(u).keys() - set(on))
    return ({TAGS_ON: on} if on else {}) | ({TAGS_OFF: off} if off else {})
