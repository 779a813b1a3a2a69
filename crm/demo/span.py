"""The years of a demonstration as numpy sees them: days, local moments, and how local moments become UTC."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.random import Generator

Array = np.ndarray[Any, Any]
"""An array; moments are datetime64[s], days datetime64[D]."""

YEARS_DAYS: Final = 1461
"""Customers came during the last four years."""
BUSY_DAYS: Final = 730
"""The journal and the purchases cover the last two."""
HOUR: Final = 3600


@dataclass(frozen=True)
class Span:
    """From the first customer to this moment. now: UTC, datetime64[s]."""

    now: np.datetime64

    @property
    def first_day(self) -> Any:
        """The first day that anything can happen on."""
        return self.now.astype("datetime64[D]") - YEARS_DAYS

    @property
    def days(self) -> int:
        """How many days there are, the present one and the next included: it is already tomorrow in Beijing."""
        return YEARS_DAYS + 2

    @property
    def busy_from(self) -> np.datetime64:
        """The moment at which journal and purchases begin."""
        return self.now - np.timedelta64(BUSY_DAYS, "D")

    def to_utc(self, local: Array, zones: Array, names: tuple[str, ...]) -> Array:
        """Return UTC moments of local ones. zones: for each moment the place of its zone in `names`."""
        return local - self._offsets(local, zones, names)

    def to_local(self, utc: Array, zones: Array, names: tuple[str, ...]) -> Array:
        """Return the local moments of UTC ones; right but for the hours around a change of the clocks."""
        return utc + self._offsets(utc, zones, names)

    def _offsets(self, moments: Array, zones: Array, names: tuple[str, ...]) -> Array:
        table = np.array([_ahead(self.first_day, self.days, name) for name in names])
        day = np.clip((moments.astype("datetime64[D]") - self.first_day).astype(int), 0, self.days - 1)
        return np.asarray(table[zones, day].astype("timedelta64[s]"))


@lru_cache(maxsize=16)
def _ahead(first_day: np.datetime64, days: int, zone: str) -> Array:
    place = ZoneInfo(zone)
    noons = (first_day + np.arange(days)).astype("datetime64[s]") + np.timedelta64(12 * HOUR, "s")
    offsets = [noon.astype(datetime).replace(tzinfo=place).utcoffset() for noon in noons]
    return np.array([int(offset.total_seconds()) if offset else 0 for offset in offsets])


def in_groups(counts: Array) -> tuple[Array, Array]:
    """Return for groups of these sizes: the group of each member, and the member's place in its group."""
    group = np.repeat(np.arange(len(counts)), counts)
    return group, np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts)


# seconds of the day between which people work and shop, with how much happens in each hour from the first on
WORK: Final = (9, (0.8, 1.25, 1.3, 1.1, 0.6, 1.0, 1.25, 1.15, 0.75))
SHOP: Final = (10, (0.6, 0.9, 1.1, 1.2, 1.0, 0.9, 1.0, 1.2, 1.4, 1.2, 0.7))


def time_of_day(rng: Generator, count: int, hours: tuple[int, tuple[float, ...]]) -> Array:
    """Draw times of the day in seconds."""
    first, weights = hours
    hour = rng.choice(len(weights), count, p=np.array(weights) / sum(weights))
    return ((first + hour) * HOUR + rng.integers(0, HOUR, count)).astype("timedelta64[s]")
