"""Types of customers: the company's own classification, and the template of each. What they are stands in `crm.templates`.

Promises: the code of a type never changes; a type is taken out of use and never away, because customers have it; the two
types that are always there stay. When a template changes, the completeness of its customers follows: at once where they are
few, by a job where they are many.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import func, select

from crm import fields, quality, templates
from crm.core.errors import Conflict, Invalid, InvalidForm, NotFound, Refused
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import KINDS, Customer, measure_between
from crm.fields import code_of
from crm.templates import (
    BASE,
    MOST_TYPES,
    NAME_LENGTH,
    STANDARD_KEYS,
    TITLE_LENGTH,
    CustomerType,
    Group,
    Level,
    Place,
    Type,
)
from crm.templates.standard import named

AT_ONCE: Final = 2_000
"""Of so many customers the completeness is told anew at once; of more by a job."""


@verb("fields.manage")
def add(u: UnitOfWork, raw: Mapping[str, Any]) -> CustomerType:
    """Add a type. raw: name, kind, like (the code of the type whose template it begins with). Raises InvalidForm."""
    faults: dict[str, Invalid] = {}
    name, kind = " ".join(str(raw.get("name") or "").replace("\x00", "").split()), str(raw.get("kind") or "")
    if fault := _wrong_name(u, name, None):
        faults["name"] = fault
    if kind not in KINDS:
        faults["kind"] = Invalid(N_("'{text}' is not one of the choices."), field="kind", text=kind[:40])
    known = templates.types(u)
    if len(known) >= MOST_TYPES:
        faults["name"] = Invalid(N_("At most {most} fit here."), field="name", most=MOST_TYPES)
    if faults:
        raise InvalidForm(faults)
    model = known.get(str(raw.get("like") or kind)) or known[kind]
    facts = _stored(model) if model.kind == kind else _stored(known[kind])
    place = max((one.position for one in known.values()), default=0) + 1
    code = code_of(name, {*known, *BASE})
    made = u.add(CustomerType(code=code, name=name, kind=kind, position=max(place, 1), **facts))
    templates.forget(u)
    return made


@verb("fields.manage")
def rename(u: UnitOfWork, code: str, name: str, *, seen: int) -> None:
    """Call a type otherwise; whoever has it has it under the new name. Raises Invalid, NotFound, Refused, Conflict."""
    _refuse_base(code)
    record = _record(u, code, seen)
    line = " ".join(name.replace("\x00", "").split())
    if fault := _wrong_name(u, line, code):
        raise fault
    record.name = line
    _done(u)


@verb("fields.manage")
def place(u: UnitOfWork, code: str, key: str, *, level: str, group: str, after: str | None, seen: int) -> None:
    """Say how much a field is asked of customers of a type, and where: in a group (new by its title), behind a field of it.

    Raises Invalid, InvalidForm, NotFound, Conflict.
    """
    one, own = _type(u, code), fields.definitions(u)
    groups = {
        each.title: [there for there in each.places if there.key != key] for each in one.asked(own, STANDARD_KEYS)
    }
    title = " ".join(group.replace("\x00", "").split())
    _check_place(u, one, key, level, title)
    if level != Level.OUT:
        there = groups.setdefault(title, [])
        at = next((n for n, other in enumerate(there, start=1) if other.key == after), 0)
        there.insert(at, Place(key, Level(level)))
    left_out = (one.left_out - {key}) | ({key} if level == Level.OUT else set())
    kept = [Group(name, tuple(those)) for name, those in groups.items() if those]
    _keep(u, one, kept, left_out, seen)


@verb("fields.manage")
def arrange(u: UnitOfWork, code: str, title: str, *, name: str, after: str | None, seen: int) -> None:
    """Call a group of fields otherwise, and put it behind another one (None: before all). Raises Invalid, NotFound, Conflict."""
    one = _type(u, code)
    groups = list(one.asked(fields.definitions(u), STANDARD_KEYS))
    moved = next((each for each in groups if each.title == title), None)
    if moved is None:
        raise NotFound
    line = " ".join(name.replace("\x00", "").split())
    _check_title(line)
    others = [each for each in groups if each is not moved]
    if line in {each.title for each in others}:
        raise Invalid(N_("There is a group of this name already."), field="name")
    at = next((n for n, each in enumerate(others, start=1) if each.title == after), 0)
    others.insert(at, Group(line, moved.places))
    _keep(u, one, others, one.left_out, seen)


@verb("fields.manage")
def retire(u: UnitOfWork, code: str, *, seen: int) -> None:
    """Take a type out of use: nobody gets it any more, whoever has it keeps it. Raises NotFound, Refused, Conflict."""
    _refuse_base(code)
    record = _record(u, code, seen)
    record.archived_at = record.archived_at or u.now
    _done(u)


@verb("fields.manage")
def restore(u: UnitOfWork, code: str) -> None:
    """Take a type back into use. Raises NotFound."""
    _record(u, code, None).archived_at = None
    _done(u)


@verb("fields.manage")
def reset(u: UnitOfWork, code: str, *, seen: int) -> None:
    """Give a type that is always there the template back with which it was delivered. Raises NotFound, Refused, Conflict."""
    first = templates.delivered(code)
    if first is None:
        raise Refused(N_("Only the types that are always there can be set back."))
    one = _type(u, code)
    _keep(u, one, list(first.groups), first.left_out, seen)


# --- parts --------------------------------------------------------------------


def _type(u: UnitOfWork, code: str) -> Type:
    found = templates.types(u).get(code)
    if found is None:
        raise NotFound
    return found


def _record(u: UnitOfWork, code: str, seen: int | None) -> CustomerType:
    record: CustomerType | None = u.session.scalar(select(CustomerType).where(CustomerType.code == code))
    if record is None:
        raise NotFound
    if seen is not None and record.version != seen:
        raise Conflict(record=record)
    return record


def _refuse_base(code: str) -> None:
    if code in BASE:
        raise Refused(N_("This type is always there and keeps its name."))


def _wrong_name(u: UnitOfWork, name: str, code: str | None) -> Invalid | None:
    if not name:
        return Invalid(N_("Please enter a name."), field="name")
    if len(name) > NAME_LENGTH:
        return Invalid(N_("At most {length} characters fit here."), field="name", length=NAME_LENGTH)
    same = named(templates.everything(u), name)
    if same is not None and same.code != code:
        return Invalid(N_("There is a type of this name already."), field="name")
    return None


def _check_place(u: UnitOfWork, one: Type, key: str, level: str, title: str) -> None:
    there = {*STANDARD_KEYS, *(each.key for each in fields.definitions(u) if each.concerns(one.kind))}
    if key not in there:
        raise NotFound
    if level not in set(Level):
        raise Invalid(N_("'{text}' is not one of the choices."), field="level", text=level[:40])
    if key == "name" and level != Level.MUST:
        raise Invalid(N_("Everybody has a name: this field must be filled in."), field="level")
    if level != Level.OUT:
        _check_title(title, "group")


def _check_title(title: str, field: str = "name") -> None:
    if not title:
        raise Invalid(N_("Please enter a name."), field=field)
    if len(title) > TITLE_LENGTH:
        raise Invalid(N_("At most {length} characters fit here."), field=field, length=TITLE_LENGTH)


def _stored(one: Type) -> dict[str, Any]:
    """Return the template of a type as it is stored."""
    parts = [[each.title, [[there.key, str(there.level)] for there in each.places]] for each in one.groups]
    return {"parts": parts, "left_out": sorted(one.left_out)}


def _keep(u: UnitOfWork, one: Type, groups: list[Group], left_out: frozenset[str], seen: int) -> None:
    """Store another template of a type, and let the completeness of its customers follow."""
    if seen and not one.version:
        raise Conflict
    facts = _stored(Type(one.code, one.name, one.kind, tuple(groups), frozenset(left_out)))
    if one.version == 0:
        u.add(CustomerType(code=one.code, name=one.name, kind=one.kind, position=one.position, **facts))
    else:
        record = _record(u, one.code, seen)
        for key, value in facts.items():
            if getattr(record, key) != value:
                setattr(record, key, value)
    _done(u)
    _measure(u, one.code)


def _done(u: UnitOfWork) -> None:
    u.session.flush()
    templates.forget(u)


def _measure(u: UnitOfWork, code: str) -> None:
    table: Any = Customer.__table__
    some = select(table.c.id).where(table.c.type == code).limit(AT_ONCE + 1).subquery()
    count, last = (
        u.execute(statement, raw=True).scalar_one()
        for statement in (select(func.count()).select_from(some), select(func.max(table.c.id)))
    )
    if count > AT_ONCE:
        u.later(quality.measure_job, code=code)
    elif count:
        measure_between(u, 1, last, code)
