"""Health: whether Rapport can work, said in words: what is wrong and what to do about it.

Promises: looking changes nothing and makes no file; a look never fails itself; what a stranger may read (`as_dict`) names
no person, no address and no path.
"""

import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

from sqlalchemy import Connection, func, select

import crm
from crm import backups, documents, installation
from crm.core import clock, worker
from crm.core.config import Config, config
from crm.core.errors import CrmError
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.documents import Document
from crm.invariants import invariants
from db import migrate, sqlite
from db.backup import size
from db.engine import Database
from db.faults import Fault, diagnose

COPY_LATE_AFTER: Final = timedelta(hours=2)
LITTLE_ROOM: Final = 64 * 2**20
MUCH_ROOM: Final = 10**10
NETWORK_DISKS: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"}
)

_DOCUMENTS: Final = Document.__table__.c


class Level(StrEnum):
    """How bad it is: `bad` keeps people from working, `warn` will if nothing is done."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


LEVELS: Final = {Level.GOOD: N_("Good"), Level.WARN: N_("Attention"), Level.BAD: N_("Trouble")}
"""Each level with its name."""


@dataclass(frozen=True)
class Check:
    """One look: its code, how it is, what is so, and what to do (msgids with their values; no advice when all is well)."""

    code: str
    level: Level
    text: str
    advice: str = ""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Readiness:
    """Whether people can work. worker_age, copy_age: seconds since the last sign of life and the last good copy.

    beats: the last sign of every worker, the newest first.
    """

    checks: tuple[Check, ...]
    worker_age: float | None = None
    copy_age: float | None = None
    beats: Sequence[worker.WorkerBeat] = ()

    @property
    def ok(self) -> bool:
        """Say whether nothing keeps people from working."""
        return all(check.level is not Level.BAD for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return what may be told to whoever asks: codes and ages."""
        return {
            "ok": self.ok,
            "version": crm.__version__,
            "worker_age": self.worker_age,
            "copy_age": self.copy_age,
            "checks": {check.code: check.level.value for check in self.checks},
        }


# --- looks ------------------------------------------------------------------


def readiness(database: Database, home: Config | None = None, given: Connection | None = None) -> Readiness:
    """Take the quick looks: a few milliseconds, fit for being asked every second. given: a connection to look through."""
    there, reachable = _database(home or config(), database, given)
    checks = [there]
    worker_age = copy_age = None
    beats: Sequence[worker.WorkerBeat] = ()
    if reachable:
        with database.reading(given) as connection:
            beats = worker.beats(connection)
            copied, wanted = backups.state(connection)
        worker_age = round((clock.now() - beats[0].at).total_seconds(), 1) if beats else None
        copy_age = None if copied is None else round((clock.now() - copied).total_seconds(), 1)
        checks += [_worker(worker_age), _copy(copy_age, wanted=wanted)]
    checks += [_sqlite_version(database), _room(home or config(), database)]
    return Readiness(tuple(checks), worker_age, copy_age, beats)


def doctor(database: Database, home: Config | None = None) -> list[Check]:
    """Take every look, the slow ones too: whole pages, every rule over the data."""
    place = home or config()
    checks = [*readiness(database, place).checks, _writable(place), _local_disk(place, database)]
    if checks[0].level is not Level.BAD:
        checks += [_pages(database), _rules(database), _files(database)]
    return checks


def _database(home: Config, database: Database, given: Connection | None) -> tuple[Check, bool]:
    good = Check("database", Level.GOOD, N_("The database answers, and its tables are those of this version."))
    try:
        installation.verify(home, database, given)
    except CrmError as trouble:
        behind = trouble.text == installation.BEHIND
        return Check("database", Level.BAD, trouble.text, values=trouble.values), behind and _has_beats(database)
    return good, True


def _has_beats(database: Database) -> bool:
    with database.reader.connect() as connection:
        return {worker.WorkerBeat.__tablename__, "backups", "settings"} <= set(migrate.tables(connection))


