"""What an import costs: against inserting the very same rows bare, with the same indexes and chunks, and for who reads meanwhile.

The bare insert writes the rows that the import left, table by table, in its chunks. The pauses in which others write are part
of the import's time and named apart. Meanwhile somebody who is signed in looks customers up, in a process of its own. Then the
head of the same file comes again with other cities, as updates, which are undone. The rows that are inserted bare wait in files
of a scratch folder: a million of them with all their words in the index do not fit into memory; reading them is not counted.
"""

import csv
import gc
import io
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import delete, func, insert, select

from bench import data
from bench.figures import Sheet, Wish, percentile
from crm import search
from crm.core import clock, jobs, records
from crm.core.access import SYSTEM, Identity
from crm.core.config import ROOT
from crm.core.people import User
from crm.core.uow import unit_of_work
from crm.customers import Customer, Email, Phone
from crm.imports import Import, files, guessing, mapping, run, steps, undo
from db.engine import Database, connect

ROWS: Final = 1_000_000
LIMIT: Final = 4.0
READER_LIMIT: Final = 300.0
FEWEST: Final = 200
UPDATED: Final = 20_000
LOOKS: Final = ("Ромашка", "8916", "user1", "Иван", "казань")
TABLES: Final[tuple[Any, ...]] = (
    Customer.__table__, Phone.__table__, Email.__table__, search.TOKENS, search.PARTS,
)  # fmt: skip

READER: Final = """
import sys, time
sys.path.insert(0, sys.argv[1])
from bench.imports import look
look(sys.argv[2], int(sys.argv[3]))
"""


