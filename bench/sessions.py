"""Signed-in people who click every two seconds on a list of 50 rows: 150 on one process, 300 on two behind nginx.

Each has a sign-in and a tab of his own and goes from page to page of the list. The people who click run in this very
process, on the same cores: what they cost stands beside the figures.
"""

import asyncio
import random
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import select

from bench import data, server
from bench.client import Tab, sign_in
from bench.figures import Sheet, Wish, percentile
from crm import sessions
from crm.core.config import ROOT
from crm.core.people import User
from crm.demo.people import PASSWORD
from db.engine import Database

CUSTOMERS: Final = 20_000
ON_ONE: Final = 150
ON_TWO: Final = 300
LIMIT: Final = 300.0
"""Milliseconds of a click at p95."""

LIMIT_OF_MEMORY: Final = 5.0
"""MiB of a session."""

THINK: Final = (1.0, 3.0)
"""Seconds between the clicks of one person: two on average."""

RAMP_SECONDS: Final = 12.0
SECONDS: Final = 25.0
TRIES: Final = 4
QUIET: Final = 0.05
"""So much of the machine may be taken away from a measurement by others on its host; it is repeated else, the quietest counts."""

PAGES: Final = 10
"""The first pages of the list are where people click."""

NGINX: Final = ("/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx")
DEPLOYED: Final = ROOT / "deploy" / "nginx.conf"


@dataclass
class Tally:
    """What the people met. clicks: milliseconds; wrong: what a tab showed instead of the list.

    stolen: the share of the machine that its host gave to others meanwhile.
    """

    clicks: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    own_share: float = 0.0
    server_share: float = 0.0
    memory: float = 0.0
    stolen: float = 0.0


def measure(wish: Wish, sheet: Sheet) -> None:
    """Measure one process, then two behind nginx where there is one."""
    size = wish.customers or CUSTOMERS
    sheet.facts |= {"Customers": f"{size:,}", "Pause between clicks": f"{sum(THINK) / 2:g} s"}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        database = data.database(size, wish.seed, wish.url, folder=place)
        with server.application(database, place) as app:
            one = _quietest(database, app.url, [app], ON_ONE)
        _tell(sheet, "one", ON_ONE, one)
        sheet.add("sessions.memory", one.memory, "MiB", limit=LIMIT_OF_MEMORY, beside="of one session")
        if (nginx := _nginx()) is None:
            sheet.say("note sessions.two is not measured: there is no nginx on this machine")
        else:
            with _two_behind(nginx, database, place) as (address, apps):
                _tell(sheet, "two", ON_TWO, _quietest(database, address, apps, ON_TWO))
        database.close()


def _tell(sheet: Sheet, name: str, people: int, tally: Tally) -> None:
    rate = len(tally.clicks) / SECONDS
    used = f"{people} people; the servers {tally.server_share:.2f} cores, the clicking {tally.own_share:.2f}"
    used += f", others on the host {tally.stolen:.0%} of the machine"
    each = f"{tally.server_share / max(rate, 0.01) * 1000:.1f} ms of processor time each"
    wrong = "; ".join(sorted(set(tally.wrong))[:3])
    sheet.add(f"sessions.{name}.p50", percentile(tally.clicks, 0.5), "ms")
    sheet.add(f"sessions.{name}.p95", percentile(tally.clicks, 0.95), "ms", limit=LIMIT, beside=used)
    sheet.add(f"sessions.{name}.clicks", rate, "a second", least=people / THINK[1], beside=each)
    sheet.add(f"sessions.{name}.wrong", len(tally.wrong), "clicks", limit=0, beside=wrong)


# --- the people ---------------------------------------------------------------


def _quietest(database: Database, address: str, apps: Sequence[server.Server], people: int) -> Tally:
    """Let so many people click until the host leaves the machine to us; return the quietest of the tries."""
    tries: list[Tally] = []
    while len(tries) < TRIES and not (tries and tries[-1].stolen <= QUIET):
        tries.append(asyncio.run(_clicked(database, address, apps, people)))
    return min(tries, key=lambda one: one.stolen)


async def _clicked(database: Database, address: str, apps: Sequence[server.Server], people: int) -> Tally:
    """Let so many people click; return what they met."""
    tally = Tally()
    await _warm(address)
    before, begun = sum(app.memory() for app in apps), time.monotonic()
    until = begun + RAMP_SECONDS + SECONDS
    cookies = await asyncio.to_thread(_cookies, database, people)
    waits = [RAMP_SECONDS * place / people for place in range(people)]
    living = [asyncio.create_task(_person(address, *each, until, tally)) for each in zip(cookies, waits, strict=True)]
    await asyncio.sleep(max(begun + RAMP_SECONDS - time.monotonic(), 0))
    cpu, own, start, neighbours = server.together(apps), time.process_time(), time.monotonic(), server.Neighbours()
    tally.clicks.clear()
    await asyncio.sleep(max(until - time.monotonic(), 0))
    seconds = time.monotonic() - start
    tally.server_share = (server.together(apps) - cpu) / seconds
    tally.own_share = (time.process_time() - own) / seconds
    tally.stolen = neighbours.took()
    tally.memory = (sum(app.memory() for app in apps) - before) / people
    await asyncio.gather(*living)
    return tally


