"""A copy is whole and proved, or it is none; what is brought back is what was copied, on either database."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from crm import backups, customers, installation, invariants, notifications, products, purchases, settings
from crm.core import config, jobs, records
from crm.core.access import SYSTEM
from crm.core.config import Config
from crm.core.errors import NotFound, Refused, Unavailable
from crm.core.jobs import JobContext, Status
from crm.core.uow import as_system
from crm.purchases import Line
from db import backup
from db.backup import Kind, copies, faults, to_keep
from db.engine import Database, connect
from db.lock import FileLock
from db.restore import in_use
from db.sqlite import driver
from tests.cast import Cast, a_call, a_customer
from tests.core.sample_jobs import ask, log_calls
from tests.core.test_jobs import wait_for

SPECIAL = "Zoë «Ёлка» 张伟 \\ \t 'quote' \"double\" %s {x}"


@pytest.fixture
def house(cast: Cast) -> Config:
    """The data folder of this test, with a customer, a call, a purchase, an attachment and a key."""
    home = config.config()
    customer = a_customer(cast, name=SPECIAL)
    a_call(cast, customer, note=SPECIAL)
    with cast.unit() as u:
        product = products.create(u, {"code": "P1", "name": "Tea", "price": "19.99"})
        purchases.record(u, customer, [Line(product.id), Line(product.id, discount=Decimal("0.0001"))])
        settings.change(u, "company_name", "Before")
    home.attachments_dir.mkdir(parents=True)
    (home.attachments_dir / "offer.pdf").write_bytes(b"an offer" * 100)
    home.key("cookie")
    return home


def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of ours, as the database gives it to us."""
    found = {}
    with database.reader.connect() as connection:
        for table in records.load().sorted_tables:
            rows = connection.execute(table.select().order_by(*table.primary_key.columns)).all()
            found[table.name] = [tuple(row) for row in rows]
    return found


CHANGES_BY_ITSELF = ("sign_ins", "backups", "audit_entries")