def _worker(age: float | None) -> Check:
    if age is not None and age <= worker.SILENT_AFTER.total_seconds():
        return Check("worker", Level.GOOD, N_("The worker is at work."))
    text = N_("No worker is at work: imports, copies and everything else in the background wait.")
    return Check("worker", Level.WARN, text, N_("Start it: python -m crm worker"))


def _copy(age: float | None, *, wanted: bool) -> Check:
    if age is not None and age <= COPY_LATE_AFTER.total_seconds():
        return Check("copy", Level.GOOD, N_("The last good copy is fresh."))
    advice = N_("Make a copy: python -m crm backup. Copies come every hour while a worker is at work.")
    if not wanted:
        return Check(
            "copy",
            Level.WARN,
            N_("Hourly copies are switched off in the settings."),
            N_("Switch them on, or copy the data yourself."),
        )
    if age is None:
        return Check("copy", Level.WARN, N_("There is no copy yet."), advice)
    text = N_("The last good copy is {hours} hours old.")
    return Check("copy", Level.WARN, text, advice, {"hours": round(age / 3600)})


def _sqlite_version(database: Database) -> Check:
    if not database.is_sqlite or sqlite.is_safe():
        return Check("engine", Level.GOOD, N_("The database engine has no known fault."))
    found = ".".join(str(part) for part in sqlite.version())
    text = N_("SQLite {version} can damage the database (fixed in 3.51.3).")
    return Check(
        "engine", Level.WARN, text, N_("Install the package pysqlite3 from requirements.txt."), {"version": found}
    )


