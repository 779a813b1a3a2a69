"""One signs in once: reload, another tab and a restart of the server change nothing; what ends a sign-in ends it in every tab."""

import pytest
from playwright.sync_api import expect

from crm import users
from tests.browser.scene import PASSWORD, Person, Scene, at_sign_in, settled
from tests.cast import a_customer

OUT_SECONDS = 5
"""The promise: within this time every open tab of a sign-in that has ended shows the sign-in."""

FILTERED = "/customers?kind=company&stage=potential&mine=1"


def as_it_was(page) -> None:
    """Expect the filtered list: address, filters and rows."""
    settled(page)
    assert page.url.endswith(FILTERED), page.url
    expect(page.locator('select[name="kind"]')).to_have_value("company")
    expect(page.locator('select[name="stage"]')).to_have_value("potential")
    expect(page.get_by_role("button", name="Mine")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("link", name="Customer of rep").first).to_be_visible()
    expect(page.get_by_text("Ivan Rep").first).to_be_visible()


@pytest.fixture
def rep(scene) -> Person:
    a_customer(scene.cast)
    return scene.enter("rep")


def test_reload_new_tab_and_restart_of_the_server_find_everything_as_it_was(scene, rep):
    rep.open(FILTERED)
    as_it_was(rep.page)
    rep.page.reload()
    as_it_was(rep.page)
    as_it_was(rep.open(FILTERED, rep.tab()))

    scene.server.restart()
    as_it_was(rep.page)  # without being touched
    rep.page.reload()
    as_it_was(rep.page)
    as_it_was(rep.open(FILTERED, rep.tab()))


def test_an_address_from_a_mail_survives_the_sign_in(scene):
    customer_id = a_customer(scene.cast)
    rep = scene.enter("rep", sign_in=False)
    address = f"/customer?id={customer_id}&tab=history"
    rep.sign_in(then=address)
    assert rep.page.url.endswith(address)
    expect(rep.page.get_by_role("heading", name="Customer of rep")).to_be_visible()
    expect(
        rep.page.get_by_role("cell", name="Rapport")
    ).to_be_visible()  # who added the customer, on the tab that was asked for


def three_tabs(scene: Scene, person: Person) -> list:
    """A list, a page that sits in a fragment and is never touched, and an open dialog."""
    customer_id = a_customer(scene.cast)
    pages = [
        person.open("/customers"),
        person.open("/plans", person.tab()),
        person.open(f"/customer?id={customer_id}&do=log", person.tab()),
    ]
    expect(pages[2].get_by_role("dialog")).to_be_visible()
    return pages


def test_signing_out_in_one_tab_ends_every_tab(scene):
    rep = scene.enter("rep")
    pages = three_tabs(scene, rep)
    pages[0].get_by_role("button", name="Ivan Rep").click()
    pages[0].get_by_role("button", name="Sign out").click()
    for page in pages:
        at_sign_in(page, seconds=OUT_SECONDS)
    pages[1].goto(scene.url + "/plans")
    at_sign_in(pages[1], seconds=OUT_SECONDS)


def test_a_disabled_account_ends_every_tab_of_every_browser(scene):
    one, other = scene.enter("mate"), scene.enter("mate")
    pages = [*three_tabs(scene, one), other.open("/plans")]
    with scene.cast.unit(scene.cast.admin) as u:
        users.disable(u, scene.id_of("mate"))
    try:
        for page in pages:
            at_sign_in(page, seconds=OUT_SECONDS)
        other.page.locator("[name=username]").fill("mate")
        other.page.locator("[name=password]").fill(PASSWORD)
        other.page.locator("main button").click()
        expect(other.page.locator(".trouble")).to_be_visible()
    finally:
        with scene.cast.unit(scene.cast.admin) as u:
            users.enable(u, scene.id_of("mate"))


def test_the_tab_of_a_stranger_never_shows_anything(scene):
    stranger = scene.enter("rep", sign_in=False)
    for address in ("/", "/customers", "/customer?id=1", "/plans", "/users"):
        stranger.page.goto(scene.url + address)
        at_sign_in(stranger.page, seconds=OUT_SECONDS)
        assert stranger.page.locator('[data-testid="stApp"]').count() == 0
