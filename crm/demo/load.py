"""The bulk path: a demonstration database filled below the door, exactly as the verbs would have filled it.

It writes customers, phones, e-mails, search tokens, interactions, purchases with their lines and the daily counters; the
columns that verbs keep on the cards are computed from the same events. Two things it leaves out on purpose: entries in the
audit log (nobody did these things) and raised versions of customers. Up to one chunk of customers arrive in one transaction;
more arrive chunk by chunk, and a load that was interrupted must begin again in an empty database.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, cast

import numpy as np
from sqlalchemy import Connection, Table, select

from crm import interactions, sessions
from crm import tags as words
from crm.core.people import Team, User
from crm.counters import DailyCount, MonthlyCount
from crm.customers import Contact, Customer, CustomerTag, Email, Phone, Requisites, Tag
from crm.demo import chunk, firms, own, shape
from crm.demo.chunk import Chunk, Wishes
from crm.demo.goods import CURRENCY, goods
from crm.demo.names import TONGUES
from crm.demo.people import CAST, NEWCOMER, PASSWORD, TEAMS, Person, Staff, Troop, extra_people, zone_of
from crm.demo.span import YEARS_DAYS, Array, Span
from crm.interactions import Direction, Interaction, Kind
from crm.plans import MEASURES
from crm.products import Product
from crm.purchases import Purchase, PurchaseLine
from crm.search import PARTS, TOKENS, leads
from db import bulk
from db.dialect import reset_ids
from db.engine import Database

INDEX_AFTER: Final = 30_000
"""With more customers than this the indexes are built after the rows."""


def _table(model: Any) -> Table:
    return cast("Table", model.__table__)


TABLES: Final = (
    TOKENS,
    *map(
        _table,
        (
            Customer,
            Phone,
            Email,
            Contact,
            CustomerTag,
            Requisites,
            Interaction,
            Purchase,
            PurchaseLine,
            DailyCount,
            MonthlyCount,
        ),
    ),
)


class Tally:
    """What is there so far: how many of each, and who did how many of each measure on each day."""

    def __init__(self, span: Span, zone: str, persons: list[int]) -> None:
        """zone: of the company's calendar; persons: ids, sorted."""
        self.span, self.zone, self.persons = span, zone, np.array(persons)
        self.measures = list(MEASURES)
        self.customers = self.interactions = self.purchases = 0
        self._days = np.zeros((span.days, len(persons), len(self.measures)), np.int32)
        self._moves = _moves(self.measures)

    def add(self, made: Chunk) -> None:
        """Count a chunk."""
        talks, sold = made.interactions, made.purchases
        self.customers += len(made.customers["id"])
        self.interactions += len(talks["at"])
        self.purchases += len(sold["at"])
        kinds, directions = [str(kind) for kind in Kind], [str(direction) for direction in Direction]
        kind = np.array([kinds.index(one) for one in talks["kind"]], int)
        direction = np.array([directions.index(one) for one in talks["direction"]], int)
        for place in range(len(self.measures)):
            self._count(talks, self._moves[kind, direction, place], place)
        self._count(sold, np.ones(len(sold["at"]), bool), self.measures.index("purchases"))

    def _count(self, columns: dict[str, Any], counted: Array, measure: int) -> None:
        local = self.span.to_local(columns["at"][counted], np.zeros(int(counted.sum()), int), (self.zone,))
        day = (local.astype("datetime64[D]") - self.span.first_day).astype(int)
        person = np.searchsorted(self.persons, columns["responsible_id"][counted])
        np.add.at(self._days[:, :, measure], (day, person), 1)

    def daily(self) -> dict[str, Any]:
        """Return the columns of `daily_counts`."""
        return self._rows(self.span.first_day + np.arange(self.span.days), self._days)

    def monthly(self) -> dict[str, Any]:
        """Return the columns of `monthly_counts`."""
        of_days = (self.span.first_day + np.arange(self.span.days)).astype("datetime64[M]")
        months, begins = np.unique(of_days, return_index=True)
        return self._rows(months.astype("datetime64[D]"), np.add.reduceat(self._days, begins, axis=0))

    def _rows(self, firsts: Array, counts: Array) -> dict[str, Any]:
        place, person, measure = np.nonzero(counts)
        return {
            "day": firsts[place],
            "responsible_id": self.persons[person],
            "measure": np.array(self.measures, object)[measure],
            "count": counts[place, person, measure],
        }


