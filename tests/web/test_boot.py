"""The start: what the process is told before the first request, and what it says to whoever starts it."""

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from crm.core import boot
from tests.support import loops
from tests.support.machine import ROOT
from tests.support.server import AppServer
from tests.web.site import COMMAND, running

LOOK = """
import gc, json, sys, app
from streamlit import config
names = ("pandas", "altair", "sqlalchemy.orm", "crm.customers", "crm.search", "crm.core.jobs", "babel.dates", "ui.shell")
print(json.dumps({
    "frozen": gc.get_freeze_count(), "switch": sys.getswitchinterval(), "loaded": [n for n in names if n in sys.modules],
    "options": {key: config.get_option(key) for key in sys.argv[1:]},
    "routes": [route.path for route in app.PUBLIC],
}, default=str))
"""
OPTIONS = {
    "runner.postScriptGC": False,
    "runner.magicEnabled": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "client.disableDataExport": True,
    "client.allowedOrigins": [],
    "browser.gatherUsageStats": False,
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.maxWidgetStateSize": 5,
    "server.disconnectedSessionTTL": 900,
    "server.enableXsrfProtection": True,
    "server.enableCORS": True,
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.address": "127.0.0.1",
    "server.trustedUserHeaders": {"X-Rapport-User": "user_id", "X-Rapport-Sign-In": "sign_in"},
}


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a process is like that has imported the application."""
    folder = tmp_path_factory.mktemp("look")
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "RAPPORT_DATA": str(folder), "PYTHONWARNINGS": "ignore"}
    asked = [sys.executable, "-c", LOOK, *OPTIONS, "server.cookieSecret"]
    done = subprocess.run(asked, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_collector_rests_and_threads_share_the_processor(look: dict) -> None:
    assert look["frozen"] > 100_000
    assert look["switch"] == pytest.approx(0.0005)


def test_nobody_pays_for_an_import_with_his_first_click(look: dict) -> None:
    assert set(look["loaded"]) >= {"pandas", "altair", "sqlalchemy.orm", "crm.customers", "crm.search", "babel.dates"}
    assert "ui.shell" not in look["loaded"]  # a script that Streamlit runs, once per click


@pytest.mark.parametrize("option", OPTIONS)
def test_the_measured_settings_are_in_force(look: dict, option: str) -> None:
    assert look["options"][option] == OPTIONS[option]


def test_the_cookie_secret_is_this_installations_own(look: dict) -> None:
    assert re.fullmatch("[0-9a-f]{64}", look["options"]["server.cookieSecret"])


def test_the_entry_stays_short() -> None:
    assert len((ROOT / "app.py").read_text().splitlines()) <= 80


def test_small_packets_are_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio.base_events, "_set_nodelay", asyncio.base_events._set_nodelay)

    async def accepted() -> int:
        found = asyncio.get_running_loop().create_future()
        with socket.socket() as listening:  # as Streamlit's server makes it: without naming the protocol
            listening.bind(("127.0.0.1", 0))
            server = await asyncio.start_server(lambda _reader, writer: found.set_result(writer), sock=listening)
            _, mine = await asyncio.open_connection(*listening.getsockname())
            theirs = await found
            option = theirs.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            mine.close(), theirs.close()
            server.close()
        return option

    if sys.platform == "linux":
        assert loops.run(accepted()) == 0
    boot.send_at_once()
    assert loops.run(accepted()) == 1


def test_streamlit_run_alone_makes_the_database_and_says_what_to_do(tmp_path: Path) -> None:
    with AppServer(f"sqlite:///{tmp_path / 'x.db'}", tmp_path, command=[*COMMAND, "--plain"]) as server:
        said = server.log.read_text()
        assert f"Rapport: http://localhost:{server.port}" in said
        code = re.search(r"enter this code: ([A-Z2-9-]{14})", said)[1]
        assert httpx.get(f"{server.url}/").headers["location"] == "/first-administrator"
        assert httpx.get(f"http://localhost:{server.port}/livez").json() == {"status": "ok"}
        logged = "".join(path.read_text() for path in (tmp_path / "logs").iterdir())
        assert code not in logged


def ends(server: AppServer) -> bool:
    """Wait until the application has ended by itself."""
    until = time.monotonic() + 60
    while server.alive and time.monotonic() < until:
        time.sleep(0.2)
    return not server.alive


def test_a_database_that_is_gone_is_not_replaced_by_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with running(f"sqlite:///{path}", tmp_path) as site:
        site.server.stop()
        site.database.close()
        for one in tmp_path.glob("x.db*"):
            one.unlink()
        site.server.start()
        assert ends(site.server)
        assert "is gone or empty now" in site.server.log_tail()
        assert not path.exists() or path.stat().st_size == 0


def test_a_wrong_auth_file_stops_the_start_with_its_reason(tmp_path: Path) -> None:
    wrong = tmp_path / "auth.yaml"
    wrong.write_text("credentials: {usernames: {x: {roles: [king]}}}")
    server = AppServer(f"sqlite:///{tmp_path / 'x.db'}", tmp_path, command=COMMAND, env={"RAPPORT_AUTH": str(wrong)})
    server.start()
    try:
        assert ends(server)
    finally:
        server.stop()
    assert "unknown role king" in server.log_tail()


def test_health_is_told_without_a_sign_in_and_without_a_secret(tmp_path: Path) -> None:
    with AppServer(f"sqlite:///{tmp_path / 'secret-name.db'}", tmp_path, command=COMMAND) as server:
        assert httpx.get(f"{server.url}/livez").status_code == 200
        ready = httpx.get(f"{server.url}/healthz")
        assert ready.status_code == 200
        found = ready.json()
        assert found["ok"] is True
        assert "database" in found["checks"]
        assert "worker_age" in found
        assert "secret-name" not in ready.text
        assert str(tmp_path) not in ready.text
