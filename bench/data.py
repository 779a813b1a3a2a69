"""Databases for benches: made once with the project's own generator, then used again.

An embedded database waits in `bench/.cache`, named by everything that it depends on: how much, which seed, which month, and
the tables and the generator as they are now. A database at an address is filled when it is empty and used again when it
holds as many customers as asked for.
"""

import hashlib
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.schema import CreateIndex, CreateTable

from crm import demo
from crm.core import jobs, records
from crm.core.config import ROOT
from crm.customers import Customer
from db import migrate
from db.engine import Database, connect

CACHE: Final = ROOT / "bench" / ".cache"
INTERACTIONS: Final = 3.0
PURCHASES: Final = 2.0
"""For each customer in the two years: with 1,000,000 customers ten million rows in all."""
SECONDS: Final = 0
"""Statements of a load may take as long as they like."""


def database(
    customers: int,
    seed: int = demo.SEED,
    url: str | None = None,
    *,
    interactions_per_customer: float = INTERACTIONS,
    purchases_per_customer: float = PURCHASES,
    folder: Path | None = None,
) -> Database:
    """Return a database with so many customers; made now where it is not there yet.

    url: of an empty or already filled database; None takes the embedded one of the cache. folder: where a bench that writes
    wants its own copy of the cached file (`rapport.db`). Raises ValueError when the database holds other data.
    """
    wanted = {
        "customers": customers,
        "seed": seed,
        "interactions_per_customer": interactions_per_customer,
        "purchases_per_customer": purchases_per_customer,
    }
    if url is not None:
        return _at_address(url, wanted)
    path = cached(wanted)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        path = Path(shutil.copyfile(path, folder / "rapport.db"))
    return connect(f"sqlite:///{path}")


def cached(wanted: dict[str, float]) -> Path:
    """Return the file with these data, made now where it is not there yet; an interrupted making leaves none."""
    name = "-".join(f"{value:g}" for value in wanted.values())
    path = CACHE / f"{name}-{datetime.now(UTC):%Y-%m}-{_fingerprint()}.db"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        try:
            _make(f"sqlite:///{unfinished}", wanted)
            unfinished.rename(path)
        finally:
            for rest in CACHE.glob(f"{unfinished.name}*"):
                rest.unlink()
    return path


def _make(url: str, wanted: dict[str, float]) -> None:
    found = connect(url, statement_seconds=SECONDS)
    try:
        migrate.upgrade(found, records.load())
        jobs.make_tables(found)
        demo.fill(found, **wanted)  # type: ignore[arg-type]
        if found.is_sqlite:
            with found.reader.connect() as connection:  # everything into the one file that is kept
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    finally:
        found.close()


def _at_address(url: str, wanted: dict[str, float]) -> Database:
    found = connect(url)
    with found.reader.connect() as connection:
        made = migrate.revision(connection) is not None
        count = connection.execute(select(func.count()).select_from(Customer.__table__)).scalar() if made else 0
    if not count:
        _make(url, wanted)
    elif count != wanted["customers"]:
        found.close()
        raise ValueError(f"The database holds {count} customers, not {wanted['customers']:g}: give it an empty one.")
    return found


def _fingerprint() -> str:
    """Return a short mark of the generator's code and of the tables."""
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "crm" / "demo").glob("*.py"), *(ROOT / "crm" / "search").glob("[st]*.py")]):
        digest.update(path.read_bytes())
    for table in records.load().sorted_tables:
        digest.update(str(CreateTable(table)).encode())
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            digest.update(str(CreateIndex(index)).encode())
    return digest.hexdigest()[:10]
