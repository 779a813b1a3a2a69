"""Money: exact, to the smallest unit of its currency, read as people type it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, literal, select

from crm.core import money
from crm.core.errors import Invalid
from crm.products import Product
from db.base import Amount


@pytest.mark.parametrize(
    ("currency", "unit"), [("EUR", "0.01"), ("RUB", "0.01"), ("CNY", "0.01"), ("JPY", "1"), ("KWD", "0.001")]
)
def test_the_smallest_unit_is_the_currencys(currency, unit):
    assert money.smallest(currency) == Decimal(unit)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [("2.345", "EUR", "2.34"), ("2.355", "EUR", "2.36"), ("2.5", "JPY", "2"), ("-2.345", "EUR", "-2.34")],
)
def test_rounding_is_half_to_even(amount, currency, rounded):
    assert money.rounded(Decimal(amount), currency) == Decimal(rounded)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1234.5", "1234.5"),
        ("1 234,50", "1234.50"),
        ("1\u00a0234,50", "1234.50"),
        ("1\u202f234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1.234,50", "1234.50"),
        ("1'234.50", "1234.50"),
        (" -7 ", "-7"),
        ("0,01", "0.01"),
    ],
)
def test_amounts_are_read_as_people_type_them(typed, meant):
    assert money.parse(typed) == Decimal(meant)


@pytest.mark.parametrize(
    "typed", ["", "abc", "1,2,3", "1.2.3", "NaN", "Infinity", "1e99", "--1", "12345678901234567", "١٢٣x"]
)
def test_what_is_no_amount_is_said_beside_its_field(typed):
    with pytest.raises(Invalid) as told:
        money.parse(typed, field="price")
    assert told.value.field == "price"


@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_invalid(text):
    try:
        amount = money.parse(text)
    except Invalid:
        return
    assert amount.is_finite()


@pytest.mark.parametrize(
    ("language", "written"), [("ru", "1\u00a0234,50\u00a0₽"), ("en", "RUB\u00a01,234.50"), ("zh", "RUB\u00a01,234.50")]
)
def test_amounts_are_written_as_the_language_does(language, written):
    assert money.written(Decimal("1234.5"), "RUB", language) == written


@pytest.mark.parametrize("amount", ["0", "0.0001", "-0.0001", "99999999999999.9999", "-12345.6789", "0.1"])
def test_both_databases_keep_an_amount_exactly(cast, amount):
    table = Product.__table__
    row = {"code": "x", "name": "x", "price": abs(Decimal(amount)), "currency": "EUR", "active": True, "version": 1}
    with cast.database.writing() as connection:
        connection.execute(insert(table).values(row))
        assert connection.scalar(select(table.c.price)) == abs(Decimal(amount))


@pytest.mark.parametrize(
    ("sent", "kept"), [("1.23455", "1.2346"), ("1.23445", "1.2344"), ("-1.23445", "-1.2344"), ("8990.5", "8990.5000")]
)
def test_an_amount_has_four_decimals_on_both_databases_and_halves_go_to_the_even(cast, sent, kept):
    with cast.database.reader.connect() as connection:
        assert str(connection.scalar(select(literal(Decimal(sent), Amount)))) == kept
