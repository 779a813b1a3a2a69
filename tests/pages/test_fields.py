"""Own fields as they are used: set up on their page, then in the form, on the card, in the list, its filters and the imports."""

import pytest

from crm import customers, fields
from tests.cast import a_customer, a_field
from tests.pages.screen import field, opened, part, press, rows, texts
from tests.test_imports import staged

MARKUP = "**b** [x](http://evil.example) <b>"


def columns(at):
    return [one["label"] for one in part(at, "customers")["columns"]]


def filters(at):
    return {one["param"]: one for one in part(at, "filters")["filters"]}


def known(cast):
    with cast.unit(cast.keeper) as u:
        return fields.everything(u)


# --- setting up ---------------------------------------------------------------


def test_an_empty_page_says_what_own_fields_are_for(cast):
    at = opened("fields", cast.keeper)
    assert "No fields of your own yet." in part(at, "empty-empty")["sentence"]
    assert [one["label"] for one in part(at, "head")["acts"]] == ["New field"]


@pytest.mark.parametrize("name", ["rep", "leader", "service", "marketer", "partner"])
def test_others_find_no_way_to_set_up_fields_even_by_the_address(cast, name):
    one = a_field(cast, "Secret size")
    for query in ({"do": "new"}, {"do": "field", "id": one.id}):
        at = opened("fields", getattr(cast, name), **query)
        assert not at.button
    assert len(known(cast)) == 1


def test_a_field_with_choices_is_added_and_its_faults_stand_beside_their_fields(cast):
    at = opened("fields", cast.keeper, do="new")
    assert not [one for one in at.text_area if one.key.endswith(".choices")]
    field(at, "kind").set_value("choice").run()
    at = press(at, "Add field")
    assert "Please enter a name." in texts(at)
    assert "Please enter at least one choice." in texts(at)
    field(at, "label").set_value("Business need")
    field(at, "choices").set_value("Lamps\nChairs\n")
    field(at, "listed").check()
    press(at, "Add field")
    assert rows(opened("fields", cast.admin), "fields") == [
        ["Business need", "One of several choices", "Everybody", "Lamps, Chairs", "yes"]
    ]


def test_a_field_is_changed_moved_retired_and_brought_back_in_its_dialog(cast):
    first, second = a_field(cast, "First"), a_field(cast, "Size", "several", choices=["S", "M"])
    at = opened("fields", cast.keeper, do="field", id=second.id, seen=1)
    field(at, "label").set_value("Dress size")
    field(at, "choices").set_value("M\nL")
    field(at, "rename").set_value("choice_2")
    field(at, "rename_to").set_value("Medium")
    field(at, "place").set_value(0)
    press(at, "Save")
    dress, _first = known(cast)
    assert (dress.id, dress.label) == (second.id, "Dress size")
    assert [(one.label, one.retired) for one in dress.choices] == [("Medium", False), ("L", False), ("S", True)]
    press(opened("fields", cast.keeper, do="field", id=first.id, seen=known(cast)[1].version), "Take out of use")
    at = opened("fields", cast.keeper)
    assert ([row[0] for row in rows(at, "fields")], [row[0] for row in rows(at, "archived")]) == (
        ["Dress size"],
        ["First"],
    )
    press(opened("fields", cast.keeper, do="field", id=first.id), "Take it back into use")
    assert not any(one.archived for one in known(cast))


def test_a_dialog_of_a_field_that_is_not_there_says_so_and_a_stale_one_overwrites_nothing(cast):
    assert "There is no such record" in texts(opened("fields", cast.keeper, do="field", id=99))
    one = a_field(cast, "Size")
    at = opened("fields", cast.keeper, do="field", id=one.id, seen=1)
    with cast.unit(cast.admin) as u:
        fields.change(u, one.id, {"label": "Theirs"}, seen=1)
    field(at, "label").set_value("Mine")
    assert "Someone changed this record meanwhile." in texts(press(at, "Save"))
    assert known(cast)[0].label == "Theirs"


# --- in use ---------------------------------------------------------------------


