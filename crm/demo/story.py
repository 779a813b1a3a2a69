"""What happens today: plans, calls of this morning and messages behind the bells, all through the product's own verbs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from itertools import product
from math import ceil
from typing import Any, Final

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence
from sqlalchemy import select

from crm import (
    change_requests,
    consents,
    customers,
    documents,
    doubles,
    duplicates,
    interactions,
    market,
    merges,
    missing_data,
    notifications,
    plans,
    quality,
    relations,
    reports,
    saved_filters,
    stages,
)
from crm.core import clock
from crm.core.access import Identity
from crm.core.grants import Role
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork, as_system, unit_of_work
from crm.customers import Customer, Email, Phone, Stage
from crm.customers import Kind as CustomerKind
from crm.demo.chunk import Wishes
from crm.demo.customers import KNOWN_PHONE
from crm.demo.names import Tongue
from crm.demo.papers import PAPERS, RIVALRY, as_word
from crm.demo.people import CAST, NEWCOMER, Person, Staff
from crm.demo.phrases import Situation, notes, topics
from crm.interactions import Direction, Kind, Outcome
from db.engine import Database

TARGETS: Final = {"purchases": 10, "meetings": 12, "interactions": 40}
"""What is expected of a sales rep in a month."""
ASKER: Final = "wangwei"
"""Who asks for access to a customer of another team."""
CONSENTING: Final = 2
"""Of so many customers each rep has recorded what they allow."""
KEEPER, SERVES = "keeper", "anna"
"""Who merges two customers, and of whom."""
LOOKED_THROUGH: Final = 500
FROM_NINE: Final = timedelta(hours=9)
AT_LEAST: Final = timedelta(hours=2)
"""Today's entries lie between nine o'clock and now, in the last two hours where that is earlier, but never yesterday."""


@dataclass(frozen=True)
class _Today:
    """The day that the story happens on. zone: of the company's calendar."""

    database: Database
    rng: Generator
    staff: Staff
    now: datetime
    zone: str

    @property
    def day(self) -> date:
        """The company's day."""
        return clock.day_of(self.now, self.zone)

    @property
    def reps(self) -> dict[int, Person]:
        """The sales people of the cast by their ids."""
        ids = ((self.staff.ids[person.username], person) for person in CAST)
        return {key: person for key, person in ids if key in self.staff.teammates}


def tell(database: Database, wishes: Wishes, staff: Staff, now: datetime, zone: str) -> None:
    """Set the plans, log today's calls, send a few notifications."""
    today = _Today(database, Generator(PCG64(SeedSequence([wishes.seed, 2**31 + 1]))), staff, now, zone)
    if wishes.customers:
        _plans(today, wishes)
        _calls(today)
        _consents(today)
        _documents(today)
        _market(today)
        _requests(today)
        _wish(today)
        _merge(today)
        _relations(today)
        _lapses(today)
        _filters(today)
        _duplicates(today)
        _data_asked_for(today)
        _reports(today)
    _strategies(today)
    _messages(today)


def _duplicates(today: _Today) -> None:
    """Let the base have been looked over two days ago: who has the same phone waits to be decided about."""
    with as_system(today.database, now=today.now - timedelta(days=2)) as u:
        look = duplicates.run.begin(u, "of the demonstration").id
        phones, emails = (
            u.rows(
                select(way.customer_id, column.label("way")).where(way.customer_id <= LOOKED_THROUGH).order_by(way.id)
            )
            for way, column in ((Phone, Phone.digits), (Email, Email.address))
        )
        written = _shared(emails)
        found = [
            duplicates.Found(*pair, (1, 1), 0.9999, ("phone", "email", "name", "city"))
            if pair in written
            else duplicates.Found(*pair, (1, 1), 0.93, ("phone", "name", "city"))
            for pair in sorted(_shared(phones))
        ]
        if found:
            duplicates.run.keep(u, look, found)
        duplicates.run.finish(u, look, LOOKED_THROUGH)


def _shared(rows: Sequence[dict[str, Any]]) -> set[tuple[int, int]]:
    """Return the pairs of customers who have the same."""
    those: dict[str, set[int]] = {}
    for row in rows:
        those.setdefault(row["way"], set()).add(row["customer_id"])
    return {(min(keys), max(keys)) for keys in those.values() if len(keys) > 1}


