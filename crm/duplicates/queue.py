"""The queue: pairs that wait for somebody's decision, the likeliest first, with both customers side by side."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Float, Integer, bindparam, func, or_, select

from crm.core.access import Owned
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Contact, Customer, Email, Phone, Requisites
from crm.duplicates.records import RIGHT, Pair, Sign, bits, signs_in
from db.base import AnySelect

SIZE: Final = 10
"""Pairs on a page: each is as high as a card."""

COUNT_CAP: Final = 10_000
BANDS: Final[Mapping[str, tuple[float, float]]] = {"sure": (0.95, 2.0), "likely": (0.8, 0.95), "possible": (0.0, 0.8)}
"""Code -> from which certainty on, and below which."""

BAND_NAMES: Final[Mapping[str, str]] = {
    "sure": N_("Almost certain"),
    "likely": N_("Likely"),
    "possible": N_("Possible"),
}


@dataclass(frozen=True)
class Filters:
    """What narrows the queue; None does not narrow. band: of BANDS. responsible_id: of one of the two. parted: those decided."""

    band: str | None = None
    sign: str | None = None
    responsible_id: int | None = None
    parted: bool = False


# --- deciding -----------------------------------------------------------------


@verb("customers.merge")
def part(u: UnitOfWork, pair_id: int) -> Pair:
    """Note that these are two customers: they are never brought before anybody again. Raises NotFound, Refused."""
    pair = u.get(Pair, pair_id)
    if pair.parted_at is None:
        pair.parted_at, pair.parted_by_id = u.now, u.actor.id
    return pair


@verb("customers.merge")
def unpart(u: UnitOfWork, pair_id: int) -> Pair:
    """Take that back: the pair waits in the queue again. Raises NotFound, Refused."""
    pair = u.get(Pair, pair_id)
    pair.parted_at = pair.parted_by_id = None
    return pair


# --- the queue ------------------------------------------------------------------

_COLUMNS: Final = (
    Pair.id,
    Pair.customer_id,
    Pair.other_id,
    Pair.certainty,
    Pair.signs,
    Pair.customer_version,
    Pair.other_version,
    Pair.parted_at,
    Pair.parted_by_id,
)


def _wanted(filters: Filters) -> dict[str, Any]:
    """Return the values of the filters that narrow."""
    found: dict[str, Any] = {}
    if filters.band is not None and filters.band in BANDS:
        found |= dict(zip(("least", "below"), BANDS[filters.band], strict=True))
    if filters.sign in set(Sign):
        found["sign"] = bits(str(filters.sign))
    if filters.responsible_id is not None:
        found["responsible_id"] = filters.responsible_id
    return found


_KEYS: Final = (Pair.customer_id, Pair.other_id)


def _in_use(key: Any, *more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return 'this customer of the pair is not in the bin' as SQL."""
    found = select(Customer.id).where(Customer.id == key, Customer.archived_at.is_(None), *more)
    return found.limit(1).correlate(Pair).exists()


def _narrowed(statement: AnySelect, keys: tuple[str, ...], *, parted: bool) -> AnySelect:
    found = statement.where(Pair.parted_at.is_not(None) if parted else Pair.parted_at.is_(None), *map(_in_use, _KEYS))
    if "least" in keys:
        found = found.where(
            Pair.certainty >= bindparam("least", type_=Float), Pair.certainty < bindparam("below", type_=Float)
        )
    if "sign" in keys:
        found = found.where(Pair.signs.bitwise_and(bindparam("sign", type_=Integer)) != 0)
    if "responsible_id" in keys:
        who: Any = bindparam("responsible_id")
        found = found.where(or_(*(_in_use(key, Customer.responsible_id == who) for key in _KEYS)))
    return found


@lru_cache(maxsize=32)
def _pages(keys: tuple[str, ...], *, parted: bool) -> Prepared:
    order = (Pair.parted_at.desc(), Pair.id.desc()) if parted else (Pair.certainty.desc(), Pair.id)
    size, skipped = bindparam("size", type_=Integer), bindparam("skipped", type_=Integer)
    return Prepared(_narrowed(select(*_COLUMNS), keys, parted=parted).order_by(*order).limit(size).offset(skipped))


