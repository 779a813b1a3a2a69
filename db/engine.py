"""Engines for both databases, set as they were measured, and the gate that SQLite's writers queue at."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from db.sqlite import driver

GATE_SECONDS = 10.0
"""How long a writer waits for its turn before it hears 'busy'."""

SQLITE_PRAGMAS = (
    "busy_timeout=10000",
    "journal_mode=WAL",
    "synchronous=FULL",  # NORMAL lost acknowledged commits in 36 of 40 simulated power cuts
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "secure_delete=ON",  # what is erased is overwritten, not only marked as free
    "journal_size_limit=67108864",
    "wal_autocheckpoint=1000",
    "cache_size=-16000",
)


class GateTimeoutError(TimeoutError):
    """A writer waited longer than GATE_SECONDS for its turn."""


class Gate:
    """A lock that serves in the order of arrival. SQLite's own waiting starves some writers for seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Event] = deque()

    def acquire(self, timeout: float = GATE_SECONDS) -> None:
        """Wait for one's turn; raise GateTimeoutError after `timeout` seconds."""
        with self._lock:
            if not self._held:
                self._held = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(timeout):
            return
        with self._lock:
            if turn.is_set():  # handed over in the very last moment
                return
            self._waiting.remove(turn)
        raise GateTimeoutError("No turn to write within the time allowed.")

    def release(self) -> None:
        """Hand the gate to whoever waits longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False


@dataclass(frozen=True)
class Database:
    """One database: an engine for reading, one for writing, and the gate between writers (SQLite only)."""

    url: URL
    reader: Engine
    writer: Engine
    gate: Gate | None = field(default=None, repr=False)

    @cached_property
    def is_sqlite(self) -> bool:
        """Say whether this is the embedded database."""
        return self.reader.dialect.name == "sqlite"

    @cached_property
    def address(self) -> str:
        """The address without its password: what is kept for a database is kept under it."""
        return str(self.url)

    @cached_property
    def path(self) -> Path | None:
        """The database file of an embedded database."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the writers' gate; PostgreSQL has none."""
        if self.gate is None:
            yield
            return
        self.gate.acquire()
        try:
            yield
        finally:
            self.gate.release()

    @contextmanager
    def reading(self, given: Connection | None = None) -> Iterator[Connection]:
        """Give a connection to read through below the door: `given`, or one for this while."""
        if given is not None:
            yield given
            return
        with self.reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give one write transaction below the door: for migrations, sign-in and bulk loads, never for pages."""
        with self.turn(), self.writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every pooled connection."""
        self.reader.dispose()


def connect(url: str | URL, *, statement_seconds: int = 15, pool_size: int = 5) -> Database:
    """Open a database. PostgreSQL statements end after `statement_seconds` (0: never)."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        return _sqlite(address)
    engine = create_engine(
        address.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=10,
        pool_timeout=10,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 3,
            "options": f"-c statement_timeout={statement_seconds * 1000} -c lock_timeout=5000"
            " -c idle_in_transaction_session_timeout=60000 -c timezone=UTC",
        },
    )
    return Database(address, engine, engine)


def _file(path: Path | None) -> tuple[int, int] | None:
    """Name the very file that stands at a path now; None when there is none or nothing is in it."""
    try:
        found = path.stat() if path else None
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino) if found and found.st_size else None


def _watch_file(engine: Engine, path: Path) -> None:
    """Let no connection work on a file that is not the database any more: what it saved there would be lost.

    A file that was exchanged (a restore) is opened anew. One that is gone or was emptied is never made anew.
    """
    seen = False

    @event.listens_for(engine, "checkout")
    def _still_the_same(_connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        nonlocal seen
        now = _file(path)
        if now is None or now != record.info["file"]:
            raise DisconnectionError("Another file stands in the database's place, or none.")
        seen = True

    @event.listens_for(engine, "do_connect")
    def _never_anew(_dialect: Any, _record: Any, _arguments: Any, _options: Any) -> None:
        if seen and _file(path) is None:
            raise driver.DatabaseError("file is not a database: it is gone or empty")


def _sqlite(address: URL) -> Database:
    engine = create_engine(
        address,
        poolclass=QueuePool,
        pool_size=5,
        max_overflow=20,
        pool_timeout=10,
        hide_parameters=True,
        connect_args={"timeout": 10, "check_same_thread": False},
    )

    path = Path(address.database) if address.database and address.database != ":memory:" else None

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not open transactions by itself
        for pragma in SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        record.info["file"] = _file(path)

    if path is not None:
        _watch_file(engine, path)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return Database(address, engine, engine.execution_options(write=True), Gate())
