"""The requisites on a customer's card: shown, added, changed, deleted, and two people at once."""

from crm import requisites
from tests.cast import INN, a_customer, some_requisites
from tests.pages.screen import field, opened, part, press, texts

MARKUP = "**Bold** [link](http://evil.example)"


def of(cast, key):
    with cast.unit() as u:
        return requisites.of(u, key)


def test_the_tab_shows_each_in_a_box_with_its_numbers(cast):
    key = a_customer(cast, "mate")
    assert (
        part(opened("customer", cast.mate, id=key, tab="requisites"), "empty-requisites")["button"] == "Add requisites"
    )
    assert part(opened("customer", cast.rep, id=key, tab="requisites"), "empty-requisites")["button"] == ""
    some_requisites(cast, key, inn=INN)
    seen = part(opened("customer", cast.rep, id=key, tab="requisites"), "requisites")["boxes"][0]
    assert (seen["title"], seen["lines"][0][:2], seen["edit"]) == ("Signed Ltd", ["INN", INN], "")
    assert part(opened("customer", cast.mate, id=key, tab="requisites"), "requisites")["boxes"][0]["edit"] == "Edit"


def test_they_are_added_once_and_faults_stand_beside_their_fields(cast):
    key = a_customer(cast)
    at = opened("customer", cast.rep, id=key, tab="requisites", do="new_requisites", once="x")
    field(at, "inn").set_value("7707083894")
    at = press(at, "Add requisites")
    assert "The check digit is wrong" in texts(at)
    field(at, "inn").set_value(INN)
    press(at, "Add requisites")
    press(opened("customer", cast.rep, id=key, tab="requisites", do="new_requisites", once="x"), "Add requisites")
    assert [one["inn"] for one in of(cast, key)] == [INN]


def test_they_are_changed_and_deleted_by_whoever_may(cast):
    key, mates = a_customer(cast), a_customer(cast, "mate")
    found, other = some_requisites(cast, key), some_requisites(cast, mates)
    at = opened("customer", cast.rep, id=key, tab="requisites", do="requisites", requisites=found, seen=1)
    field(at, "kpp").set_value("770701001")
    press(at, "Save")
    assert of(cast, key)[0]["kpp"] == "770701001"
    press(opened("customer", cast.rep, id=key, tab="requisites", do="requisites", requisites=found, seen=2), "Delete")
    assert of(cast, key) == []
    for customer, number in ((mates, other), (key, other)):
        at = opened("customer", cast.rep, id=customer, tab="requisites", do="requisites", requisites=number, seen=1)
        assert not at.text_input


def test_two_people_at_once_the_second_decides_and_nothing_is_lost(cast):
    key = a_customer(cast)
    found = some_requisites(cast, key)
    at = opened("customer", cast.rep, id=key, tab="requisites", do="requisites", requisites=found, seen=1)
    field(at, "name").set_value("Mine")
    field(at, "inn").set_value(INN)
    with cast.unit(cast.keeper) as u:
        requisites.change(u, found, {"name": "Theirs", "kpp": "770701001"}, seen=1)
    at = press(at, "Save")
    assert [option for one in at.radio for option in one.options] == [
        "Mine: Mine",
        "Theirs: Theirs",
        "Original: Signed Ltd",
    ]
    press(at, "Save what I chose")
    assert [(one["name"], one["inn"], one["kpp"]) for one in of(cast, key)] == [("Mine", INN, "770701001")]


def test_what_somebody_typed_is_never_markup(cast):
    key = a_customer(cast)
    found = some_requisites(cast, key, name=MARKUP, address=MARKUP)
    for query in ({}, {"do": "requisites", "requisites": found, "seen": 1}):
        at = opened("customer", cast.rep, id=key, tab="requisites", **query)
        assert not at.exception
        for kind in ("markdown", "caption", "subheader"):
            assert not [one for one in at.get(kind) if "](http" in str(one.value)]
