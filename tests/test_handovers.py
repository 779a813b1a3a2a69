"""Hand-overs: all customers of somebody who leaves, looked at before, whole or not at all, within reach, and back again."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from crm import audit, customers, handovers, notifications, plans, rights, teams, users
from crm.core.errors import Conflict, CrmError, Invalid, NotFound, Refused
from crm.customers import Customer
from crm.handovers import Way
from tests.cast import DAY, NORTH, NOW, PARTS, SOUTH, Cast, a_customer

MATE, REP, RIVAL, SERVICE = (PARTS[one].id for one in ("mate", "rep", "rival", "service"))


def some(cast: Cast, count: int, of: str = "mate", **raw) -> list[int]:
    return [a_customer(cast, of, name=f"Customer {n}", phones=[], emails=[], **raw) for n in range(count)]


def handed(cast: Cast, part: str = "leader", *, to=(REP,), of=MATE, way=Way.EVENLY, seen=None, now=NOW) -> int:
    with cast.unit(getattr(cast, part), now=now) as u:
        return handovers.hand_over(u, of, list(to), way, seen=seen)


def back(cast: Cast, part: str = "leader", *, now=NOW) -> int:
    with cast.unit(getattr(cast, part), now=now) as u:
        return handovers.take_back(u, handovers.recent(u)[0].id)


def whose(cast: Cast) -> Counter[tuple[int | None, int | None]]:
    with cast.unit() as u:
        rows = u.rows(select(Customer.id, Customer.responsible_id, Customer.team_id))
        return Counter((row["responsible_id"], row["team_id"]) for row in rows)


def told(cast: Cast, part: str) -> list[tuple[str, str]]:
    with cast.unit(getattr(cast, part)) as u:
        return [(one.text.format(**one.values), one.address) for one in notifications.latest(u)]


# --- looking before ---------------------------------------------------------------


def test_the_preview_says_what_would_happen_and_changes_nothing(cast):
    some(cast, 3, stage="loyal")
    some(cast, 2, stage="lost")
    a_customer(cast, "rep")
    (gone, *_) = some(cast, 1)
    with cast.unit() as u:
        customers.archive(u, gone, seen=1)
        for measure, days in (("calls", 5), ("meetings", -5)):
            span = {"starts_on": DAY - timedelta(days=9), "ends_on": DAY + timedelta(days=days)}
            plans.set_target(u, measure=measure, target=5, responsible_id=MATE, **span)
    before = whose(cast)
    with cast.unit(cast.leader) as u:
        seen = handovers.preview(u, MATE, [REP, SERVICE], Way.EVENLY)
    assert (seen.customers, dict(seen.stages)) == (6, {"loyal": 3, "lost": 2, "potential": 1})
    assert (seen.in_bin, seen.plans, dict(seen.shares)) == (1, 1, {REP: 3, SERVICE: 3})
    assert whose(cast) == before


def test_by_city_those_of_one_city_stay_together():
    cities = ["Perm"] * 4 + ["Kazan"] * 3 + ["perm "] + [None] * 2
    rows = [{"id": place, "city": city} for place, city in enumerate(cities)]
    shares = handovers.shared(rows, [REP, SERVICE], Way.BY_CITY)
    assert shares == {REP: [0, 1, 2, 3, 7], SERVICE: [4, 5, 6, 8, 9]}
    assert handovers.shared(rows, [REP, SERVICE, RIVAL], Way.EVENLY)[RIVAL] == [2, 5, 8]
    assert handovers.shared(rows, [], Way.EVENLY) == {}


def test_who_leaves_and_who_receives_is_within_reach(cast):
    with cast.unit(cast.leader) as u:
        north = {one.id for one in PARTS.values() if one.team_id == NORTH}
        assert set(handovers.leavers(u)) == north, "who is disabled has customers, too"
        assert set(handovers.receivers(u)) == north - {PARTS["gone"].id}
    with pytest.raises(Refused), cast.unit(cast.rep) as u:
        handovers.preview(u, REP, [], Way.EVENLY)
    with pytest.raises(Refused), cast.unit(cast.rep) as u:
        handovers.recent(u)


# --- handing over -------------------------------------------------------------------


def test_all_go_in_one_go_and_each_card_and_the_account_say_so(cast):
    keys = some(cast, 5)
    assert handed(cast, to=[REP, SERVICE], seen=5) == 5
    assert whose(cast) == {(REP, NORTH): 3, (SERVICE, NORTH): 2}
    with cast.unit(cast.admin) as u:
        entry = audit.history(u, "customers", keys[0]).iloc[0]
        assert (entry["verb"], entry["who"]) == ("handovers.hand_over", "Maria Leader")
        assert entry["changes"] == {"responsible_id": [MATE, REP]}
        account = audit.listing(u, audit.Filters(record="users", record_id=MATE)).iloc[0]
        assert account["changes"] == {"customers_handed_over": [None, 5], "receivers": [None, [REP, SERVICE]]}
        assert u.value(select(Customer.version).where(Customer.id == keys[0])) == 2, "open forms notice"


def test_everybody_concerned_is_told_once(cast):
    some(cast, 5)
    handed(cast, to=[REP, SERVICE])
    assert told(cast, "rep") == [("Customers of Olga Mate are yours now: 3.", "/customers?mine=1")]
    assert told(cast, "service") == [("Customers of Olga Mate are yours now: 2.", "/customers?mine=1")]
    assert told(cast, "mate") == [("Customers of yours were handed over to colleagues: 5.", "")]
    assert told(cast, "leader") == []


def test_customers_go_to_the_team_of_whoever_gets_them(cast):
    some(cast, 2)
    assert handed(cast, "head", to=[RIVAL]) == 2
    assert whose(cast) == {(RIVAL, SOUTH): 2}


def test_nobody_hands_over_what_or_to_whom_he_does_not_reach(cast):
    some(cast, 2)
    some(cast, 2, "rival")
    before = whose(cast)
    for part, facts in (("leader", {"to": [RIVAL]}), ("leader", {"of": RIVAL}), ("rival_leader", {"to": [RIVAL]})):
        with pytest.raises(Refused, match="outside your reach"):
            handed(cast, part, **facts)
    for part in ("rep", "analyst", "partner"):
        with pytest.raises(Refused):
            handed(cast, part)
    assert whose(cast) == before
    with cast.database.writing() as connection:  # a customer of the North's Olga that stayed in the South
        table = Customer.__table__
        connection.execute(table.update().where(table.c.responsible_id == RIVAL).values(responsible_id=MATE))
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_manager", "customers.view", "all")
    assert handed(cast) == 2, "to see a customer is not to reach it"
    assert whose(cast) == {(REP, NORTH): 2, (MATE, SOUTH): 2}


@pytest.mark.parametrize("to", [[], [MATE], [REP, PARTS["gone"].id]])
def test_receivers_are_others_who_can_sign_in(cast, to):
    some(cast, 1)
    with pytest.raises(Invalid) as caught:
        handed(cast, "admin", to=to)
    assert caught.value.field == "to"


def test_what_came_since_the_preview_stops_it(cast):
    some(cast, 2)
    with pytest.raises(Conflict, match="more or fewer"):
        handed(cast, seen=1)
    assert whose(cast) == {(MATE, NORTH): 2}


def test_two_hand_overs_at_once_move_each_customer_once(cast):
    some(cast, 6)

    def attempt(to: int) -> int:
        try:
            return handed(cast, "keeper", to=[to])
        except CrmError:
            return 0

    with ThreadPoolExecutor(2) as pool:
        moved = list(pool.map(attempt, [REP, SERVICE]))
    assert sum(moved) == 6
    assert sorted(whose(cast).values()) == [6]


def test_thousands_go_in_one_transaction(cast, monkeypatch):
    monkeypatch.setattr(handovers, "AT_ONCE", 3)
    some(cast, 8)
    assert handed(cast) == 8
    assert back(cast) == 8


def test_an_account_whose_customers_were_handed_over_is_deleted_without_an_heir(cast):
    some(cast, 2)
    with pytest.raises(Invalid), cast.unit(cast.admin) as u:
        users.delete(u, MATE)
    handed(cast, "admin", to=[REP, SERVICE])
    with cast.unit(cast.admin) as u:
        assert users.delete(u, MATE) == 0


# --- taking back ------------------------------------------------------------------------


def test_a_hand_over_is_taken_back_once_and_what_was_handed_on_stays(cast):
    first, *_ = some(cast, 4)
    some(cast, 1, "rep")
    handed(cast, to=[REP, SERVICE])
    with cast.unit() as u:
        customers.assign(u, first, responsible_id=RIVAL, seen=2)
    assert back(cast) == 3
    assert whose(cast) == {(MATE, NORTH): 3, (RIVAL, SOUTH): 1, (REP, NORTH): 1}
    assert told(cast, "rep")[0] == ("Customers went back to Olga Mate: 1.", "")
    with cast.unit(cast.leader) as u:
        assert handovers.recent(u) == []
    with cast.unit(cast.admin) as u:
        account = audit.listing(u, audit.Filters(record="users", record_id=MATE)).iloc[0]
        assert account["changes"]["customers_taken_back"] == [None, 3]


def test_only_ones_own_are_taken_back_and_all_by_whoever_reaches_all(cast):
    some(cast, 2)
    handed(cast)
    for part in ("head", "rival_leader"):
        with cast.unit(getattr(cast, part)) as u:
            assert handovers.recent(u) == []
        with pytest.raises(NotFound), cast.unit(getattr(cast, part)) as u:
            handovers.take_back(u, 1)
    with cast.unit(cast.admin) as u:
        (one,) = handovers.recent(u)
        assert (one.from_id, one.by_id, one.customers, one.at) == (MATE, PARTS["leader"].id, 2, NOW)
    assert back(cast, "admin") == 2


def test_it_is_kept_for_a_week(cast):
    some(cast, 1)
    handed(cast)
    with cast.unit(cast.leader, now=NOW + timedelta(days=8)) as u:
        assert handovers.recent(u) == []
    assert back(cast, now=NOW + timedelta(days=6)) == 1


def test_customers_go_back_to_where_the_leaver_is_now_and_not_to_a_deleted_account(cast):
    some(cast, 2)
    handed(cast, "admin")
    with cast.unit(cast.admin) as u:
        teams.move_person(u, MATE, SOUTH)
    with pytest.raises(Refused, match="outside your reach"), cast.unit(cast.leader) as u:
        handovers.hand_over(u, MATE, [REP])
    assert back(cast, "admin") == 2
    assert whose(cast) == {(MATE, SOUTH): 2}
    handed(cast, "admin", now=NOW + timedelta(seconds=1))
    with cast.unit(cast.admin) as u:
        users.delete(u, MATE)
    with pytest.raises(Refused, match="deleted meanwhile"):
        back(cast, "admin", now=NOW + timedelta(seconds=2))
