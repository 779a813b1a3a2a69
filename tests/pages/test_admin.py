"""The administrator's screens: people, teams, rights, settings and changes, as they are used."""

import json

import pytest

from crm import audit, customers, rights, sessions, settings, teams, users
from crm.core.grants import RIGHTS, Role
from crm.core.people import Team, User
from tests.cast import NORTH, PARTS, PHONE, SALES, SOUTH, a_customer
from tests.pages.screen import ON_BOTH, field, opened, part, press, rows, texts
from ui import people_forms

ADDRESSES = ("users", "teams", "rights", "settings", "audit")
LONG = "Аполлинария-Евстафия Константинопольская-Рождественская фон Унгерн-Штернберг-Ди."
MARKUP = "**Bold** [link](http://evil.example) :red[x] <b>b</b> $x$"


def account(cast, user_id: int) -> User:
    with cast.unit() as u:
        return u.get(User, user_id)


# --- who may come in --------------------------------------------------------


@ON_BOTH
@pytest.mark.parametrize("address", ADDRESSES)
def test_the_administrators_screens_open_without_a_fault(cast, address):
    at = opened(address, cast.admin)
    assert not at.exception
    assert part(at, "head")["title"]


@pytest.mark.parametrize(("address", "shown"), [("users", "people"), ("rights", "matrix"), ("audit", "audit")])
def test_others_see_nothing_there_even_when_they_know_the_address(cast, address, shown):
    for name in ("rep", "keeper", "partner"):
        at = opened(address, getattr(cast, name), do="person", id=cast.mate.user_id)
        assert len(at.exception) == 1, "the door refused"
        assert part(at, shown) is None
        assert not at.button


# --- people -----------------------------------------------------------------


def test_the_list_shows_who_can_sign_in_and_each_row_opens_the_account(cast):
    at = opened("users", cast.admin)
    table = part(at, "people")
    assert table["count"] == "16 people"
    shown = {row[0]: row for row in rows(at, "people")}
    assert shown["Dmitri Gone"][4] == "Disabled"
    assert shown["Ivan Rep"][1:5] == ["Sales rep", "North", "", ""]
    assert all("do=person" in row["href"] and "seen=1" in row["href"] for row in table["rows"])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "rep"}, ["Ivan Rep"]),
        ({"role": "marketer"}, ["Mark Marketer"]),
        ({"team": str(SOUTH)}, ["Sun Leader", "Wei Rival"]),
        ({"state": "disabled"}, ["Dmitri Gone"]),
        ({"role": "tsar", "team": "x", "state": "?", "q": "Olga"}, ["Olga Mate"]),
        ({"q": "nobody of this name"}, []),
    ],
)
def test_filters_live_in_the_address(cast, query, names):
    at = opened("users", cast.admin, **query)
    assert [row[0] for row in rows(at, "people")] == names
    assert (part(at, "empty-empty") is None) == bool(names)


def test_sixty_people_come_in_pages_that_keep_the_filter(cast):
    with cast.unit() as u:
        for number in range(60):
            users.create(u, {"username": f"p{number}", "name": f"Person {number:02}", "roles": ["analyst"]})
    first = opened("users", cast.admin, role="analyst")
    assert len(rows(first, "people")) == 50
    assert "role=analyst" in part(first, "people")["pages"][-1]["href"]
    second = opened("users", cast.admin, role="analyst", page=2)
    assert len(rows(second, "people")) == 11


def test_a_new_person_gets_a_link_that_is_shown_once_and_opens_the_account(cast):
    at = opened("users", cast.admin, do="new")
    field(at, "name").input(LONG[:80])
    field(at, "username").input("nina")
    field(at, "roles").set_value(["sales_rep", "marketer"])
    field(at, "team_id").set_value(NORTH)
    press(at, "Create account")
    assert at.query_params["do"] == "link"
    link = at.get("code")[0].value
    with cast.unit(cast.admin) as u:
        (user_id,) = users.listing(u, users.Filters(text="nina")).index
    assert (account(cast, user_id).team_id, account(cast, user_id).roles) == (NORTH, ["marketer", "sales_rep"])
    assert sessions.link_is_good(cast.database, link.rpartition("/")[2])
    later = opened("users", cast.admin, do="link", id=user_id)
    assert "/reset/" not in texts(later)


