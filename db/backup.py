"""Copies: how they are made, proved, kept, thrown away and brought back.

A copy is a folder: `rapport.db` (a SQLite file, also when the data live in PostgreSQL), the attachments, the keys, and
`manifest.json` with the hash of every file and the number of rows of every table. It is built under another name, proved,
forced to disk and then renamed: a folder with the name of a copy is a whole copy.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Final

from sqlalchemy import Connection, Engine, MetaData, NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from db import migrate, transfer
from db.engine import Database, connect
from db.lock import FileLock, Taken
from db.sqlite import driver

FORMAT: Final = 1
DATABASE: Final = "rapport.db"
MANIFEST: Final = "manifest.json"
MAKING: Final = ".making-"
UNFINISHED: Final = ".part"
"""What is being written is called so until it is whole."""
SPARE_BYTES: Final = 64 * 2**20
"""Room that must be left on the disk after a copy."""

Check = Callable[[Connection], list[str]]
"""Names the invariants that do not hold; nothing is right."""


class Kind(StrEnum):
    """Why a copy was made."""

    HOURLY = "hourly"
    MANUAL = "manual"
    UPGRADE = "upgrade"
    RESTORE = "restore"


class Trouble(StrEnum):
    """Why there is no copy."""

    UNDER_WAY = "under_way"
    NO_ROOM = "no_room"
    DAMAGED = "damaged"
    BROKEN_RULE = "broken_rule"
    FAILED = "failed"


class CopyFailed(Exception):  # noqa: N818  what happened
    """No copy was made, or a copy cannot be used; the ones before are untouched. `trouble` says why, `detail` where."""

    def __init__(self, trouble: Trouble, detail: str = "") -> None:
        super().__init__(f"{trouble}: {detail}" if detail else str(trouble))
        self.trouble, self.detail = trouble, detail


@dataclass(frozen=True)
class Source:
    """What is copied: the database with the models of this version, and folders by the name they have in the copy."""

    database: Database
    metadata: MetaData
    folders: Mapping[str, Path]
    version: str


@dataclass(frozen=True)
class Copy:
    """A whole copy. rows: per table. files: path within the folder -> bytes and SHA-256. seconds: how long it took."""

    path: Path
    made_at: datetime
    kind: Kind
    seconds: float
    version: str
    revision: str
    rows: Mapping[str, int]
    files: Mapping[str, "File"]

    @property
    def name(self) -> str:
        """The folder's name: the moment in UTC and the kind."""
        return self.path.name

    @property
    def bytes(self) -> int:
        """How large the copy is."""
        return sum(file.bytes for file in self.files.values())

    @property
    def database(self) -> Path:
        """The database in the copy."""
        return self.path / DATABASE


@dataclass(frozen=True)
class File:
    """One file of a copy. touched: its time of change in nanoseconds, by which an unchanged file is known."""

    bytes: int
    sha256: str
    touched: int = 0


# --- making -----------------------------------------------------------------


Tell = Callable[[int], None]
"""Hears of the steps that are done: 1 copied, 2 proved."""


def make(
    source: Source, into: Path, kind: Kind, now: datetime, check: Check, *, tell: Tell = lambda _step: None
) -> Copy:
    """Make a copy and prove it; the folder appears whole or not at all. Raises CopyFailed."""
    try:
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(into / ".lock"):
            return _made(source, into, kind, now, check, tell=tell)
    except Taken as taken:
        raise CopyFailed(Trouble.UNDER_WAY) from taken
    except OSError as error:
        raise CopyFailed(_trouble(error), str(error)) from error


def _made(source: Source, into: Path, kind: Kind, now: datetime, check: Check, *, tell: Tell) -> Copy:
    for left in into.glob(f"{MAKING}*"):  # of a copy that was killed
        shutil.rmtree(left, ignore_errors=True)
    _need_room(source.database, into)
    name = f"{now.astimezone(UTC):%Y-%m-%dT%H-%M-%S}Z-{kind}"
    working, began = into / f"{MAKING}{name}", monotonic()
    try:
        working.mkdir(mode=0o700)
        revision = _database_into(source, working / DATABASE)
        tell(1)
        rows = proved(working / DATABASE, check if revision == migrate.head() else _nothing)
        tell(2)
        before = newest(into)
        files = {DATABASE: _facts(working / DATABASE)}
        for label, folder in source.folders.items():
            files |= _folder_into(folder, working, label, before)
        copy = Copy(
            into / name, now.astimezone(UTC), kind, round(monotonic() - began, 3), source.version, revision, rows, files
        )
        _write_manifest(copy, working / MANIFEST)
        _force(working)
        working.rename(copy.path)
        _force_folder(into)
    except CopyFailed:
        shutil.rmtree(working, ignore_errors=True)
        raise
    except (OSError, SQLAlchemyError, driver.Error) as error:
        shutil.rmtree(working, ignore_errors=True)
        raise CopyFailed(_trouble(error), str(getattr(error, "orig", error))) from error
    return copy