def sheet_of(rows: int, city: str) -> bytes:
    """Return a table of customers with a phone, an e-mail, a number and a city each."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(["name", "phone", "email", "city", "external number", "industry"])
    for n in range(rows):
        name = f"Ромашка {n * 7919 % rows} Иван{n % 997}"
        writer.writerow([name, f"8916{n:07d}", f"user{n}@example{n % 50}.com", city, n, "retail"])
    return written.getvalue().encode()


def look(url: str, user_id: int) -> None:
    """Look customers up again and again as somebody who is signed in; print the milliseconds of each look."""
    from crm import customers

    database = connect(url)
    turn = 0
    while True:
        begun = time.perf_counter()
        with unit_of_work(database, Identity(user_id)) as u:
            customers.look_up(u, LOOKS[turn % len(LOOKS)])
        print(f"{(time.perf_counter() - begun) * 1000:.1f}", flush=True)
        turn += 1
        time.sleep(0.1)


def measure(wish: Wish, sheet: Sheet) -> None:
    """Import, insert the same rows bare, update and undo."""
    rows = wish.customers or ROWS
    with tempfile.TemporaryDirectory() as folder:
        files.folder().mkdir(parents=True, exist_ok=True)
        database = connect(wish.url or f"sqlite:///{folder}/rapport.db", statement_seconds=data.SECONDS)
        records.load().create_all(database.writer)
        jobs.make_tables(database)
        kept = files.stored_tokens()
        try:
            _measure(database, rows, sheet)
        finally:
            database.close()
            for token in files.stored_tokens().keys() - kept.keys():
                files.remove(token)


def _measure(database: Database, rows: int, sheet: Sheet) -> None:
    sheet.facts |= {"Rows": f"{rows:,}", "Database": "SQLite" if database.is_sqlite else "PostgreSQL"}
    reader = _somebody(database)
    _imported(database, sheet_of(FEWEST, "Тула"))  # so that nothing is loaded or compiled for the first time
    _emptied(database)
    gc.collect()
    gc.freeze()
    waits: list[float] = []
    wall = _spent(lambda: _imported(database, sheet_of(rows, "Казань")), database, reader, waits)
    with tempfile.TemporaryDirectory() as folder:
        kept = _taken_out(database, Path(folder), max(rows // run.CHUNK, 1))
        bare = sum(_inserted(database, one) for one in kept)
    ratio, pauses = wall / bare, run.PAUSE * rows / run.CHUNK
    sheet.add("imports.ratio", ratio, "x", limit=LIMIT, beside=f"{(wall - pauses) / bare:.1f} without the pauses")
    sheet.add("imports.rows", rows / wall, "rows/s", beside=f"{rows / bare:,.0f} rows/s bare")
    sheet.add("imports.reader.p95", percentile(waits, 0.95), "ms", limit=READER_LIMIT, beside=f"{len(waits)} looks")
    sheet.add("imports.reader.longest", max(waits, default=float("nan")), "ms")
    few = min(rows, UPDATED)
    updates = _spent(lambda: _imported(database, sheet_of(few, "Тула"), updates=True))
    sheet.add("imports.updates", few / updates, "rows/s", beside=f"{few:,} of them")
    sheet.add("imports.undo.updates", few / _spent(lambda: _undone(database)), "customers/s")


def _somebody(database: Database) -> int:
    """Add whoever looks customers up meanwhile."""
    facts = {"username": "bench", "name": "Bench", "roles": ["record_keeper"], "created_at": clock.now()}
    with database.writing() as connection:
        return int(connection.execute(insert(User.__table__).values(**facts)).inserted_primary_key[0])  # type: ignore[index]


def _imported(database: Database, content: bytes, *, updates: bool = False) -> None:
    """Import a file as SYSTEM, in this process."""
    received = files.receive("bench.csv", content)
    with unit_of_work(database, SYSTEM) as u:
        record = steps.stage(u, received)
        found = received.survey
        plan = guessing.guess(found.columns, files.sample(received.token, received.format, found.reading))
        facts = plan.as_json() | {"on_match": "update" if updates else "skip"}
        steps.choose(u, record.id, mapping.from_json(facts), seen=record.version)
        steps.start_here(u, record.id)
        import_id = record.id
    run.run_all(database, SYSTEM, import_id)


def _undone(database: Database) -> None:
    with unit_of_work(database, SYSTEM) as u:
        last = u.value(select(func.max(Import.id)))
        steps.take_all_back(u, last)
    undo.undo_all(database, SYSTEM, last)


def _spent(work: Callable[[], None], database: Database | None = None, reader: int = 0, waits: Any = None) -> float:
    """Return the seconds that some work takes; into `waits` what somebody waits who looks customers up meanwhile."""
    other = None
    if database is not None:
        url = database.url.render_as_string(hide_password=False)
        command = [sys.executable, "-c", READER, str(ROOT), url, str(reader)]
        other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        other.stdout.readline()  # the first look loads everything
    begun = time.perf_counter()
    work()
    wall = time.perf_counter() - begun
    if other is not None and other.stdout is not None:
        other.terminate()
        waits += [float(line) for line in other.stdout.read().split()]
        other.wait()
    return wall


def _taken_out(database: Database, folder: Path, chunks: int) -> list[list[Path]]:
    """Take the imported rows out of the tables; return files with them: a list for each transaction, a file for each table."""
    found: list[list[Path]] = [[] for _ in range(chunks)]
    with database.reader.connect() as connection:
        for table in TABLES:
            count = connection.execute(select(func.count()).select_from(table)).scalar_one()
            rows = connection.execution_options(stream_results=True).execute(select(table)).mappings()
            for place, part in enumerate(rows.partitions(-(-count // chunks) or 1)):
                found[place].append(folder / f"{table.name}-{place}")
                found[place][-1].write_bytes(pickle.dumps((TABLES.index(table), list(map(dict, part)))))
    _emptied(database)
    return found


def _emptied(database: Database) -> None:
    with database.writing() as connection:
        for table in reversed(TABLES):
            connection.execute(delete(table))


def _inserted(database: Database, files_: list[Path]) -> float:
    """Insert the rows of some files bare, in one transaction; return the seconds of inserting."""
    parts = [pickle.loads(one.read_bytes()) for one in files_]  # noqa: S301  we wrote them a moment ago
    begun = time.perf_counter()
    with database.writing() as connection:
        for table, rows in parts:
            connection.execute(TABLES[table].insert(), rows)
    return time.perf_counter() - begun
