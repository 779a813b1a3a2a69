"""The card and the list: milliseconds of the query layer for what a page reads.

The card is all that its page reads for customers drawn at random, and of whom most is known: those with the most talks. The list
is its first page with its count and tags under two filters whose values are those of a customer drawn at random, so that values
that many share are asked for as often as they are met. Each kind is asked 40 times by the record keeper, who sees everybody, and
by sales people, who see their own; so is the hundredth page, which somebody turns to by hand.
"""

import gc
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import select

from bench import data
from bench.figures import Sheet, Wish, percentile
from bench.lookup import CUSTOMERS, SAMPLES, staff
from crm import briefs, customers, interactions, purchases, stages, tags
from crm.core.access import Identity
from crm.core.uow import UnitOfWork, unit_of_work
from crm.customers import Customer, CustomerTag, Filters, rules
from crm.customers.rules import Condition, Operator, Rule
from db.engine import Database

CARD, LIST = 30.0, 150.0
"""Limits in milliseconds."""

CARDS: Final = 200
SIZE: Final = 50
FAR: Final = 100
Facts = dict[str, Any]
"""What is known of a customer whose values are asked for."""


def _rule(*conditions: Condition) -> str:
    return rules.written(Rule.of([(one,) for one in conditions], either=False))


def _is(key: str, value: Any) -> Condition:
    return Condition(key, Operator.IS, (str(value),))


KINDS: Final[dict[str, Callable[[Facts], Filters]]] = {
    "kind_stage": lambda c: Filters(kind=c["kind"], stage=c["stage"]),
    "responsible_stage": lambda c: Filters(responsible_id=c["responsible_id"], stage=c["stage"]),
    "tag_stage": lambda c: Filters(tag_id=c["tag_id"], stage=c["stage"]),
    "city_stage": lambda c: Filters(stage=c["stage"], where=_rule(_is("city", c["city"]))),
    "city_industry": lambda c: Filters(where=_rule(_is("city", c["city"]), _is("industry", c["industry"]))),
    "city_begins_kind": lambda c: Filters(
        kind=c["kind"], where=_rule(Condition("city", Operator.BEGINS, (c["city"][:3],)))
    ),
    "not_contacted_stage": lambda c: Filters(
        stage=c["stage"], where=_rule(Condition("last_contact", Operator.OLDER, ("90",)))
    ),
    "new_source": lambda c: Filters(
        where=_rule(Condition("created", Operator.LAST, ("30",)), _is("source", c["source"]))
    ),
    "bought_city": lambda c: Filters(
        where=_rule(Condition("purchases", Operator.MORE, ("3",)), _is("city", c["city"]))
    ),
    "no_phone_stage": lambda c: Filters(stage=c["stage"], where=_rule(Condition("phone", Operator.EMPTY))),
    "incomplete_responsible": lambda c: Filters(
        responsible_id=c["responsible_id"], where=_rule(Condition("completeness", Operator.LESS, ("50",)))
    ),
    "text_stage": lambda c: Filters(text=c["name"].split()[0], stage=c["stage"]),
}
"""Name -> two filters with the values of a customer."""


def measure(wish: Wish, sheet: Sheet) -> None:
    """Read cards and lists."""
    size = wish.customers or CUSTOMERS
    database = data.database(size, wish.seed, wish.url)
    sheet.facts |= {"Customers": f"{size:,}", "Database": "SQLite" if database.is_sqlite else "PostgreSQL"}
    rng = random.Random(wish.seed)
    keeper, sellers = staff(database)
    gc.collect()
    gc.freeze()  # as the server does when it starts
    people = _drawn(database, size, rng)
    theirs = [one for one in people if one["responsible_id"] in sellers]
    readers = {
        "keeper": [(keeper, one) for one in people],
        "seller": [(Identity(one["responsible_id"]), one) for one in theirs],
    }
    for name, asked in readers.items():
        _cards(sheet, database, f"card.{name}", [(who, one["id"]) for who, one in asked[:CARDS]])
    _cards(sheet, database, "card.fullest", [(keeper, key) for key in _fullest(database)])
    rows = [row for name, asked in readers.items() for row in _lists(sheet, database, name, asked)]
    sheet.table(("list", "reader", "asked", "p50 ms", "p95 ms"), rows)
    database.close()


