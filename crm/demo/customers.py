"""Invented customers: Russian, Chinese and British persons and companies with their ways to be reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.random import Generator

from crm.customers import Source
from crm.demo import names, orders, places
from crm.demo.names import TONGUES, Words
from crm.demo.people import PARTNER_ID, Staff
from crm.demo.phrases import choices, industries
from crm.demo.span import WORK, Array, Span, in_groups, time_of_day

TONGUE_SHARES: Final = (0.5, 0.3, 0.2)
ZONES: Final = tuple(places.ZONE[tongue] for tongue in TONGUES)
"""The time zones of the languages, in their order."""
COMPANIES: Final = 0.4
UNASSIGNED: Final = 0.04
OF_PARTNER: Final = 0.03
SOURCES: Final = {
    Source.SALES: 0.24,
    Source.REQUEST: 0.22,
    Source.ADVERTISING: 0.2,
    Source.RECOMMENDATION: 0.14,
    Source.EXHIBITION: 0.1,
    Source.RESEARCH: 0.03,
    Source.FEEDBACK: 0.02,
    Source.OTHER: 0.05,
}
PHONE_COUNTS: Final = {False: (0.05, 0.7, 0.21, 0.04), True: (0.02, 0.5, 0.36, 0.12)}
EMAIL_COUNTS: Final = {False: (0.3, 0.58, 0.1, 0.02), True: (0.08, 0.62, 0.24, 0.06)}
"""Shares of customers with no, one, two and three phones and e-mails: persons (False), companies (True)."""
CROWD: Final = 2_000
TWINS, TWINS_FROM = 6, 60
"""So many of the first customers are there twice; their second records stand behind this place."""
KNOWN_PHONE: Final = "+86 10 6552 9988"
"""Of a customer whom everybody knows."""
MAIL_HOSTS: Final = ("mail.example", "post.example", "inbox.example")
OFFICES: Final = ("info", "sales", "office")


@dataclass
class Drawn:
    """Customers as columns, in the order of their ids; `phones` and `emails` as columns of their own.

    tongue: places in TONGUES. created: UTC. responsible: user ids, 0 for nobody.
    """

    tongue: Array
    company: Array
    taste: Array
    created: Array
    responsible: Array
    texts: dict[str, Words]
    employees: list[int | None]
    partner: list[int | None]
    phones: "Reached"
    emails: "Reached"


@dataclass(frozen=True)
class Reached:
    """Phones or e-mails as columns: whose (place of the customer), the how-many-eth of his, written, and as it is searched."""

    who: Array
    position: Array
    written: list[str]
    plain: list[str]


def draw(rng: Generator, span: Span, staff: Staff, place: Array, *, first: bool, crowd: int) -> Drawn:
    """Draw customers.

    place: for each the place in the order of arrival, 0 the newest, 1 the oldest. first: the very first customers of the
    base, among whom are two that everybody knows. crowd: how many customers there will be in all.
    """
    count = len(place)
    tongue = rng.choice(len(TONGUES), count, p=TONGUE_SHARES)
    company = rng.random(count) < COMPANIES
    if first:
        tongue[:2], company[:2] = [0, 1][:count], True
    texts, city = _texts(rng, tongue, company)
    spelt = _names(rng, tongue, company, texts, crowd=crowd)
    drawn = Drawn(
        tongue=tongue,
        company=company,
        taste=orders.tastes(rng, company),
        created=_created(rng, span, tongue, place),
        responsible=_responsible(rng, staff, tongue),
        texts=texts,
        employees=[size if firm else None for size, firm in zip(_sizes(rng, count), company.tolist(), strict=True)],
        partner=[PARTNER_ID if yes else None for yes in (rng.random(count) < OF_PARTNER).tolist()],
        phones=_phones(rng, tongue, company, city),
        emails=_emails(rng, company, spelt),
    )
    if first and count > 1:
        _known_ones(drawn, staff)
        _twins(drawn)
    return drawn


def _created(rng: Generator, span: Span, tongue: Array, place: Array) -> Array:
    """Draw when each customer was entered: at working hours of his country, in the order of the ids."""
    day = (span.now - (orders.births(place) * 86_400).astype("timedelta64[s]")).astype("datetime64[D]")
    weekday = (day.astype(int) + 3) % 7
    day -= np.where((weekday > 4) & (rng.random(len(day)) < 0.9), weekday - 4, 0)
    local = day.astype("datetime64[s]") + time_of_day(rng, len(day), WORK)
    utc = span.to_utc(local, tongue, ZONES)
    return np.sort(np.minimum(utc, span.now - rng.integers(600, 90_000, len(day)).astype("timedelta64[s]")))


def _sizes(rng: Generator, count: int) -> list[int]:
    return [int(size) for size in np.clip(rng.lognormal(3.2, 1.2, count), 1, 20_000)]


def _responsible(rng: Generator, staff: Staff, tongue: Array) -> Array:
    found = np.zeros(len(tongue), int)
    for number, one in enumerate(TONGUES):
        mask = tongue == number
        found[mask] = staff.pick(rng, one, int(mask.sum()))
    found[rng.random(len(tongue)) < UNASSIGNED] = 0
    return found


def _texts(rng: Generator, tongue: Array, company: Array) -> tuple[dict[str, Words], Array]:
    """Draw the fields of the card that are text, and the place of each customer's city."""
    count = len(tongue)
    found = {
        key: np.empty(count, object)
        for key in ("country", "city", "region", "address", "need", "note", "source_detail")
    }
    city = np.zeros(count, int)
    for number, one in enumerate(TONGUES):
        mask = tongue == number
        some, land = int(mask.sum()), places.land(one)
        city[mask] = rng.choice(len(land.cities), some, p=land.shares)
        found["country"][mask] = places.COUNTRY[one]
        found["city"][mask] = land.cities[city[mask]]
        found["region"][mask] = land.regions[city[mask]]
        found["address"][mask] = _sometimes(rng, np.array(places.addresses(rng, one, some), object), 0.8)
        for key, table, share in (("need", "needs", 0.5), ("note", "notes", 0.15), ("source_detail", "sources", 0.6)):
            texts = choices(one, table)
            found[key][mask] = _sometimes(rng, texts[rng.integers(0, len(texts), some)], share)
    found["need"][~company] = None
    drawn = rng.integers(0, len(industries(TONGUES[0])), count)
    found["industry"] = np.empty(count, object)
    for number, one in enumerate(TONGUES):
        mask = tongue == number
        found["industry"][mask] = industries(one)[drawn[mask]]
    found["industry"][~company] = None
    found["source"] = np.array([one.value for one in SOURCES], object)[
        rng.choice(len(SOURCES), count, p=list(SOURCES.values()))
    ]
    return found, city