def _nothing(_connection: Connection) -> list[str]:
    return []


def _trouble(error: BaseException) -> Trouble:
    said = str(getattr(error, "orig", error)).lower()
    if "no space left" in said or "disk is full" in said or "file too large" in said or "quota" in said:
        return Trouble.NO_ROOM
    return Trouble.DAMAGED if "malformed" in said or "not a database" in said else Trouble.FAILED


def _need_room(database: Database, into: Path) -> None:
    needed = size(database) + SPARE_BYTES
    free = shutil.disk_usage(into).free
    if free < needed:
        raise CopyFailed(Trouble.NO_ROOM, f"{free // 2**20} MiB are free, {needed // 2**20} MiB are needed")


def size(database: Database) -> int:
    """Return how many bytes a database has."""
    if database.path is not None:
        return sum(part.stat().st_size for part in parts(database.path) if part.exists())
    with database.reader.connect() as connection:
        return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())


def parts(path: Path) -> list[Path]:
    """Return every file that a SQLite database may consist of: restoring one without the others mixes two databases."""
    return [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))]


def _database_into(source: Source, target: Path) -> str:
    """Write the database as one SQLite file; return its revision."""
    if source.database.path is None:
        return _postgres_into(source, target)
    if not source.database.path.exists():
        raise CopyFailed(Trouble.DAMAGED, f"{source.database.path.name} is not there")
    address = f"{source.database.path.as_uri()}?mode=rw"
    with closing(driver.connect(address, uri=True, timeout=10)) as live, closing(driver.connect(target)) as file:
        live.backup(file, pages=-1)  # in one go: in steps, every write of somebody else starts it anew
        file.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    with _reading(target) as connection:
        return _revision(connection)


def _postgres_into(source: Source, target: Path) -> str:
    with source.database.reader.connect() as connection:
        revision = _revision(connection)
    file = connect(f"sqlite:///{target}")
    try:
        migrate.upgrade(file, source.metadata, revision)
        with file.writer.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA journal_mode=DELETE")  # type: ignore[union-attr]
    finally:
        file.close()
    with source.database.reader.connect() as connection:
        transfer.to_file(connection, target)
    return revision


def _revision(connection: Connection) -> str:
    found = migrate.revision(connection)
    if found is None:
        raise CopyFailed(Trouble.DAMAGED, "the database has no revision")
    return found


def proved(path: Path, check: Check) -> dict[str, int]:
    """Prove a database file: whole pages, foreign keys, invariants. Return rows per table; raise CopyFailed."""
    with _reading(path) as connection:
        if (said := connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()) != "ok":
            raise CopyFailed(Trouble.DAMAGED, str(said))
        if orphan := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise CopyFailed(Trouble.BROKEN_RULE, f"{orphan[0]} points to a row of {orphan[2]} that is not there")
        if broken := check(connection):
            raise CopyFailed(Trouble.BROKEN_RULE, "; ".join(broken))
        names = [name for name in migrate.tables(connection) if not name.startswith("sqlite_")]
        return {
            name: int(connection.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar_one())  # noqa: S608  names of tables
            for name in names
        }


@contextmanager
def _reading(path: Path) -> Iterator[Connection]:
    """Open a file that nobody writes, without leaving anything beside it."""
    engine: Engine = create_engine(
        "sqlite://",
        creator=lambda: driver.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True),
        poolclass=NullPool,
    )
    with engine.connect() as connection:
        yield connection


def _folder_into(folder: Path, working: Path, label: str, before: Copy | None) -> dict[str, File]:
    """Copy a folder; a file that did not change since the last copy becomes a second name of that copy's file."""
    found = {}
    for path in sorted(one for one in folder.rglob("*") if one.is_file()) if folder.is_dir() else ():
        if path.suffix == UNFINISHED:
            continue
        name = f"{label}/{path.relative_to(folder).as_posix()}"
        with suppress(FileNotFoundError):  # somebody has just erased whom it belonged to
            found[name] = _file_into(path, working / name, name, before)
    return found


