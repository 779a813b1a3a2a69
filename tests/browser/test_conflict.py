"""Two people, one customer: the second sees mine, theirs and the original, and nothing is lost."""

from playwright.sync_api import Locator, expect

from crm import customers
from tests.browser.scene import Person, Scene, dialog, press, settled
from tests.cast import EMAIL, PHONE, a_customer


def stored(scene: Scene, customer_id: int) -> dict[str, object]:
    with scene.cast.unit() as u:
        return customers.values(u, customer_id)


def editing(scene: Scene, part: str, customer_id: int, group: str) -> Person:
    """Somebody with the dialog of a group of fields open, come to it as people do: from the card."""
    person = scene.enter(part)
    person.open(f"/customer?id={customer_id}")
    edits = person.page.get_by_role("link", name="Edit")
    edits.nth(0 if group == "personal" else -1).click()
    expect(dialog(person.page).get_by_role("button", name="Save")).to_be_visible()
    return person


def field(person: Person, label: str) -> Locator:
    return dialog(person.page).get_by_label(label, exact=True)


def save(person: Person, button: str = "Save") -> None:
    press(dialog(person.page).get_by_role("button", name=button))


def test_the_second_to_save_sees_all_three_and_nothing_is_lost(scene):
    customer_id = a_customer(scene.cast, city="Tver", industry="retail")
    rep, leader = (editing(scene, part, customer_id, "business") for part in ("rep", "leader"))

    field(leader, "City").fill("Kazan")
    field(leader, "Industry").fill("wholesale")
    save(leader)
    expect(dialog(leader.page)).to_be_hidden()

    field(rep, "City").fill("Omsk")
    field(rep, "Need").fill("Wants shelves")
    save(rep)
    asked = dialog(rep.page)
    expect(asked.get_by_text("Maria Leader saved this customer while you were writing")).to_be_visible()
    for choice in ("Mine: Omsk", "Theirs: Kazan", "Original: Tver"):
        expect(asked.get_by_text(choice, exact=True)).to_be_visible()
    expect(asked.get_by_text("wholesale")).to_be_hidden()  # only the leader changed it: nothing to decide
    assert stored(scene, customer_id)["city"] == "Kazan"  # nothing is written before the decision

    asked.get_by_text("Mine: Omsk", exact=True).click()
    save(rep, "Save what I chose")
    expect(dialog(rep.page)).to_be_hidden()
    expect(rep.page.get_by_text("Omsk").first).to_be_visible()
    kept = stored(scene, customer_id)
    assert (kept["city"], kept["industry"], kept["need"]) == ("Omsk", "wholesale", "Wants shelves")


def test_theirs_can_be_kept(scene):
    customer_id = a_customer(scene.cast, city="Tver")
    rep, leader = (editing(scene, part, customer_id, "business") for part in ("rep", "leader"))
    for person, city in ((leader, "Kazan"), (rep, "Omsk")):
        field(person, "City").fill(city)
        save(person)
    dialog(rep.page).get_by_text("Theirs: Kazan", exact=True).click()
    save(rep, "Save what I chose")
    expect(dialog(rep.page)).to_be_hidden()
    assert stored(scene, customer_id)["city"] == "Kazan"


def test_changes_of_different_fields_need_no_decision(scene):
    customer_id = a_customer(scene.cast)
    first, second = (editing(scene, "keeper", customer_id, "personal") for _ in range(2))
    field(first, "Phones").fill(f"{PHONE}, +7 495 765-43-21")
    save(first)
    expect(dialog(first.page)).to_be_hidden()

    field(second, "E-mail addresses").fill(f"{EMAIL}, second@example.com")
    save(second)
    expect(second.page.get_by_text("Kira Keeper had saved this customer meanwhile")).to_be_visible()
    expect(dialog(second.page)).to_be_hidden()
    kept = stored(scene, customer_id)
    assert tuple(kept["phones"]) == (PHONE, "+7 495 765-43-21")
    assert tuple(kept["emails"]) == (EMAIL, "second@example.com")


def test_after_a_restart_of_the_server_nothing_of_theirs_is_overwritten_unasked(scene):
    customer_id = a_customer(scene.cast, city="Tver")
    rep, leader = (editing(scene, part, customer_id, "business") for part in ("rep", "leader"))
    field(rep, "Need").fill("Wants shelves")
    field(leader, "City").fill("Kazan")
    save(leader)
    expect(dialog(leader.page)).to_be_hidden()
    scene.server.restart()
    settled(rep.page)
    expect(field(rep, "Need")).to_have_value("Wants shelves")

    save(rep)
    asked = dialog(rep.page)
    expect(asked.get_by_text("Theirs: Kazan", exact=True)).to_be_visible()
    asked.get_by_text("Theirs: Kazan", exact=True).click()
    save(rep, "Save what I chose")
    expect(dialog(rep.page)).to_be_hidden()
    kept = stored(scene, customer_id)
    assert (kept["city"], kept["need"]) == ("Kazan", "Wants shelves")
