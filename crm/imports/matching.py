"""Matching: whom a row means, and what becomes of it. The trial run and the run itself decide by this same code.

Promises: a customer outside the reader's scope is never matched, so that nothing is learnt of him; two rows of one file
meet each other as if the first had been stored before.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from sqlalchemy import Select, select

from crm import fields, search
from crm.core.access import Actor, Owned
from crm.core.errors import Invalid, InvalidForm
from crm.core.grants import OWN
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.customers import Customer, CustomerTag, Email, Phone, Tag
from crm.customers import Requisites as Signed
from crm.imports import portraits
from crm.imports.mapping import ALWAYS_KEYS, KEYS, OnMatch
from crm.imports.portraits import FACTS, MODELS, Portrait
from crm.imports.records import Faults, Outcome
from crm.imports.rows import Prepared, Terms
from crm.templates import strict
from db.base import AnySelect

PERSONAL_FIELDS: Final = frozenset(
    {"phones", "emails", *(key for key, one in Customer.__table__.c.items() if "personal" in one.info)}
)


@dataclass(eq=False, slots=True)
class Match:
    """A customer whom rows can mean: one that is stored, or one that an earlier row of the same file adds.

    now: as the rows so far have left it, None where nobody needs to know. stored: as it is stored, None for a new one.
    row: the one that adds it. import_id: of the import that added it. restored: ids of rows that came back already.
    packed: `now` while nobody looks at it, because a trial run remembers every customer of a large file.
    """

    id: int | None
    owned: Owned
    external_number: str | None
    now: Portrait | None = None
    stored: Portrait | None = None
    version: int = 1
    row: Prepared | None = None
    import_id: int | None = None
    restored: frozenset[tuple[str, int]] = frozenset()
    packed: bytes = b""

    def pack(self) -> None:
        """Let the portrait take a tenth of its room until somebody looks at it."""
        if self.now is not None:
            self.packed = json.dumps([dict(self.now.facts), dict(self.now.extra), dict(self.now.rows)]).encode()
            self.now = None

    def look(self) -> Portrait | None:
        """Return `now`, unpacked where it is packed."""
        if self.now is None and self.packed:
            facts, extra, tables = json.loads(self.packed)
            rows = {name: {int(number): row for number, row in some.items()} for name, some in tables.items()}
            self.now, self.packed = Portrait(facts, extra, rows), b""
        return self.now


@dataclass
class Known:
    """The customers that the rows at hand can mean, by their keys ('phones:79161234567')."""

    under: Terms
    by_key: dict[str, tuple[Match, ...]] = field(default_factory=dict)
    stored: dict[int, Match] = field(default_factory=dict)
    """The stored customers among them, as the rows so far have left them."""

    def add(self, row: Prepared, match: Match) -> None:
        """Remember that a row's keys lead to this customer from now on."""
        match.external_number = row.external_number or match.external_number
        for kind, value in keys_of(row, self.under):
            self.lead(kind, value, match)

    def lead(self, kind: str, value: str, match: Match) -> None:
        """Remember that a key leads to a customer."""
        key = f"{kind}:{value}"
        there = self.by_key.get(key, ())
        if match not in there:
            self.by_key[key] = (*there, match)

    def led(self, kind: str, value: str) -> list[Match]:
        """Return the customers to whom a key leads: a row can have taken it from one."""
        there = self.by_key.get(f"{kind}:{value}", ())
        return [match for match in there if (now := match.look()) is None or now.bears(kind, value)]

    def meant_by(self, row: Prepared) -> list[Match]:
        """Return the customers that a row means: by the chosen key, else by its number, else by its phones and e-mails.

        Without a chosen key one who is known under another number is somebody else: families and companies share phones.
        """
        number = None if self.under.plan.key else row.external_number
        if number and (same := self.led("external_number", number)):
            return same
        found = {id(match): match for kind, value in keys_of(row, self.under) for match in self.led(kind, value)}
        return [
            match
            for match in found.values()
            if not (number and match.external_number and match.external_number != number)
        ]


def keys_of(row: Prepared, under: Terms) -> Iterator[tuple[str, str]]:
    """Give the keys of a row."""
    for kind in (under.plan.key,) if under.plan.key else ALWAYS_KEYS:
        if kind == "external_number":
            values: Sequence[str | None] = (row.external_number,)
        elif kind in ALWAYS_KEYS:
            values = row.digits if kind == "phones" else row.emails
        elif kind in KEYS:
            values = (row.requisites.get(kind),)
        else:
            values = (str(row.facts.own.get(kind) or "").casefold(),)
        yield from ((kind, value) for value in values if value)