def same_data(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, rows in one.items():
        if name not in CHANGES_BY_ITSELF:
            assert rows == other[name], name


# --- making -----------------------------------------------------------------


def test_a_copy_holds_everything_and_a_hash_of_it(cast: Cast, house: Config) -> None:
    copy = backups.copy_now(house, cast.database, Kind.MANUAL)
    assert {"rapport.db", "attachments/offer.pdf", "keys/cookie.key"} == set(copy.files)
    assert copy.rows["customers"] == copy.rows["interactions"] == copy.rows["purchases"] == 1
    assert faults(copy) == []
    assert copies(house.backups_dir) == [copy]
    manifest = json.loads((copy.path / "manifest.json").read_text())
    assert manifest["files"]["rapport.db"]["sha256"] == backup.hashed(copy.database)
    assert not [part for part in copy.path.rglob("*") if part.name.endswith(("-wal", "-shm", "-journal"))]
    file = connect(f"sqlite:///{copy.database}")
    same_data(contents(cast.database), contents(file))
    file.close()


def test_the_list_tells_of_copies_and_of_failures(cast: Cast, house: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    with cast.unit(cast.admin) as u:
        assert backups.last_made_at(u) is None
    copy = backups.copy_now(house, cast.database, Kind.MANUAL)
    monkeypatch.setattr(backup, "SPARE_BYTES", 2**60)
    for _ in range(2):
        with pytest.raises(Unavailable, match="not enough room"):
            backups.copy_now(house, cast.database, Kind.HOURLY)
    assert copies(house.backups_dir) == [copy]
    with cast.unit(cast.admin) as u:
        listed = backups.listing(u)
        assert sorted(listed["fault"].fillna("").tolist()) == ["", "no_room", "no_room"]
        assert backups.last_made_at(u) == copy.made_at
        heard = notifications.latest(u)
    assert [one.page for one in heard] == ["backups"]  # once, not with every hour
    with cast.unit(cast.rep) as u:
        with pytest.raises(Refused):
            backups.listing(u)
        with pytest.raises(Refused):
            backups.ask(u)
        assert notifications.latest(u) == []


def test_a_copy_that_was_killed_halfway_is_none_and_is_cleared_away(cast: Cast, house: Config) -> None:
    left = house.backups_dir / f"{backup.MAKING}2026-01-01T00-00-00Z-hourly"
    left.mkdir(parents=True)
    (left / "rapport.db").write_bytes(b"half")
    (house.backups_dir / "2026-01-02T00-00-00Z-hourly").mkdir()  # no manifest
    assert copies(house.backups_dir) == []
    backups.copy_now(house, cast.database, Kind.MANUAL)
    assert not left.exists()


def test_two_copies_at_once_are_one(cast: Cast, house: Config) -> None:
    house.backups_dir.mkdir(parents=True)
    with FileLock(house.backups_dir / ".lock"), pytest.raises(Unavailable, match="at this moment"):
        backups.copy_now(house, cast.database, Kind.HOURLY)
    with cast.unit(cast.admin) as u:
        assert notifications.latest(u) == []
    backups.copy_now(house, cast.database, Kind.HOURLY)


def test_data_that_break_a_rule_make_no_good_copy(cast: Cast, house: Config) -> None:
    good = backups.copy_now(house, cast.database, Kind.MANUAL)
    with cast.database.writing() as connection:
        connection.execute(text("UPDATE customers SET interaction_count = 7"))
    with pytest.raises(Unavailable, match="break a rule"):
        backups.copy_now(house, cast.database, Kind.MANUAL)
    assert copies(house.backups_dir) == [good]


def test_an_unchanged_attachment_is_stored_once_and_never_shared_with_the_living_one(cast: Cast, house: Config) -> None:
    first = backups.copy_now(house, cast.database, Kind.UPGRADE)
    second = backups.copy_now(house, cast.database, Kind.MANUAL)
    one, two = (copy.path / "attachments/offer.pdf" for copy in (first, second))
    assert one.samefile(two)
    assert not one.samefile(house.attachments_dir / "offer.pdf")
    (house.attachments_dir / "offer.pdf").write_bytes(b"changed!" * 100)
    third = backups.copy_now(house, cast.database, Kind.HOURLY)
    assert (third.path / "attachments/offer.pdf").read_bytes().startswith(b"changed!")
    assert faults(first) == faults(second) == faults(third) == []


def test_a_copy_made_while_others_write_is_consistent(cast: Cast, house: Config) -> None:
    customer = a_customer(cast)
    stop, failed = threading.Event(), []

    def write() -> None:
        try:
            while not stop.is_set():
                a_call(cast, customer)
        except Exception as error:  # noqa: BLE001  told to the test
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    made = [
        backup.make(
            installation.source(house, cast.database), house.backups_dir, kind, datetime.now(UTC), invariants.invariants
        )
        for kind in Kind
    ]
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    counts = [copy.rows["interactions"] for copy in made]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    for copy in made:
        assert copy.rows["audit_entries"] >= copy.rows["interactions"]


# --- keeping ----------------------------------------------------------------


def test_the_last_24_hours_14_days_and_12_months_are_kept() -> None:
    now = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    kept: set[datetime] = set()
    moment = now - timedelta(days=500)
    while moment <= now:  # copies are thrown away whenever one is made; long ago some hours had none
        kept = to_keep(((one, Kind.HOURLY) for one in kept | {moment}), moment)
        moment += timedelta(hours=1 if now - moment < timedelta(days=20) else 7)
    hours = {one for one in kept if now - one < timedelta(hours=24)}
    assert len(hours) == 24
    assert {one.date() for one in kept if now - one < timedelta(days=14)} == {
        (now - timedelta(days=day)).date() for day in range(14)
    }
    assert {(one.year, one.month) for one in kept} == {(2026, month) for month in range(1, 13)}
    assert len(kept) == 24 + 13 + 11


def test_the_newest_copy_is_kept_however_old_and_so_are_those_before_upgrades() -> None:
    now = datetime(2026, 12, 31, tzinfo=UTC)
    old = [(now - timedelta(days=1000 + number), Kind.MANUAL) for number in range(3)]
    special = [(now - timedelta(days=800 + number), Kind.UPGRADE) for number in range(7)]
    assert to_keep([*old, *special], now) == {old[0][0], *(moment for moment, _ in special[:5])}


def test_rotation_throws_whole_copies_away_and_marks_them_in_the_list(cast: Cast, house: Config) -> None:
    copy = backups.copy_now(house, cast.database, Kind.MANUAL)
    for hour in range(3):
        name = f"2026-02-08T0{hour}-00-00Z-hourly"
        shutil.copytree(copy.path, house.backups_dir / name)
        facts = json.loads((copy.path / "manifest.json").read_text())
        facts |= {"made_at": f"2024-02-08T0{hour}:00:00+00:00", "kind": "hourly"}
        (house.backups_dir / name / "manifest.json").write_text(json.dumps(facts))
    with cast.unit() as u:
        backups.note(u, copies(house.backups_dir))
    with cast.unit(cast.admin) as u:
        assert len(backups.listing(u)) == 4
    later = backups.copy_now(house, cast.database, Kind.HOURLY)
    assert {one.name for one in copies(house.backups_dir)} == {later.name, copy.name}
    with cast.unit(cast.admin) as u:
        assert set(backups.listing(u)["name"]) == {one.name for one in copies(house.backups_dir)}


# --- bringing back ----------------------------------------------------------


@contextmanager
def alone(cast: Cast) -> Iterator[Database]:
    """The database as a process of its own would have it: nobody else has it open."""
    cast.database.close()
    config.forget()
    yield config.database()
    config.forget()


def test_what_is_brought_back_is_what_was_copied(cast: Cast, house: Config) -> None:
    before = contents(cast.database)
    copy = backups.copy_now(house, cast.database, Kind.MANUAL)
    with cast.unit() as u:
        customers.create(u, {"name": "After"})
        settings.change(u, "company_name", "After")
    (house.attachments_dir / "late.pdf").write_bytes(b"late")
    key = house.key("cookie")
    (house.keys_dir / "cookie.key").write_bytes(b"x" * 32)
    with alone(cast) as database:
        restored = backups.bring_back(house, database, copy.name)
        same_data(before, contents(database))
        with database.reader.connect() as connection:
            assert invariants.invariants(connection) == []
        with as_system(database) as u:  # ids go on where they were
            assert customers.create(u, {"name": "Next"}).id > before["customers"][-1][0]
    assert house.key("cookie") == key
    assert sorted(path.name for path in house.attachments_dir.iterdir()) == ["offer.pdf"]
    assert (restored.aside / "attachments" / "late.pdf").read_bytes() == b"late"
    if cast.database.is_sqlite:
        kept = connect(f"sqlite:///{restored.aside / 'rapport.db'}")
        assert len(contents(kept)["customers"]) == 2
        kept.close()
    else:
        assert {one.kind for one in copies(house.backups_dir)} == {Kind.RESTORE, Kind.MANUAL}


def test_everybody_signs_in_anew_after_a_restore_and_old_jobs_are_not_done_again(cast: Cast, house: Config) -> None:
    with cast.database.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO sign_ins (token_hash, user_id, created_at, last_seen_at, expires_at)"
                " VALUES ('h', 1, :at, :at, :at)"
            ),
            {"at": "2026-02-09 06:00:00.000000"},
        )
    with cast.unit(cast.rep) as u:
        ask(u, log_calls, customer_id=1, count=1, pause=0)
    copy = backups.copy_now(house, cast.database, Kind.MANUAL)
    with alone(cast) as database:
        backups.bring_back(house, database, copy.name)
        with database.reader.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM sign_ins WHERE revoked_at IS NULL")) == 0
            assert connection.scalar(text("SELECT count(*) FROM sign_ins")) == 1
        with cast.unit(cast.admin) as u:
            assert jobs.recent(u) == []


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_log_left_beside_the_database_is_not_played_into_the_restored_one(cast: Cast, house: Config) -> None:
    copy = backups.copy_now(house, cast.database, Kind.MANUAL)
    before = contents(cast.database)
    path = cast.database.path
    assert path
    keeper = driver.connect(path)  # keeps the log from being written back when the others close
    keeper.execute("SELECT count(*) FROM customers").fetchall()
    for _ in range(20):
        a_call(cast, 1)
    stale = {part.name: part.read_bytes() for part in backup.parts(path) if part.exists()}
    assert len(stale[f"{path.name}-wal"]) > 0
    keeper.close()
    with alone(cast) as database:
        for name, content in stale.items():
            (path.parent / name).write_bytes(content)
        restored = backups.bring_back(house, database, copy.name)
        same_data(before, contents(database))
        with database.reader.connect() as connection:
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
            assert invariants.invariants(connection) == []
    assert (restored.aside / f"{path.name}-wal").read_bytes() == stale[f"{path.name}-wal"]