def test_every_fault_of_a_new_person_stands_in_the_form_and_what_was_typed_stays(cast):
    at = opened("users", cast.admin, do="new")
    field(at, "username").input("two words")
    field(at, "email").input("nonsense")
    press(at, "Create account")
    for sentence in (
        "Please enter a name.",
        "A user name is made of",
        "'nonsense' is not an e-mail",
        "at least one role",
    ):
        assert sentence in texts(at)
    assert (field(at, "username").value, at.query_params["do"]) == ("two words", "new")
    with cast.unit(cast.admin) as u:
        assert users.count(u) == 16


def test_a_second_click_creates_nobody_twice(cast):
    at = opened("users", cast.admin, do="new", once="abc")
    field(at, "name").input("Nina")
    field(at, "username").input("nina")
    field(at, "roles").set_value(["sales_rep"])
    press(at, "Create account")
    again = opened("users", cast.admin, do="new", once="abc")
    field(again, "name").input("Nina")
    field(again, "username").input("nina2")
    field(again, "roles").set_value(["sales_rep"])
    press(again, "Create account")
    with cast.unit(cast.admin) as u:
        assert users.count(u, users.Filters(text="nina")) == 1


def test_fields_of_an_account_are_saved_from_its_dialog(cast):
    at = opened("users", cast.admin, do="person", id=cast.rep.user_id, seen=1)
    field(at, "name").input("Иван Репин")
    field(at, "language").set_value("ru")
    field(at, "timezone").set_value("Asia/Yekaterinburg")
    press(at, "Save")
    stored = account(cast, cast.rep.user_id)
    assert (stored.name, stored.language, stored.timezone, stored.username) == (
        "Иван Репин",
        "ru",
        "Asia/Yekaterinburg",
        "rep",
    )
    assert "do" not in at.query_params


def test_a_stale_dialog_says_so_and_overwrites_nothing(cast):
    at = opened("users", cast.admin, do="person", id=cast.rep.user_id, seen=1)
    with cast.unit(cast.admin) as u:
        users.change(u, cast.rep.user_id, {"name": "Theirs"}, seen=1)
    field(at, "name").input("Mine")
    press(at, "Save")
    assert "Somebody else saved this account meanwhile" in texts(at)
    assert account(cast, cast.rep.user_id).name == "Theirs"


def test_roles_are_changed_in_their_own_dialog(cast):
    at = opened("users", cast.admin, do="person", id=cast.rep.user_id, seen=1)
    at.get("menu_button")[0].click("roles").run()
    assert at.query_params["do"] == "roles"
    field(at, "roles").set_value(["sales_rep", "analyst"])
    press(at, "Change roles")
    assert account(cast, cast.rep.user_id).roles == ["analyst", "sales_rep"]


def test_ones_own_account_offers_nothing_that_locks_one_out_and_the_address_does_not_help(cast):
    at = opened("users", cast.admin, do="person", id=cast.admin.user_id, seen=1)
    offered = set(at.get("menu_button")[0].options)
    assert not offered & {"Disable account", "Delete account", "Reset password"}
    at = opened("users", cast.admin, do="disable", id=cast.admin.user_id)
    press(at, "Disable account")
    assert "You cannot do this to your own account" in texts(at)
    assert account(cast, cast.admin.user_id).is_active


