"""Types of customers as they are used: the form of each asks what its template says, the card what is missing, the list by type."""

import pytest

from crm import customers, templates, types
from crm.customers import Filters
from tests.cast import ADDRESS, a_customer, a_field, a_type, placed
from tests.pages.screen import field, opened, part, press, rows, texts

MARKUP = "**b** [x](http://evil.example) <b>"


def fields(at, form: str) -> list[str]:
    """Return the names of the fields that a form has, in their order."""
    kinds = ("text_input", "selectbox", "number_input", "text_area", "date_input", "button_group")
    found = [one for kind in kinds for one in at.get(kind) if str(one.key).startswith(f"{form}.")]
    return [str(one.key).rpartition(".")[2] for one in found]


def box(at, key: str = "quality"):
    return part(at, key)["boxes"][0]


def only(cast):
    with cast.unit() as u:
        (key,) = u.all(customers.keys(u, Filters(), right="customers.view"))
        return customers.one(u, key)


# --- setting up ---------------------------------------------------------------


def test_the_two_types_that_are_always_there_are_shown_with_what_they_ask_for(cast):
    at = opened("types", cast.keeper)
    assert rows(at, "types")[0] == [
        "Company",
        "Company",
        "Name, Address",
        "Phones, E-mail addresses, Industry, Employees, City, Source, Need",
    ]
    assert [row[0] for row in rows(at, "types")] == ["Company", "Private person"]


@pytest.mark.parametrize("name", ["rep", "leader", "service", "partner"])
def test_others_find_no_way_to_set_up_types_even_by_the_address(cast, name):
    large = a_type(cast)
    for query in (
        {"do": "new"},
        {"type": large, "do": "type", "seen": 1},
        {"type": large, "do": "field", "field": "need", "seen": 1},
        {"type": large, "do": "group", "group": "Business data", "seen": 1},
    ):
        at = opened("types", getattr(cast, name), **query)
        assert not [one for one in at.button if one.label != "Change the group"]


def test_a_type_is_added_with_its_faults_beside_their_fields_and_opens_at_once(cast):
    at = press(opened("types", cast.keeper, do="new"), "Add type")
    assert "Please enter a name." in texts(at)
    field(at, "name").set_value("Company, large")
    press(at, "Add type")
    with cast.unit() as u:
        assert [one.name for one in templates.everything(u)][2:] == ["Company, large"]


def test_a_field_is_put_into_a_new_group_made_mandatory_and_left_out_in_its_dialog(cast):
    large = a_type(cast)
    at = opened("types", cast.keeper, type=large, do="field", field="need", seen=1)
    field(at, "group").set_value("+").run()
    at = press(at, "Save")
    assert "Please enter a name." in texts(at)
    field(at, "title").set_value("Demand")
    field(at, "level").set_value("must")
    press(at, "Save")
    at = opened("types", cast.keeper, type=large)
    assert rows(at, "fields-2") == [["Need", "Must be filled in"]]
    at = opened("types", cast.keeper, type=large, do="field", field="note", seen=2)
    field(at, "level").set_value("out")
    press(at, "Save")
    at = opened("types", cast.keeper, type=large)
    assert rows(at, "left-out") == [["Note", "Not asked"], ["Number in another system", "Not asked"]]


def test_a_group_is_called_otherwise_and_a_type_renamed_retired_and_brought_back(cast):
    large = a_type(cast)
    at = opened("types", cast.keeper, type=large, do="group", group="Business data", seen=1)
    field(at, "name").set_value(MARKUP)
    field(at, "after").set_value("")
    press(at, "Save")
    at = opened("types", cast.keeper, type=large, do="type", seen=2)
    field(at, "name").set_value("Enterprise")
    press(at, "Save")
    with cast.unit() as u:
        one = templates.types(u)[large]
    assert (one.name, one.groups[0].title) == ("Enterprise", MARKUP)
    press(opened("types", cast.keeper, type=large, do="type", seen=3), "Take out of use")
    assert rows(opened("types", cast.keeper), "types")[-1][-1] == "out of use"
    press(opened("types", cast.keeper, type=large, do="type", seen=4), "Take it back into use")
    with cast.unit() as u:
        assert not templates.types(u)[large].archived


def test_a_delivered_type_keeps_its_name_and_is_set_back(cast):
    placed(cast, "company", "need", "must")
    at = opened("types", cast.keeper, type="company", do="type", seen=1)
    assert not at.text_input
    press(at, "Set back to the fields that were delivered")
    with cast.unit() as u:
        assert templates.types(u)["company"].groups == templates.delivered("company").groups


def test_somebody_elses_change_is_not_overwritten(cast):
    large = a_type(cast)
    at = opened("types", cast.keeper, type=large, do="field", field="need", seen=1)
    placed(cast, large, "note", "must")
    field(at, "level").set_value("must")
    at = press(at, "Save")
    with cast.unit() as u:
        assert templates.types(u)[large].level("need") == "wanted"


# --- the forms ----------------------------------------------------------------


def test_the_new_customer_asks_for_the_type_first_and_the_form_follows_it(cast):
    large = a_type(cast, note="must", industry="out")
    placed(cast, large, "website", "wanted", group="In the net")
    at = opened("customers", cast.keeper, do="new")
    assert "industry" in fields(at, "new-customer")
    field(at, "type").set_value(large).run()
    names = fields(at, "new-customer")
    assert names[0] in {"type", "name"}
    assert {"note", "website"} <= set(names)
    assert "industry" not in names
    assert "In the net" in texts(at)
    field(at, "name").set_value("Acme")
    field(at, "need").set_value("Lamps")
    at = press(at, "Add customer")
    assert texts(at).count("Please fill in this field.") == 2, "address and note"
    assert (field(at, "name").value, field(at, "need").value) == ("Acme", "Lamps"), "nothing that was typed is lost"
    field(at, "address").set_value(ADDRESS)
    field(at, "note").set_value("Known from the fair")
    press(at, "Add customer")
    stored = only(cast)
    assert (stored.type, stored.kind, stored.need) == (large, "company", "Lamps")


