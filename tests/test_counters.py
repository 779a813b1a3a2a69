"""Counters: so many a day for each person, in the transaction of the thing that was counted."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm import counters
from crm.core.errors import Refused
from tests.cast import NOW, PARTS
from tests.core.test_uow import Stumble, together

DAY = NOW.date()
REP, MATE, RIVAL = PARTS["rep"].id, PARTS["mate"].id, PARTS["rival"].id


def add(cast, day=DAY, person=REP, measures=("calls",), by=1):
    with cast.unit() as u, u.acting("test.count", "interactions.log"):
        counters.count(u, day, person, measures, by)


def totals(cast, part="head", first=DAY, last=DAY, measure="calls"):
    with cast.unit(getattr(cast, part)) as u:
        return counters.totals(u, [measure], [(first, last)]).get((measure, (first, last)), {})


def test_what_is_counted_adds_up(cast):
    for by in (1, 1, 5):
        add(cast, by=by)
    add(cast, measures=("calls", "meetings"))
    assert totals(cast) == {REP: 8}
    assert totals(cast, measure="meetings") == {REP: 1}


def test_a_period_holds_both_its_days(cast):
    for days in (-1, 0, 1, 2):
        add(cast, DAY + timedelta(days=days))
    assert totals(cast, first=DAY, last=DAY + timedelta(days=1)) == {REP: 2}
    assert totals(cast, first=DAY + timedelta(days=3), last=DAY + timedelta(days=9)) == {}


@pytest.mark.parametrize(
    ("part", "people"),
    [
        ("rep", {REP}),
        ("leader", {REP, MATE}),
        ("head", {REP, MATE, RIVAL}),
        ("executive", {REP, MATE, RIVAL}),
        ("partner", set()),
    ],
)
def test_counts_are_seen_within_ones_scope(cast, part, people):
    for person in (REP, MATE, RIVAL):
        add(cast, person=person)
    assert set(totals(cast, part)) == people


def test_several_measures_and_periods_are_asked_for_at_once(cast):
    for days in (-1, 0, 1):
        add(cast, DAY + timedelta(days=days), measures=("calls", "meetings") if days else ("calls",))
    today, week = (DAY, DAY), (DAY - timedelta(days=1), DAY + timedelta(days=1))
    with cast.unit(cast.head) as u:
        found = counters.totals(u, ["calls", "meetings", "naps"], [today, week, today])
        assert counters.totals(u, [], [today]) == counters.totals(u, ["calls"], []) == {}
    assert {key: people for key, people in found.items() if any(people.values())} == {
        ("calls", today): {REP: 1},
        ("calls", week): {REP: 3},
        ("meetings", week): {REP: 2},
    }


FAR = st.dates(date(2025, 11, 1), date(2026, 4, 30))


@given(FAR, FAR)
def test_a_period_is_split_into_whole_months_and_days_without_rest(one, other):
    first, last = min(one, other), max(one, other)
    months, beside = counters.split((first, last))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    of_months = [day for day in days if any(begin <= day.replace(day=1) <= end for begin, end in months)]
    of_days = [day for day in days if any(begin <= day <= end for begin, end in beside)]
    assert sorted(of_months + of_days) == days
    assert all(
        (day.replace(day=28) + timedelta(days=4)).replace(day=1) <= last + timedelta(days=1) for day in of_months
    )


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 1, 1), date(2026, 3, 31)),
        (date(2026, 1, 15), date(2026, 3, 10)),
        (date(2026, 2, 9), date(2026, 2, 9)),
        (date(2025, 12, 31), date(2026, 2, 1)),
    ],
)
def test_months_and_days_together_are_what_the_days_are(cast, first, last):
    begins = date(2025, 12, 20)
    for n in range(0, 110, 5):
        add(cast, begins + timedelta(days=n))
    inside = sum(first <= begins + timedelta(days=n) <= last for n in range(0, 110, 5))
    assert totals(cast, first=first, last=last) == ({REP: inside} if inside else {})


def test_nothing_is_counted_for_nothing(cast):
    add(cast, measures=())
    assert totals(cast) == {}


def test_an_undone_thing_is_not_counted(cast):
    with pytest.raises(Stumble), cast.unit() as u, u.acting("test.count", "interactions.log"):
        counters.count(u, DAY, REP, ("calls",))
        raise Stumble
    assert totals(cast) == {}


def test_counting_belongs_to_a_verb(cast):
    with pytest.raises(Refused), cast.unit(cast.rep) as u:
        counters.count(u, DAY, REP, ("calls",))


def test_no_count_is_lost_when_many_count_at_once(cast):
    def work(_):
        for _ in range(10):
            add(cast, measures=("calls", "interactions", "meetings"))

    assert together(6, work) == [None] * 6
    assert totals(cast) == totals(cast, measure="meetings") == {REP: 60}


def test_a_day_is_a_day_of_the_calendar(cast):
    add(cast, date(2026, 12, 31))
    assert totals(cast, first=date(2026, 1, 1), last=date(2026, 12, 31)) == {REP: 1}
