"""A database in trouble is told in a sentence with a code; a mistake of ours is not dressed up as one."""

import os
import shutil
import threading

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from crm import customers
from crm.core.access import Identity
from crm.core.errors import Unavailable
from crm.core.faults import FAULTS
from crm.core.people import User
from crm.core.uow import unit_of_work
from crm.customers import Customer
from db.engine import Gate, GateTimeoutError, connect
from db.faults import Fault, diagnose, may_retry
from tests.cast import PARTS, Cast, a_customer
from tests.support.machine import free_port


def told(cast_or_database, who, work=lambda u: u.all(select(User))):
    """Do something in a unit and return the trouble that the person hears of."""
    database = getattr(cast_or_database, "database", cast_or_database)
    with pytest.raises(Unavailable) as caught, unit_of_work(database, who) as u:
        work(u)
    return caught.value


def test_every_fault_has_its_sentence():
    assert set(FAULTS) == set(Fault)
    assert sorted(Fault) == ["D1", "D2", "D3", "D4", "D5"]


# --- the embedded database, really in trouble -------------------------------


@pytest.fixture
def house(sqlite_template, tmp_path):
    """A cast in an embedded database that may be broken."""
    path = tmp_path / "house.db"
    shutil.copyfile(sqlite_template, path)
    database = connect(f"sqlite:///{path}")
    cast = Cast.assemble(database)
    a_customer(cast)
    yield cast
    database.close()


def test_a_full_disk(house):
    with house.database.reader.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    house.database.close()

    @event.listens_for(house.database.reader, "connect")
    def _shrink(connection, _record):
        connection.execute(f"PRAGMA max_page_count={pages + 2}")

    def fill(u):
        for _ in range(40):
            customers.create(u, {"name": "x", "note": "y" * 4000})

    fault = told(house, house.keeper, fill)
    assert (fault.code, fault.text) == ("D1", FAULTS[Fault.FULL])
    with house.unit(house.keeper) as u:
        assert customers.count(u) == 1  # nothing half done, and reading goes on


def test_a_writer_who_gets_no_turn(house, monkeypatch):
    patient = Gate.acquire
    with house.database.turn():
        monkeypatch.setattr(Gate, "acquire", lambda gate, timeout=0.1: patient(gate, timeout))
        fault = told(house, house.rep, lambda u: customers.edit(u, 1, {"city": "Kazan"}, seen=1))
    assert fault.code == "D2"
    with house.unit(house.rep) as u:
        assert customers.edit(u, 1, {"city": "Kazan"}, seen=1).city == "Kazan"


def test_a_file_that_another_process_holds(house):
    other = connect(str(house.database.url))
    with other.reader.connect() as slow:
        slow.exec_driver_sql("PRAGMA busy_timeout=1")
    with other.writing():
        house.database.close()

        @event.listens_for(house.database.reader, "connect")
        def _impatient(connection, _record):
            connection.execute("PRAGMA busy_timeout=50")

        assert told(house, house.rep, lambda u: customers.edit(u, 1, {"city": "Kazan"}, seen=1)).code == "D2"
    other.close()


@pytest.mark.parametrize("damage", ["text", "header", "middle", "empty"])
def test_a_damaged_file(house, damage):
    path = house.database.path
    house.database.close()
    content = path.read_bytes()
    path.write_bytes(
        {
            "text": b"Dear colleagues, this is no database. " * 200,
            "header": b"\x00" * 100 + content[100:],
            "middle": content[:4096] + os.urandom(len(content) - 4096),
            "empty": b"",
        }[damage]
    )
    assert told(house, house.keeper).code == "D3"


def test_a_database_that_cannot_be_written(house):
    house.database.close()

    @event.listens_for(house.database.reader, "connect")
    def _locked(connection, _record):
        connection.execute("PRAGMA query_only=ON")

    assert told(house, house.rep, lambda u: customers.edit(u, 1, {"city": "Kazan"}, seen=1)).code == "D4"


def test_a_folder_that_is_gone(tmp_path):
    nowhere = connect(f"sqlite:///{tmp_path / 'gone' / 'house.db'}")
    assert told(nowhere, Identity(PARTS["rep"].id)).code == "D4"


