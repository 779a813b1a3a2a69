from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import inspect, select

from crm.counters import DailyCount
from crm.customers import Customer
from crm.interactions import Interaction
from crm.products import Product
from crm.search import TOKENS
from db import bulk

MOMENT = datetime(2026, 2, 9, 6, 0, 1, tzinfo=UTC)


def load(database, table, **columns):
    with database.writing() as connection:
        return bulk.insert(connection, table, columns)


def test_values_come_back_as_if_records_had_stored_them(database):
    load(
        database,
        Product.__table__,
        code=["A", "B"],
        name=np.array(["Дрель", "电钻"], object),
        price=np.array([89_905_000, 1]),
        currency="RUB",
        active=[True, False],
        version=1,
    )
    with database.reader.connect() as connection:
        found = connection.execute(select(Product.__table__).order_by(Product.__table__.c.code)).all()
    assert [(one.name, one.price, one.active, one.category) for one in found] == [
        ("Дрель", Decimal("8990.5"), True, None),
        ("电钻", Decimal("0.0001"), False, None),
    ]


def test_moments_days_and_json_too(database, cast):
    load(
        database,
        Customer.__table__,
        id=[1, 2],
        kind="person",
        type="person",
        completeness=0,
        verified_at=np.array(["2026-02-09T06:00:01"] * 2, "datetime64[s]"),
        name=["one", "two"],
        sort_name=["one", "two"],
        stage="new",
        extra='{"shoe": 44}',
        interaction_count=0,
        purchase_count=0,
        created_at=np.array(["2026-02-09T06:00:01"] * 2, "datetime64[s]"),
        last_interaction_at=np.array(["NaT", "2026-02-09T06:00:01"], "datetime64[s]"),
        version=1,
    )
    load(
        database,
        DailyCount.__table__,
        day=np.array(["2026-02-09"], "datetime64[D]"),
        responsible_id=3,
        measure="calls",
        count=[7],
    )
    with cast.unit() as u:
        assert u.get(Customer, 1).created_at == MOMENT
        assert u.get(Customer, 1).last_interaction_at is None
        assert u.get(Customer, 2).last_interaction_at == MOMENT
        assert u.get(Customer, 2).extra == {"shoe": 44}
        assert u.value(select(DailyCount.day)) == date(2026, 2, 9)


@pytest.mark.parametrize(
    ("parts", "written"), [(-12_345, "-1.2345"), (-1, "-0.0001"), (0, "0.0000"), (10**15, "100000000000.0000")]
)
def test_ten_thousandths_are_written_exactly(parts, written):
    assert bulk._decimal(parts) == written


def test_no_rows_are_no_statement(database):
    assert load(database, TOKENS, token=[], customer_id=[]) == 0


def test_indexes_are_back_after_a_load_that_failed(database):
    before = names(database)
    assert before
    with pytest.raises(ZeroDivisionError):
        _fail_without_indexes(database)
    assert names(database) == before


def _fail_without_indexes(database):
    with bulk.without_indexes(database, [Interaction.__table__]):
        assert not names(database)
        raise ZeroDivisionError


def names(database) -> set[str]:
    return {str(one["name"]) for one in inspect(database.reader).get_indexes("interactions")}


def test_waiting_rows_arrive_and_the_waiting_room_goes(database):
    room = bulk.waiting_room(TOKENS)
    with database.writing() as connection, bulk.roomy(connection):
        room.create(connection)
        bulk.insert(connection, room, {"token": ["nб", "na", "n王"], "customer_id": [1, 2, 3]})
        bulk.move_sorted(connection, room, TOKENS)
    with database.reader.connect() as connection:
        assert connection.scalars(select(TOKENS.c.token).order_by(TOKENS.c.token)).all() == ["na", "nб", "n王"]
    assert room.name not in inspect(database.reader).get_table_names()