def _plans(today: _Today, wishes: Wishes) -> None:
    """Let each leader set the month and the quarter of his team and of its reps."""
    periods = ((1, clock.month_of(today.day)), (3, _quarter_of(today.day)))
    targets = _targets(wishes, len(today.staff.teammates))
    for leader, reps in _teams(today.staff).items():
        team_id = today.staff.team_of[leader]
        with unit_of_work(today.database, Identity(leader), now=today.now) as u:
            for (months, (first, last)), (measure, target) in product(periods, targets.items()):
                set_target = partial(plans.set_target, u, measure=measure, starts_on=first, ends_on=last)
                set_target(target=target * months * len(reps), team_id=team_id)
                for rep in reps:
                    set_target(target=target * months, responsible_id=rep)


def _targets(wishes: Wishes, reps: int) -> dict[str, int]:
    """Return a rep's targets for a month: the usual ones, or more where he has more customers than can be."""
    each = wishes.customers / max(reps, 1) / 24
    likely = {
        "purchases": wishes.purchases,
        "meetings": wishes.interactions * 0.22,
        "interactions": wishes.interactions,
    }
    return {measure: max(usual, ceil(likely[measure] * each * 1.1 / 5) * 5 - 5) for measure, usual in TARGETS.items()}


def _quarter_of(day: date) -> tuple[date, date]:
    first = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return first, clock.month_of((first + timedelta(days=65)).replace(day=1))[1]


def _teams(staff: Staff) -> dict[int, list[int]]:
    """Return leader's id -> ids of the reps who serve customers."""
    found: dict[int, list[int]] = {}
    for rep in staff.teammates:
        found.setdefault(staff.leader_of[staff.team_of[rep] or 0], []).append(rep)
    return found


# --- today ------------------------------------------------------------------


def _calls(today: _Today) -> None:
    """Let each rep of the cast log some entries of today; the newcomer has made his first call."""
    for person in CAST:
        if today.staff.ids[person.username] in today.staff.teammates:
            _log(today, person, int(today.rng.integers(3, 8)))
        elif person.username == NEWCOMER:
            _log(today, person, 1)


def _consents(today: _Today) -> None:
    """Let each rep of the cast record what the customers of his last talks allow."""
    for who in today.reps:
        with unit_of_work(today.database, Identity(who), now=today.now) as u:
            mine = select(Customer.id).where(
                Customer.responsible_id == who,
                Customer.archived_at.is_(None),
                Customer.last_interaction_at.is_not(None),
            )
            for key in u.all(mine.order_by(Customer.last_interaction_at.desc(), Customer.id).limit(CONSENTING)):
                _allowed(u, key, today.day)


def _documents(today: _Today) -> None:
    """Let each rep of the cast keep a contract with its draft, and an offer, at the customer whom he talked to last."""
    for rep, person in today.reps.items():
        who = Identity(rep)
        papers = PAPERS[person.tongue or Tongue.EN]
        with unit_of_work(today.database, who, now=today.now) as u:
            received = documents.receive(u, [(name, as_word(lines)) for name, _kind, _note, lines in papers])
        with unit_of_work(today.database, who, now=today.now - timedelta(days=9)) as u:
            mine = select(Customer.id).where(Customer.responsible_id == who.user_id, Customer.archived_at.is_(None))
            for key in u.all(mine.order_by(Customer.last_interaction_at.desc().nulls_last(), Customer.id).limit(1)):
                (_, kind, note, _), (_, _, newer, _), (_, offer, _, _) = papers
                draft = documents.add(u, key, received[0], kind=kind, note=note)
                documents.renew(u, draft.id, received[1], seen=draft.version, note=newer)
                documents.add(u, key, received[2], kind=offer)


def _market(today: _Today) -> None:
    """Let each rep of the cast note who else sells to the customer whom he talked to last, and what that one doubts."""
    for rep, person in today.reps.items():
        who, tongue = Identity(rep), person.tongue or Tongue.EN
        with unit_of_work(today.database, who, now=today.now - timedelta(days=9)) as u:
            mine = select(Customer.id).where(Customer.responsible_id == who.user_id, Customer.archived_at.is_(None))
            for key in u.all(mine.order_by(Customer.last_interaction_at.desc().nulls_last(), Customer.id).limit(1)):
                competitor, product, doubt = RIVALRY[tongue]
                market.add_supply(u, key, {"competitor": competitor, "product": product, "amount": "400000"})
                market.add_voice(u, key, kind="doubt", text=doubt)


