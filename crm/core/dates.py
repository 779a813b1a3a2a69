"""Moments and days as people of a language write them, in a time zone."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_skeleton

from crm.core import clock, i18n
from crm.core.i18n import N_

YESTERDAY = N_("yesterday {time}")


def when(moment: datetime, language: str, zone: str) -> str:
    """Write a moment short: '14:02', 'yesterday 14:02', '12 Feb 14:02', '12 Feb 2024'."""
    return _when(moment, clock.day_of(clock.now(), zone), language, zone)


@lru_cache(maxsize=4096)
def _when(moment: datetime, today: date, language: str, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    time = f"{local.hour:02d}:{local.minute:02d}"
    if local.date() == today:
        return time
    if local.date() == today - timedelta(days=1):
        return i18n.translate(language, YESTERDAY).format(time=time)
    if local.year == today.year:
        return f"{_skeleton('MMMd', local.date(), language)} {time}"
    return _skeleton("yMMMd", local.date(), language)


@lru_cache(maxsize=4096)
def _skeleton(skeleton: str, on: date, language: str) -> str:
    return format_skeleton(skeleton, on, locale=i18n.locale(language))


@lru_cache(maxsize=4096)
def moment(at: datetime, language: str, zone: str) -> str:
    """Write a moment in full."""
    return format_datetime(at, "medium", tzinfo=ZoneInfo(zone), locale=i18n.locale(language))


@lru_cache(maxsize=4096)
def day(on: date, language: str) -> str:
    """Write a day."""
    return format_date(on, "medium", locale=i18n.locale(language))


def days(first: date, last: date, language: str) -> str:
    """Write a period of days: a whole month or quarter by its name, otherwise from and to."""
    if (first, last) == clock.month_of(first):
        return _skeleton("yMMMM", first, language)
    if first.day == 1 and first.month % 3 == 1 and last == clock.month_of(first + timedelta(days=62))[1]:
        return _skeleton("yQQQ", first, language)
    return f"{day(first, language)} – {day(last, language)}"
