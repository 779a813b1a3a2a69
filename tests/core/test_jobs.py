"""Jobs exist with the change that asked for them, survive kill -9, and have their effect once."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import column, inspect, select, table, text

from crm.core import jobs, records, worker
from crm.core.errors import CrmError, Invalid, NotFound, Refused
from crm.core.jobs import Status
from crm.interactions import Interaction
from db.engine import Database
from tests.cast import Cast, a_customer
from tests.core import sample_jobs
from tests.core.sample_jobs import ask

SCRIPT = Path(sample_jobs.__file__)


@contextmanager
def a_worker(database: Database, name: str = "w") -> Iterator[subprocess.Popen[bytes]]:
    """A real worker process; it is ended at the end, gently or not."""
    url = database.url.render_as_string(hide_password=False)
    process = subprocess.Popen([sys.executable, SCRIPT, url, name], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def wait_for(found: Any, seconds: float = 40.0) -> Any:
    """Return the first true answer of a question that is asked again and again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError("It did not happen in time.")


def over(cast: Cast, job_id: str) -> Any:
    def look() -> Any:
        with cast.unit() as u:
            state = jobs.state(u, job_id)
        return state if state.is_over else None

    return look


def notes(cast: Cast) -> list[str]:
    with cast.unit() as u:
        return [row["note"] for row in u.rows(select(Interaction.id, Interaction.note).order_by(Interaction.id))]


