"""What the tests take from the machine is really there, is really ours, and is gone afterwards."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.support import browser, machine, postgres
from tests.support.machine import ROOT, MissingError, free_port
from tests.support.server import AppServer

WAYS = [way for way in (postgres.installed, postgres.bundled) if way()]

HOLDER = """
import sys
from tests.support import postgres
with postgres.server() as server:
    print(server.home, server.address, flush=True)
    sys.stdin.readline()
"""

# A stand-in for the application: answers /healthz, starts a child, logs, and ignores what it does not know.
STAND_IN = """
import http.server, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, os.environ["RAPPORT_DATABASE_URL"], os.environ.get("STREAMLIT_SERVER_PORT"))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()
        self.wfile.write(str(os.getpid()).encode())
http.server.HTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
"""


def ask(url: str, question: str) -> object:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row and row[0]


def hold(run: str) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if name != "RAPPORT_TEST_POSTGRES_URL"}
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        cwd=ROOT,
        env=env | {"PYTEST_XDIST_TESTRUNUID": run},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(holder: subprocess.Popen[str]) -> list[str]:
    assert holder.stdout is not None
    return holder.stdout.readline().split()


def until(condition, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def children_in_log(app: AppServer) -> list[int]:
    return [int(line.split()[1]) for line in app.log.read_text().splitlines() if line.startswith("child ")]


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    monkeypatch.setenv("STREAMLIT_SERVER_PORT", "1")
    app = AppServer("sqlite:///x.db", tmp_path / "data", command=(sys.executable, "-u", "-c", STAND_IN))
    yield app
    app.kill9()


# --- PostgreSQL ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_each_way_gives_a_server_that_keeps_its_data_over_a_crash_and_leaves_nothing_behind(way):
    with postgres.server(private=True, ways=[way]) as server:
        url = server.create("kept")
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE names (name text)")
            connection.execute("INSERT INTO names VALUES ('ЁЛКИНА')")
        server.restart("immediate")
        assert ask(url, "SELECT lower(name) FROM names") == "ёлкина"
        assert ask(url, "SHOW fsync") == "on"
        assert server.home is not None
        main = int((server.home / "data" / "postmaster.pid").read_text().split()[0])
        assert psutil.Process(main).uids().real != 0
    until(lambda: not psutil.pid_exists(main))
    assert not server.home.exists()


def test_a_database_is_copied_from_a_template_and_dropped_with_its_connections_open():
    with postgres.server() as server, server.database("template") as template:
        with psycopg.connect(template.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE facts AS SELECT 7 AS fact")
        with server.database("copy", template=template.rsplit("/", 1)[1]) as copy:
            assert ask(copy, "SELECT fact FROM facts") == 7
            left_open = psycopg.connect(copy.replace("+psycopg", ""))
        with pytest.raises(psycopg.OperationalError):
            ask(copy, "SELECT 1")
        left_open.close()


def test_a_server_that_is_not_ours_is_neither_stopped_nor_robbed_of_its_databases(monkeypatch):
    with postgres.server(private=True) as theirs:
        theirs.create("theirs")
        monkeypatch.setenv("RAPPORT_TEST_POSTGRES_URL", theirs.url("postgres"))
        with postgres.server() as lent:
            ours = lent.create("ours")
            assert ask(ours, "SELECT 1") == 1
            with pytest.raises(RuntimeError, match="not created here"):
                lent.drop("theirs")
            with pytest.raises(RuntimeError, match="private=True"):
                lent.restart()
        assert ask(theirs.url("theirs"), "SELECT 1") == 1
        assert ask(theirs.url("postgres"), "SELECT count(*) FROM pg_database WHERE datname = 'ours'") == 0


def test_processes_of_one_run_share_a_server_until_the_last_one_leaves():
    run = f"shared{free_port()}"
    with hold(run) as first, hold(run) as second:
        home, address = told(first)
        assert told(second) == [home, address]
        first.communicate("\n")
        assert ask(address, "SELECT 1") == 1
        second.communicate("\n")
    assert not Path(home).exists()
    assert not list(Path(home).parent.glob(f"{Path(home).name}*"))


def test_a_server_ends_when_its_users_were_killed():
    with hold(f"killed{free_port()}") as holder:
        home = Path(told(holder)[0])
        main = int((home / "data" / "postmaster.pid").read_text().split()[0])
        holder.kill()
    until(lambda: not psutil.pid_exists(main) and not list(home.parent.glob(f"{home.name}*")))


def test_a_machine_without_postgresql_says_what_to_install_in_one_line(monkeypatch):
    monkeypatch.setattr(machine, "is_root", lambda: False)
    with pytest.raises(MissingError, match="apt install postgresql") as missing:
        postgres.find([lambda: None, postgres.packaged])
    assert "\n" not in str(missing.value)


# --- Chromium -----------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_chromium_shows_a_page(playwright):
    chromium = browser.launch(playwright)
    page = chromium.new_page()
    page.goto("data:text/html;charset=utf-8,<title>Клиенты 客户</title><button onclick='document.title=1'>go</button>")
    assert page.title() == "Клиенты 客户"
    page.get_by_role("button").click()
    assert page.title() == "1"
    chromium.close()


def test_the_environment_may_name_the_browser(monkeypatch, tmp_path):
    monkeypatch.setenv("RAPPORT_TEST_CHROMIUM", sys.executable)
    assert browser.chromium_path() == sys.executable
    monkeypatch.setenv("RAPPORT_TEST_CHROMIUM", str(tmp_path / "absent"))
    with pytest.raises(MissingError, match="absent"):
        browser.chromium_path()


def test_a_machine_without_chromium_says_what_to_install_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "is_root", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    with pytest.raises(MissingError, match="apt install chromium") as missing:
        browser.chromium_path()
    assert "\n" not in str(missing.value)


# --- the application ----------------------------------------------------------------------------------------------


def test_the_application_starts_restarts_at_its_address_and_stops(stand_in):
    with stand_in as app:
        first = app.pid
        app.restart()
        assert app.alive
        assert app.pid != first
    assert not app.alive
    assert "sqlite:///x.db None" in app.log.read_text()
    until(lambda: not any(map(psutil.pid_exists, children_in_log(app))))


def test_a_crash_takes_the_whole_group_and_nobody_else(stand_in):
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with stand_in as app:
        app.kill9()
        until(lambda: not any(map(psutil.pid_exists, children_in_log(app))))
        assert bystander.poll() is None
        app.start()
        app.wait_ready()
    bystander.send_signal(signal.SIGKILL)
    bystander.wait()


def test_an_application_that_ends_at_once_shows_the_end_of_its_log(tmp_path):
    app = AppServer("sqlite://", tmp_path, command=(sys.executable, "-c", "raise SystemExit('no such option')"))
    with pytest.raises(RuntimeError, match="no such option"), app:
        pass
    assert not app.alive


# --- pytest ---------------------------------------------------------------------------------------------------------


@pytest.mark.xdist_group("together")
def test_tests_of_a_group_stay_in_one_process(request):
    """Otherwise every process starts a server of its own for a house that all its tests could share."""
    in_processes = request.config.getoption("loadgroup", default=False)
    assert request.node.nodeid.endswith("@together") == in_processes
