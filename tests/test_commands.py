"""The command line: each command does what its help says, tells in a sentence what is wrong, and ends with the right status."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from crm import installation
from crm.__main__ import main, parser
from crm.core import config
from tests.core.test_jobs import wait_for
from tests.core.test_logs import quiet_after
from tests.support.machine import free_port

COMMANDS = ("run", "worker", "migrate", "demo", "import", "backup", "restore", "doctor")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder in which nothing is yet."""
    monkeypatch.setenv("RAPPORT_DATA", str(tmp_path / "house"))
    for name in ("RAPPORT_DATABASE_URL", "RAPPORT_BACKUPS"):
        monkeypatch.delenv(name, raising=False)
    config.forget()
    yield tmp_path / "house"
    config.forget()


class Said(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


def crm(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a person does: in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "crm", *words], cwd=config.ROOT, capture_output=True, text=True, check=False
    )


def test_every_command_has_a_help_that_says_what_it_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        said = capsys.readouterr().out
        assert len(said.split()) > 20
        assert said.startswith(f"usage: python -m crm {command}")
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(re.search(rf"^    {command} +\S", said, re.MULTILINE) for command in COMMANDS)
    assert "Exit status" in said


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["run", "--port", "99999"],
        ["run", "--port", "x"],
        ["demo", "--customers", "0"],
        ["worker", "--name", "a/b"],
    ],
)
def test_what_is_not_understood_ends_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(words)
    assert ended.value.code == 2


@pytest.fixture
def say(home: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Said]]:
    """Say a command in this process, as `crm` does in one of its own, which takes seconds to begin."""
    mask = os.umask(0o022)
    os.umask(mask)

    def command(*words: str) -> Said:
        config.forget()
        status = main(words)
        config.forget()
        written = capsys.readouterr()
        return Said(status, written.out, written.err)

    with quiet_after():
        yield command
    os.umask(mask)
    assert home.exists()


def test_a_house_from_nothing_to_a_restored_copy(home: Path, tmp_path: Path, say: Callable[..., Said]) -> None:
    done = say("doctor")
    assert done.status == 1
    assert "There is no database yet" in done.out
    assert say("backup").status == 1
    done = say("migrate")
    assert (done.status, done.err) == (0, "")
    assert "A new database was made" in done.out
    assert "up to date" in say("migrate").out
    file = tmp_path / "customers.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([["Name", "City"], ["Spetsstroy", "Moscow"], ["Huaxin", "Beijing"]])
    done = say("import", str(file))
    assert done.status == 0, done.err
    assert "2 new" in done.out
    done = say("backup")
    assert done.status == 0, done.err
    name = Path(done.out.splitlines()[0]).name
    assert name in say("backup", "--list").out
    assert name in say("restore").out
    (home / "rapport.db").unlink()
    done = say("migrate")
    assert done.status == 1
    assert name in done.err
    assert "(D3)" in done.err
    assert not (home / "rapport.db").exists()
    done = say("restore", name)
    assert done.status == 0, done.err
    done = say("doctor", "--json")
    assert done.status == 0
    assert json.loads(done.out)["checks"]["rules"] == "good"
    assert say("restore", "nothing").status == 1


def test_what_is_secret_is_for_the_owner_only(home: Path) -> None:
    assert crm("migrate").returncode == 0
    assert home.stat().st_mode & 0o077 == 0
    assert not [path for path in home.rglob("*") if path.stat().st_mode & 0o077]


def test_a_mistake_of_ours_is_a_number_that_the_log_explains(
    home: Path, monkeypatch: pytest.MonkeyPatch, say: Callable[..., Said]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(installation, "prepare", fail)
    done = say("migrate")
    assert done.status == 1
    number = re.search(r"number ([0-9A-F]{4})", done.err)
    assert number
    assert "ZeroDivisionError" in done.err
    assert number.group(1) in (home / "logs" / "command.log").read_text()


def test_a_mapping_that_cannot_be_read_is_told(tmp_path: Path, say: Callable[..., Said]) -> None:
    say("migrate")
    (tmp_path / "m.json").write_text("[1]")
    (tmp_path / "c.csv").write_text("Name\nX\n")
    done = say("import", str(tmp_path / "c.csv"), "--mapping", str(tmp_path / "m.json"))
    assert done.status == 1
    assert "m.json cannot be read: it is no JSON object" in done.err


def test_the_worker_wants_a_database_that_is_there(home: Path) -> None:
    done = crm("worker")
    assert done.returncode == 1
    assert "There is no database yet" in done.stderr
    assert not (home / "rapport.db").exists()


def test_run_starts_everything_prints_the_way_in_and_ends_at_once(home: Path, tmp_path: Path) -> None:
    port = free_port()
    output = tmp_path / "output"
    with output.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "crm", "run", "--no-demo", "--no-browser", "--port", str(port)],
            cwd=config.ROOT,
            stdout=stream,
            stderr=stream,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
    try:
        wait_for(lambda: "Rapport is ready" in output.read_text() or process.poll() is not None, 90)
        said = output.read_text()
        assert f"http://localhost:{port}" in said
        assert re.search(r"enter this code: (\w{4}-){2}\w{4}", said), said
        wait_for(lambda: _healthy(port))
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("worker" in child.cmdline() for child in children)
        again = crm("run", "--no-browser", "--port", str(port))
        assert again.returncode == 1
        assert "is taken" in again.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
        assert "Traceback" not in output.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert (home / "rapport.db").exists()


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(json.load(answer)["checks"]["worker"] == "good")
    except OSError:
        return False
