"""Who talks with whom and when: inbound calls surround orders and complaints, outbound ones follow silence.

A customer's number of contacts differs from customer to customer and grows with his purchases, so that there are callers
who call once and callers who call for the fourth time.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

from crm.demo.orders import Buyers, Orders
from crm.demo.phrases import Situation
from crm.demo.span import BUSY_DAYS, HOUR, WORK, Array, Span, in_groups, time_of_day
from crm.interactions import Direction, Kind, Outcome

KINDS: Final = tuple(Kind)
DIRECTIONS: Final = tuple(Direction)
OUTCOMES: Final = tuple(Outcome)
DAY: Final = 86_400
SILENT_AFTER_DAYS: Final = 35
CHASED: Final = 0.5
"""The share of calls without a result that is tried again."""

BUYER: Final = (0.06, 0.27, 0.12, 0.07, 0.2, 0.28, 0.0)
STRANGER: Final = (0.35, 0.0, 0.0, 0.0, 0.45, 0.2, 0.0)
"""How often each situation is the reason to talk, for those who bought and those who did not."""


@dataclass(frozen=True)
class _Manner:
    """How people talk in one situation: shares of kinds, of inbound, of outcomes."""

    kinds: dict[Kind, float]
    inbound: float
    outcomes: dict[Outcome, float]


_MANNERS: Final = {
    Situation.FIRST: _Manner(
        {Kind.CALL: 0.55, Kind.EMAIL: 0.3, Kind.MESSENGER: 0.15},
        0.95,
        {Outcome.TAKEN: 0.4, Outcome.OFFER_ASKED: 0.4, Outcome.FINISHED: 0.2},
    ),
    Situation.BEFORE_ORDER: _Manner(
        {Kind.CALL: 0.62, Kind.EMAIL: 0.25, Kind.MESSENGER: 0.13},
        0.8,
        {Outcome.ORDER: 0.6, Outcome.OFFER_ASKED: 0.25, Outcome.TAKEN: 0.15},
    ),
    Situation.AFTER_ORDER: _Manner(
        {Kind.CALL: 0.55, Kind.EMAIL: 0.3, Kind.SMS: 0.15}, 0.6, {Outcome.FINISHED: 0.85, Outcome.TAKEN: 0.15}
    ),
    Situation.COMPLAINT: _Manner(
        {Kind.CALL: 0.75, Kind.EMAIL: 0.2, Kind.LETTER: 0.05},
        0.97,
        {Outcome.TAKEN: 0.5, Outcome.FINISHED: 0.35, Outcome.CALL_BACK: 0.15},
    ),
    Situation.SILENCE: _Manner(
        {Kind.CALL: 0.8, Kind.EMAIL: 0.15, Kind.SMS: 0.05},
        0.0,
        {
            Outcome.NO_ANSWER: 0.3,
            Outcome.CALL_BACK: 0.2,
            Outcome.FINISHED: 0.25,
            Outcome.OFFER_ASKED: 0.15,
            Outcome.REFUSED: 0.1,
        },
    ),
    Situation.REGULAR: _Manner(
        {Kind.MEETING: 0.45, Kind.VISIT: 0.17, Kind.CALL: 0.25, Kind.EMAIL: 0.13},
        0.1,
        {Outcome.FINISHED: 0.55, Outcome.OFFER_ASKED: 0.25, Outcome.TAKEN: 0.15, Outcome.CALL_BACK: 0.05},
    ),
    Situation.CHASE: _Manner(
        {Kind.CALL: 1.0}, 0.0, {Outcome.FINISHED: 0.45, Outcome.NO_ANSWER: 0.35, Outcome.OFFER_ASKED: 0.2}
    ),
}


@dataclass(frozen=True)
class Contacts:
    """Entries of the journal as columns, by moment. at: local moments; kind, direction, outcome: places in their enums."""

    who: Array
    at: Array
    situation: Array
    kind: Array
    direction: Array
    outcome: Array
    minutes: Array


def draw_contacts(rng: Generator, span: Span, buyers: Buyers, orders: Orders, per_customer: float) -> Contacts:
    """Draw on average `per_customer` contacts for each customer during the busy days."""
    bought = np.bincount(orders.who, minlength=len(buyers.created))
    known = (buyers.now - np.maximum(buyers.created, span.busy_from)).astype(float) / DAY / BUSY_DAYS
    who = _who(rng, bought, known, per_customer)
    situation = np.where(bought[who] > 0, _drawn(rng, BUYER, len(who)), _drawn(rng, STRANGER, len(who)))
    at, situation = _moments(rng, span, buyers, orders, who=who, situation=situation)
    kind, outcome = _by_situation(rng, situation)
    again = (situation == Situation.SILENCE) & np.isin(outcome, _UNFINISHED) & (rng.random(len(who)) < CHASED)
    chase = np.full(int(again.sum()), Situation.CHASE)
    later = _in_office(rng, at[again], rng.integers(1, 5, len(chase)))
    who, at = np.concatenate([who, who[again]]), np.concatenate([at, later])
    situation = np.concatenate([situation, chase])
    kind, outcome = np.hstack([[kind, outcome], _by_situation(rng, chase)])
    seen = (at < buyers.now[who]) & (at >= span.busy_from) & (at >= buyers.created[who])
    order = np.flatnonzero(seen)[np.argsort(at[seen], kind="stable")]
    inbound = rng.random(len(who)) < np.array([_MANNERS[one].inbound for one in Situation])[situation]
    columns = (who, at, situation, kind, np.where(inbound, 0, 1), outcome, _minutes(rng, kind))
    return Contacts(*(column[order] for column in columns))


def _minutes(rng: Generator, kind: Array) -> Array:
    """Draw how long people talked; -1 where nobody looks at the clock."""
    some = np.maximum(rng.lognormal(1.4, 0.7, len(kind)).astype(int), 1) * np.where(kind == _MEETING, 10, 1)
    return np.where(np.isin(kind, _TIMED), some, -1)


_UNFINISHED: Final = [OUTCOMES.index(Outcome.NO_ANSWER), OUTCOMES.index(Outcome.CALL_BACK)]
_FINISHED: Final = OUTCOMES.index(Outcome.FINISHED)
_CALL: Final = KINDS.index(Kind.CALL)
_MEETING: Final = KINDS.index(Kind.MEETING)
_TIMED: Final = [_CALL, _MEETING]
_SEEN: Final = 1.02
"""For each contact drawn so many are kept: calls that are tried again come, those that lie in the future go."""


def _who(rng: Generator, bought: Array, known: Array, per_customer: float) -> Array:
    """Draw whom each contact is with: more for those who buy more, were known longer, and like to talk."""
    talkative = rng.gamma(1.5, 1 / 1.5, len(bought)) * (0.55 + np.minimum(bought, 30)) ** 0.6 * (0.08 + known) ** 0.8
    return in_groups(rng.poisson(talkative / talkative.mean() * per_customer / _SEEN))[0]


def _drawn(rng: Generator, shares: tuple[float, ...], count: int) -> Array:
    return np.searchsorted(np.cumsum(shares) / sum(shares), rng.random(count) * 0.999999, side="right")


def _by_situation(rng: Generator, situation: Array) -> tuple[Array, Array]:
    """Draw kind and outcome of each contact."""
    kind, outcome = np.zeros(len(situation), int), np.zeros(len(situation), int)
    for one, manner in _MANNERS.items():
        mask = situation == one
        count = int(mask.sum())
        kinds, outcomes = tuple(manner.kinds), tuple(manner.outcomes)
        kind[mask] = np.array([KINDS.index(k) for k in kinds])[_drawn(rng, tuple(manner.kinds.values()), count)]
        results = np.array([OUTCOMES.index(result) for result in outcomes])
        outcome[mask] = results[_drawn(rng, tuple(manner.outcomes.values()), count)]
    return kind, np.where(
        (kind != _CALL) & np.isin(outcome, _UNFINISHED), _FINISHED, outcome
    )  # a letter finds its reader


def _moments(
    rng: Generator, span: Span, buyers: Buyers, orders: Orders, *, who: Array, situation: Array
) -> tuple[Array, Array]:
    """Draw the moment of each contact around the customer's purchases; what finds no place becomes a regular contact."""
    begin = np.maximum(buyers.created[who], span.busy_from)
    anchor, until = _between_orders(rng, orders, np.bincount(orders.who, minlength=len(buyers.created)), who)
    anchor, until = np.where(np.isnat(anchor), begin, anchor), np.where(np.isnat(until), buyers.now[who], until)
    gap, enough = (until - anchor).astype(float) / DAY, SILENT_AFTER_DAYS * 0.8
    misplaced = (situation == Situation.FIRST) & (buyers.created[who] < span.busy_from)
    misplaced |= (situation == Situation.SILENCE) & (gap < SILENT_AFTER_DAYS)
    situation = np.where(misplaced, Situation.REGULAR, situation)
    drift, anywhen = rng.exponential(1.0, len(who)), rng.random(len(who))
    quiet = np.minimum(anchor + np.timedelta64(200, "D"), buyers.now[who])  # who left is visited no more
    regular = begin + (anywhen * np.maximum((quiet - begin).astype(float), 0)).astype("timedelta64[s]")
    days = {
        Situation.AFTER_ORDER: 1 + drift * 3,
        Situation.COMPLAINT: 1 + drift * 5,
        Situation.SILENCE: enough + anywhen * (gap - enough),
    }
    at = _in_office(rng, anchor, np.select([situation == one for one in days], list(days.values()), 0.0))
    soon = buyers.created[who] + rng.integers(300, 3 * HOUR, len(who)).astype("timedelta64[s]")
    others = {
        Situation.FIRST: soon,
        Situation.BEFORE_ORDER: _before(rng, anchor),
        Situation.REGULAR: _in_office(rng, regular, 0.0),
    }
    return np.select([situation == one for one in others], list(others.values()), at), situation


