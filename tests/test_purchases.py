from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from crm import counters, customers, products, purchases
from crm.core.errors import AlreadyDone, Invalid, InvalidForm, NotFound, Refused
from crm.customers import Customer
from crm.purchases import Line, Purchase, PurchaseLine
from tests.cast import NOW, PARTS, Cast, a_customer

TODAY = date(2026, 2, 9)


@pytest.fixture
def drill(cast) -> int:
    return a_product(cast, "T1", "8990.50")


def a_product(cast: Cast, code: str, price: str, **raw) -> int:
    with cast.unit(cast.product) as u:
        return products.create(u, {"code": code, "name": f"Product {code}", "price": price} | raw).id


def a_purchase(cast: Cast, customer_id: int, *lines: Line, by: str = "rep", **facts) -> int:
    with cast.unit(getattr(cast, by)) as u:
        return purchases.record(u, customer_id, lines, **facts).id


WEEK = (TODAY - timedelta(days=9), TODAY)


def counted(cast: Cast, part: str | None = None, period: tuple[date, date] = (TODAY, TODAY)) -> dict[int, int]:
    """Person id -> purchases counted, as somebody sees them."""
    with cast.unit(getattr(cast, part) if part else None) as u:
        return {one: n for one, n in counters.totals(u, ["purchases"], [period])["purchases", period].items() if n}


def orders_of(cast: Cast, part: str) -> int:
    return counted(cast).get(PARTS[part].id, 0)


def test_the_amount_is_quantity_times_price_less_discount_to_the_cent(cast, drill):
    paint = a_product(cast, "P1", "99.99")
    lines = (Line(drill, Decimal(3), discount=Decimal("100.25")), Line(paint, Decimal("2.5"), Decimal("10.01")))
    key = a_purchase(cast, a_customer(cast), *lines)
    with cast.unit(cast.rep) as u:
        assert purchases.one(u, key).amount == Decimal("26896.27")  # 26971.50 - 100.25 + 25.025 -> 25.02
        rows = purchases.lines(u, key)
    assert list(rows.amount) == [Decimal("26871.25"), Decimal("25.02")]
    assert list(rows["product"]) == ["Product T1", "Product P1"]


def test_money_without_small_units_is_rounded_to_whole_ones(cast, drill):
    key = a_purchase(cast, a_customer(cast), Line(drill, Decimal(1), Decimal("10.5")), currency="JPY")
    with cast.unit(cast.rep) as u:
        assert purchases.one(u, key).amount == Decimal(10)  # half to even


def test_without_a_price_the_products_price_of_today_is_taken_and_stays(cast, drill):
    customer = a_customer(cast)
    key = a_purchase(cast, customer, Line(drill))
    with cast.unit(cast.product) as u:
        products.change(u, drill, {"price": "1"}, seen=1)
    with cast.unit(cast.rep) as u:
        assert purchases.lines(u, key).iloc[0].price == Decimal("8990.50")
        assert purchases.summary(u, customer).totals == {"RUB": Decimal("8990.50")}


def test_a_purchase_moves_card_and_counter_together(cast, drill):
    customer = a_customer(cast)
    earlier = NOW - timedelta(days=3)
    a_purchase(cast, customer, Line(drill))
    a_purchase(cast, customer, Line(drill), at=earlier)
    with cast.unit(cast.rep) as u:
        card = customers.one(u, customer)
        assert (card.purchase_count, card.last_purchase_at) == (2, NOW)
    assert orders_of(cast, "rep") == 1
    for part in ("rep", "leader", "head"):
        assert counted(cast, part, WEEK) == {cast.rep.user_id: 2}
    assert counted(cast, "rival_leader", WEEK) == {}


def test_nothing_is_left_of_a_purchase_that_fails(cast, drill):
    customer = a_customer(cast)
    with pytest.raises(InvalidForm):
        a_purchase(cast, customer, Line(drill), Line(drill, Decimal(0)))
    with pytest.raises(ZeroDivisionError):
        _record_and_fail(cast, customer, drill)
    with cast.unit() as u:
        assert u.value(select(func.count(Purchase.id))) == u.value(select(func.count(PurchaseLine.id))) == 0
        assert customers.one(u, customer).purchase_count == 0
    assert orders_of(cast, "rep") == 0


def _record_and_fail(cast: Cast, customer: int, product: int) -> None:
    with cast.unit(cast.rep) as u:
        purchases.record(u, customer, [Line(product)])
        raise ZeroDivisionError


def test_a_sale_that_the_record_keeper_enters_counts_for_the_responsible(cast, drill):
    a_purchase(cast, a_customer(cast), Line(drill), by="keeper")
    a_purchase(cast, a_customer(cast, of=None), Line(drill), by="keeper")
    assert (orders_of(cast, "rep"), orders_of(cast, "keeper")) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("quantity", {"quantity": Decimal(0)}),
        ("quantity", {"quantity": Decimal(-1)}),
        ("quantity", {"quantity": Decimal("0.00001")}),
        ("quantity", {"quantity": Decimal("NaN")}),
        ("price", {"price": Decimal(-1)}),
        ("price", {"price": Decimal("Infinity")}),
        ("price", {"price": Decimal(10) ** 12}),
        ("discount", {"discount": Decimal(-1)}),
        ("discount", {"discount": Decimal(9000)}),
    ],
)
def test_a_line_that_cannot_be_is_named_with_its_field(cast, drill, fault, line):
    with pytest.raises(InvalidForm) as caught:
        a_purchase(cast, a_customer(cast), Line(drill), Line(**{"product_id": drill} | line))
    assert set(caught.value.faults) == {f"lines.1.{fault}"}