def test_deleting_asks_who_becomes_responsible_and_tells_for_how_many(cast):
    mine = a_customer(cast, "rep")
    at = opened("users", cast.admin, do="delete", id=cast.rep.user_id, seen=1)
    assert field(at, "hand_over_to").label == "Who becomes responsible for 1 customer"
    assert cast.rep.user_id not in field(at, "hand_over_to").options
    press(at, "Delete account")
    assert "Choose who becomes responsible" in texts(at)
    field(at, "hand_over_to").set_value(cast.mate.user_id)
    press(at, "Delete account")
    assert account(cast, cast.rep.user_id).deleted_at is not None
    with cast.unit(cast.keeper) as u:
        assert customers.one(u, mine).responsible_id == cast.mate.user_id
    assert "Ivan Rep" not in json.dumps(rows(opened("users", cast.admin), "people"))


@pytest.mark.parametrize(
    ("name", "button", "effect"),
    [
        ("disable", "Disable account", lambda cast, key: not account(cast, key).is_active),
        ("out", "Sign out everywhere", lambda cast, key: not sessions.browsers(cast.database, key)),
        ("unlock", "Allow to try again", lambda cast, key: account(cast, key).is_active),
        ("factor", "Switch off", lambda cast, key: not sessions.has_totp(cast.database, key)),
    ],
)
def test_each_question_does_what_it_says_and_closes(cast, name, button, effect):
    sessions.open_sign_in(cast.database, cast.rep.user_id, address="192.0.2.1", device="", now=cast.now)
    at = opened("users", cast.admin, do=name, id=cast.rep.user_id)
    assert "Ivan Rep" in texts(at)
    press(at, button)
    assert "do" not in at.query_params
    assert effect(cast, cast.rep.user_id)


def test_a_disabled_account_is_enabled_again(cast):
    at = opened("users", cast.admin, do="enable", id=cast.gone.user_id)
    press(at, "Enable account")
    assert account(cast, cast.gone.user_id).is_active


def test_a_reset_shows_the_new_link(cast):
    at = opened("users", cast.admin, do="reset", id=cast.rep.user_id)
    press(at, "Reset password")
    assert at.query_params["do"] == "link"
    assert sessions.link_is_good(cast.database, at.get("code")[0].value.rpartition("/")[2])


@pytest.mark.parametrize("name", list(people_forms.DIALOGS))
def test_a_dialog_of_a_person_who_is_not_there_says_so(cast, name):
    for user_id in (999, "x"):
        at = opened("users", cast.admin, do=name, id=user_id)
        assert not at.exception
        assert "There is no such record" in texts(at)


def test_what_people_typed_is_never_markup(cast):
    with cast.unit() as u:
        person = users.create(u, {"username": "evil", "name": MARKUP, "roles": ["analyst"]}).user.id
        teams.create(u, MARKUP, leader_id=person)
    for name in ("roles", "delete", "team", "disable", "reset"):
        at = opened("users", cast.admin, do=name, id=person)
        written = [one.value for kind in ("markdown", "caption") for one in at.get(kind)]
        written += [one.label for kind in ("button_group", "selectbox") for one in at.get(kind)]
        assert not [one for one in written if "**Bold**" in one or "[link](http" in one or ":red[x]" in one], name
        assert not at.exception


# --- teams ------------------------------------------------------------------


def test_the_tree_shows_teams_under_teams_and_the_chosen_ones_people(cast):
    at = opened("teams", cast.admin, team=NORTH)
    tree = [(one["name"], one["depth"], one["line"], one["count"], one["now"]) for one in part(at, "tree")["branches"]]
    assert tree == [
        ("Sales", 0, "Irina Head", "1", False),
        ("North", 1, "Maria Leader", "4", True),
        ("South", 1, "Sun Leader", "2", False),
        ("Without a team", 0, "", "8", False),
    ]
    assert part(at, "members")["columns"][0]["label"] == "Full name"
    assert [row[0] for row in rows(at, "members")] == [
        "Dmitri Gone",
        "Ivan Rep",
        "Maria Leader",
        "Olga Mate",
        "Sveta Service",
    ]


