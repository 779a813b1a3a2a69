"""Links: every column that leads to a customer. A merge lets all of them lead to the survivor, in a few statements of any size.

The list is made from the tables themselves, so that a new table joins by being there. Only what needs more says so here:
rows that stay behind (STAYS), rows that may say the same twice (DOUBLES), what else must change on the way (`make_room`), and
figures that a card keeps (FIGURES). Law tests compare all of it with the models.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Select,
    String,
    Table,
    and_,
    bindparam,
    false,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from crm import requisites
from crm.core import records
from crm.core.uow import UnitOfWork
from crm.customers import Contact, Customer, Email, Phone
from crm.interactions import Interaction
from crm.merges.records import ROWS, Merge
from crm.purchases import Purchase

STAYS: Final[Mapping[str, str]] = {
    "customers.merged_into_id": "who was merged into the other leads on by way of it, and is its own again with it",
    "merges": "what was merged into whom stays what it was",
    "merges.other_id": "likewise",
    "search_tokens": "the index is made anew from what is there afterwards",
    "duplicate_pairs": "pairs compare two cards as they are; the next look compares anew",
    "duplicate_pairs.other_id": "likewise",
    "mass_edit_rows": "what a mass edit did to this very card: undoing it looks for it there",
    "import_changes": "what an import changed on this very card: undoing it looks for it there",
    "import_rows": "what a file did to this very card: undoing that import looks for it there",
}
"""Links by their names whose rows do not go along: why."""


@dataclass(frozen=True)
class Link:
    """A column of a table that leads to a customer."""

    table: Table
    column: Column[Any]

    @property
    def name(self) -> str:
        """The table's name, with the column's where that is another than `customer_id`."""
        plain = self.column.name == "customer_id"
        return self.table.name if plain else f"{self.table.name}.{self.column.name}"

    def under(self, merge_id: int) -> Select[Any]:
        """Return the ids of the rows that a merge moved."""
        mine = (ROWS.c.merge_id == merge_id, ROWS.c.record == self.table.name, ROWS.c.field == self.column.name)
        return select(ROWS.c.row_id).where(*mine)


def leads_to_customer(column: Column[Any]) -> bool:
    """Say whether a column names a customer."""
    return column.name == "customer_id" or any(one.target_fullname == "customers.id" for one in column.foreign_keys)


@lru_cache(maxsize=1)
def links() -> tuple[Link, ...]:
    """Return every link that a merge moves."""
    tables = records.load().sorted_tables
    every = (Link(table, column) for table in tables for column in table.c if leads_to_customer(column))
    return tuple(one for one in every if one.name not in STAYS)


# --- what says the same twice -------------------------------------------------


@dataclass(frozen=True)
class Double:
    """When a row says nothing that one of the survivor's does not say: it stays behind with the other card.

    same: these are equal, besides the column that leads to the customer; within: empty, or equal; there: both filled or both empty.
    """

    same: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    there: tuple[str, ...] = ()


DOUBLES: Final[Mapping[str, Double]] = {
    "customer_tags": Double(("tag_id",)),
    "phones": Double(("digits",)),
    "emails": Double(("address",)),
    "contacts": Double(("name",), ("position", "department", "digits", "emails", "birthday", "note"), ("left_at",)),
    "requisites": Double(within=requisites.FIELDS),
    "relations": Double(("customer_id", "other_id", "kind")),
}


def stays(link: Link, survivor_id: int) -> ColumnElement[bool]:
    """Return 'the row stays behind with the other card' as SQL: it leads to the survivor already, or says nothing new.

    What leads from the one to the other would lead from the survivor to itself.
    """
    back = [one.column == survivor_id for one in links() if one.table is link.table and one.column is not link.column]
    return or_(_is_double(link, survivor_id), *back)


def _is_double(link: Link, survivor_id: int) -> ColumnElement[bool]:
    """Return 'the survivor has a row that says all of this' as SQL."""
    rule = DOUBLES.get(link.table.name)
    if rule is None:
        return false()
    mine, theirs = link.table.alias().c, link.table.c
    alike: list[ColumnElement[bool]] = [mine[link.column.name] == survivor_id]
    alike += [mine[key] == theirs[key] for key in rule.same if key != link.column.name]
    alike += [or_(_is_empty(theirs[key]), mine[key] == theirs[key]) for key in rule.within]
    alike += [mine[key].is_(None) == theirs[key].is_(None) for key in rule.there]
    return select(mine.id).where(*alike).correlate(link.table).exists()


def _is_empty(column: Column[Any]) -> ColumnElement[bool]:
    return or_(column.is_(None), column == "") if isinstance(column.type, String) else column.is_(None)


FOLLOWS: Final[Mapping[str, str]] = {"documents": "first_id"}
"""Tables in which a later row is part of an earlier one: the column that names the earlier. Added since, it goes back with that."""


# --- there and back -------------------------------------------------------------

ORDERED: Final = (Phone, Email)
"""Rows that stand in an order of the card: those that come stand behind."""


def move(u: UnitOfWork, link: Link, merge: Merge, shift: int = 0) -> int:
    """Let the rows of the other lead to the survivor, and note which; return how many. shift: by so many places behind.

    raw, bulk: a customer has thousands of rows, and that a row leads elsewhere now stands in the history of both cards.
    """
    table, column = link.table, link.column
    noted = literal(merge.id, BigInteger()), literal(table.name), literal(column.name), table.c.id
    those = select(*noted).where(column == merge.other_id, not_(stays(link, merge.customer_id)))
    u.execute(insert(ROWS).from_select([one.name for one in ROWS.c], those), raw=True, bulk=True)
    going = update(table).where(column == merge.other_id, table.c.id.in_(link.under(merge.id)))
    moved: Any = u.execute(going.values(_led(link, merge.customer_id, shift)), raw=True, bulk=True)
    return int(moved.rowcount)


def move_back(u: UnitOfWork, link: Link, merge: Merge, shift: int = 0) -> None:
    """Let the rows that a merge moved lead to the other again, those excepted that are gone, and with them what is part of them."""
    table, column, moved = link.table, link.column, link.under(merge.id)
    back: ColumnElement[bool] = table.c.id.in_(moved)
    if link.name in FOLLOWS:
        back = or_(back, table.c[FOLLOWS[link.name]].in_(moved))
    going = update(table).where(column == merge.customer_id, back)
    u.execute(going.values(_led(link, merge.other_id, -shift)), raw=True, bulk=True)


def _led(link: Link, customer_id: int, shift: int) -> dict[Any, Any]:
    return {link.column: customer_id} | ({link.table.c.position: link.table.c.position + shift} if shift else {})


# --- what else changes on the way -------------------------------------------------


def make_room(u: UnitOfWork, survivor_id: int, other_id: int) -> dict[str, Any]:
    """Change what would clash at the survivor; return what `give_room_back` needs, for JSON.

    places: table -> so many places behind those of the survivor. first: the contact person who was asked first at the other.
    numbers: purchase -> its number and the one that it bears now, because the survivor has one of that number.
    """
    return {
        "places": {one.__tablename__: _next_place(u, one, survivor_id) for one in ORDERED},
        "first": _step_back(u, survivor_id, other_id),
        "numbers": _renumber(u, survivor_id, other_id),
    }


def give_room_back(u: UnitOfWork, other_id: int, room: Mapping[str, Any]) -> None:
    """Undo `make_room` for what is with the other again."""
    contact, purchase = Contact.__table__, Purchase.__table__
    mine = contact.c.customer_id == other_id
    if room["first"] and not u.execute(select(contact.c.id).where(mine, contact.c.is_primary), raw=True).first():
        again = update(contact).where(mine, contact.c.id == room["first"], contact.c.left_at.is_(None))
        u.execute(again.values(is_primary=True), raw=True, bulk=True)
    if room["numbers"]:
        called = and_(purchase.c.id == bindparam("key"), purchase.c.number == bindparam("now"))
        numbered = update(purchase).where(called, purchase.c.customer_id == other_id).values(number=bindparam("then"))
        rows = [{"key": int(key), "then": then, "now": now} for key, (then, now) in room["numbers"].items()]
        u.execute(numbered, rows, raw=True, bulk=True)


def _next_place(u: UnitOfWork, model: Any, survivor_id: int) -> int:
    table = model.__table__
    behind = func.coalesce(func.max(table.c.position) + 1, 0)
    return int(u.execute(select(behind).where(table.c.customer_id == survivor_id), raw=True).scalar_one())


def _step_back(u: UnitOfWork, survivor_id: int, other_id: int) -> int | None:
    """Let the survivor's contact person be asked first; return who stepped back for it."""
    table = Contact.__table__
    first = select(table.c.customer_id, table.c.id).where(table.c.is_primary)
    both = first.where(table.c.customer_id.in_((survivor_id, other_id)))
    asked = {row.customer_id: row.id for row in u.execute(both, raw=True)}
    if len(asked) < 2:  # noqa: PLR2004  one of each card
        return None
    u.execute(update(table).where(table.c.id == asked[other_id]).values(is_primary=False), raw=True, bulk=True)
    return int(asked[other_id])


