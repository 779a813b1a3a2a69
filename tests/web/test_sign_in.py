"""Signing in and out over plain HTTP: every way in, every way to be refused, and nothing that a stranger learns."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import select, update

from crm import sessions, settings
from crm.core import clock
from crm.core.access import SYSTEM
from crm.core.i18n import LANGUAGES
from crm.core.people import User
from crm.core.uow import unit_of_work
from crm.notifications import Notification
from crm.sessions import Credential, Throttle
from tests.cast import PARTS
from tests.support import loops
from tests.web.site import PASSWORD, Site, running
from web import forms
from web.forms import local_address

NEW = "eleven patient herons"


@pytest.fixture
def browser(quiet: Site) -> Iterator[httpx.Client]:
    """A browser that follows no redirect, so that each step is seen."""
    with quiet.http(**{"accept-language": "en"}) as client:
        yield client


def token_of(page: httpx.Response) -> str:
    return re.search(r'name="token" value="(\w+)"', page.text)[1]


def send(browser: httpx.Client, address: str, page: httpx.Response | None = None, **fields: str) -> httpx.Response:
    """Fill in a form and send it: `page` is the one that holds it, else it is fetched from `address`."""
    shown = page or browser.get(address)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown.text))
    action = re.search(r'action="([^"]+)"', shown.text)[1].replace("&amp;", "&")
    return browser.post(action, data=hidden | fields)


def sign_in(browser: httpx.Client, username: str, password: str = PASSWORD, *, at: str = "/sign-in") -> httpx.Response:
    return send(browser, at, username=username, password=password)


def is_inside(browser: httpx.Client) -> bool:
    return browser.head("/session").status_code == 204


# --- in and out --------------------------------------------------------------------


def test_name_and_password_open_the_door_and_lead_where_one_wanted_to_go(browser: httpx.Client) -> None:
    wanted = "/customers?stage=lead&page=2"
    first = browser.get(wanted)
    assert first.status_code == 303
    answer = sign_in(browser, " Rep ", at=first.headers["location"])
    assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    assert is_inside(browser)
    assert browser.get(wanted).status_code == 200
    assert browser.get(f"/sign-in?next={quote(wanted)}").headers["location"].startswith("/customers?stage=lead")


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/sign-out",
        "/reset/x",
        "/a\r\nLocation: https://evil.example",
        "/\t/evil.example",
        " //evil.example",
        "x" * 3000,
        "",
    ],
)
def test_after_signing_in_nobody_is_led_away(browser: httpx.Client, wanted: str) -> None:
    assert local_address(wanted) == "/"
    answer = sign_in(browser, "rep", at=f"/sign-in?next={quote(wanted, safe='')}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_the_token_is_new_at_every_sign_in(browser: httpx.Client, quiet: Site) -> None:
    planted = "A" * 43
    browser.cookies.set("rapport", planted)
    sign_in(browser, "rep")
    first = browser.cookies.get("rapport", domain="127.0.0.1")
    assert first not in {planted, None}
    assert len(first) == 43
    browser.cookies.delete("rapport", domain="127.0.0.1")
    browser.cookies.clear()
    sign_in(browser, "rep")
    assert browser.cookies.get("rapport") != first
    with quiet.http(planted) as thief:
        assert not is_inside(thief)


def test_signing_in_again_ends_what_the_browser_had_before(browser: httpx.Client, quiet: Site) -> None:
    page = browser.get("/sign-in")
    send(browser, "/sign-in", page, username="rep", password=PASSWORD)
    first = browser.cookies.get("rapport")
    send(browser, "/sign-in", page, username="mate", password=PASSWORD)
    assert is_inside(browser)
    with quiet.http(first) as old:
        assert not is_inside(old)


def test_signing_out_ends_the_sign_in_and_clears_what_the_browser_kept(browser: httpx.Client, quiet: Site) -> None:
    sign_in(browser, "rep")
    token = browser.cookies.get("rapport")
    assert 'action="/sign-out"' in browser.get("/sign-out").text
    assert is_inside(browser)
    answer = browser.post("/sign-out")
    assert answer.headers["location"] == "/sign-in?out=1"
    assert answer.headers["clear-site-data"] == '"storage"'
    assert not is_inside(browser)
    with quiet.http(token) as thief:
        assert not is_inside(thief)
    assert quiet.entries("sign_out")[-1].actor_id == PARTS["rep"].id


def test_a_form_of_another_browser_does_nothing(browser: httpx.Client, quiet: Site) -> None:
    with quiet.http() as attacker:
        foreign = token_of(attacker.get("/sign-in"))
    browser.get("/sign-in")
    for token in (foreign, "", "0" * 64):
        answer = browser.post("/sign-in", data={"token": token, "username": "rep", "password": PASSWORD})
        assert answer.status_code == 403
        assert not is_inside(browser)
    browser.cookies.clear()
    assert browser.post("/sign-in", data={"token": foreign, "username": "rep", "password": PASSWORD}).status_code == 403


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sign_in_speaks_the_readers_language(quiet: Site, language: str) -> None:
    with quiet.http(**{"accept-language": f"{language}-XX,en;q=0.5"}) as browser:
        assert f'<html lang="{language}">' in browser.get("/sign-in").text
    with quiet.http(**{"accept-language": "fr"}) as browser:
        switched = browser.get(f"/sign-in?next=%2Fplans&language={language}")
        assert f'<html lang="{language}">' in switched.text
        assert "next=%2Fplans" in switched.text
        assert f'<html lang="{language}">' in browser.get("/forgotten").text


def test_what_is_typed_is_shown_as_text(browser: httpx.Client) -> None:
    answer = sign_in(browser, '"><script>alert(1)</script>', "wrong password")
    assert answer.status_code == 401
    assert "<script" not in answer.text
    answer = browser.get("/sign-in?next=%2F%22%3E%3Cscript%3E&ended=%3Cscript%3E")
    assert "<script" not in answer.text


# --- wrong -------------------------------------------------------------------------------


def test_forty_wrong_passwords_at_once_lock_the_account(quiet: Site) -> None:
    def try_four(_: int) -> list[int]:
        with quiet.http() as browser:
            page = browser.get("/sign-in")
            return [
                send(browser, "/sign-in", page, username="mate", password=f"wrong {n}").status_code for n in range(4)
            ]

    with ThreadPoolExecutor(10) as pool:
        answers = [code for codes in pool.map(try_four, range(10)) for code in codes]
    assert answers == [401] * 40
    with quiet.database.reader.connect() as connection:
        key = sessions.throttle.account_key("mate")
        row = connection.execute(select(Throttle.failures, Throttle.locked_until).where(Throttle.key == key)).one()
    assert row.failures == sessions.policy().account.tries + 1
    assert row.locked_until > clock.now() + timedelta(minutes=10)
    with quiet.http() as browser:
        assert sign_in(browser, "mate").status_code == 401
        with quiet.database.writing() as connection:
            ago = clock.now() - timedelta(seconds=1)
            connection.execute(update(Throttle).where(Throttle.key == key).values(locked_until=ago))
        assert sign_in(browser, "mate").status_code == 303


def test_a_stranger_cannot_tell_who_has_an_account(quiet: Site) -> None:
    quiet.give_passwords("rep", "service", "product", cost=12)
    with quiet.database.writing() as connection:
        key, now = sessions.throttle.account_key("service"), clock.now()
        locked = {"key": key, "failures": 11, "window_started_at": now, "locked_until": now + timedelta(hours=1)}
        connection.execute(Throttle.__table__.insert().values(**locked))
        connection.execute(update(User).where(User.id == PARTS["product"].id).values(disabled_at=now))
    times: dict[str, list[float]] = {"nobody-at-all": [], "rep": [], "service": [], "product": []}
    texts = set()

    def apart() -> float:
        """Seconds between the quickest answers so far: what else the machine does makes the others slower, never quicker."""
        quickest = [min(taken) for taken in times.values()]
        return max(quickest) - min(quickest)

    try:
        with quiet.http(**{"accept-language": "en"}) as browser:
            page = browser.get("/sign-in")
            for turn in range(50):
                for name, taken in times.items():
                    begun = time.perf_counter()
                    password = PASSWORD if name in {"service", "product"} else f"wrong {turn}"
                    answer = send(browser, "/sign-in", page, username=name, password=password)
                    taken.append(time.perf_counter() - begun)
                    assert answer.status_code == 401
                    texts.add(answer.text.replace(name, "NAME"))
                quiet.forget_tries_but("service")
                if turn >= 9 and apart() < 0.05:
                    break
    finally:
        with quiet.database.writing() as connection:
            connection.execute(update(User).where(User.id == PARTS["product"].id).values(disabled_at=None))
    assert len(texts) == 1
    assert apart() < 0.05


def test_an_address_that_tries_too_much_is_refused_and_says_so(quiet: Site) -> None:
    with quiet.database.writing() as connection:
        now = clock.now()
        row = {"key": "address:127.0.0.1", "failures": 100, "window_started_at": now, "locked_until": None}
        connection.execute(Throttle.__table__.insert().values(**row))
    with quiet.http() as browser:
        assert sign_in(browser, "rep").status_code == 429
        assert not is_inside(browser)


def test_a_storm_of_sign_ins_does_not_stop_the_server(quiet: Site) -> None:
    quiet.give_passwords("mate", cost=12)

    def storm(_: int) -> int:
        with quiet.http() as browser:
            browser.timeout = 150
            return sign_in(browser, "mate", "wrong").status_code

    with ThreadPoolExecutor(20) as pool, quiet.http() as watcher:
        storming = pool.map(storm, range(20))
        waits = []
        for _ in range(20):
            begun = time.monotonic()
            assert watcher.get("/livez").status_code == 200
            waits.append(time.monotonic() - begun)
            time.sleep(0.05)
        assert set(storming) <= {401, 503}
    assert sorted(waits)[10] < 0.5


def test_who_would_wait_too_long_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MOST_WAITING", 3)

    async def crowd() -> list[object]:
        door = threading.Event()
        waiting = [asyncio.ensure_future(forms.in_thread(door.wait)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(forms.TooManyError):
            await forms.in_thread(door.wait)
        door.set()
        await asyncio.gather(*waiting)
        return [await forms.in_thread(lambda: "free again")]

    assert loops.run(crowd()) == ["free again"]


def test_a_right_sign_in_does_not_use_up_the_offices_tries(quiet: Site) -> None:
    with quiet.http() as browser:
        for _ in range(3):
            assert sign_in(browser, "rep").status_code == 303
            browser.post("/sign-out")
    with quiet.database.reader.connect() as connection:
        assert (
            connection.execute(select(Throttle.failures).where(Throttle.key == "address:127.0.0.1")).scalar_one() == 0
        )


# --- the second factor -----------------------------------------------------------------------


def test_with_a_second_factor_the_password_is_not_enough(quiet: Site, browser: httpx.Client) -> None:
    offer, person = sessions.offer_totp("mate"), PARTS["mate"].id
    earlier = clock.now() - timedelta(seconds=60)
    codes = sessions.enable_totp(
        quiet.database, person, offer.secret, pyotp.TOTP(offer.secret).at(earlier), now=earlier
    )
    step = sign_in(browser, "mate", at="/sign-in?next=%2Fplans")
    assert step.status_code == 200
    assert not is_inside(browser)
    assert 'autocomplete="one-time-code"' in step.text
    wrong = send(browser, "", step, code="000000")
    assert wrong.status_code == 401
    code = pyotp.TOTP(offer.secret).at(clock.now())
    inside = send(browser, "", wrong, code=f" {code[:3]} {code[3:]} ")
    assert (inside.status_code, inside.headers["location"]) == (303, "/plans")
    assert is_inside(browser)
    browser.post("/sign-out")
    again = sign_in(browser, "mate")
    assert send(browser, "", again, code=code).status_code == 401
    assert send(browser, "", again, code=codes[3].lower()).status_code == 303
    browser.post("/sign-out")
    assert send(browser, "", sign_in(browser, "mate"), code=codes[3]).status_code == 401


def test_codes_are_counted_like_passwords(quiet: Site, browser: httpx.Client) -> None:
    offer = sessions.offer_totp("mate")
    now = clock.now()
    sessions.enable_totp(quiet.database, PARTS["mate"].id, offer.secret, pyotp.TOTP(offer.secret).at(now), now=now)
    step = sign_in(browser, "mate")
    for guess in range(sessions.policy().account.tries):
        assert send(browser, "", step, code=f"{guess:06}").status_code == 401
    right = pyotp.TOTP(offer.secret).at(clock.now() + timedelta(seconds=30))
    assert send(browser, "", step, code=right).status_code == 401
    assert not is_inside(browser)


# --- a given password ---------------------------------------------------------------------------


def test_a_password_given_by_somebody_else_opens_only_the_form_that_replaces_it(
    quiet: Site, browser: httpx.Client
) -> None:
    with quiet.database.writing() as connection:
        where = Credential.user_id == PARTS["mate"].id
        connection.execute(update(Credential).where(where).values(must_change=True))
    step = sign_in(browser, "mate", at="/sign-in?next=%2Fplans")
    assert step.status_code == 200
    assert not is_inside(browser)
    assert browser.get("/customers").status_code == 303
    refused = [("short", "short"), (PASSWORD, PASSWORD), (NEW, "something else"), ("Password123!", "Password123!")]
    for password, again in refused:
        answer = send(browser, "", step, password=password, again=again)
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text
    done = send(browser, "", answer, password=NEW, again=NEW)
    assert (done.status_code, done.headers["location"]) == (303, "/plans")
    assert is_inside(browser)
    used = send(browser, "", step, password="yet another good phrase", again="yet another good phrase")
    assert used.status_code == 401


# --- forgotten -------------------------------------------------------------------------------------


def _requests(site: Site) -> int:
    with site.database.reader.connect() as connection:
        mine = Notification.responsible_id == PARTS["admin"].id
        return len(connection.execute(select(Notification.__table__).where(mine)).all())


def test_who_forgot_the_password_asks_the_administrator_and_learns_nothing(quiet: Site, browser: httpx.Client) -> None:
    before, hashes = _requests(quiet), _hash(quiet)
    times: dict[str, list[float]] = {"rep": [], "nobody": [], "rep@rapport.example": [], "gone": []}
    texts = set()
    page = browser.get("/forgotten")
    for _ in range(3):
        for who, taken in times.items():
            begun = time.perf_counter()
            answer = send(browser, "", page, who=who)
            taken.append(time.perf_counter() - begun)
            assert answer.status_code == 200
            texts.add(answer.text)
    assert len(texts) == 1
    quickest = [min(taken) for taken in times.values()]  # what else the machine does makes the others slower
    assert max(quickest) - min(quickest) < 0.05
    until = time.monotonic() + 5
    while _requests(quiet) - before < 6 and time.monotonic() < until:
        time.sleep(0.1)
    assert _requests(quiet) - before == 6
    assert _hash(quiet) == hashes
    send(browser, "", page, who="rep")
    time.sleep(0.5)
    assert _requests(quiet) - before == 6  # three an hour for one account


def _hash(site: Site) -> str:
    with site.database.reader.connect() as connection:
        mine = Credential.user_id == PARTS["rep"].id
        return connection.execute(select(Credential.password_hash).where(mine)).scalar_one()


def test_a_link_lets_one_choose_a_password_once(quiet: Site, browser: httpx.Client) -> None:
    with quiet.database.writing() as connection:
        link = sessions.make_reset_link(connection, PARTS["mate"].id)
    for _ in range(3):  # a mail scanner looks, too
        shown = browser.get(link)
        assert shown.status_code == 200
        assert shown.headers["referrer-policy"] == "same-origin"  # with no-referrer a browser would send no Origin
    assert send(browser, "", shown, password="short", again="short").status_code == 422
    done = send(browser, "", shown, password=NEW, again=NEW)
    assert (done.status_code, done.headers["location"]) == (303, "/sign-in?changed=1")
    assert not is_inside(browser)
    assert browser.get(link).status_code == 404
    assert send(browser, "", shown, password=NEW, again=NEW).status_code == 404
    assert sign_in(browser, "mate").status_code == 401
    assert sign_in(browser, "mate", NEW).status_code == 303


@pytest.mark.parametrize("name", ["host", "x-forwarded-host", "forwarded", "x-original-host", "x-host"])
def test_a_request_never_decides_where_a_link_leads(quiet: Site, name: str) -> None:
    with quiet.http(**{name: "evil.example" if name != "forwarded" else "host=evil.example"}) as browser:
        answer = browser.get("/forgotten")
        if name == "host":
            assert answer.status_code == 400
            return
        sent = send(browser, "", answer, who="rep")
    assert "evil" not in answer.text + sent.text + str(answer.headers) + str(sent.headers)
    with quiet.database.writing() as connection:
        assert sessions.make_reset_link(connection, PARTS["mate"].id).startswith("/reset/")


# --- the first administrator -----------------------------------------------------------------------------


def _code(site: Site) -> str:
    return re.findall(r"enter this code: (\S+)", site.server.log.read_text())[-1]


def test_the_first_administrator_needs_the_code_of_the_terminal(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    with running(url, tmp_path, people=False) as site, site.http(**{"accept-language": "ru"}) as browser:
        for address in ("/", "/customers", "/sign-in"):
            assert browser.get(address).headers["location"] == "/first-administrator"
        fields = {"name": "Вера Ильина", "username": "Vera", "password": NEW, "company_name": "ООО «Заря»"}
        fields |= {"language": "ru", "timezone": "Asia/Yekaterinburg"}
        page = browser.get("/first-administrator")
        assert send(browser, "", page, code="AAAA-AAAA-AAAA", **fields).status_code == 422
        assert send(browser, "", page, code=_code(site), **(fields | {"password": "qwertyuiop"})).status_code == 422
        assert send(browser, "", page, code=_code(site), **(fields | {"timezone": "Mars/Base"})).status_code == 422
        done = send(browser, "", page, code=_code(site).lower().replace("-", " "), **fields)
        assert (done.status_code, done.headers["location"]) == (303, "/")
        assert is_inside(browser)
        assert browser.get("/first-administrator").headers["location"] == "/sign-in"
        assert send(browser, "", page, code=_code(site), **fields).status_code == 303
        with unit_of_work(site.database, SYSTEM) as u:
            found = settings.everything(u)
            assert (found["company_name"], found["language"], found["timezone"]) == (
                "ООО «Заря»",
                "ru",
                "Asia/Yekaterinburg",
            )
            vera = u.all(select(User))
            assert [(one.username, one.roles) for one in vera] == [("vera", ["administrator"])]
        browser.post("/sign-out")
        assert sign_in(browser, "vera", NEW).status_code == 303


def test_codes_for_the_first_administrator_cannot_be_guessed(tmp_path: Path) -> None:
    with running(f"sqlite:///{tmp_path / 'x.db'}", tmp_path, people=False) as site, site.http() as browser:
        fields = {
            "name": "A",
            "username": "a",
            "password": NEW,
            "company_name": "A",
            "language": "en",
            "timezone": "UTC",
        }
        page = browser.get("/first-administrator")
        answers = [send(browser, "", page, code=f"AAAA-AAAA-{n:04}", **fields).status_code for n in range(12)]
        assert answers == [422] * 10 + [403] * 2
        assert send(browser, "", page, code=_code(site), **fields).status_code == 403
        first = _code(site)
        time.sleep(21)
        site.server.restart()
        assert _code(site) != first


def test_accounts_of_the_file_sign_in_once_their_password_is_chosen(tmp_path: Path) -> None:
    (tmp_path / "auth.yaml").write_text(
        "credentials:\n  usernames:\n"
        "    m.petrova: {first_name: Maria, last_name: Petrova, email: m@x.example, roles: [administrator]}\n"
        "    given: {name: Given, roles: [sales_rep], password: tell me later please}\n"
    )
    env = {"RAPPORT_AUTH": str(tmp_path / "auth.yaml")}
    with running(f"sqlite:///{tmp_path / 'x.db'}", tmp_path, env=env, people=False) as site, site.http() as browser:
        link = re.search(r"m\.petrova: choose a password at \S+?(/reset/\S+)", site.server.log.read_text())[1]
        assert send(browser, link, password=NEW, again=NEW).status_code == 303
        assert sign_in(browser, "M.Petrova", NEW).status_code == 303
        browser.post("/sign-out")
        step = sign_in(browser, "given", "tell me later please")
        assert not is_inside(browser)
        assert send(browser, "", step, password=NEW, again=NEW).status_code == 303
        assert is_inside(browser)
        assert "tell me later" in (tmp_path / "auth.yaml").read_text()  # the file is read, never written


# --- in a browser -----------------------------------------------------------------------------------------


@contextmanager
def window(chromium: Browser, site: Site, **options: Any) -> Iterator[tuple[BrowserContext, Page, list[str]]]:
    """Open a browser of one person; the list fills with what the browser complains about and with foreign addresses."""
    context = chromium.new_context(base_url=site.url, locale=options.pop("locale", "en-GB"), **options)
    page, complaints = context.new_page(), list[str]()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    local = (site.url, "data:", "blob:")
    page.on("request", lambda sent: None if sent.url.startswith(local) else complaints.append(sent.url))
    try:
        yield context, page, complaints
    finally:
        context.close()


def fill_in(page: Page, username: str) -> None:
    page.fill("#username", username)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")


@pytest.mark.browser
def test_a_deep_link_survives_signing_in_and_no_script_reads_the_token(chromium: Browser, quiet: Site) -> None:
    with window(chromium, quiet) as (context, page, complaints):
        page.goto("/customers?stage=lead")
        fill_in(page, "rep")
        page.wait_for_selector("[data-testid=stSidebarNav]")
        assert page.url == f"{quiet.url}/customers?stage=lead"
        found = {one["name"]: one for one in context.cookies()}
        token = found["rapport"]
        assert (token["httpOnly"], token["sameSite"]) == (True, "Lax")
        kept = page.evaluate("document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
        assert token["value"] not in kept
        assert found["rapport-form"]["value"] not in kept
        other = context.new_page()
        other.goto("/plans")
        other.wait_for_selector("[data-testid=stSidebarNav]")
        page.reload()
        page.wait_for_selector("[data-testid=stSidebarNav]")
        assert page.url == f"{quiet.url}/customers?stage=lead"
        assert complaints == []


@pytest.mark.browser
def test_signing_out_in_one_tab_leads_every_tab_to_the_sign_in_and_back(chromium: Browser, probe: Site) -> None:
    with window(chromium, probe) as (context, page, _):
        page.goto("/?q=1")
        fill_in(page, "rep")
        page.wait_for_selector("text=user 3")
        other = context.new_page()
        other.goto("/?q=2")
        other.wait_for_selector("text=user 3")
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('a'), {href: '/sign-out', id: 'leave'}))"
        )
        page.evaluate("document.querySelector('#leave').click()")
        page.wait_for_url("**/sign-in?out=1")
        other.wait_for_url("**/sign-in?ended=1&next=%2F%3Fq%3D2", timeout=5000)
        assert other.locator("text=user 3").count() == 0
        page.go_back()
        page.wait_for_url("**/sign-in**", timeout=5000)
        assert page.locator("text=user 3").count() == 0
        fill_in(other, "rep")
        other.wait_for_selector("text=user 3")
        assert other.url == f"{probe.url}/?q=2"


@pytest.mark.browser
def test_a_disabled_account_is_out_within_five_seconds(chromium: Browser, probe: Site) -> None:
    with window(chromium, probe) as (_, page, _complaints):
        page.goto("/")
        fill_in(page, "mate")
        page.wait_for_selector("text=user 4")
        try:
            with probe.database.writing() as connection:
                gone = update(User).where(User.id == PARTS["mate"].id)
                connection.execute(gone.values(disabled_at=clock.now()))
            page.wait_for_url("**/sign-in?ended=1**", timeout=5000)
            fill_in(page, "mate")
            page.wait_for_selector(".trouble")
        finally:
            with probe.database.writing() as connection:
                connection.execute(gone.values(disabled_at=None))
            probe.forget_tries()


@pytest.mark.browser
def test_every_plain_form_can_be_sent_by_a_real_browser(chromium: Browser, probe: Site) -> None:
    with probe.database.writing() as connection:
        link = sessions.make_reset_link(connection, PARTS["mate"].id)
        where = Credential.user_id == PARTS["service"].id
        connection.execute(update(Credential).where(where).values(must_change=True))
    offer, now = sessions.offer_totp("service"), clock.now() - timedelta(minutes=2)
    totp = pyotp.TOTP(offer.secret)
    sessions.enable_totp(probe.database, PARTS["service"].id, offer.secret, totp.at(now), now=now)
    with window(chromium, probe) as (_, page, complaints):
        page.goto("/forgotten")
        page.fill("#who", "mate")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Your request is on its way")
        page.goto(link)
        page.fill("#password", NEW)
        page.fill("#again", NEW)
        page.keyboard.press("Enter")
        page.wait_for_url("**/sign-in?changed=1")
        fill_in(page, "service")
        page.fill("#code", totp.at(clock.now()))
        page.keyboard.press("Enter")
        page.fill("#password", NEW)
        page.fill("#again", NEW)
        page.keyboard.press("Enter")
        page.wait_for_selector("text=user 6")
        page.goto("/sign-out")
        page.click("button")
        page.wait_for_url("**/sign-in?out=1")
        assert complaints == []
    probe.give_passwords()


@pytest.mark.browser
def test_a_real_browser_fetches_and_puts_files_through_the_gate(chromium: Browser, probe: Site) -> None:
    with window(chromium, probe) as (_, page, complaints):
        page.goto("/deep?q=1")
        fill_in(page, "rep")
        page.wait_for_selector("text=user 3")
        with page.expect_download() as fetched:
            page.click("text=Fetch")
        assert Path(fetched.value.path()).read_text() == "for user 3 only"
        page.set_input_files("input[type=file]", {"name": "a.csv", "mimeType": "text/csv", "buffer": b"a;b"})
        page.wait_for_selector("text=got a.csv 3 bytes")
        assert complaints == []


@pytest.mark.browser
def test_after_a_restart_the_open_page_goes_on(chromium: Browser, tmp_path: Path) -> None:
    app = "tests/web/probe/app.py"
    with running(f"sqlite:///{tmp_path / 'x.db'}", tmp_path, app=app) as site, window(chromium, site) as (_, page, _c):
        page.goto("/?q=1")
        fill_in(page, "rep")
        page.wait_for_selector("text=user 3")
        site.server.restart()
        page.wait_for_selector("text=user 3")
        assert page.url == f"{site.url}/?q=1"
        page.wait_for_function("document.querySelector('[data-testid=stConnectionStatus]') === null", timeout=15_000)
        page.reload()
        page.wait_for_selector("text=user 3")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-GB", "ru-RU", "zh-CN"])
def test_the_plain_pages_fit_a_telephone_and_need_no_mouse(
    chromium: Browser, probe: Site, locale: str, scheme: str
) -> None:
    size = {"width": 390, "height": 780}
    with window(chromium, probe, locale=locale, viewport=size, color_scheme=scheme) as (_, page, complaints):
        for address in ("/sign-in?ended=1", "/forgotten", "/reset/none", "/sign-out"):
            page.goto(address)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            assert page.locator("html").get_attribute("lang") == locale[:2]
            for control in page.locator("button, input:not([type=hidden])").all():
                assert control.bounding_box()["height"] >= 44
        page.goto("/sign-in")
        assert page.evaluate("document.activeElement.id") == "username"
        page.keyboard.type("rep")
        page.keyboard.press("Tab")
        page.keyboard.type("not the password")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector(".trouble[role=alert]")
        assert page.evaluate("document.activeElement.id") == "password"
        assert [one for one in complaints if "401" not in one and "404" not in one] == []
    probe.forget_tries()