# --- who is stored -------------------------------------------------------------

_OWNER: Final = (Customer.responsible_id, Customer.team_id, Customer.partner_id)
_SHOWN: Final = select(Customer.external_number, *_OWNER, Customer.id.label("customer_id"))


def look_up(u: UnitOfWork, rows: Iterable[Prepared], known: Known, *, hold: bool = False) -> None:
    """Add the stored customers that these rows can mean, within the scope of the reader.

    hold: nobody else changes them until this transaction ends.
    """
    wanted: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for kind, value in keys_of(row, known.under):
            wanted[kind].add(value)
    fresh: list[Match] = []
    for kind, values in wanted.items():
        for one in u.rows(_bearing(kind, sorted(values)).where(Customer.archived_at.is_(None))):
            match = known.stored.get(one["customer_id"])
            if match is None:
                owned = Owned(one["responsible_id"], one["team_id"], one["partner_id"])
                match = Match(one["customer_id"], owned, one["external_number"])
                known.stored[one["customer_id"]] = match
                fresh.append(match)
            known.lead(kind, _value(kind, one["key"]), match)
    if known.under.plan.updates and fresh:
        found = load(u, [match.id for match in fresh if match.id], hold=hold)
        for match in fresh:
            same = found[match.id or 0]
            match.stored = match.now = same.stored
            match.owned, match.version, match.import_id = same.owned, same.version, same.import_id


def _bearing(kind: str, values: list[str]) -> AnySelect:
    """Select the customers who bear one of these values, each with the value as `key`."""
    if kind == "external_number":
        return _SHOWN.add_columns(Customer.external_number.label("key")).where(Customer.external_number.in_(values))
    if kind == "phones":
        joined = _SHOWN.add_columns(Phone.digits.label("key")).join(Phone, Phone.customer_id == Customer.id)
        return joined.where(Phone.digits.in_(values))
    if kind == "emails":
        joined = _SHOWN.add_columns(Email.address.label("key")).join(Email, Email.customer_id == Customer.id)
        return joined.where(Email.address.in_(values))
    if kind in KEYS:
        column = getattr(Signed, kind)
        tokens = set().union(*(search.tokens("", None, (), (), tax=[value]) for value in values))
        signed = _SHOWN.add_columns(column.label("key")).join(Signed, Signed.customer_id == Customer.id)
        return _under(signed, tokens).where(column.in_(values))
    tokens = {fields.token(kind, value) for value in values}
    return _under(_SHOWN.add_columns(Customer.extra[kind].as_string().label("key")), tokens)


def _under(statement: Select[Any], tokens: set[str]) -> AnySelect:
    """Narrow to the customers under these tokens of the look-up: it has an index where tables have none."""
    these = select(search.TOKENS.c.customer_id).where(search.TOKENS.c.token.in_(sorted(tokens)))
    return statement.where(Customer.id.in_(these))


def _value(kind: str, stored: Any) -> str:
    return str(stored) if kind in KEYS else str(stored or "").casefold()


def load(u: UnitOfWork, ids: Sequence[int], *, hold: bool = False) -> dict[int, Match]:
    """Return the stored customers of these ids, with their portraits.

    raw: whole customers, unmasked, for a writing verb's own work or for counting what it would do. Whoever calls has asked
    within the scope who they are. Held in the order of their ids, so that two writers never wait for each other.
    """
    table: Any = Customer.__table__
    people = select(table).where(table.c.id.in_(sorted(ids))).order_by(table.c.id)
    rows: dict[str, dict[int, dict[int, Any]]] = {name: defaultdict(dict) for name in MODELS}
    found = u.execute(people.with_for_update() if hold else people, raw=True).mappings().all()
    for name, model in MODELS.items():
        columns: Any = model.__table__
        statement = select(columns)
        if model is CustomerTag:
            statement = select(columns, Tag.__table__.c.name).join(
                Tag.__table__, Tag.__table__.c.id == columns.c.tag_id
            )
        ordered = statement.where(columns.c.customer_id.in_(sorted(ids))).order_by(columns.c.id)
        for row in u.execute(ordered, raw=True).mappings():
            rows[name][row["customer_id"]][row["id"]] = {key: _plain(row[key]) for key in portraits.COLUMNS[name]}
    matches = {}
    for one in found:
        facts = {key: one[key] for key in FACTS}
        now = Portrait(facts, one["extra"], {name: rows[name].get(one["id"], {}) for name in MODELS})
        matches[one["id"]] = Match(one["id"], now.owned, one["external_number"], now, now, one["version"])
        matches[one["id"]].import_id = one["import_id"]
    return matches


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


