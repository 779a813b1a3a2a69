"""The screens of everybody's day: customers, the card, the journal, plans, my day and help, as they are used.

A page is opened here without the shell: what it says in passing waits under `_said`.
"""

import re
from datetime import date

import pytest
from sqlalchemy import delete, func, select, update

from crm import customers, interactions, plans, stages
from crm.core.people import Team, User
from crm.interactions import Interaction
from tests.cast import NORTH, PARTS, a_customer, a_field, a_type
from tests.pages.screen import field, opened, part, press, rows, texts
from ui.forms import Versions
from ui.navigation import SCREENS

MARKUP = "**Bold** [link](http://evil.example) :red[x] <img src=http://evil.example/x> $x$"
EVERYBODY = ("admin", "keeper", "rep", "service", "leader", "marketer", "analyst", "executive", "product", "partner")


def logged(cast) -> int:
    with cast.unit() as u:
        return int(u.value(select(func.count(Interaction.id))))


# --- opening ----------------------------------------------------------------


@pytest.mark.parametrize("name", EVERYBODY)
def test_every_screen_of_every_role_opens_without_a_fault(cast, name):
    who = getattr(cast, name)
    with cast.unit(who) as u:
        mine = [one.address for one in SCREENS if u.may(one.right) and one.address != "customer"]
    for address in mine:
        at = opened(address, who)
        assert not at.exception, (address, at.exception[0].message if at.exception else "")
        assert part(at, "head") is not None, address


# --- customers --------------------------------------------------------------


def test_the_list_shows_the_readers_customers_and_each_row_opens_the_card(cast):
    mine = a_customer(cast, "rep", name="Ромашка")
    a_customer(cast, "rival", name="Hidden Ltd")
    at = opened("customers", cast.rep)
    assert [row[0] for row in rows(at, "customers")] == ["Ромашка"]
    assert part(at, "customers")["rows"][0]["href"] == f"/customer?id={mine}"
    assert part(at, "customers")["count"] == "1 customer"
    assert "Hidden" not in texts(at)


def test_filters_stand_in_the_address_and_narrow_the_list(cast):
    a_customer(cast, "rep", name="Lost One", stage="lost")
    a_customer(cast, "rep", name="Loyal One", stage="loyal")
    a_customer(cast, "mate", name="A Mate's")
    assert [row[0] for row in rows(opened("customers", cast.rep, stage="lost"), "customers")] == ["Lost One"]
    assert [row[0] for row in rows(opened("customers", cast.rep, q="loyal"), "customers")] == ["Loyal One"]
    assert len(rows(opened("customers", cast.rep, mine="1"), "customers")) == 2
    assert len(rows(opened("customers", cast.rep, responsible=cast.mate.user_id), "customers")) == 1
    assert part(opened("customers", cast.rep, stage="nonsense"), "filters")["filters"][2]["value"] == ""
    assert "Nobody matches" in texts(opened("customers", cast.rep, q="nobody of this name"))


def test_an_empty_list_says_what_to_do(cast):
    assert part(opened("customers", cast.rep), "empty-empty")["button"] == "New customer"
    assert part(opened("customers", cast.analyst), "empty-empty")["button"] == ""


def test_an_empty_house_asks_nobody_for_what_his_role_may_not_do(cast):
    def said(address, name, key="empty-empty"):
        shown = part(opened(address, getattr(cast, name)), key)
        return shown["sentence"], shown["button"]

    assert said("customers", "keeper") == (
        "No customers yet. Add the first one, or import the list that you have.",
        "New customer",
    )
    assert said("customers", "rep") == ("No customers yet. Add the first one.", "New customer")
    assert said("customers", "admin")[1] == "Show people"
    assert said("interactions", "rep")[1] == said("", "rep", "empty-last")[1] == "Show customers"
    for address, key in (("interactions", "empty-empty"), ("", "empty-last")):
        sentence, button = said(address, "analyst", key)
        assert "appears here" in sentence
        assert not button
    assert "Whoever leads a team sets one" in said("plans", "rep")[0]
    assert said("plans", "leader")[1] == "Set a target"


def test_a_partner_reads_nothing_untrue_about_colleagues_whom_he_may_not_see(cast):
    theirs = a_customer(cast, "rep", name="Theirs", partner=True)
    at = opened("customer", cast.partner, id=theirs)
    assert part(at, "head")["title"] == "Theirs"
    assert "Responsible" not in part(at, "head")["line"]
    heads = [one["label"] for one in part(opened("customers", cast.partner), "customers")["columns"]]
    assert "Responsible" not in heads
    assert "Responsible: Ivan Rep" in part(opened("customer", cast.rep, id=theirs), "head")["line"]
    assert "Responsible" in [one["label"] for one in part(opened("customers", cast.rep), "customers")["columns"]]