def test_a_new_customer_is_asked_the_fields_of_his_kind_and_what_is_missing_stands_there(cast):
    need = a_field(cast, "Demand", mandatory=True, whose="company")
    day, size = a_field(cast, "Since", "date"), a_field(cast, "Size", "number")
    kinds = a_field(cast, "Kinds", "several", choices=["A", "B"], whose="person")
    at = opened("customers", cast.keeper, do="new")
    assert not [one for one in at.get("button_group") if one.key.endswith(f".{kinds.key}")]
    field(at, "name").set_value("Acme")
    field(at, "address").set_value("Tverskaya 1")
    field(at, size.key).set_value("1,5")
    at = press(at, "Add customer")
    assert "Please fill in this field." in texts(at)
    field(at, need.key).set_value("lamps")
    press(at, "Add customer")
    with cast.unit() as u:
        (row,) = u.all(customers.keys(u, customers.Filters(), right="customers.view"))
        assert customers.one(u, row).extra == {need.key: "lamps", size.key: "1.5"}
    at = opened("customers", cast.keeper, do="new")
    field(at, "type").set_value("person").run()
    assert field(at, kinds.key)
    assert field(at, day.key)
    assert not [one for one in at.text_input if one.key.endswith(f".{need.key}")]


def test_the_business_data_hold_every_kind_of_own_field(cast):
    every = {
        "text": "lamps", "number": "1234.5", "date": "2026-02-09", "choice": "choice_1", "several": ["choice_1", "choice_2"],
        "yes_no": False, "link": "https://example.com/x",
    }  # fmt: skip
    own = {
        kind: a_field(cast, f"My {kind}", kind, choices=["A", "B"] if kind in {"choice", "several"} else [])
        for kind in every
    }
    key = a_customer(cast, "rep", **{own[kind].key: value for kind, value in every.items()})
    at = opened("customer", cast.rep, id=key, do="business", seen=1)
    (business,) = [box for box in part(at, "facts")["boxes"] if box["title"] == "Business data"]
    lines = {label: text for label, text, _icon in business["lines"]}
    assert lines == {
        "My text": "lamps", "My number": "1,234.5", "My date": "9 Feb 2026", "My choice": "A", "My several": "A, B", "My yes_no": "No",
        "My link": "https://example.com/x",
    }  # fmt: skip
    press(at, "Save")
    with cast.unit() as u:
        assert customers.one(u, key).version == 1, "what nobody changed is not saved"
    at = opened("customer", cast.rep, id=key, do="business", seen=1)
    field(at, own["number"].key).set_value("7,25")
    field(at, own["yes_no"].key).set_value("yes")
    field(at, own["several"].key).set_value(["choice_2"])
    press(at, "Save")
    with cast.unit() as u:
        extra = customers.one(u, key).extra
    assert (extra[own["number"].key], extra[own["yes_no"].key]) == ("7.25", True)
    assert (extra[own["several"].key], extra[own["date"].key]) == (["choice_2"], "2026-02-09")


def test_two_people_who_chose_differently_see_the_choices_by_their_names(cast):
    one = a_field(cast, "Demand", "choice", choices=["Lamps", "Chairs", "Tables"])
    key = a_customer(cast, "rep", **{one.key: "choice_1"})
    at = opened("customer", cast.rep, id=key, do="business", seen=1)
    field(at, one.key).set_value("choice_2")
    with cast.unit(cast.keeper) as u:
        customers.edit(u, key, {one.key: "choice_3"}, seen=1)
    at = press(at, "Save")
    assert [option for one in at.radio for option in one.options] == [
        "Mine: Chairs",
        "Theirs: Tables",
        "Original: Lamps",
    ]
    press(at, "Save what I chose")
    with cast.unit() as u:
        assert customers.one(u, key).extra == {one.key: "choice_2"}


