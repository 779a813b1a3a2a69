"""Every page of every role: the processor time of a run of it, as a ratio to a run of an empty Streamlit page.

Both are measured in turn, in short blocks, in the same minutes; each ratio is of two neighbouring blocks, and the median of
several counts. What is measured is the server's process alone: script, database, gate and sockets, not the browser.
"""

import asyncio
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

from sqlalchemy import select

from bench import data, server
from bench.client import Run, Tab, sign_in
from bench.figures import Sheet, Wish
from crm import customers
from crm.core.access import Identity, grants_of
from crm.core.grants import Role
from crm.core.people import User
from crm.core.uow import unit_of_work
from crm.demo.people import CAST, PASSWORD
from db.engine import Database
from ui import tables
from ui.navigation import SCREENS
from ui.session import MOST_WATCHED

Step = Callable[[], Awaitable[Run]]

SIZES: Final = (300, 100_000)
LIMIT: Final = 3.0
LIMIT_WITH_CHARTS: Final = 6.0
LIMIT_OF_FRAGMENT: Final = 1.5
LIMIT_OF_STEP: Final = 4.0
"""Going on to what was never read: the bound that we set ourselves. A partner's journal is the dearest, 3 entries of 100 are his."""
WITH_CHARTS: Final[frozenset[str]] = frozenset()
"""Addresses of pages with charts."""

LISTS: Final = frozenset({"customers", "interactions"})
"""Addresses of lists with pages enough at the greater size."""

STEPS: Final = 2 * MOST_WATCHED
"""So many cards or pages later one stands at the first again: a session has forgotten it."""

WARM: Final = 6
ROUNDS: Final = 9
RUNS: Final = 8
QUICK_ROUNDS: Final = 3
QUICK_RUNS: Final = 4


@dataclass(frozen=True)
class Cost:
    """What one kind of run costs: milliseconds of processor time, the same as a ratio, KiB sent to the browser."""

    ratio: float
    milliseconds: float
    size: float


@dataclass
class Pair:
    """A page and the empty page, each with its server; blocks of runs are taken of them in turn."""

    page: Tab
    app: server.Server
    blank: Tab
    empty: server.Server
    rounds: int
    runs: int

    async def cost(self, fragment: str = "") -> Cost:
        """Measure runs of the page, or of one of its fragments."""
        return await self._cost(lambda: self.page.run(fragment, by_itself=bool(fragment)))

    async def walk(self, queries: Sequence[str]) -> Cost:
        """Measure going from one record or page of a list to the next, in a circle."""
        following = cycle(queries)
        return await self._cost(lambda: self.page.narrow(next(following)))

    async def _cost(self, step: Step) -> Cost:
        ratios, times, sizes = [], [], []
        for _ in range(self.rounds):
            base, _ = await _block(self.blank.run, self.empty, self.runs)
            time, size = await _block(step, self.app, self.runs)
            ratios.append(time / base)
            times.append(time)
            sizes.append(size)
        return Cost(statistics.median(ratios), statistics.median(times) * 1000, statistics.median(sizes) / 1024)


async def _block(step: Step, of: server.Server, runs: int) -> tuple[float, float]:
    """Return processor seconds and bytes of one run, as the mean of some."""
    begun, size = of.cpu(), 0
    for _ in range(runs):
        size += (await step()).size
    return (of.cpu() - begun) / runs, size / runs


def measure(wish: Wish, sheet: Sheet) -> None:
    """Measure at 300 and at 100,000 customers, or at the size that is wished for."""
    sizes = SIZES if wish.customers is None else (wish.customers,)
    rounds, runs = (ROUNDS, RUNS) if wish.customers is None else (QUICK_ROUNDS, QUICK_RUNS)
    sheet.facts |= {"Customers": " and ".join(f"{size:,}" for size in sizes), "Rounds x runs": f"{rounds} x {runs}"}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            database = data.database(size, wish.seed, wish.url, folder=place / "app")
            (place / "empty").mkdir()
            with server.application(database, place / "app") as app, server.empty_page(place / "empty") as empty:
                costs = asyncio.run(_all(database, app, empty, rounds, runs))
            database.close()
        _tell(sheet, size, costs)


async def _all(
    database: Database, app: server.Server, empty: server.Server, rounds: int, runs: int
) -> dict[tuple[str, str], Cost]:
    """Return (page, role) -> cost.

    Pages of their own are fragments that run by themselves ('plans.fragment'), and going from one card or page of a list to
    the next, where nothing was read before ('customer.next').
    """
    blank, found = Tab(empty.url), {}
    await blank.open()
    for role in Role:
        username = next(person.username for person in CAST if person.role is role)
        page = Tab(app.url, await sign_in(app.url, username, PASSWORD))
        pair = Pair(page, app, blank, empty, rounds, runs)
        first = True
        for name, queries in _screens(database, role, username):
            await (page.open(name, queries[0]) if first else page.visit(name, queries[0]))
            first = False
            for _ in range(WARM):
                await page.run()
                await blank.run()
            assert not page.troubles, (role, name, page.troubles)
            found[name or "home", role.value] = await pair.cost()
            if page.timers:
                found[f"{name or 'home'}.fragment", role.value] = await pair.cost(next(iter(page.timers)))
            if len(queries) > MOST_WATCHED:
                found[f"{name}.next", role.value] = await pair.walk(queries)
        await page.close()
    await blank.close()
    return found


def _screens(database: Database, role: Role, username: str) -> Iterator[tuple[str, list[str]]]:
    """Yield every screen of a role: its address, and the queries to go through; the cards are those talked to last."""
    with database.reader.connect() as connection:
        user_id = connection.execute(select(User.id).where(User.username == username)).scalar_one()
    with unit_of_work(database, Identity(user_id)) as u:
        seen = customers.page(u, order="recent", size=STEPS) if u.may("customers.view") else []
        pages = customers.count(u) // tables.SIZE if seen else 0
    for screen in SCREENS:
        if screen.right in grants_of((role.value,)):
            if screen.address != "customer":
                is_long = screen.address in LISTS and pages >= STEPS
                yield screen.address, [f"page={n}" for n in range(1, STEPS + 1)] if is_long else [""]
            elif seen:
                yield screen.address, [f"id={row['id']}" for row in seen]


def _tell(sheet: Sheet, size: int, costs: dict[tuple[str, str], Cost]) -> None:
    """Print each page by the role for which it costs most; the table has them all."""
    pages: dict[str, dict[str, Cost]] = defaultdict(dict)
    for (page, role), cost in costs.items():
        pages[page][role] = cost
    for page, by_role in pages.items():
        role, worst = max(by_role.items(), key=lambda pair: pair[1].ratio)
        charts = LIMIT_WITH_CHARTS if page in WITH_CHARTS else LIMIT
        limit = {"fragment": LIMIT_OF_FRAGMENT, "next": LIMIT_OF_STEP}.get(page.rpartition(".")[2], charts)
        beside = f"{worst.milliseconds:.1f} ms of processor time, {worst.size:.1f} KiB, {role}"
        sheet.add(f"page.{page}.{size}.ratio", worst.ratio, "x", limit=limit, beside=beside)
    roles = [role.value for role in Role]
    cells = [
        [page, *(f"{by_role[role].ratio:.2f} ({by_role[role].size:.0f})" if role in by_role else "" for role in roles)]
        for page, by_role in pages.items()
    ]
    sheet.table([f"ratio (KiB) at {size:,}", *roles], cells)
