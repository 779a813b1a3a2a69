"""Runs take turns: a few at once, the others wait in a line instead of tearing at the interpreter (decision record 0009)."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

AT_ONCE: Final = 2
"""Runs that compute at the same time: while one waits for the database the other goes on."""

LONGEST_SECONDS: Final = 0.25
"""A run that takes longer is not waited for any more: it shares the processor with everybody, as without turns."""

_as_streamlit_does = ScriptRunner._run_script  # noqa: SLF001  Streamlit has no hook around a run


class Turns:
    """A line before a door that lets a few in at once, in the order in which they came, and does not count who stays long."""

    def __init__(self, at_once: int, longest: float) -> None:
        self._at_once = at_once
        self._longest = longest
        self._lock = threading.Lock()
        self._line: deque[threading.Event] = deque()
        self._inside: dict[threading.Event, float] = {}
        """Who is inside -> since when."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and hold it for the block."""
        mine = threading.Event()
        with self._lock:
            self._line.append(mine)
            self._let_in()
        while not mine.wait(self._longest):
            with self._lock:  # somebody inside may have stayed too long meanwhile
                self._let_in()
        try:
            yield
        finally:
            with self._lock:
                del self._inside[mine]
                self._let_in()

    def _let_in(self) -> None:
        now = time.monotonic()
        room = self._at_once - sum(now - since < self._longest for since in self._inside.values())
        while self._line and room > 0:
            first = self._line.popleft()
            self._inside[first] = now
            first.set()
            room -= 1


_turns = Turns(AT_ONCE, LONGEST_SECONDS)


def _run_script(runner: ScriptRunner, rerun_data: RerunData) -> None:
    with _turns.turn():
        _as_streamlit_does(runner, rerun_data)


def take() -> None:
    """Let the runs of this process, fragments too, take turns."""
    ScriptRunner._run_script = _run_script  # type: ignore[assignment,method-assign]  # noqa: SLF001  likewise
