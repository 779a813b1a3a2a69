"""Accounts: who can be created, changed and closed by whom, and what ends with them."""

from functools import partial

import pytest
from sqlalchemy import select, update

from crm import audit, customers, rights, sessions, teams, users
from crm.core import config
from crm.core.access import Identity
from crm.core.errors import Conflict, CrmError, Invalid, InvalidForm, NotFound, Refused, SignedOut
from crm.core.grants import Role
from crm.core.people import SignIn, Team, User
from crm.users import Filters
from tests.cast import NORTH, PARTNER, PARTS, SOUTH, a_customer
from tests.support.meeting import at_once, meanwhile
from tests.test_exports import adjust

PASSWORD = "vier Worte reichen gut"


def an_account(cast, by="admin", **raw):
    with cast.unit(getattr(cast, by)) as u:
        return users.create(u, {"username": "nina", "name": "Nina New", "roles": ["sales_rep"]} | raw)


def a_second_administrator(cast) -> Identity:
    return Identity(an_account(cast, username="boss", name="Boris Boss", roles=["administrator"]).user.id)


def signed_in(cast, part_id: int) -> Identity:
    opened = sessions.open_sign_in(cast.database, part_id, address="192.0.2.1", device="Firefox", now=cast.now)
    return Identity(part_id, opened.sign_in_id)


def is_in(cast, who: Identity) -> bool:
    try:
        with cast.unit(who):
            return True
    except SignedOut:
        return False


def stored(cast, user_id: int) -> User:
    with cast.unit() as u:
        return u.get(User, user_id)


# --- creating and changing --------------------------------------------------


def test_whoever_gets_a_new_account_chooses_a_password_with_the_link_once_and_signs_in(cast):
    welcome = an_account(cast, username=" Nina.Nova ")
    assert welcome.link.startswith(f"{config.config().base_url}/reset/")
    token = welcome.link.rpartition("/")[2]
    assert sessions.use_reset_link(cast.database, token, PASSWORD) == "nina.nova"
    outcome = sessions.sign_in(cast.database, "NINA.NOVA", PASSWORD, address="192.0.2.1")
    assert isinstance(outcome, sessions.SignedIn)
    assert outcome.user_id == welcome.user.id
    with pytest.raises(NotFound):
        sessions.use_reset_link(cast.database, token, PASSWORD + "!")


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        ({"username": ""}, {"username"}),
        ({"username": "two words"}, {"username"}),
        ({"username": "a~1"}, {"username"}),
        ({"username": "x" * 81}, {"username"}),
        ({"name": "  "}, {"name"}),
        ({"name": "n" * 121}, {"name"}),
        ({"roles": []}, {"roles"}),
        ({"roles": ["sales_rep", "tsar"]}, {"roles"}),
        ({"email": "no address"}, {"email"}),
        ({"language": "tlh"}, {"language"}),
        ({"timezone": "Mars/Olympus"}, {"timezone"}),
        ({"partner_id": 0}, {"partner_id"}),
        ({"username": "", "name": "", "roles": [], "email": "x"}, {"username", "name", "roles", "email"}),
    ],
)
def test_every_wrong_field_of_an_account_is_named_at_once_and_nothing_is_stored(cast, raw, fields):
    with pytest.raises(InvalidForm) as refused:
        an_account(cast, **raw)
    assert set(refused.value.faults) == fields
    with cast.unit(cast.admin) as u:
        assert users.count(u, Filters(text="Nina")) == 0


def test_a_user_name_belongs_to_one_person_however_it_is_written(cast):
    with pytest.raises(Invalid) as taken:
        an_account(cast, username="REP")
    assert taken.value.field == "username"
    with cast.unit(cast.admin) as u, pytest.raises(Invalid):
        users.change(u, cast.mate.user_id, {"username": "Rep"}, seen=1)


def test_a_partners_account_needs_the_partners_number(cast):
    with pytest.raises(Invalid) as missing:
        an_account(cast, roles=["partner"])
    assert missing.value.field == "partner_id"
    assert an_account(cast, roles=["partner"], partner_id=9).user.partner_id == 9
    with cast.unit(cast.admin) as u, pytest.raises(Invalid):
        users.change(u, cast.partner.user_id, {"partner_id": None}, seen=1)
    with cast.unit(cast.admin) as u, pytest.raises(Invalid):
        users.set_roles(u, cast.rep.user_id, ["partner"], seen=1)


