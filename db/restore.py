"""Bringing a copy back: proved before anything is touched, exchanged in one step, the state before kept aside."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from sqlalchemy import Connection, MetaData, text

from db import migrate, transfer
from db.backup import Check, Copy, CopyFailed, Trouble, faults, parts, proved
from db.engine import Database, connect

if sys.platform != "win32":
    import fcntl

RESTORING: Final = ".restoring"
_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510
"""The bytes of a SQLite file that every process which has the database open holds a lock on."""


@dataclass(frozen=True)
class Place:
    """Where a copy is brought back to. folders: as in `db.backup.Source`. aside: an empty folder for what was there."""

    database: Database
    metadata: MetaData
    folders: Mapping[str, Path]
    aside: Path
    engine_tables: frozenset[str]


def in_use(database: Database) -> bool:
    """Say whether another process has the database open. Ask before this process opens it."""
    if database.path is None:
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        with database.reader.connect() as connection:
            return bool(connection.scalar(text(f"{others} AND backend_type = 'client backend'")))
    if sys.platform == "win32" or not database.path.exists():
        return False  # Windows lets nobody rename a file that is open
    with database.path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        except OSError:
            return True
    return False


def restore(copy: Copy, place: Place, prepare: Callable[[Connection], None], check: Check) -> float:
    """Bring a copy back, the database to the newest revision, and prove it; return how many seconds that took.

    prepare: changes the restored database before anybody sees it (ends the sign-ins). The job engine's tables are left
    out: a job that was under way at the moment of the copy has gone on since and must not be done twice.
    Raises CopyFailed before anything is touched when the copy is damaged or breaks a rule.
    """
    began = monotonic()
    if broken := faults(copy):
        raise CopyFailed(Trouble.DAMAGED, "; ".join(broken[:3]))
    place.aside.mkdir(parents=True, exist_ok=True, mode=0o700)
    if place.database.path is None:
        _postgres(copy, place, prepare, check)
    else:
        _sqlite(copy, place, place.database.path, prepare, check)
    for label, folder in place.folders.items():
        _exchange_folder(copy.path / label, folder, place.aside / label)
    return round(monotonic() - began, 3)


def _sqlite(copy: Copy, place: Place, target: Path, prepare: Callable[[Connection], None], check: Check) -> None:
    working = target.with_name(RESTORING + target.name)
    _remove(working)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(copy.database, working)
        fresh = connect(f"sqlite:///{working}")
        try:
            with migrate.changing_schema(fresh) as connection:
                for name in sorted(place.engine_tables):
                    connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{name}"')
                migrate.upgrade_on(connection, place.metadata)
                prepare(connection)
            with fresh.writer.connect() as connection:
                connection.connection.driver_connection.execute("PRAGMA journal_mode=DELETE")  # type: ignore[union-attr]
        finally:
            fresh.close()
        proved(working, check)
        _force_file(working)
        place.database.close()
        for part in parts(target):  # a log left beside another file would be played into it
            if part.exists():
                shutil.move(part, place.aside / part.name)
        working.replace(target)
        _force_file(target.parent)
    finally:
        _remove(working)


def _remove(path: Path) -> None:
    for part in parts(path):
        part.unlink(missing_ok=True)


def _force_file(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        if path.is_dir():  # Windows opens no folders
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _postgres(copy: Copy, place: Place, prepare: Callable[[Connection], None], check: Check) -> None:
    """Make the tables anew and fill them, all in one transaction: until it is committed, everybody sees the old state."""
    with migrate.changing_schema(place.database) as connection:
        for name in migrate.tables(connection):
            connection.exec_driver_sql(f'DROP TABLE "{name}" CASCADE')
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS dbos CASCADE")
        migrate.upgrade_on(connection, place.metadata, copy.revision)
        transfer.from_file(copy.database, connection)
        migrate.upgrade_on(connection, place.metadata)
        prepare(connection)
        if broken := check(connection):
            raise CopyFailed(Trouble.BROKEN_RULE, "; ".join(broken))


def _exchange_folder(source: Path, target: Path, aside: Path) -> None:
    """Put the copy's folder in the place of the one that is there, which goes aside."""
    working = target.with_name(RESTORING + target.name)
    shutil.rmtree(working, ignore_errors=True)
    if source.is_dir():
        shutil.copytree(source, working)
    else:
        working.mkdir(parents=True)
    shutil.copymode(target if target.is_dir() else working, working)
    if target.exists():
        shutil.move(target, aside)
    working.rename(target)
