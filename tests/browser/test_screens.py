"""Every screen of every role: it opens whole, in each language, on a telephone, and asks nobody but its own server."""

import re
import socket
from datetime import timedelta
from typing import Final

import pytest
from playwright.sync_api import expect

from crm import plans, reports
from crm.core import clock
from crm.core.access import load_actor
from tests.browser.scene import ONCE, Person, Scene, dialog, everything, on, settled
from tests.cast import NORTH, PARTS, PLAYS, TEAMS, a_call, a_customer
from ui.navigation import SCREENS

pytestmark = ONCE

LOCALES: Final = {"en": "en-GB", "ru": "ru-RU", "zh": "zh-CN"}
LONG_NAME: Final = "Общество с ограниченной ответственностью «Северо-Западная строительная компания»"
TELEPHONE: Final = {"width": 390, "height": 844}
DIALOGS: Final = (
    ("keeper", "/customers?do=new"),
    ("keeper", "/customers?do=export"),
    ("keeper", "/customer?id={id}&do=personal&seen=1"),
    ("keeper", "/fields?do=new"),
    ("keeper", "/imports?do=new"),
    ("keeper", "/reports?do=make"),
    ("keeper", "/reports?id={report}&do=conclude&seen=1"),
    ("keeper", "/reports?id={report}&do=file&seen=1"),
    ("leader", "/customer?id={id}&do=log"),
    ("leader", "/customer?id={id}&do=business&seen=1"),
    ("leader", "/customers?do=handover&person=3"),
    ("leader", "/customer?id={id}&do=access&person=4"),
    ("leader", "/plans?do=target"),
    ("admin", "/users?do=new"),
    ("admin", "/teams?do=new"),
    ("admin", "/settings?do=change"),
    ("leader", "/account?do=language"),
    ("leader", "/account?do=password"),
)
TROUBLE: Final = '[data-testid="stException"], [data-testid="stAlertContentError"], [data-testid="stToast"]'
FITS: Final = """() => {
  const main = document.querySelector('[data-testid=stMain]')
  return Math.max(document.documentElement.scrollWidth - innerWidth, main ? main.scrollWidth - main.clientWidth : 0)
}"""
CONTRAST: Final = """node => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d')
  const light = colour => {
    canvas.fillStyle = colour
    canvas.fillRect(0, 0, 1, 1)
    const part = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map(part)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
  }
  const style = getComputedStyle(node), [dim, bright] = [light(style.color), light(style.backgroundColor)].sort((a, b) => a - b)
  return bright / dim
}"""
"""How well the words of a filled button can be read, as WCAG counts it."""

READABLE: Final = 4.5
VISIBLE: Final = 3
DIM: Final = 64
"""What veils the page behind a dialog is darker than this, in each of red, green and blue."""

NAMES: Final = """
    Rapport Streamlit Python SQLite PostgreSQL SQLAlchemy DBOS Chrome Chromium Linux
    CSV TSV TXT XLSX csv vcf vCard Excel SMS UTC RUB GB MB KB kB MiB EN RU ZH English
    crm doctor backup restore run python worker make sqlite https http example auth yaml com xlsx Enter
"""
"""Words that are written in Latin letters in every language."""


def _in_english_on_purpose() -> set[str]:
    """Return the Latin words that people gave: names, teams, what stands in the database."""
    given = [one.name for one in PARTS.values()] + list(PARTS) + [name for _, name, _, _ in TEAMS]
    given += ["Customer of rep", "ivan@example.com", "Tverskaya 1", "Tver", "rapport.db", socket.gethostname()]
    return {word for text in given for word in re.findall(r"[A-Za-z]+", text)} | set(NAMES.split())


@pytest.fixture(scope="module")
def house(request, chromium, tmp_path_factory):
    """A house of its own: what other tests write into theirs is in English."""
    yield from on(request.param, chromium, request, tmp_path_factory)


@pytest.fixture(scope="module")
def lived_in(house: Scene) -> dict[str, int]:
    """A customer with a call, one with a long name, a Chinese one, a running plan, and the draft of a report."""
    ids = {
        "id": a_customer(house.cast, city="Tver"),
        "long": a_customer(house.cast, name=LONG_NAME),
        "zh": a_customer(house.cast, name="王伟", kind="person"),
    }
    for customer_id in ids.values():
        a_call(house.cast, customer_id, note="Длинная заметка о разговоре. " * 6)
    today = clock.day_of(clock.now(), "UTC")
    facts = {"measure": "calls", "starts_on": today - timedelta(days=3), "ends_on": today + timedelta(days=30)}
    with house.cast.unit() as u:
        plans.set_target(u, target=12, team_id=NORTH, **facts)
        plans.set_target(u, target=7, responsible_id=PARTS["rep"].id, **facts)
    with house.cast.unit(house.cast.keeper) as u:
        ids["report"] = reports.make(u, today).id
    return ids