def test_a_stale_form_does_not_overwrite_a_colleagues_change(cast):
    with cast.unit(cast.admin) as u:
        users.change(u, cast.rep.user_id, {"name": "Ivan Repin"}, seen=1)
    for late in (
        lambda u: users.change(u, cast.rep.user_id, {"name": "Ivan Late"}, seen=1),
        lambda u: users.set_roles(u, cast.rep.user_id, ["marketer"], seen=1),
    ):
        with pytest.raises(Conflict), cast.unit(cast.admin) as u:
            late(u)
    assert (stored(cast, cast.rep.user_id).name, stored(cast, cast.rep.user_id).roles) == ("Ivan Repin", ["sales_rep"])


@pytest.mark.parametrize("field", ["roles", "team_id", "disabled_at", "deleted_at", "created_by_id", "id", "version"])
def test_a_form_cannot_smuggle_in_a_field_that_has_its_own_verb(cast, field):
    with pytest.raises(CrmError), cast.unit(cast.admin) as u:
        users.change(u, cast.rep.user_id, {field: ["administrator"] if field == "roles" else None}, seen=1)
    with pytest.raises(CrmError):
        an_account(cast, **({"team_id": NORTH} if field == "roles" else {field: 5}))


def test_new_roles_hold_from_the_next_click(cast):
    customer_id = a_customer(cast, "rival")
    with cast.unit(cast.rep) as u, pytest.raises(NotFound):
        customers.one(u, customer_id)
    with cast.unit(cast.admin) as u:
        users.set_roles(u, cast.rep.user_id, ["sales_rep", "analyst"], seen=1)
    with cast.unit(cast.rep) as u:
        assert customers.one(u, customer_id).id == customer_id


# --- the last administrator -------------------------------------------------

ENDINGS = {
    "disable": users.disable,
    "delete": users.delete,
    "demote": lambda u, user_id: users.set_roles(u, user_id, ["analyst"], seen=stored_version(u, user_id)),
}


def stored_version(u, user_id: int) -> int:
    return int(u.value(select(User.version).where(User.id == user_id)))


def active_administrators(cast) -> list[int]:
    with cast.unit() as u:
        rows = u.rows(select(User.id, User.roles).where(User.disabled_at.is_(None), User.deleted_at.is_(None)))
    return [row["id"] for row in rows if Role.ADMINISTRATOR in row["roles"]]


@pytest.mark.parametrize("how", ENDINGS)
def test_the_last_administrator_stays_whoever_asks(cast, how):
    with pytest.raises(Refused), cast.unit() as u:
        ENDINGS[how](u, cast.admin.user_id)
    assert active_administrators(cast) == [cast.admin.user_id]


@pytest.mark.parametrize("how", ENDINGS)
def test_a_disabled_administrator_does_not_count_as_the_other_one(cast, how):
    second = a_second_administrator(cast)
    with cast.unit(cast.admin) as u:
        users.disable(u, second.user_id)
    with pytest.raises(Refused), cast.unit() as u:
        ENDINGS[how](u, cast.admin.user_id)


@pytest.mark.parametrize("how", ENDINGS)
def test_with_a_second_administrator_the_first_can_go(cast, how):
    second = a_second_administrator(cast)
    with cast.unit(second) as u:
        ENDINGS[how](u, cast.admin.user_id)
    assert active_administrators(cast) == [second.user_id]


@pytest.mark.parametrize("how", ENDINGS)
def test_nobody_locks_himself_out_even_where_another_administrator_stays(cast, how):
    a_second_administrator(cast)
    with pytest.raises(Refused), cast.unit(cast.admin) as u:
        ENDINGS[how](u, cast.admin.user_id)
    assert cast.admin.user_id in active_administrators(cast)


