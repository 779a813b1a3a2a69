"""Stages as they are used: the strategy on the card, the steps in its history, where leaders set what is done."""

import pytest

from crm import customers, stages
from tests.cast import a_customer
from tests.pages.screen import field, opened, part, press, rows, texts

MARKUP = "**b** [x](http://evil.example) <b>"


def boxes(at):
    return {box["title"]: box for box in part(at, "quality")["boxes"]}


def test_a_leader_sets_the_strategy_and_it_stands_on_the_card(cast):
    key = a_customer(cast, "rep")
    assert "Stage: Potential" not in boxes(opened("customer", cast.rep, id=key))
    at = opened("stages", cast.leader, do="strategy", stage="potential", seen=0)
    field(at, "strategy").set_value(f"Find out what they need {MARKUP}")
    field(at, "next_step").set_value("Call within two days")
    press(at, "Save")
    assert rows(opened("stages", cast.rep), "stages")[0] == [
        "Potential",
        f"Find out what they need {MARKUP}",
        "Call within two days",
    ]
    box = boxes(opened("customer", cast.rep, id=key))["Stage: Potential"]
    assert box["lines"] == [
        ["", f"Find out what they need {MARKUP}", "strategy"],
        ["Next step", "Call within two days", ""],
    ]


def test_a_stage_is_changed_with_a_reason_and_the_card_tells_the_way(cast):
    key = a_customer(cast, "rep")
    at = opened("customer", cast.rep, id=key, do="business", seen=1)
    field(at, "stage").set_value("lost")
    field(at, "stage_reason").set_value("Bankrupt")
    press(at, "Save")
    at = opened("customer", cast.rep, id=key, tab="history")
    assert rows(at, "steps")[0][1:] == ["Lost", "Potential", "Ivan Rep", "Bankrupt"]
    note = boxes(at)["Stage: Lost"]["note"]
    assert "before: Potential" in note
    assert "Ivan Rep · Bankrupt" in note


def test_somebody_elses_strategy_is_not_overwritten(cast):
    at = opened("stages", cast.leader, do="strategy", stage="lost", seen=0)
    with cast.unit(cast.executive) as u:
        stages.set_strategy(u, "lost", "Let them go", "", seen=0)
    field(at, "strategy").set_value("Win them back")
    at = press(at, "Save")
    assert "Somebody has changed this meanwhile" in texts(at)
    with cast.unit() as u:
        assert stages.strategies(u)["lost"]["strategy"] == "Let them go"


@pytest.mark.parametrize("name", ["rep", "keeper", "partner"])
def test_others_read_and_find_no_way_to_set_it_even_by_the_address(cast, name):
    at = opened("stages", getattr(cast, name), do="strategy", stage="lost", seen=0)
    assert not at.button
    assert not at.text_area
    assert len(rows(at, "stages")) == len(customers.STAGES)
