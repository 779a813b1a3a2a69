"""Customers: added, changed, handed over, put into the bin, listed; contact data in one form."""

import pytest
from sqlalchemy import func, select

from crm import customers, settings
from crm.core.errors import Conflict, Invalid, InvalidForm, NotFound, Refused
from crm.customers import (
    KINDS,
    SOURCES,
    STAGES,
    Customer,
    Email,
    Filters,
    Kind,
    Phone,
    Source,
    Stage,
    checked,
    sort_name,
)
from tests.cast import ADDRESS, EMAIL, NORTH, NOW, PARTS, PHONE, SOUTH, a_call, a_customer


def create(cast, part, raw, **facts):
    with cast.unit(getattr(cast, part)) as u:
        return customers.create(u, raw, **facts)


def names(cast, part="rep", filters=None, **options):
    with cast.unit(getattr(cast, part)) as u:
        return list(customers.listing(u, filters or Filters(), **options)["name"])


def ways(cast, key, part="keeper"):
    with cast.unit(getattr(cast, part)) as u:
        return customers.reach(u, key)


def test_the_card_shows_what_the_record_holds_but_how_to_reach_somebody(cast):
    key = create(cast, "rep", {"name": "Acme", "kind": "company", "city": "Tver", "address": "Tverskaya 1"}).id
    with cast.unit(cast.rep) as u:
        card, record = customers.card(u, key), customers.one(u, key)
    shown = vars(card)
    assert shown == {name: getattr(record, name) for name in shown}
    assert set(customers.Customer.__table__.columns.keys()) - set(shown) == {"address"}
    with pytest.raises(NotFound), cast.unit(cast.rival) as u:
        customers.card(u, key)


# --- adding -----------------------------------------------------------------


def test_a_rep_adds_customers_of_his_own(cast):
    one = create(cast, "rep", {"name": "Acme", "kind": "company"})
    assert (one.responsible_id, one.team_id, one.created_by_id, one.created_at) == (3, NORTH, 3, NOW)
    assert (one.stage, one.interaction_count, one.archived_at) == (Stage.POTENTIAL, 0, None)


def test_a_leader_adds_customers_of_the_team(cast):
    one = create(cast, "leader", {"name": "Acme"})
    assert (one.responsible_id, one.team_id) == (None, NORTH)
    assert create(cast, "leader", {"name": "Zet"}, responsible_id=PARTS["mate"].id).responsible_id == PARTS["mate"].id


def test_the_record_keeper_adds_customers_of_anybody_and_of_nobody(cast):
    assert create(cast, "keeper", {"name": "A"}, responsible_id=PARTS["rival"].id).team_id == SOUTH
    one = create(cast, "keeper", {"name": "B"})
    assert (one.responsible_id, one.team_id) == (None, None)


@pytest.mark.parametrize(("part", "of"), [("rep", "mate"), ("rep", "rival"), ("leader", "rival"), ("service", "rep")])
def test_nobody_adds_customers_beyond_his_reach(cast, part, of):
    with pytest.raises(Refused):
        create(cast, part, {"name": "Acme"}, responsible_id=PARTS[of].id)
    with cast.unit() as u:
        assert customers.count(u) == 0
        assert u.value(select(func.count(Phone.id))) == 0


@pytest.mark.parametrize("who", [15, 9999])
def test_a_responsible_must_be_there(cast, who):
    with pytest.raises(NotFound):
        create(cast, "keeper", {"name": "Acme"}, responsible_id=who)


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        ({}, {"name"}),
        ({"name": "  "}, {"name"}),
        ({"name": "x" * 201}, {"name"}),
        ({"name": "x", "kind": "alien"}, {"kind"}),
        ({"name": "x", "stage": "asleep"}, {"stage"}),
        ({"name": "x", "source": "dream"}, {"source"}),
        ({"name": "x", "employees": "many"}, {"employees"}),
        ({"name": "x", "employees": "-1"}, {"employees"}),
        ({"name": "x", "employees": "٣"}, {"employees"}),
        ({"name": "x", "employees": "9" * 10}, {"employees"}),
        ({"name": "x", "city": "y" * 201}, {"city"}),
        ({"name": "x", "phones": ["abc"], "emails": ["nobody"]}, {"phones", "emails"}),
        ({"name": "", "kind": "?", "phones": ["?"]}, {"name", "kind", "phones"}),
        ({"name": "x", "responsible_id": 5}, {"responsible_id"}),
        ({"name": "x", "version": 9}, {"version"}),
        ({"name": "x", "id": 1}, {"id"}),
        ({"name": "x", "interaction_count": 5}, {"interaction_count"}),
    ],
)
def test_everything_that_is_wrong_is_said_at_once_each_at_its_field(cast, raw, fields):
    with pytest.raises(InvalidForm) as told:
        create(cast, "keeper", raw)
    assert set(told.value.faults) == fields
    assert all(fault.field for fault in told.value.faults.values())