def _allowed(u: UnitOfWork, customer_id: int, day: date) -> None:
    """Record a contract, a consent with its paper, and a withdrawn one."""
    record = partial(consents.record, u, customer_id)
    record(purpose="service", basis="contract", given_on=day - timedelta(days=700))
    paper = f"№ {customer_id}/{day.year}"
    record(purpose="email", basis="consent", given_on=day - timedelta(days=200), how="paper", proof=paper)
    phone = record(purpose="phone", basis="consent", given_on=day - timedelta(days=200), how="paper", proof=paper)
    consents.end(u, phone.id, on=day - timedelta(days=20), how="call", seen=phone.version)


def _log(today: _Today, person: Person, count: int) -> None:
    who, rng = Identity(today.staff.ids[person.username]), today.rng
    midnight = clock.start_of(today.day, today.zone)
    room = (today.now - max(midnight, min(midnight + FROM_NINE, today.now - AT_LEAST))).total_seconds()
    moments = sorted(today.now - timedelta(seconds=int(ago)) for ago in rng.random(count) * room)
    with unit_of_work(today.database, who, now=today.now) as u:
        chosen = _some_customers(u, rng, who.user_id, count)
    for customer_id, at in zip(chosen, moments, strict=False):
        kind, direction, situation, outcome = _TODAY[int(rng.integers(0, len(_TODAY)))]
        said = topics(person.tongue or Tongue.EN, situation)
        written = notes(person.tongue or Tongue.EN, situation)
        with unit_of_work(today.database, who, now=min(today.now, at + timedelta(minutes=4))) as u:
            interactions.log(
                u,
                customer_id,
                kind=kind,
                direction=direction,
                outcome=outcome,
                topic=str(said[int(rng.integers(0, len(said)))]),
                note=str(written[int(rng.integers(0, 3))]),
                at=at,
                minutes=int(rng.integers(2, 15)),
            )


_TODAY: Final = (
    (Kind.CALL, Direction.INBOUND, Situation.BEFORE_ORDER, Outcome.OFFER_ASKED),
    (Kind.CALL, Direction.OUTBOUND, Situation.REGULAR, Outcome.FINISHED),
    (Kind.CALL, Direction.INBOUND, Situation.AFTER_ORDER, Outcome.FINISHED),
    (Kind.EMAIL, Direction.INBOUND, Situation.FIRST, Outcome.TAKEN),
    (Kind.MEETING, Direction.OUTBOUND, Situation.REGULAR, Outcome.FINISHED),
)


def _some_customers(u: UnitOfWork, rng: Generator, person: int, count: int) -> Sequence[int]:
    """Return customers of a person, or of his team where he has none."""
    mine = u.all(select(Customer.id).where(Customer.responsible_id == person).order_by(Customer.id.desc()).limit(200))
    near = mine or u.all(
        select(Customer.id).where(Customer.kind == CustomerKind.COMPANY).order_by(Customer.id).limit(50)
    )
    return [int(one) for one in rng.choice(np.array(near), min(count, len(near)), replace=False)] if near else []


ASKED: Final = {
    Tongue.EN: "The phone has changed: the new one is +44 20 7946 0018.",
    Tongue.RU: "Сменился телефон, новый: +7 495 123-45-67.",
    Tongue.ZH: "电话变了，新号码是 +86 10 5555 0199。",
}


def _requests(today: _Today) -> None:
    """Let some reps of the cast ask the record keeper for a change of their newest customer."""
    for n, (rep, person) in enumerate(list(today.reps.items())[:4]):
        who = Identity(rep)
        with unit_of_work(today.database, who, now=today.now - timedelta(minutes=55 - 9 * n)) as u:
            mine = (
                select(Customer.id).where(Customer.responsible_id == who.user_id).order_by(Customer.id.desc()).limit(1)
            )
            for customer_id in u.all(mine):
                change_requests.ask(u, customer_id, ASKED[person.tongue or Tongue.EN])


