"""What pages ask about customers."""

import time
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final

import pandas as pd
from sqlalchemy import ColumnElement, Integer, bindparam, exists, func, select, type_coerce

from crm import fields as own_fields
from crm import settings, templates
from crm.core.access import Owned
from crm.core.errors import NotFound
from crm.core.prepared import Prepared
from crm.core.reach import Reach as Reached
from crm.core.uow import UnitOfWork
from crm.customers import rules
from crm.customers.conditions import Asker, Part, Shape, bearers, shape_of, values_of
from crm.customers.fields import CHOICES, TEXTS
from crm.customers.lookup import understood
from crm.customers.records import Customer, CustomerTag, Email, Phone
from crm.customers.rows import COLUMNS, MORE, ORDERS
from crm.search import TOKENS
from db.base import AnySelect
from db.dialect import ByRow
from db.given import given, rows_of, text_of

COUNT_CAP: Final = 10_000
FEW: Final = 300
FEW_SECONDS: Final = 60
SIZE: Final = bindparam("size", type_=Integer)
SKIPPED: Final = bindparam("skipped", type_=Integer)
"""How many rows a prepared list gives, and how many it passes over before."""


@dataclass(frozen=True)
class Filters:
    """What narrows the list; None does not narrow. own: (key, value as the address says it) of own fields.

    where: a rule as its text (`crm.customers.rules`); of what is not understood in it nothing narrows.
    """

    text: str = ""
    kind: str | None = None
    stage: str | None = None
    type: str | None = None
    responsible_id: int | None = None
    mine: bool = False
    import_id: int | None = None
    tag_id: int | None = None
    own: tuple[tuple[str, str], ...] = ()
    where: str = ""


_PLAIN: Final = Shape()
_COUNTED: Final = "customers counted"
"""Where a unit notes how many a rule leaves: the page is found in another way when they are few."""
_ASKED, _OFTEN = "asked_", "often_"
SHARED: Final = frozenset({"kind", "stage", "type"})
"""Columns with few different values."""

OFTEN, MANY = 2_000, 20_000
"""A value that more customers than the first have is met soon when a list is gone through in its order; more than the second
are too many to be fetched one by one.
"""


def _wanted(u: UnitOfWork, filters: Filters) -> dict[str, Any]:
    """Return column -> value of the filters that narrow, besides the text."""
    facts = {
        "kind": filters.kind,
        "stage": filters.stage,
        "type": filters.type,
        "import_id": filters.import_id,
        "tag_id": filters.tag_id,
        "responsible_id": u.actor.id if filters.mine else filters.responsible_id,
    }
    if filters.own:
        own = own_fields.definitions(u)
        facts |= {f"{_ASKED}{n}": own_fields.asked(own, *one) for n, one in enumerate(filters.own)}
    return {key: value for key, value in facts.items() if value is not None}


_BEARERS: Final = Prepared(
    select(CustomerTag.id).where(CustomerTag.tag_id == bindparam("tag_id")).offset(OFTEN).limit(1)
)