def addresses(scene: Scene, part: str, ids: dict[str, int]) -> list[str]:
    """Return the addresses of all screens that somebody may see."""
    with scene.database.reader.connect() as connection:
        grants = load_actor(connection, scene.identity(part)).grants
    found = ["/" + one.address for one in SCREENS if one.right in grants and one.address != "customer"]
    if "customers.view" in grants and part != "partner":
        tabs = ("", "&tab=purchases", "&tab=history")
        found += [f"/customer?id={ids['id']}{tab}" for tab in tabs] + [
            f"/customer?id={ids['long']}",
            f"/customer?id={ids['zh']}",
        ]
    return found + ([f"/reports?id={ids['report']}"] if "reports.view" in grants else [])


def visit(person: Person, address: str) -> None:
    """Go to an address inside the application, as a link of ours does."""
    path = f"{person.scene.url}{address}"
    person.page.evaluate(
        "address => { history.pushState({}, '', address); window.dispatchEvent(new PopStateEvent('popstate', { state: {} })) }",
        path,
    )
    person.page.wait_for_timeout(60)  # until the browser has asked for the page
    settled(person.page)


def whole(person: Person, address: str) -> None:
    """Expect a page without a word of trouble, no wider than the screen."""
    troubles = person.page.locator(TROUBLE)
    assert troubles.count() == 0, (address, troubles.all_inner_texts())
    assert person.page.evaluate(FITS) <= 0, f"{address} scrolls sideways"
    assert person.troubles == [], address


@pytest.mark.parametrize("part", PLAYS.values())
def test_every_screen_of_a_role_opens_whole_on_a_telephone(scene, lived_in, part):
    person = scene.enter(part, **TELEPHONE)
    shown = addresses(scene, part, lived_in)
    person.open("/")
    for address in shown:
        visit(person, address)
        expect(person.page.locator(".head h1")).to_be_visible()
        whole(person, address)
    assert len(shown) >= 2


@pytest.mark.parametrize("language", ["ru", "zh"])
def test_no_english_is_left(scene, lived_in, language):
    """Whatever is written, spoken or shown by hovering is in the reader's language; names stay as they are."""
    allowed, left = _in_english_on_purpose(), {}
    for part in ("admin", "keeper", "leader"):
        person = scene.enter(part, locale=LOCALES[language], **TELEPHONE)
        wanted = [*addresses(scene, part, lived_in), "/no-such-page"]
        person.open("/")
        for address in (*wanted, *(one.format(**lived_in) for who, one in DIALOGS if who == part)):
            visit(person, address)
            if "do=" in address:
                dialog(person.page).locator("input, textarea, button[kind]").first.wait_for(state="attached")
            for line in everything(person.page).split("\n"):
                foreign = set(re.findall(r"[A-Za-z]{2,}", line)) - allowed
                if foreign:
                    left.setdefault(line.strip(), address)
            whole(person, address)
    assert not left, "\n".join(f"{address}: {line}" for line, address in left.items())


def test_every_dialog_fits_a_telephone(scene, lived_in):
    for part in ("keeper", "leader", "admin"):
        person = scene.enter(part, **TELEPHONE)
        for who, address in DIALOGS:
            if who == part:
                person.open(address.format(**lived_in))
                box = dialog(person.page).bounding_box()
                assert box["x"] >= 0, address
                assert box["x"] + box["width"] <= TELEPHONE["width"], address
                whole(person, address)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_main_button_can_be_read_in_both_themes(scene, theme):
    keeper = scene.enter("keeper", color_scheme=theme)
    keeper.open("/customers?do=new")
    button = dialog(keeper.page).get_by_role("button", name="Add customer")
    expect(button).to_be_visible()
    assert button.evaluate(CONTRAST) >= READABLE
    assert keeper.page.locator(".head .button.primary").evaluate(CONTRAST) >= READABLE


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_empty_circle_can_be_seen_and_no_page_shines_through_behind_a_dialog(scene, theme):
    keeper = scene.enter("keeper", color_scheme=theme)
    keeper.open("/customers?do=export")
    circle = dialog(keeper.page).locator("label:not(:has(:checked)) > div > div:first-child").first
    expect(circle).to_be_visible()
    assert circle.evaluate(CONTRAST.replace("style.color", "style.borderTopColor")) >= VISIBLE
    veil = keeper.page.get_by_test_id("stDialog").evaluate("node => getComputedStyle(node).backgroundColor")
    assert max(map(int, re.findall(r"\d+", veil)[:3])) < DIM


def test_a_hand_written_address_beyond_ones_role_leads_to_the_first_page(scene):
    rep = scene.enter("rep")
    for address in ("/users", "/rights", "/audit", "/backups", "/imports", "/settings"):
        rep.open(address)
        expect(rep.page.get_by_text("There is no such page")).to_be_visible()
        expect(rep.page.get_by_role("heading", name="Good day")).to_be_visible()
