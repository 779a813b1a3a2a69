"""vCards: whatever somebody typed stays inside its value, and whatever a telephone wrote is read as far as it can be."""

import io
import re

from hypothesis import given
from hypothesis import strategies as some

from crm import vcards


def unfolded(card: str) -> list[str]:
    return card.replace("\r\n ", "").split("\r\n")


def plain(text: str) -> str:
    """Return what a card can hold of a text."""
    return "".join(sign for sign in text.replace("\r\n", "\n").replace("\r", "\n") if sign >= " " or sign in "\n\t")


def unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), value)


@given(some.text(max_size=300))
def test_a_value_stays_one_line_of_its_card_and_says_the_same(text):
    card = vcards.written([("FN", vcards.text(text)), ("NOTE", "end")])
    lines = unfolded(card)
    said = [f"FN:{vcards.text(text)}"] if plain(text) else []
    assert lines == ["BEGIN:VCARD", "VERSION:4.0", *said, "NOTE:end", "END:VCARD", ""]
    assert unescaped(vcards.text(text)) == plain(text)


@given(some.text(alphabet="aж王😀;,\\", max_size=200))
def test_no_line_is_longer_than_the_standard_allows_and_no_character_is_torn(text):
    card = vcards.written([("FN", vcards.text(text))])
    assert all(len(line.encode()) <= vcards.LONGEST_LINE for line in card.split("\r\n"))
    assert card.encode().decode() == card


def test_what_is_empty_is_left_out():
    assert vcards.written([("FN", "A"), ("TEL", ""), ("ADR", ";;;;;;")]) == (
        "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:A\r\nEND:VCARD\r\n"
    )


# --- reading -----------------------------------------------------------------


def read(text: str) -> list[dict[str, str]]:
    """Return the cards of a text without what is empty."""
    return [{key: value for key, value in card.items() if value} for card in vcards.read(io.StringIO(text))]


@given(some.text(max_size=200), some.text(max_size=100))
def test_what_was_written_is_read_as_it_was(name, note):
    kept = [plain(one) for one in (name, note)]
    card = vcards.written([("FN", vcards.text(name)), ("NOTE", vcards.text(note)), ("TEL", "1")])
    (found,) = vcards.read(io.StringIO(card, newline=""))
    assert [found["FN"], found["NOTE"], found["TEL"]] == [kept[0].strip(), kept[1].strip(), "1"]


def test_a_telephones_card_of_version_2_1_is_read():
    text = """BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=98=D0=B2=D0=B0=D0=BD=D0=BE=D0=B2;=D0=98=D0=B2=
=D0=B0=D0=BD;;;
TEL;CELL:8 (916) 123-45-67
NOTE:C:\\new
PHOTO;JPEG;ENCODING=BASE64:/9j/4AAQSkZJRgABAQ
 AAAQABAAD/2wBD

END:VCARD
"""
    assert read(text) == [
        {"KIND": "person", "N.family": "Иванов", "N.given": "Иван", "TEL": "8 (916) 123-45-67", "NOTE": "C:\\new"}
    ]


def test_addresses_phones_and_links_are_taken_apart():
    text = """BEGIN:VCARD
VERSION:4.0
FN:Acme\\, Inc
ORG:Acme\\, Inc
TEL;VALUE=uri:tel:+7-916-123-45-67;ext=5
TEL:+7 495 000-00-00
EMAIL:mailto:a@example.com
item1.ADR;TYPE=work:;Suite 4;1 Main St\\; back;Arlington;VA;22201;USA
ADR:;;Second St;Boston;;;
END:VCARD"""
    assert read(text) == [
        {
            "FN": "Acme, Inc", "ORG": "Acme, Inc", "KIND": "company", "TEL": "+7-916-123-45-67 ext. 5; +7 495 000-00-00",
            "EMAIL": "a@example.com", "ADR": "1 Main St; back, Suite 4", "ADR.city": "Arlington", "ADR.region": "VA",
            "ADR.code": "22201", "ADR.country": "USA", "ADR.other": "Second St, Boston",
        }
    ]  # fmt: skip


def test_a_broken_name_falls_back_to_its_parts_and_a_nameless_company_to_its_own():
    broken = (
        "BEGIN:VCARD\nN;ENCODING=QUOTED-PRINTABLE:=41;=42;;;\nFN;ENCODING=QUOTED-PRINTABLE:=D0\n=D1=81\nEND:VCARD\n"
    )
    assert read(broken) == [{"KIND": "person", "N.family": "A", "N.given": "B"}]
    assert read("BEGIN:VCARD\nORG:Acme;Sales\nEND:VCARD") == [
        {"KIND": "company", "FN": "Acme, Sales", "ORG": "Acme, Sales"}
    ]


def test_an_assistants_card_is_no_customer_and_a_cut_off_one_is_read_as_far_as_it_goes():
    text = "BEGIN:VCARD\nFN:A\nAGENT:\nBEGIN:VCARD\nFN:Assistant\nEND:VCARD\nTEL:1\nEND:VCARD\nBEGIN:VCARD\nFN:B\nTEL:2"
    assert read(text) == [{"KIND": "person", "FN": "A", "TEL": "1"}, {"KIND": "person", "FN": "B", "TEL": "2"}]


@given(some.lists(some.sampled_from(
    ["BEGIN:VCARD", "END:VCARD", "FN:A", "N:;", " x", "TEL;ENCODING=QUOTED-PRINTABLE:=D0=", "=D0", ":", ";", "ADR:;", "VERSION:2.1", ""]
), max_size=30))  # fmt: skip
def test_no_card_is_so_broken_that_reading_fails(lines):
    for card in vcards.read(f"{line}\n" for line in lines):
        assert set(card) == set(vcards.COLUMNS)