def test_products_that_left_the_range_or_never_were_are_not_sold(cast, drill):
    with cast.unit(cast.product) as u:
        products.change(u, drill, {"active": False}, seen=1)
    with pytest.raises(InvalidForm) as caught:
        a_purchase(cast, a_customer(cast), Line(drill), Line(drill + 100))
    assert set(caught.value.faults) == {"lines.0.product_id", "lines.1.product_id"}


def test_a_product_in_another_currency_needs_a_price(cast):
    tea, customer = a_product(cast, "C1", "88", currency="CNY"), a_customer(cast)
    with pytest.raises(InvalidForm) as caught:
        a_purchase(cast, customer, Line(tea))
    assert "lines.0.price" in caught.value.faults
    a_purchase(cast, customer, Line(tea, price=Decimal(1100)))
    a_purchase(cast, customer, Line(tea), currency="CNY")
    with cast.unit(cast.rep) as u:
        assert purchases.summary(u, customer).totals == {"CNY": Decimal(88), "RUB": Decimal(1100)}


@pytest.mark.parametrize(
    ("field", "facts"),
    [
        ("at", {"at": NOW + timedelta(hours=1)}),
        ("currency", {"currency": "DOUBLOON"}),
        ("number", {"number": "7" * 61}),
        ("note", {"note": "n" * 2001}),
    ],
)
def test_a_wrong_fact_is_named(cast, drill, field, facts):
    with pytest.raises(Invalid) as caught:
        a_purchase(cast, a_customer(cast), Line(drill), **facts)
    assert caught.value.field == field


def test_a_purchase_has_lines(cast):
    with pytest.raises(Invalid) as caught:
        a_purchase(cast, a_customer(cast))
    assert caught.value.field == "lines"


def test_the_same_number_is_not_recorded_twice_for_a_customer(cast, drill):
    customer = a_customer(cast)
    a_purchase(cast, customer, Line(drill), number="A-17")
    with pytest.raises(Invalid) as caught:
        a_purchase(cast, customer, Line(drill), number=" A-17 ")
    assert caught.value.field == "number"
    a_purchase(cast, a_customer(cast), Line(drill), number="A-17")
    for _ in range(2):
        a_purchase(cast, customer, Line(drill))
    with cast.unit(cast.rep) as u:
        assert purchases.summary(u, customer).count == 3


def test_a_customers_list_shows_the_newest_first_page_by_page(cast, drill):
    customer, other = a_customer(cast), a_customer(cast)
    for days in (5, 1, 3):
        a_purchase(cast, customer, *[Line(drill)] * days, at=NOW - timedelta(days=days), number=str(days))
    a_purchase(cast, other, Line(drill), number="other")
    with cast.unit(cast.rep) as u:
        assert list(purchases.listing(u, customer).number) == ["1", "3", "5"]
        assert list(purchases.listing(u, customer).line_count) == [1, 3, 5]
        assert list(purchases.listing(u, customer, page=2, size=2).number) == ["5"]
        summary = purchases.summary(u, customer)
    assert (summary.count, summary.first_at, summary.last_at) == (3, NOW - timedelta(days=5), NOW - timedelta(days=1))
    assert summary.totals == {"RUB": Decimal("80914.50")}


def test_without_purchases_the_list_keeps_its_columns_and_the_summary_is_empty(cast):
    customer = a_customer(cast)
    with cast.unit(cast.rep) as u:
        assert "amount" in purchases.listing(u, customer).columns
        assert purchases.summary(u, customer) == purchases.Summary(0, {}, None, None)


def test_another_team_sees_neither_purchase_nor_line_nor_sum(cast, drill):
    customer = a_customer(cast)
    key = a_purchase(cast, customer, Line(drill))
    with cast.unit(cast.rival) as u:
        assert purchases.listing(u, customer).empty
        assert purchases.lines(u, key).empty
        assert purchases.summary(u, customer).count == 0
        with pytest.raises(NotFound):
            purchases.one(u, key)
    with pytest.raises(NotFound):
        a_purchase(cast, customer, Line(drill), by="rival")


@pytest.mark.parametrize("part", ["mate", "service", "marketer", "analyst", "executive", "product", "admin"])
def test_who_may_only_see_purchases_records_none(cast, drill, part):
    customer = a_customer(cast)
    key = a_purchase(cast, customer, Line(drill))
    with cast.unit(getattr(cast, part)) as u:
        assert purchases.one(u, key).amount == Decimal("8990.50")
    with pytest.raises(Refused):
        a_purchase(cast, customer, Line(drill), by=part)


def test_a_click_that_arrives_twice_records_one_purchase(cast, drill):
    customer = a_customer(cast)
    with cast.unit(cast.rep, key="form-1") as u:
        purchases.record(u, customer, [Line(drill)])
    with pytest.raises(AlreadyDone), cast.unit(cast.rep, key="form-1") as u:
        purchases.record(u, customer, [Line(drill)])
    with cast.unit() as u:
        assert u.value(select(Customer.purchase_count).where(Customer.id == customer)) == 1
