"""The page of quality as it is used: the queue falls as one verifies, every figure opens the very customers that it counts."""

import pytest

from crm import customers
from tests.cast import PARTS, a_customer
from tests.pages.screen import field, opened, part, press, rows, texts
from tests.test_quality import aged


def figures(at):
    return dict(part(at, "head")["figures"])


def waiting(at):
    found = part(at, "queue")
    return [] if found is None else [row["name"] for row in found["rows"]]


def old(cast, of="rep", name="Old", **raw):
    key = a_customer(cast, of, name=name, **raw)
    aged(cast, key, 400)
    return key


def test_the_queue_shows_who_waits_and_who_may_verify_has_a_button(cast):
    old(cast, name="Mine")
    old(cast, "mate", name="Theirs")
    a_customer(cast, name="New")
    at = opened("quality", cast.leader)
    assert waiting(at) == ["Mine", "Theirs"]
    assert [row["act"] for row in part(at, "queue")["rows"]] == [True, True]
    assert figures(at) == {"Customers": "3", "Completeness": "44%", "Verified within 180 days": "0%", "To verify": "2"}
    assert waiting(opened("quality", cast.leader, responsible=PARTS["mate"].id)) == ["Theirs"]
    assert waiting(opened("quality", cast.leader, days=730)) == []
    assert [row["act"] for row in part(opened("quality", cast.admin), "queue")["rows"]] == [False, False]


def test_verified_on_the_card_in_one_click_falls_out_of_the_queue_and_says_who_and_when(cast):
    key = old(cast)
    at = opened("customer", cast.rep, id=key)
    assert "not verified since" in part(at, "quality")["boxes"][0]["note"]
    at = press(at, "Verified today")
    assert "Ivan Rep" in part(at, "quality")["boxes"][0]["note"]
    at = opened("quality", cast.rep)
    assert "Nothing waits" in part(at, "empty-empty")["sentence"]
    assert figures(at)["Verified within 180 days"] == "100%"


@pytest.mark.parametrize("name", ["mate", "service", "admin"])
def test_who_may_not_verify_has_no_button_on_the_card(cast, name):
    at = opened("customer", getattr(cast, name), id=old(cast))
    assert "Verified today" not in [one.label for one in at.button]


def test_data_are_verified_while_they_are_changed_only_when_the_box_is_ticked(cast):
    key = old(cast)
    for ticked, version in ((False, 1), (True, 2)):
        at = opened("customer", cast.keeper, id=key, do="personal", seen=version)
        field(at, "emails").set_value(f"v{version}@example.com")
        if ticked:
            field(at, "verified").check()
        press(at, "Save")
        with cast.unit() as u:
            one = customers.one(u, key)
            assert (one.verified_by_id == PARTS["keeper"].id) is ticked


def test_each_person_is_shown_with_number_and_average_that_open_the_customers(cast):
    old(cast, city="Kazan")
    a_customer(cast, "mate")
    a_customer(cast, None)
    at = opened("quality", cast.keeper, tab="people")
    assert {row[0]: row[1:] for row in rows(at, "people")} == {
        "nobody": ["1", "44%", "0", "0"],
        "Olga Mate": ["1", "44%", "0", "0"],
        "Ivan Rep": ["1", "55%", "0", "1"],
    }
    for row in part(at, "people")["rows"]:
        query = dict(one.split("=", 1) for one in row["href"].partition("?")[2].split("&"))
        listed = rows(opened("customers", cast.keeper, **query), "customers")
        assert len(listed) == 1


@pytest.mark.parametrize("name", ["service", "partner", "marketer", "analyst"])
def test_who_has_nothing_to_do_with_it_finds_no_page(cast, name):
    at = opened("quality", getattr(cast, name))
    assert part(at, "queue") is None
    assert "Ivan Rep" not in texts(at)