def clashing(survivor_id: int, other_id: int) -> Select[Any]:
    """Return id and number of the other's purchases whose number the survivor has, too."""
    table = Purchase.__table__
    taken = select(table.c.number).where(table.c.customer_id == survivor_id, table.c.number.is_not(None))
    return select(table.c.id, table.c.number).where(table.c.customer_id == other_id, table.c.number.in_(taken))


def _renumber(u: UnitOfWork, survivor_id: int, other_id: int) -> dict[str, tuple[str, str]]:
    """Give purchases whose number both have another one: '7' becomes '7 (2)'."""
    table = Purchase.__table__
    rows = u.execute(clashing(survivor_id, other_id).order_by(table.c.id), raw=True).all()
    if not rows:
        return {}
    both = select(table.c.number).where(table.c.customer_id.in_((survivor_id, other_id)), table.c.number.is_not(None))
    taken = set(u.execute(both, raw=True).scalars())
    found: dict[str, tuple[str, str]] = {}
    for key, number in map(tuple, rows):
        free = next(one for n in count(2) if (one := f"{number} ({n})") not in taken)
        taken.add(free)
        found[str(key)] = number, free
    named = update(table).where(table.c.id == bindparam("key")).values(number=bindparam("now"))
    u.execute(named, [{"key": int(key), "now": now} for key, (_, now) in found.items()], raw=True, bulk=True)
    return found


# --- figures that a card keeps ------------------------------------------------------

FIGURES: Final = (
    (Customer.interaction_count, Customer.last_interaction_at, Interaction),
    (Customer.purchase_count, Customer.last_purchase_at, Purchase),
)
"""How many, when the last one was, and of which rows."""


def recount(u: UnitOfWork, customer_ids: Iterable[int]) -> None:
    """Count anew what cards keep of rows of other tables."""
    table = Customer.__table__
    values: dict[str, Any] = {}
    for number, last, model in FIGURES:
        rows = model.__table__
        mine = rows.c.customer_id == table.c.id
        values[number.key] = select(func.count()).select_from(rows).where(mine).correlate(table).scalar_subquery()
        values[last.key] = select(func.max(rows.c.at)).where(mine).correlate(table).scalar_subquery()
    u.execute(update(table).where(table.c.id.in_(list(customer_ids))).values(values), raw=True, bulk=True)