@pytest.mark.parametrize("how", ENDINGS)
def test_two_administrators_who_remove_each_other_at_the_same_moment_leave_one(cast, how):
    first, second = cast.admin, a_second_administrator(cast)
    for _ in range(4):
        errors = at_once(
            cast,
            *((who, partial(ENDINGS[how], user_id=other.user_id)) for who, other in ((first, second), (second, first))),
        )
        assert len(active_administrators(cast)) == 1, errors
        assert len(errors) == 1
        assert isinstance(errors[0], CrmError)
        _restore(cast, first, second)


def _restore(cast, *who: Identity) -> None:
    table = User.__table__
    facts = {"roles": ["administrator"], "disabled_at": None, "deleted_at": None, "version": table.c.version + 1}
    with cast.database.writing() as connection:
        connection.execute(update(table).where(table.c.id.in_([one.user_id for one in who])).values(facts))


def test_whoever_only_manages_accounts_cannot_take_over_or_make_an_administrator(cast):
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_manager", "users.manage", "all")
    boss, me = cast.admin.user_id, cast.leader.user_id
    a_second_administrator(cast)
    attacks = (
        lambda u: users.reset_password(u, boss),
        lambda u: users.change(u, boss, {"email": "evil@example.org"}, seen=1),
        lambda u: users.set_roles(u, boss, ["analyst"], seen=1),
        lambda u: users.set_roles(u, me, ["administrator"], seen=1),
        lambda u: users.set_roles(u, cast.rep.user_id, ["sales_rep", "administrator"], seen=1),
        lambda u: users.create(u, {"username": "eve", "name": "Eve", "roles": ["administrator"]}),
        lambda u: users.disable(u, boss),
        lambda u: users.delete(u, boss),
        lambda u: users.sign_out_everywhere(u, boss),
        lambda u: users.drop_second_factor(u, boss),
        lambda u: users.hand_over(u, boss, me),
    )
    for attack in attacks:
        with pytest.raises(Refused), cast.unit(cast.leader) as u:
            attack(u)
    with cast.unit(cast.leader) as u:
        users.disable(u, cast.rep.user_id)
    assert len(active_administrators(cast)) == 2


# --- what ends --------------------------------------------------------------

CLOSING = {
    "disable": users.disable,
    "delete": users.delete,
    "reset": users.reset_password,
    "sign out": users.sign_out_everywhere,
    "second factor": users.drop_second_factor,
}


@pytest.mark.parametrize("how", CLOSING)
def test_closing_an_account_ends_its_sign_ins_and_no_others(cast, how):
    here, there, other = (signed_in(cast, key) for key in (cast.rep.user_id, cast.rep.user_id, cast.mate.user_id))
    with cast.unit(cast.admin) as u:
        CLOSING[how](u, cast.rep.user_id)
    assert [is_in(cast, who) for who in (here, there, other)] == [False, False, True]


@pytest.mark.parametrize("how", CLOSING)
def test_a_closing_that_fails_ends_nothing(cast, how):
    here = signed_in(cast, cast.rep.user_id)
    with pytest.raises(Refused), cast.unit(cast.admin) as u:
        CLOSING[how](u, cast.rep.user_id)
        u.need("customers.edit_personal")
    assert is_in(cast, here)


def test_an_enabled_account_opens_again_but_its_old_sign_ins_stay_closed(cast):
    here = signed_in(cast, cast.rep.user_id)
    with cast.unit(cast.admin) as u:
        users.disable(u, cast.rep.user_id)
        users.enable(u, cast.rep.user_id)
    assert (is_in(cast, here), is_in(cast, cast.rep)) == (False, True)


def test_after_a_reset_only_the_link_opens_the_account(cast):
    with cast.unit() as u:
        sessions.set_password(u, cast.rep.user_id, PASSWORD, must_change=False)
    with cast.unit(cast.admin) as u:
        link = users.reset_password(u, cast.rep.user_id)
    assert isinstance(sessions.sign_in(cast.database, "rep", PASSWORD, address="192.0.2.1"), sessions.Failed)
    sessions.use_reset_link(cast.database, link.rpartition("/")[2], PASSWORD + " neu")
    assert isinstance(sessions.sign_in(cast.database, "rep", PASSWORD + " neu", address="192.0.2.1"), sessions.SignedIn)


