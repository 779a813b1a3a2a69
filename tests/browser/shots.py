"""Pictures of every screen, to be looked at by people: python -m tests.browser.shots FOLDER [--roles admin,rep] [--screens customers]

For each role, screen, language (en, ru, zh), theme (light, dark) and width (1440, 390) one picture, named
`screen-role-language-theme-width.png`; a page higher than the window is shown whole. The data are those of the demonstration.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import func, select

from crm import customers, sessions
from crm.core.access import SYSTEM, Identity, load_actor
from crm.core.people import User
from crm.core.uow import unit_of_work
from db.engine import Database, connect
from tests.browser.scene import settled
from tests.support.browser import launch
from tests.support.server import COMMAND, AppServer
from ui.navigation import SCREENS, Screen

LOCALES: Final = {"en": "en-GB", "ru": "ru-RU", "zh": "zh-CN"}
WIDTHS: Final = {"1440": (1440, 900), "390": (390, 844)}
THEMES: Final = ("light", "dark")
ROLES: Final = (
    "admin",
    "keeper",
    "anna",
    "leader",
    "service",
    "marketer",
    "analyst",
    "executive",
    "product",
    "partner",
)
TALLEST: Final = 3000
LONG_NAME: Final = "Общество с ограниченной ответственностью «Северо-Западная строительная компания и партнёры»"[
    :80
].strip()
MORE: Final = {
    "customer": (
        "&do=log",
        "&do=business&seen=1",
        "&tab=purchases",
        "&tab=history",
        "&tab=contacts",
        "&tab=requisites",
        "&do=ask",
        "&do=show",
        "&do=personal-data",
        "&do=erase",
        "&tab=consents",
        "&do=new_consent",
        "&tab=documents",
        "&tab=documents&do=new-document",
        "&do=merge",
    ),
    "customers": (
        "?do=new",
        "?q=xyzzyq",
        "?do=handover&person=3",
        "?where=city.contains.o.or.last_contact.older.90..stage.not.lost..responsible.is.me&saved=1",
        "?where=city.contains.o.or.last_contact.older.90..stage.not.lost..responsible.is.me&do=filter",
        "?where=stage.not.lost&do=save",
        "?saved=1&where=stage.not.lost&do=saved",
        "?do=columns",
        "?do=change-many",
    ),
    "fields": ("?do=new", "?do=field&id=1&seen=1"),
    "types": ("?do=new", "?type=company_large", "?type=company_large&do=field&field=need&seen=1"),
    "quality": ("?tab=people",),
    "reports": ("?id=1", "?id=2", "?do=make", "?id=2&do=conclude&seen=1", "?id=2&do=file&seen=1"),
    "stages": ("?do=strategy&stage=lost&seen=1",),
    "plans": ("?do=target",),
    "users": ("?do=new",),
    "teams": ("?team=1", "?do=new"),
    "imports": ("?do=new",),
    "duplicates": ("?tab=parted", "?band=likely"),
}
"""What else of a screen is looked at: its dialogs, tabs and its emptiness."""


@contextmanager
def demonstration() -> Iterator[tuple[AppServer, Database]]:
    """Run the application with the demonstration's data, and the two names that layouts break at."""
    with tempfile.TemporaryDirectory(prefix="rapport-shots-") as folder:
        url = f"sqlite:///{folder}/rapport.db"
        command = [part for part in COMMAND if part != "--no-demo"]
        with AppServer(url, Path(folder), command=command) as server:
            database = connect(url)
            _awkward(database)
            yield server, database
            database.close()


def _awkward(database: Database) -> None:
    with unit_of_work(database, SYSTEM) as u:
        for name, rep in ((LONG_NAME, "anna"), ("王伟", "anna")):
            key = u.value(select(User.id).where(User.username == rep))
            customers.create(u, {"name": name, "kind": "company"}, responsible_id=key)


def _addresses(database: Database, who: Identity, screen: Screen) -> list[tuple[str, str]]:
    """Return (name, address) of a screen and of what else of it is looked at, for somebody who may see it."""
    with database.reader.connect() as connection:
        if screen.right not in load_actor(connection, who).grants:
            return []
    base = f"/{screen.address}"
    if screen.address == "customer":
        with unit_of_work(database, who) as u:
            rows = customers.page(u, order="recent", size=1) if u.may("customers.view") else []
            long = u.value(select(func.max(customers.Customer.id)).where(customers.Customer.name == LONG_NAME))
        if not rows:
            return []
        base += f"?id={rows[0]['id']}"
        extra = [("long", f"/customer?id={long}")] if long else []
    else:
        extra = []
    more = [(str(n), base + tail) for n, tail in enumerate(MORE.get(screen.address, ()), 1)]
    return [("", base), *more, *extra]


def shoot(page: Page, path: Path) -> None:
    """Take a picture of the whole page: it scrolls inside, so the window is made as high as its content."""
    size = page.viewport_size or {"width": 1440, "height": 900}
    height = page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight ?? document.body.scrollHeight")
    if height > size["height"]:
        page.set_viewport_size({"width": size["width"], "height": min(int(height), TALLEST)})
    page.wait_for_timeout(250)
    page.screenshot(path=path)
    page.set_viewport_size(size)


def main() -> None:
    """Take the pictures that were asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.browser.shots", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    for name, values in (
        ("roles", ROLES),
        ("languages", tuple(LOCALES)),
        ("themes", THEMES),
        ("widths", tuple(WIDTHS)),
    ):
        parser.add_argument(f"--{name}", default=",".join(values), help=f"some of {','.join(values)}")
    parser.add_argument("--screens", default="", help="addresses of screens (My day: '-'); all without it")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    wanted = [one for one in SCREENS if not asked.screens or (one.address or "-") in asked.screens.split(",")]
    with sync_playwright() as playwright, demonstration() as (server, database):
        browser = launch(playwright)
        kinds = itertools.product(
            *(getattr(asked, name).split(",") for name in ("roles", "languages", "themes", "widths"))
        )
        for role, language, theme, width in kinds:
            _one(browser, server.url, database, wanted, asked.folder, role, language, theme, width)
        browser.close()


def _one(  # noqa: PLR0917  one picture is these facts
    browser: Browser,
    url: str,
    database: Database,
    screens: list[Screen],
    folder: Path,
    role: str,
    language: str,
    theme: str,
    width: str,
) -> None:
    with database.reader.connect() as connection:
        user_id = connection.execute(select(User.__table__.c.id).where(User.__table__.c.username == role)).scalar_one()
    signed_in = sessions.open_sign_in(database, user_id, address="127.0.0.1", device="Chromium")
    wide, high = WIDTHS[width]
    context = browser.new_context(
        locale=LOCALES[language],
        timezone_id="Europe/Moscow",
        color_scheme=theme,
        viewport={"width": wide, "height": high},  # type: ignore[arg-type]
    )
    context.add_cookies([{"name": "rapport", "value": signed_in.token, "url": url}])
    page = context.new_page()
    for screen in screens:
        for name, address in _addresses(database, Identity(user_id), screen):
            page.goto(url + address)
            settled(page)
            page.wait_for_timeout(600 if "do=" in address else 200)
            title = "-".join(filter(None, (screen.address or "my_day", name, role, language, theme, width)))
            shoot(page, folder / f"{title}.png")
    context.close()


if __name__ == "__main__":
    main()
