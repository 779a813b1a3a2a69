"""Hand-overs: the customers of somebody who leaves go to colleagues, looked at before, in one go, and back again for a week.

Promises: nobody hands over what he does not reach, nor to whom he does not reach; it happens whole or not at all; the history
of each card says who was responsible before; what was handed on meanwhile stays where it is when a hand-over is taken back.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from crm import notifications, settings, users
from crm.core import clock
from crm.core.access import SYSTEM, Owned
from crm.core.audit_log import AuditEntry
from crm.core.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from crm.core.grants import Scope
from crm.core.i18n import N_
from crm.core.people import User
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.customers import Customer
from crm.plans import Plan
from db.engine import Database

RIGHT: Final = "customers.hand_over"
KEPT_FOR: Final = timedelta(days=7)
"""So long a hand-over can be taken back."""

AT_ONCE: Final = 500
CAME: Final = N_("Customers of {who} are yours now: {n}.")
WENT: Final = N_("Customers of yours were handed over to colleagues: {n}.")
BACK: Final = N_("Customers went back to {who}: {n}.")


class Way(StrEnum):
    """How customers are divided among several receivers."""

    EVENLY = "evenly"
    BY_CITY = "by_city"


WAYS: Final[Mapping[str, str]] = {
    Way.EVENLY: N_("Evenly"),
    Way.BY_CITY: N_("By city: those of one city go to one colleague"),
}


@dataclass(frozen=True)
class Preview:
    """What a hand-over would do. stages: code -> how many; plans: running ones, which stay; shares: receiver -> how many."""

    customers: int
    stages: Mapping[str, int]
    in_bin: int
    plans: int
    shares: Mapping[int, int]


@dataclass(frozen=True)
class HandOver:
    """A hand-over that can still be taken back."""

    id: int
    at: datetime
    by_id: int | None
    from_id: int
    customers: int


# --- queries ------------------------------------------------------------------


def leavers(u: UnitOfWork) -> dict[int, str]:
    """Return id -> name of those whose customers may be handed over, disabled accounts included, by name."""
    return users.reached(u, RIGHT, disabled=True)


def receivers(u: UnitOfWork) -> dict[int, str]:
    """Return id -> name of those who may be given customers, by name."""
    return users.reached(u, RIGHT)


_RUNNING: Final = select(Plan.id).where(
    Plan.responsible_id == bindparam("who"), Plan.of_team.is_(False), Plan.ends_on >= bindparam("today")
)


def preview(u: UnitOfWork, from_id: int, to: Sequence[int], way: str) -> Preview:
    """Return what handing over would do. Raises Refused."""
    u.need(RIGHT)
    rows = _theirs(u, from_id)
    today = clock.day_of(u.now, settings.value(u, "timezone"))
    return Preview(
        customers=len(rows),
        stages=Counter(row["stage"] for row in rows),
        in_bin=sum(row["archived_at"] is not None for row in rows),
        plans=len(u.all(_RUNNING.params(who=from_id, today=today))),
        shares={to_id: len(ids) for to_id, ids in shared(rows, to, way).items()},
    )


def _theirs(u: UnitOfWork, from_id: int) -> list[dict[str, Any]]:
    """Return the customers of somebody, those in the bin included, whom the reader sees and may hand over."""
    columns = (Customer.id, Customer.city, Customer.stage, Customer.team_id, Customer.archived_at)
    statement = select(*columns).where(Customer.responsible_id == from_id).order_by(Customer.id)
    inside = Customer.rows(u.actor, RIGHT)
    return u.rows(statement if inside is None else statement.where(inside))


def shared(rows: Sequence[Mapping[str, Any]], to: Sequence[int], way: str) -> dict[int, list[int]]:
    """Return receiver -> the keys that he gets. By city the largest city goes first, each to whoever has the fewest."""
    found: dict[int, list[int]] = {to_id: [] for to_id in to}
    if not to:
        return found
    if way != Way.BY_CITY:
        for place, row in enumerate(rows):
            found[to[place % len(to)]].append(row["id"])
        return found
    cities: dict[str, list[int]] = {}
    for row in rows:
        cities.setdefault((row["city"] or "").strip().casefold(), []).append(row["id"])
    for _, ids in sorted(cities.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        min(found.values(), key=len).extend(ids)
    return found


# --- verbs ----------------------------------------------------------------------


@verb("customers.hand_over")
def hand_over(u: UnitOfWork, from_id: int, to: Sequence[int], way: str = Way.EVENLY, *, seen: int | None = None) -> int:
    """Hand over all customers of somebody, as far as one reaches them, to colleagues whom one reaches. Returns how many.

    seen: how many the preview showed. Raises Invalid beside `to`, NotFound, Refused, Conflict (there are more or fewer now).
    """
    leaver, *others = _people(u, from_id, to)
    rows = _theirs(u, leaver.id)
    if seen is not None and len(rows) != seen:
        raise Conflict(N_("Meanwhile there are more or fewer customers. Please look again."))
    before = {row["id"]: row["team_id"] for row in rows}
    shares = shared(rows, [one.id for one in others], way)
    for one in others:
        ids = shares[one.id]
        _move(u, ids, leaver.id, one)
        u.remember_each(Customer, {key: _change((leaver.id, before[key]), (one.id, one.team_id)) for key in ids})
    got = {to_id: len(ids) for to_id, ids in shares.items() if ids}
    if rows:
        u.remember(leaver, {"customers_handed_over": [None, len(rows)], "receivers": [None, list(got)]})
        u.after_commit(partial(_tell, u.database, u.actor.id, leaver.id, got, u.now))
    return len(rows)


def _people(u: UnitOfWork, from_id: int, to: Sequence[int]) -> list[User]:
    """Return the leaver and the receivers, held until the commit."""
    if not to:
        raise Invalid(N_("Please choose who gets them."), field="to")
    users.hold(u, from_id, *to)
    leaver, *others = (u.get(User, key) for key in (from_id, *dict.fromkeys(to)))
    if leaver.deleted_at is not None:
        raise NotFound
    if any(one.id == leaver.id or not one.is_active for one in others):
        raise Invalid(N_("Please choose another colleague."), field="to")
    if not all(u.actor.covers(RIGHT, Owned(one.id, one.team_id, one.partner_id)) for one in (leaver, *others)):
        raise Refused(N_("This colleague is outside your reach."))
    return [leaver, *others]


def _change(before: tuple[int, int | None], after: tuple[int, int | None]) -> dict[str, list[int | None]]:
    pairs: dict[str, list[int | None]] = {"responsible_id": [before[0], after[0]], "team_id": [before[1], after[1]]}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _move(u: UnitOfWork, ids: Sequence[int], from_id: int, to: User) -> None:
    """Make somebody responsible for customers of somebody else; their versions rise, so that open forms notice."""
    table = Customer.__table__
    facts = {"responsible_id": to.id, "team_id": to.team_id, "version": table.c.version + 1}
    moved = 0
    for start in range(0, len(ids), AT_ONCE):
        theirs = update(table).where(table.c.id.in_(ids[start : start + AT_ONCE]), table.c.responsible_id == from_id)
        # raw, bulk: thousands of customers, whose keys came through the door within the right's own reach
        moved += u.execute(theirs.values(facts), raw=True, bulk=True).rowcount  # type: ignore[attr-defined]
    if moved != len(ids):
        raise Conflict


# --- taking back -------------------------------------------------------------------

_VERB, _BACK = "handovers.hand_over", "handovers.take_back"
_NOTED: Final = (
    AuditEntry.id,
    AuditEntry.at,
    AuditEntry.actor_id,
    AuditEntry.verb,
    AuditEntry.record_id,
    AuditEntry.changes,
)
_SINCE: Final = Prepared(
    select(*_NOTED)
    .where(
        AuditEntry.at > bindparam("since"),
        AuditEntry.record == "users",
        AuditEntry.verb.in_((_VERB, _BACK)),
    )
    .order_by(AuditEntry.id.desc())
)
_OF: Final = Prepared(
    select(AuditEntry.record_id, AuditEntry.changes).where(
        AuditEntry.at == bindparam("at"),
        AuditEntry.actor_id == bindparam("by"),
        AuditEntry.verb == _VERB,
        AuditEntry.record == "customers",
    )
)


def recent(u: UnitOfWork) -> list[HandOver]:
    """Return the hand-overs that one can take back, the newest first: one's own, and everybody's for whoever reaches all."""
    u.need(RIGHT)
    return [
        HandOver(row["id"], row["at"], row["actor_id"], row["record_id"], row["changes"]["customers_handed_over"][1])
        for row in _open(u)
    ]


def _open(u: UnitOfWork) -> Iterator[dict[str, Any]]:
    rows = u.rows(_SINCE, since=u.now - KEPT_FOR)
    done = {row["changes"]["hand_over"][1] for row in rows if row["verb"] == _BACK}
    for row in rows:
        mine = row["actor_id"] == u.actor.id or u.actor.scope(RIGHT) is Scope.ALL
        if row["verb"] == _VERB and row["id"] not in done and mine:
            yield row


@verb("customers.hand_over")
def take_back(u: UnitOfWork, hand_over_id: int) -> int:
    """Give the customers of a hand-over back, those excepted that were handed on since. Returns how many went back.

    Raises NotFound (not one's own, too old, taken back before), Refused (the leaver is out of reach, or deleted).
    """
    entry = next((row for row in _open(u) if row["id"] == hand_over_id), None)
    if entry is None:
        raise NotFound
    leaver = _leaver(u, entry["record_id"])
    noted = u.rows(_OF, at=entry["at"], by=entry["actor_id"])
    heirs = {row["record_id"]: row["changes"]["responsible_id"][1] for row in noted if _is_from(row, leaver.id)}
    got: dict[int, int] = {}
    for heir in sorted(set(heirs.values())):
        now = {row["id"]: row["team_id"] for row in _theirs(u, heir) if heirs.get(row["id"]) == heir}
        _move(u, sorted(now), heir, leaver)
        after = (leaver.id, leaver.team_id)
        u.remember_each(Customer, {key: _change((heir, team_id), after) for key, team_id in now.items()})
        got |= {heir: len(now)} if now else {}
    u.remember(leaver, {"customers_taken_back": [None, sum(got.values())], "hand_over": [None, hand_over_id]})
    u.after_commit(partial(_tell_back, u.database, u.actor.id, leaver.name, got, u.now))
    return sum(got.values())


def _leaver(u: UnitOfWork, user_id: int) -> User:
    """Return the person to whom customers go back, held until the commit."""
    users.hold(u, user_id)
    person = u.get(User, user_id)
    if person.deleted_at is not None:
        raise Refused(N_("The account was deleted meanwhile. Hand the customers over anew."))
    if not u.actor.covers(RIGHT, Owned(person.id, person.team_id, person.partner_id)):
        raise Refused(N_("This colleague is outside your reach."))
    return person


def _is_from(row: Mapping[str, Any], leaver_id: int) -> bool:
    return bool(row["changes"].get("responsible_id", [None])[0] == leaver_id)


# --- telling ---------------------------------------------------------------------


def _tell(database: Database, by_id: int | None, from_id: int, got: Mapping[int, int], now: datetime) -> None:
    """Put one message behind the bell of each receiver, and of the leaver while the account is open."""
    try:
        with unit_of_work(database, SYSTEM, now=now) as u:
            leaver = u.get(User, from_id)
            for to_id in got.keys() - {by_id}:
                query = {"mine": "1"}
                notifications.send(u, to_id, CAME, page="customers", query=query, n=got[to_id], who=leaver.name)
            if leaver.is_active and from_id != by_id:
                notifications.send(u, from_id, WENT, n=sum(got.values()))
    except Unavailable:
        return


def _tell_back(database: Database, by_id: int | None, who: str, got: Mapping[int, int], now: datetime) -> None:
    try:
        with unit_of_work(database, SYSTEM, now=now) as u:
            for to_id in got.keys() - {by_id}:
                notifications.send(u, to_id, BACK, n=got[to_id], who=who)
    except Unavailable:
        return
