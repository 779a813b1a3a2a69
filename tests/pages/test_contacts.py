"""The contact persons on a customer's card: shown, added, changed, seen off, and two people at once."""

from crm import contacts
from tests.cast import a_contact, a_customer, a_former_contact
from tests.pages.screen import field, opened, part, press, rows, texts

MARKUP = "**Bold** [link](http://evil.example)"


def people(cast, key):
    with cast.unit() as u:
        return contacts.of(u, key)


def test_the_tab_shows_who_is_there_and_each_row_opens_its_dialog(cast):
    key = a_customer(cast)
    person = a_contact(cast, key, name="Petra", position="Buyer", department="Office")
    a_former_contact(cast, key)
    at = opened("customer", cast.rep, id=key, tab="contacts")
    assert [row[:3] for row in rows(at, "contacts")] == [
        ["Petra", "Asked first", "Buyer, Office"],
        ["Gustav Gone", "No longer there", ""],
    ]
    assert f"do=contact&contact={person}" in part(at, "contacts")["rows"][0]["href"].replace("&seen=1", "")


def test_an_empty_tab_says_what_to_do(cast):
    key = a_customer(cast)
    assert (
        part(opened("customer", cast.keeper, id=key, tab="contacts"), "empty-contacts")["button"]
        == "Add a contact person"
    )
    assert part(opened("customer", cast.rep, id=key, tab="contacts"), "empty-contacts")["button"] == ""


def test_a_person_is_added_once_and_faults_stand_beside_their_fields(cast):
    key = a_customer(cast)
    at = opened("customer", cast.keeper, id=key, tab="contacts", do="new_contact", once="x")
    field(at, "name").set_value("Petra")
    field(at, "phones").set_value("12")
    at = press(at, "Add a contact person")
    assert "is not a phone number" in texts(at)
    assert field(at, "name").value == "Petra", "nothing that was typed is lost"
    field(at, "phones").set_value("8 495 765-43-21, 8 916 765-43-21")
    press(at, "Add a contact person")
    again = opened("customer", cast.keeper, id=key, tab="contacts", do="new_contact", once="x")
    field(again, "name").set_value("Petra")
    press(again, "Add a contact person")
    assert [one["phones"] for one in people(cast, key)] == [["+7 495 765-43-21", "+7 916 765-43-21"]]


def test_who_may_not_change_names_changes_what_the_person_does(cast):
    key = a_customer(cast)
    person = a_contact(cast, key)
    at = opened("customer", cast.rep, id=key, tab="contacts", do="contact", contact=person, seen=1)
    assert not [one for one in at.text_input if str(one.key).endswith((".name", ".phones"))]
    assert "+7 495 765-43-21" in texts(at)
    field(at, "position").set_value("Director")
    press(at, "Save")
    assert people(cast, key)[0]["position"] == "Director"


def test_a_colleagues_contact_person_is_shown_in_part_without_a_form(cast):
    key = a_customer(cast, "mate")
    person = a_contact(cast, key, note="Call after 11", birthday="1990-01-01")
    at = opened("customer", cast.rep, id=key, tab="contacts", do="contact", contact=person, seen=1)
    assert not at.text_input
    assert "Call after 11" in texts(at)
    assert "Shown in part" in texts(at)
    for hidden in ("765-43", "petra@example", "1990"):
        assert hidden not in texts(at)
    assert not opened("customer", cast.rep, id=key, tab="contacts", do="new_contact").text_input


def test_the_dialog_of_another_customers_person_does_not_open(cast):
    key, other, hidden = a_customer(cast), a_customer(cast), a_customer(cast, "rival")
    persons = [a_contact(cast, one, name="Hidden Person") for one in (other, hidden)]
    for number in (*persons, 999_999):
        at = opened("customer", cast.rep, id=key, tab="contacts", do="contact", contact=number, seen=1)
        assert not at.exception
        assert "Hidden Person" not in texts(at)
        assert not at.text_input


def test_somebody_is_seen_off_and_comes_back(cast):
    key = a_customer(cast)
    person = a_contact(cast, key)
    press(opened("customer", cast.rep, id=key, tab="contacts", do="contact", contact=person, seen=1), "No longer there")
    assert people(cast, key)[0]["left_at"] is not None
    press(opened("customer", cast.rep, id=key, tab="contacts", do="contact", contact=person, seen=2), "There again")
    assert people(cast, key)[0]["left_at"] is None


def test_two_people_on_one_person_the_second_decides_and_nothing_is_lost(cast):
    key = a_customer(cast)
    person = a_contact(cast, key)
    at = opened("customer", cast.keeper, id=key, tab="contacts", do="contact", contact=person, seen=1)
    field(at, "position").set_value("Mine")
    field(at, "note").set_value("Only I wrote this")
    with cast.unit(cast.rep) as u:
        contacts.change(u, person, {"position": "Theirs", "department": "Office"}, seen=1)
    at = press(at, "Save")
    assert [option for one in at.radio for option in one.options] == ["Mine: Mine", "Theirs: Theirs", "Original: –"]
    press(at, "Save what I chose")
    found = people(cast, key)[0]
    assert (found["position"], found["department"], found["note"]) == ("Mine", "Office", "Only I wrote this")
    assert found["phones"] == ["+7 495 765-43-21"]


def test_what_somebody_typed_is_never_markup(cast):
    key = a_customer(cast)
    person = a_contact(cast, key, name=MARKUP, position=MARKUP, note=MARKUP)
    for query in ({}, {"do": "contact", "contact": person, "seen": 1}):
        at = opened("customer", cast.rep, id=key, tab="contacts", **query)
        assert not at.exception
        for kind in ("markdown", "caption", "subheader"):
            assert not [one for one in at.get(kind) if "](http" in str(one.value)]