def test_contact_data_are_brought_into_one_form_without_doubles(cast):
    raw = {"name": "x", "phones": ["8 916 123-45-67", "+7(916)1234567", "", " "], "emails": ["A@B.ru", "a@b.ru "]}
    one = create(cast, "keeper", raw)
    assert ways(cast, one.id).phones == ("+7 916 123-45-67",)
    assert ways(cast, one.id).emails == ("a@b.ru",)


def test_a_phone_without_a_code_is_of_the_companys_country(cast):
    with cast.unit(cast.admin) as u:
        settings.change(u, "phone_region", "CN")
    one = create(cast, "keeper", {"name": "x", "phones": ["138 0013 8000"]})
    assert ways(cast, one.id).phones == ("+86 138 0013 8000",)


def test_awkward_names_are_kept(cast):
    for name in (
        "Robert'); DROP TABLE customers;--",
        "=1+1",
        "<script>alert(1)</script>",
        "\u202eevil",
        "北京华信",
        "a\u0000b",
        "{0}%s",
    ):
        one = create(cast, "keeper", {"name": name})
        with cast.unit(cast.keeper) as u:
            assert customers.one(u, one.id).name == name.replace("\x00", "")


# --- changing ---------------------------------------------------------------


def test_fields_that_are_not_in_the_form_stay(cast):
    key = a_customer(cast, name="Acme", city="Omsk", need="lamps")
    with cast.unit(cast.rep) as u:
        customers.edit(u, key, {"city": ""}, seen=1)
    with cast.unit(cast.keeper) as u:
        found = customers.values(u, key)
    assert (found["name"], found["city"], found["need"], found["phones"], found["address"]) == (
        "Acme", None, "lamps", [PHONE], ADDRESS,
    )  # fmt: skip


def test_phones_and_mails_are_replaced_keeping_the_rows_that_stay(cast):
    key = a_customer(cast, phones=["+7 916 000-00-01", "+7 916 000-00-02"])
    with cast.unit() as u:
        kept = u.value(select(Phone.id).where(Phone.customer_id == key, Phone.position == 1))
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"phones": ["+7 916 000-00-02", "+7 916 000-00-03"], "emails": []}, seen=1)
    reach = ways(cast, key)
    assert (reach.phones, reach.emails) == (("+7 916 000-00-02", "+7 916 000-00-03"), ())
    with cast.unit() as u:
        assert u.value(select(Phone.id).where(Phone.customer_id == key, Phone.position == 0)) == kept
        assert u.value(select(func.count(Email.id))) == 0


def test_a_stale_form_shows_what_the_others_saved(cast):
    key = a_customer(cast, city="Omsk")
    with cast.unit(cast.leader) as u:
        customers.edit(u, key, {"city": "Kazan"}, seen=1)
    with pytest.raises(Conflict) as told, cast.unit(cast.rep) as u:
        customers.edit(u, key, {"city": "Perm"}, seen=1)
    assert (told.value.record.city, told.value.record.version) == ("Kazan", 2)


def test_a_change_of_contact_data_alone_is_noticed_by_an_open_form(cast):
    """Else two people replace each other's phones: the customer's own row did not change."""
    key = a_customer(cast)
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"phones": ["+7 495 111-22-33"]}, seen=1)
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"phones": ["+7 495 444-55-66"]}, seen=1)


@pytest.mark.parametrize("raw", [{"name": "x"}, {"phones": ["+7 495 111-22-33"]}, {"emails": []}, {"address": "x"}])
def test_personal_data_need_their_right(cast, raw):
    key = a_customer(cast)
    for part in ("rep", "leader"):
        with pytest.raises(Refused), cast.unit(getattr(cast, part)) as u:
            customers.edit(u, key, raw, seen=1)
    reach = ways(cast, key)
    assert (reach.phones, reach.emails, reach.address) == ((PHONE,), (EMAIL,), ADDRESS)


# --- whose ------------------------------------------------------------------


def test_a_customer_goes_to_the_team_of_the_new_responsible(cast):
    key = a_customer(cast, "rep")
    with cast.unit(cast.keeper) as u:
        assert customers.assign(u, key, responsible_id=PARTS["rival"].id, seen=1).team_id == SOUTH
    assert names(cast, "rep") == []
    assert len(names(cast, "rival")) == 1


def test_a_customer_can_be_left_without_a_responsible(cast):
    key = a_customer(cast, "rep")
    with cast.unit(cast.leader) as u:
        one = customers.assign(u, key, responsible_id=None, seen=1)
    assert (one.responsible_id, one.team_id) == (None, NORTH)


def test_a_stale_hand_over_is_a_conflict(cast):
    key = a_customer(cast, "rep")
    with cast.unit(cast.keeper) as u:
        customers.edit(u, key, {"city": "Omsk"}, seen=1)
    with pytest.raises(Conflict), cast.unit(cast.keeper) as u:
        customers.assign(u, key, responsible_id=PARTS["mate"].id, seen=1)


