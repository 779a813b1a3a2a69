"""From a save to every viewer's new number: somebody logs a call, and the tabs of 50 viewers look as browsers do.

The save is the verb's commit, made by a process of its own beside the server, as another web process or the worker does it.
"""

import asyncio
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from bench import data, server
from bench.client import Tab, sign_in
from bench.figures import Sheet, Wish, percentile
from crm import customers, interactions, plans
from crm.core import clock
from crm.core.access import Identity
from crm.core.people import User
from crm.core.uow import unit_of_work
from crm.demo.people import PASSWORD
from db.engine import Database

CUSTOMERS: Final = 300
CALLER: Final = "anna"
WATCHERS: Final = ("anna", "leader", "executive", "analyst", "admin")
"""People who may see what the caller does."""

VIEWERS: Final = 50
SAVES: Final = 20
LIMIT: Final = 2.0
"""Seconds."""

QUIET_SECONDS: Final = 8.0
GAP: Final = (1.5, 2.5)
"""Seconds from one save to the next."""


@dataclass
class Board:
    """What the viewers see of one plan. numbers: viewer -> number; seen: viewer -> when the number wanted was there."""

    plan_id: int
    numbers: dict[int, int] = field(default_factory=dict)
    seen: dict[int, float] = field(default_factory=dict)
    wanted: int = 0

    def look(self, viewer: int, data: Any) -> None:
        """Take what one viewer's counters show now."""
        for group in data["groups"]:
            for one in group["counters"]:
                if one["id"] == self.plan_id:
                    number = int("".join(sign for sign in one["done"] if sign.isdigit()))
                    self.numbers[viewer] = number
                    if number >= self.wanted > 0:
                        self.seen.setdefault(viewer, time.monotonic())


def measure(wish: Wish, sheet: Sheet) -> None:
    """Measure with the demonstration's 300 customers, or with the size that is wished for."""
    size = wish.customers or CUSTOMERS
    sheet.facts |= {"Customers": f"{size:,}", "Viewers": str(VIEWERS), "Saves": str(SAVES)}
    with tempfile.TemporaryDirectory() as folder:
        database = data.database(size, wish.seed, wish.url, folder=Path(folder))
        with server.application(database, Path(folder)) as app:
            asyncio.run(_watched(database, app, sheet))
        database.close()


async def _watched(database: Database, app: server.Server, sheet: Sheet) -> None:
    caller = _caller(database)
    plan = _plan(database, caller)
    board = Board(plan.plan_id)
    tabs = await _tabs(app, board, f"team={plan.team_id}")
    assert len(board.numbers) == VIEWERS, "somebody does not see the plan"
    until = time.monotonic() + QUIET_SECONDS + SAVES * (GAP[1] + LIMIT) + 10
    watching = [asyncio.create_task(_watch(tab, until)) for tab in tabs]
    await asyncio.sleep(2)
    share, own = await _cost(app)
    delays = [delay for _ in range(SAVES) for delay in await _save(database, caller, board)]
    for one in watching:
        one.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    for tab in tabs:
        await tab.close()
    every = f"{percentile(delays, 0.95) / next(iter(tabs[0].timers.values())):.2f} x the time between two looks"
    sheet.add("counter.p50", percentile(delays, 0.5), "s")
    sheet.add("counter.p95", percentile(delays, 0.95), "s", limit=LIMIT, beside=every)
    sheet.add("counter.slowest", max(delays), "s", limit=LIMIT)
    sheet.add(
        "counter.core",
        share * 100,
        "% of a core",
        beside=f"{share / VIEWERS * 1000:.1f} ms a look; the viewers themselves {own:.0%}",
    )


async def _tabs(app: server.Server, board: Board, query: str) -> list[Tab]:
    """Open every viewer's tab on the plans of the caller's team, as many of each person."""
    cookies = [await sign_in(app.url, name, PASSWORD) for name in WATCHERS]
    tabs = []
    for viewer in range(VIEWERS):
        tab = Tab(app.url, cookies[viewer % len(cookies)])

        def look(key: str, shown: Any, viewer: int = viewer) -> None:
            if key == "plans":
                board.look(viewer, shown)

        tab.on_part = look
        await tab.open("plans", query)
        tabs.append(tab)
    return tabs


async def _watch(tab: Tab, until: float) -> None:
    await asyncio.sleep(random.random())  # they did not all open the page in the same moment
    await tab.watch(until)


async def _cost(app: server.Server) -> tuple[float, float]:
    """Return the share of a core that looking costs the server while nothing happens, and what it costs this process."""
    begun, cpu, own = time.monotonic(), app.cpu(), time.process_time()
    await asyncio.sleep(QUIET_SECONDS)
    seconds = time.monotonic() - begun
    return (app.cpu() - cpu) / seconds, (time.process_time() - own) / seconds


async def _save(database: Database, caller: Identity, board: Board) -> list[float]:
    """Log one call; return the seconds until each viewer had the new number."""
    await asyncio.sleep(random.uniform(*GAP))
    board.seen.clear()
    board.wanted = max(board.numbers.values()) + 1
    saved_at = await asyncio.to_thread(_log, database, caller)
    async with asyncio.timeout(30):
        while len(board.seen) < VIEWERS:  # noqa: ASYNC110  fifty viewers write the board, none of them ends the wait
            await asyncio.sleep(0.02)
    return [max(at - saved_at, 0.0) for at in board.seen.values()]


def _log(database: Database, caller: Identity) -> float:
    """Log a call; return the moment of the commit."""
    with unit_of_work(database, caller) as u:
        customer = customers.page(u, customers.Filters(mine=True), size=1)[0]["id"]
        interactions.log(u, customer, kind="call", direction="out", outcome="finished")
    return time.monotonic()


def _caller(database: Database) -> Identity:
    with database.reader.connect() as connection:
        return Identity(connection.execute(select(User.id).where(User.username == CALLER)).scalar_one())


def _plan(database: Database, caller: Identity) -> plans.Progress:
    """Return a plan of the caller that a call moves and that runs today."""
    with unit_of_work(database, caller) as u:
        found = plans.progress(u, clock.day_of(u.now, "Europe/Moscow"), plans.Which.MINE)
    moved = interactions.measures(interactions.Kind.CALL, "out")
    return next(one for one in found if one.measure in moved)
