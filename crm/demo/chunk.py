"""Ten thousand customers at a time, with their purchases and interactions, as columns ready to be stored.

A chunk depends on the seed, its number and the moment only, so the memory stays the same however many customers are made.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from crm import customers as base
from crm import fields, search
from crm.demo import contacts, customers, firms, orders, own, shape
from crm.demo.customers import ZONES, Drawn, Reached
from crm.demo.goods import CURRENCY
from crm.demo.names import TONGUES, Words
from crm.demo.people import Staff
from crm.demo.phrases import AT_A_MEETING, FITTING, Situation, notes, topics
from crm.demo.span import Array, Span
from crm.interactions import Kind

SIZE: Final = 10_000
"""Customers in a chunk."""
BY_TEAMMATE: Final = 0.12
BY_SERVICE: Final = 0.06
COMPLAINTS_BY_SERVICE: Final = 0.4

Columns = dict[str, Any]
"""A table's columns as `db.bulk.insert` takes them."""


@dataclass(frozen=True)
class Wishes:
    """How much of everything is wanted: customers in all, and averages for each in the two years."""

    customers: int
    seed: int
    interactions: float
    purchases: float


@dataclass(frozen=True)
class Chunk:
    """Columns of each table; `product_id` of the lines is the product's place in the catalogue, `tag_id` that of `firms.TAGS`.

    words: those of the customers' tokens that belong to the vocabulary of the look-up.
    """

    customers: Columns
    phones: Columns
    emails: Columns
    contacts: Columns
    tags: Columns
    requisites: Columns
    tokens: Columns
    words: set[str]
    interactions: Columns
    purchases: Columns
    lines: Columns


@dataclass(frozen=True)
class _Work:
    """What everything in a chunk is made from. ids: of its customers."""

    rng: Generator
    span: Span
    staff: Staff
    drawn: Drawn
    ids: Array

    def utc(self, who: Array, local: Array) -> Array:
        """Return UTC moments of local ones, all of them past. who: places of the customers where it happened."""
        moments = self.span.to_utc(local, self.drawn.tongue[who], ZONES)
        return np.minimum(moments, self.span.now - np.timedelta64(1, "s"))

    def written(self, at: Array) -> Array:
        """Draw when it was written down: some minutes later."""
        later = at + self.rng.integers(20, 1200, len(at)).astype("timedelta64[s]")
        return np.asarray(np.minimum(later, self.span.now))


def make(number: int, wishes: Wishes, staff: Staff, span: Span, *, first_purchase: int) -> Chunk:
    """Make chunk `number`, 0 being the oldest. first_purchase: the id of its first purchase."""
    rng = Generator(PCG64(SeedSequence([wishes.seed, number])))
    places = number * SIZE + np.arange(min(SIZE, wishes.customers - number * SIZE))
    since = 1 - (places + rng.random(len(places))) / wishes.customers
    drawn = customers.draw(rng, span, staff, since, first=number == 0, crowd=wishes.customers)
    here = span.to_local(np.full(len(places), span.now), drawn.tongue, ZONES)
    buyers = orders.Buyers(span.to_local(drawn.created, drawn.tongue, ZONES), here, drawn.taste, drawn.company)
    bought = orders.draw_orders(rng, span, buyers, orders.pace_for(span, wishes.purchases))
    talked = contacts.draw_contacts(rng, span, buyers, bought, wishes.interactions)
    work = _Work(rng, span, staff, drawn, places + 1)
    sold = _purchases(work, bought, first_purchase)
    lines = orders.draw_lines(rng, span, bought, buyers)
    # a source of its own: what else is drawn stays as it is
    other = Generator(PCG64(SeedSequence([wishes.seed, number, 1])))
    people = firms.contacts(other, drawn, work.ids, staff.ids["keeper"])
    signed = firms.requisites(other, drawn, work.ids)
    tokens, known = _tokens(work, people, signed)
    return Chunk(
        customers=_customers(work) | _kept(work, talked, bought) | _shape(work, wishes, number),
        phones=_reached(work, drawn.phones, "number") | {"digits": drawn.phones.plain},
        emails=_reached(work, drawn.emails, "address"),
        contacts=people,
        requisites=signed,
        tags=firms.tags(other, drawn, work.ids),
        tokens=tokens,
        words=known,
        interactions=_journal(work, talked),
        purchases=_by_id(sold | {"amount": _sums(lines, len(bought.who))}),
        lines=_lines(work, lines, bought, sold["id"]),
    )


