"""The time. Nobody else asks the system for it, so that tests and demonstrations can stop it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_fixed: datetime | None = None


def now() -> datetime:
    """Return this moment in UTC."""
    return _fixed or datetime.now(UTC)


@contextmanager
def stopped(moment: datetime) -> Iterator[None]:
    """Stop the clock of this process at `moment` (with its zone)."""
    global _fixed  # noqa: PLW0603  the clock is the one thing of a process that is global by nature
    before, _fixed = _fixed, moment.astimezone(UTC)
    try:
        yield
    finally:
        _fixed = before


def day_of(moment: datetime, zone: str) -> date:
    """Return the calendar day of a moment in a time zone such as 'Europe/Moscow'."""
    return moment.astimezone(ZoneInfo(zone)).date()


def start_of(day: date, zone: str) -> datetime:
    """Return the UTC moment at which a calendar day begins in a time zone."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def month_of(day: date) -> tuple[date, date]:
    """Return the first and the last day of the month that holds `day`."""
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
