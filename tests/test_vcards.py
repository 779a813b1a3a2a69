"""vCards: whatever somebody typed stays inside its value."""

import re

from hypothesis import given
from hypothesis import strategies as some

from crm import vcards


def unfolded(card: str) -> list[str]:
    return card.replace("\r\n ", "").split("\r\n")


def unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value)


@given(some.text(max_size=300))
def test_a_value_stays_one_line_of_its_card_and_says_the_same(text):
    card = vcards.written([("FN", vcards.text(text)), ("NOTE", "end")])
    lines = unfolded(card)
    plain = "".join(sign for sign in text.replace("\r\n", "\n").replace("\r", "\n") if sign >= " " or sign in "\n\t")
    said = [f"FN:{vcards.text(text)}"] if plain.strip(";") else []
    assert lines == ["BEGIN:VCARD", "VERSION:4.0", *said, "NOTE:end", "END:VCARD", ""]
    assert unescaped(vcards.text(text)) == plain


@given(some.text(alphabet="aж王😀;,\\", max_size=200))
def test_no_line_is_longer_than_the_standard_allows_and_no_character_is_torn(text):
    card = vcards.written([("FN", vcards.text(text))])
    assert all(len(line.encode()) <= vcards.LONGEST_LINE for line in card.split("\r\n"))
    assert card.encode().decode() == card


def test_what_is_empty_is_left_out():
    assert vcards.written([("FN", "A"), ("TEL", ""), ("ADR", ";;;;;;")]) == (
        "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:A\r\nEND:VCARD\r\n"
    )