# --- what becomes of a row -----------------------------------------------------


@dataclass(frozen=True)
class Decision:
    """What becomes of a row: whose it will be (new), whom it changes (updated) and into what, why not (faulty)."""

    outcome: Outcome
    owned: Owned = field(default_factory=Owned)
    match: Match | None = None
    after: Portrait | None = None
    faults: Faults = field(default_factory=dict)


_OUTSIDE: Final = N_("This record is outside your reach.")


def decide(row: Prepared, known: Known, actor: Actor) -> Decision:
    """Return what becomes of a row. Changes nothing; `apply` lets the next rows know."""
    under = known.under
    if row.faults:
        return Decision(Outcome.FAULTY, faults=row.faults)
    try:
        meant = [] if under.plan.on_match is OnMatch.CREATE else known.meant_by(row)
        if under.plan.on_match is OnMatch.SKIP and meant:
            return Decision(Outcome.SKIPPED, match=meant[0])
        return _update(row, meant, actor, under) if meant else _new(row, actor, under)
    except InvalidForm as form:
        return Decision(Outcome.FAULTY, faults=form.faults)


def apply(row: Prepared, decision: Decision, known: Known) -> None:
    """Let the rows that follow meet what became of this one."""
    if decision.outcome is Outcome.NEW and decision.match is not None:
        known.add(row, decision.match)
    elif decision.outcome is Outcome.UPDATED and decision.match is not None and decision.after is not None:
        decision.match.now, decision.match.owned = decision.after, decision.after.owned
        known.add(row, decision.match)


def _new(row: Prepared, actor: Actor, under: Terms) -> Decision:
    if under.plan.on_match is OnMatch.ONLY_UPDATE:
        return _faulty("", _NOBODY if any(True for _ in keys_of(row, under)) else _NO_KEY)
    if "name" not in row.fields:
        return _faulty("name", N_("Please enter a name."))
    owned = _owner(row, actor, under)
    if owned is None:
        return _faulty("responsible", N_("There is no such colleague."))
    after = portraits.born(row, owned, under.plan.fixed)
    if gaps := _gaps(after, under):
        return Decision(Outcome.FAULTY, faults=gaps)
    if not (actor.covers("customers.create", owned) and actor.covers("imports.run", owned)):
        return _faulty("responsible", N_("You may not add customers for this person or team."))
    return Decision(Outcome.NEW, owned, Match(None, owned, row.external_number, after, row=row), after)


_NOBODY: Final = N_("There is no such customer, and the import only updates those that are there.")
_NO_KEY: Final = N_("The row does not say by what its customer is to be found.")


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
        return _faulty("", _SEVERAL, count=len(meant))
    match = meant[0]
    if match.now is None:  # pragma: no cover  who updates has looked
        raise AssertionError
    needed = {"imports.run", "customers.edit"}
    if row.contact or _says_personal(row, under):
        needed.add("customers.edit_personal")
    if row.person is not None and row.person.id != match.owned.responsible_id:
        needed.add("customers.assign")
        after = Owned(row.person.id, row.person.team_id, match.owned.partner_id)
        if not actor.covers("customers.assign", after):
            return _faulty("responsible", _OUTSIDE)
    if not all(actor.covers(right, match.owned) for right in needed):
        return _faulty("", _OUTSIDE)
    changed = portraits.completed(match.now, row)
    if gaps := _gaps(changed, under) if not row.is_silent else {}:
        return Decision(Outcome.FAULTY, faults=gaps)
    if changed == match.now:
        return Decision(Outcome.SKIPPED, match=match)
    return Decision(Outcome.UPDATED, match=match, after=changed)


_SEVERAL: Final = N_("{count} customers have this phone, e-mail or number. Merge them, or correct the row.")


def _says_personal(row: Prepared, under: Terms) -> bool:
    """Say whether a row brings contact data: a phone by which it finds its customer, and no other, is none."""
    said = {key for key in PERSONAL_FIELDS if key in row.raw or key in row.emptied}
    if under.plan.key in {"phones", "emails"} and len(row.raw.get(under.plan.key, ())) == 1 and not row.exact:
        said.discard(under.plan.key)
    return bool(said)


def _gaps(after: Portrait, under: Terms) -> Faults:
    """Return the own fields that must be filled in and would not be, where the type of the customer asks for them."""
    asked = strict(under.by_code.get(after.facts["type"]), under.fields)
    return fields.missing(asked, after.facts["kind"], after.extra)


def _faulty(key: str, text: str, **values: Any) -> Decision:
    return Decision(Outcome.FAULTY, faults={key: Invalid(text, field=key, **values)})
