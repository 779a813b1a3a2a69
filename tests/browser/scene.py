"""The scene of the browser tests: the running application with the cast in it, and people who sit before browsers of their own.

rep = scene.enter("rep")
rep.open("/customers?mine=1")
rep.page.get_by_role("link", name="Log a contact").click()
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, expect
from sqlalchemy import func, select

from crm import sessions
from crm.core.access import Identity
from crm.core.people import User
from crm.interactions import Interaction
from db.engine import Database, connect
from tests.cast import PARTS, Cast
from tests.support.server import AppServer
from tests.web.site import PASSWORD, hashed

HOLD: Final = 100
"""Milliseconds that a finger rests on a button: a click without any is faster than a person's."""

APP: Final = '[data-testid="stApp"][data-test-connection-state="CONNECTED"][data-test-script-state="notRunning"]'
TROUBLE: Final = (
    '[data-testid="stException"], [data-testid="stAlertContentError"], [data-testid="stToast"]:has-text("error")'
)
NOT_OURS: Final = re.compile(r"the server responded with a status of 401|Failed to load resource: net::ERR_")
"""What Chromium itself writes when a sign-in has ended or a page is left while it loads."""


ONCE: Final = pytest.mark.parametrize("house", ["sqlite"], indirect=True)
"""For a test of what only the browser does: one database is enough."""

expect.set_options(timeout=15_000)
"""Milliseconds until a screen must show what is expected: a busy machine is slow, and how fast we are is measured elsewhere."""