def test_a_copy_is_brought_back_into_an_empty_house(
    cast: Cast, house: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(cast.database)
    copy = backups.copy_now(house, cast.database, Kind.MANUAL)
    monkeypatch.setenv("RAPPORT_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.delenv("RAPPORT_DATABASE_URL")
    config.forget()
    restored = backups.bring_back(config.config(), config.database(), str(copy.path))
    same_data(before, contents(config.database()))
    assert restored.copy == copy
    assert (tmp_path / "elsewhere" / "keys" / "cookie.key").read_bytes() == house.key("cookie")
    installation.verify(config.config(), config.database())


def test_a_copy_of_one_database_is_brought_back_into_the_other(
    cast: Cast, house: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: Any
) -> None:
    before = contents(cast.database)
    copy = backups.copy_now(house, cast.database, Kind.MANUAL)
    monkeypatch.setenv("RAPPORT_DATA", str(tmp_path / "elsewhere"))
    if cast.database.is_sqlite:
        with postgres_server.database() as url:
            monkeypatch.setenv("RAPPORT_DATABASE_URL", url)
            config.forget()
            backups.bring_back(config.config(), config.database(), str(copy.path))
            same_data(before, contents(config.database()))
            with as_system(config.database()) as u:
                assert customers.create(u, {"name": "Next"}).id == 2
            config.forget()
    else:
        monkeypatch.delenv("RAPPORT_DATABASE_URL")
        config.forget()
        backups.bring_back(config.config(), config.database(), str(copy.path))
        same_data(before, contents(config.database()))
        config.forget()


@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "manifest"])
def test_a_damaged_copy_is_noticed_before_anything_is_touched(cast: Cast, house: Config, harm: str) -> None:
    copy = backups.copy_now(house, cast.database, Kind.MANUAL)
    before = contents(cast.database)
    file = copy.database
    content = bytearray(file.read_bytes())
    place = content.find("Ёлка".encode())
    if harm == "flip":
        content[place] ^= 1  # in the text of a row: no page check of SQLite sees it
        file.write_bytes(content)
    elif harm == "cut":
        os.truncate(file, len(content) // 2)
    elif harm == "remove":
        (copy.path / "attachments/offer.pdf").unlink()
    else:
        (copy.path / "manifest.json").write_text("{")
    with alone(cast) as database:
        with pytest.raises(NotFound if harm == "manifest" else Unavailable):
            backups.bring_back(house, database, copy.name)
        same_data(before, contents(database))
    assert (house.attachments_dir / "offer.pdf").exists()


def test_a_running_rapport_is_not_pulled_away_from_under_its_people(cast: Cast, house: Config) -> None:
    copy = backups.copy_now(house, cast.database, Kind.MANUAL)
    with a_reader(cast.database):
        config.forget()
        assert in_use(config.database())
        with pytest.raises(Unavailable, match="running"):
            backups.bring_back(house, config.database(), copy.name)
        config.forget()


@contextmanager
def a_reader(database: Database) -> Iterator[None]:
    """Another process that has the database open and does nothing."""
    code = (
        "import sys; from db.engine import connect; d = connect(sys.argv[1]); c = d.reader.connect();"
        "c.exec_driver_sql('SELECT 1 FROM users').all(); c.rollback(); print('open', flush=True); sys.stdin.read()"
    )
    database.close()
    url = database.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-c", code, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=config.ROOT
    )
    assert process.stdout
    assert process.stdout.readline() == b"open\n"
    try:
        yield
    finally:
        process.communicate(timeout=20)