def test_a_job_exists_only_with_the_change_that_asked_for_it(cast: Cast) -> None:
    customer = a_customer(cast)
    asked = []

    def ask_and_fail() -> None:
        with cast.unit(cast.rep) as u:
            asked.append(ask(u, sample_jobs.log_calls, customer_id=customer, count=1, pause=0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask_and_fail()
    with cast.unit() as u, pytest.raises(NotFound):
        jobs.state(u, asked[0])
    with cast.unit(cast.rep) as u:
        asked = ask(u, sample_jobs.log_calls, customer_id=customer, count=1, pause=0)
    with cast.unit(cast.rep) as u:
        assert jobs.state(u, asked).status is Status.WAITING


def test_a_job_is_asked_for_in_a_verb_and_with_plain_facts(cast: Cast) -> None:
    with cast.unit(cast.rep) as u, pytest.raises(Refused):
        u.later(sample_jobs.log_calls, customer_id=1, count=1, pause=0)
    with cast.unit(cast.rep) as u, pytest.raises(TypeError):
        ask(u, sample_jobs.log_calls, customer_id=1, count=1, pause={1: 2})


def test_a_run_is_seen_by_its_asker_and_by_the_administrator_only(cast: Cast) -> None:
    with cast.unit(cast.rep) as u:
        asked = ask(u, sample_jobs.invalid, broken=False)
    with cast.unit(cast.mate) as u, pytest.raises(NotFound):
        jobs.state(u, asked)
    with cast.unit(cast.mate) as u, pytest.raises(Refused):
        jobs.recent(u)
    with cast.unit(cast.admin) as u:
        assert jobs.state(u, asked).asked_by_id == cast.rep.user_id
        assert [one.id for one in jobs.recent(u)] == [asked]
        assert jobs.last_runs(u)["test.invalid"].id == asked


def test_a_worker_killed_in_the_middle_goes_on_where_it_was_and_does_nothing_twice(cast: Cast) -> None:
    customer, count = a_customer(cast), 12
    with cast.unit(cast.rep) as u:
        asked = ask(u, sample_jobs.log_calls, customer_id=customer, count=count, pause=0.15)
    with a_worker(cast.database) as first:
        wait_for(lambda: len(notes(cast)) >= 3)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert 3 <= len(notes(cast)) < count
    with a_worker(cast.database):
        state = wait_for(over(cast, asked))
    assert state.status is Status.DONE
    assert (state.done, state.total) == (count, count)
    assert notes(cast) == [str(number) for number in range(count)]


def test_a_change_committed_before_the_engine_heard_of_it_is_not_made_again(cast: Cast, tmp_path: Path) -> None:
    marker = tmp_path / "died"
    customer = a_customer(cast)
    with cast.unit(cast.rep) as u:
        asked = ask(u, sample_jobs.half_done, customer_id=customer, marker=str(marker))
    with a_worker(cast.database) as first:
        assert first.wait(40) == -signal.SIGKILL
    assert marker.exists()
    with a_worker(cast.database):
        state = wait_for(over(cast, asked))
    assert state.status is Status.DONE
    assert notes(cast) == ["half"]


def test_what_a_person_may_read_of_a_failed_job_is_kept_and_a_mistake_of_ours_becomes_a_number(cast: Cast) -> None:
    with cast.unit(cast.rep) as u:
        told, broken = ask(u, sample_jobs.invalid, broken=False), ask(u, sample_jobs.invalid, broken=True)
    with a_worker(cast.database):
        told_state, broken_state = wait_for(over(cast, told)), wait_for(over(cast, broken))
    assert told_state.status is broken_state.status is Status.FAILED
    assert isinstance(told_state.error, Invalid)
    assert (told_state.error.text, told_state.error.values) == ("At most {most} fit here.", {"most": 3})
    assert broken_state.error is None
    assert len(broken_state.number) == 4
    assert "916" not in _everything_written(cast.database)


def _everything_written(database: Database) -> str:
    schema = None if database.is_sqlite else "dbos"
    with database.reader.connect() as connection:
        names = ("workflow_output", "operation_outputs")
        return str([connection.execute(select(table(name, column("error"), schema=schema))).all() for name in names])


def test_a_job_has_the_rights_that_its_asker_has_when_it_runs(cast: Cast) -> None:
    customer = a_customer(cast)
    with cast.unit(cast.rep) as u:
        asked = ask(u, sample_jobs.log_calls, customer_id=customer, count=3, pause=0)
    with cast.database.writing() as connection:
        connection.execute(text("UPDATE users SET disabled_at = created_at WHERE id = :id"), {"id": cast.rep.user_id})
    with a_worker(cast.database):
        state = wait_for(over(cast, asked))
    assert state.status is Status.FAILED
    assert isinstance(state.error, CrmError)
    assert "ended" in state.error.text
    assert notes(cast) == []


def test_one_stops_ones_own_job_and_nobody_elses(cast: Cast) -> None:
    customer = a_customer(cast)
    with cast.unit(cast.rep) as u:
        asked = ask(u, sample_jobs.log_calls, customer_id=customer, count=200, pause=0.1)
    with cast.unit(cast.admin) as u, pytest.raises(Refused):
        jobs.cancel(u, asked)
    with a_worker(cast.database):
        wait_for(lambda: notes(cast))
        with cast.unit(cast.rep) as u:
            jobs.cancel(u, asked)
        state = wait_for(over(cast, asked))
        time.sleep(0.5)
        done = len(notes(cast))
        time.sleep(0.5)
    assert state.status is Status.CANCELLED
    assert done == len(notes(cast)) < 200


def test_the_calendar_starts_a_job_as_the_system(cast: Cast) -> None:
    def ran() -> Any:
        with cast.unit(cast.admin) as u:
            return [one for one in jobs.recent(u) if one.name == "test.every_second" and one.status is Status.DONE]

    with a_worker(cast.database):
        assert wait_for(ran)[0].asked_by_id is None


def test_two_workers_of_one_name_cannot_work_at_once(cast: Cast) -> None:
    def beats() -> Any:
        with cast.database.reader.connect() as connection:
            return worker.beats(connection)

    with a_worker(cast.database) as first:
        wait_for(beats)
        with a_worker(cast.database) as second:
            assert second.wait(30) != 0
            assert b"already at work" in second.communicate()[1]
        assert first.poll() is None
        assert beats()[0].pid == first.pid
    with a_worker(cast.database) as third:  # the seat is free again
        wait_for(lambda: beats()[0].pid == third.pid)


def test_runs_that_are_over_are_forgotten_after_a_time(cast: Cast) -> None:
    with cast.unit(cast.rep) as u:
        ended, waiting = ask(u, sample_jobs.invalid, broken=False), ask(u, sample_jobs.invalid, broken=False)
    with cast.unit(cast.rep) as u:
        jobs.cancel(u, ended)
    now = datetime.now(UTC)
    assert jobs.forget_before(cast.database, now - timedelta(minutes=1)) == 0
    assert jobs.forget_before(cast.database, now + timedelta(minutes=1)) == 1
    with cast.unit(cast.admin) as u:
        assert [one.id for one in jobs.recent(u)] == [waiting]


def test_no_table_of_ours_has_the_name_of_one_of_the_engines(cast: Cast) -> None:
    assert not set(records.load().tables) & jobs.OWN_TABLES
    there = set(inspect(cast.database.reader).get_table_names(schema=None if cast.database.is_sqlite else "dbos"))
    assert there >= jobs.OWN_TABLES
    if cast.database.is_sqlite:
        assert there - set(records.load().tables) - {"alembic_version"} == jobs.OWN_TABLES
