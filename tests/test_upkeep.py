"""Every night what nobody can ask for any more is deleted, and nothing else."""

import os
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text

from crm import documents, upkeep
from crm.backups import Backup
from crm.core.access import SYSTEM
from crm.core.jobs import JobContext, JobProgress
from crm.core.once import CommandKey
from crm.core.people import SignIn
from crm.mass_edits import MassEdit, MassEditRow
from crm.notifications import Notification
from crm.search import PARTS, TOKENS
from db.engine import Database
from tests.cast import NOW, Cast, a_customer


def left(database: Database, column: object) -> list[object]:
    with database.reader.connect() as connection:
        return sorted(connection.scalars(select(column)))  # type: ignore[call-overload]


def test_what_is_old_goes_and_what_is_young_stays(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    a_customer(cast)
    old, young = timedelta(days=500), timedelta(days=1)
    rows: dict[type, list[dict[str, object]]] = {
        CommandKey: [{"key": name, "at": NOW - age} for name, age in (("old", old), ("young", young))],
        Notification: [
            {
                "id": 1,
                "responsible_id": 1,
                "text": "x",
                "values": {},
                "query": {},
                "at": NOW - old,
                "read_at": NOW - old,
                "version": 1,
            },
            {
                "id": 2,
                "responsible_id": 1,
                "text": "x",
                "values": {},
                "query": {},
                "at": NOW - old,
                "read_at": NOW - young,
                "version": 1,
            },
            {
                "id": 3,
                "responsible_id": 1,
                "text": "x",
                "values": {},
                "query": {},
                "at": NOW - old,
                "read_at": None,
                "version": 1,
            },
        ],
        Backup: [
            {"id": 1, "name": "a", "kind": "hourly", "made_at": NOW - old, "gone_at": NOW - old, "version": 1},
            {"id": 2, "name": "b", "kind": "hourly", "made_at": NOW - old, "gone_at": None, "version": 1},
        ],
        JobProgress: [
            {"job_id": name, "done": 1, "total": 1, "at": NOW - age} for name, age in (("old", old), ("young", young))
        ],
        MassEdit: [
            {"id": key, "responsible_id": 1, "changes": {}, "total": 0, "state": "finished", "created_at": NOW - age}
            | {f"{fate}_count": 0 for fate in ("changed", "same", "left", "back", "kept")}
            | {"version": 1}
            for key, age in ((1, old), (2, young))
        ],
        MassEditRow: [{"mass_edit_id": key, "customer_id": 1, "fate": "same", "before": None} for key in (1, 2)],
        SignIn: [
            {
                "id": 1,
                "token_hash": "a",
                "user_id": 1,
                "created_at": NOW - old,
                "last_seen_at": NOW - old,
                "expires_at": NOW - old,
            },
            {
                "id": 2,
                "token_hash": "b",
                "user_id": 1,
                "created_at": NOW,
                "last_seen_at": NOW,
                "expires_at": NOW + young,
            },
        ],
    }
    with cast.database.writing() as connection:
        for record, values in rows.items():
            connection.execute(insert(record), values)
        connection.execute(insert(TOKENS), [{"token": "nx", "customer_id": 999}])
        connection.execute(insert(PARTS), [{"part": "*ngone", "token": "nbegone"}])
    orphan, fresh = (documents._SHELF.store(b"x") for _ in range(2))
    os.utime(documents.path_of(orphan), ((NOW - young).timestamp() - 60,) * 2)
    context = JobContext(cast.database, "job", SYSTEM)
    monkeypatch.setattr(context, "step", lambda _name, function, *args: function(*args))
    gone = upkeep.nightly(context)
    assert gone == {
        "command_keys": 1,
        "notices": 1,
        "backups": 1,
        "mass_edits": 1,
        "job_progress": 1,
        "search_tokens": 1,
        "search_parts": 1,
        "orphans": 1,
        "sign_ins": 1,
        "runs": 0,
    }
    assert left(cast.database, CommandKey.key) == ["young"]
    assert set(documents.stored_tokens()) == {fresh}
    assert left(cast.database, Notification.id) == [2, 3]
    assert left(cast.database, Backup.id) == [2]
    assert left(cast.database, MassEditRow.mass_edit_id) == [2]
    assert left(cast.database, JobProgress.job_id) == ["young"]
    assert left(cast.database, SignIn.id) == [2]
    assert 999 not in left(cast.database, TOKENS.c.customer_id)
    assert 1 in left(cast.database, TOKENS.c.customer_id)
    assert "nbegone" not in left(cast.database, PARTS.c.token)
    assert left(cast.database, PARTS.c.token)


@pytest.mark.parametrize("kind", ["sqlite"])
def test_the_log_beside_the_database_is_written_back_and_emptied(cast: Cast) -> None:
    path = cast.database.path
    assert path
    log = path.with_name(path.name + "-wal")
    with cast.database.writing() as connection:
        connection.execute(text("UPDATE users SET name = name"))
    assert log.stat().st_size > 0
    upkeep.tidy(cast.database)
    assert log.stat().st_size == 0
