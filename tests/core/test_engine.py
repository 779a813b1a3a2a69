"""The engines and the gate: writers are served in the order of arrival, nobody waits for ever, nothing is lost."""

import sqlite3
import threading
import time

import pytest
from sqlalchemy import select, text

from crm.core.people import Team, User
from db import sqlite as ours
from db.engine import Gate, GateTimeoutError, connect
from tests.cast import NORTH, PARTS
from tests.core.test_uow import together

# --- the gate ---------------------------------------------------------------


def waiting(gate, count):
    """Wait until so many stand before the gate."""
    for _ in range(500):
        if len(gate._waiting) == count:
            return
        time.sleep(0.01)
    raise AssertionError(f"{len(gate._waiting)} wait, not {count}")


def test_writers_are_served_in_the_order_of_arrival():
    gate, served, threads = Gate(), [], []

    def write(n):
        gate.acquire()
        served.append(n)
        gate.release()

    gate.acquire()
    for n in range(12):
        threads.append(threading.Thread(target=write, args=(n,)))
        threads[-1].start()
        waiting(gate, n + 1)
    gate.release()
    for thread in threads:
        thread.join(10)
    assert served == list(range(12))


def test_nobody_waits_longer_than_told_and_the_next_is_served():
    gate = Gate()
    gate.acquire()
    began = time.monotonic()
    with pytest.raises(GateTimeoutError):
        gate.acquire(0.1)
    assert 0.08 < time.monotonic() - began < 5
    gate.release()
    gate.acquire(0.1)
    gate.release()


def test_one_holds_the_gate_at_a_time():
    gate, inside, most = Gate(), [], []

    def write(_):
        for _ in range(50):
            gate.acquire()
            inside.append(1)
            most.append(len(inside))
            inside.pop()
            gate.release()

    together(8, write)
    assert max(most) == 1


def test_who_gives_up_does_not_take_the_turn_along():
    gate = Gate()
    gate.acquire()
    results = []
    late = threading.Thread(target=lambda: results.append(_try(gate, 0.05)))
    patient = threading.Thread(target=lambda: results.append(_try(gate, 10)))
    late.start()
    waiting(gate, 1)
    patient.start()
    late.join(10)
    gate.release()
    patient.join(10)
    assert results == ["gave up", "served"]
    gate.acquire(0.1)


def _try(gate, seconds):
    try:
        gate.acquire(seconds)
    except GateTimeoutError:
        return "gave up"
    gate.release()
    return "served"


# --- the embedded database --------------------------------------------------


@pytest.fixture
def embedded(tmp_path):
    database = connect(f"sqlite:///{tmp_path / 'x.db'}")
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE sums (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"))
        connection.execute(text("INSERT INTO sums VALUES (1, 0)"))
    yield database
    database.close()


def test_the_whole_process_has_one_sqlite():
    assert sqlite3.sqlite_version == ours.driver.sqlite_version
    assert ours.is_safe(), "older than 3.51.3: the bug that corrupts the write-ahead log"


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10000), ("trusted_schema", 0)],
)
def test_every_connection_is_set_as_it_was_measured(embedded, pragma, value):
    with embedded.reader.connect() as first, embedded.reader.connect() as second, embedded.writer.connect() as third:
        for connection in (first, second, third):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_reading_first_and_writing_then_loses_no_increment(embedded):
    """The driver's own transactions lost 105 of 120 here."""

    def add(_):
        for _ in range(15):
            with embedded.writing() as connection:
                n = connection.execute(text("SELECT n FROM sums")).scalar()
                connection.execute(text("UPDATE sums SET n = :n"), {"n": n + 1})
        return "done"

    assert together(8, add) == ["done"] * 8
    with embedded.reader.connect() as connection:
        assert connection.execute(text("SELECT n FROM sums")).scalar() == 120


def test_a_reader_keeps_its_picture_while_others_write(embedded):
    with embedded.reader.connect() as reader:
        before = reader.execute(text("SELECT n FROM sums")).scalar()
        with embedded.writing() as writer:
            writer.execute(text("UPDATE sums SET n = 7"))
        assert reader.execute(text("SELECT n FROM sums")).scalar() == before
    with embedded.reader.connect() as reader:
        assert reader.execute(text("SELECT n FROM sums")).scalar() == 7


def test_an_error_opens_the_gate_again(embedded):
    with pytest.raises(ZeroDivisionError), embedded.writing():
        raise ZeroDivisionError
    with embedded.writing() as connection:
        connection.execute(text("UPDATE sums SET n = 1"))


def test_the_address_of_the_file_is_known(embedded, tmp_path):
    assert embedded.is_sqlite
    assert embedded.path == tmp_path / "x.db"


# --- both -------------------------------------------------------------------


def test_parameters_never_stand_in_an_error(cast):
    with pytest.raises(Exception, match="hide_parameters") as told, cast.database.reader.connect() as connection:
        connection.execute(text("SELECT * FROM nowhere WHERE phone = :phone"), {"phone": "+79161234567"})
    assert "7916" not in str(told.value)


def test_the_two_databases_answer_alike(cast):
    with cast.database.reader.connect() as connection:
        table = User.__table__.c
        assert connection.scalar(select(table.roles).where(table.id == 3)) == ["sales_rep"]
        assert (
            connection.scalar(select(table.created_at).where(table.id == 3)).isoformat() == "2026-02-09T06:00:00+00:00"
        )
        assert connection.scalar(select(Team.__table__.c.name).where(Team.__table__.c.id == NORTH)) == "North"


def test_new_ids_come_after_those_that_were_chosen(cast):
    with cast.unit() as u, u.acting("test.add", "teams.manage"):
        assert u.add(Team(name="West")).id == 4
    assert max(one.id for one in PARTS.values()) == 16


def test_postgres_is_told_how_long_to_wait(database):
    if database.is_sqlite:
        assert database.gate is not None
        return
    with database.reader.connect() as connection:
        said = {
            name: connection.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "lock_timeout", "timezone")
        }
        assert said == {"statement_timeout": "15s", "lock_timeout": "5s", "timezone": "UTC"}
        assert connection.scalar(text("SHOW idle_in_transaction_session_timeout")) == "1min"