def test_an_empty_house_says_what_teams_are_for(cast):
    with cast.database.writing() as connection:
        connection.execute(User.__table__.update().values(team_id=None))
        connection.execute(Team.__table__.update().values(leader_id=None, parent_id=None))
        connection.execute(Team.__table__.delete())
    at = opened("teams", cast.admin)
    assert not at.exception
    assert "No teams yet" in texts(at)


def test_a_team_is_created_renamed_led_moved_and_dissolved_by_its_dialogs(cast):
    at = opened("teams", cast.admin, do="new")
    field(at, "name").input("East")
    field(at, "leader_id").set_value(cast.stranger.user_id)
    field(at, "parent_id").set_value(SALES)
    press(at, "Create team")
    with cast.unit() as u:
        east = {name: key for key, name in teams.directory(u).items()}["East"]
    at = opened("teams", cast.admin, team=east)
    assert "Nobody is in this team yet" in texts(at)
    at.get("menu_button")[0].click("rename").run()
    field(at, "name").input("Far East")
    press(at, "Save")
    at = opened("teams", cast.admin, team=east, do="leader")
    field(at, "leader_id").select_index(0)
    press(at, "Save")
    at = opened("teams", cast.admin, team=east, do="place")
    field(at, "parent_id").select_index(0)
    press(at, "Move")
    with cast.unit() as u:
        team = u.get(Team, east)
        assert (team.name, team.leader_id, team.parent_id) == ("Far East", None, None)
    at = opened("teams", cast.admin, team=east, do="dissolve")
    press(at, "Dissolve team")
    with cast.unit() as u:
        assert east not in teams.directory(u)


def test_a_team_that_is_not_empty_stays_and_the_dialog_says_why(cast):
    at = opened("teams", cast.admin, team=NORTH, do="dissolve")
    press(at, "Dissolve team")
    assert "There are people in this team" in texts(at)
    with cast.unit() as u:
        assert NORTH in teams.directory(u)


def test_a_person_is_moved_with_or_without_the_customers(cast):
    along, stays = a_customer(cast, "rep"), a_customer(cast, "mate")
    at = opened("teams", cast.admin, team=NORTH, do="team", id=cast.rep.user_id)
    field(at, "team_id").set_value(SOUTH)
    assert field(at, "along").label == "1 customer goes along"
    press(at, "Move")
    at = opened("teams", cast.admin, team=NORTH, do="team", id=cast.mate.user_id)
    field(at, "team_id").set_value(SOUTH)
    field(at, "along").uncheck()
    press(at, "Move")
    with cast.unit(cast.keeper) as u:
        assert (customers.one(u, along).team_id, customers.one(u, along).responsible_id) == (SOUTH, cast.rep.user_id)
        assert (customers.one(u, stays).team_id, customers.one(u, stays).responsible_id) == (NORTH, None)


def test_moving_a_team_under_itself_is_said_beside_the_field(cast):
    at = opened("teams", cast.admin, team=SALES, do="place")
    field(at, "parent_id").set_value(NORTH)
    press(at, "Move")
    assert "A team cannot stand under itself." in texts(at)


# --- rights -----------------------------------------------------------------


def cells(at) -> dict[tuple[str, str], dict]:
    matrix = part(at, "matrix")
    return {
        (role, right["name"]): cell
        for group in matrix["groups"]
        for right in group["rights"]
        for role, cell in zip(matrix["roles"], right["cells"], strict=True)
    }


def test_the_matrix_shows_every_right_of_every_role_and_marks_what_differs(cast):
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "sales_rep", "customers.edit", "team")
    found = cells(opened("rights", cast.admin))
    assert len(found) == len(RIGHTS) * len(Role)
    changed = {key: cell for key, cell in found.items() if "changed" in cell["css"]}
    assert list(changed) == [("Sales rep", "Change business data of customers")]
    (cell,) = changed.values()
    assert (cell["word"], cell["spoken"]) == ("team's", "those of one's teams (the default is: one's own)")
    fixed = found["Administrator", "Create, change, disable and delete accounts"]
    assert (fixed["href"], fixed["word"]) == ("", "yes")
    assert found["Marketer", "Put customers into the bin and take them out"]["word"] == "–"


