"""Stages: no step from one to another is lost, in whatever way it is taken; what is done at each stands on the card."""

import pytest

from crm import audit, customers, imports, privacy, stages
from crm.core.errors import Conflict, Invalid, InvalidForm, Refused
from crm.customers import StageChange
from tests.cast import PARTS, Cast, a_customer
from tests.test_imports import ran, staged

REP, KEEPER = PARTS["rep"].id, PARTS["keeper"].id


def steps(cast: Cast, key: int, by: str = "keeper") -> list[tuple]:
    with cast.unit(getattr(cast, by)) as u:
        rows = stages.steps(u, key)
    return [(row["before"], row["after"], row["by_id"], row["reason"]) for row in rows]


def moved(cast: Cast, key: int, stage: str, by: str = "rep", **facts) -> None:
    with cast.unit(getattr(cast, by)) as u:
        customers.edit(u, key, {"stage": stage}, seen=customers.one(u, key).version, **facts)


def set_(cast: Cast, stage: str, text: str, step: str = "", *, by: str = "leader", seen: int = 0) -> None:
    with cast.unit(getattr(cast, by)) as u:
        stages.set_strategy(u, stage, text, step, seen=seen)


def test_every_step_is_kept_with_who_when_and_why(cast):
    key = a_customer(cast)
    assert steps(cast, key) == []
    moved(cast, key, "active", reason=" Bought twice ")
    moved(cast, key, "lost", by="keeper")
    assert steps(cast, key) == [
        ("active", "lost", KEEPER, None),
        ("potential", "active", REP, "Bought twice"),
    ]
    with cast.unit(cast.rep) as u:
        assert {row["at"] for row in stages.steps(u, key)} == {cast.now}
        assert len(stages.steps(u, key, most=1)) == 1


def test_what_is_no_step_is_none(cast):
    key = a_customer(cast)
    moved(cast, key, "potential", reason="nothing")
    with cast.unit(cast.rep) as u:
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
    assert steps(cast, key) == []


def test_a_step_by_an_import_is_kept_too(cast):
    key = a_customer(cast, external_number="7")
    plan = {"columns": {"name": "name", "number": "external_number", "stage": "stage"}, "on_match": "update"}
    record = ran(cast, staged(cast, "name,number,stage\nCustomer of rep,7,loyal\n", **plan))
    assert imports.State(record.state) is imports.State.FINISHED
    assert steps(cast, key) == [("potential", "loyal", KEEPER, None)]


def test_a_refused_change_is_no_step(cast):
    key = a_customer(cast, "mate")
    with pytest.raises(Refused):
        moved(cast, key, "lost")
    mine = a_customer(cast)
    with pytest.raises(InvalidForm), cast.unit(cast.rep) as u:
        customers.edit(u, mine, {"stage": "lost", "employees": "many"}, seen=1)
    with pytest.raises(Invalid) as caught:
        moved(cast, mine, "lost", reason="x" * (customers.REASON_LENGTH + 1))
    assert caught.value.field == "stage_reason"
    assert steps(cast, key) == steps(cast, mine) == []


def test_steps_of_a_hidden_customer_are_not_there(cast):
    key = a_customer(cast, "rival")
    moved(cast, key, "lost", by="rival", reason="Bankrupt")
    assert steps(cast, key, "rep") == []
    assert steps(cast, key, "mate") == []
    assert len(steps(cast, key, "rival_leader")) == 1
    with pytest.raises(Refused), cast.unit(cast.rep) as u, u.acting("test.attack", "customers.edit"):
        u.add(StageChange(customer_id=key, before="new", after="lost", at=u.now, by_id=REP))


def test_erasing_takes_the_reason_and_leaves_the_step(cast):
    key = a_customer(cast)
    moved(cast, key, "lost", reason="Ivan died")
    with cast.unit(cast.keeper) as u:
        privacy.erase(u, key, "asked")
    with cast.unit() as u:
        (row,) = u.rows(stages._STEPS, customer_id=key, most=9)
    assert (row["after"], row["reason"]) == ("lost", None)


def test_the_leader_says_what_is_done_and_everybody_who_sees_customers_reads_it(cast):
    set_(cast, "lost", "Ask why", "Call in March")
    set_(cast, "lost", "Ask why, once", "Call in April", by="executive", seen=1)
    for by in ("rep", "partner", "analyst", "rival"):
        with cast.unit(getattr(cast, by)) as u:
            found = stages.strategies(u)
        assert found["lost"]["strategy"] == "Ask why, once"
        assert set(found) == {"lost"}
    with cast.unit(cast.admin) as u:
        entries = audit.page(u, audit.Filters(verb="stages.set_strategy"))
    assert [one["who"] for one in entries] == ["Egor Executive", "Maria Leader"]


@pytest.mark.parametrize("by", ["rep", "service", "partner", "keeper", "admin", "marketer"])
def test_nobody_else_sets_a_strategy(cast, by):
    with pytest.raises(Refused):
        set_(cast, "lost", "Mine", by=by)


def test_what_cannot_be_said_is_refused_and_nobody_overwrites_another(cast):
    for stage, text, step, field in (
        ("gone", "x", "", "stage"),
        ("lost", "x" * (stages.LONGEST + 1), "", "strategy"),
        ("lost", "x", "x" * (stages.LONGEST_STEP + 1), "next_step"),
    ):
        with pytest.raises(Invalid) as caught:
            set_(cast, stage, text, step)
        assert caught.value.field == field
    set_(cast, "lost", "First")
    with pytest.raises(Conflict):
        set_(cast, "lost", "Second")