def test_a_choice_that_offers_nothing_is_not_drawn(cast):
    def offered():
        return [one["label"] for one in part(opened("users", cast.admin), "filters")["filters"]]

    assert "Team" in offered()
    with cast.database.writing() as connection:
        connection.execute(update(User.__table__).values(team_id=None))
        connection.execute(delete(Team.__table__))
    assert "Team" not in offered()
    assert "Role" in offered()


def test_pages_of_a_long_list_are_links(cast):
    for n in range(60):
        a_customer(cast, "rep", name=f"Customer {n:03}")
    first, second = opened("customers", cast.rep), opened("customers", cast.rep, page=2)
    assert len(rows(first, "customers")) == 50
    assert rows(second, "customers")[0][0] == "Customer 050"
    assert [one["text"] for one in part(second, "customers")["pages"]] == ["1", "2"]


def test_a_new_customer_is_added_once_and_faults_stand_beside_their_fields(cast):
    at = opened("customers", cast.keeper, do="new")
    field(at, "name").set_value("ООО «Новый»")
    field(at, "emails").set_value("not an address")
    at = press(at, "Add customer")
    assert "is not an e-mail address" in texts(at)
    assert "Please fill in this field." in texts(at)
    assert field(at, "name").value == "ООО «Новый»", "nothing that was typed is lost"
    field(at, "emails").set_value("info@new.example")
    field(at, "address").set_value("Tverskaya 1")
    once = at.query_params["once"]
    press(at, "Add customer")
    again = opened("customers", cast.keeper, do="new", once=once[0] if isinstance(once, list) else once)
    field(again, "name").set_value("ООО «Новый»")
    press(again, "Add customer")
    with cast.unit() as u:
        assert customers.count(u) == 1


# --- the card ---------------------------------------------------------------


def test_the_card_of_anothers_team_is_not_there(cast):
    hidden = a_customer(cast, "rival", name="Hidden Ltd")
    for asked in (hidden, 999_999, "x", "9" * 40):
        at = opened("customer", cast.rep, id=asked)
        assert not at.exception
        assert part(at, "empty-absent") is not None
        assert "Hidden" not in texts(at)
        assert part(at, "head") is None


def test_a_card_offers_to_change_only_what_the_reader_may_change_on_it(cast):
    mates, own = a_customer(cast, "mate", name="Mate's"), a_customer(cast, "rep", name="Own")

    def edits(who, key):
        return [one["href"] for one in part(opened("customer", who, id=key), "facts")["boxes"] if one["edit"]]

    assert edits(cast.rep, mates) == [], "a form whose save would be refused is not offered"
    assert [href.partition("do=")[2].partition("&")[0] for href in edits(cast.rep, own)] == ["tags", "business"]
    assert len(edits(cast.keeper, mates)) == 3
    assert len(edits(cast.leader, mates)) == 2
    for group in ("business", "personal", "tags"):
        assert not opened("customer", cast.rep, id=mates, do=group).text_input, "nor is it there by its address"
    assert opened("customer", cast.rep, id=own, do="business").text_input


def test_a_colleagues_contact_data_reach_the_browser_masked(cast):
    key = a_customer(cast, "mate", name="Mate's Own", phones=["+7 916 123-45-67"], emails=["secret@example.org"])
    mine, theirs = texts(opened("customer", cast.mate, id=key)), texts(opened("customer", cast.rep, id=key))
    assert "123-45-67" in mine
    assert "secret@example.org" in mine
    assert "123-45" not in theirs
    assert "secret" not in theirs
    assert "Shown in part" in theirs


def test_a_call_is_logged_from_the_card_and_tells_what_is_left(cast):
    key = a_customer(cast, "rep")
    with cast.unit(cast.leader) as u:
        first, last = date(2026, 2, 1), date(2026, 2, 28)
        plans.set_target(u, measure="calls", target=10, starts_on=first, ends_on=last, responsible_id=cast.rep.user_id)
    at = opened("customer", cast.rep, id=key, do="log")
    field(at, "note").set_value("Перезвонить в четверг")
    at = press(at, "Log it")
    assert logged(cast) == 1
    assert "do" not in at.query_params
    told = [sentence for sentence, _bad in at.session_state["_said"]]
    assert "Logged." in told
    assert "Calls: 1 of 10, 9 left" in told
    assert [row[4] for row in rows(opened("customer", cast.rep, id=key), "timeline")] == ["Перезвонить в четверг"]


def test_the_same_dialog_sent_twice_logs_once(cast):
    key = a_customer(cast, "rep")
    for _ in range(2):
        press(opened("customer", cast.rep, id=key, do="log", once="the-same-click"), "Log it")
    assert logged(cast) == 1


