"""Runs take turns: a few at once, the others wait in a line instead of tearing at the interpreter (decision record 0009)."""

import threading
import time
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
    """A line before a door that lets a few in at once, and does not wait for those who stay long."""

    def __init__(self, at_once: int, longest: float) -> None:
        self._at_once = at_once
        self._longest = longest
        self._changed = threading.Condition()
        self._inside: dict[int, float] = {}
        """Thread -> when it came in."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and hold it for the block."""
        me = threading.get_ident()
        with self._changed:
            while (wait := self._wait()) > 0:
                self._changed.wait(wait)
            self._inside[me] = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                del self._inside[me]
                self._changed.notify()

    def _wait(self) -> float:
        """Return after how many seconds somebody can come in at the latest; 0: now."""
        oldest_counted = time.monotonic() - self._longest
        short = sorted(since for since in self._inside.values() if since > oldest_counted)
        return short[0] - oldest_counted if len(short) >= self._at_once else 0


_turns = Turns(AT_ONCE, LONGEST_SECONDS)


def _run_script(runner: ScriptRunner, rerun_data: RerunData) -> None:
    with _turns.turn():
        _as_streamlit_does(runner, rerun_data)


def take() -> None:
    """Let the runs of this process, fragments too, take turns."""
    ScriptRunner._run_script = _run_script  # type: ignore[assignment,method-assign]  # noqa: SLF001
