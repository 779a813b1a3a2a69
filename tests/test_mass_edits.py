"""Mass edits: all customers of a list at once, within every right, told on each card, and undone without losing later work."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from crm import audit, customers, mass_edits, merges, notifications, privacy, rights, stages, tags
from crm.core.errors import Conflict, Invalid, InvalidForm, NotFound, Refused
from crm.customers import Customer, Filters
from crm.fields import OWN
from crm.mass_edits import MassEditRow, Preview, State, Wish
from tests.cast import NOW, PARTS, Cast, a_customer, a_field, a_type, is_measured

REP, MATE, RIVAL = (PARTS[one].id for one in ("rep", "mate", "rival"))
EVERYBODY, LOST = Filters(), Wish({"stage": "lost"})


def some(cast: Cast, count: int, of: str | None = "rep", **raw: Any) -> list[int]:
    return [a_customer(cast, of, name=f"Customer {n}", phones=[], emails=[], **raw) for n in range(count)]


def looked(cast: Cast, wish: Wish, *, part: str = "keeper", filters: Filters = EVERYBODY) -> Preview:
    with cast.unit(getattr(cast, part)) as u:
        return mass_edits.preview(u, filters, wish)


def done(cast: Cast, wish: Wish, *, part: str = "keeper", filters: Filters = EVERYBODY) -> mass_edits.MassEdit:
    who, seen = getattr(cast, part), looked(cast, wish, part=part, filters=filters).count
    with cast.unit(who) as u:
        asked = mass_edits.ask(u, filters, wish, seen=seen).id
    return run(cast, asked, part=part)


def run(cast: Cast, asked: int, *, part: str = "keeper") -> mass_edits.MassEdit:
    mass_edits.all_now(cast.database, getattr(cast, part), asked)
    with cast.unit(getattr(cast, part)) as u:
        return mass_edits.one(u, asked)


def undone(cast: Cast, record: mass_edits.MassEdit, *, part: str = "keeper", now=NOW) -> mass_edits.MassEdit:
    with cast.unit(getattr(cast, part), now=now) as u:
        mass_edits.undo(u, record.id)
    return run(cast, record.id, part=part)


def counts(record: mass_edits.MassEdit) -> tuple[int, int, int]:
    return record.changed_count, record.same_count, record.left_count


def facts(cast: Cast, key: int, *names: str) -> tuple[Any, ...]:
    with cast.unit() as u:
        customer = u.get(Customer, key)
        return tuple(customer.extra.get(one) if one.startswith(OWN) else getattr(customer, one) for one in names)


def tagged(cast: Cast, key: int) -> list[str]:
    with cast.unit() as u:
        return [one["name"] for one in tags.of(u, [key]).get(key, [])]


# --- looking before ---------------------------------------------------------------


def test_the_preview_counts_and_shows_what_stands_there_and_changes_nothing(cast):
    some(cast, 2, stage="loyal")
    some(cast, 3, stage="lost")
    seen = looked(cast, LOST)
    assert (seen.count, seen.same, dict(seen.changes)) == (5, 3, {"stage": "lost"})
    assert sorted(row["stage"] for row in seen.before) == ["lost"] * 3 + ["loyal"] * 2
    assert facts(cast, 1, "stage") == ("loyal",)
    assert looked(cast, LOST, filters=Filters(stage="loyal")).count == 2


def test_nothing_to_change_and_what_is_wrong_is_said_beside_its_field(cast):
    some(cast, 1)
    with pytest.raises(Invalid, match="choose what") as nothing:
        looked(cast, Wish())
    assert nothing.value.field == "what"
    with pytest.raises(InvalidForm) as wrong:
        looked(cast, Wish({"stage": "gone", "employees": "many", "city": "x" * 300}))
    assert set(wrong.value.faults) == {"stage", "employees", "city"}
    for personal in ("name", "phones", "address", "external_number", "extra", "archived_at"):
        with pytest.raises(InvalidForm):
            looked(cast, Wish({personal: "x"}))
    for nobody in (PARTS["gone"].id, 999):
        with pytest.raises(Invalid, match="no such colleague"):
            looked(cast, Wish(hand_over=True, responsible_id=nobody))


# --- changing ---------------------------------------------------------------------


def test_every_field_that_is_offered_changes_on_every_customer_of_the_list(cast):
    size = a_field(cast, "Size", "number").key
    mine = some(cast, 3)
    (other,) = some(cast, 1, stage="loyal")
    wished = {"source": "exhibition", "source_detail": "Canton", "industry": "Toys", "employees": "50", "need": "Lamps"}
    wished |= {"country": "CN", "region": "Hebei", "city": "Tangshan", "stage": "active", size: "4,5"}
    record = done(cast, Wish(wished, on=["VIP"]), filters=Filters(stage="potential"))
    assert (record.state, counts(record)) == (State.FINISHED, (3, 0, 0))
    for key in mine:
        assert facts(cast, key, *wished) == tuple(
            {"employees": 50, size: "4.5"}.get(one, value) for one, value in wished.items()
        )
        assert tagged(cast, key) == ["VIP"]
    assert facts(cast, other, "city") == (None,)
    with cast.unit() as u:
        filtered = Filters(own=((size, "4.5"),))
        assert customers.count(u, filtered) == 3, "own fields are found by their new value"


def test_who_has_it_already_is_not_touched_and_whose_kind_it_is_not_for_is_left(cast):
    vat = a_field(cast, "Branch", whose="company").key
    company, same = a_customer(cast, kind="company"), a_customer(cast, kind="company", **{vat: "North"})
    person = a_customer(cast, kind="person", name="Ivanov")
    record = done(cast, Wish({vat: "North"}))
    assert counts(record) == (1, 1, 1)
    assert [facts(cast, key, vat, "version") for key in (company, same, person)] == [
        ("North", 2),
        ("North", 1),
        (None, 1),
    ]


def test_an_empty_field_empties_and_a_mandatory_one_elsewhere_does_not_stop_it(cast):
    key = a_customer(cast, city="Perm")
    a_field(cast, "Contract", mandatory=True)
    assert counts(done(cast, Wish({"city": ""}))) == (1, 0, 0)
    assert facts(cast, key, "city") == (None,)


def test_the_history_of_each_card_tells_the_change(cast):
    key = a_customer(cast, stage="loyal")
    done(cast, Wish({"stage": "lost"}, on=["Old"]))
    with cast.unit() as u:
        told = [row for row in audit.history(u, "customers", key).to_dict("records") if row["verb"].startswith("mass_")]
    assert {name: tuple(pair) for row in told for name, pair in row["changes"].items()} == {
        "stage": ("loyal", "lost"),
        "tags": ("", "Old"),
    }
    assert {row["actor_id"] for row in told} == {PARTS["keeper"].id}


def test_handed_over_they_go_to_the_team_of_whoever_gets_them(cast):
    (key,) = some(cast, 1)
    done(cast, Wish(hand_over=True, responsible_id=RIVAL))
    assert facts(cast, key, "responsible_id", "team_id") == (RIVAL, PARTS["rival"].team_id)


def test_a_form_that_was_open_meanwhile_is_in_conflict(cast):
    (key,) = some(cast, 1)
    done(cast, LOST)
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        customers.edit(u, key, {"city": "Perm"}, seen=1)


def test_many_are_changed_by_a_job_and_a_killed_one_goes_on_where_it_was(cast, monkeypatch):
    monkeypatch.setattr(mass_edits.run, "AT_ONCE", 2)
    monkeypatch.setattr(mass_edits.run, "CHUNK", 2)
    keys = some(cast, 5)
    with cast.unit(cast.keeper) as u:
        record = mass_edits.ask(u, Filters(), LOST, seen=5)
        assert record.job_id
    with cast.unit(cast.keeper) as u:
        assert mass_edits.change_some(u, record.id) == 2
    assert [facts(cast, key, "stage") for key in keys].count(("lost",)) == 2, "killed here"
    assert counts(run(cast, record.id)) == (5, 0, 0)
    assert all(facts(cast, key, "stage", "version") == ("lost", 2) for key in keys), "nobody twice"


def test_a_few_are_changed_at_once_and_no_bell_rings(cast):
    (key,) = some(cast, 1)
    with cast.unit(cast.keeper) as u:
        mass_edits.ask(u, Filters(), LOST, seen=1)
    assert facts(cast, key, "stage") == ("lost",)
    with cast.unit(cast.keeper) as u:
        assert notifications.latest(u) == []


def test_a_stopped_one_keeps_what_it_did_and_can_be_undone(cast, monkeypatch):
    monkeypatch.setattr(mass_edits.run, "CHUNK", 2)
    keys = some(cast, 5, stage="loyal")
    with cast.unit(cast.keeper) as u:
        record = mass_edits.ask(u, Filters(), LOST, seen=5)
        mass_edits.change_some(u, record.id)
        mass_edits.stop(u, record.id)
    assert run(cast, record.id).state == State.STOPPED
    assert sum(facts(cast, key, "stage") == ("lost",) for key in keys) == 2
    assert undone(cast, record).back_count == 2
    assert all(facts(cast, key, "stage") == ("loyal",) for key in keys)


def test_two_at_once_change_every_customer_once(cast, monkeypatch):
    monkeypatch.setattr(mass_edits.run, "AT_ONCE", 0)
    monkeypatch.setattr(mass_edits.run, "CHUNK", 3)
    keys = some(cast, 20)
    with cast.unit(cast.keeper) as u:
        record = mass_edits.ask(u, Filters(), LOST, seen=20)
    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(run, cast, record.id) for _ in range(4)]:
            each.result()
    assert counts(run(cast, record.id)) == (20, 0, 0)
    assert {facts(cast, key, "version") for key in keys} == {(2,)}


def test_when_the_list_has_grown_since_the_preview_nothing_is_done(cast):
    some(cast, 2)
    with pytest.raises(Conflict, match="more or fewer"), cast.unit(cast.keeper) as u:
        mass_edits.ask(u, Filters(), LOST, seen=1)
    with cast.unit() as u:
        assert u.all(select(MassEditRow)) == []


def test_too_many_at_once_are_refused(cast, monkeypatch):
    monkeypatch.setattr(mass_edits.asking, "MOST", 2)
    some(cast, 3)
    with pytest.raises(Invalid, match="narrow the list"), cast.unit(cast.keeper) as u:
        mass_edits.ask(u, Filters(), LOST, seen=3)


# --- within one's rights ------------------------------------------------------------


def test_nobody_changes_whom_he_does_not_reach(cast):
    mine, theirs = a_customer(cast, "rep"), a_customer(cast, "rival")
    record = done(cast, LOST, part="leader")
    assert (record.total, counts(record)) == (1, (1, 0, 0))
    assert (facts(cast, mine, "stage"), facts(cast, theirs, "stage")) == (("lost",), ("potential",))
    with pytest.raises(Refused):
        looked(cast, LOST, part="rep")
    with pytest.raises(Invalid, match="outside your reach"):
        looked(cast, Wish(hand_over=True, responsible_id=RIVAL), part="leader")
    with pytest.raises(Refused):
        looked(cast, Wish(into_bin=True), part="leader")


def test_who_lost_the_right_or_the_customer_meanwhile_changes_nothing_more(cast, monkeypatch):
    monkeypatch.setattr(mass_edits.run, "AT_ONCE", 0)
    key = a_customer(cast, "rep")
    with cast.unit(cast.leader) as u:
        record = mass_edits.ask(u, Filters(), LOST, seen=1)
    with cast.unit() as u:
        customers.assign(u, key, responsible_id=RIVAL, seen=1)
    assert counts(run(cast, record.id, part="leader")) == (0, 0, 1)
    assert facts(cast, key, "stage") == ("potential",)
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_manager", "customers.edit", None)
    with pytest.raises(Refused):
        looked(cast, LOST, part="leader")


def test_a_colleague_of_another_team_neither_sees_nor_undoes_it(cast):
    a_customer(cast, "rep")
    record = done(cast, LOST, part="leader")
    for part in ("rival_leader", "rep", "admin"):
        with pytest.raises((NotFound, Refused)), cast.unit(getattr(cast, part)) as u:
            mass_edits.undo(u, record.id)
    with cast.unit(cast.rival_leader) as u:
        assert mass_edits.recent(u) == []
    with cast.unit(cast.head) as u:
        assert [one.id for one in mass_edits.recent(u)] == [record.id]


# --- undoing ------------------------------------------------------------------------


def test_undone_everything_is_as_it_was(cast):
    size = a_field(cast, "Size").key
    with_tag, plain = a_customer(cast, city="Perm", stage="loyal", **{size: "L"}), a_customer(cast, "mate")
    with cast.unit(cast.keeper) as u:
        tags.change(u, with_tag, on=["Old", "Both"])
        old = next(key for key, one in tags.directory(u).items() if one["name"] == "Old")
    names = ("city", "stage", "responsible_id", "team_id", "archived_at", size)
    before = [(facts(cast, key, *names), tagged(cast, key)) for key in (with_tag, plain)]
    wish = Wish({"city": "Tver", "stage": "lost", size: "S"}, ["New", "Both"], [old], True, RIVAL, into_bin=True)
    record = done(cast, wish)
    assert tagged(cast, with_tag) == ["Both", "New"]
    assert facts(cast, plain, "archived_at") != (None,)
    back = undone(cast, record)
    assert (back.state, back.back_count, back.kept_count) == (State.UNDONE, 2, 0)
    assert [(facts(cast, key, *names), tagged(cast, key)) for key in (with_tag, plain)] == before
    with cast.unit() as u:
        assert customers.count(u, Filters(own=((size, "L"),))) == 1, "the list finds the old value again"


def test_what_somebody_changed_since_stays_and_is_counted(cast):
    touched, other = some(cast, 2, city="Perm", stage="loyal")
    record = done(cast, Wish({"city": "Tver", "stage": "lost"}))
    with cast.unit(cast.keeper) as u:
        customers.edit(u, touched, {"city": "Kazan"}, seen=2)
    back = undone(cast, record)
    assert (back.back_count, back.kept_count) == (1, 1)
    assert (facts(cast, touched, "city", "stage"), facts(cast, other, "city")) == (("Kazan", "loyal"), ("Perm",))


def test_it_is_undone_once_and_not_after_a_month(cast):
    some(cast, 1)
    record = done(cast, LOST)
    with pytest.raises(NotFound):
        undone(cast, record, now=NOW + timedelta(days=31))
    undone(cast, record)
    with pytest.raises(Conflict):
        undone(cast, record)


def test_who_was_merged_into_another_since_is_left_alone_and_counted(cast):
    one, other = some(cast, 2, stage="loyal")
    record = done(cast, LOST)
    with cast.unit(cast.keeper) as u:
        merges.merge(u, one, other)
    back = undone(cast, record)
    assert (back.back_count, back.kept_count) == (1, 1)


def test_an_erased_customer_leaves_nothing_behind_in_it(cast):
    secret = a_field(cast, "Nickname").key
    key = a_customer(cast, **{secret: "Lord Sandwich"})
    record = done(cast, Wish({secret: "x"}))
    with cast.unit(cast.keeper) as u:
        privacy.erase(u, key, "asked")
    with cast.unit() as u:
        assert u.all(select(MassEditRow)) == []
    assert undone(cast, record).state == State.UNDONE


VALUES = {
    "stage": st.sampled_from(["loyal", "lost", "active"]),
    "city": st.sampled_from(["", "Perm", "北京", "x'; DROP TABLE customers --", "=1+1"]),
    "employees": st.sampled_from(["", "7", "4000"]),
}


@given(
    st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=4),
    st.fixed_dictionaries({}, optional=VALUES),
    st.booleans(),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_change_and_its_undoing_leave_every_customer_as_it_was(cast, there, wished, handed):
    for facts_of_one in there:
        a_customer(cast, "rep", **facts_of_one)
    if not wished and not handed:
        return
    before = _everything(cast)
    undone(cast, done(cast, Wish(wished, hand_over=handed, responsible_id=MATE)))
    assert _everything(cast) == before


def _everything(cast: Cast) -> list[dict[str, Any]]:
    with cast.unit() as u:
        rows = u.execute(select(Customer.__table__).order_by(Customer.id), raw=True).mappings()
        return [{key: value for key, value in row.items() if key != "version"} for row in rows]


def test_a_handful_takes_about_one_statement_for_each_customer(cast, monkeypatch):
    monkeypatch.setattr(mass_edits.run, "AT_ONCE", 0)
    some(cast, 30)
    with cast.unit(cast.keeper) as u:
        record = mass_edits.ask(u, Filters(), LOST, seen=30)
    run: list[str] = []
    event.listen(cast.database.writer, "before_cursor_execute", lambda *facts: run.append(facts[2]))
    with cast.unit(cast.keeper) as u:
        mass_edits.change_some(u, record.id)
    assert len(run) < 50


# --- what follows from a change ---------------------------------------------------


def steps(cast: Cast, key: int) -> list[tuple[str, str, int | None]]:
    with cast.unit() as u:
        return [(row["before"], row["after"], row["by_id"]) for row in stages.steps(u, key)]


def test_each_customer_takes_the_step_and_the_way_back(cast):
    one, two = *some(cast, 1, stage="loyal"), *some(cast, 1, stage="lost")
    record, keeper = done(cast, LOST), PARTS["keeper"].id
    assert steps(cast, one) == [("loyal", "lost", keeper)]
    assert steps(cast, two) == [], "who was there already takes none"
    undone(cast, record)
    assert steps(cast, one) == [("lost", "loyal", keeper), ("loyal", "lost", keeper)]


def test_customers_are_as_complete_as_they_say_afterwards(cast):
    some(cast, 3)
    (before,) = facts(cast, 1, "completeness")
    record = done(cast, Wish({"industry": "Garden"}))
    assert facts(cast, 1, "completeness") > (before,)
    assert is_measured(cast)
    undone(cast, record)
    assert facts(cast, 1, "completeness") == (before,)
    assert is_measured(cast)


def test_steps_and_completeness_cost_one_statement_each_for_the_handful(cast):
    """What is written for each customer is his own row and his entry in the log, whatever follows from it."""
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    counted = []
    for count, stage in ((3, "lost"), (30, "won_back")):
        some(cast, count)
        event.listen(cast.database.writer, "before_cursor_execute", note)
        done(cast, Wish({"stage": stage}))
        event.remove(cast.database.writer, "before_cursor_execute", note)
        counted.append(sum("stage_changes" in one or "completeness" in one for one in seen))
        seen.clear()
    assert counted[0] == counted[1]


def test_a_type_goes_to_customers_of_its_kind_and_to_nobody_else(cast):
    shop = a_type(cast, "Shop")
    company, person = a_customer(cast), a_customer(cast, kind="person")
    record = done(cast, Wish({"type": shop}))
    assert (counts(record), dict(record.changes)) == ((1, 0, 1), {"type": shop})
    assert facts(cast, company, "kind", "type") == ("company", shop)
    assert facts(cast, person, "kind", "type") == ("person", "person")
    assert is_measured(cast)
    undone(cast, record)
    assert facts(cast, company, "type") == ("company",)
    with pytest.raises(InvalidForm) as caught:
        looked(cast, Wish({"type": "spaceship"}))
    assert set(caught.value.faults) == {"type"}
