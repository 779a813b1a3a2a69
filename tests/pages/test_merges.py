"""Merging on the screen: the other card is found, both stand side by side, one button, and one more that undoes it."""

import pytest
from sqlalchemy import select

from crm import customers, interactions, merges
from crm.customers import Customer
from crm.merges import Merge
from tests.cast import EMAIL, PHONE, a_call, a_customer, a_relation, a_type
from tests.pages.screen import field, opened, part, press, rows, texts

MARKUP = "**Bold** [link](http://evil.example)"


def two(cast, **raw):
    one = a_customer(cast, "rep", name="Ромашка", city="Kazan")
    other = a_customer(
        cast, "mate", **({"name": "Romashka Trade", "industry": "Flowers", "phones": [PHONE], "emails": []} | raw)
    )
    for key, count in ((one, 2), (other, 3)):
        for _ in range(count):
            a_call(cast, key)
    return one, other


def labels(at):
    return [one["label"] for one in part(at, "head")["acts"]]


def box(at, key):
    return [{line[0]: line[1] for line in one["lines"]} for one in part(at, key)["boxes"]]


def said(at):
    """Return the sentences that wait for the shell, which draws them."""
    return [sentence for sentence, _bad in at.session_state["_said"]]


def standing(cast):
    with cast.unit() as u:
        return u.all(select(Merge.id).where(Merge.undone_at.is_(None)))


def name_of(cast, key):
    with cast.unit() as u:
        return customers.one(u, key).name


def test_the_other_card_is_proposed_and_looked_up_and_opened_by_its_address(cast):
    one, other = two(cast)
    third = a_customer(cast, "rival", name="Лютик", phones=[], emails=[])
    at = opened("customer", cast.keeper, id=one)
    assert "Merge" in labels(at)
    at = opened("customer", cast.keeper, id=one, do="merge")
    assert [row[0] for row in rows(at, "merge-with")] == ["Romashka Trade"], "the same phone; and never the card itself"
    field(at, "look").set_value("лютик").run()
    assert [row[0] for row in rows(at, "merge-with")] == ["Лютик"]
    href = part(at, "merge-with")["rows"][0]["href"]
    assert f"id={one}" in href
    assert "do=merge" in href
    assert f"with={third}" in href
    assert other


def test_both_stand_side_by_side_and_one_button_makes_them_one(cast):
    one, other = two(cast)
    at = opened("customer", cast.keeper, **{"id": one, "do": "merge", "with": other})
    asked = {radio.label for radio in at.radio}
    assert asked == {"Name", "Industry", "City", "Responsible"}
    assert "3 fields are the same on both cards" in [one.label for one in at.expander]
    assert box(at, "merge-moving")[0] == {"Contacts": "2 + 3 = 5", "Phones": "1 + 0 = 1 (1 on both cards)"}
    field(at, f"{one}.name").set_value("other")
    at = press(at, "Merge into Ромашка")
    assert name_of(cast, one) == "Romashka Trade"
    assert {key: at.query_params[key] for key in ("id", "do", "merge")} == {
        "id": str(one),
        "do": "merged",
        "merge": str(standing(cast)[0]),
    }
    assert box(at, "merged")[0] == {"Contacts": "3"}
    with cast.unit() as u:
        assert interactions.count(u, interactions.Filters(customer_id=one)) == 5


def test_types_are_chosen_by_their_names_and_relations_and_steps_are_told_once(cast):
    one, other = two(cast, type=a_type(cast, "Shop"))
    third = a_customer(cast, phones=[], emails=[])
    a_relation(cast, other, third)
    at = opened("customer", cast.keeper, id=one, do="merge", **{"with": other})
    assert field(at, f"{one}.type").options == ["Company", "Shop"]
    assert not [one for one in at.radio if one.key.endswith(".kind")]
    (moving,) = box(at, "merge-moving")
    assert moving["Relations"] == "0 + 1 = 1"
    field(at, f"{one}.type").set_value("other")
    press(at, "Merge into Ромашка")
    with cast.unit() as u:
        assert customers.one(u, one).type == "shop"


def test_the_other_card_can_be_the_one_that_stays(cast):
    one, other = two(cast)
    at = opened("customer", cast.keeper, **{"id": one, "do": "merge", "with": other})
    field(at, "stays").set_value(other).run()
    at = press(at, "Merge into Romashka Trade")
    assert at.query_params["id"] == str(other)
    with cast.unit() as u:
        assert merges.survivor_of(u, one) == other


def test_the_address_of_a_merged_card_leads_to_the_one_that_stays_with_what_is_being_logged(cast):
    one, other = two(cast)
    writing = opened("customer", cast.rep, id=other, do="log")
    field(writing, "note").set_value("Wants two")
    with cast.unit(cast.keeper) as u:
        merges.merge(u, one, other)
    at = press(writing, "Log it")
    assert at.query_params["id"] == str(one)
    assert "Romashka Trade was merged with this customer." in said(at)
    assert field(at, "note").value == "Wants two", "nothing is lost"
    press(at, "Log it")
    with cast.unit() as u:
        assert interactions.page(u, interactions.Filters(customer_id=one))[0]["note"] == "Wants two"