def _in_order(u: UnitOfWork, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what is wanted of a list that stops when its page is full: values that many share are looked for on the way."""
    often = {"tag_id"} if "tag_id" in wanted and u.value(_BEARERS, tag_id=wanted["tag_id"]) is not None else set()
    tokens = {f"token_{n}": value for n, (key, value) in enumerate(wanted.items()) if key.startswith(_ASKED)}
    if tokens and u.execute(_sharing(tuple(tokens)), tokens, raw=True).scalar_one() > OFTEN:
        often |= {key for key in wanted if key.startswith(_ASKED)}
    return {_OFTEN + key if key in often else key: value for key, value in wanted.items()}


@lru_cache(maxsize=16)
def _sharing(names: tuple[str, ...]) -> AnySelect:
    """Return the count of the customers under all of these tokens, no further than OFTEN + 1; nothing else is said of them."""
    first, *others = (TOKENS.alias() for _ in names)
    found = select(first.c.customer_id).where(first.c.token == bindparam(names[0]))
    for name, other in zip(names[1:], others, strict=True):
        same = (other.c.token == bindparam(name)) & (other.c.customer_id == first.c.customer_id)
        found = found.where(select(other.c.customer_id).where(same).exists())
    return select(func.count()).select_from(found.limit(OFTEN + 1).subquery())


def _narrowed(statement: AnySelect, columns: Iterable[str], shape: Shape = _PLAIN) -> AnySelect:
    found = [_condition(key, by_row=shape.by_row) for key in columns] + ([shape.condition] if shape.blocks else [])
    # who was merged into another is in no list, not even in that of the bin
    hidden = Customer.merged_into_id if shape.asks_for("archived") else Customer.archived_at
    return statement.where(hidden.is_(None), *found)


def _condition(key: str, *, by_row: bool) -> ColumnElement[bool]:
    """Return 'the customer has this value' as SQL; the values of own fields stand in the index of the look-up.

    Few customers are fetched by their keys; whether somebody is one of many is asked of each row of the list. by_row: the same
    is asked of what very many share, for a list that is gone through in its order.
    """
    bearer: Any
    plain = key.removeprefix(_OFTEN)
    if plain.startswith(_ASKED):
        bearer, having = TOKENS.c.customer_id, TOKENS.c.token == bindparam(key)
    elif plain == "tag_id":
        bearer, having = CustomerTag.customer_id, CustomerTag.tag_id == bindparam(key)
    else:
        column = getattr(Customer, key)
        found: ColumnElement[bool] = type_coerce(ByRow(column), column.type) if by_row and key in SHARED else column
        return found == bindparam(key)
    if plain == key:
        return Customer.id.in_(select(bearer).where(having))
    return select(bearer).where(having, bearer == Customer.id).limit(1).correlate(Customer).exists()


# --- rules ------------------------------------------------------------------


def _ruled(u: UnitOfWork, text: str) -> tuple[Shape, dict[str, Any]]:
    """Return the shape of a rule as this reader can ask it, and its values."""
    if not text:
        return _PLAIN, {}
    kept: dict[Any, tuple[Shape, dict[str, Any]]] = u.session.info.setdefault("rules", {})
    place = text, id(u.session.bind)
    if place not in kept:
        known = rules.askable(u.actor, own_fields.definitions(u), templates.everything(u))
        rule, _faults = rules.read(text, known)
        shape = shape_of(rule, known)
        zone = u.actor.timezone or settings.value(u, "timezone")
        values = values_of(rule, shape, Asker(u.actor.id, u.now, zone))
        parts = enumerate(shape.parts)
        often = {n for n, part in parts if part.has_bearers and _is_shared(u, part, values[f"w{n}"])}
        cities = {f"w{n}": _written(u, values[f"w{n}"]) for n, part in enumerate(shape.parts) if part.is_in_cities}
        kept[place] = shape.with_often(often), values | cities
    return kept[place]


_CITIES: Final = rows_of("cities")
_WRITTEN: Final = select(text_of(_CITIES, 0)).where(
    exists().where(Customer.__table__.c.city == text_of(_CITIES, 0)).correlate(_CITIES)
)


def _written(u: UnitOfWork, cities: list[str]) -> list[str]:
    """Return those of the writings of cities that are met: of one alone the customers stand in an index by name."""
    found = u.execute(_WRITTEN, {"cities": given(*((one,) for one in cities))}, raw=True).scalars()
    return sorted(found) or cities[:1]


def _is_shared(u: UnitOfWork, part: Part, values: list[Any]) -> bool:
    """Say whether many customers have one of these values; nothing else is said of them.

    Whoever reaches only some looks rather at each of his own than at each who has it.
    """
    many = MANY if u.actor.reach("customers.view") is Reached.EVERYTHING else OFTEN
    bearing = select(func.count()).select_from(bearers(part, "these").limit(many + 1).subquery())
    return bool(u.execute(bearing, {"these": values}, raw=True).scalar_one() > many)


@lru_cache(maxsize=128)
def _lists(columns: tuple[str, ...], shape: Shape, order: str, more: tuple[Any, ...]) -> Prepared:
    """Return the list that stops when its page is full."""
    found = _narrowed(select(*COLUMNS, *more), columns, replace(shape, by_row=True))
    return Prepared(found.order_by(*ORDERS[order]).limit(SIZE).offset(SKIPPED))


@lru_cache(maxsize=128)
def _short_lists(columns: tuple[str, ...], shape: Shape, order: str, more: tuple[Any, ...]) -> Prepared:
    """Return the list of few: they are found in whichever way is best, and put in order then."""
    few = _narrowed(select(Customer.id), columns, shape).limit(COUNT_CAP).correlate(None)
    found = select(*COLUMNS, *more).where(Customer.id.in_(few))
    return Prepared(found.order_by(*ORDERS[order]).limit(SIZE).offset(SKIPPED))


@lru_cache(maxsize=128)
def _counts(columns: tuple[str, ...], shape: Shape) -> Prepared:
    return counting(_narrowed(select(Customer.id), columns, shape))


def _filtered(u: UnitOfWork, statement: AnySelect, filters: Filters) -> AnySelect:
    wanted = _wanted(u, filters)
    shape, values = _ruled(u, filters.where)
    statement = _narrowed(statement, wanted, shape).params(**wanted, **values)
    if filters.text.strip():
        statement = statement.where(understood(u, filters.text))
    return statement


def page(
    u: UnitOfWork,
    filters: Filters = Filters(),
    *,
    order: str = "name",
    number: int = 1,
    size: int = 50,
    columns: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Return one page of the customers inside the reader's scope as rows of COLUMNS and of what else is shown.

    columns: the keys of what is shown; without them the own fields that everybody's list shows.
    """
    order, skipped = order if order in ORDERS else "name", (max(number, 1) - 1) * size
    defined = own_fields.definitions(u)
    own = [one.key for one in defined if (one.listed if columns is None else one.key in columns)]
    more = tuple(column for key, column in MORE.items() if columns and key in columns)
    more += (Customer.extra,) if own else ()
    if filters.text.strip():
        statement = _filtered(u, select(*COLUMNS, *more), filters).order_by(*ORDERS[order])
        rows = u.rows(statement.limit(size).offset(skipped))
    else:
        rows = _page(u, filters, order, more, {"size": size, "skipped": skipped})
    for row in rows if own else ():
        extra = row.pop("extra")
        row.update((key, extra.get(key)) for key in own)
    return rows


def _page(
    u: UnitOfWork, filters: Filters, order: str, more: tuple[Any, ...], place: dict[str, int]
) -> list[dict[str, Any]]:
    wanted = _in_order(u, _wanted(u, filters))
    shape, values = _ruled(u, filters.where)
    counted = u.session.info.get(_COUNTED, {}).get(filters) if shape.blocks else None
    few = shape.blocks and (count(u, filters) if counted is None else counted) <= COUNT_CAP
    everybody = u.actor.reach("customers.view") is Reached.EVERYTHING
    shape = replace(shape, by_name=everybody and order in {"name", "-name"})
    lists = _short_lists if few else _lists
    return u.rows(lists(tuple(wanted), shape, order, more), **wanted, **values, **place)


def listing(
    u: UnitOfWork, filters: Filters = Filters(), *, order: str = "name", page: int = 1, size: int = 50
) -> pd.DataFrame:
    """Return one page of the customers inside the reader's scope: the columns of COLUMNS, `id` as index."""
    statement = _filtered(u, select(*COLUMNS), filters).order_by(*ORDERS.get(order, ORDERS["name"]))
    return u.frame(statement.limit(size).offset((max(page, 1) - 1) * size), index="id")


def count(u: UnitOfWork, filters: Filters = Filters()) -> int:
    """Return how many customers the filters leave, at most COUNT_CAP + 1 (which means 'more')."""
    if filters.text.strip():
        return capped(u, _filtered(u, select(Customer.id), filters))
    wanted = _wanted(u, filters)
    shape, values = _ruled(u, filters.where)
    found = int(u.value(_counts(tuple(wanted), shape), **wanted, **values, cap=COUNT_CAP + 1))
    u.session.info.setdefault(_COUNTED, {})[filters] = found
    return found


_REACHED: Final = Prepared(
    select(func.count()).select_from(
        select(Customer.id).where(Customer.archived_at.is_(None)).limit(FEW + 1).subquery()
    )
)


_few: dict[Hashable, tuple[float, bool]] = {}


def few(u: UnitOfWork) -> bool:
    """Say whether the reader reaches so few customers that what belongs to them is best found by way of them.

    What belongs to many is best looked through in its own order until a page is full. The answer only chooses the way, so
    that it may be FEW_SECONDS old.
    """
    reach = u.actor.reach("customers.view")
    if reach is Reached.EVERYTHING:
        return False
    who, now = (u.database.address, reach, str(u.actor.facts.get(reach))), time.monotonic()
    at, answer = _few.get(who, (float("-inf"), False))
    if now - at > FEW_SECONDS:
        answer = int(u.value(_REACHED)) <= FEW
        _few[who] = now, answer
    return answer


def capped(u: UnitOfWork, keys: AnySelect, cap: int = COUNT_CAP) -> int:
    """Return how many rows a statement of keys gives, counting no further than cap + 1."""
    return int(u.value(_counted(keys).params(cap=cap + 1)))


def counting(keys: AnySelect) -> Prepared:
    """Return the prepared count of a statement of keys; `cap` says how far it counts."""
    return Prepared(_counted(keys))


def _counted(keys: AnySelect) -> AnySelect:
    return select(func.count()).select_from(keys.limit(bindparam("cap", type_=Integer)).subquery())


def keys(u: UnitOfWork, filters: Filters, *, right: str, order: str = "name") -> AnySelect:
    """Return the statement of the ids of those whom the filters leave and whom `right` reaches, in the order of the list."""
    statement = _filtered(u, select(Customer.id), filters).order_by(*ORDERS.get(order, ORDERS["name"]))
    inside = Customer.rows(u.actor, right)
    return statement if inside is None else statement.where(inside)


def one(u: UnitOfWork, customer_id: int) -> Customer:
    """Return one customer. Raises NotFound."""
    return u.get(Customer, customer_id)


NEWEST: Final = 200
_LAST_TYPE: Final = Prepared(select(Customer.type, Customer.created_by_id).order_by(Customer.id.desc()).limit(NEWEST))


def last_type(u: UnitOfWork) -> str:
    """Return the type of the customer whom the reader added last, among the newest that he sees; '' without one."""
    mine = (row["type"] for row in u.rows(_LAST_TYPE) if row["created_by_id"] == u.actor.id)
    return str(next(mine, ""))


class Card(SimpleNamespace):
    """What the card shows of a customer, under the names of the record; contact data come by `reach`."""


_CARD: Final = Prepared(
    select(
        *(getattr(Customer, key) for key, column in Customer.__table__.columns.items() if "view" not in column.info)
    ).where(Customer.id == bindparam("customer_id"))
)


def card(u: UnitOfWork, customer_id: int) -> Card:
    """Return what the card shows of a customer: for reading only, at half the price of `one`. Raises NotFound."""
    rows = u.rows(_CARD, customer_id=customer_id)
    if not rows:
        raise NotFound
    return Card(**rows[0])


@dataclass(frozen=True)
class Reach:
    """How to reach a customer, masked where the reader may not see it in full."""

    phones: tuple[str, ...]
    emails: tuple[str, ...]
    address: str | None
    in_full: bool


_OWNER: Final = (Customer.responsible_id, Customer.team_id, Customer.partner_id)
_PHONES: Final = Prepared(
    select(Customer.address, *_OWNER, Phone.number)
    .outerjoin(Phone, Phone.customer_id == Customer.id)
    .where(Customer.id == bindparam("customer_id"))
    .order_by(Phone.position)
)
_EMAILS: Final = Prepared(
    select(Email.address, *_OWNER)
    .join(Customer, Customer.id == Email.customer_id)
    .where(Email.customer_id == bindparam("customer_id"))
    .order_by(Email.position)
)


def reach(u: UnitOfWork, customer_id: int) -> Reach:
    """Return phones, e-mails and address of a customer. Raises NotFound."""
    phones = u.rows(_PHONES, customer_id=customer_id)
    if not phones:
        raise NotFound
    emails = u.rows(_EMAILS, customer_id=customer_id)
    return Reach(
        tuple(row["number"] for row in phones if row["number"] is not None),
        tuple(row["address"] for row in emails),
        phones[0]["address"],
        u.actor.covers("customers.view_personal", Owned(*(phones[0][key] for key in Owned._fields))),
    )


def values(u: UnitOfWork, customer_id: int) -> dict[str, Any]:
    """Return the stored values of every field of the form, for filling it and for comparing two versions of it.

    Personal values that the reader may not see come masked: a form must show them disabled.
    """
    customer = one(u, customer_id)
    found = {
        key: getattr(customer, key)
        for key in (*TEXTS, "name", "kind", "type", "employees", *CHOICES)
        if key != "address"
    }
    found |= {field.key: customer.extra.get(field.key) for field in own_fields.definitions(u)}
    ways = reach(u, customer_id)
    return found | {"address": ways.address, "phones": list(ways.phones), "emails": list(ways.emails)}
