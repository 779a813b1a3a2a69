"""Running everything: the web application and the worker as two processes that start, are watched and end together."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

PARENT: Final = "RAPPORT_PARENT"
"""Tells a worker whose child it is: it ends when that process is gone."""

LOOK_SECONDS: Final = 0.2
CALM_SECONDS: Final = 60.0
"""A process that ran for so long is started again at once when it dies; one that dies sooner waits twice as long each time."""
LONGEST_WAIT: Final = 60.0
GIVE_UP_AFTER: Final = 5
"""Deaths in a row, each sooner than CALM_SECONDS, after which nothing is tried any more."""
END_SECONDS: Final = 12.0
READY_SECONDS: Final = 90.0
_DIE_WITH_PARENT: Final = 1  # prctl's PR_SET_PDEATHSIG


@dataclass
class Part:
    """One process that is kept running."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    begun_at: float = 0.0
    begin_at: float = 0.0
    deaths: int = 0

    def begin(self) -> None:
        """Start the process."""
        self.begun_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  our own program
            list(self.command),
            cwd=self.folder,
            env={**self.environment, PARENT: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509  one thread, and it only calls the kernel
        )

    def watch(self, say: Callable[[str], None]) -> bool:
        """Look after the process; start it again when it died and its time has come. False: it is given up."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.begin_at:
                self.begin()
            return True
        code = self.process.poll()
        if code is None:
            return True
        self.process = None
        self.deaths = 1 if now - self.begun_at > CALM_SECONDS else self.deaths + 1
        if self.deaths >= GIVE_UP_AFTER:
            say(
                f"The {self.name} ended {self.deaths} times in a row (last with {code}). Rapport stops; the log tells why."
            )
            return False
        wait = 0.0 if self.deaths == 1 else min(LONGEST_WAIT, 2.0 ** (self.deaths - 1))
        say(f"The {self.name} ended unexpectedly ({code}); it is started again{f' in {wait:.0f} s' if wait else ''}.")
        self.begin_at = now + wait
        return True


_C_LIBRARY: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    """Let the kernel end this child when its parent is gone, killed or not."""
    if _C_LIBRARY is not None:
        _C_LIBRARY.prctl(_DIE_WITH_PARENT, signal.SIGTERM)


@dataclass
class House:
    """The parts together. address: where people find the web application. ready: called once when it answers there."""

    parts: Sequence[Part]
    address: str
    say: Callable[[str], None]
    ready: Callable[[], None]
    _told: bool = field(default=False, init=False)
    _stop: int = field(default=0, init=False)

    def run(self) -> int:
        """Run until SIGINT or SIGTERM (0), or until a part is given up (1); all parts have ended then."""
        before = {number: signal.signal(number, self._asked) for number in (signal.SIGINT, signal.SIGTERM)}
        until, code = time.monotonic() + READY_SECONDS, 0
        try:
            while not self._stop and not code:
                if not all(part.watch(self.say) for part in self.parts):
                    code = 1
                if not self._told and time.monotonic() < until and answers(self.address):
                    self._told = True
                    self.ready()
                time.sleep(LOOK_SECONDS)
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)
        return code

    def _asked(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._stop = number

    def _end(self) -> None:
        """Ask every part to end, and kill what does not within END_SECONDS."""
        running = [part.process for part in self.parts if part.process is not None and part.process.poll() is None]
        for process in running:
            process.terminate()
        until = time.monotonic() + END_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def web(root: Path, port: int, address: str, environment: Mapping[str, str]) -> Part:
    """Return the web application as a part."""
    settings = {
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_ADDRESS": address,
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
        "RAPPORT_PORT": str(port),
    }
    return Part(
        "web application", (sys.executable, "-m", "streamlit", "run", "app.py"), {**environment, **settings}, root
    )


def worker(root: Path, environment: Mapping[str, str]) -> Part:
    """Return the worker as a part."""
    return Part("worker", (sys.executable, "-m", "crm", "worker"), dict(environment), root)


def port_is_free(port: int, address: str) -> bool:
    """Say whether nobody listens on a port yet."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((address, port))
        except OSError:
            return False
    return True


def answers(address: str) -> bool:
    """Say whether the web application answers at an address such as http://127.0.0.1:8501."""
    try:
        with urllib.request.urlopen(f"{address}/livez", timeout=1) as answer:  # noqa: S310  our own address
            return bool(answer.status == 200)  # noqa: PLR2004  HTTP's OK
    except OSError:
        return False


def open_browser(address: str) -> None:
    """Open the person's browser, where there is one."""
    try:
        webbrowser.open(address)
    except webbrowser.Error:
        return
