"""Teams: the tree, who leads and belongs, and what follows a person who moves."""

from datetime import date
from functools import partial

import pytest
from sqlalchemy import select

from crm import audit, customers, interactions, plans, teams
from crm.core.access import Identity
from crm.core.errors import Conflict, Invalid, NotFound, Refused
from crm.core.people import Team
from tests.cast import NORTH, SALES, SOUTH, a_call, a_customer
from tests.support.meeting import at_once, meanwhile

MONTH = {"starts_on": date(2026, 2, 1), "ends_on": date(2026, 2, 28)}


def version(cast, team_id: int) -> int:
    with cast.unit() as u:
        return u.get(Team, team_id).version


def visible(cast, who: Identity) -> set[int]:
    with cast.unit(who) as u:
        return set(customers.listing(u).index)


def test_the_tree_shows_each_team_under_its_parent_with_leader_and_active_people(cast):
    with cast.unit(cast.admin) as u:
        teams.create(u, "Alpha", parent_id=SOUTH)
        found = [(one.name, one.depth, one.leader, one.people) for one in teams.tree(u)]
    assert found == [
        ("Sales", 0, "Irina Head", 1),
        ("North", 1, "Maria Leader", 4),
        ("South", 1, "Sun Leader", 2),
        ("Alpha", 2, "", 0),
    ]


def test_a_new_leader_reaches_the_team_and_all_teams_under_it(cast):
    north, south = a_customer(cast, "rep"), a_customer(cast, "rival")
    assert visible(cast, cast.stranger) == set()
    with cast.unit(cast.admin) as u:
        teams.set_leader(u, SALES, cast.stranger.user_id, seen=version(cast, SALES))
    assert visible(cast, cast.stranger) == {north, south}
    assert visible(cast, cast.head) == set()


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, " North "])
def test_a_team_needs_a_name_of_its_own(cast, name):
    with cast.unit(cast.admin) as u:
        for act in (lambda: teams.create(u, name), lambda: teams.rename(u, SOUTH, name, seen=1)):
            with pytest.raises(Invalid) as refused:
                act()
            assert refused.value.field == "name"
    with cast.unit(cast.admin) as u:
        assert teams.rename(u, NORTH, "North", seen=version(cast, NORTH)).name == "North"


def test_only_an_active_colleague_leads(cast):
    with cast.unit(cast.admin) as u, pytest.raises(Invalid) as refused:
        teams.set_leader(u, NORTH, cast.gone.user_id, seen=version(cast, NORTH))
    assert refused.value.field == "leader_id"
    with cast.unit(cast.admin) as u:
        assert teams.set_leader(u, NORTH, None, seen=version(cast, NORTH)).leader_id is None


def test_no_team_stands_under_itself_however_long_the_way(cast):
    with cast.unit(cast.admin) as u:
        deep = teams.create(u, "Deep", parent_id=NORTH).id
    for team_id, parent_id in ((SALES, SALES), (SALES, NORTH), (SALES, deep), (NORTH, deep)):
        with cast.unit(cast.admin) as u, pytest.raises(Invalid) as refused:
            teams.set_parent(u, team_id, parent_id, seen=version(cast, team_id))
        assert refused.value.field == "parent_id"
    with cast.unit(cast.admin) as u:
        assert teams.set_parent(u, deep, SOUTH, seen=1).parent_id == SOUTH
        assert teams.set_parent(u, deep, None, seen=2).parent_id is None
    with pytest.raises(NotFound), cast.unit(cast.admin) as u:
        teams.set_parent(u, deep, 999, seen=3)


def test_two_moves_at_the_same_moment_close_no_circle(cast):
    for _ in range(4):
        with cast.unit(cast.admin) as u:
            for team_id in (NORTH, SOUTH):
                teams.set_parent(u, team_id, None, seen=u.get(Team, team_id).version)
        seen = {team_id: version(cast, team_id) for team_id in (NORTH, SOUTH)}
        moves = [
            partial(teams.set_parent, team_id=one, parent_id=other, seen=seen[one])
            for one, other in ((NORTH, SOUTH), (SOUTH, NORTH))
        ]
        errors = at_once(cast, *((cast.admin, move) for move in moves))
        with cast.unit(cast.admin) as u:
            assert len(teams.tree(u)) == 3, "a circle would be in no branch"
        assert [type(one) for one in errors] == [Invalid]


