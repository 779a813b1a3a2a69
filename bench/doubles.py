"""Whether somebody is there already: milliseconds of the look that a form takes while a customer is entered.

Each kind is asked about customers drawn at random, by the record keeper, who sees everybody: a phone, an e-mail, a name with a
slip of the pen and a city, a name that very many bear, and all of a form at once. What a sales rep asks costs the same look
and one entry in the log.
"""

import gc
import random
import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import select

from bench import data
from bench.figures import Sheet, Wish, percentile
from bench.lookup import CUSTOMERS, LIMITS, SAMPLES, Meant, drawn, slip, staff
from crm import doubles
from crm.core.access import Identity
from crm.core.uow import unit_of_work
from crm.customers import Customer
from db.engine import Database

LEAST: Final = 0.95
Ask = Callable[[Meant, str, random.Random], dict[str, Any]]


def _misspelt(meant: Meant, city: str, rng: random.Random) -> dict[str, Any]:
    longest = max(meant.words, key=len)
    words = [slip(word, rng) if word == longest and len(word) > 4 else word for word in meant.words]
    return {"name": " ".join(words), "city": city}


KINDS: Final[dict[str, Ask]] = {
    "phone": lambda m, _c, _r: {"phones": [f"+{m.phone}"]},
    "email": lambda m, _c, _r: {"emails": [m.email]},
    "name": lambda m, c, _r: {"name": m.name, "city": c},
    "misspelt": _misspelt,
    "form": lambda m, c, _r: {"phones": [f"+{m.phone}"], "emails": [m.email], "name": m.name, "city": c},
}


def measure(wish: Wish, sheet: Sheet) -> None:
    """Take every kind of look."""
    size = wish.customers or CUSTOMERS
    database = data.database(size, wish.seed, wish.url)
    limit = LIMITS["sqlite" if database.is_sqlite else "postgresql"]
    sheet.facts |= {"Customers": f"{size:,}", "Database": "SQLite" if database.is_sqlite else "PostgreSQL"}
    people = drawn(database, size, random.Random(wish.seed))
    cities, (keeper, _) = _cities(database, [one.id for one in people]), staff(database)
    gc.collect()
    gc.freeze()  # as the server does when it starts
    rows, spent = [], []
    for name, ask in KINDS.items():
        rng = random.Random(wish.seed)
        asked = [one for one in people if cities.get(one.id)][:SAMPLES]
        if name == "misspelt":
            asked = [one for one in people if cities.get(one.id) and len(max(one.words, key=len)) > 4][:SAMPLES]
        answers = [_look(database, keeper, ask(one, cities[one.id], rng), one.id) for one in asked]
        times = [seconds * 1000 for seconds, _ in answers]
        share = sum(found for _, found in answers) / max(len(answers), 1)
        spent += times
        sheet.add(f"doubles.{name}.p95", percentile(times, 0.95), "ms")
        # of a name that many bear in one city the newest are told
        sheet.add(f"doubles.{name}.found", share, "of all", least=LEAST if name in {"phone", "email", "form"} else None)
        rows.append(
            (name, str(len(times)), f"{percentile(times, 0.5):.1f}", f"{percentile(times, 0.95):.1f}", f"{share:.2f}")
        )
    sheet.add("doubles.p95", percentile(spent, 0.95), "ms", limit=limit)
    sheet.table(("kind", "asked", "p50 ms", "p95 ms", "found"), rows)
    database.close()


def _look(database: Database, who: Identity, typed: dict[str, Any], meant: int) -> tuple[float, bool]:
    begun = time.perf_counter()
    with unit_of_work(database, who) as u:
        found = doubles.look(u, typed).doubles
    return time.perf_counter() - begun, any(one.id == meant for one in found)


def _cities(database: Database, ids: list[int]) -> dict[int, str]:
    table = Customer.__table__.c
    with database.reader.connect() as connection:
        rows = connection.execute(select(table.id, table.city).where(table.id.in_(ids)))
        return {key: city for key, city in rows if city}
