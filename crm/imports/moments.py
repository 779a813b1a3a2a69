"""Moments in files: when something happened, as other systems write it."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from crm.core.errors import Invalid
from crm.core.i18n import N_

FIRST_YEAR: Final = 1970
LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_DAY: Final = re.compile(
    r"(?:(?P<year>\d{4})[-./年](?P<month>\d{1,2})[-./月](?P<day>\d{1,2})日?"
    r"|(?P<first>\d{1,2})(?P<sign>[./-])(?P<second>\d{1,2})[./-](?P<last>\d{4}|\d{2}))"
)
_TIME: Final = re.compile(
    r"[T ,]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d{1,9})?)?\s*(?P<half>[AaPp][Mm])?\s*"
    r"(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
_MONTHS: Final = 12
_CENTURY: Final = 100


def moment(text: str, zone: str, now: datetime = LAST) -> datetime:
    """Return the moment that a cell means: '31.01.2024 14:02', '2024-01-31T14:02:00+0300', '1/31/2024'.

    zone: in which it is meant where it says none. Raises Invalid beside `created_at`, also for what is still to come.
    """
    wrong = Invalid(
        N_("'{text}' is not a date. Write it like 2026-02-09 or 09.02.2026."),
        field="created_at",
        text=text.strip()[:40],
    )
    plain = text.strip()
    found = _DAY.match(plain)
    behind = plain[found.end() :] if found else ""
    time = _TIME.fullmatch(behind) if behind else None
    if found is None or (behind and time is None):
        raise wrong
    try:
        at = _at(_day(found, american=bool(time and time["half"])), time, ZoneInfo(zone))
    except (ValueError, OverflowError):
        raise wrong from None
    if at.year < FIRST_YEAR:
        raise wrong
    if at > now + timedelta(days=1):
        raise Invalid(N_("This moment is still to come."), field="created_at")
    return min(at, now)


def _day(found: re.Match[str], *, american: bool) -> date:
    """Return the day. Between slashes the month comes first where hours are told with am and pm, or where it must."""
    if found["year"]:
        return date(int(found["year"]), int(found["month"]), int(found["day"]))
    day, month, year = int(found["first"]), int(found["second"]), int(found["last"])
    if found["sign"] == "/" and (month > _MONTHS or (american and day <= _MONTHS)):
        day, month = month, day
    return date(year + 2000 if year < _CENTURY else year, month, day)


def _at(day: date, time: re.Match[str] | None, zone: ZoneInfo) -> datetime:
    if time is None:
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    hour = int(time["hour"])
    if time["half"]:
        hour = hour % _MONTHS + (_MONTHS if time["half"].lower() == "pm" else 0)
    at = datetime(day.year, day.month, day.day, hour, int(time["minute"]), int(time["second"] or 0), tzinfo=zone)
    if stated := time["zone"]:
        offset = "+0000" if stated in {"Z", "UTC", "GMT"} else stated
        at = at.replace(tzinfo=datetime.strptime(offset, "%z").tzinfo)
    return at.astimezone(UTC)