def test_a_person_moves_with_the_customers_and_the_running_plans(cast):
    mine, mates = a_customer(cast, "rep"), a_customer(cast, "mate")
    call = a_call(cast, mine)
    with cast.unit(cast.leader) as u:
        plan = plans.set_target(u, measure="calls", target=10, responsible_id=cast.rep.user_id, **MONTH).id
        old = {"starts_on": date(2025, 1, 1), "ends_on": date(2025, 1, 31)}
        ended = plans.set_target(u, measure="calls", target=5, responsible_id=cast.rep.user_id, **old).id
    assert (visible(cast, cast.leader), visible(cast, cast.rival_leader)) == ({mine, mates}, set())
    with cast.unit(cast.admin) as u:
        assert teams.move_person(u, cast.rep.user_id, SOUTH) == 1
    assert (visible(cast, cast.leader), visible(cast, cast.rival_leader)) == ({mates}, {mine})
    with cast.unit(cast.rival_leader) as u:
        assert interactions.one(u, call).customer_id == mine
        assert [(one.plan_id, one.done) for one in plans.progress(u, date(2026, 2, 9))] == [(plan, 1)]
    with cast.unit() as u:
        assert u.get(plans.Plan, ended).team_id == NORTH
    with cast.unit(cast.rep) as u:
        assert customers.one(u, mine).responsible_id == cast.rep.user_id


@pytest.mark.parametrize("how", ["assign", "create"])
@pytest.mark.parametrize("first", ["give", "move"])
def test_a_customer_that_comes_at_the_moment_of_the_move_is_in_the_persons_new_team(cast, first, how):
    rep = cast.rep.user_id
    known = a_customer(cast, "rival")
    with cast.unit(cast.keeper) as u:
        seen = customers.one(u, known).version
    give = {
        "assign": lambda u: customers.assign(u, known, responsible_id=rep, seen=seen),
        "create": lambda u: customers.create(u, {"name": "Just now"}, responsible_id=rep),
    }
    acts = {"give": (cast.keeper, give[how]), "move": (cast.admin, lambda u: teams.move_person(u, rep, None))}
    assert meanwhile(cast, first, acts) == []
    with cast.unit(cast.keeper) as u:
        frame = customers.listing(u)
        assert frame.loc[frame["responsible_id"] == rep, "team_id"].isna().tolist() == [True]


def test_customers_that_stay_wait_in_the_old_team_for_a_new_responsible(cast):
    mine = a_customer(cast, "rep")
    with cast.unit(cast.leader) as u:
        before = customers.one(u, mine).version
    with cast.unit(cast.admin) as u:
        assert teams.move_person(u, cast.rep.user_id, SOUTH, with_customers=False) == 1
    with cast.unit(cast.leader) as u:
        card = customers.one(u, mine)
        assert (card.responsible_id, card.team_id) == (None, NORTH)
        with pytest.raises(Conflict):
            customers.assign(u, mine, responsible_id=cast.mate.user_id, seen=before)
        customers.assign(u, mine, responsible_id=cast.mate.user_id, seen=before + 1)
    assert visible(cast, cast.rep) == set()


def test_a_move_is_one_entry_with_the_number_of_customers(cast):
    for name in ("One", "Two", "Three"):
        a_customer(cast, "rep", name=name)
    with cast.unit(cast.admin) as u:
        teams.move_person(u, cast.rep.user_id, SOUTH)
        entries = audit.listing(u, audit.Filters(verb="teams.move_person"))
    assert [(one.record, one.record_id) for one in entries.itertuples()] == [("users", 3), ("users", 3)]
    changed = {key: pair for changes in entries["changes"] for key, pair in changes.items()}
    assert changed == {"team_id": [NORTH, SOUTH], "customers_moved": [None, 3]}


