"""The story that everything else stands on.

A record keeper imports a real customer file. A sales rep finds a customer and logs a call. The team leader, in another browser,
sees the counter move within two seconds without touching anything. A rep of another team sees nothing of it.
"""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import func, select

from crm import plans
from crm.core import clock
from crm.customers import Customer
from tests.browser.scene import Person, Scene, choose, counter, dialog, everything, press, settled
from tests.cast import NORTH

TRIES = 20
PROMISE_SECONDS = 2.0

WATCH = """(plan) => {
  const number = () => {
    const parts = [...document.querySelectorAll('*')].filter(one => one.shadowRoot).map(one => one.shadowRoot)
    return parts.map(one => one.querySelector(`[data-plan="${plan}"] .many`)).find(Boolean)?.firstChild?.textContent
  }
  window.moved = {}
  setInterval(() => { const text = number(); if (text && !(text in window.moved)) window.moved[text] = Date.now() }, 10)
}"""
"""Note when each number was first to be seen."""

CLICKED = "document.addEventListener('click', () => { window.clicked = Date.now() }, true)"


def import_file(keeper: Person, path: Path, rows: str) -> None:
    """Import a file as a person does: upload, say whose the customers are, look at the preview, run."""
    page = keeper.page
    keeper.open("/imports")
    page.get_by_role("link", name="Import a file").first.click()
    dialog(page).locator("input[type=file]").set_input_files(path)
    expect(page.get_by_role("heading", name=path.name)).to_be_visible()
    choose(page, "Responsible", "Ivan Rep")
    press(page.get_by_role("button", name="Show the preview"))
    expect(page.get_by_text("The first rows, as they will be stored")).to_be_visible()
    press(page.get_by_role("button", name=f"Import {rows} rows"))
    expect(page.get_by_role("link", name="Show the new customers")).to_be_visible(timeout=60_000)


def stored(scene: Scene) -> int:
    with scene.cast.unit() as u:
        return int(u.value(select(func.count(Customer.id)).where(Customer.import_id.is_not(None))))


@pytest.fixture(scope="module")
def imported(house, real_data):
    """Both real files, imported through the screen by the record keeper."""
    keeper = house.enter("keeper")
    import_file(keeper, real_data / "crm_sales_opportunities" / "accounts.csv", "85")
    assert stored(house) == 85
    import_file(keeper, real_data / "marketing_campaign" / "marketing_campaign.csv", "2,240")
    assert stored(house) == 85 + 2240
    assert keeper.troubles == []
    house.empty()
    return house


@pytest.fixture
def plan_id(scene) -> int:
    today = clock.day_of(clock.now(), "UTC")
    facts = {"measure": "calls", "starts_on": today - timedelta(days=1), "ends_on": today + timedelta(days=9)}
    with scene.cast.unit(scene.cast.leader) as u:
        return plans.set_target(u, target=1000, team_id=NORTH, **facts).id


@pytest.mark.usefixtures("imported")
def test_a_rep_finds_an_imported_customer_and_logs_a_call(scene):
    rep = scene.enter("rep", sign_in=False)
    rep.sign_in()
    lines = rep.look_up("acme")
    expect(lines.first).to_contain_text("Acme Corporation")
    rep.page.keyboard.press("Enter")
    expect(rep.page.get_by_role("heading", name="Acme Corporation")).to_be_visible()
    expect(rep.page.get_by_text("2,822").first).to_be_visible()  # employees, as the file says
    rep.page.keyboard.press("l")
    dialog(rep.page).get_by_label("What was said").fill("Ordered the catalogue")
    press(dialog(rep.page).get_by_role("button", name="Log it"))
    expect(dialog(rep.page)).to_be_hidden()
    expect(rep.page.get_by_text("Ordered the catalogue")).to_be_visible()
    expect(rep.page.locator(".figures")).to_contain_text(re.compile(r"Contacts\s*1"))
    assert rep.troubles == []


@pytest.mark.usefixtures("imported")
def test_the_leaders_counter_moves_within_two_seconds(scene, plan_id, record_property):
    """Twenty calls; each is measured from the rep's click to the number on the leader's untouched page."""
    with scene.cast.unit() as u:
        customer_id = u.value(select(Customer.id).where(Customer.name == "Acme Corporation"))
    leader, rep = scene.enter("leader"), scene.enter("rep")
    leader.open("/plans")
    expect(counter(leader.page, plan_id)).to_be_visible()
    before = int(counter(leader.page, plan_id).inner_text().split()[0])
    leader.page.evaluate(WATCH, plan_id)
    rep.open(f"/customer?id={customer_id}")
    rep.page.evaluate(CLICKED)
    took = []
    for n in range(1, TRIES + 1):
        rep.page.keyboard.press("l")
        dialog(rep.page).get_by_label("What was said").fill(f"Call {n}")
        press(dialog(rep.page).get_by_role("button", name="Log it"))
        clicked = rep.page.evaluate("window.clicked")
        seen = leader.page.wait_for_function("n => window.moved[n]", arg=str(before + n)).json_value()
        took.append((seen - clicked) / 1000)
        expect(dialog(rep.page)).to_be_hidden()
        settled(rep.page)
    p95 = sorted(took)[round(TRIES * 0.95) - 1]
    record_property("p95_seconds", p95)
    print(f"\n{scene.kind}: counter seen after {min(took):.2f} to {max(took):.2f} s, p95 {p95:.2f} s")  # noqa: T201  the measured promise
    assert p95 <= PROMISE_SECONDS, took


@pytest.mark.usefixtures("imported")
def test_a_rep_of_another_team_sees_neither_customer_nor_count(scene, plan_id):
    with scene.cast.unit() as u:
        customer_id = u.value(select(Customer.id).where(Customer.name == "Acme Corporation"))
    rival = scene.enter("rival")

    rival.open("/customers?q=Acme")
    expect(rival.page.get_by_text("Nobody matches these filters.")).to_be_visible()
    rival.open("/customers?import=1")
    expect(rival.page.get_by_text("Nobody matches these filters.")).to_be_visible()

    rival.look_up("acme")
    expect(rival.page.get_by_text("Nobody found that you may see.")).to_be_visible()
    answer = rival.context.request.get(f"{scene.url}/find?q=acme")
    assert answer.ok
    assert answer.json()["found"] == []

    for address in ("", "&tab=history", "&tab=purchases", "&do=log", "&do=business&seen=1"):
        rival.open(f"/customer?id={customer_id}{address}")
        expect(rival.page.get_by_text("There is no such record, or it is not yours to see.")).to_be_visible()
        assert dialog(rival.page).count() == 0
        assert "Acme" not in everything(rival.page)

    rival.open("/plans")
    assert rival.page.locator(f'[data-plan="{plan_id}"]').count() == 0
    for address in ("/", "/interactions", "/interactions?responsible=3", "/customers"):
        rival.open(address)
        assert not re.search(r"Acme|catalogue|Call \d", everything(rival.page)), address

    rival.open("/imports")  # not for his role: he gets his own first page, and no word of the import
    assert "accounts.csv" not in everything(rival.page)
    assert rival.page.get_by_role("link", name=re.compile("export|download", re.IGNORECASE)).count() == 0
    assert rival.page.get_by_role("button", name=re.compile("export|download", re.IGNORECASE)).count() == 0
