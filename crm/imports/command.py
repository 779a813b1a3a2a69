"""Importing a file from the command line: the whole way at once, in the process that calls."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from crm.core.access import SYSTEM, Actor, Identity
from crm.core.config import database as own_database
from crm.core.errors import Invalid, NotFound
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.uow import unit_of_work
from crm.imports import files, run, steps
from crm.imports import mapping as mappings
from crm.imports.files import Received
from crm.imports.records import Import, State
from db.engine import Database


def run_file(
    path: Path,
    *,
    mapping: Mapping[str, Any] | None = None,
    username: str | None = None,
    again: bool = False,
    database: Database | None = None,
    progress: Callable[[int, int], None] = lambda _done, _rows: None,
) -> Import:
    """Import a file of customers and return the finished import with its counts.

    mapping: as `FieldMapping.as_json` writes it, without it the headings decide. username: for whom; without it Rapport's
    own. again: although the same file was imported before. progress: is told how many rows of how many are done.
    The same command after kill -9 goes on where the first one stopped. Raises CrmError.
    """
    db = database or own_database()
    who: Identity | Actor = _somebody(db, username) if username else SYSTEM
    with unit_of_work(db, who) as u:
        u.need("imports.run")
    try:
        received = files.receive(path.name, path.read_bytes())
    except OSError as error:
        raise Invalid(
            N_("The file '{path}' cannot be read: {reason}."), field="file", path=str(path), reason=error.strerror
        ) from error
    import_id = _unfinished(db, who, received) or _started(db, who, received, mapping, again=again)
    run.run_all(db, who, import_id, lambda done: progress(done, received.survey.row_count))
    with unit_of_work(db, who) as u:
        return u.get(Import, import_id)


def _somebody(db: Database, username: str) -> Identity:
    with unit_of_work(db, SYSTEM) as u:
        user_id = u.value(select(User.id).where(User.username == username.strip().lower()))
    if user_id is None:
        raise NotFound(N_("There is no colleague '{text}'."), text=username[:80])
    return Identity(user_id)


def _unfinished(db: Database, who: Identity | Actor, received: Received) -> int | None:
    """Return the import that an earlier run of the same command left unfinished; the file that came again is dropped."""
    with unit_of_work(db, who) as u:
        same = select(Import.id).where(
            Import.sha256 == received.sha256, Import.state == State.RUNNING, Import.job_id.is_(None)
        )
        found: int | None = u.value(
            same.where(Import.responsible_id == u.actor.id if u.actor.id else Import.responsible_id.is_(None))
        )
    if found is not None:
        files.remove(received.token)
    return found


def _started(
    db: Database, who: Identity | Actor, received: Received, mapping: Mapping[str, Any] | None, *, again: bool
) -> int:
    try:
        with unit_of_work(db, who) as u:
            record = steps.stage(u, received)
            if mapping is not None:
                steps.choose(u, record.id, mappings.from_json(mapping), seen=record.version)
            steps.start_here(u, record.id, again=again)
            return record.id
    except Exception:
        files.remove(received.token)
        raise
