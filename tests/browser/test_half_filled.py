"""A restart of the server in the middle of everything: nothing typed is lost, every button works, and what moved goes on moving."""

import re
from datetime import timedelta

from playwright.sync_api import expect
from sqlalchemy import select

from crm import customers, plans
from crm.core import clock
from tests.browser.scene import Scene, counter, dialog, press, settled
from tests.cast import NORTH, a_call, a_customer


def a_plan(scene: Scene) -> int:
    today = clock.day_of(clock.now(), "UTC")
    facts = {"measure": "interactions", "starts_on": today - timedelta(days=2), "ends_on": today + timedelta(days=20)}
    with scene.cast.unit() as u:
        return plans.set_target(u, target=500, team_id=NORTH, **facts).id


def done(scene: Scene, plan_id: int) -> int:
    with scene.cast.unit() as u:
        return next(one.done for one in plans.progress(u, clock.day_of(clock.now(), "UTC")) if one.plan_id == plan_id)


def test_a_restart_loses_nothing_and_everything_goes_on(scene):
    """Four people in the middle of something; one restart."""
    customer_id, plan_id = a_customer(scene.cast), a_plan(scene)

    rep = scene.enter("rep")  # a dialog: typed text and chosen chips
    rep.open(f"/customer?id={customer_id}&do=log")
    call = dialog(rep.page)
    call.get_by_label("What was said").fill("Half a senten")
    call.get_by_text("Order", exact=True).click()
    expect(call.get_by_role("radio", name="Order")).to_be_checked()

    keeper = scene.enter("keeper")  # a dialog with several fields, the last one still under the cursor
    keeper.open("/customers?do=new")
    new = dialog(keeper.page)
    typed = {"Name *": "Half Filled Ltd", "Phones": "+7 916 765-43-21", "Address *": "Lenin Street 1", "City": "Perm"}
    for label, value in typed.items():
        new.get_by_label(label, exact=True).fill(value)

    leader = scene.enter("leader")  # a fragment that nobody touches
    leader.open("/plans")
    expect(counter(leader.page, plan_id)).to_have_text(f"{done(scene, plan_id)} of 500")

    mate = scene.enter("mate")  # a password
    mate.open("/account?do=password")
    mate.page.get_by_label("Present password").fill("seven quiet ott")

    scene.server.restart()
    for person in (rep, keeper, leader, mate):
        settled(person.page)

    expect(call.get_by_label("What was said")).to_have_value("Half a senten")
    expect(call.get_by_role("radio", name="Order")).to_be_checked()
    call.get_by_label("What was said").press("End")
    rep.page.keyboard.type("ce")
    press(call.get_by_role("button", name="Log it"))
    expect(call).to_be_hidden()
    assert [(one.note, one.outcome) for one in scene.logged(customer_id)] == [("Half a sentence", "order")]

    expect(counter(leader.page, plan_id)).to_have_text(f"{done(scene, plan_id)} of 500")
    a_call(scene.cast, customer_id)
    expect(counter(leader.page, plan_id)).to_have_text(f"{done(scene, plan_id)} of 500")

    for label, value in typed.items():
        expect(new.get_by_label(label, exact=True)).to_have_value(value)
    press(new.get_by_role("button", name="Add customer"))
    expect(keeper.page.get_by_role("heading", name="Half Filled Ltd")).to_be_visible()
    with scene.cast.unit() as u:
        found = u.all(select(customers.Customer).where(customers.Customer.name == "Half Filled Ltd"))
        assert [one.city for one in found] == ["Perm"]

    expect(mate.page.get_by_label("Present password")).to_have_value("seven quiet ott")


def test_a_button_pressed_while_the_server_is_away_is_not_pressed_for_nothing(scene):
    """Whoever presses in the very moment that the connection is back gets the one effect."""
    customer_id = a_customer(scene.cast)
    rep = scene.enter("rep")
    rep.open(f"/customer?id={customer_id}&do=log")
    dialog(rep.page).get_by_label("What was said").fill("Pressed at once")
    scene.server.restart()
    dialog(rep.page).get_by_role(
        "button", name="Log it"
    ).click()  # as soon as it can be pressed, without waiting for anything else
    expect(rep.page).not_to_have_url(re.compile("do=log"))  # the dialog is drawn anew meanwhile: hidden is not closed
    expect(dialog(rep.page)).to_be_hidden()
    assert [one.note for one in scene.logged(customer_id)] == ["Pressed at once"]


def test_what_was_typed_survives_closing_and_reload_until_it_is_saved(scene):
    customer_id = a_customer(scene.cast)
    rep = scene.enter("rep")
    rep.open(f"/customer?id={customer_id}")
    rep.page.keyboard.press("l")
    call = dialog(rep.page)
    call.get_by_label("What was said").fill("To be continued")
    press(call.get_by_text("Order", exact=True))
    rep.page.keyboard.press("Escape")
    expect(call).to_be_hidden()

    rep.page.keyboard.press("l")
    expect(call.get_by_label("What was said")).to_have_value("To be continued")
    expect(call.get_by_role("radio", name="Order")).to_be_checked()
    rep.page.reload()
    expect(call.get_by_label("What was said")).to_have_value("To be continued")
    expect(call.get_by_role("radio", name="Order")).to_be_checked()
    press(call.get_by_role("button", name="Log it"))
    expect(call).to_be_hidden()
    assert [(one.note, one.outcome) for one in scene.logged(customer_id)] == [("To be continued", "order")]

    rep.page.keyboard.press("l")
    expect(call.get_by_label("What was said")).to_have_value("")
    expect(call.get_by_role("radio", name="Finished")).to_be_checked()


LATE = """box => { const late = box.cloneNode(); late.value = ""; setTimeout(() => box.replaceWith(late), 400) }"""


def test_a_field_that_a_slow_machine_draws_later_than_the_others_is_filled_too(scene):
    rep = scene.enter("rep")
    rep.open(f"/customer?id={a_customer(scene.cast)}&do=log")
    said = dialog(rep.page).get_by_label("What was said")
    said.fill("To be continued")
    said.evaluate(LATE)
    rep.page.wait_for_timeout(500)
    expect(said).to_have_value("To be continued")
    said.fill("What is typed then stays")
    rep.page.wait_for_timeout(500)
    expect(said).to_have_value("What is typed then stays")