def _between_orders(rng: Generator, orders: Orders, bought: Array, who: Array) -> tuple[Array, Array]:
    """Draw one order for each contact; return its moment and that of the customer's next one, NaT where there is none."""
    ends = np.cumsum(bought)[who]
    chosen = ends - bought[who] + (rng.random(len(who)) * bought[who]).astype(int)
    moments = np.concatenate([orders.at, np.array(["NaT"], "datetime64[s]")])
    return moments[np.where(bought[who] > 0, chosen, -1)], moments[np.where(chosen + 1 < ends, chosen + 1, -1)]


def _before(rng: Generator, anchor: Array) -> Array:
    """Return moments shortly before others: half of them on the same day, up to three hours earlier."""
    hours = anchor - rng.integers(600, 3 * HOUR, len(anchor)).astype("timedelta64[s]")
    earlier = _in_office(rng, anchor, -(1 + rng.exponential(1.5, len(anchor))))
    return np.where(rng.random(len(anchor)) < 0.5, hours, earlier)


def _in_office(rng: Generator, start: Array, days: Array | float) -> Array:
    """Return moments so many days after `start`, at working hours; nearly all weekends give way to the week beside."""
    day = (start + (np.asarray(days) * DAY).astype("timedelta64[s]")).astype("datetime64[D]")
    weekday = (day.astype(int) + 3) % 7
    forward, back = 7 - weekday, 4 - weekday  # to Monday, to Friday
    some = rng.integers(0, 5, len(day))
    shift = np.where(np.asarray(days) < 0, back - some, forward + some)
    moved = (weekday > 4) & (rng.random(len(day)) < 0.92)
    return np.asarray((day + np.where(moved, shift, 0)).astype("datetime64[s]") + time_of_day(rng, len(day), WORK))