def _sometimes(rng: Generator, texts: Words, share: float) -> Words:
    texts = texts.copy()
    texts[rng.random(len(texts)) >= share] = None
    return texts


def _names(rng: Generator, tongue: Array, company: Array, texts: dict[str, Words], *, crowd: int) -> Words:
    """Draw the names and web sites into `texts`; return how each customer is spelt in addresses.

    In a crowd names come again and again, but a mail address or a web site is one's own: a number tells them apart.
    """
    name, spelt = np.empty(len(tongue), object), np.empty(len(tongue), object)
    for number, one in enumerate(TONGUES):
        for mask, draw_names in ((~company, names.persons), (company, names.companies)):
            both = (tongue == number) & mask
            name[both], spelt[both] = draw_names(rng, one, int(both.sum()))
    texts["name"] = name
    if crowd > CROWD:
        spelt += rng.integers(1, 9 * crowd, len(tongue)).astype(str).astype(object)
    texts["website"] = _sometimes(rng, np.asarray(spelt + ".example", object), 0.7)
    texts["website"][~company] = None
    return spelt


def _counts(rng: Generator, company: Array, shares: Mapping[bool, tuple[float, ...]]) -> Array:
    draw_of = {firm: rng.choice(4, len(company), p=share) for firm, share in shares.items()}
    return np.where(company, draw_of[True], draw_of[False])


def _phones(rng: Generator, tongue: Array, company: Array, city: Array) -> Reached:
    who, position = in_groups(_counts(rng, company, PHONE_COUNTS))
    landline = rng.random(len(who)) < np.where(company[who] & (position == 0), 0.7, 0.12)
    written, digits = np.empty(len(who), object), np.empty(len(who), object)
    for number, one in enumerate(TONGUES):
        mask = tongue[who] == number
        written[mask], digits[mask] = places.phones(rng, one, city[who][mask], landline[mask])
    return Reached(who, position, written.tolist(), digits.tolist())