def test_the_matrix_is_narrowed_to_a_role_and_to_what_was_adjusted(cast):
    at = opened("rights", cast.admin, adjusted="1")
    assert part(at, "matrix") is None
    assert "Nothing was adjusted." in texts(at)
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "marketer", "customers.view", None)
    assert set(cells(opened("rights", cast.admin, adjusted="1", role="marketer"))) == {("Marketer", "See customers")}


def test_a_cell_is_adjusted_in_its_dialog(cast):
    at = opened("rights", cast.admin, do="customers.edit", **{"for": "sales_rep"})
    assert field(at, "scope").value == "own"
    assert "one's own (default)" in field(at, "scope").options
    field(at, "scope").set_value("team")
    press(at, "Adjust")
    assert cells(opened("rights", cast.admin))["Sales rep", "Change business data of customers"]["word"] == "team's"
    at = opened("rights", cast.admin, do="customers.edit", **{"for": "sales_rep"})
    field(at, "scope").set_value("none")
    press(at, "Adjust")
    assert cells(opened("rights", cast.admin))["Sales rep", "Change business data of customers"]["word"] == "–"


@pytest.mark.parametrize(
    ("role", "right"),
    [("administrator", "users.manage"), ("tsar", "customers.view"), ("sales_rep", "nonsense"), ("", "preset-x")],
)
def test_an_address_that_leads_to_no_adjustable_cell_opens_nothing(cast, role, right):
    at = opened("rights", cast.admin, do=right, **{"for": role})
    assert not at.exception
    assert not at.button


def test_a_preset_shows_what_it_changes_before_it_does(cast):
    at = opened("rights", cast.admin, do="preset-small_team")
    assert "8 rights change:" in texts(at)
    assert ["Change names, phones, e-mails and addresses", "Sales rep", "– → own"] in rows(at, "preset")
    press(at, "Apply")
    with cast.unit(cast.admin) as u:
        assert int(rights.matrix(u)["is_adjusted"].sum()) == 8
    assert "in this state already" in texts(opened("rights", cast.admin, do="preset-small_team"))


def test_whoever_only_sees_the_matrix_finds_no_way_to_change_it(cast):
    with cast.unit(cast.admin) as u:
        rights.adjust(u, "executive", "rights.view", "all")
    at = opened("rights", cast.executive, do="customers.edit", **{"for": "sales_rep"})
    assert not any(cell["href"] for cell in cells(at).values())
    assert (part(at, "head")["acts"], list(at.button)) == ([], [])


# --- settings ---------------------------------------------------------------


def test_settings_are_saved_together(cast):
    at = opened("settings", cast.admin, do="change")
    field(at, "company_name").input("ООО «Ромашка»")
    field(at, "currency").set_value("CNY")
    field(at, "timezone").set_value("Asia/Shanghai")
    press(at, "Save settings")
    with cast.unit() as u:
        found = settings.everything(u)
    assert (found["company_name"], found["currency"], found["timezone"]) == ("ООО «Ромашка»", "CNY", "Asia/Shanghai")
    assert field(opened("settings", cast.admin, do="change"), "company_name").value == "ООО «Ромашка»"
    lines = {
        label: value
        for box in part(opened("settings", cast.admin), "facts")["boxes"]
        for label, value, _ in box["lines"]
    }
    assert (lines["Company name"], lines["Currency"]) == ("ООО «Ромашка»", "CNY Chinese Yuan")
    assert lines["Time zone"].endswith("Shanghai, China")


def test_a_wrong_setting_is_said_beside_it_and_none_is_saved(cast):
    at = opened("settings", cast.admin, do="change")
    field(at, "company_name").input("   ")
    field(at, "currency").set_value("CNY")
    press(at, "Save settings")
    assert "This value cannot be used here." in texts(at)
    with cast.unit() as u:
        assert settings.everything(u)["currency"] == "RUB"


