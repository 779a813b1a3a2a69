"""Search: customers are found as people remember them; contact data that one may not see cannot be guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from crm import customers, search
from crm.customers import Filters
from tests.cast import PARTS, a_call, a_customer


def found(cast, text, part="keeper"):
    with cast.unit(getattr(cast, part)) as u:
        return list(customers.listing(u, Filters(text))["name"])


# --- spellings --------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("ООО «Спецстрой»", "спецстрой"),
        ("ООО «Спецстрой»", "СПЕЦ"),
        ("ООО «Спецстрой»", "specstroy"),
        ("ООО «Спецстрой»", "спецстрой ооо"),
        ("Семён Королёв", "семен королев"),
        ("Иванов Пётр", "ivanov"),
        ("Иванов Пётр", "petr iva"),
        ("Александр", "aleksandr"),
        ("Щукин", "shchukin"),
        ("北京华信科技有限公司", "华信"),
        ("北京华信科技有限公司", "beijing"),
        ("北京华信科技有限公司", "bjhx"),
        ("北京华信科技有限公司", "北京 科技"),
        ("Müller GmbH", "muller"),
        ("O'Neill & Sons", "neill"),
        ("Acme-Trading", "trading"),
        ("A100 Group", "a100"),
    ],
)
def test_a_customer_is_found_as_people_type_it(cast, name, asked):
    a_customer(cast, name=name)
    a_customer(cast, name="Zzyzx Other", phones=[], emails=[])
    assert found(cast, asked) == [name]


@pytest.mark.parametrize("asked", ["%", "_", "*", "' OR 1=1--", "\\", "строй", "x" * 500, "😀", "ooo zzz", "-", "\x00"])
def test_what_is_not_there_is_not_found(cast, asked):
    a_customer(cast, name="ООО «Спецстрой»")
    assert found(cast, asked) == []


def test_every_word_must_match(cast):
    a_customer(cast, name="Alpha Beta")
    a_customer(cast, name="Alpha Gamma")
    assert found(cast, "alpha") == ["Alpha Beta", "Alpha Gamma"]
    assert found(cast, "gam alp") == ["Alpha Gamma"]


@pytest.mark.parametrize("asked", ["+7 916 123-45-67", "8 (916) 123-45-67", "9161234567", "1234567", "79161234567"])
def test_a_phone_is_found_however_it_is_written(cast, asked):
    a_customer(cast, name="Acme", phones=["+7 916 123-45-67"])
    assert found(cast, asked) == ["Acme"]


def test_a_mail_and_a_number_are_found(cast):
    a_customer(cast, name="Acme", emails=["info@acme.example"], external_number="A-0042")
    assert found(cast, "INFO@acme.example") == found(cast, "a-0042") == found(cast, "0042") == ["Acme"]


# --- kept in step -----------------------------------------------------------


def test_a_changed_name_is_found_and_the_old_one_is_not(cast):
    key = a_customer(cast, name="Before")
    with cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"name": "After", "phones": ["+7 495 111-22-33"]}, seen=1)
    assert (found(cast, "before"), found(cast, "after")) == ([], ["After"])
    assert (found(cast, "9161234567"), found(cast, "4951112233")) == ([], ["After"])


def test_an_undone_change_is_not_found(cast):
    key = a_customer(cast, name="Before")
    with pytest.raises(ZeroDivisionError), cast.unit(cast.keeper) as u:
        customers.edit_personal(u, key, {"name": "After"}, seen=1)
        raise ZeroDivisionError
    assert (found(cast, "before"), found(cast, "after")) == (["Before"], [])


def test_the_index_holds_each_token_once(cast):
    key = a_customer(cast, name="Alpha alpha ALPHA")
    with cast.database.reader.connect() as connection:
        table = search.TOKENS
        tokens = connection.scalars(
            select(table.c.token).where(table.c.customer_id == key, table.c.token.like("n%"))
        ).all()
        assert tokens == ["nalpha"]
        assert connection.scalar(select(func.count()).select_from(table)) > 3


# --- for whom ---------------------------------------------------------------


@pytest.mark.parametrize("asked", ["acme", "9161234567", "ivan@example.com"])
def test_a_customer_out_of_reach_is_not_found(cast, asked):
    a_customer(cast, "rival", name="Acme")
    assert found(cast, asked, "rep") == []
    assert found(cast, asked, "rival") == ["Acme"]


@pytest.mark.parametrize("part", ["rep", "leader", "marketer", "analyst"])
def test_a_number_cannot_be_guessed_digit_by_digit(cast, part):
    a_customer(cast, "mate", name="Acme", phones=["+7 916 123-45-67"])
    for length in range(1, 11):
        if length not in {7, 10}:
            assert found(cast, "79161234567"[:length], part) == []
            assert found(cast, "9161234567"[-length:], part) == []


@pytest.mark.parametrize("part", ["rep", "marketer"])
def test_a_mail_cannot_be_guessed_letter_by_letter(cast, part):
    a_customer(cast, "mate", name="Acme", emails=["secret@example.com"], phones=[])
    for asked in ("s@", "secret@", "secret@example", "secret@example.co", "secret", "secr"):
        assert found(cast, asked, part) == []
    assert found(cast, "secret@example.com", part) == ["Acme"]


def test_whoever_sees_all_mails_finds_them_by_their_beginning(cast):
    a_customer(cast, "mate", name="Acme", emails=["secret@example.com"])
    assert found(cast, "secret@ex", "keeper") == ["Acme"]


def test_the_likeliest_come_first(cast):
    other, own = a_customer(cast, "mate", name="Acme One"), a_customer(cast, "rep", name="Acme Two")
    a_call(cast, other, "mate")
    with cast.unit(cast.rep) as u:
        rows = u.rows(select(*customers.COLUMNS))
        assert [row["id"] for row in search.best(u.actor.id, "acme", rows)] == [own, other]
        assert [row["id"] for row in search.best(u.actor.id, "acme one", rows)] == [other, own]
    assert PARTS["rep"].id == 3


# --- pure -------------------------------------------------------------------


@given(st.text(max_size=60))
def test_any_name_is_found_by_its_own_words(text):
    tokens = search.tokens(text, None, (), ())
    for word in search.words(text):
        if not search.HAN.search(word):
            assert f"n{word[: search.LONGEST]}" in tokens


@given(st.text(max_size=60))
def test_any_question_can_be_asked(text):
    assert search.matches(search.TOKENS.c.customer_id, text, full=None) is not None


@given(st.text(alphabet="абвгдеёжзийклмнопрстуфхцчшщъыьэюя", max_size=20))
def test_cyrillic_folds_to_latin(word):
    assert search.fold(word).isascii()
