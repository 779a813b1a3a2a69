"""One decision, one effect: however a button is pressed, and whatever happens to the tab afterwards."""

import pytest
from playwright.sync_api import expect

from crm import customers
from tests.browser.scene import Person, Scene, dialog, press, settled
from tests.cast import a_customer


def opened(scene: Scene) -> tuple[Person, int]:
    """A rep before the half-filled dialog of a call."""
    customer_id = a_customer(scene.cast)
    rep = scene.enter("rep")
    rep.open(f"/customer?id={customer_id}&do=log")
    dialog(rep.page).get_by_label("What was said").fill("Wants a second offer")
    return rep, customer_id


def contacts(scene: Scene, customer_id: int) -> int:
    with scene.cast.unit() as u:
        return customers.one(u, customer_id).interaction_count


def test_a_double_click_logs_one_call(scene):
    rep, customer_id = opened(scene)
    dialog(rep.page).get_by_role("button", name="Log it").dblclick()
    expect(dialog(rep.page)).to_be_hidden()
    expect(rep.page.get_by_text("Wants a second offer")).to_be_visible()
    settled(rep.page)
    assert [one.note for one in scene.logged(customer_id)] == ["Wants a second offer"]
    assert contacts(scene, customer_id) == 1


@pytest.mark.parametrize("pause", [0, 40, 150])
def test_a_second_click_while_the_first_is_at_work_logs_one_call(scene, pause):
    rep, customer_id = opened(scene)
    button = dialog(rep.page).get_by_role("button", name="Log it").bounding_box()
    where = button["x"] + button["width"] / 2, button["y"] + button["height"] / 2
    rep.page.mouse.click(*where)
    rep.page.wait_for_timeout(pause)
    rep.page.mouse.click(*where)
    expect(dialog(rep.page)).to_be_hidden()
    expect(rep.page.get_by_text("Wants a second offer")).to_be_visible()
    settled(rep.page)
    assert len(scene.logged(customer_id)) == contacts(scene, customer_id) == 1


def test_two_calls_one_after_the_other_are_two(scene):
    rep, customer_id = opened(scene)
    press(dialog(rep.page).get_by_role("button", name="Log it"))
    expect(dialog(rep.page)).to_be_hidden()
    rep.page.keyboard.press("l")
    note = dialog(rep.page).get_by_label("What was said")
    expect(note).to_have_count(1)  # the former one goes when the new dialog is drawn to its end
    expect(note).to_have_value("")
    note.fill("Called again")
    press(dialog(rep.page).get_by_role("button", name="Log it"))
    expect(dialog(rep.page)).to_be_hidden()
    assert [one.note for one in scene.logged(customer_id)] == ["Wants a second offer", "Called again"]
    assert contacts(scene, customer_id) == 2


@pytest.mark.parametrize("pause", [0, 30, 120])
def test_a_tab_closed_after_the_click_leaves_one_whole_effect_or_none(scene, pause):
    rep, customer_id = opened(scene)
    dialog(rep.page).get_by_role("button", name="Log it").click(no_wait_after=True)
    rep.page.wait_for_timeout(pause)
    rep.page.close()
    again = rep.tab()
    rep.open(f"/customer?id={customer_id}", again)
    rows = scene.logged(customer_id)
    assert len(rows) == contacts(scene, customer_id) <= 1
    assert [one.note for one in rows] in ([], ["Wants a second offer"])