# --- the bin ----------------------------------------------------------------


def test_the_bin_hides_and_gives_back(cast):
    key = a_customer(cast, "rep", name="Acme")
    with cast.unit(cast.keeper) as u:
        customers.archive(u, key, seen=1)
    assert names(cast) == names(cast, filters=Filters("acme")) == []
    with cast.unit(cast.rep) as u:
        assert customers.count(u) == 0
        assert customers.one(u, key).archived_at == NOW
    with cast.unit(cast.admin) as u:
        customers.restore(u, key)
    assert names(cast) == ["Acme"]
    assert ways(cast, key).phones == (PHONE,)


@pytest.mark.parametrize("part", ["rep", "leader", "service", "executive"])
def test_the_bin_is_not_for_everybody(cast, part):
    key = a_customer(cast, "rep")
    with pytest.raises(Refused), cast.unit(getattr(cast, part)) as u:
        customers.archive(u, key, seen=1)


# --- the list ---------------------------------------------------------------


@pytest.fixture
def several(cast):
    """Four customers of the North in no order; what a list may be narrowed by differs."""
    facts = [
        ("rep", {"name": "Beta", "kind": "company", "stage": "active"}),
        ("mate", {"name": "«Alpha»", "kind": "person", "stage": "active"}),
        ("rep", {"name": "Гамма", "kind": "person", "stage": "lost"}),
        ("rep", {"name": "delta", "kind": "company", "stage": "new"}),
    ]
    return [a_customer(cast, of, **raw) for of, raw in facts]


def test_names_are_sorted_without_case_and_quotes(cast, several):
    assert names(cast) == ["«Alpha»", "Beta", "delta", "Гамма"]
    assert several


def test_other_orders(cast, several):
    a_call(cast, several[2])
    assert names(cast, order="recent")[0] == "Гамма"
    assert names(cast, order="newest") == ["delta", "Гамма", "«Alpha»", "Beta"]
    assert names(cast, order="'; DROP TABLE customers;--") == names(cast)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(kind="person"), ["«Alpha»", "Гамма"]),
        (Filters(stage="active"), ["«Alpha»", "Beta"]),
        (Filters(kind="company", stage="active"), ["Beta"]),
        (Filters(mine=True), ["Beta", "delta", "Гамма"]),
        (Filters(responsible_id=4), ["«Alpha»"]),
        (Filters(text="гам"), ["Гамма"]),
        (Filters(text="gam", kind="person"), ["Гамма"]),
        (Filters(text="  "), ["«Alpha»", "Beta", "delta", "Гамма"]),
        (Filters(kind="'; --"), []),
    ],
)
def test_each_filter_narrows(cast, several, filters, found):
    assert names(cast, filters=filters) == found
    with cast.unit(cast.rep) as u:
        assert customers.count(u, filters) == len(found)
    assert several


def test_pages_follow_one_another(cast, several):
    assert [names(cast, page=n, size=3) for n in (0, 1, 2, 3)] == [
        ["«Alpha»", "Beta", "delta"], ["«Alpha»", "Beta", "delta"], ["Гамма"], [],
    ]  # fmt: skip
    assert several


def test_counting_stops_where_nobody_reads_on(cast, several, monkeypatch):
    monkeypatch.setattr(customers.lists, "COUNT_CAP", 2)
    with cast.unit(cast.rep) as u:
        assert customers.count(u) == 3  # 'more than 2'
    assert several


def test_an_empty_list_has_its_columns(cast):
    with cast.unit(cast.rep) as u:
        assert {"name", "kind", "stage", "city"} <= set(customers.listing(u).columns)


# --- pure -------------------------------------------------------------------


def test_every_code_has_a_name():
    assert (set(KINDS), set(STAGES), set(SOURCES)) == (set(Kind), set(Stage), set(Source))


@pytest.mark.parametrize(
    ("name", "key"),
    [("«Ромашка»", "ромашка»"), ('"ABC" Ltd', 'abc" ltd'), ("(x)", "x)"), ("STRASSE ß", "strasse ss"), ("", "")],
)
def test_a_name_is_sorted_by_its_first_letter(name, key):
    assert sort_name(name) == key


def test_only_what_was_given_is_set():
    facts = checked({"city": " Omsk "}, region="RU")
    assert (facts.fields, facts.phones, facts.emails) == ({"city": "Omsk"}, None, None)


def test_a_field_that_does_not_exist_is_refused():
    with pytest.raises(InvalidForm):
        checked({"sort_name": "x"}, region="RU")
    with pytest.raises(Invalid):
        checked({"archived_at": "x"}, region="RU")


def test_the_name_and_its_sort_key_change_together(cast):
    key = a_customer(cast, name="Zet")
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"name": "Alfa"}, seen=1)
    with cast.unit() as u:
        assert u.value(select(Customer.sort_name).where(Customer.id == key)) == "alfa"