def _customers(work: _Work) -> Columns:
    drawn, names = work.drawn, work.drawn.texts["name"].tolist()
    responsible = drawn.responsible.tolist()
    return {
        "id": work.ids,
        "kind": np.where(drawn.company, base.Kind.COMPANY.value, base.Kind.PERSON.value),
        **{key: texts.tolist() for key, texts in drawn.texts.items()},
        "sort_name": [base.sort_name(name) for name in names],
        "external_number": [_number(one) for one in work.ids.tolist()],
        "responsible_id": [person or None for person in responsible],
        "team_id": [work.staff.team_of.get(person) for person in responsible],
        "partner_id": drawn.partner,
        "employees": drawn.employees,
        "extra": own.written(_own(work)),
        "created_at": drawn.created,
        "created_by_id": work.staff.ids["keeper"],
    }


def _shape(work: _Work, wishes: Wishes, number: int) -> Columns:
    codes = shape.types_of(work.drawn)
    other = Generator(PCG64(SeedSequence([wishes.seed, number, 2])))
    return {
        "type": codes,
        "completeness": shape.completeness(work.drawn, codes, _own(work)),
        **shape.verified(other, work.span, work.drawn, work.staff.ids["keeper"]),
    }


def _own(work: _Work) -> list[dict[str, Any]]:
    pairs = zip(work.ids.tolist(), work.drawn.company.tolist(), strict=True)
    return [own.values(one, company=company) for one, company in pairs]


def _number(customer_id: int) -> str:
    return f"C-{customer_id:07d}"


def _kept(work: _Work, talked: contacts.Contacts, bought: orders.Orders) -> Columns:
    """Return what the verbs of the journal and of the purchases would have kept on the cards."""
    count = len(work.ids)
    return {
        "interaction_count": np.bincount(talked.who, minlength=count),
        "last_interaction_at": _last(talked.who, work.utc(talked.who, talked.at), count),
        "purchase_count": np.bincount(bought.who, minlength=count),
        "last_purchase_at": _last(bought.who, work.utc(bought.who, bought.at), count),
        "stage": orders.stages(bought, count, work.span.now),
    }


def _last(who: Array, at: Array, count: int) -> Array:
    found = np.full(count, np.iinfo(np.int64).min)  # which is NaT
    np.maximum.at(found, who, at.astype("datetime64[s]").astype(np.int64))
    return found.astype("datetime64[s]")


def _reached(work: _Work, reached: Reached, key: str) -> Columns:
    return {"customer_id": work.ids[reached.who], key: reached.written, "position": reached.position, "version": 1}


def _tokens(work: _Work, people: Columns, signed: Columns) -> tuple[Columns, set[str]]:
    persons: dict[int, list[str]] = {}
    phones, emails = _by_customer(work.drawn.phones, len(work.ids)), _by_customer(work.drawn.emails, len(work.ids))
    for one, name, digits, address in zip(
        people["customer_id"].tolist(), people["name"], people["digits"], people["emails"], strict=True
    ):
        place = one - int(work.ids[0])
        persons.setdefault(one, []).append(name)
        phones[place] += digits.split()
        emails[place] += address.split()
    tax: dict[int, list[str]] = {}
    for key in ("inn", "ogrn", "uscc"):
        for one, number in zip(signed["customer_id"].tolist(), signed[key], strict=True):
            tax.setdefault(one, []).extend([number] if number else [])
    tokens: list[str] = []
    owners: list[int] = []
    known: set[str] = set()
    for one, name, numbers, addresses, extra in zip(
        work.ids.tolist(), work.drawn.texts["name"].tolist(), phones, emails, _own(work), strict=True
    ):
        mine = search.tokens(name, _number(one), numbers, addresses, contact=persons.get(one, ()), tax=tax.get(one, ()))
        mine |= fields.stored_tokens(extra)
        known |= search.vocabulary(mine)
        tokens += mine
        owners += [one] * len(mine)
    return {"token": tokens, "customer_id": owners}, known


def _by_customer(reached: Reached, count: int) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in range(count)]
    for place, plain in zip(reached.who.tolist(), reached.plain, strict=True):
        found[place].append(plain)
    return found


# --- the journal ------------------------------------------------------------