def _wish(today: _Today) -> None:
    """Let a rep of another team hear that the customer whom everybody knows exists, and ask for access."""
    typed = {"phones": [KNOWN_PHONE]}
    who = Identity(today.staff.ids[ASKER])
    with unit_of_work(today.database, who, now=today.now - timedelta(minutes=12)) as u:
        if doubles.look(u, typed).doubles:
            doubles.ask_for_access(u, typed)


def _merge(today: _Today) -> None:
    """Let the record keeper make one card of two firms of a rep that have become one; it can be undone in its history."""
    rep = today.staff.ids[SERVES]
    firms = select(Customer.id).where(Customer.responsible_id == rep, Customer.kind == CustomerKind.COMPANY)
    with unit_of_work(today.database, Identity(today.staff.ids[KEEPER]), now=today.now) as u:
        two = u.all(firms.order_by(Customer.interaction_count.desc(), Customer.id).offset(2).limit(2))
        if len(two) > 1:
            merges.merge(u, *two)


LINKS: Final = (relations.Kind.SUBSIDIARY, relations.Kind.PARTNER, relations.Kind.REFERRED)
"""What the other firms of a rep are to the one that is talked to most."""


def _relations(today: _Today) -> None:
    """Let the record keeper link firms of each rep of the cast."""
    keeper = Identity(today.staff.ids[KEEPER])
    for rep in today.reps:
        with unit_of_work(today.database, keeper, now=today.now - timedelta(days=3)) as u:
            firms = _most_talked_to(u, rep, skipped=4, count=1 + len(LINKS))
            for other, kind in zip(firms[1:], LINKS, strict=False):
                relations.link(u, firms[0]["id"], other["id"], kind)


LAPSED: Final = {
    Tongue.EN: "They try out a cheaper supplier; the buyer said so himself.",
    Tongue.RU: "Пробуют поставщика дешевле — закупщик сам сказал.",
    Tongue.ZH: "对方在试用更便宜的供应商，采购亲口说的。",
}


def _lapses(today: _Today) -> None:
    """Let each rep of the cast see that a customer may be lost, and say why."""
    for rep, person in today.reps.items():
        with unit_of_work(today.database, Identity(rep), now=today.now - timedelta(hours=20)) as u:
            known = _most_talked_to(u, rep, skipped=0, count=20)
            one = next((one for one in known if one["stage"] in {Stage.ACTIVE, Stage.LOYAL}), None)
            if one:
                why = LAPSED[person.tongue or Tongue.EN]
                customers.edit(u, one["id"], {"stage": str(Stage.AT_RISK)}, seen=one["version"], reason=why)


def _most_talked_to(u: UnitOfWork, rep: int, *, skipped: int, count: int) -> list[dict[str, Any]]:
    """Return firms of a rep, with whom there were most talks first; those that were merged are left out."""
    columns = (Customer.id, Customer.stage, Customer.version)
    theirs = select(*columns).where(
        Customer.responsible_id == rep, Customer.kind == CustomerKind.COMPANY, Customer.archived_at.is_(None)
    )
    ordered = theirs.order_by(Customer.interaction_count.desc(), Customer.id)
    return u.rows(ordered.offset(skipped).limit(count))


ASKED_ABOUT: Final = 3
"""Of so many customers the record keeper asks for what is missing."""
CONCLUSION: Final = (
    "The base grows evenly. Most that is missing are the need and the number of employees of companies.\n\n"
    "Recommended: ask for both in the first talk; verify the oldest records before the season begins."
)
"""What follows from the report that was filed."""


def _data_asked_for(today: _Today) -> None:
    """Let the record keeper ask the colleagues for what is missing of those who wait longest to be verified."""
    with unit_of_work(today.database, Identity(today.staff.ids[KEEPER]), now=today.now) as u:
        rows = [row for row in quality.queue(u, days=quality.days_of(u, None)) if row["responsible_id"]]
        gaps = missing_data.missing(u, [row["id"] for row in rows])
        for key in [row["id"] for row in rows if gaps[row["id"]]][:ASKED_ABOUT]:
            missing_data.ask(u, key)


