"""Relations as they are used: linked by the look-up, shown on both cards, without a word of whom one does not see."""

import pytest

from crm import relations
from tests.cast import a_customer, a_relation
from tests.pages.screen import field, opened, part, press, rows, texts

MARKUP = "**b** [x](http://evil.example) <b>"


def test_a_customer_is_found_linked_and_shown_on_both_cards(cast):
    mine, other = (
        a_customer(cast, "rep", name="Parent Ltd"),
        a_customer(cast, "mate", name=f"Daughter {MARKUP}", city="Perm"),
    )
    at = opened("customer", cast.rep, id=mine, tab="relations")
    assert part(at, "empty-relations")["button"] == "Link a customer"
    at = opened("customer", cast.rep, id=mine, tab="relations", do="relate")
    field(at, "wanted").set_value("daughter").run()
    field(at, "kind").set_value("subsidiary")
    press(at, "Link")
    assert rows(opened("customer", cast.rep, id=mine, tab="relations"), "relations") == [
        ["Subsidiary", f"Daughter {MARKUP}", "Perm", "Potential", "Olga Mate"]
    ]
    at = opened("customer", cast.mate, id=other, tab="relations")
    assert rows(at, "relations")[0][:2] == ["Parent company", "Parent Ltd"]


def test_oneself_and_whom_one_does_not_see_are_not_offered(cast):
    mine = a_customer(cast, "rep", name="Daughter Ltd")
    a_customer(cast, "rival", name="Daughter of the South")
    at = opened("customer", cast.rep, id=mine, tab="relations", do="relate")
    field(at, "wanted").set_value("daughter").run()
    assert "Nobody is found whom you may see." in texts(at)
    assert "South" not in texts(at)


def test_of_a_customer_out_of_sight_the_card_says_only_whose_it_is(cast):
    mine, hidden = a_customer(cast, "rep"), a_customer(cast, "rival", name="Secret Ltd", city="Perm")
    key = a_relation(cast, mine, hidden)
    for query in ({}, {"do": "relation", "relation": key}):
        at = opened("customer", cast.rep, id=mine, tab="relations", **query)
        assert rows(at, "relations") == [["Subsidiary", "A customer of Wei Rival", "", "", "Wei Rival"]]
        for word in ("Secret", "Perm", f"id={hidden}"):
            assert word not in texts(at)
    press(at, "Take the link away")
    with cast.unit() as u:
        assert relations.of(u, mine) == relations.of(u, hidden) == []


@pytest.mark.parametrize("name", ["mate", "service", "analyst"])
def test_who_may_not_change_the_customer_reads_and_links_nothing(cast, name):
    mine, other = a_customer(cast, "rep"), a_customer(cast, "rep", name="Other")
    key = a_relation(cast, mine, other)
    at = opened("customer", getattr(cast, name), id=mine, tab="relations", do="relation", relation=key)
    assert "Take the link away" not in [one.label for one in at.button]
    assert part(at, "relations")["rows"][0]["href"] == f"/customer?id={other}"
    at = opened("customer", getattr(cast, name), id=mine, tab="relations", do="relate")
    assert not [one for one in at.text_input if one.key.endswith(".wanted")]