def test_who_may_not_see_the_card_that_stays_reads_one_sentence(cast):
    theirs, mine = a_customer(cast, "rival", name="Out of sight"), a_customer(cast, "rep", name="Mine")
    with cast.unit(cast.keeper) as u:
        merges.merge(u, theirs, mine)
    at = opened("customer", cast.rep, id=mine)
    assert "merged with another one that is not yours to see" in texts(at)
    assert "Out of sight" not in texts(at)
    assert str(theirs) not in texts(at)


def test_the_history_undoes_it_after_saying_what_goes_back_and_what_stays(cast):
    one, other = two(cast)
    with cast.unit(cast.keeper) as u:
        merge = merges.merge(u, one, other, {"name": "other"}).id
    with cast.unit(cast.rep) as u:
        customers.edit(u, one, {"industry": "Garden"}, seen=customers.one(u, one).version)
    at = opened("customer", cast.keeper, id=one, tab="history")
    line = next(row for row in part(at, "history")["rows"] if row["href"])
    assert f"do=unmerge&merge={merge}" in line["href"]
    assert "Merged with Romashka Trade" in str(line)
    assert [
        row for row in part(opened("customer", cast.rep, id=one, tab="history"), "history")["rows"] if row["href"]
    ] == []
    at = opened("customer", cast.keeper, id=one, do="unmerge", merge=merge)
    goes, stays = box(at, "unmerge")
    assert goes == {"Contacts": "3", "Fields": "Name"}
    assert list(stays) == ["Industry"]
    assert "by Ivan Rep" in stays["Industry"]
    at = press(at, "Undo the merge")
    assert said(at) == [
        "Undone: 'Romashka Trade' is a card of its own again.",
        "Left as it is, because it was changed since: Industry",
    ]
    assert standing(cast) == []
    assert (name_of(cast, one), name_of(cast, other)) == ("Ромашка", "Romashka Trade")
    for key, name in ((one, "Romashka Trade"), (other, "Ромашка")):
        history = part(opened("customer", cast.keeper, id=key, tab="history"), "history")["rows"]
        assert [row["href"] for row in history] == [""] * len(history), "what was undone is undone once"
        assert f"Merged with {name}" in str(history)
        assert f"Merge with {name} undone" in str(history)
    at = opened("customer", cast.keeper, id=one, do="unmerge", merge=merge)
    assert at.warning[0].value == "This merge was undone already."
    assert not [each for each in at.button if each.label == "Undo the merge"]


def test_why_two_cards_cannot_be_merged_or_parted_is_said(cast):
    one, other = two(cast)
    third = a_customer(cast, "rep", name="Third")
    for number in (one, 999_999):
        at = opened("customer", cast.keeper, **{"id": one, "do": "merge", "with": number})
        assert at.warning
        assert not [each for each in at.button if each.label.startswith("Merge into")]
    with cast.unit(cast.keeper) as u:
        first = merges.merge(u, one, other).id
        merges.merge(u, one, third)
    at = opened("customer", cast.keeper, id=one, do="unmerge", merge=first)
    assert "First undo the merge of Third into Ромашка" in at.warning[0].value


def test_a_card_in_the_bin_is_the_one_that_goes(cast):
    one, other = two(cast)
    with cast.unit() as u:
        customers.archive(u, one, seen=1)
    at = opened("customer", cast.keeper, **{"id": one, "do": "merge", "with": other})
    press(at, "Merge into Romashka Trade")
    with cast.unit() as u:
        assert merges.survivor_of(u, one) == other


def test_somebody_who_changed_a_card_meanwhile_is_not_overwritten(cast):
    one, other = two(cast)
    at = opened("customer", cast.keeper, **{"id": one, "do": "merge", "with": other})
    with cast.unit(cast.mate) as u:
        customers.edit(u, other, {"industry": "Garden"}, seen=1)
    at = press(at, "Merge into Ромашка")
    assert "changed meanwhile" in at.warning[0].value
    assert standing(cast) == []
    press(at.run(), "Merge into Ромашка")
    with cast.unit() as u:
        assert customers.one(u, one).industry == "Garden"


def test_a_name_with_markup_stays_text(cast):
    one, other = two(cast, name=MARKUP, emails=[EMAIL])
    at = opened("customer", cast.keeper, **{"id": one, "do": "merge", "with": other})
    (radio,) = [each for each in at.radio if each.label == "Name"]
    assert r"\*\*Bold\*\* \[link\]" in radio.options[1]
    press(at, "Merge into Ромашка")


@pytest.mark.parametrize("part_of", ["rep", "leader", "service", "admin"])
def test_whoever_may_not_merge_is_not_offered_it(cast, part_of):
    one, other = two(cast)
    who = getattr(cast, part_of)
    assert "Merge" not in labels(opened("customer", who, id=one))
    at = opened("customer", who, **{"id": one, "do": "merge", "with": other})
    assert not at.radio
    with cast.unit() as u:
        assert u.all(select(Customer.id).where(Customer.merged_into_id.is_not(None))) == []
