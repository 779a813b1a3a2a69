"""Demonstration data: invented people, customers, purchases and talks of two years, the same for the same seed.

Promises: a filled database is one that the product could have filled itself: counters, cards and search agree with the
journal; nobody in it exists; it is never mixed with customers of one's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from crm import settings
from crm.core import clock
from crm.core.errors import Refused
from crm.core.i18n import N_
from crm.core.uow import as_system
from crm.demo import load, story
from crm.demo.chunk import Wishes
from crm.demo.people import CAST, PASSWORD, Person
from db import bulk
from db.engine import Database

__all__ = ["CAST", "CUSTOMERS", "PASSWORD", "SEED", "Filled", "Person", "fill", "is_empty"]

CUSTOMERS: Final = 300
SEED: Final = 1
INTERACTIONS: Final = 15.0
PURCHASES: Final = 3.0
"""For each customer in the two years: with 300 customers five reps have forty talks and ten orders a month."""


@dataclass(frozen=True)
class Filled:
    """What a demonstration database holds now."""

    customers: int
    interactions: int
    purchases: int
    people: int


def is_empty(database: Database) -> bool:
    """Say whether there is no customer yet, so that demonstration data may come."""
    return not load.holds_customers(database)


def fill(
    database: Database,
    *,
    customers: int = CUSTOMERS,
    seed: int = SEED,
    now: datetime | None = None,
    interactions_per_customer: float = INTERACTIONS,
    purchases_per_customer: float = PURCHASES,
    progress: Callable[[int], None] = lambda _count: None,
) -> Filled:
    """Fill a database that has its tables and no customers. The same numbers, seed and moment give the same data.

    interactions_per_customer, purchases_per_customer: averages over the two years before `now` (the clock's moment).
    progress: hears how many customers are there, every ten thousand. Raises Refused when there are customers.
    """
    moment = (now or clock.now()).replace(microsecond=0)
    if not is_empty(database):
        raise Refused(N_("Demonstration data go into an empty database only: this one holds customers."))
    with as_system(database, now=moment) as u:
        zone = settings.value(u, "timezone")
    wishes = Wishes(customers, seed, interactions_per_customer, purchases_per_customer)
    done = load.load(database, wishes, moment, zone, progress=progress)
    bulk.look_at_figures(database)
    story.tell(database, wishes, done.staff, moment, zone)
    return Filled(done.tally.customers, done.tally.interactions, done.tally.purchases, len(done.staff.ids))