# --- PostgreSQL, really in trouble ------------------------------------------


def test_a_server_that_does_not_answer():
    away = connect(f"postgresql://nobody@127.0.0.1:{free_port()}/x")
    fault = told(away, Identity(1))
    assert (fault.code, fault.text) == ("D5", FAULTS[Fault.AWAY])
    assert "127.0.0.1" not in str(fault)


@pytest.fixture
def served(postgres_server, postgres_template):
    """A cast on PostgreSQL, in a database of its own."""
    with postgres_server.database(template=postgres_template) as url:
        database = connect(url)
        yield Cast.assemble(database)
        database.close()


def test_a_connection_that_is_cut_in_the_middle(served):
    def cut(u):
        number = u.execute(text("SELECT pg_backend_pid()"), raw=True).scalar()
        with served.database.writing() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:number)"), {"number": number})
        u.all(select(User))

    assert told(served, served.rep, cut).code == "D5"
    with served.unit(served.rep) as u:  # the next click works
        assert u.actor.name == PARTS["rep"].name


def test_a_statement_that_takes_too_long(served):
    def wait(u):
        u.execute(text("SET LOCAL statement_timeout = 50"), raw=True)
        u.execute(text("SELECT pg_sleep(5)"), raw=True)

    assert told(served, served.rep, wait).code == "D2"


def test_a_row_that_somebody_holds(served):
    key = a_customer(served)
    table = Customer.__table__
    with served.database.writing() as holder:
        holder.execute(select(table.c.id).where(table.c.id == key).with_for_update())

        def edit(u):
            with u.acting("test.edit", "customers.edit"):
                u.execute(text("SET LOCAL lock_timeout = 50"), raw=True)
                u.get(Customer, key).city = "Kazan"

        assert told(served, served.rep, edit).code == "D2"


def test_two_who_wait_for_each_other(served):
    keys = [a_customer(served), a_customer(served)]
    barrier, heard = threading.Barrier(2), []

    def cross(order):
        try:
            with served.unit(served.keeper) as u, u.acting("test.cross", "customers.edit"):
                u.get(Customer, order[0]).city = "x"
                u.session.flush()
                barrier.wait(10)
                u.get(Customer, order[1]).city = "x"
        except Unavailable as fault:
            heard.append(fault.code)

    threads = [threading.Thread(target=cross, args=(order,)) for order in (keys, keys[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert heard == ["D2"]


def test_a_database_that_is_read_only(served):
    def edit(u):
        with u.acting("test.edit", "customers.edit"):
            u.execute(text("SET TRANSACTION READ ONLY"), raw=True)
            customers.edit(u, 1, {"city": "Kazan"}, seen=1)

    a_customer(served)
    assert told(served, served.keeper, edit).code == "D4"


# --- what it is not ---------------------------------------------------------


def test_a_mistake_of_ours_is_no_fault_of_the_database():
    for error in (ValueError("x"), KeyError("x"), ZeroDivisionError()):
        assert diagnose(error) is None
        assert not may_retry(error)


def test_waiting_in_vain_is_busy():
    assert diagnose(GateTimeoutError("x")) is Fault.BUSY
    assert diagnose(PoolTimeoutError("x")) is Fault.BUSY


class _Said(Exception):  # noqa: N818  stands for what a driver raises
    sqlstate = None


@pytest.mark.parametrize(
    ("state", "fault", "again"),
    [
        ("40001", Fault.BUSY, True),
        ("40P01", Fault.BUSY, True),
        ("53100", Fault.FULL, False),
        ("57P01", Fault.AWAY, True),
        ("XX001", Fault.DAMAGED, False),
        ("42601", None, False),
        ("23505", None, False),
    ],
)
def test_states_of_postgres_are_told_apart(state, fault, again):
    said = _Said()
    said.sqlstate = state
    error = DBAPIError("SELECT 1", {}, said)
    assert diagnose(error) is fault
    assert may_retry(error) is again


def test_a_table_that_is_missing_means_a_damaged_file_on_the_embedded_database():
    said = _Said("no such table: customers")
    assert diagnose(OperationalError("SELECT 1", {}, said)) is Fault.DAMAGED