def test_moving_to_where_one_is_changes_nothing_and_out_of_all_teams_is_possible(cast):
    mine = a_customer(cast, "rep")
    with cast.unit(cast.admin) as u:
        assert teams.move_person(u, cast.rep.user_id, NORTH) == 0
        assert teams.move_person(u, cast.rep.user_id, None) == 1
        assert teams.members(u, None).loc[cast.rep.user_id, "name"] == "Ivan Rep"
    assert visible(cast, cast.leader) == set()
    assert visible(cast, cast.rep) == {mine}
    with pytest.raises(NotFound), cast.unit(cast.admin) as u:
        teams.move_person(u, cast.rep.user_id, 999)


def test_only_an_empty_team_is_dissolved_and_the_refusal_says_what_is_left(cast):
    with cast.unit(cast.admin) as u:
        lone = teams.create(u, "Lone").id
        above = teams.create(u, "Above").id
        teams.create(u, "Below", parent_id=above)
    assert "people" in _refused(cast, NORTH)
    assert "under this one" in _refused(cast, above)
    with cast.unit(cast.admin) as u:
        teams.move_person(u, cast.rep.user_id, lone)
    a_customer(cast, "rep")
    with cast.unit(cast.admin) as u:
        teams.move_person(u, cast.rep.user_id, NORTH, with_customers=False)
    assert "Customers" in _refused(cast, lone)


def test_a_team_with_plans_stays_and_old_plans_of_people_who_left_do_not_hold_it(cast):
    with cast.unit(cast.admin) as u:
        planned, left = teams.create(u, "Planned").id, teams.create(u, "Left").id
        teams.move_person(u, cast.rep.user_id, left)
    old = {"starts_on": date(2025, 1, 1), "ends_on": date(2025, 1, 31)}
    with cast.unit() as u:
        plans.set_target(u, measure="calls", target=10, team_id=planned, **MONTH)
        ended = plans.set_target(u, measure="calls", target=5, responsible_id=cast.rep.user_id, **old).id
    assert "plans" in _refused(cast, planned)
    with cast.unit(cast.admin) as u:
        teams.move_person(u, cast.rep.user_id, NORTH)
        teams.dissolve(u, left, seen=1)
        assert left not in teams.directory(u)
    with cast.unit() as u:
        assert u.get(plans.Plan, ended).team_id is None


def _refused(cast, team_id: int) -> str:
    with pytest.raises(Refused) as refused, cast.unit(cast.admin) as u:
        teams.dissolve(u, team_id, seen=version(cast, team_id))
    with cast.unit(cast.admin) as u:
        assert team_id in teams.directory(u)
    return str(refused.value)


def test_stale_forms_overwrite_nothing(cast):
    with cast.unit(cast.admin) as u:
        seen = u.get(Team, SOUTH).version
        teams.rename(u, SOUTH, "Deep South", seen=seen)
    for late in (
        lambda u: teams.rename(u, SOUTH, "Late", seen=seen),
        lambda u: teams.set_leader(u, SOUTH, None, seen=seen),
        lambda u: teams.set_parent(u, SOUTH, None, seen=seen),
        lambda u: teams.dissolve(u, SOUTH, seen=seen),
    ):
        with pytest.raises(Conflict), cast.unit(cast.admin) as u:
            late(u)
    with cast.unit(cast.admin) as u:
        team = u.all(select(Team).where(Team.id == SOUTH))[0]
        assert (team.name, team.leader_id, team.parent_id) == ("Deep South", cast.rival_leader.user_id, SALES)


def test_a_partner_sees_team_names_but_no_members(cast):
    with cast.unit(cast.partner) as u:
        assert len(teams.members(u, NORTH)) == 0
    with cast.unit(cast.rep) as u:
        members = teams.members(u, NORTH)
        assert set(members.index) == {3, 4, 6, 7, 15}
        assert (members.at[15, "state"], members.at[3, "state"]) == ("disabled", "active")
        with pytest.raises(Refused):
            teams.create(u, "Mine")
