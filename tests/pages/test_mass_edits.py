"""Mass edits on the screen: what to change, what would happen, one button, and undone from the same dialog."""

from sqlalchemy import select

from crm import tags
from crm.customers import Customer
from tests.cast import a_customer, a_field, a_type
from tests.pages.screen import field, opened, part, press, rows, texts


def stages(cast, *keys):
    with cast.unit() as u:
        return [u.get(Customer, key).stage for key in keys]


def chosen(at, what):
    return field(at, "what").set_value(what).run()


def asking(cast, part_="keeper", **query):
    return opened("customers", getattr(cast, part_), do="change-many", **query)


def test_a_keeper_sees_what_would_happen_changes_the_list_and_undoes_it(cast):
    loyal = [a_customer(cast, name=f"Customer {n}", stage="loyal") for n in range(2)]
    other = a_customer(cast, "mate", stage="lost")
    assert "Mass edit" in [one["label"] for one in part(opened("customers", cast.keeper), "head")["acts"]]
    at = chosen(asking(cast, stage="loyal"), "stage")
    assert "**2 customers**" in texts(at)
    field(at, "stage").set_value("at_risk").run()
    assert [row[1] for row in rows(at, "change-many")] == ["Loyal → At risk"] * 2
    press(at, "Change 2 customers")
    assert stages(cast, *loyal, other) == ["at_risk", "at_risk", "lost"]
    at = asking(cast)
    assert r"Stage\: At risk · 2 changed" in texts(at)
    press(at, "Undo")
    assert stages(cast, *loyal, other) == ["loyal", "loyal", "lost"]
    at = asking(cast)
    assert "2 put back" in texts(at)
    assert not [one for one in at.button if one.label == "Undo"]


def test_what_cannot_be_stored_is_said_beside_its_field_and_nothing_typed_is_lost(cast):
    key = a_customer(cast, stage="loyal")
    a_field(cast, "Size", "number")
    at = chosen(asking(cast), "own:size")
    field(at, "own:size").input("many").run()
    assert "'many' is not a number." in texts(at)
    assert not [one for one in at.button if one.label.startswith("Change ")]
    assert field(at, "own:size").value == "many"
    assert stages(cast, key) == ["loyal"]


def test_those_who_have_it_already_are_counted(cast):
    a_customer(cast, stage="loyal")
    a_customer(cast, "mate", stage="lost")
    at = chosen(asking(cast), "stage")
    field(at, "stage").set_value("lost").run()
    assert "1 of them is so already." in texts(at)


def test_a_type_is_given_to_all_of_its_kind(cast):
    shop = a_type(cast, "Shop")
    company, _person = a_customer(cast), a_customer(cast, kind="person")
    at = chosen(asking(cast), "type")
    field(at, "type").set_value(shop).run()
    assert "Company → Shop" in [row[1] for row in rows(at, "change-many")]
    press(at, "Change 2 customers")
    with cast.unit() as u:
        assert [(one.kind, one.type) for one in u.all(select(Customer).order_by(Customer.id))] == [
            ("company", shop),
            ("person", "person"),
        ]
        assert u.get(Customer, company).type == shop
    assert r"Type\: Shop · 1 changed · 1 left as it was" in texts(asking(cast))


def test_a_leader_changes_the_own_team_only_and_is_not_offered_the_bin(cast):
    a_customer(cast)
    a_customer(cast, "rival")
    at = asking(cast, "leader")
    assert "**1 customer**" in texts(at)
    assert "Responsible" in field(at, "what").options
    assert "Put into the bin" not in field(at, "what").options


def test_whoever_may_not_is_not_offered_it(cast):
    a_customer(cast)
    assert "Mass edit" not in [one["label"] for one in part(opened("customers", cast.rep), "head")["acts"]]
    assert not [box for box in asking(cast, "rep").selectbox if str(box.key).endswith(".what")]


def test_tags_are_put_on_all_of_them(cast):
    key = a_customer(cast)
    at = chosen(asking(cast), "tags_on")
    (box,) = at.multiselect
    box.set_value(["VIP"]).run()
    press(at, "Change 1 customer")
    with cast.unit() as u:
        assert [one["name"] for one in tags.of(u, [key])[key]] == ["VIP"]