def _cards(sheet: Sheet, database: Database, name: str, asked: Sequence[tuple[Identity, int]]) -> None:
    times = [_timed(database, who, partial(_card, key=key)) for who, key in asked]
    sheet.add(f"{name}.p95", percentile(times, 0.95), "ms", limit=CARD, beside=f"{percentile(times, 0.5):.1f} ms p50")


def _card(u: UnitOfWork, key: int) -> None:
    """Read what the page of a customer reads."""
    card = customers.card(u, key)
    customers.reach(u, key)
    tags.of(u, [key])
    if u.may("purchases.view"):
        purchases.summary(u, key)
    briefs.brief(u, key)
    stages.steps(u, key, most=1)
    stages.strategies(u)
    interactions.page(u, interactions.Filters(customer_id=card.id), size=SIZE)


def _lists(
    sheet: Sheet, database: Database, name: str, people: Sequence[tuple[Identity, Facts]]
) -> list[tuple[str, ...]]:
    rows = []
    for kind, ask in KINDS.items():
        needed = [one for one in people if kind != "tag_stage" or one[1]["tag_id"]][:SAMPLES]
        times = [_timed(database, who, partial(_list, filters=ask(facts))) for who, facts in needed]
        p95 = percentile(times, 0.95)
        sheet.add(f"list.{name}.{kind}.p95", p95, "ms", limit=LIST)
        rows.append((kind, name, str(len(times)), f"{percentile(times, 0.5):.1f}", f"{p95:.1f}"))
    far = [
        _timed(database, who, partial(_list, filters=Filters(stage=facts["stage"]), number=FAR))
        for who, facts in people[:SAMPLES]
    ]
    sheet.add(f"list.{name}.page_{FAR}.p95", percentile(far, 0.95), "ms", limit=LIST)
    return rows


def _list(u: UnitOfWork, filters: Filters, number: int = 1) -> None:
    """Read what the page of customers reads."""
    customers.count(u, filters)
    tags.of(u, [row["id"] for row in customers.page(u, filters, number=number, size=SIZE)])


def _timed(database: Database, who: Identity, read: Callable[[UnitOfWork], None]) -> float:
    """Return the milliseconds of a reading with the beginning and the end of its unit."""
    begun = time.perf_counter()
    with unit_of_work(database, who) as u:
        read(u)
    return (time.perf_counter() - begun) * 1000


def _drawn(database: Database, size: int, rng: random.Random) -> list[Facts]:
    """Draw customers at random; tag_id is one of theirs, None without any."""
    table, tagged = Customer.__table__, CustomerTag.__table__
    ids = rng.sample(range(1, size + 1), min(size, 30 * SAMPLES))
    columns = [table.c[key] for key in ("id", "name", "kind", "stage", "city", "industry", "source", "responsible_id")]
    known = [table.c[key].is_not(None) for key in ("city", "source", "responsible_id")]
    with database.reader.connect() as connection:
        marks: dict[int, int] = dict(
            connection.execute(select(tagged.c.customer_id, tagged.c.tag_id).where(tagged.c.customer_id.in_(ids))).all()  # type: ignore[arg-type]  # rows of two are pairs
        )
        found = connection.execute(select(*columns).where(table.c.id.in_(ids), *known)).mappings().all()
    those = [dict(row) | {"tag_id": marks.get(row["id"]), "industry": row["industry"] or "retail"} for row in found]
    rng.shuffle(those)
    return those


def _fullest(database: Database) -> list[int]:
    """Return those with the most entries in the journal."""
    table = Customer.__table__.c
    with database.reader.connect() as connection:
        found = select(table.id).where(table.archived_at.is_(None)).order_by(table.interaction_count.desc())
        return list(connection.execute(found.limit(SAMPLES)).scalars())
