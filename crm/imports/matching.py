"""Matching: whom a row means, and what becomes of it. The trial run and the run itself decide by this same code.

Promises: a customer outside the reader's scope is never matched, so that nothing is learnt of him; two rows of one file
meet each other as if the first had been stored before.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select

from crm import fields
from crm.core.access import OWN, Actor, Owned
from crm.core.errors import Invalid
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.customers import Customer, Email, Kind, Phone
from crm.imports.mapping import OnMatch
from crm.imports.records import Faults, Outcome
from crm.imports.rows import Prepared, Terms
from crm.templates import Type, strict

Key = tuple[str, str]
"""A way to find a customer: ('external_number', '17'), ('phones', '79161234567'), ('emails', 'a@b.ru')."""


@dataclass(eq=False)
class Match:
    """A customer whom rows can mean: one that is stored, or one that an earlier row of the same file adds (id None so far).

    kind, type, extra: what it is, and what stands beside its fields, as the rows so far have left it.
    """

    id: int | None
    owned: Owned
    external_number: str | None
    kind: str = Kind.COMPANY
    extra: dict[str, Any] = field(default_factory=dict)
    type: str = ""


@dataclass
class Known:
    """The customers that the rows at hand can mean, by their keys."""

    by_key: dict[Key, dict[int, Match]] = field(default_factory=dict)
    stored: dict[int, Match] = field(default_factory=dict)
    """The stored customers among them, as the rows so far have left them."""

    def add(self, row: Prepared, match: Match) -> None:
        """Remember that a row's keys lead to this customer from now on."""
        match.external_number = match.external_number or row.external_number
        match.kind, match.type = row.fields.get("kind", match.kind), row.fields.get("type", match.type)
        match.extra = row.facts.onto(match.extra | dict(row.extra))
        for key in keys_of(row):
            self.by_key.setdefault(key, {})[id(match)] = match

    def meant_by(self, row: Prepared) -> list[Match]:
        """Return the customers that a row means: by its number, else by its phones and e-mails.

        One who is known under another number is somebody else: families and companies share phones.
        """
        number = row.external_number
        if number and (same := self.by_key.get(("external_number", number))):
            return list(same.values())
        found = {place: match for key in keys_of(row) for place, match in self.by_key.get(key, {}).items()}
        return [
            match
            for match in found.values()
            if not (number and match.external_number and match.external_number != number)
        ]


def keys_of(row: Prepared) -> Iterator[Key]:
    """Give the keys of a row."""
    if row.external_number:
        yield "external_number", row.external_number
    for digits in row.digits:
        yield "phones", digits
    for address in row.emails:
        yield "emails", address


def look_up(u: UnitOfWork, rows: Iterable[Prepared], known: Known) -> None:
    """Add the stored customers that these rows can mean, within the scope of the reader."""
    wanted: dict[str, set[str]] = {"external_number": set(), "phones": set(), "emails": set()}
    for row in rows:
        for kind, value in keys_of(row):
            wanted[kind].add(value)
    owner: tuple[Any, ...] = (
        Customer.external_number, Customer.responsible_id, Customer.team_id, Customer.partner_id, Customer.kind, Customer.extra,
        Customer.type,
    )  # fmt: skip
    for kind, column, customer_id, found in (
        ("external_number", Customer.external_number, Customer.id, select(*owner)),
        ("phones", Phone.digits, Phone.customer_id, select(*owner).join(Phone, Phone.customer_id == Customer.id)),
        ("emails", Email.address, Email.customer_id, select(*owner).join(Email, Email.customer_id == Customer.id)),
    ):
        if not wanted[kind]:
            continue
        statement = found.add_columns(column.label("key"), customer_id.label("customer_id"))
        for one in u.rows(statement.where(column.in_(sorted(wanted[kind])), Customer.archived_at.is_(None))):
            owned = Owned(one["responsible_id"], one["team_id"], one["partner_id"])
            facts = (one["customer_id"], owned, one["external_number"], one["kind"], one["extra"], one["type"])
            match = known.stored.setdefault(one["customer_id"], Match(*facts))
            known.by_key.setdefault((kind, one["key"]), {})[id(match)] = match


@dataclass(frozen=True)
class Decision:
    """What becomes of a row: whose it will be (new), whom it changes (updated), why not (faulty)."""

    outcome: Outcome
    owned: Owned = field(default_factory=Owned)
    match: Match | None = None
    faults: Faults = field(default_factory=dict)


