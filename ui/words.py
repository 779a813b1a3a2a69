"""Moments, days, numbers and money as people of the reader's language write them."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import pandas as pd
from babel.dates import format_timedelta
from babel.numbers import format_decimal, format_percent

from crm.core import clock, dates, i18n
from crm.core import money as sums
from ui.session import _, language, zone

_MEGABYTE: Final = 1 << 20


def when(moment: Any) -> str:
    """Write a moment short, in the reader's zone: '14:02', 'yesterday 14:02', '12 Feb 14:02', '12 Feb 2024'."""
    return dates.when(moment, language(), zone()) if moment is not None and moment is not pd.NaT else ""


def moment(at: datetime | None) -> str:
    """Write a moment in full, in the reader's zone."""
    return dates.moment(at, language(), zone()) if at else ""


def ago(at: datetime | None) -> str:
    """Write how long ago a moment was: '5 minutes ago'."""
    if at is None:
        return ""
    seconds = max((clock.now() - at).total_seconds(), 1.0)
    return format_timedelta(timedelta(seconds=-seconds), add_direction=True, locale=i18n.locale(language()))


def day(on: date | None) -> str:
    """Write a day."""
    return dates.day(on, language()) if on else ""


def days(first: date, last: date) -> str:
    """Write a period of days: a whole month by its name, otherwise from and to."""
    return dates.days(first, last, language())


def number(n: float) -> str:
    """Write a number with the separators of the language."""
    return _number(n, language())


@lru_cache(maxsize=8192)
def _number(n: float, code: str) -> str:
    return format_decimal(n, locale=i18n.locale(code))


def exact(n: Decimal) -> str:
    """Write a number with all its decimals, however many."""
    return format_decimal(n, locale=i18n.locale(language()), decimal_quantization=False)


def size(n: int) -> str:
    """Write how large a file is, short: '14 KB', '2.4 MB'."""
    if n < _MEGABYTE:
        return _("{n} KB").format(n=number(max(round(n / 1024), 1)))
    return _("{n} MB").format(n=number(round(n / _MEGABYTE, 1)))


def share(part: float) -> str:
    """Write a share (0 to 1) as per cent."""
    return format_percent(part, locale=i18n.locale(language()))


def money(amount: Decimal, currency: str) -> str:
    """Write an amount with its currency."""
    return _money(amount, currency, language())


@lru_cache(maxsize=8192)
def _money(amount: Decimal, currency: str, code: str) -> str:
    return sums.written(amount, currency, str(i18n.locale(code)))


def named(codes: Mapping[Any, str], code: str | None) -> str:
    """Return the name of a code, '' for None and the code itself when it is unknown."""
    return _(codes[code]) if code in codes else str(code or "")


def listed(names: Iterable[str]) -> str:
    """Write names side by side, with the comma of the language."""
    return _(", ").join(names)


def md(text: str) -> str:
    """Make text that somebody typed harmless in a label or heading: Markdown shows it literally."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-.!|~<>$&:@^=])", r"\\\1", text)
    return re.sub(r"\s+", " ", escaped)
