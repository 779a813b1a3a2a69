"""The real application for the tests, as its own process.

with AppServer(database_url, tmp_path) as app:
    page.goto(app.url)
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.support.machine import ROOT, free_port

COMMAND = (sys.executable, "-m", "crm", "run", "--no-demo", "--no-browser")
FOREIGN = ("RAPPORT_", "STREAMLIT_", "PYTEST_")
"""Settings of the surroundings that the application must not see."""


class AppServer:
    """One running application. It and whatever it starts form a process group; only that group is ever signalled."""

    def __init__(
        self,
        database_url: str,
        data_dir: Path,
        *,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir / "test-server.log"
        self.command = [*command, "--port", str(self.port)]
        self._data_dir = data_dir
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        own = {"RAPPORT_DATA": str(data_dir), "RAPPORT_DATABASE_URL": database_url, "PYTHONUNBUFFERED": "1"}
        self._env = kept | own | dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the application and do not wait for it."""
        if self.alive:
            raise RuntimeError("The application is already running.")
        self._data_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Say whether the process that we started still runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process that we started; also the number of its group."""
        if self._process is None:
            raise RuntimeError("The application was not started.")
        return self._process.pid

    def wait_ready(self, seconds: float = 90.0) -> None:
        """Wait until /healthz answers 200; if the application ends or stays silent, raise with the end of its log."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not self.alive:
                raise RuntimeError(f"The application ended before it was ready.\n{self.log_tail()}")
            if self._health() == http.HTTPStatus.OK:
                return
            time.sleep(0.1)
        raise TimeoutError(f"The application was not ready after {seconds:g} s.\n{self.log_tail()}")

    def stop(self, seconds: float = 20.0) -> None:
        """Ask the application to end, as a system does; what is left after a while is killed."""
        if self._process is None:
            return
        if self.alive:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill9()

    def kill9(self) -> None:
        """Kill the application and everything it started, as a crash or a power cut does."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):  # nobody left; on macOS: only zombies left
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop the application and start it again at the same address; wait until it is ready."""
        self.stop()
        self.start()
        self.wait_ready()

    def log_tail(self, characters: int = 4000) -> str:
        """Return the end of what the application has written."""
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    def _health(self) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.kill9()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