def test_the_list_shows_and_filters_by_own_fields_in_the_address(cast):
    need = a_field(cast, "Demand", "choice", choices=["Lamps", "Chairs"], listed=True)
    agreed, hidden = a_field(cast, "Agreed", "yes_no"), a_field(cast, "Hidden")
    code = a_field(cast, "Code", listed=True)
    a_customer(cast, name="A", **{need.key: "choice_1", agreed.key: True, code.key: "X-1"})
    a_customer(cast, name="B", **{need.key: "choice_2", agreed.key: False})
    at = opened("customers", cast.rep)
    assert columns(at)[-2:] == ["Demand", "Code"]
    assert [(row[0], row[-2], row[-1]) for row in rows(at, "customers")] == [("A", "Lamps", "X-1"), ("B", "Chairs", "")]
    offered = filters(at)
    assert offered[need.key]["options"] == [["choice_1", "Lamps"], ["choice_2", "Chairs"]]
    assert [value for value, _name in offered[agreed.key]["options"]] == ["yes", "no"]
    assert (offered[code.key]["kind"], hidden.key in offered) == ("text", False)
    for query, names in (
        ({need.key: "choice_2"}, ["B"]),
        ({agreed.key: "yes", code.key: "x-1"}, ["A"]),
        ({agreed.key: "perhaps"}, ["A", "B"]),
    ):
        assert [row[0] for row in rows(opened("customers", cast.rep, **query), "customers")] == names
    assert "Nobody matches these filters." in texts(opened("customers", cast.rep, **{code.key: "Y"}))


def test_a_field_is_there_in_a_session_that_was_open_before(cast):
    a_customer(cast)
    at = opened("customers", cast.rep)
    assert "Demand" not in columns(at)
    a_field(cast, "Demand", listed=True)
    assert "Demand" in columns(at.run())


def test_an_import_offers_own_fields_and_names_them_in_its_faults(cast):
    one = a_field(cast, "Agreed", "yes_no")
    at = opened("imports", cast.keeper, id=staged(cast, "name,agreed\nAcme,yes\nBeta,maybe\n"))
    data = next(part(at, each.key) for each in at.get("bidi_component") if each.key.startswith("columns-"))
    assert data["chosen"] == {"name": "name", "agreed": one.key}
    assert [one.key, "Agreed"] in data["fields"]
    assert [each["label"] for each in part(at, "preview")["columns"]][-1] == "Agreed"
    assert [row[-1] for row in rows(at, "preview")] == ["yes", "Please answer with yes or no."]


def test_changes_of_own_fields_are_told_by_their_labels(cast):
    one = a_field(cast, "Demand", "several", choices=["Lamps", "Chairs"])
    key = a_customer(cast, "rep", **{one.key: ["choice_1"]})
    with cast.unit(cast.rep) as u:
        customers.edit(u, key, {one.key: ["choice_1", "choice_2"]}, seen=1)
    assert rows(opened("customer", cast.rep, id=key, tab="history"), "history")[0][2] == "Demand: Lamps → Lamps, Chairs"
    told = [row[4] for row in rows(opened("audit", cast.admin), "audit")]
    assert told[0] == "Demand: Lamps → Lamps, Chairs"
    assert any("What it takes: Any number of choices" in line and "Choices: Lamps, Chairs" in line for line in told)


def test_labels_choices_and_values_are_never_markup(cast):
    text = a_field(cast, MARKUP, listed=True)
    choice = a_field(cast, f"2 {MARKUP}", "several", choices=[MARKUP], mandatory=True)
    key = a_customer(cast, "rep", **{text.key: MARKUP, choice.key: [MARKUP]})
    for address, query in (
        ("customers", {}),
        ("customers", {"do": "new"}),
        ("customer", {"id": key, "do": "business", "seen": 1}),
        ("fields", {}),
        ("fields", {"do": "field", "id": choice.id, "seen": 1}),
    ):
        at = opened(address, cast.keeper, **query)
        assert not at.exception
        for kind in ("markdown", "caption", "subheader", "text_input", "button_group"):
            for one in at.get(kind):
                said = str(getattr(one, "label", "")) if kind in {"text_input", "button_group"} else str(one.value)
                offered = [str(option) for option in one.options] if kind == "button_group" else []
                assert not [text for text in (said, *offered) if "](http" in text], "in Markdown it would be a link"
