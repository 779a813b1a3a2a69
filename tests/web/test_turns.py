"""Many people who click at once are answered one after the other, and nobody waits for one whose click takes long."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ui import turns
from ui.turns import Turns


def test_no_more_than_a_few_are_inside_and_everybody_gets_in() -> None:
    line, inside, most = Turns(2, longest=60), [], []

    def come(place: int) -> int:
        with line.turn():
            inside.append(place)
            most.append(len(inside))
            time.sleep(0.002)
            inside.remove(place)
        return place

    with ThreadPoolExecutor(20) as people:
        assert sorted(people.map(come, range(60))) == list(range(60))
    assert max(most) == 2


def test_who_came_first_gets_in_first() -> None:
    line, go_on, order = Turns(1, longest=60), threading.Event(), []

    def come(place: int) -> None:
        with line.turn():
            order.append(place)

    def stay() -> None:
        with line.turn():
            assert go_on.wait(30)

    with ThreadPoolExecutor(12) as people:
        waiting = [people.submit(stay)]
        for place in range(10):
            while len(line._line) < place or not line._inside:
                time.sleep(0.001)
            waiting.append(people.submit(come, place))
        while len(line._line) < 10:
            time.sleep(0.001)
        go_on.set()
        for one in waiting:
            one.result()
    assert order == list(range(10))


def test_nobody_waits_for_those_who_stay_long() -> None:
    line, go_on = Turns(2, longest=0.1), threading.Event()

    def stay() -> None:
        with line.turn():
            assert go_on.wait(30)

    with ThreadPoolExecutor(3) as people:
        staying = [people.submit(stay) for _ in range(3)]
        begun = time.monotonic()
        with line.turn():
            waited = time.monotonic() - begun
        go_on.set()
        for one in staying:
            one.result()
    assert 0.05 < waited < 5


def test_a_run_that_fails_gives_its_turn_back() -> None:
    line = Turns(1, longest=60)
    with pytest.raises(ZeroDivisionError), line.turn():
        _ = 1 / 0
    with line.turn():
        pass


def test_every_run_of_streamlit_takes_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.runtime.scriptrunner.script_runner import ScriptRunner

    ran: list[Any] = []
    monkeypatch.setattr(ScriptRunner, "_run_script", ScriptRunner._run_script)
    monkeypatch.setattr(
        turns, "_as_streamlit_does", lambda runner, asked: ran.append((runner, asked, dict(turns._turns._inside)))
    )
    turns.take()
    ScriptRunner._run_script("runner", "asked")  # type: ignore[arg-type]  # a stand-in is enough: it is only passed on
    [(runner, asked, inside)] = ran
    assert (runner, asked) == ("runner", "asked")
    assert len(inside) == 1
    assert not turns._turns._inside