@dataclass
class Person:
    """Somebody of the cast before a browser of his own. troubles: what the browser complained about."""

    scene: "Scene"
    part: str
    context: BrowserContext
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page = self.tab()

    def tab(self) -> Page:
        """Open another tab of the same browser."""
        page = self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))
        page.on("request", self._see)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not NOT_OURS.search(message.text):
            self.troubles.append(f"console: {message.text}")

    def _see(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme in {"http", "https", "ws", "wss"} and where.port != self.scene.server.port:
            self.troubles.append(f"foreign: {request.url}")

    def sign_in(self, then: str = "/") -> None:
        """Sign in by the form, which an address without a sign-in leads to."""
        self.page.goto(self.scene.url + then)
        self.page.locator("[name=username]").fill(self.part)
        self.page.locator("[name=password]").fill(PASSWORD)
        self.page.locator("main button").click()
        settled(self.page)

    def open(self, address: str, page: Page | None = None) -> Page:
        """Open an address of the application and wait until the page stands still."""
        page = page or self.page
        page.goto(self.scene.url + address)
        settled(page)
        return page

    def look_up(self, text: str) -> Locator:
        """Type into the look-up box; return the lines that it finds."""
        self.page.keyboard.press("/")
        box = self.page.get_by_role("combobox", name="Find a customer")
        expect(box).to_be_focused()
        box.fill(text)
        return self.page.locator(".find .drop a")


EVERYTHING: Final = """() => {
  const read = node => {
    if (node.nodeType === Node.TEXT_NODE) return node.textContent
    if (node.nodeType === Node.ELEMENT_NODE) {
      const icon = node.matches('script, noscript, style, .icon, [data-testid="stIconMaterial"]')
      if (icon || getComputedStyle(node).display === 'none') return ''
    }
    const names = ['aria-label', 'title', 'placeholder', 'alt']
    const told = node.nodeType !== Node.ELEMENT_NODE ? [] : names.map(name => node.getAttribute(name))
    const shadow = node.shadowRoot ? [node.shadowRoot] : []
    return [...told, ...[...shadow, ...node.childNodes].map(read)].filter(Boolean).join('\\n')
  }
  return read(document.body)
}"""


def everything(page: Page) -> str:
    """Return every word of a page: what is written, spoken or shown by hovering, inside our own parts too."""
    return str(page.evaluate(EVERYTHING))


def settled(page: Page) -> None:
    """Wait until the page is connected, drawn and no script runs."""
    page.locator(APP).wait_for()
    page.locator(".strip .side").wait_for()
    page.locator(".head h1, .empty p").first.wait_for()


def at_sign_in(page: Page, *, seconds: float) -> None:
    """Expect the sign-in form."""
    expect(page.locator("[name=password]")).to_be_visible(timeout=seconds * 1000)


def press(where: Locator) -> None:
    """Click as a finger does."""
    where.click(delay=HOLD)


def dialog(page: Page) -> Locator:
    """Return the open dialog."""
    return page.get_by_role("dialog")


def choose(where: Page | Locator, label: str, option: str) -> None:
    """Choose from a list of Streamlit's: a long one shows what fits below its field until somebody types."""
    box = where.get_by_role("combobox", name=label, exact=True)
    box.click()
    box.fill(option)
    page = where.page if isinstance(where, Locator) else where
    page.get_by_test_id("stSelectboxVirtualDropdown").get_by_role("option", name=option, exact=True).click()


def counter(page: Page, plan_id: int) -> Locator:
    """Return the large number of a plan's counter."""
    return page.locator(f'[data-plan="{plan_id}"] .many')


@dataclass
class Scene:
    """A running application with worker, its database with the cast in it, and a browser."""

    server: AppServer
    cast: Cast
    browser: Browser
    kind: str
    inside: list[BrowserContext] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def database(self) -> Database:
        return self.cast.database

    def enter(self, part: str, *, sign_in: bool = True, width: int = 1280, height: int = 800, **options: Any) -> Person:
        """Let somebody of the cast sit down before a browser of his own, signed in or not."""
        facts: Mapping[str, Any] = {"locale": "en-GB", "timezone_id": "Europe/Moscow"} | options
        context = self.browser.new_context(viewport={"width": width, "height": height}, **facts)
        context.set_default_timeout(15_000)
        context.set_default_navigation_timeout(60_000)  # opening a page is no promise of speed: bench/ measures that
        self.inside.append(context)
        if sign_in:
            self._give_cookie(context, part)
        return Person(self, part, context)

    def _give_cookie(self, context: BrowserContext, part: str) -> None:
        signed_in = sessions.open_sign_in(self.database, PARTS[part].id, address="127.0.0.1", device="Chromium")
        context.add_cookies(
            [{"name": "rapport", "value": signed_in.token, "url": self.url, "httpOnly": True, "sameSite": "Lax"}]
        )

    def empty(self) -> None:
        """Send everybody home; whatever a browser complained about is the test's to look at before."""
        while self.inside:
            self.inside.pop().close()

    def id_of(self, part: str) -> int:
        return PARTS[part].id

    def logged(self, customer_id: int) -> list[Interaction]:
        """Return what the journal holds about a customer."""
        with self.cast.unit() as u:
            return list(
                u.all(select(Interaction).where(Interaction.customer_id == customer_id).order_by(Interaction.id))
            )

    def people(self) -> int:
        with self.database.reader.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(User.__table__)).scalar_one())

    def identity(self, part: str) -> Identity:
        return Identity(PARTS[part].id)


@contextmanager
def running(url: str, folder: Path, browser: Browser, kind: str) -> Iterator[Scene]:
    """Run the application and its worker on an empty database and put the cast into it, everybody with PASSWORD."""
    with AppServer(url, folder) as server:
        database = connect(url)
        try:
            cast = Cast.assemble(database)
            with database.writing() as connection:
                for one in PARTS.values():
                    sessions.set_password(connection, one.id, hashed(), must_change=False)
            cast.now = None  # type: ignore[assignment]  # the clock of the application goes on
            yield Scene(server, cast, browser, kind)
        finally:
            database.close()


def on(
    kind: str, chromium: Browser, request: pytest.FixtureRequest, factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """Yield a scene of its own on one kind of database."""
    folder = factory.mktemp(f"scene-{kind}")
    with ExitStack() as lent:
        if kind == "sqlite":
            url = f"sqlite:///{folder / 'rapport.db'}"
        else:
            url = lent.enter_context(request.getfixturevalue("postgres_server").database())
        yield lent.enter_context(running(url, folder, chromium, kind))
