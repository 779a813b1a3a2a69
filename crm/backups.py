"""Backups: copies of everything, made every hour and on demand, proved before they count, and brought back.

Promises: a copy that is listed as good was whole, kept its foreign keys and broke no rule when it was made; a copy that
fails leaves the ones before untouched, and the administrators hear of it; after a restore everybody signs in anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
from sqlalchemy import BigInteger, Connection, Integer, bindparam, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from crm import installation, notifications, settings
from crm.core import clock, logs, records
from crm.core.access import grants_of, read_adjustments
from crm.core.config import Config, config
from crm.core.errors import NotFound, Unavailable
from crm.core.i18n import N_
from crm.core.jobs import OWN_TABLES, JobContext, job
from crm.core.people import SignIn, User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork, as_system
from crm.core.verbs import verb
from crm.customers import KEPT
from crm.invariants import invariants
from crm.settings import Setting
from db import migrate
from db.backup import Copy, CopyFailed, Kind, Trouble, copies, make, rotate
from db.base import Record
from db.engine import Database
from db.restore import Place, in_use, restore

TROUBLES: Final = {
    Trouble.UNDER_WAY: N_("A copy is being made at this moment."),
    Trouble.NO_ROOM: N_("No copy was made: there is not enough room on the disk. The copies before are untouched."),
    Trouble.DAMAGED: N_("No copy was made: the database or the copy is damaged. The copies before are untouched."),
    Trouble.BROKEN_RULE: N_(
        "No copy was made: the data break a rule that always holds. The copies before are untouched."
    ),
    Trouble.FAILED: N_("No copy was made. The copies before are untouched; the log tells why."),
}
KINDS: Final = {
    Kind.HOURLY: N_("Every hour"),
    Kind.MANUAL: N_("On demand"),
    Kind.UPGRADE: N_("Before an upgrade"),
    Kind.RESTORE: N_("Before a restore"),
}
IN_USE: Final = N_("Rapport is running. Stop it first, or add --force.")
NO_SUCH: Final = N_("There is no copy named '{name}'.")

log = logs.logger("rapport.backups")


class Backup(Record):
    """One attempt to make a copy.

    name: of the copy's folder; None where it failed, and then `fault` is the Trouble. rows: in all tables together.
    gone_at: when rotation threw the copy away.
    """

    __tablename__ = "backups"

    name: Mapped[str | None] = mapped_column(unique=True)
    kind: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(index=True)
    seconds: Mapped[float | None]
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    rows: Mapped[int | None] = mapped_column(BigInteger)
    fault: Mapped[str | None]
    detail: Mapped[str | None]
    gone_at: Mapped[datetime | None] = mapped_column(info=KEPT)


_BACKUPS: Final = Backup.__table__.c
_SETTINGS: Final = Setting.__table__.c
_STATE: Final = select(
    select(func.max(_BACKUPS.made_at)).where(_BACKUPS.fault.is_(None)).scalar_subquery().label("last_good"),
    select(_SETTINGS.value).where(_SETTINGS.key == "backup_hourly").scalar_subquery().label("hourly"),
)


# --- making -----------------------------------------------------------------


def copy_now(home: Config, database: Database, kind: Kind, *, tell: Callable[[int], None] = lambda _step: None) -> Copy:
    """Make a copy, write it into the list, and throw away what need not be kept. Raises Unavailable in words.

    tell: hears of each of the 3 steps when it is done (copied, proved, kept).
    """
    try:
        copy = make(installation.source(home, database), home.backups_dir, kind, clock.now(), invariants, tell=tell)
    except CopyFailed as failed:
        log.warning("no copy was made", trouble=failed.trouble.value, detail=failed.detail)
        with as_system(database) as u:
            note_failure(u, kind, failed)
        raise Unavailable(TROUBLES[failed.trouble]) from failed
    gone = rotate(home.backups_dir, clock.now())
    with as_system(database) as u:
        note(u, copies(home.backups_dir))
    log.info("copy made", copy=copy.name, seconds=copy.seconds, bytes=copy.bytes, thrown_away=len(gone))
    tell(3)
    return copy


@verb("backups.make")
def note(u: UnitOfWork, found: list[Copy]) -> None:
    """Bring the list in line with the copies that are there: new ones are added, lost ones marked."""
    known = {one.name: one for one in u.all(select(Backup).where(Backup.name.is_not(None)))}
    for copy in found:
        if copy.name not in known:
            u.add(_entry(copy))
        elif known[copy.name].gone_at is not None:
            known[copy.name].gone_at = None
    there = {copy.name for copy in found}
    for name, entry in known.items():
        if name not in there and entry.gone_at is None:
            entry.gone_at = u.now


def _entry(copy: Copy) -> Backup:
    return Backup(
        name=copy.name,
        kind=copy.kind.value,
        made_at=copy.made_at,
        seconds=copy.seconds,
        bytes=copy.bytes,
        rows=sum(copy.rows.values()),
    )


@verb("backups.make")
def note_failure(u: UnitOfWork, kind: Kind, failed: CopyFailed) -> None:
    """Write a failed attempt into the list; the administrators hear of it when the attempt before went well."""
    before = u.session.scalar(select(Backup).order_by(Backup.made_at.desc(), Backup.id.desc()).limit(1))
    u.add(Backup(kind=kind.value, made_at=u.now, fault=failed.trouble.value, detail=logs.safe_message(failed)[:300]))
    if failed.trouble is Trouble.UNDER_WAY or (before is not None and before.fault is not None):
        return
    for person_id in _who_cares(u):
        notifications.send(u, person_id, TROUBLES[failed.trouble], page="backups")


def _who_cares(u: UnitOfWork) -> list[int]:
    """Return the active people who may see backups."""
    adjusted = read_adjustments(u.session.connection())
    people = u.all(select(User).where(User.disabled_at.is_(None), User.deleted_at.is_(None)))
    return [one.id for one in people if "backups.view" in grants_of(tuple(sorted(one.roles)), adjusted)]


# --- jobs -------------------------------------------------------------------


@verb("backups.make")
def ask(u: UnitOfWork) -> str:
    """Ask the worker for a copy; return the job's id, for watching it."""
    return u.later(copy_on_demand)


