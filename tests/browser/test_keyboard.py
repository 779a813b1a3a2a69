"""Hands: the look-up, a logged call and a dialog without a mouse, and few clicks with one."""

import re

from playwright.sync_api import expect

from tests.browser.scene import ONCE, dialog, settled
from tests.cast import a_customer

pytestmark = ONCE


def test_slash_letters_and_enter_open_a_customer(scene):
    wanted, _ = a_customer(scene.cast, name="Ursa Minor Ltd"), a_customer(scene.cast, name="Ursa Major Ltd")
    rep = scene.enter("rep")
    rep.open("/plans")
    lines = rep.look_up("ursa")
    expect(lines).to_have_count(2)
    place = lines.all_inner_texts()
    for _ in range([one.startswith("Ursa Minor") for one in place].index(True)):
        rep.page.keyboard.press("ArrowDown")
    rep.page.keyboard.press("Enter")
    expect(rep.page.get_by_role("heading", name="Ursa Minor Ltd")).to_be_visible()
    assert rep.page.url.endswith(f"/customer?id={wanted}")
    expect(rep.page.locator(".find .drop")).to_be_hidden()


def test_escape_leaves_the_look_up_and_closes_a_dialog(scene):
    customer_id = a_customer(scene.cast)
    rep = scene.enter("rep")
    rep.open(f"/customer?id={customer_id}")
    rep.look_up("customer of")
    expect(rep.page.locator(".find .drop a").first).to_be_visible()
    rep.page.keyboard.press("Escape")
    expect(rep.page.locator(".find .drop")).to_be_hidden()
    rep.page.keyboard.press("l")
    expect(dialog(rep.page)).to_be_visible()
    rep.page.keyboard.press("Escape")
    expect(dialog(rep.page)).to_be_hidden()
    expect(rep.page.locator(".head h1")).to_be_visible()
    expect(rep.page).not_to_have_url(re.compile("do="))


def test_escape_closes_a_dialog_that_has_not_taken_the_focus_yet(scene):
    rep = scene.enter("rep")
    rep.open(f"/customer?id={a_customer(scene.cast)}&do=log")
    expect(dialog(rep.page)).to_be_visible()
    rep.page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))")
    expect(dialog(rep.page)).to_be_hidden()
    expect(rep.page).not_to_have_url(re.compile("do="))


def test_a_call_is_logged_by_keys_alone(scene):
    customer_id = a_customer(scene.cast)
    rep = scene.enter("rep")
    rep.open(f"/customer?id={customer_id}")
    rep.page.keyboard.press("l")
    expect(dialog(rep.page).get_by_label("What was said")).to_be_focused()
    rep.page.keyboard.type("Asked for the price list")
    rep.page.keyboard.press("Control+Enter")
    expect(dialog(rep.page)).to_be_hidden()
    expect(rep.page.get_by_text("Asked for the price list")).to_be_visible()
    assert [one.note for one in scene.logged(customer_id)] == ["Asked for the price list"]


def test_a_call_takes_three_clicks_and_one_line(scene):
    """From the card: 'Log a contact', the result, 'Log it'. Four were allowed."""
    customer_id = a_customer(scene.cast)
    rep = scene.enter("rep")
    rep.open(f"/customer?id={customer_id}")
    rep.page.get_by_role("link", name="Log a contact").click()
    expect(dialog(rep.page).get_by_label("What was said")).to_be_focused()
    rep.page.keyboard.type("Nobody there")
    expect(dialog(rep.page).get_by_label("What was said")).to_have_value("Nobody there")
    dialog(rep.page).get_by_text("No answer", exact=True).click(delay=100)
    dialog(rep.page).get_by_role("button", name="Log it").click(delay=100)
    expect(dialog(rep.page)).to_be_hidden()
    assert [(one.kind, one.outcome, one.note) for one in scene.logged(customer_id)] == [
        ("call", "no_answer", "Nobody there")
    ]


def test_enter_saves_where_a_field_has_one_line(scene):
    customer_id = a_customer(scene.cast)
    keeper = scene.enter("keeper")
    keeper.open(f"/customer?id={customer_id}&do=personal&seen=1")
    name = dialog(keeper.page).get_by_label("Name *", exact=True)
    expect(name).to_be_focused()
    name.fill("Renamed by keys")
    keeper.page.keyboard.press("Enter")
    expect(dialog(keeper.page)).to_be_hidden()
    expect(keeper.page.get_by_role("heading", name="Renamed by keys")).to_be_visible()


def test_letters_typed_into_a_field_are_no_commands(scene):
    a_customer(scene.cast)
    rep = scene.enter("rep")
    rep.open("/customers")
    box = rep.page.get_by_role("searchbox", name="Name, phone, e-mail or number")
    box.click()
    rep.page.keyboard.type("n/l")
    expect(box).to_have_value("n/l")
    settled(rep.page)
    assert dialog(rep.page).count() == 0