def _moves(measures: list[str]) -> Array:
    """Return which measure an entry moves: array [kind, direction, measure] of bool."""
    found = np.zeros((len(Kind), len(Direction), len(measures)), bool)
    for kind_place, kind in enumerate(Kind):
        for direction_place, direction in enumerate(Direction):
            for one in interactions.measures(kind, direction):
                found[kind_place, direction_place, measures.index(one)] = True
    return found


@dataclass(frozen=True)
class Load:
    """One load under way.

    products, tags: ids in the order of the catalogue and of `firms.TAGS`; waiting: where tokens wait to be sorted; words: of
    the customers.
    """

    wishes: Wishes
    staff: Staff
    products: Array
    tags: Array
    tally: Tally
    progress: Callable[[int], None]
    waiting: Table | None = None
    words: set[str] = field(default_factory=set)

    def chunk(self, connection: Connection, number: int) -> None:
        """Make and store one chunk."""
        tally = self.tally
        made = chunk.make(number, self.wishes, self.staff, tally.span, first_purchase=tally.purchases + 1)
        made.lines["product_id"] = self.products[made.lines["product_id"]]
        made.tags["tag_id"] = self.tags[made.tags["tag_id"]]
        self._store(connection, made)
        tally.add(made)
        self.words.update(made.words)
        self.progress(tally.customers)

    def _store(self, connection: Connection, made: Chunk) -> None:
        for table, columns in (
            (_table(Customer), made.customers),
            (_table(Phone), made.phones),
            (_table(Email), made.emails),
            (_table(Contact), made.contacts),
            (_table(CustomerTag), made.tags),
            (_table(Requisites), made.requisites),
            (TOKENS if self.waiting is None else self.waiting, self._tokens(made)),
            (_table(Interaction), made.interactions),
            (_table(Purchase), made.purchases),
            (_table(PurchaseLine), made.lines),
        ):
            bulk.insert(connection, table, columns)

    def _tokens(self, made: Chunk) -> dict[str, Any]:
        if self.waiting is not None:
            return made.tokens
        pairs = sorted(zip(made.tokens["token"], made.tokens["customer_id"], strict=True))  # neighbours share pages
        return {"token": [pair[0] for pair in pairs], "customer_id": [pair[1] for pair in pairs]}

    def finish(self, connection: Connection) -> None:
        """Write the counters and the vocabulary of the look-up, and let new records follow the ids that were given here."""
        bulk.insert(connection, _table(DailyCount), self.tally.daily())
        bulk.insert(connection, _table(MonthlyCount), self.tally.monthly())
        known = set(connection.scalars(select(PARTS.c.token).distinct()))
        pairs = leads(self.words - known)
        bulk.insert(connection, PARTS, {"part": [pair[0] for pair in pairs], "token": [pair[1] for pair in pairs]})
        for model in (Customer, Purchase):
            reset_ids(connection, _table(model))