async def _warm(address: str) -> None:
    """Open some tabs and click, so that what is made once is made; the one who signs in takes the way of everybody."""
    cookie = await sign_in(address, "anna", PASSWORD)
    for _ in range(4):
        tab = Tab(address, cookie)
        await tab.open("customers")
        for page in range(2, 8):
            await tab.narrow(f"page={page}")
        await tab.close()


async def _person(address: str, cookie: str, wait: float, until: float, tally: Tally) -> None:
    """Open the list, then click from page to page of it."""
    await asyncio.sleep(wait)
    tab = Tab(address, cookie, reads=False)
    await tab.open("customers")
    while time.monotonic() < until:
        await asyncio.sleep(random.uniform(*THINK))
        try:
            run = await tab.narrow(f"page={random.randint(1, PAGES)}")
        except TimeoutError:
            tally.wrong.append("no answer")
            break
        tally.clicks.append(run.seconds * 1000)
        tally.wrong += tab.troubles
        tab.troubles.clear()
    await tab.close()


def _cookies(database: Database, people: int) -> list[str]:
    """Return the cookies of so many sign-ins, of all people who have customers: hashing 300 passwords is no part of this."""
    with database.reader.connect() as connection:
        rows = connection.execute(select(User.id, User.roles).order_by(User.id)).all()
    able = [row.id for row in rows if {"sales_rep", "sales_manager"} & set(row.roles)]
    name, found = sessions.policy().cookie_name, []
    for place in range(people):
        signed_in = sessions.open_sign_in(database, able[place % len(able)], address="127.0.0.1", device="bench")
        found.append(f"{name}={signed_in.token}; node={secrets.token_hex(16)}")
    return found


# --- two processes behind nginx -------------------------------------------------


def _nginx() -> str | None:
    return shutil.which("nginx") or next((path for path in NGINX if Path(path).exists()), None)


@contextmanager
def _two_behind(nginx: str, database: Database, folder: Path) -> Iterator[tuple[str, list[server.Server]]]:
    """Run two processes behind the nginx of `deploy/`; yield the address and the processes."""
    port = server.free_port()
    address = f"http://127.0.0.1:{port}"
    apps = [server.application(database, folder, address=address) for _ in range(2)]
    (folder / "nginx").mkdir()
    written = folder / "nginx.conf"
    written.write_text(
        configuration(DEPLOYED.read_text(encoding="utf-8"), port, [app.port for app in apps], folder / "nginx")
    )
    with ExitStack() as running:
        for app in apps:
            running.enter_context(app)
        proxy = subprocess.Popen(
            [nginx, "-c", str(written), "-e", str(folder / "nginx.log")],
            preexec_fn=server.end_with_parent,  # noqa: PLW1509  it only asks the kernel for a signal
        )
        running.callback(proxy.wait, 10)
        running.callback(proxy.terminate)
        _wait_for(address)
        yield address, apps


def configuration(deployed: str, port: int, ports: Sequence[int], folder: Path) -> str:
    """Return the deployed configuration for this bench: without TLS, at these ports, for many people behind one address."""
    text = deployed
    for pattern, instead in (
        (r"server \{\s+listen 80;.*?\n\}\n", ""),  # only leads to https
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        (r"listen \[::\]:443 ssl;", ""),
        (r"ssl_\w+\s+[^;]+;", ""),
        (
            r"server 127\.0\.0\.1:\d+ [^;]*;\s+server 127\.0\.0\.1:\d+ [^;]*;",
            "".join(f"server 127.0.0.1:{one}; " for one in ports),
        ),
        (r"access_log [^;]+;", "access_log off;"),
        (r"limit_conn rapport_open \d+;", ""),
        (r"limit_req zone=rapport_all [^;]+;", ""),
    ):
        text, count = re.subn(pattern, instead, text, flags=re.DOTALL)
        assert count, f"{DEPLOYED} has nothing like {pattern}"
    temporary = "".join(
        f"    {kind}_temp_path {folder};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    events = "events { worker_connections 4096; }\n"
    return f"daemon off;\nworker_processes 1;\npid {folder}/pid;\n{events}http {{\n{temporary}{text}\n}}\n"


def _wait_for(address: str) -> None:
    until = time.monotonic() + 20
    while not server.answers(f"{address}/livez"):
        assert time.monotonic() < until, "nginx did not start"
        time.sleep(0.1)