def test_the_type_of_the_last_one_is_chosen_already(cast):
    large = a_type(cast)
    assert field(opened("customers", cast.rep, do="new"), "type").value == "company"
    with cast.unit(cast.rep) as u:
        customers.create(u, {"name": "Mine", "type": large})
    a_customer(cast, "rep", type="person", name="The keeper's own")
    assert field(opened("customers", cast.rep, do="new"), "type").value == large
    with cast.unit(cast.keeper) as u:
        types.retire(u, large, seen=1)
    assert field(opened("customers", cast.rep, do="new"), "type").value == "company"


def test_the_form_follows_a_template_that_changes_meanwhile_without_a_restart(cast):
    need = a_field(cast, "Business need", "choice", choices=["Lamps", "Chairs"])
    at = opened("customers", cast.rep, do="new")
    assert need.key in [one.key.partition(".")[2].partition(".")[2] for one in at.selectbox]
    placed(cast, "company", need.key, "must", group="Demand")
    at = at.run()
    assert "Business need *" in [one.label for one in at.selectbox]
    assert "Demand" in texts(at)


def test_business_data_are_edited_by_the_template_of_the_type_that_is_chosen(cast):
    large = a_type(cast, need="must")
    key = a_customer(cast, "rep", city="Kazan")
    at = opened("customer", cast.rep, id=key, do="business", seen=1)
    field(at, "type").set_value(large).run()
    at = press(at, "Save")
    assert "Please fill in this field." in texts(at)
    field(at, "need").set_value("Lamps")
    press(at, "Save")
    with cast.unit() as u:
        assert (customers.one(u, key).type, customers.one(u, key).need) == (large, "Lamps")


def test_the_personal_form_keeps_what_must_be_there(cast):
    key = a_customer(cast)
    at = opened("customer", cast.keeper, id=key, do="personal", seen=1)
    field(at, "address").set_value("")
    at = press(at, "Save")
    assert "Please fill in this field." in texts(at)
    with cast.unit(cast.keeper) as u:
        assert customers.reach(u, key).address == ADDRESS


# --- the card and the list ----------------------------------------------------


def test_the_card_shows_how_complete_it_is_and_each_gap_leads_to_its_field(cast):
    key = a_customer(cast, "rep", phones=[], source="sales", need="Lamps")
    at = opened("customer", cast.rep, id=key)
    assert ["Completeness", "55%"] in part(at, "head")["figures"]
    missing = box(at)
    assert missing["title"] == "Still missing"
    assert [label for label, _href, _icon in missing["links"]] == ["Industry", "Employees", "City"]
    assert [text for _label, text, _icon in missing["lines"]] == ["Phones"], (
        "what one may not fill in is said without a link"
    )
    assert "do=business" in missing["links"][2][1]
    assert "field=city" in missing["links"][2][1]
    at = opened("customer", cast.rep, id=key, do="business", seen=1, field="city")
    assert fields(at, "edit-business")[0] == "city"
    field(at, "city").set_value("Kazan")
    press(at, "Save")
    assert ["Completeness", "66%"] in part(opened("customer", cast.rep, id=key), "head")["figures"]


def test_a_whole_record_says_so(cast):
    facts = {"city": "Kazan", "industry": "Lamps", "employees": "5", "source": "sales", "need": "Lamps"}
    at = opened("customer", cast.rep, id=a_customer(cast, "rep", **facts))
    assert (box(at)["title"], box(at)["links"], box(at)["lines"]) == ("Complete", [], [])
    assert ["Completeness", "100%"] in part(at, "head")["figures"]


def test_a_colleagues_customer_shows_gaps_without_a_word_of_what_is_hidden(cast):
    at = opened("customer", cast.rep, id=a_customer(cast, "mate", address="", city="Kazan"))
    assert [text for _label, text, _icon in box(at)["lines"]] == ["Address, Industry, Employees, Source, Need"]
    assert box(at)["links"] == []


def test_the_list_has_type_and_completeness_as_columns_and_the_type_as_filter(cast):
    a_customer(cast, "rep", name="Plain")
    assert "type" not in {one["param"] for one in part(opened("customers", cast.rep), "filters")["filters"]}
    large = a_type(cast)
    a_customer(cast, "rep", name="Big", type=large)
    at = opened("customers", cast.rep, type=large)
    assert [row[0] for row in rows(at, "customers")] == ["Big"]
    (one,) = [each for each in part(at, "filters")["filters"] if each["param"] == "type"]
    assert one["options"] == [["company", "Company"], ["person", "Private person"], [large, "Company, large"]]
    at = opened("customers", cast.rep, where=f"type.is.{large}.or.completeness.more.99")
    assert "Type: Company, large" in texts(at)


def test_the_history_names_the_type(cast):
    large = a_type(cast, name=MARKUP)
    key = a_customer(cast, "rep")
    with cast.unit(cast.rep) as u:
        customers.edit(u, key, {"type": large}, seen=1)
    assert f"Type: Company → {MARKUP}" in rows(opened("customer", cast.rep, id=key, tab="history"), "history")[0][2]
    at = opened("audit", cast.admin)
    assert "Type of customers added" in texts(at)
