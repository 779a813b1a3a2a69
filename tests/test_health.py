"""Health is told in words, quickly, without changing anything and without telling strangers anything."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, text

import crm
from crm import backups, health, settings
from crm.core import config, worker
from crm.core.config import Config
from crm.core.worker import WorkerBeat
from crm.health import Level
from db.backup import Kind
from db.engine import Database, connect
from tests.cast import NOW, Cast


def levels(cast: Cast) -> dict[str, Level]:
    return {check.code: check.level for check in health.readiness(cast.database, config.config()).checks}


def a_beat(database: Database, at: datetime) -> None:
    row = {"name": "worker", "at": at, "started_at": at, "version": crm.__version__, "pid": 1, "host": "h"}
    with database.writing() as connection:
        connection.execute(text("DELETE FROM worker_beats"))
        connection.execute(insert(WorkerBeat.__table__), [row])


def test_a_house_where_all_is_well(cast: Cast) -> None:
    a_beat(cast.database, NOW)
    backups.copy_now(config.config(), cast.database, Kind.MANUAL)
    readiness = health.readiness(cast.database, config.config())
    assert {check.level for check in readiness.checks} == {Level.GOOD}
    assert readiness.ok
    assert (readiness.worker_age, readiness.copy_age) == (0.0, 0.0)
    assert {check.level for check in health.doctor(cast.database, config.config())} == {Level.GOOD}


def test_a_silent_worker_and_an_old_copy_are_told_and_people_can_work_on(cast: Cast) -> None:
    assert levels(cast)["worker"] is levels(cast)["copy"] is Level.WARN
    backups.copy_now(config.config(), cast.database, Kind.MANUAL)
    a_beat(cast.database, NOW - worker.SILENT_AFTER)
    assert levels(cast)["worker"] is levels(cast)["copy"] is Level.GOOD
    a_beat(cast.database, NOW - worker.SILENT_AFTER - timedelta(seconds=1))
    with cast.database.writing() as connection:
        connection.execute(text("UPDATE backups SET made_at = :at"), {"at": "2026-02-09 03:59:59.000000"})
    readiness = health.readiness(cast.database, config.config())
    [silent] = [check for check in readiness.checks if check.code == "worker"]
    [late] = [check for check in readiness.checks if check.code == "copy"]
    assert silent.level is late.level is Level.WARN
    assert "python -m crm worker" in silent.advice
    assert "2 hours" in late.text.format(**late.values)
    assert readiness.ok


def test_a_failed_copy_is_no_copy(cast: Cast) -> None:
    with cast.unit() as u:
        backups.note_failure(u, Kind.HOURLY, backups.CopyFailed(backups.Trouble.NO_ROOM))
    assert health.readiness(cast.database, config.config()).copy_age is None


def test_copies_that_were_switched_off_are_told(cast: Cast) -> None:
    with cast.unit() as u:
        settings.change(u, "backup_hourly", "no")
    [check] = [one for one in health.readiness(cast.database, config.config()).checks if one.code == "copy"]
    assert "switched off" in check.text


def test_what_strangers_read_names_nobody_and_no_place(cast: Cast) -> None:
    said = json.dumps(health.readiness(cast.database, config.config()).as_dict())
    assert set(json.loads(said)) == {"ok", "version", "worker_age", "copy_age", "checks"}
    assert str(config.config().data_dir) not in said
    assert cast.database.url.host is None or cast.database.url.host not in said


def test_little_room_is_told_and_no_room_keeps_people_from_working(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = health.size(cast.database)
    for free, level in ((2 * needed + health.LITTLE_ROOM, Level.GOOD), (health.LITTLE_ROOM - 1, Level.BAD)):
        monkeypatch.setattr(
            health.shutil, "disk_usage", lambda _path, free=free: health.shutil._ntuple_diskusage(0, 0, free)
        )
        assert levels(cast)["disk"] is level
    monkeypatch.setattr(health, "size", lambda _database: health.LITTLE_ROOM)
    monkeypatch.setattr(
        health.shutil, "disk_usage", lambda _path: health.shutil._ntuple_diskusage(0, 0, health.LITTLE_ROOM)
    )
    assert levels(cast)["disk"] is Level.WARN


def test_a_network_disk_is_known_by_its_mount(tmp_path: Path) -> None:
    mounts = f"/dev/sda / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n"
    assert health.disk_kind(tmp_path / "data", lambda: mounts) == "nfs4"
    assert health.disk_kind(Path("/usr"), lambda: mounts) == "ext4"
    assert health.disk_kind(tmp_path) not in health.NETWORK_DISKS


def test_a_database_on_a_network_disk_is_bad_news_for_sqlite_only(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "disk_kind", lambda _folder: "nfs4")
    [check] = [one for one in health.doctor(cast.database, config.config()) if one.code == "network_disk"]
    assert check.level is (Level.BAD if cast.database.is_sqlite else Level.GOOD)


def test_tables_of_an_older_version_are_told_with_the_way_out(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health.installation.migrate, "head", lambda: "9999")
    readiness = health.readiness(cast.database, config.config())
    assert not readiness.ok
    assert "python -m crm migrate" in readiness.checks[0].text


def test_broken_rules_are_named_by_the_doctor(cast: Cast) -> None:
    with cast.database.writing() as connection:
        connection.execute(text("UPDATE users SET disabled_at = created_at WHERE username = 'admin'"))
    [check] = [one for one in health.doctor(cast.database, config.config()) if one.code == "rules"]
    assert check.level is Level.WARN
    assert "administrator: 1" in check.text.format(**check.values)


def test_looking_at_a_house_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    home = Config(tmp_path / "none", "", "http://localhost", frozenset())
    database = connect(f"sqlite:///{tmp_path / 'none' / 'rapport.db'}")
    checks = health.doctor(database, home)
    assert checks[0].level is Level.BAD
    assert "python -m crm run" in checks[0].text
    assert not home.data_dir.exists()
    database.close()
