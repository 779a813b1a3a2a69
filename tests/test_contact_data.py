"""Phones and e-mails as people type them, brought into one form or refused beside their field."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.contact_data import clean_email, clean_phone
from crm.core.errors import Invalid


@pytest.mark.parametrize(
    ("typed", "region", "written", "digits"),
    [
        ("8 (916) 123-45-67", "RU", "+7 916 123-45-67", "79161234567"),
        ("+7 916 123 45 67", "CN", "+7 916 123-45-67", "79161234567"),
        ("9161234567", "RU", "+7 916 123-45-67", "79161234567"),
        ("138 0013 8000", "CN", "+86 138 0013 8000", "8613800138000"),
        ("+8613800138000", "RU", "+86 138 0013 8000", "8613800138000"),
        ("(202) 555-0123", "US", "+1 202-555-0123", "12025550123"),
        ("  +44 20 7946 0018 ", "RU", "+44 20 7946 0018", "442079460018"),
        ("８９１６１２３４５６７", "RU", "+7 916 123-45-67", "79161234567"),
    ],
)
def test_a_phone_has_one_form_however_it_was_typed(typed, region, written, digits):
    assert clean_phone(typed, region) == (written, digits)


@pytest.mark.parametrize("typed", ["", "abc", "12", "+7", "0" * 60, "+999 123", "call me", "916-123-45-67-89-01-23"])
def test_what_is_no_phone_is_said_beside_phones(typed):
    with pytest.raises(Invalid) as told:
        clean_phone(typed, "RU")
    assert told.value.field == "phones"
    assert len(str(told.value)) < 100


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("Ivan@Example.RU", "ivan@example.ru"),
        ("  a.b+c@example.co.uk ", "a.b+c@example.co.uk"),
        ("иван@почта.рф", "иван@почта.рф"),
    ],
)
def test_a_mail_address_has_one_form(typed, address):
    assert clean_email(typed) == address


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ivan",
        "ivan@",
        "@example.ru",
        "a@b",
        "a b@example.ru",
        "a@example.ru,evil@example.org",
        "a@example.ru;evil@example.org",
        "<a@example.ru> <evil@example.org>",
        "a@example.ru\r\nBcc: evil@example.org",
        "a@example.ru\u2028Bcc: evil@example.org",
        "a" * 250 + "@example.ru",
    ],
)
def test_what_is_not_exactly_one_address_is_refused(typed):
    with pytest.raises(Invalid) as told:
        clean_email(typed)
    assert told.value.field == "emails"
    assert len(str(told.value)) < 140


@given(st.text(max_size=80))
def test_any_text_is_a_phone_or_invalid(text):
    try:
        written, digits = clean_phone(text, "RU")
    except Invalid:
        return
    assert written.startswith("+")
    assert digits.isascii()
    assert digits.isdigit()
    assert clean_phone(written, "CN") == (written, digits)


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_invalid(text):
    try:
        address = clean_email(text)
    except Invalid:
        return
    assert clean_email(address) == address
    assert not any(sign.isspace() for sign in address)


def test_the_numbers_of_the_whole_world_are_read(real_data):
    """A mobile and a fixed number of every region, written for abroad and as at home."""
    with (real_data / "phones" / "example_numbers.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["type"] in {"MOBILE", "FIXED_LINE"}]
    assert len(rows) > 400
    for row in rows:
        digits = row["e164"].lstrip("+")
        assert clean_phone(row["international"], "RU")[1] == digits, row
        assert clean_phone(row["example_national_raw"], row["region"])[1] == digits, row
