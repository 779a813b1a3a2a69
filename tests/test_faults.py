"""What breaks under Rapport does not break Rapport: killed processes, full, damaged and locked disks, a server that is away."""

import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text

from crm import backups, customers, health, installation, interactions, invariants
from crm.core import config, jobs, logs, records, retry
from crm.core.access import Identity
from crm.core.config import Config
from crm.core.errors import CrmError, Unavailable
from crm.core.uow import unit_of_work
from crm.interactions import Interaction
from db import backup, migrate, sqlite
from db.backup import CopyFailed, Kind, Trouble, copies
from db.engine import Database, connect
from db.sqlite import driver
from tests.cast import NOW, PARTS, Cast, a_call, a_customer
from tests.core import writing
from tests.support import postgres
from tests.support.machine import is_root

MOUNT, UNMOUNT = shutil.which("mount") or "mount", shutil.which("umount") or "umount"
REP = Identity(PARTS["rep"].id)
KILLS = {"sqlite": 10, "postgresql": 5}


def notes(database: Database) -> list[str]:
    with database.reader.connect() as connection:
        return list(connection.scalars(select(Interaction.note)))


def whole(database: Database) -> None:
    """Assert that no page, key or rule is broken."""
    with database.reader.connect() as connection:
        if database.is_sqlite:
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
            assert connection.execute(text("PRAGMA foreign_key_check")).first() is None
        assert invariants.invariants(connection) == []


# --- R01: killed ------------------------------------------------------------


def test_r01_nothing_acknowledged_is_lost_when_processes_are_killed_in_bursts_of_writes(
    cast: Cast, tmp_path: Path, kind: str
) -> None:
    customer, told = a_customer(cast), tmp_path / "acknowledged"
    url = cast.database.url.render_as_string(hide_password=False)
    command = [sys.executable, writing.__file__, url, str(customer), str(told), "3"]
    for _ in range(KILLS[kind]):
        before = told.stat().st_size if told.exists() else 0
        processes = [subprocess.Popen(command) for _ in range(2)]
        until = time.monotonic() + 30
        while (told.stat().st_size if told.exists() else 0) <= before and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(random.uniform(0, 0.4))
        for process in processes:
            process.send_signal(signal.SIGKILL)
        for process in processes:
            process.wait()
        acknowledged = told.read_text().split("\n")[:-1]  # the last one may be cut off
        stored = notes(cast.database)
        assert set(acknowledged) <= set(stored)
        assert len(stored) == len(set(stored))
        whole(cast.database)
    assert len(told.read_text().split()) >= KILLS[kind]


# --- R02: the power goes ----------------------------------------------------


@pytest.mark.parametrize("kind", ["sqlite"])
def test_r02_a_log_torn_anywhere_gives_back_every_commit_before_the_tear(cast: Cast, tmp_path: Path) -> None:
    """Each commit is forced to disk before it is acknowledged, so a power cut tears only what came after the last one."""
    customer, path = a_customer(cast), cast.database.path
    assert path
    with cast.database.reader.connect() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 2
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    ends = []
    for number in range(12):
        a_call(cast, customer, note=str(number))
        ends.append(path.with_name(path.name + "-wal").stat().st_size)
    main, log = path.read_bytes(), path.with_name(path.name + "-wal").read_bytes()
    chance = random.Random(7)
    for cut in [*ends, *(chance.randrange(len(log)) for _ in range(28))]:
        torn = tmp_path / "torn" / "rapport.db"
        shutil.rmtree(torn.parent, ignore_errors=True)
        torn.parent.mkdir()
        torn.write_bytes(main)
        torn.with_name("rapport.db-wal").write_bytes(log[:cut] + chance.randbytes(chance.randrange(4096)))
        after = connect(f"sqlite:///{torn}")
        durable = sum(1 for end in ends if end <= cut)
        assert [int(note) for note in notes(after)] == list(range(durable))
        whole(after)
        after.close()


@pytest.mark.parametrize("kind", ["sqlite"])
def test_r02_the_job_engine_forces_its_commits_to_disk_too(cast: Cast) -> None:
    with driver.connect(cast.database.path) as plain:  # as the engine opens it: without settings of ours
        assert plain.execute("PRAGMA synchronous").fetchone() == (2,)
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    plain.close()


