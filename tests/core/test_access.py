"""Who may do what to whose records, asked of the database at every unit of work."""

from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import insert, select, update

from crm import customers, rights
from crm.core.access import SYSTEM, Actor, Identity, Owned, grants_of, widest
from crm.core.errors import NotFound, Refused, SignedOut
from crm.core.grants import ALL, GRANTS, OWN, PARTNER, RIGHTS, TEAM, UNTOUCHABLE, Role, Scope
from crm.core.people import SignIn, Team, User
from crm.customers import Customer
from tests.cast import NORTH, NOW, PARTS, SALES, SOUTH, Cast, a_customer
from tests.cast import PARTNER as THEIR_NUMBER


def write(cast, statement):
    with cast.database.writing() as connection:
        return connection.execute(statement)


def person(cast, part, **facts):
    write(cast, update(User.__table__).where(User.__table__.c.id == PARTS[part].id).values(**facts))


def may(cast, part, right):
    with cast.unit(getattr(cast, part)) as u:
        return u.actor.scope(right)


# --- what the table gives --------------------------------------------------------------


def test_an_unknown_role_gives_nothing():
    assert grants_of(("astronaut",)) == {}
    assert grants_of(()) == {}


def test_of_several_roles_the_widest_scope_counts():
    both = grants_of(("sales_manager", "sales_rep"))
    assert both["customers.edit"] is TEAM
    assert both["plans.view"] is TEAM
    assert grants_of(("record_keeper", "sales_rep"))["customers.view"] is ALL


def test_the_widest_of_nothing_is_nothing():
    assert widest([]) is None
    assert widest([None, OWN, None]) is OWN
    assert widest([PARTNER, TEAM, OWN]) is TEAM


def test_the_grants_of_a_person_cannot_be_changed_in_passing(cast):
    with cast.unit(cast.rep) as u, pytest.raises(TypeError):
        u.actor.grants["customers.edit"] = ALL


def test_system_may_everything():
    assert all(SYSTEM.scope(right) is ALL for right in RIGHTS)


# --- whose records ----------------------------------------------------------


def test_the_sql_and_the_python_of_a_scope_say_the_same(cast):
    """`within` filters what is read, `covers` decides what is written: over every ownership and every person."""
    people, teams, partners = (None, 3, 4, 5, 7, 14), (None, SALES, NORTH, SOUTH), (None, THEIR_NUMBER, 8)
    owned = [Owned(*facts) for facts in product(people, teams, partners)]
    facts = {"kind": "company", "sort_name": "x", "stage": "new", "extra": {}, "created_at": NOW, "version": 1}
    counts = {"interaction_count": 0, "purchase_count": 0}
    rows = [{"id": n, "name": "x", **one._asdict(), **facts, **counts} for n, one in enumerate(owned)]
    write(cast, insert(Customer.__table__).values(rows))
    for part in PARTS.keys() - {"gone"}:
        with cast.unit(getattr(cast, part)) as u:
            real = u.actor
        for scope in (None, *Scope):
            grants = {} if scope is None else {"customers.view": scope}
            actor = Actor(real.id, "", (), grants, real.team_id, real.team_ids, real.partner_id)
            with cast.unit(actor) as u:
                seen = set(u.all(select(Customer.id)))
            assert seen == {n for n, one in enumerate(owned) if actor.covers("customers.view", one)}, (part, scope)


@pytest.mark.parametrize(
    ("part", "teams"),
    [
        ("rep", {NORTH}),
        ("leader", {NORTH}),
        ("head", {SALES, NORTH, SOUTH}),
        ("rival_leader", {SOUTH}),
        ("keeper", set()),
    ],
)
def test_a_leader_reaches_his_team_and_those_below(cast, part, teams):
    with cast.unit(getattr(cast, part)) as u:
        assert u.actor.team_ids == teams


def test_teams_in_a_circle_do_not_hang_the_door(cast):
    write(cast, update(Team.__table__).where(Team.__table__.c.id == SALES).values(parent_id=NORTH))
    with cast.unit(cast.head) as u:
        assert u.actor.team_ids == {SALES, NORTH, SOUTH}


def test_team_scope_without_a_team_reaches_ones_own(cast):
    own, other = a_customer(cast, "stranger"), a_customer(cast, "rep")
    with cast.unit(cast.stranger) as u:
        assert customers.one(u, own).id == own
        with pytest.raises(NotFound):
            customers.one(u, other)


def test_a_partner_without_a_number_reaches_nothing(cast):
    a_customer(cast, "rep")
    person(cast, "partner", partner_id=None)
    with cast.unit(cast.partner) as u:
        assert customers.count(u) == 0


# --- at this moment ---------------------------------------------------------


def test_a_disabled_person_is_signed_out(cast):
    with pytest.raises(SignedOut), cast.unit(cast.gone):
        pass


def test_a_deleted_or_unknown_person_is_signed_out(cast):
    person(cast, "rep", deleted_at=NOW)
    for who in (cast.rep, Identity(9999)):
        with pytest.raises(SignedOut), cast.unit(who):
            pass


def test_whoever_is_disabled_between_reading_and_saving_saves_nothing(cast):
    key = a_customer(cast, "rep")
    with pytest.raises(SignedOut), cast.unit(cast.rep) as u:
        shown = customers.one(u, key)
        u.session.rollback()
        person(cast, "rep", disabled_at=NOW)
        customers.edit(u, key, {"city": "Kazan"}, seen=shown.version)
    with cast.unit() as u:
        assert customers.one(u, key).city is None


