"""The installation: its database is made once, brought up to date by new versions, and never made a second time.

Promises: a database that held data and is gone or empty now is never replaced by an empty one; before the tables of a
database with data change, it is copied; an older version of Rapport does not touch the database of a newer one.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

import crm
from crm.core import clock, jobs, logs, records
from crm.core.config import Config
from crm.core.errors import Unavailable
from crm.core.faults import FAULTS
from crm.core.i18n import N_
from db import migrate
from db.backup import Kind, Source, make, newest
from db.engine import Database
from db.faults import Fault, diagnose

MARKER: Final = "installed"
DEFAULT_PLACE: Final = "rapport.db"

GONE: Final = N_(
    "The database {place} was here and is gone or empty now. Rapport does not make an empty one in its place. "
    "Put the file back or restore a copy; the newest one is {copy}."
)
FOREIGN: Final = N_(
    "The database {place} holds tables that are not Rapport's, or were not made by it. Choose another database."
)
NEWER: Final = N_(
    "The database was made by a newer version of Rapport. Install that version, or restore an older copy."
)
BEHIND: Final = N_("The tables of the database are of an older version. Run: python -m crm migrate")
NOT_MADE: Final = N_("There is no database yet. Run: python -m crm run, or python -m crm migrate")

log = logs.logger("rapport.installation")


@dataclass(frozen=True)
class Prepared:
    """What `prepare` did. was_empty: the database was made just now. before, after: revisions."""

    was_empty: bool
    before: str | None
    after: str


def source(home: Config, database: Database) -> Source:
    """Return what a copy of this installation consists of."""
    folders = {"attachments": home.attachments_dir, "keys": home.keys_dir}
    return Source(database, records.load(), folders, crm.__version__)


def prepare(home: Config, database: Database, *, say: Callable[[str], None] = lambda _text: None) -> Prepared:
    """Make the database, or bring it up to date after making a copy of it. Raises Unavailable and leaves it alone."""
    metadata = records.load()
    before = _revision(home, database)
    if before is None and database.path is not None:
        database.path.parent.mkdir(parents=True, exist_ok=True)
    if before is not None and before != migrate.head():
        say("Copying the database before its tables change ...")
        make(source(home, database), home.backups_dir, Kind.UPGRADE, clock.now(), lambda _connection: [])
    migrate.upgrade(database, metadata)
    jobs.make_tables(database)
    _mark(home, database)
    if before != migrate.head():
        log.info("database prepared", was=before, revision=migrate.head())
    return Prepared(before is None, before, migrate.head())


def verify(home: Config, database: Database, connection: Connection | None = None) -> None:
    """Say nothing when the database is there and up to date; change nothing. Raises Unavailable in words otherwise.

    connection: to look through; without it one is opened.
    """
    at = _revision(home, database, connection)
    if at is None:
        raise Unavailable(NOT_MADE)
    if at != migrate.head():
        raise Unavailable(BEHIND)


def _revision(home: Config, database: Database, given: Connection | None = None) -> str | None:
    """Return the database's revision, None when it is empty and may be filled. Raises Unavailable."""
    if database.path is not None and not _has_bytes(database.path):
        if _was_here(home, database):
            raise gone(home, database)
        return None
    try:
        with database.reading(given) as connection:
            at = migrate.revision(connection)
            tables = migrate.tables(connection) if at is None else []
    except Exception as error:
        fault = diagnose(error)
        if fault is None:
            raise
        raise unavailable(fault, home) from error
    if at is None and _was_here(home, database):
        raise gone(home, database)
    if tables:
        raise Unavailable(FOREIGN, place=place(home, database))
    if at is not None and not migrate.is_known(at):
        raise Unavailable(NEWER)
    return at


def _has_bytes(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def gone(home: Config, database: Database) -> Unavailable:
    """Return the error of a database that was here and is not any more."""
    return Unavailable(GONE, code=Fault.DAMAGED.value, place=place(home, database), copy=_newest_copy(home))


def unavailable(fault: Fault, home: Config) -> Unavailable:
    """Return what to say about a database in trouble."""
    if fault is Fault.DAMAGED:
        text = N_(
            "The database file is damaged. Nothing is written any more. Restore a copy; the newest one is {copy}."
        )
        return Unavailable(text, code=fault.value, copy=_newest_copy(home))
    return Unavailable(FAULTS[fault], code=fault.value)


def _newest_copy(home: Config) -> str:
    copy = newest(home.backups_dir)
    return copy.name if copy else "-"


def place(home: Config, database: Database) -> str:
    """Name a database without its password; a file inside the data folder by its name, so that the folder may move."""
    if database.path is not None:
        path = database.path.resolve()
        return path.relative_to(home.data_dir).as_posix() if path.is_relative_to(home.data_dir) else path.as_posix()
    url = database.url
    return f"{url.host or ''}:{url.port or 5432}/{url.database or ''}"


def _was_here(home: Config, database: Database) -> bool:
    return place(home, database) in _marked(home)


def _marked(home: Config) -> dict[str, Any]:
    try:
        found = json.loads((home.data_dir / MARKER).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:  # cut off by a full disk: better ask too often than make a database twice
        return {DEFAULT_PLACE: ""}
    return found if isinstance(found, dict) else {}


def _mark(home: Config, database: Database) -> None:
    known = _marked(home)
    if place(home, database) in known:
        return
    known[place(home, database)] = clock.now().isoformat(timespec="seconds")
    home.data_dir.mkdir(parents=True, exist_ok=True)
    fresh = home.data_dir / f"{MARKER}.new"
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(known, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(home.data_dir / MARKER)
