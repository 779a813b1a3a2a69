"""The running application as benches need it: started for them, its processor time and memory read, ended after them."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import psutil

from crm.core.config import ROOT
from db.engine import Database

READY_SECONDS: Final = 90.0
MIB: Final = 2**20
FOREIGN: Final = ("RAPPORT_", "STREAMLIT_")
"""Settings of the surroundings that a measured application must not see."""

_C_LIBRARY: Final = ctypes.CDLL(None) if sys.platform == "linux" else None
_DIE_WITH_PARENT: Final = 1  # prctl's PR_SET_PDEATHSIG


def free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process, its ended threads included."""
    if sys.platform == "linux":
        return time.clock_gettime(
            (~pid << 3) | 2
        )  # the kernel's clock of that process, to the nanosecond; psutil counts in 10 ms
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


class Server:
    """One web process of Rapport, or of the empty page."""

    def __init__(
        self, script: str, environment: Mapping[str, str], folder: Path, *, port: int | None = None, wait_for: str
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"server-{self.port}.log"
        self._wait_for = wait_for
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        own = {"RAPPORT_PORT": str(self.port), "RAPPORT_DATA": str(folder), "STREAMLIT_SERVER_PORT": str(self.port)}
        self._environment = {**kept, **own, **environment}
        self._command = (sys.executable, "-m", "streamlit", "run", script)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that serves."""
        assert self._process is not None, "start the server first"
        return self._process.pid

    def cpu(self) -> float:
        """Return the processor seconds used so far."""
        return cpu_seconds(self.pid)

    def memory(self) -> float:
        """Return the resident memory in MiB."""
        return float(psutil.Process(self.pid).memory_info().rss) / MIB

    def begin(self) -> None:
        """Start the process and do not wait for it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=end_with_parent if _C_LIBRARY else None,  # noqa: PLW1509  it only calls the kernel
            )  # fmt: skip

    def wait(self) -> None:
        """Wait until the server answers; raise with the end of its log when it does not."""
        assert self._process is not None, "start the server first"
        until = time.monotonic() + READY_SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            if answers(self.url + self._wait_for):
                return
            time.sleep(0.1)
        raise RuntimeError(
            f"The server at {self.url} did not get ready.\n{self.log.read_text(errors='replace')[-3000:]}"
        )

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.begin()
        try:
            self.wait()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()


def end_with_parent() -> None:
    """Let the kernel end the server when the bench is gone, however it went."""
    if _C_LIBRARY is not None:
        _C_LIBRARY.prctl(_DIE_WITH_PARENT, signal.SIGTERM)


def answers(address: str) -> bool:
    """Say whether something at an address answers 200."""
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310  our own address
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def application(database: Database, folder: Path, *, address: str | None = None) -> Server:
    """Return the application on a database, not started yet. address: under which people reach it through a proxy."""
    given = {"RAPPORT_DATABASE_URL": database.url.render_as_string(hide_password=False)}
    if address is not None:
        given["RAPPORT_URL"] = address
    return Server("app.py", given, folder, wait_for="/livez")


def empty_page(folder: Path) -> Server:
    """Return the empty page, not started yet."""
    return Server("bench/empty.py", {}, folder, wait_for="/_stcore/health")


class Neighbours:
    """The share of this machine's processor time that its host gave to other machines since this was made."""

    def __init__(self) -> None:
        self._begun = psutil.cpu_times()

    def took(self) -> float:
        """Return the share, 0 to 1; 0 where the system does not tell."""
        now, begun = psutil.cpu_times(), self._begun
        passed = sum(now[:8]) - sum(begun[:8])  # what guests used is counted in the first two already
        return (getattr(now, "steal", 0.0) - getattr(begun, "steal", 0.0)) / passed if passed else 0.0


def together(servers: Sequence[Server]) -> float:
    """Return the processor seconds that some servers used so far."""
    return sum(one.cpu() for one in servers)
