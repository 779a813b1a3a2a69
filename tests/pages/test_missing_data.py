"""Asking for missing data as it is used: one press in the queue or on the card, and the way into the form behind the bell."""

from urllib.parse import parse_qs, urlsplit

import pytest

from crm import customers, notifications
from crm.core.people import User
from tests.cast import PARTS, a_customer
from tests.pages.screen import happened, opened, part, press, texts
from tests.test_missing_data import ask, bell
from tests.test_quality import aged


def line(at, name: str) -> dict:
    (found,) = [row for row in part(at, "queue")["rows"] if row["name"] == name]
    return found


def box(at) -> dict:
    return part(at, "quality")["boxes"][-1]


def labels(at) -> list[str]:
    return [one.label for one in at.button]


def old(cast, of="rep", **raw) -> int:
    key = a_customer(cast, of, **raw)
    aged(cast, key, 400)
    return key


def test_three_presses_in_the_queue_ask_three_colleagues_and_each_row_says_so(cast):
    keys = {name: old(cast, name, name=f"Of {name}") for name in ("rep", "mate", "rival")}
    at = opened("quality", cast.keeper)
    for name, key in keys.items():
        assert line(at, f"Of {name}")["ask"]
        at = happened(at, "queue", "ask", {"id": key})
    for name in keys:
        row = line(at, f"Of {name}")
        assert (row["ask"], row["mail"]) == (False, "")
        assert row["asked"].startswith("Kira Keeper asked for what is missing")
        assert len(bell(cast, name)) == 1


def test_a_press_that_comes_late_is_told_that_it_was_asked(cast):
    key = old(cast)
    at = opened("quality", cast.keeper)
    ask(cast, key, "leader")
    at = happened(at, "queue", "ask", {"id": key})
    assert at.session_state["_said"] == [("This was asked for less than three days ago.", False)]
    assert len(bell(cast, "rep")) == 1


@pytest.mark.parametrize("told", [None, 7, "x", {}, {"id": "1"}, {"id": None}, []])
def test_what_no_browser_of_ours_sends_asks_nobody(cast, told):
    old(cast)
    at = happened(opened("quality", cast.keeper), "queue", "ask", told)
    assert not at.exception
    assert "_said" not in at.session_state
    assert bell(cast, "rep") == []


def test_whoever_may_not_ask_has_no_button_and_a_forged_press_does_nothing(cast):
    key = old(cast)
    for name in ("rep", "executive", "admin"):
        at = opened("quality", getattr(cast, name))
        assert (line(at, "Customer of rep")["ask"], line(at, "Customer of rep")["mail"]) == (False, "")
        happened(at, "queue", "ask", {"id": key})
    assert bell(cast, "rep") == []


def test_nobody_asks_about_what_is_complete_nobodys_or_ones_own(cast):
    whole = {"industry": "Retail", "employees": 3, "city": "Kazan", "source": "file", "need": "Lamps"}
    old(cast, name="Whole", **whole)
    old(cast, None, name="Nobody's")
    old(cast, "keeper", name="Mine")
    at = opened("quality", cast.keeper)
    assert [line(at, name)["ask"] for name in ("Whole", "Nobody's", "Mine")] == [False] * 3


def test_the_letter_is_ready_with_address_subject_fields_and_the_way_to_the_card(cast):
    key = old(cast, name='Lamp & Co, "Best"?', city="Kazan", industry="Retail")
    for href in (
        line(opened("quality", cast.keeper), 'Lamp & Co, "Best"?')["mail"],
        next(
            address for _label, address, icon in box(opened("customer", cast.keeper, id=key))["links"] if icon == "mail"
        ),
    ):
        there = urlsplit(href)
        query = parse_qs(there.query)
        assert (there.scheme, there.path) == ("mailto", "rep@rapport.example")
        assert query["subject"] == ['Missing data: Lamp & Co, "Best"?']
        text = query["body"][0]
        assert text.startswith("Hello Ivan Rep,\r\n")
        assert "Employees, Source, Need" in text
        assert f"/customer?id={key}\r\n" in text


def test_a_colleague_without_an_address_gets_no_letter_and_can_be_asked(cast):
    old(cast)
    with cast.database.writing() as connection:
        table = User.__table__
        connection.execute(table.update().where(table.c.id == PARTS["rep"].id).values(email=None))
    row = line(opened("quality", cast.keeper), "Customer of rep")
    assert (row["ask"], row["mail"]) == (True, "")


def test_on_the_card_one_press_asks_and_the_box_says_who_asked_until_it_is_done(cast):
    key = a_customer(cast, industry="Retail", employees=3, city="Kazan", source="file")
    at = press(opened("customer", cast.keeper, id=key), "Ask Ivan Rep for it")
    assert "Ask Ivan Rep for it" not in labels(at)
    for name in ("keeper", "rep", "mate"):
        said = [
            text
            for _label, text, icon in box(opened("customer", getattr(cast, name), id=key))["lines"]
            if icon == "contact_support"
        ]
        assert len(said) == 1, name
        assert said[0].startswith("Kira Keeper asked for what is missing")
    with cast.unit(cast.rep) as u:
        customers.edit(u, key, {"need": "Lamps"}, seen=1)
    assert box(opened("customer", cast.keeper, id=key))["title"] == "Complete"
    assert "asked for what is missing" not in str(box(opened("customer", cast.keeper, id=key)))


def test_the_bell_leads_into_the_form_with_the_missing_field_on_top(cast):
    key = a_customer(cast, city="Kazan")
    ask(cast, key)
    with cast.unit(cast.rep) as u:
        query = notifications.latest(u)[0].query
    at = opened("customer", cast.rep, **query)
    first = next(str(one.key) for one in at.text_input)
    assert first.endswith(".industry")


def test_who_may_not_change_personal_data_is_led_to_asking_for_it(cast):
    whole = {"industry": "Retail", "employees": 3, "city": "Kazan", "source": "file", "need": "Lamps"}
    key = a_customer(cast, phones=[], **whole)
    ask(cast, key)
    with cast.unit(cast.rep) as u:
        query = notifications.latest(u)[0].query
    assert "Ask the record keeper" in labels(opened("customer", cast.rep, **query))


@pytest.mark.parametrize("name", ["rep", "mate", "service", "admin", "executive"])
def test_who_may_not_ask_has_no_button_on_the_card(cast, name):
    at = opened("customer", getattr(cast, name), id=a_customer(cast))
    assert [one for one in labels(at) if one.startswith("Ask Ivan")] == []
    assert "mailto" not in texts(at)