def test_nobody_resets_his_own_password_past_the_old_one_nor_that_of_a_closed_account(cast):
    with pytest.raises(Refused), cast.unit(cast.admin) as u:
        users.reset_password(u, cast.admin.user_id)
    with pytest.raises(Refused), cast.unit(cast.admin) as u:
        users.reset_password(u, cast.gone.user_id)


def test_a_lockout_ends_when_the_administrator_says_so(cast):
    with cast.unit() as u:
        sessions.set_password(u, cast.rep.user_id, PASSWORD, must_change=False)
    key = sessions.throttle.account_key("rep")
    with cast.database.writing() as connection:
        limit = sessions.policy().account
        for _ in range(limit.tries + 1):
            sessions.throttle.count(connection, key, limit, cast.now)
    assert isinstance(sessions.sign_in(cast.database, "rep", PASSWORD, address="192.0.2.1"), sessions.Failed)
    with cast.unit(cast.admin) as u:
        users.unlock(u, cast.rep.user_id)
    assert isinstance(sessions.sign_in(cast.database, "rep", PASSWORD, address="192.0.2.1"), sessions.SignedIn)


# --- deleting ---------------------------------------------------------------


def test_nobody_is_deleted_while_customers_would_be_left_alone(cast):
    a_customer(cast, "rep")
    in_bin = a_customer(cast, "rep", name="In the bin")
    with cast.unit(cast.keeper) as u:
        customers.archive(u, in_bin, seen=customers.one(u, in_bin).version)
    with cast.unit(cast.admin) as u:
        assert users.customers_of(u, cast.rep.user_id) == 2
    with pytest.raises(Invalid) as refused, cast.unit(cast.admin) as u:
        users.delete(u, cast.rep.user_id)
    assert (refused.value.field, refused.value.values) == ("hand_over_to", {"n": 2})
    assert stored(cast, cast.rep.user_id).is_active


def test_deleting_hands_the_customers_over_with_team_and_a_higher_version(cast):
    customer_id = a_customer(cast, "rep")
    other = a_customer(cast, "mate")
    with cast.unit(cast.keeper) as u:
        before = customers.one(u, customer_id).version
    with cast.unit(cast.admin) as u:
        assert users.delete(u, cast.rep.user_id, hand_over_to=cast.rival.user_id) == 1
    with cast.unit(cast.keeper) as u:
        moved, kept = customers.one(u, customer_id), customers.one(u, other)
        assert (moved.responsible_id, moved.team_id, moved.version) == (cast.rival.user_id, SOUTH, before + 1)
        assert (kept.responsible_id, kept.team_id) == (cast.mate.user_id, NORTH)
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        customers.edit(u, customer_id, {"stage": "loyal"}, seen=before)


@pytest.mark.parametrize("how", ["assign", "create"])
@pytest.mark.parametrize("first", ["give", "delete"])
def test_nobody_gets_a_customer_at_the_moment_of_being_deleted(cast, first, how):
    rep, heir = cast.rep.user_id, cast.mate.user_id
    known = a_customer(cast, "rival")
    with cast.unit(cast.keeper) as u:
        seen = customers.one(u, known).version
    give = {
        "assign": lambda u: customers.assign(u, known, responsible_id=rep, seen=seen),
        "create": lambda u: customers.create(u, {"name": "Just now"}, responsible_id=rep),
    }
    acts = {
        "give": (cast.keeper, give[how]),
        "delete": (cast.admin, lambda u: users.delete(u, rep, hand_over_to=heir)),
    }
    errors = meanwhile(cast, first, acts)
    assert [type(one) for one in errors] == ([] if first == "give" else [NotFound])
    with cast.unit(cast.keeper) as u:
        belong = {row.responsible_id: row.team_id for row in customers.listing(u).itertuples()}
        assert belong in ({heir: NORTH}, {heir: NORTH, cast.rival.user_id: SOUTH}, {cast.rival.user_id: SOUTH})
        assert (heir in belong) == (first == "give")