def test_a_role_taken_away_between_reading_and_saving_counts(cast):
    key = a_customer(cast, "rep")
    with pytest.raises(Refused), cast.unit(cast.rep) as u:
        customers.one(u, key)
        u.session.rollback()
        person(cast, "rep", roles=["analyst"])
        customers.edit(u, key, {"city": "Kazan"}, seen=1)


def test_a_team_changed_between_reading_and_saving_counts_for_what_is_read_too(cast):
    key = a_customer(cast, "mate")
    with cast.unit(cast.leader) as u:
        assert customers.count(u) == 1
        u.session.rollback()
        person(cast, "leader", team_id=SOUTH)
        write(cast, update(Team.__table__).where(Team.__table__.c.id == NORTH).values(leader_id=None))
        with pytest.raises(NotFound):
            customers.edit(u, key, {"city": "Kazan"}, seen=1)
        assert customers.count(u) == 0


# --- sign-ins ---------------------------------------------------------------


def sign_in(cast, **facts):
    row = {"token_hash": "x", "user_id": PARTS["rep"].id, "created_at": NOW, "last_seen_at": NOW}
    row |= {"expires_at": NOW + timedelta(hours=1)} | facts
    return write(cast, insert(SignIn.__table__).values(row)).inserted_primary_key[0]


def test_a_living_sign_in_acts(cast):
    with cast.unit(Identity(PARTS["rep"].id, sign_in(cast))) as u:
        assert u.actor.name == PARTS["rep"].name


@pytest.mark.parametrize(
    "facts",
    [{"revoked_at": NOW}, {"expires_at": NOW}, {"user_id": PARTS["mate"].id}],
    ids=["revoked", "expired", "somebody-else's"],
)
def test_a_sign_in_that_ended_or_is_not_mine_acts_no_more(cast, facts):
    with pytest.raises(SignedOut), cast.unit(Identity(PARTS["rep"].id, sign_in(cast, **facts))):
        pass


def test_a_sign_in_that_never_was_does_not_act(cast):
    with pytest.raises(SignedOut), cast.unit(Identity(PARTS["rep"].id, 4711)):
        pass


def test_a_sign_in_revoked_between_reading_and_saving_saves_nothing(cast):
    key, number = a_customer(cast, "rep"), sign_in(cast)
    with pytest.raises(SignedOut), cast.unit(Identity(PARTS["rep"].id, number)) as u:
        customers.one(u, key)
        u.session.rollback()
        write(cast, update(SignIn.__table__).values(revoked_at=NOW))
        customers.edit(u, key, {"city": "Kazan"}, seen=1)


# --- what administrators adjust ---------------------------------------------


def adjust(cast: Cast, role: Role, right: str, scope: Scope | None) -> None:
    with cast.unit(cast.admin) as u:
        rights.adjust(u, role.value, right, scope and scope.value)


def test_a_right_taken_away_is_gone_with_the_next_click(cast):
    key = a_customer(cast, "rep")
    adjust(cast, Role.SALES_REP, "customers.edit", None)
    with pytest.raises(Refused), cast.unit(cast.rep) as u:
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
    assert may(cast, "leader", "customers.edit") is TEAM


def test_a_widened_right_reaches_further(cast):
    key = a_customer(cast, "mate")
    with pytest.raises(Refused), cast.unit(cast.rep) as u:
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
    adjust(cast, Role.SALES_REP, "customers.edit", TEAM)
    with cast.unit(cast.rep) as u:
        assert customers.edit(u, key, {"city": "Kazan"}, seen=1).city == "Kazan"


def test_a_narrowed_view_hides_what_was_seen(cast):
    own, mates = a_customer(cast, "rep"), a_customer(cast, "mate")
    adjust(cast, Role.SALES_REP, "customers.view", OWN)
    with cast.unit(cast.rep) as u:
        assert list(customers.listing(u).index) == [own]
        with pytest.raises(NotFound):
            customers.one(u, mates)


def test_a_right_that_a_role_never_had_can_be_given(cast):
    assert may(cast, "analyst", "interactions.log") is None
    adjust(cast, Role.ANALYST, "interactions.log", OWN)
    assert may(cast, "analyst", "interactions.log") is OWN


def test_an_adjustment_of_one_role_leaves_the_others(cast):
    before = {part: may(cast, part, "customers.view") for part in PARTS.keys() - {"gone"}}
    adjust(cast, Role.MARKETER, "customers.view", None)
    after = {part: may(cast, part, "customers.view") for part in PARTS.keys() - {"gone"}}
    assert after == before | {"marketer": None}


@pytest.mark.parametrize("cell", sorted(UNTOUCHABLE), ids=lambda cell: cell[1])
def test_what_would_lock_everybody_out_cannot_be_taken_away(cast, cell):
    role, right = cell
    with pytest.raises(Refused):
        adjust(cast, role, right, None)
    assert grants_of((role.value,), ((role.value, right, None),))[right] is GRANTS[role][right]


def test_an_adjustment_for_somebody_with_two_roles_changes_only_its_role(cast):
    person(cast, "rep", roles=["sales_rep", "analyst"])
    adjust(cast, Role.ANALYST, "customers.view", None)
    assert may(cast, "rep", "customers.view") is TEAM
