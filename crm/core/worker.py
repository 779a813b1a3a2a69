"""The worker process: it holds one seat, runs the job engine, and says every few seconds that it is alive."""

import os
import socket
import threading
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select, text
from sqlalchemy.orm import Mapped, mapped_column

import crm
from crm.core import clock, jobs, logs
from crm.core.errors import CrmError, Unavailable
from crm.core.i18n import N_
from db.base import Base
from db.dialect import upsert
from db.engine import Database
from db.lock import FileLock, Taken

BEAT_SECONDS: Final = 5
SILENT_AFTER: Final = timedelta(seconds=20)
"""A worker that said nothing for so long is counted as gone."""
PATIENCE: Final = 5

log = logs.logger("rapport.worker")


NAME: Final = "worker"
"""What a worker is called that was given no name."""


class WorkerBeat(Base):
    """When a worker last said that it is alive."""

    __tablename__ = "worker_beats"

    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    started_at: Mapped[datetime]
    version: Mapped[str]
    pid: Mapped[int]
    host: Mapped[str]


_BEATS: Final = select(WorkerBeat.__table__).order_by(WorkerBeat.__table__.c.at.desc())


def beats(connection: Connection) -> list[WorkerBeat]:
    """Return the last beat of every worker, the newest first."""
    return [WorkerBeat(**row) for row in connection.execute(_BEATS).mappings()]


class Seat:
    """The place of one worker of a name. Two workers of one name would both take up the same unfinished jobs."""

    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name
        path = database.path
        self._file = FileLock(path.with_name(f"{path.name}.{name}.lock")) if path else None
        self._held: Connection | None = None

    def take(self) -> None:
        """Take the seat; raise Unavailable when another worker sits there."""
        if self._file is not None:
            try:
                self._file.take()
            except Taken as taken:
                raise _occupied(self._name) from taken
            return
        connection = self._database.reader.connect().execution_options(isolation_level="AUTOCOMMIT")
        if not connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), {"name": self._key}):
            connection.close()
            raise _occupied(self._name)
        self._held = connection  # the lock lives as long as this very connection

    @property
    def _key(self) -> str:
        return f"rapport worker {self._name}"

    def still(self) -> None:
        """Make sure that the seat is still ours after the database server was away; raise Unavailable when it is not."""
        if self._held is None:
            return
        try:
            self._held.execute(text("SELECT 1"))
        except Exception:  # noqa: BLE001  whatever broke the connection: the seat went with it and is taken anew
            self._let_go()
            self.take()

    def _let_go(self) -> None:
        if self._held is not None:
            self._held.invalidate()  # given back to the pool it would keep the lock
            self._held.close()
            self._held = None

    def give_back(self) -> None:
        """Give the seat back."""
        if self._file is not None:
            self._file.give_back()
        self._let_go()


def _occupied(name: str) -> Unavailable:
    return Unavailable(N_("A worker named '{name}' is already at work. Give the second one another name."), name=name)


def work(database: Database, *, name: str = NAME, stop: threading.Event, parent: int | None = None) -> None:
    """Run jobs until `stop` is set or the process `parent` is gone.

    name: this worker's own, the same at every start. Raises Unavailable when a worker of this name is at work.
    """
    seat = Seat(database, name)
    seat.take()
    started = clock.now()
    _beat(database, name, started)
    jobs.start(database, name)
    log.info("worker started", version=crm.__version__)
    try:
        while not stop.wait(BEAT_SECONDS):
            if parent is not None and os.getppid() != parent:
                log.info("worker ends: the program that started it is gone")
                break
            try:
                seat.still()
                _beat(database, name, started)
            except CrmError as lost:
                log.warning("worker ends: its seat was taken", error=lost)
                break
            except Exception as error:  # noqa: BLE001  the database is away: the engine waits for it, so do we
                log.warning("no beat", error=error)
    finally:
        jobs.stop(patience=PATIENCE)
        seat.give_back()
        log.info("worker ended")


def _beat(database: Database, name: str, started: datetime) -> None:
    row = {
        "name": name,
        "at": clock.now(),
        "started_at": started,
        "version": crm.__version__,
        "pid": os.getpid(),
        "host": socket.gethostname(),
    }
    with database.writing() as connection:
        connection.execute(upsert(connection.dialect, WorkerBeat.__table__, [row], ["name"]))
