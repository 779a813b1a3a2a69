"""The clock: moments are UTC, days belong to a time zone, and tests may stop it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import literal, select

from crm.core import clock
from db.base import Instant
from tests.cast import NOW


def test_now_is_utc_and_goes_on():
    first = clock.now()
    assert first.utcoffset() == timedelta(0)
    assert clock.now() >= first


def test_a_stopped_clock_stands_and_goes_on_afterwards():
    with clock.stopped(NOW):
        assert clock.now() == NOW
        assert clock.now().tzinfo is UTC
        with clock.stopped(NOW + timedelta(hours=1)):
            assert clock.now() == NOW + timedelta(hours=1)
        assert clock.now() == NOW
    assert clock.now() > NOW


def test_a_stopped_clock_goes_on_after_an_error():
    with pytest.raises(ZeroDivisionError), clock.stopped(NOW):
        raise ZeroDivisionError
    assert clock.now() != NOW


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-02-08T20:59:59+00:00", "Europe/Moscow", date(2026, 2, 8)),
        ("2026-02-08T21:00:00+00:00", "Europe/Moscow", date(2026, 2, 9)),
        ("2026-02-08T16:00:00+00:00", "Asia/Shanghai", date(2026, 2, 9)),
        ("2026-02-09T04:59:00+00:00", "America/New_York", date(2026, 2, 8)),
    ],
)
def test_the_day_of_a_moment_is_the_zones(moment, zone, day):
    assert clock.day_of(datetime.fromisoformat(moment), zone) == day


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2026, 3, 29), "Europe/Berlin", 23),
        (date(2026, 10, 25), "Europe/Berlin", 25),
        (date(2026, 2, 9), "Europe/Moscow", 24),
    ],
)
def test_a_day_is_as_long_as_it_is(day, zone, hours):
    begin, end = clock.start_of(day, zone), clock.start_of(day + timedelta(days=1), zone)
    assert end - begin == timedelta(hours=hours)
    assert clock.day_of(begin, zone) == clock.day_of(end - timedelta(seconds=1), zone) == day


@pytest.mark.parametrize(
    ("day", "last"), [(date(2026, 2, 9), 28), (date(2028, 2, 29), 29), (date(2026, 12, 31), 31), (date(2026, 4, 1), 30)]
)
def test_a_month_has_its_first_and_its_last_day(day, last):
    assert clock.month_of(day) == (day.replace(day=1), day.replace(day=last))


def test_both_databases_give_a_moment_back_in_utc(cast):
    with cast.database.reader.connect() as connection:
        back = connection.scalar(select(literal(NOW, Instant)))
    assert back == NOW
    assert back.utcoffset() == timedelta(0)


def test_a_moment_without_a_zone_is_not_stored(cast):
    with cast.database.reader.connect() as connection, pytest.raises(Exception, match="without a time zone"):
        connection.scalar(select(literal(datetime(2026, 2, 9, 9), Instant)))  # noqa: DTZ001  just that