def _journal(work: _Work, talked: contacts.Contacts) -> Columns:
    """Return the entries in the order of their moments."""
    at = work.utc(talked.who, talked.at)
    topic, note = _words(work.rng, work.drawn.tongue[talked.who], talked)
    minutes = talked.minutes.astype(object)
    minutes[talked.minutes < 0] = None
    columns: dict[str, Array] = {
        "customer_id": work.ids[talked.who],
        "kind": _codes(contacts.KINDS)[talked.kind],
        "direction": _codes(contacts.DIRECTIONS)[talked.direction],
        "outcome": _codes(contacts.OUTCOMES)[talked.outcome],
        "topic": topic,
        "note": note,
        "at": at,
        "minutes": minutes,
        "responsible_id": _speakers(work, talked),
        "logged_at": work.written(at),
    }
    order = np.argsort(at, kind="stable")
    return {key: values[order] for key, values in columns.items()} | {"version": 1}


def _codes(enum: tuple[Any, ...]) -> Words:
    return np.array([str(one.value) for one in enum], object)


def _speakers(work: _Work, talked: contacts.Contacts) -> Array:
    """Draw who talked: mostly the responsible, at times a colleague of the team, with complaints often the service."""
    responsible = work.drawn.responsible[talked.who]
    speaker, chance = responsible.copy(), work.rng.random(len(responsible))
    for person, mates in work.staff.teammates.items():
        away = (responsible == person) & (chance < BY_TEAMMATE)
        if mates:
            speaker[away] = work.rng.choice(np.array(mates), int(away.sum()))
    to_service = np.where(talked.situation == Situation.COMPLAINT, COMPLAINTS_BY_SERVICE, BY_SERVICE)
    speaker[(chance > 1 - to_service) | (responsible == 0)] = work.staff.ids["service"]
    return np.asarray(speaker)


def _words(rng: Generator, tongue: Array, talked: contacts.Contacts) -> tuple[Words, Words]:
    """Draw topics and notes that fit situation and outcome, in the customer's language."""
    topic, note = np.empty(len(tongue), object), np.empty(len(tongue), object)
    met = np.isin(talked.kind, [contacts.KINDS.index(Kind.MEETING), contacts.KINDS.index(Kind.VISIT)])
    for number, one in enumerate(TONGUES):
        for situation in Situation:
            mask = (tongue == number) & (talked.situation == situation)
            said, written = topics(one, situation), notes(one, situation)
            topic[mask] = said[rng.integers(0, len(said), int(mask.sum()))]
            chosen = rng.integers(0, len(written), int(mask.sum()))
            if situation is Situation.REGULAR:
                chosen[(chosen == AT_A_MEETING) & ~met[mask]] = 0
            for outcome, fitting in FITTING.get(situation, {}).items():
                with_it = talked.outcome[mask] == contacts.OUTCOMES.index(outcome)
                chosen[with_it] = rng.choice(np.array(fitting), int(with_it.sum()))
            note[mask] = written[chosen]
    return topic, note


# --- purchases --------------------------------------------------------------


def _purchases(work: _Work, bought: orders.Orders, first_id: int) -> Columns:
    """Return the purchases without their amounts, in the order of `bought`; their ids follow their moments."""
    at = work.utc(bought.who, bought.at)
    own = np.empty(len(at), int)
    own[np.argsort(at, kind="stable")] = first_id + np.arange(len(at))
    responsible = work.drawn.responsible[bought.who]
    seller = np.where(responsible > 0, responsible, work.staff.ids["keeper"])
    years = (at.astype("datetime64[Y]").astype(int) + 1970).tolist()
    return {
        "id": own,
        "customer_id": work.ids[bought.who],
        "number": np.array([f"{year}-{one:07d}" for year, one in zip(years, own.tolist(), strict=True)], object),
        "at": at,
        "currency": CURRENCY,
        "responsible_id": seller,
        "note": "",
        "recorded_at": work.written(at),
        "recorded_by_id": seller,
        "version": 1,
    }


def _by_id(columns: Columns) -> Columns:
    order = np.argsort(columns["id"])
    return {key: values[order] if isinstance(values, np.ndarray) else values for key, values in columns.items()}


def _sums(lines: orders.Lines, count: int) -> Array:
    sums = np.zeros(count, np.int64)
    np.add.at(sums, lines.order, lines.amount)
    return sums * 100  # hundredths as ten-thousandths


def _lines(work: _Work, lines: orders.Lines, bought: orders.Orders, purchase_ids: Array) -> Columns:
    return {
        "purchase_id": purchase_ids[lines.order],
        "customer_id": work.ids[bought.who[lines.order]],
        "product_id": lines.product,
        "quantity": lines.quantity * 10_000,
        "price": lines.price * 100,
        "discount": lines.discount * 100,
        "amount": lines.amount * 100,
        "position": lines.position,
        "version": 1,
    }