def test_an_entry_opens_with_its_whole_note(cast):
    key, note = a_customer(cast, "rep"), "A long note. " * 20
    with cast.unit(cast.rep) as u:
        entry = interactions.log(u, key, kind="meeting", note=note).id
    at = opened("customer", cast.mate, id=key, do="entry", entry=entry)
    assert note.strip() in texts(at)
    assert note.strip()[:20] not in texts(opened("customer", cast.rival, id=key, do="entry", entry=entry))


def test_what_somebody_typed_is_never_markup(cast):
    key = a_customer(cast, "rep", name=MARKUP)
    with cast.unit(cast.rep) as u:
        interactions.log(u, key, kind="call", note=MARKUP)
    for address, query in (
        ("customers", {}),
        ("customer", {"id": key}),
        ("customer", {"id": key, "do": "log"}),
        ("interactions", {}),
    ):
        at = opened(address, cast.rep, **query)
        assert not at.exception
        for kind in ("markdown", "caption", "subheader"):
            for one in at.get(kind):
                assert "](http" not in str(one.value), "in Markdown it would be a link"


def test_business_data_are_changed_in_a_dialog_of_their_own(cast):
    key = a_customer(cast, "rep")
    at = opened("customer", cast.rep, id=key, do="business", seen=1)
    field(at, "industry").set_value("Construction")
    press(at, "Save")
    with cast.unit(cast.rep) as u:
        assert customers.one(u, key).industry == "Construction"


def test_two_people_on_one_card_the_second_decides_and_nothing_is_lost(cast):
    key = a_customer(cast, "rep")
    at = opened("customer", cast.rep, id=key, do="business", seen=1)
    field(at, "industry").set_value("Mine")
    field(at, "need").set_value("Only I wrote this")
    with cast.unit(cast.keeper) as u:
        customers.edit(u, key, {"industry": "Theirs", "city": "Казань"}, seen=1)
    at = press(at, "Save")
    assert "saved this customer while you were writing" in "".join(one.value for one in at.warning)
    assert [option for one in at.radio for option in one.options] == ["Mine: Mine", "Theirs: Theirs", "Original: –"]
    press(at, "Save what I chose")
    with cast.unit(cast.rep) as u:
        card = customers.one(u, key)
        assert (card.industry, card.need, card.city) == ("Mine", "Only I wrote this", "Казань")


def test_only_fields_that_both_changed_need_a_decision():
    original = {"a": 1, "b": 1, "c": 1}
    assert Versions({"a": 2, "b": 1, "c": 2}, {"a": 3, "b": 3, "c": 2}, original).in_dispute() == ["a"]
    assert Versions({"a": 2, "b": 3}, {"a": 3, "b": 3}, None).in_dispute() == ["a"]


# --- journal, plans, my day, help -------------------------------------------


def test_the_journal_shows_only_what_the_reader_may_see(cast):
    ours, theirs = a_customer(cast, "rep", name="Ours"), a_customer(cast, "rival", name="Theirs")
    for who, key in ((cast.rep, ours), (cast.rival, theirs)):
        with cast.unit(who) as u:
            interactions.log(u, key, kind="call", direction="in")
    assert [row[0] for row in rows(opened("interactions", cast.leader), "journal")] == ["Ours"]
    assert len(rows(opened("interactions", cast.executive), "journal")) == 2
    assert "Nothing matches" in texts(opened("interactions", cast.leader, direction="out"))


def test_the_leaders_counter_shows_the_reps_calls_and_the_rivals_sees_none_of_it(cast):
    first, last = date(2026, 2, 1), date(2026, 2, 28)
    with cast.unit(cast.leader) as u:
        plans.set_target(u, measure="calls", target=10, starts_on=first, ends_on=last, team_id=NORTH)
        plans.set_target(u, measure="calls", target=5, starts_on=first, ends_on=last, responsible_id=cast.rep.user_id)
    key = a_customer(cast, "rep")
    with cast.unit(cast.rep) as u:
        interactions.log(u, key, kind="call", direction="out")
    shown = {group["who"]: group["counters"][0] for group in part(opened("plans", cast.leader), "plans")["groups"]}
    assert (shown["North"]["done"], shown["North"]["of"]) == ("1", "of 10")
    assert (shown["Ivan Rep"]["done"], re.split(",", shown["Ivan Rep"]["left"])[0]) == ("1", "4 left")
    assert part(opened("plans", cast.rival_leader), "plans") is None
    assert [group["who"] for group in part(opened("", cast.rep), "my-plans")["groups"]] == ["Ivan Rep"]


def test_a_leader_sets_a_target_for_the_own_team_only(cast):
    at = opened("plans", cast.leader, do="target")
    whose = field(at, "whose").options
    assert "North" in whose
    assert "Ivan Rep" in whose
    assert "South" not in whose
    assert "Wei Rival" not in whose
    field(at, "target").set_value(7)
    press(at, "Set target")
    with cast.unit(cast.leader) as u:
        assert [one.target for one in plans.progress(u, cast.now.date())] == [7]