def load(database: Database, wishes: Wishes, now: datetime, zone: str, *, progress: Callable[[int], None]) -> Load:
    """Fill the database; `progress` hears how many customers are there. zone: of the company's calendar."""
    span = Span(np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "s"))
    ready = _password()
    with database.writing() as connection:
        staff = add_people(connection, wishes, now, ready)
        products = _products(connection)
        own.add_fields(connection)
        shape.add_types(connection)
        done = Load(wishes, staff, products, _tags(connection), Tally(span, zone, sorted(staff.team_of)), progress)
        if wishes.customers <= chunk.SIZE:
            if wishes.customers:
                done.chunk(connection, 0)
                done.finish(connection)
            return done
    numbers = range(-(-wishes.customers // chunk.SIZE))
    if wishes.customers <= INDEX_AFTER:
        for number in numbers:
            with database.writing() as connection:
                done.chunk(connection, number)
        with database.writing() as connection:
            done.finish(connection)
        return done
    return _load_many(database, replace(done, waiting=bulk.waiting_room(TOKENS)), numbers)


def _load_many(database: Database, done: Load, numbers: range) -> Load:
    """Load so many customers that the indexes are built after them, and the tokens put in order once."""
    waiting = cast("Table", done.waiting)
    with database.writing() as connection:
        waiting.create(connection)
    with bulk.without_indexes(database, TABLES):
        for number in numbers:
            with database.writing() as connection:
                done.chunk(connection, number)
        with database.writing() as connection, bulk.roomy(connection):
            bulk.move_sorted(connection, waiting, TOKENS)
            done.finish(connection)
    return done


# --- people and products ----------------------------------------------------


@lru_cache(maxsize=1)
def _password() -> sessions.HashedPassword:
    """Return the demonstration password as it is stored: hashing is slow, so once and before the transaction."""
    return sessions.prepare(PASSWORD, CAST[0].username)


def add_people(connection: Connection, wishes: Wishes, now: datetime, ready: sessions.HashedPassword) -> Staff:
    """Add teams and people with the demonstration password. A name that somebody else has gets '.demo' behind it."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([wishes.seed, 2**31])))
    troops, people = extra_people(rng, wishes.customers)
    teams = _teams(connection, [*TEAMS, *troops])
    taken = _ids(connection, _table(User), "username")
    known = {}
    for person in (*CAST, *people):
        username = f"{person.username}.demo" if person.username in taken else person.username
        facts = _account(person, teams) | {"username": username, "created_at": now - timedelta(days=YEARS_DAYS)}
        made = connection.execute(_table(User).insert().values(facts | {"version": 1})).inserted_primary_key
        known[person.username] = made[0] if made else 0
        sessions.set_password(connection, known[person.username], ready, must_change=False, now=now)
    for troop in (*TEAMS, *troops):
        ours = _table(Team)
        connection.execute(ours.update().where(ours.c.id == teams[troop.name]).values(leader_id=known[troop.leader]))
    return _staff((*CAST, *people), (*TEAMS, *troops), known, teams)


def _ids(connection: Connection, table: Table, key: str) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(select(table.c[key], table.c.id))}


def _teams(connection: Connection, troops: list[Troop]) -> dict[str, int]:
    known = _ids(connection, _table(Team), "name")
    for troop in troops:
        if troop.name not in known:
            made = connection.execute(_table(Team).insert().values(name=troop.name, version=1)).inserted_primary_key
            known[troop.name] = made[0] if made else 0
    return known


def _account(person: Person, teams: dict[str, int]) -> dict[str, Any]:
    return {
        "name": person.name,
        "email": f"{person.username}@rapport.example",
        "roles": [str(person.role)],
        "team_id": teams[person.team] if person.team else None,
        "partner_id": person.partner_id,
        "timezone": zone_of(person),
    }


def _staff(people: tuple[Person, ...], troops: tuple[Troop, ...], ids: dict[str, int], teams: dict[str, int]) -> Staff:
    leaders = {troop.leader for troop in troops}
    serves = {troop.name: troop.tongues for troop in troops}
    reps = [person for person in people if person.team and person.username not in leaders | {NEWCOMER}]
    return Staff(
        ids={person.username: ids[person.username] for person in people},
        team_of={ids[person.username]: teams[person.team] if person.team else None for person in people},
        leader_of={teams[troop.name]: ids[troop.leader] for troop in troops},
        reps={tongue: [ids[rep.username] for rep in reps if tongue in serves[str(rep.team)]] for tongue in TONGUES},
        teammates={
            ids[rep.username]: [ids[mate.username] for mate in reps if mate.team == rep.team and mate is not rep]
            for rep in reps
        },
    )


def _products(connection: Connection) -> Array:
    """Add the catalogue and return its ids in its order."""
    known, table = _ids(connection, _table(Product), "code"), _table(Product)
    cards = zip(goods().codes, goods().names, goods().categories, goods().prices.tolist(), strict=True)
    fresh = [
        {"code": code, "name": name, "category": category, "price": Decimal(cents) / 100}
        for code, name, category, cents in cards
        if code not in known
    ]
    if fresh:
        same = {"currency": CURRENCY, "active": True, "version": 1}
        connection.execute(table.insert(), [card | same for card in fresh])
    known = _ids(connection, table, "code")
    return np.array([known[code] for code in goods().codes])


def _tags(connection: Connection) -> Array:
    """Add the tags and return their ids in their order."""
    known = _ids(connection, _table(Tag), "key")
    keys = [words.key_of(name) for name, _ in firms.TAGS]
    fresh = [
        {"name": name, "key": key, "tone": tone, "version": 1}
        for key, (name, tone) in zip(keys, firms.TAGS, strict=True)
        if key not in known
    ]
    if fresh:
        connection.execute(_table(Tag).insert(), fresh)
    known = _ids(connection, _table(Tag), "key")
    return np.array([known[key] for key in keys])


def holds_customers(database: Database) -> bool:
    """Say whether there is any customer."""
    with database.reader.connect() as connection:
        return connection.execute(select(_table(Customer).c.id).limit(1)).first() is not None
