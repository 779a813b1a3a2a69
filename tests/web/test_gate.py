"""The gate: nothing of Rapport reaches whoever is not signed in, and what has ended has ended everywhere."""

import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest
from hypothesis import given, settings, strategies
from sqlalchemy import update
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed, InvalidStatus

from crm import sessions, users
from crm.core import clock, config
from crm.core.access import SYSTEM
from crm.core.people import SignIn, User
from crm.core.uow import unit_of_work
from tests.cast import PARTS
from tests.support import loops
from tests.support.server import AppServer
from tests.web.site import COMMAND, PASSWORD, SIGNED_OUT, Site, Tab, running, session_of, told
from ui.navigation import SCREENS
from web import frames
from web.gate import Gate

ADDRESSES = sorted({f"/{one.address}" for one in SCREENS})
CONTENT = ("Anna Administrator", "Ivan Rep", "Customers")


def refused(attempt: Callable[[], object]) -> int:
    """Return the status with which a websocket's handshake is refused."""
    with pytest.raises(InvalidStatus) as error:
        attempt()
    return error.value.response.status_code


# --- strangers ----------------------------------------------------------------


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_leads_a_stranger_to_the_sign_in(site: Site, address: str) -> None:
    with site.http() as stranger:
        answer = stranger.get(f"{address}?stage=lead")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=")
        page = stranger.get(answer.headers["location"])
    assert page.status_code == 200
    assert 'name="password"' in page.text
    assert not any(word in answer.text + page.text for word in CONTENT)


def test_a_cold_server_shows_nobody_anything_but_the_sign_in(tmp_path: Path) -> None:
    with running(f"sqlite:///{tmp_path / 'x.db'}", tmp_path) as cold:
        for address in ADDRESSES:
            with cold.http() as stranger:
                assert stranger.get(address).headers["location"].startswith("/sign-in")
            assert refused(cold.socket) == 403
        with cold.http() as stranger:
            for path in ("/media/x.png", "/_stcore/host-config", "/component/x/index.html"):
                assert stranger.get(path, headers={"accept": "*/*"}).status_code in {403, 404}


def test_a_session_id_opens_nothing_without_its_cookie(site: Site) -> None:
    with site.socket(site.open("rep").token) as victim:
        taken = session_of(victim.rerun())
        assert refused(lambda: site.socket(session=taken, origin=None)) == 403
        assert refused(lambda: site.socket(session=taken)) == 403
        assert told(victim.rerun())


def test_a_session_belongs_to_its_sign_in(site: Site) -> None:
    first = site.open("rep")
    with site.socket(first.token) as victim:
        taken = session_of(victim.rerun())
    with site.socket(site.open("rival").token, session=taken) as other:
        heard = other.rerun()
        assert session_of(heard) != taken
        assert b"Wei Rival" in told(heard)
        assert b"Ivan Rep" not in told(heard)
    with site.socket(site.open("rep").token, session=taken) as elsewhere:
        assert session_of(elsewhere.rerun()) != taken
    with site.socket(first.token, session=taken) as again:
        assert session_of(again.rerun()) == taken


@pytest.mark.parametrize(
    "name", ["X-Rapport-User", "x-rapport-user", "X_Rapport_User", "X-RAPPORT_USER", "X-Rapport-Sign-In"]
)
def test_nobody_says_himself_who_he_is(site: Site, name: str) -> None:
    spoofed = [(name, str(PARTS["admin"].id)), (name, "1")]
    with site.socket(site.open("rep").token, headers=spoofed) as tab:
        heard = told(tab.rerun())
    assert b"Ivan Rep" in heard
    assert b"Anna Administrator" not in heard
    assert refused(lambda: site.socket(headers=spoofed)) == 403


def test_forged_tokens_open_nothing(site: Site) -> None:
    real = site.open("rep").token

    @settings(max_examples=60, deadline=None)
    @given(strategies.one_of(strategies.text(max_size=60), strategies.integers(0, 42)))
    def forged(value: str | int) -> None:
        token = (
            value if isinstance(value, str) else real[:value] + ("A" if real[value] != "A" else "B") + real[value + 1 :]
        )
        cookie = re.sub(rb"[\x00-\x1f\x7f]", b"", f"rapport={token}".encode("utf-8", "replace")).strip()
        asked = httpx.Request(
            "HEAD", f"{site.url}/session", headers=[(b"host", site.host.encode()), (b"cookie", cookie)]
        )
        with site.http() as stranger:
            assert stranger.send(asked).status_code == 401

    forged()
    assert refused(lambda: site.socket(real[:-1])) == 403
    with site.http(real) as known:
        assert known.head("/session").status_code == 204


