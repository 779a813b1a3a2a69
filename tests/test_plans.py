"""Plans: targets and how far they are, for a person, a team, the company."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from crm import plans, teams
from crm.core.errors import Conflict, Invalid, NotFound, Refused
from crm.plans import MEASURES, Plan, Which
from tests.cast import NORTH, NOW, PARTS, SALES, SOUTH, a_call, a_customer

DAY = NOW.date()
FIRST, LAST = date(2026, 2, 1), date(2026, 2, 28)


def target(cast, by="leader", *, n=10, measure="calls", first=FIRST, last=LAST, **whose):
    with cast.unit(getattr(cast, by)) as u:
        plan = plans.set_target(u, measure=measure, target=n, starts_on=first, ends_on=last, **whose)
    return plan.id


def progress(cast, part="leader", day=DAY, **options):
    with cast.unit(getattr(cast, part)) as u:
        return plans.progress(u, day, **options)


def told(cast, part="leader", **options):
    return [(one.whose, one.measure, one.done, one.target, one.left) for one in progress(cast, part, **options)]


# --- the counter moves ------------------------------------------------------


def test_a_call_moves_the_counters_of_the_person_the_team_and_the_company(cast):
    key = a_customer(cast)
    target(cast, responsible_id=PARTS["rep"].id)
    target(cast, n=30, team_id=NORTH)
    target(cast, "executive", n=100)
    for _ in range(5):
        a_call(cast, key)
    a_call(cast, key, "mate")
    assert told(cast) == [("North", "calls", 6, 30, 24), ("Ivan Rep", "calls", 5, 10, 5)]
    assert told(cast, "rep") == [("Ivan Rep", "calls", 5, 10, 5)]
    assert ("", "calls", 6, 100, 94) in told(cast, "executive")


@pytest.mark.parametrize(
    ("kind", "direction", "moved"),
    [
        ("call", "out", {"interactions", "calls", "outbound_calls"}),
        ("call", "in", {"interactions", "calls"}),
        ("email", None, {"interactions", "emails"}),
        ("meeting", None, {"interactions", "meetings"}),
        ("visit", None, {"interactions", "meetings"}),
        ("letter", None, {"interactions"}),
        ("sms", "out", {"interactions"}),
        ("messenger", "in", {"interactions"}),
    ],
)
def test_each_kind_moves_its_measures(cast, kind, direction, moved):
    key = a_customer(cast)
    for measure in MEASURES:
        target(cast, measure=measure, responsible_id=PARTS["rep"].id)
    a_call(cast, key, kind=kind, direction=direction)
    assert {one.measure for one in progress(cast) if one.done} == moved


def test_a_call_counts_on_the_day_it_happened_in_the_companys_calendar(cast):
    """22:30 in London is tomorrow in Moscow."""
    key = a_customer(cast)
    target(cast, first=FIRST, last=DAY - timedelta(days=1), responsible_id=PARTS["rep"].id)
    target(cast, first=DAY, last=LAST, responsible_id=PARTS["rep"].id)
    midnight = NOW.replace(hour=0)
    a_call(cast, key, at=midnight - timedelta(seconds=1))
    a_call(cast, key, at=midnight)
    assert [one.done for one in progress(cast, day=DAY - timedelta(days=1))] == [1]
    assert [one.done for one in progress(cast, day=DAY)] == [1]


def test_calls_of_another_team_do_not_count(cast):
    target(cast, team_id=NORTH)
    a_call(cast, a_customer(cast, "rival"), "rival")
    assert told(cast) == [("North", "calls", 0, 10, 10)]


def test_a_department_counts_the_teams_below_it(cast):
    target(cast, "head", n=20, team_id=SALES)
    a_call(cast, a_customer(cast, "rep"))
    a_call(cast, a_customer(cast, "rival"), "rival")
    assert told(cast, "head") == [("Sales", "calls", 2, 20, 18)]


def test_a_team_is_counted_as_it_is_today(cast):
    """Who moves takes his calls along: the team's figure is the sum of its people's."""
    target(cast, team_id=NORTH)
    a_call(cast, a_customer(cast, "mate"), "mate")
    with cast.unit(cast.admin) as u:
        teams.move_person(u, PARTS["mate"].id, SOUTH)
    assert told(cast) == [("North", "calls", 0, 10, 10)]


# --- setting them -----------------------------------------------------------


def test_the_same_period_again_replaces_the_target(cast):
    first, second = target(cast, responsible_id=PARTS["rep"].id), target(cast, n=12, responsible_id=PARTS["rep"].id)
    assert first == second
    assert told(cast) == [("Ivan Rep", "calls", 0, 12, 12)]


def test_a_person_and_his_team_have_different_plans(cast):
    target(cast, responsible_id=PARTS["rep"].id)
    target(cast, n=30, team_id=NORTH)
    assert [(one.whose, one.target) for one in progress(cast)] == [("North", 30), ("Ivan Rep", 10)]


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"measure": "naps"}, "measure"),
        ({"n": 0}, "target"),
        ({"n": -5}, "target"),
        ({"n": plans.MOST + 1}, "target"),
        ({"first": LAST, "last": FIRST}, "ends_on"),
    ],
)
def test_a_wrong_target_is_said_at_its_field(cast, facts, field):
    with pytest.raises(Invalid) as said:
        target(cast, **facts, team_id=NORTH)
    assert said.value.field == field
    assert progress(cast) == []


@pytest.mark.parametrize("whose", [{"responsible_id": 5}, {"team_id": SOUTH}, {"team_id": SALES}, {}])
def test_a_leader_sets_plans_within_the_team_only(cast, whose):
    with pytest.raises(Refused):
        target(cast, **whose)


def test_nobody_elses_plan_is_seen_or_dropped(cast):
    key = target(cast, "rival_leader", responsible_id=PARTS["rival"].id)
    for part in ("leader", "mate"):
        assert progress(cast, part) == []
    with pytest.raises(NotFound), cast.unit(cast.leader) as u:
        plans.drop(u, key, seen=1)
    with cast.unit(cast.rival_leader) as u:
        plans.drop(u, key, seen=1)
        assert u.value(select(func.count(Plan.id))) == 0


def test_a_stale_drop_is_a_conflict(cast):
    key = target(cast, team_id=NORTH)
    target(cast, n=20, team_id=NORTH)
    with pytest.raises(Conflict), cast.unit(cast.leader) as u:
        plans.drop(u, key, seen=1)


def test_a_person_who_does_not_exist_gets_no_plan(cast):
    with pytest.raises(NotFound):
        target(cast, responsible_id=9999)


# --- pace -------------------------------------------------------------------


def test_only_running_plans_are_shown(cast):
    target(cast, first=FIRST, last=DAY, team_id=NORTH)
    for day, shown in ((FIRST - timedelta(days=1), 0), (FIRST, 1), (DAY, 1), (DAY + timedelta(days=1), 0)):
        assert len(progress(cast, day=day)) == shown


def test_mine_are_only_mine(cast):
    target(cast, team_id=NORTH)
    target(cast, responsible_id=PARTS["rep"].id)
    target(cast, responsible_id=PARTS["leader"].id)
    assert [one.whose for one in progress(cast, which=Which.MINE)] == ["Maria Leader"]


def test_first_come_ones_own_plans_and_those_of_the_topmost_teams(cast):
    for team in (NORTH, SOUTH, SALES):
        target(cast, "head", team_id=team)
    for person in ("rep", "leader"):
        target(cast, "head", responsible_id=PARTS[person].id)
    assert [one.whose for one in progress(cast, which=Which.FIRST)] == ["North", "Maria Leader"]
    assert [one.whose for one in progress(cast, "head", which=Which.FIRST)] == ["Sales"]
    assert {one.whose for one in progress(cast, "head", which=Which.TEAMS)} == {"Sales", "North", "South"}


def test_of_one_team_its_own_plan_and_its_peoples_are_shown(cast):
    for whose in ({"team_id": NORTH}, {"team_id": SOUTH}, {"responsible_id": PARTS["rep"].id}):
        target(cast, "head", **whose)
    assert [one.whose for one in progress(cast, "head", team_id=NORTH)] == ["North", "Ivan Rep"]
    assert progress(cast, team_id=SOUTH) == []


def test_the_pace_is_even_over_weekdays(cast):
    target(cast, n=20, team_id=NORTH)  # February 2026 has 20 weekdays
    one = progress(cast)[0]
    assert (one.pace, one.days_left) == (6.0, 14)  # Monday the 9th is the sixth
    assert progress(cast, day=LAST)[0].pace == 20
    assert progress(cast, day=FIRST)[0].pace == 0  # a Sunday


def test_a_plan_over_a_weekend_is_due_at_once(cast):
    target(cast, n=4, first=date(2026, 2, 7), last=date(2026, 2, 8), team_id=NORTH)
    one = progress(cast, day=date(2026, 2, 7))[0]
    assert (one.pace, one.days_left) == (4.0, 0)


def test_more_than_enough_is_a_full_bar_and_nothing_left(cast):
    key = a_customer(cast)
    target(cast, n=1, responsible_id=PARTS["rep"].id)
    for _ in range(3):
        a_call(cast, key)
    one = progress(cast)[0]
    assert (one.done, one.left, one.share) == (3, 0, 1.0)


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.integers(-3, 400))
def test_weekdays_are_counted_as_a_calendar_does(first, length):
    last = first + timedelta(days=length)
    assert plans.weekdays(first, last) == sum((first + timedelta(days=n)).weekday() < 5 for n in range(length + 1))
