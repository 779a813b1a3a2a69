"""Moments and days as people of a language write them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from crm.core import clock, dates
from tests.cast import NOW

MOSCOW = "Europe/Moscow"


@pytest.fixture(autouse=True)
def _stopped():
    with clock.stopped(NOW):
        yield


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (NOW, "09:00"),
        (NOW.replace(hour=0, minute=5), "00:05"),
        (NOW - timedelta(hours=10), "yesterday 23:00"),
        (NOW - timedelta(days=5), "4 Feb 09:00"),
        (datetime(2024, 2, 12, 12, 0, tzinfo=UTC), "12 Feb 2024"),
    ],
)
def test_a_moment_is_as_short_as_it_can_be(moment, written):
    assert dates.when(moment, "en", MOSCOW) == written


def test_a_moment_is_the_readers():
    assert dates.when(NOW, "en", "Asia/Shanghai") == "14:00"
    assert dates.when(NOW, "en", "America/Los_Angeles") == "22:00"


@pytest.mark.parametrize("language", ["en", "ru", "zh"])
def test_every_language_writes_days_and_moments_in_its_own_way(language):
    assert "2026" in dates.day(date(2026, 2, 9), language)
    assert "09:00" in dates.moment(NOW, language, MOSCOW) or "9:00" in dates.moment(NOW, language, MOSCOW)
    assert dates.when(NOW - timedelta(days=1), language, MOSCOW).endswith("09:00")


@pytest.mark.parametrize(
    ("first", "last", "written"),
    [
        (date(2026, 2, 1), date(2026, 2, 28), "February 2026"),
        (date(2028, 2, 1), date(2028, 2, 29), "February 2028"),
        (date(2026, 1, 1), date(2026, 3, 31), "Q1 2026"),
        (date(2026, 10, 1), date(2026, 12, 31), "Q4 2026"),
        (date(2026, 2, 1), date(2026, 4, 30), "1 Feb 2026 – 30 Apr 2026"),
        (date(2026, 2, 9), date(2026, 2, 13), "9 Feb 2026 – 13 Feb 2026"),
    ],
)
def test_a_period_has_its_name_where_it_has_one(first, last, written):
    assert dates.days(first, last, "en") == written