# --- where a request comes from ----------------------------------------------------


def test_a_websocket_opens_only_from_our_own_pages(site: Site) -> None:
    token, port = site.open("rep").token, site.server.port
    foreign = [
        None,
        "null",
        "http://evil.example",
        f"http://evil.example:{port}",
        f"http://sub.localhost:{port}",
        f"http://localhost.evil.example:{port}",
        f"http://localhost:{port}",  # ours, but not the one that the request goes to
        f"http://127.0.0.1:{port + 1}",
        "http://127.0.0.1",
        f"https://127.0.0.1:{port}",
    ]
    for origin in foreign:
        assert refused(lambda origin=origin: site.socket(token, origin=origin)) == 403, origin
    with site.socket(token) as tab:
        assert tab.rerun()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "", "127.0.0.1:{port}.evil.example"]
)
def test_only_our_own_names_are_answered(site: Site, host: str) -> None:
    name = host.format(port=site.server.port)
    with site.http(site.open("rep").token, host=name, origin=f"http://{name}") as rebound:
        for path in ("/", "/sign-in", "/healthz", "/session", "/static/x.js"):
            assert rebound.get(path).status_code == 400


def test_two_hosts_in_one_request_are_one_too_many(site: Site) -> None:
    with site.http(site.open("rep").token) as client:
        given = [("host", site.host), ("origin", site.url), ("origin", "http://evil.example")]
        answer = client.send(httpx.Request("POST", f"{site.url}/sign-out", headers=given))
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/forgotten", "/", "/customers"])
def test_other_sites_cannot_send_forms(site: Site, path: str) -> None:
    for origin in ("http://evil.example", "null", f"https://{site.host}"):
        with site.http(site.open("rep").token, origin=origin) as client:
            assert client.post(path, data={"username": "rep"}).status_code == 403
            assert client.head("/session").status_code == 204


# --- what does not exist -------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/_stcore/metrics",
        "/_stcore/agent/openapi.json",
        "/_stcore/agent/interact",
        "/_stcore/agent/mcp",
        "/_stcore/script-health-check",
        "/customers/_stcore/health",
        "/auth/login",
        "/oauth2callback/x",
        "/.git/config",
        "/.git",
        "/.env",
        "/auth.yaml",
        "/rapport.db",
        "/data/rapport.db",
        "/data/keys/totp.key",
        "/backups/2026-11-21.zip",
        "/app/static/x",
        "/assets/../gate.py",
        "/assets/%2e%2e/gate.py",
        "/..%2f..%2fetc%2fpasswd",
        "//evil.example/",
        "/static/../../../app.py",
    ],
)
def test_what_is_nobodys_business_does_not_exist(site: Site, path: str) -> None:
    for token in (None, site.open("admin").token):
        with site.http(token) as client:
            answer = client.get(httpx.URL(f"{site.url}/").copy_with(raw_path=path.encode()))
            assert answer.status_code in {400, 404}, (path, token)
            assert "root:" not in answer.text
            assert len(answer.text) < 200


def test_host_config_is_for_those_inside(site: Site) -> None:
    with site.http() as stranger, site.http(site.open("rep").token) as member:
        assert stranger.get("/_stcore/host-config", headers={"accept": "*/*"}).status_code == 404
        assert member.get("/_stcore/host-config").json()["allowedOrigins"] == []


# --- headers -------------------------------------------------------------------------