def test_two_administrators_do_not_overwrite_each_others_settings(cast):
    at = opened("settings", cast.admin, do="change")
    with cast.unit(cast.admin) as u:
        settings.change(u, "currency", "USD")
    field(at, "currency").set_value("CNY")
    press(at, "Save settings")
    assert "Somebody else changed a setting meanwhile" in texts(at)
    at = opened("settings", cast.admin, do="change")
    with cast.unit(cast.admin) as u:
        settings.change(u, "currency", "EUR")
    field(at, "company_name").input("Only mine")
    press(at, "Save settings")
    with cast.unit() as u:
        assert (settings.value(u, "currency"), settings.value(u, "company_name")) == ("EUR", "Only mine")


# --- changes ----------------------------------------------------------------


def test_changes_are_told_in_words_and_personal_values_are_not_told(cast):
    customer_id = a_customer(cast, "rep", name="Тайный Клиент")
    with cast.unit(cast.rep) as u:
        customers.edit(u, customer_id, {"stage": "loyal"}, seen=customers.one(u, customer_id).version)
    with cast.unit(cast.admin) as u:
        teams.move_person(u, cast.rep.user_id, SOUTH)
        rights.adjust(u, "sales_rep", "customers.edit", "team")
        settings.change(u, "currency", "CNY")
    at = opened("audit", cast.admin)
    told = {(row[0], row[2], row[3], row[4]) for row in rows(at, "audit")}
    assert ("Customer changed", "Ivan Rep", f"Customer {customer_id}", "Stage: Potential → Loyal") in told
    assert ("Person moved to another team", "Anna Administrator", "Ivan Rep", "Team: North → South") in told
    assert (
        "Right adjusted",
        "Anna Administrator",
        "Right",
        "Sales rep, Change business data of customers: own → team's",
    ) in told
    assert ("Setting changed", "Anna Administrator", "Setting", "Currency: RUB → CNY") in told
    assert "Тайный" not in texts(at)
    assert PHONE not in texts(at)


def test_changes_are_narrowed_in_the_address_and_one_entry_opens_in_full(cast):
    with cast.unit(cast.admin) as u:
        users.set_roles(u, cast.rep.user_id, ["analyst", "sales_rep"], seen=1)
        users.disable(u, cast.mate.user_id)
    at = opened("audit", cast.admin, verb="users.set_roles", person=cast.admin.user_id, record="users", period="1")
    assert [row[4] for row in rows(at, "audit")] == ["Roles: Sales rep → Data analyst, Sales rep"]
    with cast.unit(cast.admin) as u:
        entry = int(audit.listing(u, audit.Filters(verb="users.set_roles")).index[0])
    at = opened("audit", cast.admin, do="entry", id=entry)
    assert rows(at, "entry") == [["Roles", "Sales rep", "Data analyst, Sales rep"]]
    assert not opened("audit", cast.admin, do="entry", id=999_999).exception
    assert "Nothing matches these filters." in texts(opened("audit", cast.admin, person=PARTS["partner"].id))


def test_an_entry_about_a_customer_leads_to_the_card(cast):
    customer_id = a_customer(cast, "rep", name="Тайный Клиент")
    with cast.unit(cast.admin) as u:
        entry = int(audit.listing(u, audit.Filters(record="customers")).index[0])
    said = texts(opened("audit", cast.admin, do="entry", id=entry))
    assert f"[Customer {customer_id}](/customer?id={customer_id})" in said
    assert "Тайный" not in said


def test_the_number_of_a_sign_in_is_nobodys_news(cast):
    sessions.open_sign_in(cast.database, cast.rep.user_id, address="127.0.0.1", device="Chromium")
    [signed_in] = [row for row in rows(opened("audit", cast.admin, verb="sessions.sign_in"), "audit") if row]
    assert not any(char.isdigit() for char in signed_in[4].replace("127.0.0.1", ""))


def test_a_house_where_nothing_happened_says_so(cast):
    assert "Nothing was changed yet." in texts(opened("audit", cast.admin))