def _emails(rng: Generator, company: Array, spelt: Words) -> Reached:
    who, position = in_groups(_counts(rng, company, EMAIL_COUNTS))
    birth = rng.integers(50, 100, len(who))
    numbered = rng.random(len(who)) < 0.5
    firms = [f"{OFFICES[place]}@{name}.example" for name, place in zip(spelt[who], position.tolist(), strict=True)]
    years = np.where(numbered, birth.astype(str).astype(object), "").tolist()
    people = [
        f"{name}{year}@{MAIL_HOSTS[place]}"
        for name, year, place in zip(spelt[who], years, position.tolist(), strict=True)
    ]
    written = np.where(company[who], np.array(firms, object), np.array(people, object)).tolist()
    return Reached(who, position, written, written)


def _known_ones(drawn: Drawn, staff: Staff) -> None:
    """Put in the two companies that the journeys speak of: one of Moscow's third rep, one in Beijing."""
    known: tuple[tuple[str, dict[str, Any]], ...] = (
        (
            "anna",
            {
                "name": "ООО «Спецстрой»",
                "city": "Москва",
                "region": "Москва",
                "website": "specstroy.example",
                "industry": "Строительство",
            },
        ),
        (
            "claire",
            {
                "name": "北京华信科技有限公司",
                "city": "北京",
                "region": "北京市",
                "website": "huaxin.example",
                "industry": "信息技术",
            },
        ),
    )
    for place, (username, texts) in enumerate(known):
        drawn.responsible[place] = staff.ids[username]
        drawn.partner[place] = None
        for key, value in texts.items():
            drawn.texts[key][place] = value
    _replace(drawn, "phones", {0: ("+7 495 234-56-78", "74952345678"), 1: (KNOWN_PHONE, "861065529988")})
    _replace(drawn, "emails", {0: ("ivan@specstroy.example",) * 2, 1: ("info@huaxin.example",) * 2})


def _twins(drawn: Drawn) -> None:
    """Let some persons be there twice: entered again later with the same name, city and phone, every second with the same mail."""
    phone, email = _firsts(drawn.phones), _firsts(drawn.emails)
    ones = [
        place for place in range(2, len(drawn.tongue)) if place in phone and place in email and not drawn.company[place]
    ]
    others = [place for place in ones if place >= TWINS_FROM]
    phones: dict[int, tuple[str, str] | None] = {}
    emails: dict[int, tuple[str, str] | None] = {}
    for one in [place for place in ones if place < TWINS_FROM][:TWINS]:
        other = next((place for place in others if drawn.tongue[place] == drawn.tongue[one]), None)
        if other is not None:
            others.remove(other)
            phones[other], emails[other] = phone[one], email[one] if len(emails) % 2 else None
            drawn.texts["address"][other] = None
            for key in ("name", "city", "region"):
                drawn.texts[key][other] = drawn.texts[key][one]
    if phones:
        _replace(drawn, "phones", phones)
        _replace(drawn, "emails", emails)


def _firsts(reached: Reached) -> dict[int, tuple[str, str]]:
    """Return place of a customer -> his first phone or e-mail, written and as it is searched."""
    rows = zip(reached.who.tolist(), reached.written, reached.plain, strict=True)
    return {who: (written, plain) for who, written, plain in reversed(list(rows))}


def _replace(drawn: Drawn, what: str, rows: Mapping[int, tuple[str, str] | None]) -> None:
    """Give the customers at some places exactly one phone or e-mail, or none."""
    old: Reached = getattr(drawn, what)
    keep = np.flatnonzero(~np.isin(old.who, list(rows)))
    given = {place: row for place, row in rows.items() if row is not None}
    new = Reached(
        np.concatenate([np.array(list(given), int), old.who[keep]]),
        np.concatenate([np.zeros(len(given), int), old.position[keep]]),
        [written for written, _ in given.values()] + [old.written[place] for place in keep],
        [plain for _, plain in given.values()] + [old.plain[place] for place in keep],
    )
    setattr(drawn, what, new)