def test_a_customer_that_comes_at_the_moment_of_a_deletion_without_heir_stops_it(cast):
    acts = {
        "give": (cast.keeper, lambda u: customers.create(u, {"name": "Just now"}, responsible_id=cast.rep.user_id)),
        "delete": (cast.admin, lambda u: users.delete(u, cast.rep.user_id)),
    }
    errors = meanwhile(cast, "give", acts)
    assert [type(one) for one in errors] == [Invalid]
    assert stored(cast, cast.rep.user_id).is_active


def test_the_customers_move_even_where_the_administrator_may_not_see_them(cast):
    customer_id = a_customer(cast, "rep")
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "administrator", "customers.view", None)
    with pytest.raises(Invalid), cast.unit(cast.admin) as u:
        users.delete(u, cast.rep.user_id)
    with cast.unit(cast.admin) as u:
        users.delete(u, cast.rep.user_id, hand_over_to=cast.mate.user_id)
    with cast.unit(cast.keeper) as u:
        assert customers.one(u, customer_id).responsible_id == cast.mate.user_id


@pytest.mark.parametrize("heir", ["gone", "rep"])
def test_customers_go_only_to_another_active_colleague(cast, heir):
    a_customer(cast, "rep")
    with pytest.raises(Invalid), cast.unit(cast.admin) as u:
        users.delete(u, cast.rep.user_id, hand_over_to=getattr(cast, heir).user_id)


def test_a_deleted_person_frees_the_user_name_and_keeps_the_name_in_the_history(cast):
    a_customer(cast, "mate")
    with cast.unit(cast.admin) as u:
        users.delete(u, cast.leader.user_id)
    assert an_account(cast, username="leader").user.username == "leader"
    with cast.unit(cast.admin) as u:
        assert users.names(u)[cast.leader.user_id] == "Maria Leader"
        assert cast.leader.user_id not in users.directory(u)
        assert u.get(Team, NORTH).leader_id is None
        assert (stored(cast, cast.leader.user_id).email, users.count(u, Filters(state="deleted"))) == (None, 1)
        for verb in (users.enable, users.disable, users.reset_password, users.delete):
            with pytest.raises(NotFound):
                verb(u, cast.leader.user_id)


def test_handing_over_and_deleting_stand_in_the_audit_log_with_the_count(cast):
    a_customer(cast, "rep")
    a_customer(cast, "rep", name="Second")
    with cast.unit(cast.admin) as u:
        users.delete(u, cast.rep.user_id, hand_over_to=cast.mate.user_id)
        entries = audit.listing(u, audit.Filters(record="users", record_id=cast.rep.user_id))
    said = dict(zip(entries["verb"], entries["changes"], strict=True))
    assert said["users.hand_over"]["customers_handed_over"] == [None, 2]
    assert "deleted_at" in said["users.delete"]
    assert set(entries["who"]) == {"Anna Administrator"}


# --- one's own account ------------------------------------------------------


def test_everybody_chooses_the_own_language_and_time_zone_and_nobody_elses(cast):
    with cast.unit(cast.partner) as u:
        users.set_language(u, "zh")
        users.set_timezone(u, "Asia/Shanghai")
    with cast.unit(cast.partner) as u:
        assert (u.actor.language, u.actor.timezone) == ("zh", "Asia/Shanghai")
    with cast.unit(cast.partner) as u, pytest.raises(Invalid):
        users.set_language(u, "xx")
    assert stored(cast, cast.rep.user_id).language is None


def test_only_those_who_manage_accounts_see_and_change_them(cast):
    for part in ("keeper", "rep", "leader", "executive", "partner"):
        with cast.unit(getattr(cast, part)) as u:
            for query in (
                users.listing,
                users.count,
                lambda u: users.customers_of(u, 3),
                lambda u: users.last_seen(u, 3),
            ):
                with pytest.raises(Refused):
                    query(u)
        with pytest.raises(Refused):
            an_account(cast, by=part)


def test_whoever_manages_the_accounts_of_a_team_learns_no_number_of_another_teams_customers(cast):
    for of in ("rep", "mate", "rival"):
        a_customer(cast, of)
    adjust(cast, Role.SALES_MANAGER, "users.manage", "team")
    with cast.unit(cast.leader) as u:
        assert [users.customers_of(u, PARTS[one].id) for one in ("rep", "mate")] == [1, 1]
    for key in (PARTS["rival"].id, 4711):
        with pytest.raises(NotFound), cast.unit(cast.leader) as u:
            users.customers_of(u, key)


