"""A worker holds its seat alone, beats while it lives, and ends when it should."""

import os
import subprocess
import sys
import threading

import pytest
from sqlalchemy import text

from crm.core import config, worker
from crm.core.errors import Unavailable
from crm.core.worker import Seat
from tests.cast import Cast
from tests.core.test_jobs import wait_for

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def test_a_seat_is_taken_once_and_names_do_not_meet(cast: Cast) -> None:
    first, second, other = Seat(cast.database, "a"), Seat(cast.database, "a"), Seat(cast.database, "b")
    first.take()
    with pytest.raises(Unavailable, match="'a'"):
        second.take()
    other.take()
    other.give_back()
    first.give_back()
    second.take()
    second.give_back()


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_seat_lost_with_its_connection_is_taken_again_unless_somebody_sits_there(cast: Cast) -> None:
    def cut() -> None:
        with cast.database.reader.connect() as connection:
            connection.execute(text(CUT))

    first, second = Seat(cast.database, "a"), Seat(cast.database, "a")
    first.take()
    first.still()
    cut()
    first.still()
    with pytest.raises(Unavailable):
        second.take()
    cut()
    wait_for(lambda: _taken(second))
    with pytest.raises(Unavailable):
        first.still()
    second.give_back()


def _taken(seat: Seat) -> bool:
    try:
        seat.take()
    except Unavailable:
        return False
    return True


def test_a_worker_beats_and_ends_when_told(cast: Cast) -> None:
    def beats() -> list[worker.WorkerBeat]:
        with cast.database.reader.connect() as connection:
            return worker.beats(connection)

    process = subprocess.Popen([sys.executable, "-m", "crm", "worker", "--name", "night"], cwd=config.ROOT)
    wait_for(beats)
    [beat] = beats()
    assert (beat.name, beat.pid) == ("night", process.pid)
    wait_for(lambda: beats()[0].at > beat.at)
    assert beats()[0].started_at == beat.started_at
    process.terminate()
    assert process.wait(30) == 0


def test_a_worker_ends_with_the_program_that_started_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    started, stopped = [], []
    monkeypatch.setattr(worker.jobs, "start", lambda *_: started.append(1))
    monkeypatch.setattr(worker.jobs, "stop", lambda *, patience: stopped.append(patience))
    monkeypatch.setattr(worker, "BEAT_SECONDS", 0.01)
    worker.work(cast.database, stop=threading.Event(), parent=os.getpid())  # it is not our parent: it counts as gone
    assert (started, stopped) == ([1], [worker.PATIENCE])
    Seat(cast.database, "worker").take()
