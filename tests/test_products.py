from decimal import Decimal

import pytest
from sqlalchemy import select

from crm import products
from crm.core.access import RightAdjustment
from crm.core.audit_log import AuditEntry
from crm.core.errors import Conflict, Invalid, InvalidForm, NotFound, Refused
from crm.core.grants import Scope
from tests.cast import Cast

DRILL = {"code": "T1", "name": "Cordless drill", "category": "Tools", "price": "8 990,50"}


def a_product(cast: Cast, **raw) -> products.Product:
    with cast.unit(cast.product) as u:
        return products.create(u, DRILL | raw)


def faults(caught) -> set[str]:
    return set(caught.value.faults)


def test_a_product_is_priced_in_the_companys_currency_unless_told_otherwise(cast):
    assert a_product(cast).currency == "RUB"
    assert a_product(cast, code="T2", currency="cny").currency == "CNY"


def test_the_price_is_kept_exactly(cast):
    key = a_product(cast).id
    with cast.unit(cast.rep) as u:
        assert products.one(u, key).price == Decimal("8990.50")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", ""),
        ("code", "x" * 41),
        ("name", "  "),
        ("price", "cheap"),
        ("price", "-1"),
        ("price", "1" + "0" * 12),
        ("currency", "ROUBLE"),
        ("colour", "red"),
    ],
)
def test_every_wrong_field_is_named(cast, field, value):
    with pytest.raises(InvalidForm) as caught:
        a_product(cast, **{field: value})
    assert faults(caught) == {field}


def test_a_code_names_one_product(cast):
    a_product(cast)
    other = a_product(cast, code="T2")
    with pytest.raises(Invalid) as caught:
        a_product(cast, name="Another drill")
    assert caught.value.field == "code"
    with pytest.raises(Invalid), cast.unit(cast.product) as u:
        products.change(u, other.id, {"code": "T1"}, seen=other.version)


def test_a_change_is_written_into_the_audit_log(cast):
    key = a_product(cast).id
    with cast.unit(cast.keeper) as u:
        products.change(u, key, {"price": "9990", "active": False}, seen=1)
    with cast.unit() as u:
        entry = u.rows(
            select(AuditEntry.changes, AuditEntry.actor_id, AuditEntry.id).order_by(AuditEntry.id.desc()).limit(1)
        )
    changes = entry[0]["changes"]
    assert [Decimal(price) for price in changes.pop("price")] == [Decimal("8990.50"), Decimal(9990)]
    assert changes == {"active": [True, False]}
    assert entry[0]["actor_id"] == cast.keeper.user_id


def test_a_stale_form_is_a_conflict(cast):
    key = a_product(cast).id
    with cast.unit(cast.product) as u:
        products.change(u, key, {"price": "1"}, seen=1)
    with pytest.raises(Conflict), cast.unit(cast.product) as u:
        products.change(u, key, {"price": "2"}, seen=1)


@pytest.mark.parametrize("part", ["rep", "leader", "marketer", "analyst", "service", "partner", "executive", "admin"])
def test_everybody_sees_products_and_only_some_change_them(cast, part):
    key = a_product(cast).id
    who = getattr(cast, part)
    with cast.unit(who) as u:
        assert products.listing(u).loc[key, "name"] == "Cordless drill"
    with pytest.raises(Refused), cast.unit(who) as u:
        products.change(u, key, {"price": "1"}, seen=1)
    with pytest.raises(Refused), cast.unit(who) as u:
        products.create(u, DRILL | {"code": "T9"})


def test_who_loses_the_right_to_see_products_sees_none(cast):
    key = a_product(cast).id
    with cast.database.writing() as connection:
        facts = {"role": "sales_rep", "right": "products.view", "scope": None, "version": 1}
        connection.execute(RightAdjustment.__table__.insert().values(facts))
    with cast.unit(cast.rep) as u:
        assert products.listing(u).empty
        with pytest.raises(NotFound):
            products.one(u, key)
    with cast.unit(cast.leader) as u:
        assert u.actor.scope("products.view") is Scope.ALL
        assert len(products.listing(u)) == 1


def test_the_list_is_filtered_sorted_and_paged(cast):
    a_product(cast)
    a_product(cast, code="P1", name="Краска фасадная", category="Paints")
    a_product(cast, code="P2", name="Грунт", category="Paints", active=False)
    with cast.unit(cast.rep) as u:
        assert list(products.listing(u).code) == ["P2", "P1", "T1"]
        assert list(products.listing(u, page=2, size=2).code) == ["T1"]
        assert list(products.listing(u, active=True, category="Paints").code) == ["P1"]
        assert list(products.listing(u, text="краска").code) == ["P1"]
        assert list(products.listing(u, text="t1").code) == ["T1"]
        assert products.count(u, active=True) == 2
        assert products.categories(u) == ["Paints", "Tools"]
        assert products.listing(u, text="100 %").empty