@job("backups.on_demand", title=N_("Copy on demand"))
def copy_on_demand(ctx: JobContext) -> str:
    """Make a copy because somebody asked for it; returns its name."""
    return ctx.step("copy", _copy, ctx, Kind.MANUAL)


@job("backups.hourly", title=N_("Hourly copy"), cron="7 * * * *")
def copy_hourly(ctx: JobContext) -> str | None:
    """Make the hourly copy, unless the company switched it off; returns its name."""
    with ctx.uow() as u:
        if settings.value(u, "backup_hourly") != "yes":
            return None
    return ctx.step("copy", _copy, ctx, Kind.HOURLY)


def _copy(ctx: JobContext, kind: Kind) -> str:
    return copy_now(config(), ctx.database, kind, tell=lambda step: ctx.progress(step, 3)).name


# --- bringing back ----------------------------------------------------------


@dataclass(frozen=True)
class Restored:
    """What a restore did. aside: where the state before it lies. seconds: how long it took."""

    copy: Copy
    aside: Path
    seconds: float


def bring_back(home: Config, database: Database, name: str, *, force: bool = False) -> Restored:
    """Bring a copy back in place of everything: the state before goes aside, everybody signs in anew.

    name: a copy's name or the path of its folder; 'newest' takes the newest. Raises NotFound, Unavailable.
    """
    copy = find(home, name)
    if not force and in_use(database):
        raise Unavailable(IN_USE)
    now = clock.now()
    aside = home.data_dir / "aside" / f"{now:%Y-%m-%dT%H-%M-%S}Z"
    folders = {"attachments": home.attachments_dir, "keys": home.keys_dir}
    if database.path is None and not force:
        _copy_before(home, database)
    try:
        seconds = restore(
            copy, Place(database, records.load(), folders, aside, OWN_TABLES), _end_sign_ins(now), invariants
        )
    except CopyFailed as failed:
        raise Unavailable(
            N_("The copy was not brought back: {detail}."), detail=failed.detail or failed.trouble.value
        ) from failed
    installation.prepare(home, database)
    with as_system(database) as u:
        note(u, copies(home.backups_dir))
    log.info("copy brought back", copy=copy.name, seconds=seconds)
    return Restored(copy, aside, seconds)


def find(home: Config, name: str) -> Copy:
    """Return a copy by its name, its folder's path, or 'newest'. Raises NotFound."""
    path = Path(name)
    known = copies(path.parent if path.parent != Path() else home.backups_dir)
    wanted = known[:1] if name == "newest" else [copy for copy in known if copy.name == path.name]
    if not wanted:
        raise NotFound(NO_SUCH, name=name)
    return wanted[0]


def _copy_before(home: Config, database: Database) -> None:
    """Copy what is there. A server's database cannot be put aside as a file can."""
    with database.reader.connect() as connection:
        if migrate.revision(connection) is None:
            return
    copy_now(home, database, Kind.RESTORE)


def _end_sign_ins(now: datetime) -> Callable[[Connection], None]:
    """Return what ends every sign-in of the copy: some of them were ended after it was made."""

    def end(connection: Connection) -> None:
        connection.execute(update(SignIn).where(SignIn.revoked_at.is_(None)).values(revoked_at=now))

    return end


# --- queries ----------------------------------------------------------------


def state(connection: Connection) -> tuple[datetime | None, bool]:
    """Return when the newest good copy was made and whether the company wants hourly ones; for `health`, below the door."""
    found = connection.execute(_STATE).one()
    return found.last_good, (found.hourly or settings.DEFINITIONS["backup_hourly"].default) == "yes"


_LAST_GOOD: Final = Prepared(select(func.max(Backup.made_at)).where(Backup.fault.is_(None)))


def last_made_at(u: UnitOfWork) -> datetime | None:
    """Return when the newest good copy was made. Needs the right to see backups."""
    u.need("backups.view")
    return u.value(_LAST_GOOD)  # type: ignore[no-any-return]


_COLUMNS: Final = (
    Backup.id,
    Backup.name,
    Backup.kind,
    Backup.made_at,
    Backup.seconds,
    Backup.bytes,
    Backup.rows,
    Backup.fault,
)
_RECENT: Final = Prepared(
    select(*_COLUMNS)
    .where(Backup.gone_at.is_(None))
    .order_by(Backup.made_at.desc(), Backup.id.desc())
    .limit(bindparam("most", type_=Integer))
)


def recent(u: UnitOfWork, *, most: int = 100) -> list[dict[str, Any]]:
    """Return the attempts as rows, the newest first, copies that were thrown away left out: the columns of Backup."""
    u.need("backups.view")
    return u.rows(_RECENT, most=most)


def listing(u: UnitOfWork, *, most: int = 100) -> pd.DataFrame:
    """Return the attempts as `recent` does: id as index."""
    return pd.DataFrame(recent(u, most=most), columns=[column.key for column in _COLUMNS]).set_index("id")