@lru_cache(maxsize=32)
def _counts(keys: tuple[str, ...], *, parted: bool) -> Prepared:
    some = _narrowed(select(Pair.id), keys, parted=parted).limit(bindparam("cap", type_=Integer)).subquery()
    return Prepared(select(func.count()).select_from(some))


def count(u: UnitOfWork, filters: Filters = Filters()) -> int:
    """Return how many pairs the filters leave, at most COUNT_CAP + 1 (which means 'more'). Raises Refused."""
    u.need(RIGHT)
    wanted = _wanted(filters)
    return int(u.value(_counts(tuple(wanted), parted=filters.parted), **wanted, cap=COUNT_CAP + 1))


def page(u: UnitOfWork, filters: Filters = Filters(), *, number: int = 1) -> list[dict[str, Any]]:
    """Return one page of pairs, the likeliest first; those decided, the latest first.

    Rows: id, certainty, signs (codes, the strongest first), parted_at, parted_by_id, `one` and `other` (see `_sides`), `changed`:
    whether one of the two was changed since they were compared, `decidable`: whether the reader may decide. Raises Refused.
    """
    u.need(RIGHT)
    wanted = _wanted(filters)
    place = {"size": SIZE, "skipped": (max(number, 1) - 1) * SIZE}
    rows = u.rows(_pages(tuple(wanted), parted=filters.parted), **wanted, **place)
    sides = _sides(u, sorted({row[key] for row in rows for key in ("customer_id", "other_id")}))
    return [_told(u, row, sides) for row in rows if row["customer_id"] in sides and row["other_id"] in sides]


def _told(u: UnitOfWork, row: dict[str, Any], sides: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    one, other = sides[row["customer_id"]], sides[row["other_id"]]
    return {
        **{key: row[key] for key in ("id", "certainty", "parted_at", "parted_by_id")},
        "signs": signs_in(row["signs"]),
        "one": one,
        "other": other,
        "changed": (one["version"], other["version"]) != (row["customer_version"], row["other_version"]),
        "decidable": all(u.actor.covers(RIGHT, _owned(each)) for each in (one, other)),
    }


# --- both side by side ------------------------------------------------------------

_OWNER: Final = (Customer.responsible_id, Customer.team_id, Customer.partner_id)
_THESE: Any = bindparam("these", expanding=True)
_SHOWN: Final = Prepared(
    select(
        *(
            Customer.id,
            Customer.version,
            Customer.name,
            Customer.kind,
            Customer.stage,
            Customer.city,
            Customer.address,
            Customer.created_at,
        ),
        *(Customer.last_interaction_at, Customer.interaction_count, Customer.purchase_count, *_OWNER),
    ).where(Customer.id.in_(_THESE))
)


def _ways(model: Any, *columns: Any) -> Prepared:
    found = select(model.customer_id, *columns, *_OWNER).join(Customer, Customer.id == model.customer_id)
    return Prepared(found.where(model.customer_id.in_(_THESE)).order_by(model.customer_id, model.id))


_PHONES: Final = _ways(Phone, Phone.number)
_EMAILS: Final = _ways(Email, Email.address)
_CONTACTS: Final = _ways(Contact, Contact.name)
_NUMBERS: Final = _ways(Requisites, Requisites.inn, Requisites.ogrn, Requisites.uscc, Requisites.vat)


def _sides(u: UnitOfWork, these: list[int]) -> dict[int, dict[str, Any]]:
    """Return id -> what the queue shows of a customer, masked where the reader may not see it (`in_full`)."""
    ways: dict[int, dict[str, list[str]]] = defaultdict(
        lambda: {key: [] for key in ("phones", "emails", "contacts", "numbers")}
    )
    for key, statement, columns in (
        ("phones", _PHONES, ("number",)),
        ("emails", _EMAILS, ("address",)),
        ("contacts", _CONTACTS, ("name",)),
        ("numbers", _NUMBERS, ("inn", "ogrn", "uscc", "vat")),
    ):
        for row in u.rows(statement, these=these) if these else ():
            ways[row["customer_id"]][key] += [row[column] for column in columns if row[column]]
    rows = u.rows(_SHOWN, these=these) if these else []
    return {
        row["id"]: row | ways[row["id"]] | {"in_full": u.actor.covers("customers.view_personal", _owned(row))}
        for row in rows
    }


def _owned(row: Mapping[str, Any]) -> Owned:
    return Owned(*(row[key] for key in Owned._fields))