def test_help_opens_the_chapter_of_the_page_in_the_readers_language(cast):
    assert "## Plans" in texts(opened("help", cast.leader, page="plans"))
    assert "## My day" in texts(opened("help", cast.leader, page="../../README"))
    titles = [one["title"] for one in part(opened("help", cast.rep), "contents")["lines"]]
    assert "Plans" in titles
    assert "People" not in titles, "the handbook follows the menu"


def test_a_day_without_plans_says_what_comes_next_and_is_never_an_empty_page(cast):
    leader, rep, product = (opened("", who) for who in (cast.leader, cast.rep, cast.product))
    assert part(leader, "empty-plans")["href"] == "/plans?do=target"
    assert "Whoever leads a team sets one" in part(rep, "empty-plans")["sentence"]
    assert part(rep, "empty-plans")["button"] == ""
    assert part(product, "empty-plans") is None
    assert part(product, "empty-empty")["href"] == "/customers"


# --- changed in the list ----------------------------------------------------


def pencils(at):
    table = part(at, "customers")
    fields = [column["edits"] for column in table["columns"] if "edits" in column]
    return fields, [row.get("id") for row in table["rows"]]


def test_a_pencil_stands_only_where_the_reader_may_change_the_row(cast):
    mine, theirs = a_customer(cast, name="A"), a_customer(cast, "mate", name="B")
    assert pencils(opened("customers", cast.rep)) == (["stage", "city"], [mine, None])
    assert pencils(opened("customers", cast.keeper)) == (["stage", "city", "responsible_id"], [mine, theirs])
    assert pencils(opened("customers", cast.marketer))[1] == [None, None]


def test_one_field_is_changed_from_the_list(cast):
    key = a_customer(cast, city="Perm")
    at = opened("customers", cast.rep, do="quick", id=key, field="stage")
    field(at, "stage").set_value("loyal")
    press(at, "Save")
    at = opened("customers", cast.keeper, do="quick", id=key, field="responsible_id")
    field(at, "responsible_id").set_value(PARTS["mate"].id)
    press(at, "Save")
    with cast.unit() as u:
        stored = customers.one(u, key)
        assert (stored.stage, stored.city, stored.responsible_id) == ("loyal", "Perm", PARTS["mate"].id)


def test_a_stage_that_is_changed_in_the_list_says_why(cast):
    key = a_customer(cast)
    at = opened("customers", cast.rep, do="quick", id=key, field="stage")
    field(at, "stage").set_value("lost")
    field(at, "stage_reason").input("Moved away")
    press(at, "Save")
    with cast.unit() as u:
        assert [(row["after"], row["reason"]) for row in stages.steps(u, key)] == [("lost", "Moved away")]


def test_one_field_from_the_list_demands_of_the_template_this_field_and_no_other(cast):
    shop = a_type(cast, "Shop", city="must", industry="must")
    key = a_customer(cast, city="Perm", type=shop)
    at = opened("customers", cast.rep, do="quick", id=key, field="city")
    assert field(at, "city").label == "City *"
    field(at, "city").input("")
    assert "Please fill in this field." in texts(press(at, "Save"))
    field(at, "city").input("Tver")
    press(at, "Save")
    with cast.unit() as u:
        assert customers.one(u, key).city == "Tver", "that the industry is missing stops nobody here"


def test_what_a_colleague_changed_meanwhile_is_not_overwritten_from_the_list(cast):
    key = a_customer(cast, city="Perm")
    at = opened("customers", cast.rep, do="quick", id=key, field="city")
    with cast.unit() as u:
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
    field(at, "city").input("Tver")
    assert "changed this record meanwhile" in texts(press(at, "Save"))
    with cast.unit() as u:
        assert customers.one(u, key).city == "Kazan"


@pytest.mark.parametrize("name", ["name", "phones", "extra", "archived_at", "team_id", "nothing"])
def test_no_other_field_is_changed_from_the_list(cast, name):
    key = a_customer(cast)
    at = opened("customers", cast.keeper, do="quick", id=key, field=name)
    assert not [one for one in at.button if one.label == "Save"]


def test_a_customer_out_of_reach_opens_no_field(cast):
    theirs = a_customer(cast, "rival", city="Perm")
    at = opened("customers", cast.rep, do="quick", id=theirs, field="city")
    assert "Perm" not in texts(at)
    assert not [one for one in at.button if one.label == "Save"]


def test_a_field_that_must_be_filled_elsewhere_is_named(cast):
    key = a_customer(cast)
    a_field(cast, "Contract", mandatory=True)
    at = opened("customers", cast.rep, do="quick", id=key, field="city")
    field(at, "city").input("Tver")
    assert "First fill in on the card: Contract." in texts(press(at, "Save"))