PERSONAL_FIELDS: Final = frozenset(
    {"phones", "emails", *(key for key, one in Customer.__table__.c.items() if "personal" in one.info)}
)
_OUTSIDE: Final = N_("This record is outside your reach.")


def decide(row: Prepared, known: Known, actor: Actor, under: Terms) -> Decision:
    """Decide what becomes of a row. Nothing is changed; `known.add` tells that it was done."""
    if row.faults:
        return Decision(Outcome.FAULTY, faults=row.faults)
    meant = [] if under.plan.on_match is OnMatch.CREATE else known.meant_by(row)
    if not meant:
        return _new(row, actor, under)
    if under.plan.on_match is OnMatch.SKIP:
        return Decision(Outcome.SKIPPED, match=meant[0])
    return _update(row, meant, actor, under)


def _new(row: Prepared, actor: Actor, under: Terms) -> Decision:
    if "name" not in row.fields:
        return _faulty("name", N_("Please enter a name."))
    if gaps := fields.missing(strict(type_of(row, under), under.fields), kind_of(row, under), row.kept):
        return Decision(Outcome.FAULTY, faults=gaps)
    owned = _owner(row, actor, under)
    if owned is None:
        return _faulty("responsible", N_("There is no such colleague."))
    if not (actor.covers("customers.create", owned) and actor.covers("imports.run", owned)):
        return _faulty("responsible", N_("You may not add customers for this person or team."))
    return Decision(Outcome.NEW, owned=owned)


def kind_of(row: Prepared, under: Terms) -> str:
    """Return what kind of customer a row adds."""
    return str(row.fields.get("kind") or under.plan.fixed.get("kind") or Kind.COMPANY)


def type_of(row: Prepared, under: Terms) -> Type:
    """Return which type of customer a row adds."""
    code = row.fields.get("type") or kind_of(row, under)
    return next(one for one in under.types if one.code == code)


def _owner(row: Prepared, actor: Actor, under: Terms) -> Owned | None:
    """Return whose the customer will be, as `customers.create` decides it; None when that person is gone."""
    responsible_id = row.person.id if row.person else under.plan.fixed.get("responsible_id")
    team_id = under.plan.fixed.get("team_id", actor.team_id)
    if responsible_id is None and "team_id" not in under.plan.fixed and actor.scope("customers.create") is OWN:
        responsible_id = actor.id
    if responsible_id is None:
        return Owned(None, team_id, actor.partner_id)
    person = row.person or under.by_id.get(responsible_id)
    return None if person is None else Owned(person.id, person.team_id, actor.partner_id)


def _update(row: Prepared, meant: Sequence[Match], actor: Actor, under: Terms) -> Decision:
    if len(meant) > 1:
        return _faulty(
            "",
            N_("{count} customers have this phone, e-mail or number. Merge them, or correct the row."),
            count=len(meant),
        )
    match = meant[0]
    needed = {"imports.run", "customers.edit"}
    if row.contact or row.raw.keys() & PERSONAL_FIELDS:
        needed.add("customers.edit_personal")
    if row.person is not None and row.person.id != match.owned.responsible_id:
        needed.add("customers.assign")
        after = Owned(row.person.id, row.person.team_id, match.owned.partner_id)
        if not actor.covers("customers.assign", after):
            return _faulty("responsible", _OUTSIDE)
    if not all(actor.covers(right, match.owned) for right in needed):
        return _faulty("", _OUTSIDE)
    after_it, kind = row.facts.onto(match.extra), row.fields.get("kind", match.kind)
    asked = strict(_type_after(row, match, under), under.fields)
    if gaps := fields.missing(asked, kind, after_it) if row.raw else {}:
        return Decision(Outcome.FAULTY, faults=gaps)
    return Decision(Outcome.UPDATED, match=match)


def _type_after(row: Prepared, match: Match, under: Terms) -> Type | None:
    kind, code = row.fields.get("kind", match.kind), row.fields.get("type", match.type)
    those = [one for one in under.types if one.kind == kind and one.code in (code, kind)]
    return next((one for one in those if one.code == code), those[0] if those else None)


def _faulty(key: str, text: str, **values: Any) -> Decision:
    return Decision(Outcome.FAULTY, faults={key: Invalid(text, field=key, **values)})