# --- lists ------------------------------------------------------------------


def test_the_list_finds_people_by_part_of_a_name_in_any_alphabet_and_case(cast):
    an_account(cast, username="borisov", name="Борис Ёлкин", email="boris@пример.рф")
    an_account(cast, username="wangwei", name="王伟")
    with cast.unit(cast.admin) as u:
        wanted = {"борис": 1, "БОРИС": 1, "Борис": 1, "伟": 1, "BORISOV": 1, "wang": 1, "%": 0, "_": 1, "Rep": 1}
        assert {text: users.count(u, Filters(text=text)) for text in wanted} == wanted
        assert list(users.listing(u, Filters(text="王")).name) == ["王伟"]


def test_the_list_is_narrowed_by_role_team_and_state_and_paged_in_the_database(cast):
    with cast.unit(cast.admin) as u:
        assert users.count(u) == 16
        assert set(users.listing(u, Filters(role="sales_rep", team_id=NORTH)).index) == {3, 4, 15}
        assert list(users.listing(u, Filters(state="disabled")).index) == [15]
        assert users.count(u, Filters(state="active")) == 15
        assert users.count(u, Filters(role="sales")) == 0
        pages = [list(users.listing(u, page=page, size=5).index) for page in (1, 2, 3, 4, 5)]
    assert [len(page) for page in pages] == [5, 5, 5, 1, 0]
    assert sorted(key for page in pages for key in page) == list(range(1, 17))


def test_the_list_says_when_somebody_was_here_last(cast):
    signed_in(cast, cast.rep.user_id)
    with cast.unit(cast.admin) as u:
        frame = users.listing(u)
        assert frame.at[3, "last_seen_at"] == cast.now
        assert frame.at[4, "last_seen_at"] is None or frame["last_seen_at"].isna()[4]
        assert users.last_seen(u, 3) == cast.now
        assert frame.at[3, "team"] == "North"


def test_the_directory_holds_active_colleagues_and_a_partner_sees_only_partners(cast):
    another = an_account(cast, username="pia", name="Pia Partner", roles=["partner"], partner_id=PARTNER).user.id
    an_account(cast, username="foe", name="Foe Partner", roles=["partner"], partner_id=8)
    with cast.unit(cast.rep) as u:
        found = users.directory(u)
        assert found[cast.rival.user_id] == "Wei Rival"
        assert cast.gone.user_id not in found
        assert list(found.values()) == sorted(found.values())
    with cast.unit(cast.partner) as u:
        assert set(users.directory(u)) == set(users.names(u)) == {cast.partner.user_id, another}
        assert users.one(u, another).name == "Pia Partner"
        with pytest.raises(NotFound):
            users.one(u, cast.rep.user_id)


def test_a_leader_chooses_among_those_whom_the_right_reaches(cast):
    with cast.unit(cast.leader) as u:
        assert set(users.reached(u, "customers.assign")) == {3, 4, 6, 7}
    with cast.unit(cast.rep) as u:
        assert users.reached(u, "customers.assign") == {}
    with cast.unit(cast.keeper) as u:
        assert cast.rival.user_id in users.reached(u, "customers.assign")


def test_a_moved_person_is_reached_by_the_new_leader(cast):
    with cast.unit(cast.admin) as u:
        teams.move_person(u, cast.rep.user_id, SOUTH)
    with cast.unit(cast.rival_leader) as u:
        assert cast.rep.user_id in users.reached(u, "customers.assign")


def test_sign_in_rows_of_the_deleted_stay_closed(cast):
    here = signed_in(cast, cast.mate.user_id)
    with cast.unit(cast.admin) as u:
        users.delete(u, cast.mate.user_id)
        rows = u.rows(select(SignIn.id, SignIn.revoked_at).where(SignIn.user_id == cast.mate.user_id))
    assert [row["revoked_at"] for row in rows] == [cast.now]
    assert not is_in(cast, here)
