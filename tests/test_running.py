"""Web application and worker start together, are started again when they die, and end together."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from crm import running
from crm.core import config
from crm.running import House, Part
from tests.core.test_jobs import wait_for

LIVES = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(60)"
DIES = "import os, sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); sys.exit(3)"


def part(folder: Path, name: str, code: str) -> Part:
    return Part(name, (sys.executable, "-c", code, str(folder / name)), dict(os.environ), folder)


def begun(folder: Path, name: str) -> list[int]:
    path = folder / name
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[House, list[str], Path]]:
    said: list[str] = []
    yield (
        House(
            [part(tmp_path, "one", LIVES), part(tmp_path, "two", LIVES)],
            "http://127.0.0.1:9",
            said.append,
            lambda: None,
        ),
        said,
        tmp_path,
    )
    for name in ("one", "two"):
        for pid in begun(tmp_path, name):
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def soon(action: Any, *, when: Any) -> None:
    """Do something from another thread once a condition holds; the house itself needs the main thread."""

    def wait() -> None:
        wait_for(when)
        action()

    threading.Thread(target=wait, daemon=True).start()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_end_together_when_asked(house: tuple[House, list[str], Path], number: int) -> None:
    rapport, said, folder = house
    soon(lambda: os.kill(os.getpid(), number), when=lambda: begun(folder, "one") and begun(folder, "two"))
    before = signal.getsignal(signal.SIGTERM)
    assert rapport.run() == 0
    assert said == []
    assert not any(alive(pid) for name in ("one", "two") for pid in begun(folder, name))
    assert signal.getsignal(signal.SIGTERM) == before


def test_one_that_was_killed_is_started_again_and_the_other_is_left_alone(house: tuple[House, list[str], Path]) -> None:
    rapport, said, folder = house
    soon(lambda: os.kill(begun(folder, "two")[0], signal.SIGKILL), when=lambda: begun(folder, "two"))
    soon(lambda: os.kill(os.getpid(), signal.SIGTERM), when=lambda: len(begun(folder, "two")) == 2)
    assert rapport.run() == 0
    assert len(begun(folder, "one")) == 1
    assert len(said) == 1
    assert "two" in said[0]
    assert "started again" in said[0]


def test_one_that_keeps_dying_is_given_up_and_takes_the_other_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "LONGEST_WAIT", 0.1)
    said: list[str] = []
    rapport = House(
        [part(tmp_path, "one", LIVES), part(tmp_path, "two", DIES)], "http://127.0.0.1:9", said.append, lambda: None
    )
    assert rapport.run() == 1
    assert len(begun(tmp_path, "two")) == running.GIVE_UP_AFTER
    assert "in a row" in said[-1]
    assert not alive(begun(tmp_path, "one")[0])


def test_waiting_grows_while_one_keeps_dying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(running.time, "monotonic", lambda: now[0])
    said: list[str] = []
    dying = part(tmp_path, "two", DIES)
    waits = []
    for _ in range(running.GIVE_UP_AFTER - 1):
        now[0] = max(now[0], dying.begin_at)
        dying.watch(said.append)
        assert dying.process is not None
        dying.process.wait()
        dying.watch(said.append)
        waits.append(dying.begin_at - now[0])
    assert waits == [0.0, 2.0, 4.0, 8.0]


def test_ready_is_told_once_when_the_application_answers(house: tuple[House, list[str], Path]) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    rapport, _, _ = house
    told: list[int] = []
    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rapport.address, rapport.ready = f"http://127.0.0.1:{server.server_port}", lambda: told.append(1)
    soon(lambda: (time.sleep(0.6), os.kill(os.getpid(), signal.SIGTERM)), when=lambda: told)
    assert rapport.run() == 0
    assert told == [1]
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel ends a child with its parent")
def test_nobody_stays_behind_when_the_program_itself_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); from tests.test_running import *;"
        "f = Path(sys.argv[2]); House([part(f, 'one', LIVES), part(f, 'two', LIVES)], 'http://127.0.0.1:9', print, lambda: None).run()"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(config.ROOT), str(tmp_path)], cwd=config.ROOT)
    wait_for(lambda: begun(tmp_path, "one") and begun(tmp_path, "two"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not any(alive(pid) for name in ("one", "two") for pid in begun(tmp_path, name)))


def test_a_taken_port_is_seen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert not running.port_is_free(taken.getsockname()[1], "127.0.0.1")
    assert running.port_is_free(taken_port_of_nobody(), "127.0.0.1")


def taken_port_of_nobody() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
