"""The tab 'Market': competitors and voices, noted by whoever may, read by whoever sees the customer."""

import pytest

from crm import market
from tests.cast import Cast, a_customer, a_supply, a_voice
from tests.pages.screen import field, opened, part, press, rows, texts

MARKUP = "**b** [x](http://evil.example) <b>"


def tab(cast: Cast, key: int, by: str = "rep", **query):
    return opened("customer", getattr(cast, by), id=key, tab="market", **query)


def test_both_begin_empty_with_what_they_are_for(cast):
    key = a_customer(cast)
    at = tab(cast, key)
    assert part(at, "empty-supplies")["button"] == "Note a competitor"
    assert part(at, "empty-voices")["button"] == "Note an opinion"
    at = tab(cast, key, "mate")
    assert (part(at, "empty-supplies")["button"], part(at, "empty-voices")["button"]) == ("", "Note an opinion")
    assert [one["label"] for one in part(at, "head")["acts"]][:1] == ["Note an opinion"]


def test_a_competitor_is_noted_changed_and_taken_away(cast):
    key, other = a_customer(cast), a_customer(cast)
    a_supply(cast, other)
    at = tab(cast, key, do="new-supply", once="x")
    field(at, "competitor").set_value("Rivals Ltd")
    field(at, "product").set_value("Lamps")
    field(at, "amount").set_value("1 000")
    press(at, "Save")
    at = tab(cast, key)
    assert rows(at, "supplies") == [["Rivals Ltd", "Lamps", "RUB\u00a01,000.00 a year"]]
    at = tab(cast, key, do="supply", supply=2, seen=1, once="y")
    assert (field(at, "competitor").value, field(at, "amount").value) == ("Rivals Ltd", "1,000")
    field(at, "amount").set_value("x")
    assert "'x' is not an amount." in texts(press(at, "Save"))
    field(at, "amount").set_value("")
    press(at, "Save")
    assert rows(tab(cast, key), "supplies") == [["Rivals Ltd", "Lamps"]]
    press(tab(cast, key, do="supply", supply=2), "Delete")
    assert part(tab(cast, key), "empty-supplies")


def test_a_voice_is_noted_and_taken_away(cast):
    key = a_customer(cast)
    at = tab(cast, key, "mate", do="new-voice", once="x")
    assert "Please choose one of the list." in texts(press(at, "Save"))
    field(at, "kind").set_value("doubt")
    field(at, "text").set_value("Too dear")
    press(at, "Save")
    assert [row[:2] for row in rows(tab(cast, key), "voices")] == [["Doubt", "Too dear"]]
    assert "Delete" not in [one.label for one in tab(cast, key, "mate", do="voice", voice=1).button]
    press(tab(cast, key, do="voice", voice=1), "Delete")
    assert part(tab(cast, key), "empty-voices")


@pytest.mark.parametrize("by", ["marketer", "analyst", "executive"])
def test_who_only_reads_changes_nothing(cast, by):
    key = a_customer(cast)
    supply = a_supply(cast, key, source="The buyer")
    a_voice(cast, key)
    at = tab(cast, key, by, do="supply", supply=supply)
    assert "The buyer" in texts(at)
    assert not at.text_input
    for dialog in ("new-supply", "new-voice"):
        at = tab(cast, key, by, do=dialog)
        assert not at.text_area


def test_what_stands_on_another_card_is_not_opened_from_this_one(cast):
    mine, hidden = a_customer(cast), a_customer(cast, "rival")
    supply = a_supply(cast, hidden, "Secret Ltd")
    voice = a_voice(cast, hidden, "Secret words")
    for query in ({"do": "supply", "supply": supply}, {"do": "voice", "voice": voice}):
        at = tab(cast, mine, **query)
        assert "There is no such record" in texts(at)
        assert "Secret" not in texts(at)


def test_what_somebody_typed_is_never_markup(cast):
    key = a_customer(cast)
    a_supply(cast, key, MARKUP, product=MARKUP, source=MARKUP)
    a_voice(cast, key, MARKUP)
    for query in ({}, {"do": "supply", "supply": 1}, {"do": "voice", "voice": 1}):
        for by in ("rep", "mate"):
            at = tab(cast, key, by, **query)
            assert not at.exception
            for kind in ("markdown", "caption", "subheader"):
                assert not [one for one in at.get(kind) if "](http" in str(one.value)]
    with cast.unit() as u:
        assert market.known(u) == [" ".join(MARKUP.split())]