def test_a_copy_that_is_not_there_is_named_in_the_answer(cast: Cast, house: Config) -> None:
    with pytest.raises(NotFound, match="'nothing'"):
        backups.bring_back(house, cast.database, "nothing")
    copy = backups.copy_now(house, cast.database, Kind.MANUAL)
    assert (
        backups.find(house, "newest") == backups.find(house, copy.name) == backups.find(house, str(copy.path)) == copy
    )


# --- jobs -------------------------------------------------------------------


def test_the_hourly_copy_can_be_switched_off_and_the_one_on_demand_cannot(
    cast: Cast, house: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = JobContext(cast.database, "job", SYSTEM)
    monkeypatch.setattr(ctx, "step", lambda _name, function, *args: function(*args))
    assert backups.copy_hourly(ctx)
    with cast.unit() as u:
        settings.change(u, "backup_hourly", "no")
    assert backups.copy_hourly(ctx) is None
    assert backups.copy_on_demand(ctx)
    assert len(copies(house.backups_dir)) == 2


def test_the_administrator_asks_and_the_worker_copies(cast: Cast, house: Config) -> None:
    with cast.unit(cast.admin) as u:
        asked = backups.ask(u)
    with a_whole_worker():

        def over() -> Any:
            with cast.unit(cast.admin) as u:
                state = jobs.state(u, asked)
            return state if state.is_over else None

        state = wait_for(over)
    assert state.status is Status.DONE
    assert (state.done, state.total) == (3, 3)
    [copy] = copies(house.backups_dir)
    assert copy.kind is Kind.MANUAL
    with cast.unit(cast.admin) as u:
        assert backups.listing(u)["name"].tolist() == [copy.name]


@contextmanager
def a_whole_worker() -> Iterator[None]:
    """`python -m crm worker`, for this test's house."""
    process = subprocess.Popen([sys.executable, "-m", "crm", "worker"], cwd=config.ROOT, stderr=subprocess.PIPE)
    try:
        yield
    finally:
        process.terminate()
        errors = process.communicate(timeout=30)[1]
        assert process.returncode == 0, errors.decode()