def _room(home: Config, database: Database) -> Check:
    try:
        folder = database.path.parent if database.path else home.data_dir
        free, needed = shutil.disk_usage(_existing(folder)).free, 2 * size(database)
    except Exception as error:  # noqa: BLE001  a look never fails; what keeps it from looking is told by `database`
        return Check(
            "disk",
            Level.WARN,
            N_("The free room on the disk could not be read: {error}."),
            values={"error": type(error).__name__},
        )
    values = {"free": free // 10**6, "needed": max(needed, LITTLE_ROOM) // 10**6}
    if free < LITTLE_ROOM:
        return Check(
            "disk",
            Level.BAD,
            N_("The disk is full: {free} MB are free."),
            N_("Free some room: nothing can be saved."),
            values,
        )
    if free < needed:
        text = N_("The disk is getting full: {free} MB are free, {needed} MB should be.")
        return Check("disk", Level.WARN, text, N_("Free some room: the next copy may not fit."), values)
    if free < MUCH_ROOM:
        return Check("disk", Level.GOOD, N_("There is room on the disk: {free} MB."), values=values)
    return Check("disk", Level.GOOD, N_("There is room on the disk: {free} GB."), values={"free": free // 10**9})


def _existing(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.exists())


def _writable(home: Config) -> Check:
    try:
        with TemporaryFile(dir=_existing(home.data_dir)):
            pass
    except OSError:
        text = N_("The data folder cannot be written.")
        return Check("folder", Level.BAD, text, N_("Give the user that runs Rapport the right to write there."))
    return Check("folder", Level.GOOD, N_("The data folder can be written."))


def _local_disk(home: Config, database: Database) -> Check:
    kind = disk_kind(database.path.parent if database.path else home.data_dir)
    if database.is_sqlite and kind in NETWORK_DISKS:
        text = N_("The database is on a network disk ({kind}): locks do not hold there, and it will be damaged.")
        return Check(
            "network_disk",
            Level.BAD,
            text,
            N_("Move the data folder to a disk of this machine, or use PostgreSQL."),
            {"kind": kind},
        )
    return Check("network_disk", Level.GOOD, N_("The database is not on a network disk."))


def disk_kind(
    folder: Path, mounts: Callable[[], str] = lambda: Path("/proc/mounts").read_text(encoding="utf-8")
) -> str:
    """Return the kind of the file system that holds a folder, such as 'ext4' or 'nfs4'; '' where it cannot be told."""
    try:
        lines = [line.split() for line in mounts().splitlines()]
    except OSError:
        return ""
    path = _existing(folder).resolve()
    points = [(line[1].replace("\\040", " "), line[2]) for line in lines if len(line) > 2]  # noqa: PLR2004  place and kind
    inside = [(len(point), kind) for point, kind in points if path.is_relative_to(point)]
    return max(inside, default=(0, ""), key=lambda one: one[0])[1]


def _pages(database: Database) -> Check:
    good = Check("pages", Level.GOOD, N_("The database file is whole."))
    if not database.is_sqlite:
        return Check("pages", Level.GOOD, N_("PostgreSQL checks its own pages."))
    try:
        with database.reader.connect() as connection:
            said = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one())
            orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    except Exception as error:  # noqa: BLE001  a damaged file breaks anywhere
        said, orphan = str(diagnose(error) or Fault.DAMAGED), None
    if said == "ok" and orphan is None:
        return good
    return Check(
        "pages",
        Level.BAD,
        N_("The database file is damaged."),
        N_("Stop Rapport and restore a copy: python -m crm restore"),
    )


def _rules(database: Database) -> Check:
    with database.reader.connect() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        broken = invariants(connection)
    if not broken:
        return Check("rules", Level.GOOD, N_("All rules over the data hold."))
    text = N_("Rules over the data are broken: {broken}.")
    return Check(
        "rules", Level.WARN, text, N_("Keep the newest copies and report this."), {"broken": "; ".join(broken)}
    )


def _files(database: Database) -> Check:
    """Look whether the file of every document is there and as long as it was. Whether it is the same is proved when it is taken."""
    missing = 0
    with database.reader.connect() as connection:
        for stored_as, length in connection.execute(select(_DOCUMENTS.stored_as, _DOCUMENTS.size)):
            path = documents.path_of(stored_as)
            missing += not path.is_file() or path.stat().st_size != length
    if not missing:
        return Check("files", Level.GOOD, N_("The files of all documents are there."))
    text = N_("The files of documents are damaged or no longer there: {missing}.")
    advice = N_("Bring them back from a copy: its folder 'attachments' holds them under the same names.")
    return Check("files", Level.BAD, text, advice, {"missing": missing})


# --- for the administrator's page -------------------------------------------


@dataclass(frozen=True)
class Overview:
    """What the administrator sees of the system. versions: of each program; place: of the database, without a password.

    documents: how many versions of documents there are, and how many bytes they have together.
    """

    versions: Mapping[str, str]
    place: str
    bytes: int
    documents: int
    document_bytes: int


_FILES: Final = select(func.count(_DOCUMENTS.id), func.coalesce(func.sum(_DOCUMENTS.size), 0))


def looked_at(u: UnitOfWork) -> Readiness:
    """Take the quick looks for the administrator. Raises Refused without the right to see them."""
    u.need("system.view")
    return readiness(u.database, given=u.session.connection())


def overview(u: UnitOfWork) -> Overview:
    """Return what the administrator sees of the system. Raises Refused without the right to see it."""
    u.need("system.view")
    found = ".".join(str(part) for part in u.session.connection().dialect.server_version_info or ())
    engine = "SQLite" if u.database.is_sqlite else "PostgreSQL"
    files = u.session.connection().execute(_FILES).one()
    return Overview(
        {"Rapport": crm.__version__, "Python": platform.python_version(), engine: found} | _libraries(),
        installation.place(config(), u.database),
        size(u.database),
        *map(int, files),
    )


@lru_cache(maxsize=1)
def _libraries() -> dict[str, str]:
    """Return the versions of the libraries that run in this process."""
    names = {"Streamlit": "streamlit", "SQLAlchemy": "sqlalchemy", "DBOS": "dbos"}
    return {name: version(package) for name, package in names.items()}