def _file_into(path: Path, target: Path, name: str, before: Copy | None) -> File:
    facts = path.stat()
    target.parent.mkdir(parents=True, exist_ok=True)
    known = before.files.get(name) if before else None
    same = known is not None and (known.bytes, known.touched) == (facts.st_size, facts.st_mtime_ns)
    if same and before is not None and known is not None and _linked(before.path / name, target):
        return known
    shutil.copy2(path, target)
    return File(facts.st_size, hashed(target), facts.st_mtime_ns)


def _linked(old: Path, new: Path) -> bool:
    try:
        os.link(old, new)
    except OSError:  # another disk, or a file system without links
        return False
    return True


def _facts(path: Path) -> File:
    return File(path.stat().st_size, hashed(path))


def hashed(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_manifest(copy: Copy, path: Path) -> None:
    facts = {
        "format": FORMAT,
        "made_at": copy.made_at.isoformat(),
        "kind": copy.kind,
        "seconds": copy.seconds,
        "version": copy.version,
        "revision": copy.revision,
        "rows": dict(copy.rows),
        "files": {name: asdict(file) for name, file in copy.files.items()},
    }
    path.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _force(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            _force_folder(path)
    _force_folder(folder)


def _force_folder(folder: Path) -> None:
    with suppress(OSError):  # Windows forces no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# --- keeping ----------------------------------------------------------------


def copies(into: Path) -> list[Copy]:
    """Return every whole copy in a folder, the newest first. What has no readable manifest is none."""
    found = [_read(path) for path in into.glob("[0-9]*") if path.is_dir()] if into.is_dir() else []
    return sorted((copy for copy in found if copy), key=lambda copy: copy.made_at, reverse=True)


def newest(into: Path) -> Copy | None:
    """Return the newest copy, None without any."""
    return next(iter(copies(into)), None)


def _read(path: Path) -> Copy | None:
    try:
        facts = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        return Copy(
            path,
            datetime.fromisoformat(facts["made_at"]),
            Kind(facts["kind"]),
            float(facts["seconds"]),
            str(facts["version"]),
            str(facts["revision"]),
            dict(facts["rows"]),
            {name: File(**file) for name, file in facts["files"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def faults(copy: Copy) -> list[str]:
    """Return what is wrong with a copy's files: missing, or not as they were written. Nothing is right."""
    found = []
    for name, file in copy.files.items():
        path = copy.path / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif path.stat().st_size != file.bytes or hashed(path) != file.sha256:
            found.append(f"{name} is not as it was written")
    return found


HOURS, DAYS, MONTHS, SPECIAL = 24, 14, 12, 5
"""For so long the newest copy of each hour, day and month is kept; and so many made before upgrades and restores."""


def to_keep(made: Iterable[tuple[datetime, Kind]], now: datetime) -> set[datetime]:
    """Return which copies stay: of each of the last 24 hours, 14 days and 12 months (UTC) the newest, and the newest of all."""
    ordered = sorted(made, reverse=True)
    routine = [moment for moment, kind in ordered if kind in {Kind.HOURLY, Kind.MANUAL}]
    special = [moment for moment, kind in ordered if kind in {Kind.UPGRADE, Kind.RESTORE}]
    kept = {*routine[:1], *special[:SPECIAL]}
    month = now.year * 12 + now.month
    terms: tuple[tuple[str, Callable[[datetime], bool]], ...] = (
        ("%Y%m%d%H", lambda moment: now - moment < timedelta(hours=HOURS)),
        ("%Y%m%d", lambda moment: now - moment < timedelta(days=DAYS)),
        ("%Y%m", lambda moment: month - (moment.year * 12 + moment.month) < MONTHS),
    )
    for pattern, inside in terms:
        taken: set[str] = set()
        for moment in routine:
            if inside(moment) and (place := moment.strftime(pattern)) not in taken:
                taken.add(place)
                kept.add(moment)
    return kept


def rotate(into: Path, now: datetime) -> list[str]:
    """Throw away the copies that need not be kept; return their names."""
    known = copies(into)
    kept = to_keep(((copy.made_at, copy.kind) for copy in known), now.astimezone(UTC))
    gone = [copy for copy in known if copy.made_at not in kept]
    for copy in gone:
        doomed = copy.path.with_name(f"{MAKING}gone-{copy.name}")  # renamed first: half a copy must not look like one
        copy.path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
    return [copy.name for copy in gone]