# --- R04: full --------------------------------------------------------------


@contextmanager
def small_disk(tmp_path: Path, megabytes: int) -> Iterator[Path]:
    """A disk of a few megabytes; only root can have one."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        not is_root()
        or subprocess.run(
            [MOUNT, "-t", "tmpfs", "-o", f"size={megabytes}m", "none", place], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("a small disk can be mounted by root only")
    try:
        yield place
    finally:
        subprocess.run([UNMOUNT, "-l", place], check=True)


@pytest.fixture
def disk_house(sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cast]:
    """A house on a disk of 8 MB, with a customer."""
    with small_disk(tmp_path, 8) as place:
        shutil.copyfile(sqlite_template, place / "rapport.db")
        monkeypatch.setenv("RAPPORT_DATA", str(place))
        monkeypatch.delenv("RAPPORT_DATABASE_URL", raising=False)
        config.forget()
        cast = Cast.assemble(config.database())
        a_customer(cast)
        yield cast
        config.forget()


def test_r04_a_full_disk_is_told_nothing_is_half_saved_and_work_goes_on_when_there_is_room(disk_house: Cast) -> None:
    cast, place = disk_house, config.config().data_dir
    logs.configure(place / "logs", "app")
    (place / "ballast").write_bytes(b"x" * 3_000_000)
    said = []
    while not said:
        try:
            a_call(cast, 1, note="x" * 9_000)
        except Unavailable as trouble:
            said.append((trouble.code, trouble.text))
    code, sentence = said[0]
    assert code == "D1"
    assert "Nothing was lost" in sentence
    acknowledged = len(notes(cast.database))
    with suppress(OSError):
        (place / "last").write_bytes(b"x" * 10_000_000)
    logs.logger("x").info("a line that finds no room " * 50)  # is dropped in silence
    with pytest.raises(CrmError) as no_copy:
        backups.copy_now(config.config(), cast.database, Kind.MANUAL)
    assert no_copy.value.code in {"", "D1"}  # type: ignore[attr-defined]
    assert copies(config.config().backups_dir) == []
    assert health.readiness(cast.database, config.config()).ok is False
    (place / "ballast").unlink()
    (place / "last").unlink()
    _drop_handlers()
    a_call(cast, 1, note="after")
    assert len(notes(cast.database)) == acknowledged + 1
    whole(cast.database)


def _drop_handlers() -> None:
    for name in ("", "dbos"):
        for handler in list(logging.getLogger(name).handlers):
            if isinstance(handler, logging.FileHandler):
                logging.getLogger(name).removeHandler(handler)
                handler.close()


def test_r09_a_full_target_keeps_the_copies_before(cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_customer(cast)
    with small_disk(tmp_path, 64) as place:  # PostgreSQL's files are as large as earlier tests left them
        monkeypatch.setenv("RAPPORT_BACKUPS", str(place))
        monkeypatch.setattr(backup, "SPARE_BYTES", 0)
        home = config.config()
        home.attachments_dir.mkdir()
        first = backups.copy_now(home, cast.database, Kind.MANUAL)
        (home.attachments_dir / "large").write_bytes(os.urandom(70_000_000))  # the database fits, this does not
        with pytest.raises(Unavailable, match="not enough room"):
            backups.copy_now(home, cast.database, Kind.HOURLY)
        assert copies(place) == [first]
        assert backup.faults(first) == []
        assert not list(place.glob(f"{backup.MAKING}*"))
        (home.attachments_dir / "large").unlink()
        backups.copy_now(home, cast.database, Kind.HOURLY)


# --- R05: read only ---------------------------------------------------------


def test_r05_a_disk_that_cannot_be_written_is_told_and_works_again_later(disk_house: Cast) -> None:
    cast, place = disk_house, config.config().data_dir
    cast.database.close()
    subprocess.run([MOUNT, "-o", "remount,ro", place], check=True)
    with pytest.raises(Unavailable) as trouble, unit_of_work(cast.database, REP) as u:
        interactions.log(u, 1, kind="call")
    assert trouble.value.code == "D4"
    checks = {check.code: check for check in health.doctor(cast.database, config.config())}
    assert checks["folder"].level is health.Level.BAD
    subprocess.run([MOUNT, "-o", "remount,rw", place], check=True)
    a_call(cast, 1, note="after")
    assert notes(cast.database) == ["after"]


# --- R06: damaged -----------------------------------------------------------

HARMS: dict[str, Callable[[Path], Any]] = {
    "header": lambda path: _overwrite(path, 0, b"not a header"),
    "pages": lambda path: _overwrite(path, 4096, os.urandom(path.stat().st_size - 4096)),
    "cut": lambda path: os.truncate(path, 5000),
    "empty": lambda path: os.truncate(path, 0),
    "text": lambda path: path.write_text("This is a letter.\n" * 500),
    "gone": lambda path: path.unlink(),
    "index": lambda path: _overwrite(path, path.read_bytes().rindex(b"Kuybyshev"), b"Kuybyshex"),
}


def _overwrite(path: Path, place: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Config, Cast]]:
    """A house of its own with a customer and a good copy; nobody has the database open."""
    monkeypatch.setenv("RAPPORT_DATA", str(tmp_path / "house"))
    monkeypatch.delenv("RAPPORT_DATABASE_URL", raising=False)
    config.forget()
    home, database = config.config(), config.database()
    installation.prepare(home, database)
    cast = Cast.assemble(database)
    a_customer(cast, city="Kuybyshev")
    backups.copy_now(home, database, Kind.MANUAL)
    database.close()
    yield home, cast
    config.forget()


def hurt(house: tuple[Config, Cast], harm: str) -> Path:
    """Do harm to the database file of a house that nobody has open; return its path."""
    path = house[1].database.path
    assert path
    for part in backup.parts(path)[1:]:
        part.unlink(missing_ok=True)
    HARMS[harm](path)
    config.forget()
    return path


def brought_back(home: Config) -> backups.Restored:
    """Bring the newest copy back and assert that everything is there again."""
    config.forget()
    restored = backups.bring_back(home, config.database(), "newest")
    with unit_of_work(config.database(), REP) as u:
        assert customers.count(u) == 1
    whole(config.database())
    return restored


@pytest.mark.parametrize("harm", ["header", "empty", "text", "gone"])
def test_r06_an_unreadable_file_is_told_with_the_newest_copy_and_never_made_anew(
    house: tuple[Config, Cast], harm: str
) -> None:
    home, _ = house
    path = hurt(house, harm)
    damaged = path.read_bytes() if path.exists() else None
    for look in (installation.verify, installation.prepare):
        with pytest.raises(Unavailable) as trouble:
            look(home, config.database())
        assert trouble.value.code == "D3"
        assert copies(home.backups_dir)[0].name in str(trouble.value)
    checks = {check.code: check.level for check in health.doctor(config.database(), home)}
    assert checks["database"] is health.Level.BAD
    assert (path.read_bytes() if path.exists() else None) == damaged
    restored = brought_back(home)
    assert (restored.aside / path.name).exists() == (harm != "gone")


@pytest.mark.parametrize("harm", ["pages", "cut", "index"])
def test_r06_damage_behind_the_first_page_is_found_by_the_doctor_and_by_the_next_copy(
    house: tuple[Config, Cast], harm: str
) -> None:
    home, _ = house
    hurt(house, harm)
    levels = {check.code: check.level for check in health.doctor(config.database(), home)}
    assert health.Level.BAD in {levels["database"], levels.get("pages")}
    good = copies(home.backups_dir)
    with pytest.raises(CopyFailed) as failed:
        backup.make(installation.source(home, config.database()), home.backups_dir, Kind.HOURLY, NOW, lambda _: [])
    assert failed.value.trouble is Trouble.DAMAGED
    assert copies(home.backups_dir) == good
    brought_back(home)


def test_r06_a_file_that_is_lost_or_exchanged_under_a_running_application_takes_no_more_writes(
    house: tuple[Config, Cast],
) -> None:
    home, cast = house
    path = cast.database.path
    assert path
    with unit_of_work(cast.database, REP) as u:
        interactions.log(u, 1, kind="call", note="before")
    kept = path.with_name("kept.db")
    path.rename(kept)
    for _ in range(3):
        with pytest.raises(Unavailable) as trouble, unit_of_work(cast.database, REP) as u:
            interactions.log(u, 1, kind="call", note="lost")
        assert trouble.value.code == "D3"
    assert not path.exists()
    assert not health.readiness(cast.database, home).ok
    kept.rename(path)  # the very file comes back: work goes on without a restart
    with unit_of_work(cast.database, REP) as u:
        interactions.log(u, 1, kind="call", note="after")
    assert notes(cast.database) == ["before", "after"]


# --- R08: an engine with a known fault --------------------------------------


def test_r08_an_old_engine_is_told(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    home = config.config()
    levels = {check.code: check.level for check in health.readiness(cast.database, home).checks}
    assert levels["engine"] is health.Level.GOOD
    monkeypatch.setattr(sqlite, "version", lambda: (3, 40, 1))
    [check] = [check for check in health.readiness(cast.database, home).checks if check.code == "engine"]
    if cast.database.is_sqlite:
        assert check.level is health.Level.WARN
        assert "3.40.1" in check.text.format(**check.values)
        assert check.advice
    else:
        assert check.level is health.Level.GOOD


# --- R12: the server is away ------------------------------------------------


@pytest.fixture
def own_server() -> Iterator[tuple[postgres.PostgresServer, Cast]]:
    """A PostgreSQL of this test alone, which may be stopped."""
    with postgres.server(private=True) as server, server.database() as url:
        database = connect(url)
        records.load().create_all(database.writer)
        jobs.make_tables(database)
        migrate.stamp(database)
        yield server, Cast.assemble(database)
        database.close()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_r12_a_restart_of_the_server_in_traffic_loses_nothing_and_nobody_notices(
    own_server: tuple[postgres.PostgresServer, Cast], mode: str
) -> None:
    server, cast = own_server
    customer, stop = a_customer(cast), threading.Event()
    acknowledged: list[str] = []
    failed: list[BaseException] = []

    def write(thread: int) -> None:
        number = 0
        while not stop.is_set():
            note = f"{thread}-{number}"
            try:
                retry.run(cast.database, REP, interactions.log, customer, kind="call", note=note, now=datetime.now(UTC))
            except BaseException as error:  # noqa: BLE001  told to the test
                failed.append(error)
                return
            acknowledged.append(note)
            number += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        time.sleep(1)
        server.restart(mode)
    before = len(acknowledged)
    time.sleep(1)
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(acknowledged) > before > 0
    stored = notes(cast.database)
    assert sorted(stored) == sorted(acknowledged)  # none lost, none twice
    whole(cast.database)


def test_r12_an_outage_is_told_and_ends_without_a_restart_of_ours(
    own_server: tuple[postgres.PostgresServer, Cast],
) -> None:
    server, cast = own_server
    customer = a_customer(cast)
    server.stop()
    for _ in range(2):
        with pytest.raises(Unavailable) as trouble, unit_of_work(cast.database, REP) as u:
            interactions.log(u, customer, kind="call")
        assert trouble.value.code == "D5"
    home = Config(Path("/nonexistent"), "", "http://localhost", frozenset())
    readiness = health.readiness(cast.database, home)
    assert not readiness.ok
    assert "password" not in str(readiness.as_dict())
    server.start()
    with unit_of_work(cast.database, REP) as u:
        interactions.log(u, customer, kind="call", note="after")
    assert notes(cast.database) == ["after"]


def test_r12_a_server_without_a_free_connection_is_told(own_server: tuple[postgres.PostgresServer, Cast]) -> None:
    server, cast = own_server
    a_customer(cast)
    with cast.database.reader.connect() as connection:
        most = int(connection.scalar(text("SHOW max_connections")) or 0)
    cast.database.close()
    held = []
    address = cast.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with suppress(psycopg.OperationalError):
        while len(held) <= most:
            held.append(psycopg.connect(address))
    try:
        with pytest.raises(Unavailable) as trouble, unit_of_work(cast.database, REP) as u:
            customers.count(u)
        assert trouble.value.code in {"D2", "D5"}
    finally:
        for connection in held:
            connection.close()
    with unit_of_work(cast.database, REP) as u:
        assert customers.count(u) == 1
    assert server.private
