"""Who buys when and what: every customer has an own rate of buying and an own chance of leaving after each purchase.

That is the process behind BG/NBD: rates differ by a gamma, chances of leaving by a beta distribution, so there are loyal
buyers, occasional ones and those who never came back. Seasons and weekdays bend the time in which it runs.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.random import PCG64, Generator

from crm.customers import Stage
from crm.demo.goods import COMPANY_TASTE, LAST_YEARS_GROWTH, PERSON_TASTE, WITHIN_CATEGORY, appetites, goods
from crm.demo.span import SHOP, WORK, YEARS_DAYS, Array, Span, in_groups, time_of_day

EVER_BUY: Final = 0.86
RATE_SHAPE: Final = 0.9
LEAVE: Final = (0.7, 4.0)
"""The beta distribution of the chance to leave for ever after a purchase."""
MOST: Final = 120
"""Nobody buys more often."""
DAYS_TO_FIRST: Final = 12.0
STAY_WITH_CATEGORY: Final = 0.75
DISCOUNTS: Final = (0, 5, 10)
DISCOUNT_SHARES: Final = (0.68, 0.2, 0.12)


@dataclass(frozen=True)
class Buyers:
    """Customers as columns. taste: the place of the category that they come for.

    created: local moments; now: this moment where each of them lives.
    """

    created: Array
    now: Array
    taste: Array
    company: Array


@dataclass(frozen=True)
class Orders:
    """Purchases as columns, by customer and then by moment. at: local moments."""

    who: Array
    at: Array


@dataclass(frozen=True)
class Lines:
    """Lines of purchases as columns; money in hundredths."""

    order: Array
    position: Array
    product: Array
    quantity: Array
    price: Array
    discount: Array
    amount: Array


def tastes(rng: Generator, company: Array) -> Array:
    """Draw the category that each customer comes for."""
    places = np.searchsorted(np.cumsum(PERSON_TASTE), rng.random(len(company)) * 0.999999, side="right")
    firms = np.searchsorted(np.cumsum(COMPANY_TASTE), rng.random(len(company)) * 0.999999, side="right")
    return np.where(company, firms, places)


def draw_orders(rng: Generator, span: Span, buyers: Buyers, pace: float) -> Orders:
    """Draw when each customer buys during the busy days.

    pace: purchases a day of the average customer while he buys at all.
    """
    wish = appetites(span.first_day, span.days)
    clock = buyers.taste * 2 + buyers.company
    rate = np.maximum(pace * rng.gamma(RATE_SHAPE, 1 / RATE_SHAPE, len(clock)), 1e-6)
    lives = np.minimum(rng.geometric(np.maximum(rng.beta(*LEAVE, len(clock)), 1e-3)), MOST)
    lives[rng.random(len(clock)) >= EVER_BUY] = 0
    who, rank = in_groups(lives)
    gaps = np.where(rank == 0, DAYS_TO_FIRST, 1 / rate[who]) * rng.exponential(1.0, len(who))
    born = np.clip((buyers.created.astype("datetime64[D]") - span.first_day).astype(int), 0, span.days - 1)
    passed = np.cumsum(gaps)
    before = np.concatenate([[0.0], passed])[
        np.cumsum(lives) - lives
    ]  # what had passed when each customer's own time began
    moment = wish[clock, born][who] + passed - before[who]
    day = _day_of(wish, clock[who], moment)
    hours = time_of_day(rng, len(who), SHOP)
    office = time_of_day(rng, len(who), WORK)
    at = (span.first_day + day).astype("datetime64[s]") + np.where(buyers.company[who], office, hours)
    at = np.maximum(at, buyers.created[who] + np.timedelta64(900, "s"))
    seen = (day < span.days) & (at < buyers.now[who]) & (at >= span.busy_from)
    order = np.lexsort((at[seen], who[seen]))
    return Orders(who[seen][order], at[seen][order])


def _day_of(wish: Array, clock: Array, moment: Array) -> Array:
    """Return the day on which the summed wish of a clock reaches a value: the inverse of each row, in one search."""
    width = wish.max() + 1.0
    laid_out = (np.minimum(wish, width - 1) + np.arange(len(wish))[:, None] * width).ravel()
    place = np.searchsorted(laid_out, np.minimum(moment, width - 1e-6) + clock * width, side="right") - 1
    return np.asarray(place - clock * wish.shape[1])


def pace_for(span: Span, per_customer: float) -> float:
    """Return the pace at which customers of whom `born` is spread over the years buy so often in the busy days."""
    return _pace_for(span, round(per_customer, 6))


@lru_cache(maxsize=8)
def _pace_for(span: Span, per_customer: float) -> float:
    rng = Generator(PCG64(7))
    count = 4000
    born = span.now - (births(np.linspace(1, 0, count)) * 86400).astype("timedelta64[s]")
    company = rng.random(count) < 0.4
    buyers = Buyers(born, np.full(count, span.now), tastes(rng, company), company)
    low, high = 1e-5, 3.0
    for _ in range(16):
        middle = math.sqrt(low * high)
        found = len(draw_orders(Generator(PCG64(8)), span, buyers, middle).who)
        low, high = (middle, high) if found < per_customer * count else (low, middle)
    return math.sqrt(low * high)


def births(place: Array) -> Array:
    """Return how many days ago customers came: place 0 is the newest, 1 the oldest; more came lately than long ago."""
    return np.asarray(YEARS_DAYS * place**1.4)


def draw_lines(rng: Generator, span: Span, orders: Orders, buyers: Buyers) -> Lines:
    """Draw what was bought: one to five lines an order, most from the customer's own category."""
    counts = 1 + np.minimum(rng.poisson(0.8, len(orders.who)), 4)
    order, position = in_groups(counts)
    who = orders.who[order]
    own = rng.random(len(order)) < STAY_WITH_CATEGORY
    category = np.where(own, buyers.taste[who], rng.integers(0, 8, len(order)))
    within = np.searchsorted(np.cumsum(WITHIN_CATEGORY), rng.random(len(order)) * 0.999999, side="right")
    product = category * 5 + within
    years_ago = (span.now - orders.at[order]).astype(float) / (86400 * 365.25)
    price = (goods().prices[product] * (1 - LAST_YEARS_GROWTH * years_ago) / 50).round().astype(np.int64) * 50
    few = rng.geometric(0.65, len(order))
    many = np.ceil(rng.lognormal(1.2, 0.7, len(order)) * np.clip(300_000 / price, 0.1, 3) ** 0.5).astype(int)
    quantity = np.where(buyers.company[who], np.maximum(many, 1), few)
    percent = rng.choice(DISCOUNTS, len(order), p=DISCOUNT_SHARES)
    discount = quantity * price * percent // 100
    return Lines(order, position, product, quantity, price, discount, quantity * price - discount)


