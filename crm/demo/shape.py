"""The invented company's own type of customers, how complete each customer is, and who stood for its data last."""

from typing import Any, Final

import numpy as np
from numpy.random import Generator
from sqlalchemy import Connection, insert, select

from crm import templates
from crm.customers import Kind
from crm.demo import own
from crm.demo.customers import Drawn
from crm.demo.span import Array, Span
from crm.fields import OWN
from crm.templates import CustomerType, Group, Level, Place, Type
from crm.templates.standard import delivered

LARGE: Final = "company_large"
LARGE_FROM: Final = 100
"""So many employees a large company has at least."""
VERIFIED: Final = 0.4
"""The share of customers whose data somebody has verified."""


def _large() -> Type:
    """Return the type: as of any company, besides where it stands and what it buys for."""
    plain = delivered(str(Kind.COMPANY))
    assert plain is not None  # noqa: S101  it is always there
    wanted = {"region": Level.WANTED, "employees": Level.MUST, "website": Level.WANTED}
    groups = [
        Group(one.title, tuple(Place(each.key, wanted.get(each.key, each.level)) for each in one.places))
        for one in plain.groups
    ]
    groups.append(Group("Purchasing", (Place(OWN + own.BUYS_FOR, Level.WANTED), Place(OWN + own.SHOWROOM, Level.FREE))))
    return Type(LARGE, "Company, large", plain.kind, tuple(groups), plain.left_out, 1)


TYPES: Final = (*templates.DELIVERED, _large())


def add_types(connection: Connection) -> None:
    """Add the type that is not there yet."""
    table, large = CustomerType.__table__, TYPES[-1]
    if connection.execute(select(table.c.id).where(table.c.code == LARGE)).first():
        return
    parts = [[one.title, [[each.key, str(each.level)] for each in one.places]] for one in large.groups]
    facts = {"code": LARGE, "name": large.name, "kind": large.kind, "position": large.position, "version": 1}
    connection.execute(insert(table), [facts | {"parts": parts, "left_out": sorted(large.left_out)}])


def types_of(drawn: Drawn) -> Array:
    """Return the type of each customer."""
    size = np.array([one or 0 for one in drawn.employees])
    plain = np.where(drawn.company, str(Kind.COMPANY), str(Kind.PERSON)).astype(object)
    return np.where(drawn.company & (size >= LARGE_FROM), LARGE, plain)


def completeness(drawn: Drawn, codes: Array, extra: list[dict[str, Any]]) -> Array:
    """Return how complete each customer is, in per cent."""
    count, definitions = len(codes), own.definitions()
    there = {key: np.array([text not in (None, "") for text in texts]) for key, texts in drawn.texts.items()}
    there["employees"] = np.array([one is not None for one in drawn.employees])
    there["stage"] = np.ones(count, bool)
    there |= {one.key: np.array([one.key in each for each in extra]) for one in definitions}
    for key, reached in (("phones", drawn.phones), ("emails", drawn.emails)):
        there[key] = np.bincount(reached.who, minlength=count) > 0
    found = np.zeros(count, int)
    for one in TYPES:
        keys, mine = templates.demanded(one, definitions), codes == one.code
        found[mine] = sum(there[key][mine].astype(int) for key in keys) * templates.FULL // len(keys)
    return found


def verified(rng: Generator, span: Span, drawn: Drawn, keeper: int) -> dict[str, Any]:
    """Draw who stood for the data last, and when, as columns: the responsible, or the record keeper."""
    count = len(drawn.created)
    was = rng.random(count) < VERIFIED
    age = (span.now - drawn.created).astype("timedelta64[s]").astype(float)
    later = drawn.created + (age * rng.random(count)).astype("timedelta64[s]")
    who = np.where(drawn.responsible > 0, drawn.responsible, keeper).tolist()
    return {
        "verified_at": np.where(was, later, drawn.created),
        "verified_by_id": [person if yes else None for person, yes in zip(who, was.tolist(), strict=True)],
        "version": np.where(was, 2, 1),
    }