PATHS = [
    "/",
    "/customers",
    "/sign-in",
    "/forgotten",
    "/reset/x",
    "/sign-out",
    "/session",
    "/healthz",
    "/livez",
    "/.env",
]
PATHS += ["/_stcore/health", "/_stcore/host-config", "/media/x.png", "/assets/icon.svg", "/static/none.js"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_headers(site: Site, path: str) -> None:
    for token in (None, site.open("rep").token):
        with site.http(token) as client:
            found = client.get(path).headers
        policy = found["content-security-policy"]
        assert "unsafe-inline" not in re.sub(r"style-src[^;]*;", "", policy)
        assert "unsafe-eval" not in policy.replace("'wasm-unsafe-eval'", "")
        assert "frame-ancestors" in policy
        assert found["x-content-type-options"] == "nosniff"
        assert found["referrer-policy"] == "same-origin"
        assert found["x-frame-options"] == "SAMEORIGIN"
        assert "server" not in found
        assert path.startswith(("/assets/", "/static/")) or found["cache-control"] == "no-store"


def test_the_screen_loads_no_script_that_stands_in_the_page(site: Site) -> None:
    with site.http(site.open("rep").token) as client:
        page = client.get("/customers")
    scripts = re.findall(r"<script(.*?)>(.*?)</script>", page.text, re.DOTALL)
    assert scripts
    assert all("src=" in facts and not body.strip() for facts, body in scripts)
    assert page.text.index("rapport.js") < page.text.index('type="module"')
    assert "agent" not in page.text


def test_over_https_every_cookie_is_bound_to_this_host(tmp_path: Path) -> None:
    with running(f"sqlite:///{tmp_path / 'x.db'}", tmp_path, env={"RAPPORT_URL": "https://crm.example.org"}) as site:
        with site.http(host="crm.example.org", origin="https://crm.example.org") as client:
            form = client.get("/sign-in")
            token = re.search(r'name="token" value="(\w+)"', form.text)[1]
            cookie = form.headers["set-cookie"].split(";")[0]
            data = {"token": token, "username": "rep", "password": PASSWORD}
            answer = client.post("/sign-in", data=data, headers={"cookie": cookie})
            health = client.get("/_stcore/health")
        assert answer.status_code == 303
        given = answer.headers.get_list("set-cookie")
        assert any(one.startswith("__Host-rapport=") for one in given)
        for one in [*given, form.headers["set-cookie"]]:
            assert one.startswith("__Host-")
            assert {"httponly", "secure", "samesite=lax", "path=/"} <= {part.strip().lower() for part in one.split(";")}
            assert "domain=" not in one.lower()
        assert all("secure" in one.lower() for one in health.headers.get_list("set-cookie"))
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


# --- what ends, ends everywhere ---------------------------------------------------------


def _sign_out(site: Site, token: str) -> None:
    with site.http(token) as client:
        assert client.post("/sign-out").status_code == 303


def _change_password(site: Site, _token: str) -> None:
    sessions.change_password(site.database, PARTS["mate"].id, PASSWORD, "another four word phrase")


def _use_reset_link(site: Site, _token: str) -> None:
    with site.database.writing() as connection:
        link = sessions.make_reset_link(connection, PARTS["mate"].id)
    sessions.use_reset_link(site.database, link.removeprefix("/reset/"), "another four word phrase")


def _disable(site: Site, _token: str) -> None:
    with unit_of_work(site.database, SYSTEM) as u:
        users.disable(u, PARTS["mate"].id)


def _disable_below_the_door(site: Site, _token: str) -> None:
    with site.database.writing() as connection:
        connection.execute(update(User).where(User.id == PARTS["mate"].id).values(disabled_at=clock.now()))


def _expire(site: Site, _token: str) -> None:
    with site.database.writing() as connection:
        connection.execute(update(SignIn).where(SignIn.user_id == PARTS["mate"].id).values(expires_at=clock.now()))


WAYS = [_sign_out, _change_password, _use_reset_link, _disable, _disable_below_the_door, _expire]


@pytest.mark.parametrize("end", WAYS)
def test_what_ends_closes_every_open_tab_within_five_seconds(quiet: Site, end: Callable[[Site, str], None]) -> None:
    token = quiet.open("mate").token
    bystander = quiet.open("rep").token
    try:
        with quiet.socket(token) as one, quiet.socket(token) as two, quiet.socket(bystander) as other:
            one.rerun(), two.rerun(), other.rerun()
            end(quiet, token)
            begun = time.monotonic()
            assert one.close_code(5) == SIGNED_OUT
            assert two.close_code(5 - (time.monotonic() - begun)) == SIGNED_OUT
            assert other.rerun()
        with quiet.http(token) as client:
            assert client.head("/session").status_code == 401
            assert client.get("/customers").headers["location"] == "/sign-in?next=%2Fcustomers"
        assert refused(lambda: quiet.socket(token)) == 403
    finally:
        with quiet.database.writing() as connection:
            connection.execute(update(User).where(User.id == PARTS["mate"].id).values(disabled_at=None))


def test_it_ends_in_every_app_process(site: Site, tmp_path: Path) -> None:
    token = site.open("service").token
    url = site.database.url.render_as_string(hide_password=False)
    keys = {"RAPPORT_DATA": str(site.server.log.parent)}
    with AppServer(url, tmp_path, command=COMMAND, env=keys) as second:
        with site.socket(token) as here, site.socket(token, port=second.port) as there:
            here.rerun(), there.rerun()
            _sign_out(site, token)
            assert here.close_code(5) == SIGNED_OUT
            assert there.close_code(5) == SIGNED_OUT
        assert httpx.head(f"{second.url}/session", cookies={"rapport": token}).status_code == 401


def test_changing_the_password_keeps_the_tab_in_which_it_is_done(quiet: Site) -> None:
    mine, elsewhere = quiet.open("mate"), quiet.open("mate")
    with quiet.socket(mine.token) as tab, quiet.socket(elsewhere.token) as other:
        tab.rerun(), other.rerun()
        new = "another four word phrase"
        sessions.change_password(quiet.database, mine.user_id, PASSWORD, new, sign_in_id=mine.sign_in_id)
        assert other.close_code(5) == SIGNED_OUT
        assert tab.rerun()


def test_a_message_after_the_end_is_not_heard(quiet: Site) -> None:
    opened = quiet.open("mate")
    with quiet.socket(opened.token) as tab:
        tab.rerun()
        with quiet.database.writing() as connection:
            sessions.end_sign_ins(connection, opened.user_id)
        time.sleep(1.6)  # the watch has looked by now
        with pytest.raises(ConnectionClosed):
            tab.rerun()


def test_an_old_cookie_is_written_down(quiet: Site) -> None:
    opened = quiet.open("mate")
    _sign_out(quiet, opened.token)
    with quiet.http(opened.token) as thief:
        assert thief.get("/customers").status_code == 303
        assert refused(lambda: quiet.socket(opened.token)) == 403
    until, found = time.monotonic() + 5, []
    while not found and time.monotonic() < until:
        time.sleep(0.1)
        found = [one for one in quiet.entries("refused_old_cookie") if one.changes["sign_in"][0] == opened.sign_in_id]
    assert [one.record_id for one in found] == [opened.user_id]


def test_everybody_stays_signed_in_over_a_restart(tmp_path: Path) -> None:
    with running(f"sqlite:///{tmp_path / 'x.db'}", tmp_path) as site:
        token = site.open("rep").token
        with site.socket(token) as tab:
            tab.rerun()
        site.server.restart()
        with site.http(token) as client:
            assert client.get("/customers?stage=lead").status_code == 200
            assert client.head("/session").status_code == 204
        with site.socket(token) as tab:
            assert b"Ivan Rep" in told(tab.rerun())


# --- idle time ---------------------------------------------------------------------------


def test_only_what_a_person_does_keeps_a_sign_in_alive(site: Site) -> None:
    opened = site.open("analyst")
    before = clock.now() - 5 * sessions.TOUCH_EVERY
    with site.database.writing() as connection:
        connection.execute(update(SignIn).where(SignIn.id == opened.sign_in_id).values(last_seen_at=before))
    with site.socket(opened.token) as tab:
        tab.rerun(auto=True)
        time.sleep(0.7)
        assert site.sign_in_row(opened.sign_in_id).last_seen_at == before
        tab.rerun()
        until = time.monotonic() + 5
        while site.sign_in_row(opened.sign_in_id).last_seen_at == before and time.monotonic() < until:
            time.sleep(0.1)
    row = site.sign_in_row(opened.sign_in_id)
    assert row.last_seen_at > before
    assert row.expires_at == row.last_seen_at + sessions.policy().idle


# --- messages --------------------------------------------------------------------------------


def _message(kind: str) -> BackMsg:
    message = BackMsg()
    if kind in {"deferred_file", "install_skills", "dismiss_skills_nudge"}:
        getattr(message.backend_operation_request, kind).SetInParent()
        message.backend_operation_request.request_id = "1"
    else:
        setattr(message, kind, True)
    return message


DROPPED = ["clear_cache", "set_run_on_save", "load_git_info", "debug_disconnect_websocket", "debug_shutdown_runtime"]
DROPPED += ["deferred_file", "install_skills", "dismiss_skills_nudge"]


@pytest.mark.parametrize("kind", DROPPED)
def test_developers_messages_are_dropped(kind: str) -> None:
    assert frames.judge(_message(kind).SerializeToString()) == frames.DROP


def test_dropped_messages_have_no_effect(site: Site) -> None:
    with site.socket(site.open("rep").token) as tab:
        tab.rerun()
        for kind in DROPPED:
            tab.say(_message(kind))
        kinds = {one.WhichOneof("type") for one in tab.rerun()}
    assert not kinds & {"git_info_changed", "backend_operation_response"}


def test_the_messages_of_our_screens_pass() -> None:
    rerun, tick, files, beat, stop, rows = (BackMsg() for _ in range(6))
    rerun.rerun_script.query_string = "stage=lead"
    tick.rerun_script.is_auto_rerun = True
    files.file_urls_request.request_id = "1"
    beat.app_heartbeat = stop.stop_script = True
    rows.backend_operation_request.dataframe_chunk.source_id = "1"
    assert frames.judge(rerun.SerializeToString()) == frames.BY_HAND
    for one in (tick, files, beat, stop, rows):
        assert frames.judge(one.SerializeToString()) == frames.PASS


def test_what_is_too_big_or_no_message_closes_the_socket(site: Site) -> None:
    token = site.open("rep").token
    endless, wide = BackMsg(), BackMsg()
    endless.rerun_script.query_string = "x" * 2_000_000
    wide.rerun_script.page_name = "x" * 100_000
    odd: list[tuple[object, int]] = [
        (b"\xff\xff\xff garbage", frames.PROTOCOL_ERROR),
        ("text", frames.NOT_TEXT),
        (endless, frames.TOO_BIG),
        (wide, frames.TOO_BIG),
        (b"\x00" * (frames.LARGEST + 1), frames.TOO_BIG),
        (b"\x00" * 60_000_000, frames.TOO_BIG),
    ]
    for message, code in odd:
        with site.socket(token) as tab:
            tab.rerun()
            try:
                tab.say(message)
            except ConnectionClosed:  # cut off in the middle
                continue
            assert tab.close_code(10) in {code, None}
    with site.socket(token) as tab:
        assert tab.rerun()


def test_two_thousand_broken_messages_leave_the_server_alive(site: Site) -> None:
    chance, token = random.Random(7), site.open("rep").token
    valid = [_message(kind).SerializeToString() for kind in DROPPED[:3]]
    rerun = BackMsg()
    rerun.rerun_script.query_string, rerun.rerun_script.page_name = "q=1&page=2", "customers"
    rerun.rerun_script.widget_states.widgets.add(id="x", string_value="y")
    valid.append(rerun.SerializeToString())
    process, sent, tab = psutil.Process(site.server.pid), 0, site.socket(token)
    before = process.memory_info().rss
    while sent < 2_000:
        broken = bytearray(chance.choice(valid))
        for _ in range(chance.randint(1, 4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        try:
            tab.say(bytes(broken))
            sent += 1
        except ConnectionClosed:
            tab = site.socket(token)
    tab.connection.close()
    begun = time.monotonic()
    with site.http() as client:
        assert client.get("/livez").status_code == 200
    with site.socket(token) as tab:
        assert tab.rerun()
    assert time.monotonic() - begun < 10
    assert process.memory_info().rss - before < 100 * 2**20


def test_a_sign_in_has_a_limit_of_open_tabs(site: Site) -> None:
    token = site.open("product").token
    tabs = [site.socket(token) for _ in range(60)]
    try:
        assert refused(lambda: site.socket(token)) == 429
    finally:
        for tab in tabs:
            tab.connection.close()
    time.sleep(0.5)
    with site.socket(token) as tab:
        assert tab.rerun()


# --- files ---------------------------------------------------------------------------------

XSRF = "2|00000000|41414141414141414141414141414141|1"
FILE = {"files": ("a.csv", b"a;b\n1;2\n", "text/csv")}


def _offered(heard: list[ForwardMsg]) -> str:
    return re.search(rb"/media/[\w.\-]+", told(heard))[0].decode()


def _asked_for(tab: Tab, session: str, count: int) -> list[str]:
    """Return the addresses to which a page may upload."""
    message = BackMsg()
    message.file_urls_request.request_id = "r"
    message.file_urls_request.session_id = session
    message.file_urls_request.file_names.extend(f"{n}.csv" for n in range(count))
    tab.say(message)
    heard = tab.hear(lambda one: one.WhichOneof("type") == "file_urls_response")
    return [one.upload_url for one in heard[-1].file_urls_response.file_urls]


def _uploader(site: Site, token: str | None) -> httpx.Client:
    client = site.http(token, accept="*/*", **{"x-xsrftoken": XSRF})
    client.cookies.set("_streamlit_xsrf", XSRF)
    return client


def test_a_file_is_for_the_sign_in_that_was_told_its_address(probe: Site) -> None:
    opened, same_person, other = probe.open("mate"), probe.open("mate"), probe.open("rival")
    with probe.socket(opened.token) as tab:
        path = _offered(tab.rerun())
        with probe.http(opened.token) as client:
            answer = client.get(path)
        assert answer.text == f"for user {opened.user_id} only"
        assert answer.headers["cache-control"] == "no-store"
        with probe.http() as stranger:
            assert stranger.get(path, headers={"accept": "*/*"}).status_code == 403
            assert stranger.get(path).headers["location"].startswith("/sign-in")
        for token in (same_person.token, other.token):
            with probe.http(token) as client:
                assert client.get(path).status_code == 404
        _sign_out(probe, opened.token)
        with probe.http(opened.token) as client:
            assert client.get(path, headers={"accept": "*/*"}).status_code == 403


def test_uploads_are_for_the_page_that_asked(probe: Site) -> None:
    opened = probe.open("keeper")
    with probe.socket(opened.token) as tab:
        session = session_of(tab.rerun())
        path = _asked_for(tab, session, 1)[0]
        for token, expected in ((None, 403), (probe.open("rep").token, 404), (opened.token, 204)):
            with _uploader(probe, token) as client:
                assert client.put(path, files=FILE).status_code == expected
        with _uploader(probe, opened.token) as client:
            assert client.put(f"/_stcore/upload_file/{session}/invented", files=FILE).status_code == 404
            client.headers["origin"] = "http://evil.example"
            assert client.put(path, files=FILE).status_code == 403


def test_nobody_fills_the_servers_memory_with_uploads(probe: Site) -> None:
    opened, process = probe.open("keeper"), psutil.Process(probe.server.pid)
    before = process.memory_info().rss
    with probe.socket(opened.token) as tab, _uploader(probe, opened.token) as client:
        paths = _asked_for(tab, session_of(tab.rerun()), 30)
        large = {"files": ("a.csv", b"x" * 10_000_000, "text/csv")}
        answers = [client.put(path, files=large).status_code for path in paths]
    assert answers.count(204) == 15
    assert set(answers) == {204, 429}
    assert process.memory_info().rss - before < 400 * 2**20


# --- trouble ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/customers", "/media/x.png", "/exports/1"])
def test_without_a_database_nobody_is_sent_to_the_sign_in(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPPORT_DATABASE_URL", "postgresql://somebody@127.0.0.1:1/nothing")
    config.forget()
    gate = Gate(PlainTextResponse("inside"), private=[Route("/exports/{id}", PlainTextResponse)])

    async def ask() -> httpx.Response:
        cookies = {"rapport": "A" * 43}
        transport = httpx.ASGITransport(app=gate)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8501", cookies=cookies) as client:
            return await client.get(path, headers={"accept": "text/html", "accept-language": "en"})

    try:
        answer = loops.run(ask())
    finally:
        config.forget()
    assert answer.status_code == 503
    assert "Nothing is lost" in answer.text
    assert "D5" in answer.text
    assert "refresh" in answer.text
    assert "inside" not in answer.text