def stages(orders: Orders, customers: int, now: np.datetime64) -> list[str]:
    """Return where each customer stands by his purchases: their number, the usual gap, the silence since the last."""
    counts = np.bincount(orders.who, minlength=customers)
    last_place = np.cumsum(counts) - 1
    bought = counts > 0
    days = np.concatenate([orders.at.astype("datetime64[s]").astype(float) / 86400, [0.0]])
    last = days[np.where(bought, last_place, -1)]
    first = days[np.where(bought, last_place - counts + 1, -1)]
    before_last = days[np.where(counts > 1, last_place - 1, -1)]
    silence = now.astype("datetime64[s]").astype(float) / 86400 - last
    usual = np.clip(np.where(counts > 2, (last - first) / np.maximum(counts - 1, 1), 60), 15, 150)
    found = np.select(
        [
            ~bought,
            silence > np.maximum(6 * usual, 200),
            silence > np.maximum(2.5 * usual, 60),
            (counts > 1) & (last - before_last > np.maximum(4 * usual, 180)),
            silence + (last - first) < 90,
            counts > 4,
        ],
        [Stage.POTENTIAL, Stage.LOST, Stage.AT_RISK, Stage.WON_BACK, Stage.NEW, Stage.LOYAL],
        Stage.ACTIVE,
    )
    return [str(one) for one in found.tolist()]
