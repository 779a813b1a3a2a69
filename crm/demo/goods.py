"""What the demonstration company sells, and when people want it: a season for each category, a rhythm for the week."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

CURRENCY: Final = "RUB"
LAST_YEARS_GROWTH: Final = 0.07
"""By which share a price was lower a year earlier."""

# code, name, price; the first of a category sells best
CATALOGUE: Final = {
    "Garden": (
        "G1 Garden hose 25 m|1490;G2 Seed set “Summer”|690;G3 Electric trimmer|6990;"
        "G4 Greenhouse 3 x 6 m|32900;G5 Drip irrigation kit|3990"
    ),
    "Paints": (
        "P1 Facade paint 10 l|4290;P2 Interior paint 5 l|2190;P3 Primer 10 l|990;"
        "P4 Wood varnish 1 l|850;P5 Roller set|590"
    ),
    "Heating": (
        "H1 Panel radiator|5490;H2 Convector 2 kW|4790;H3 Thermostat|2490;"
        "H4 Gas boiler 24 kW|58900;H5 Pipe insulation 10 m|640"
    ),
    "Lighting": (
        "L1 LED lamp E27, 10 pcs|890;L2 Ceiling light 36 W|2290;L3 Street lantern|6490;"
        "L4 Track system|11900;L5 Motion sensor|790"
    ),
    "Tools": (
        "T1 Cordless drill 18 V|8990;T2 Tool case, 108 pcs|5990;T3 Angle grinder|4490;"
        "T4 Laser level|7490;T5 Work gloves, 12 pairs|720"
    ),
    "Office": (
        "O1 Paper A4, 5 packs|1690;O2 Office chair|9490;O3 Desk 140 cm|12900;"
        "O4 Marker board|4390;O5 Document safe|16900"
    ),
    "Tea": (
        "C1 Green tea, 500 g|1290;C2 Puer, 357 g|2490;C3 Oolong, 250 g|1690;C4 Tea set|3990;C5 Gift box “Spring”|2890"
    ),
    "Gifts": (
        "S1 Advent calendar|1190;S2 Scented candles|790;S3 Leather diary|1890;S4 Desk clock|3490;S5 Sweets box|990"
    ),
}
"""Category -> its five products."""

# how much more or less is bought in each month, January first
SEASONS: Final = {
    "Garden": (0.2, 0.4, 1.0, 2.0, 2.4, 1.8, 1.2, 0.9, 0.7, 0.4, 0.2, 0.2),
    "Paints": (0.5, 0.6, 0.8, 1.1, 1.5, 1.6, 1.5, 1.4, 1.1, 0.8, 0.6, 0.5),
    "Heating": (1.2, 1.0, 0.7, 0.5, 0.4, 0.4, 0.6, 1.0, 1.6, 1.9, 1.6, 1.3),
    "Lighting": (1.2, 1.0, 0.9, 0.8, 0.7, 0.6, 0.6, 0.8, 1.0, 1.3, 1.5, 1.6),
    "Tools": (0.7, 1.1, 0.9, 1.1, 1.2, 1.1, 1.0, 1.0, 1.0, 0.9, 0.9, 1.1),
    "Office": (1.2, 1.0, 1.0, 0.9, 0.8, 0.7, 0.7, 1.5, 1.6, 1.0, 0.9, 0.7),
    "Tea": (1.5, 1.4, 0.9, 0.9, 0.8, 0.7, 0.7, 0.8, 0.9, 1.0, 1.1, 1.3),
    "Gifts": (0.4, 1.3, 1.5, 0.5, 0.6, 0.5, 0.4, 0.4, 0.6, 0.8, 1.8, 3.2),
}
# Monday first
COMPANY_WEEK: Final = (1.25, 1.2, 1.15, 1.1, 1.0, 0.15, 0.05)
PERSON_WEEK: Final = (0.85, 0.85, 0.9, 0.95, 1.2, 1.35, 0.9)

COMPANY_TASTE: Final = (0.06, 0.16, 0.18, 0.15, 0.18, 0.17, 0.04, 0.06)
PERSON_TASTE: Final = (0.19, 0.13, 0.08, 0.1, 0.12, 0.06, 0.17, 0.15)
"""Which category companies and persons mainly come for."""

WITHIN_CATEGORY: Final = (0.34, 0.26, 0.18, 0.13, 0.09)


@dataclass(frozen=True)
class Goods:
    """The catalogue as columns. prices: in hundredths of the currency, of today."""

    codes: list[str]
    names: list[str]
    categories: list[str]
    prices: np.ndarray[Any, Any]


@lru_cache(maxsize=1)
def goods() -> Goods:
    """Return the catalogue: five products after five of the next category."""
    rows = [(category, *row.split("|")) for category, text in CATALOGUE.items() for row in text.split(";")]
    return Goods(
        codes=[name.split(" ", 1)[0] for _, name, _ in rows],
        names=[name.split(" ", 1)[1] for _, name, _ in rows],
        categories=[category for category, _, _ in rows],
        prices=np.array([int(price) * 100 for _, _, price in rows], np.int64),
    )


@lru_cache(maxsize=8)
def appetites(first_day: np.datetime64, days: int) -> np.ndarray[Any, Any]:
    """Return the wish to buy summed up to each day, 0 first, one row per category and kind (person, then company).

    On average it grows by one a day, so a customer who buys every 30 days on average buys each time the sum has grown by 30
    on average, more often in the season and seldom outside it.
    """
    calendar = first_day + np.arange(days)
    months = calendar.astype("datetime64[M]").astype(int) % 12
    weekdays = (calendar.astype(int) + 3) % 7  # day 0 of the calendar was a Thursday
    rows = []
    for season in SEASONS.values():
        for week in (PERSON_WEEK, COMPANY_WEEK):
            wish = np.array(season)[months] * np.array(week)[weekdays]
            rows.append(np.concatenate([[0.0], np.cumsum(wish / wish.mean())]))
    return np.array(rows)