def _reports(today: _Today) -> None:
    """Let the report of the month before the last be filed with its conclusion, and that of the last month be a draft."""
    first, _last_day = clock.month_of(today.day)
    filed_at = min(today.now, clock.start_of(first, today.zone) + FROM_NINE)
    last = clock.start_of((first - timedelta(days=1)).replace(day=1), today.zone) + FROM_NINE
    with unit_of_work(today.database, Identity(today.staff.ids[KEEPER]), now=last) as u:
        one = reports.make(u, reports.months(u)[0])
        reports.conclude(u, one.id, CONCLUSION, seen=one.version)
        reports.file(u, one.id, seen=one.version)
    with as_system(today.database, now=filed_at) as u:
        reports.draft(u)


# --- filters ----------------------------------------------------------------

SHARED: Final[dict[Tongue, tuple[tuple[str, str], ...]]] = {
    Tongue.EN: (
        ("Silent for 90 days", "last_contact.older.90.or.last_contact.empty..stage.not.lost"),
        ("Mine to win back", "stage.is.at_risk.lost..responsible.is.me"),
    ),
    Tongue.RU: (
        ("Молчат 90 дней", "last_contact.older.90.or.last_contact.empty..stage.not.lost"),
        ("Вернуть: мои", "stage.is.at_risk.lost..responsible.is.me"),
    ),
    Tongue.ZH: (
        ("90 天未联系", "last_contact.older.90.or.last_contact.empty..stage.not.lost"),
        ("我要赢回的", "stage.is.at_risk.lost..responsible.is.me"),
    ),
}
"""Filters that the leaders share with their teams: name and rule."""


def _filters(today: _Today) -> None:
    """Let the leaders of the cast share with their teams what is looked at every Monday."""
    for person in CAST:
        leader = today.staff.ids[person.username]
        if person.role is not Role.SALES_MANAGER:
            continue
        with unit_of_work(today.database, Identity(leader), now=today.now) as u:
            for name, rule in SHARED[person.tongue or Tongue.EN]:
                kept = saved_filters.save(u, name, {"where": rule})
                saved_filters.share(u, kept.id, whom=today.staff.team_of[leader], seen=kept.version)


STRATEGIES: Final = {
    Stage.POTENTIAL: (
        "Find out what they need and who decides. No discounts yet.",
        "Call within two days, then a meeting",
    ),
    Stage.NEW: ("The first order decides: everything on time, one person to talk to.", "Call a week after delivery"),
    Stage.ACTIVE: ("Keep the rhythm of their orders; offer what goes with what they buy.", "Talk once a month"),
    Stage.LOYAL: ("Best terms, first look at novelties; ask whom they recommend us to.", "Invite to the showroom"),
    Stage.AT_RISK: ("Something is wrong: listen first, then let the leader make an offer.", "Visit within a week"),
    Stage.LOST: ("Ask once why, thank, leave in peace. Note the reason.", "Call again in half a year"),
    Stage.WON_BACK: ("Once lost, twice careful: the responsible sees to every order.", "Call after each delivery"),
}
"""What the invented company does with customers of each stage, and what comes next with each."""


def _strategies(today: _Today) -> None:
    """Let the executive say what is done with customers of each stage."""
    with unit_of_work(today.database, Identity(today.staff.ids["executive"]), now=today.now) as u:
        known = stages.strategies(u)
        for stage, (strategy, step) in STRATEGIES.items():
            if stage not in known:
                stages.set_strategy(u, stage, strategy, step, seen=0)


# --- messages ---------------------------------------------------------------

WELCOME: Final = N_("Welcome to Rapport, {name}. These are demonstration data: try whatever you like.")
CALLED: Final = N_("{customer} called and asks for you.")
PLAN_SET: Final = N_("Your plan for this month is set.")


def _messages(today: _Today) -> None:
    ids = today.staff.ids
    with as_system(today.database, now=today.now) as u:
        cards = u.rows(
            select(Customer.id, Customer.name, Customer.responsible_id).order_by(Customer.id.desc()).limit(200)
        )
        newest = {card["responsible_id"]: card for card in reversed(cards)}
        for person in CAST:
            notifications.send(u, ids[person.username], WELCOME, name=person.name)
        for rep in today.reps:
            notifications.send(u, rep, PLAN_SET, page="plans")
            if card := newest.get(rep):
                notifications.send(
                    u, rep, CALLED, page="customer", query={"id": str(card["id"])}, customer=card["name"]
                )
