"""What is told of a double: a link to whom one sees; 'exists, responsible: X' of whom one does not, noted and limited."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from crm import settings
from crm.core.i18n import N_
from crm.core.prepared import Prepared
from crm.core.reach import Reach
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import Customer
from crm.doubles.finding import Met, Pair, Typed, met, pairs
from crm.privacy import limit
from db.given import given, number_of, rows_of

CHECK: Final = "customers.create"
"""Whoever adds customers is told that one is there already."""

TOLD: Final = "doubles.told"
MOST: Final = 5
"""So many doubles of one text are told, the newest first."""

STOPPED: Final = N_("{who} was stopped: {limit} customers out of sight were found by what was typed within an hour.")


@dataclass(frozen=True)
class Double:
    """A customer who has the same as what was typed into a field. Of one out of sight there is only the responsible."""

    field: str
    text: str
    responsible_id: int | None
    id: int | None = None
    name: str = ""
    city: str | None = None


@dataclass(frozen=True)
class Answer:
    """What is told. stopped: nothing is told of customers out of sight at present, whether there are any or not."""

    doubles: tuple[Double, ...] = ()
    stopped: bool = False


def look(u: UnitOfWork, typed: Typed, *, of: int | None = None) -> Answer:
    """Return who has the same as what was typed. of: the customer at hand, who is no double of himself.

    Raises Refused without the right to add customers.
    """
    u.need(CHECK)
    if not pairs(typed):
        return Answer()
    found = met(u, typed, but=of)
    seen = in_sight(u, found.values())
    doubles = tuple(
        Double(*pair, one.responsible_id, one.id, one.name, one.city)
        for pair, those in found.items()
        for one in [one for one in those if one.id in seen][:MOST]
    )
    if u.actor.reach("customers.view") is Reach.EVERYTHING:
        return Answer(doubles)
    if not room(u):  # asked before anything is said of what is out of sight, so that being stopped tells nothing
        return Answer(doubles, stopped=True)
    if all(one.id in seen for those in found.values() for one in those):
        return Answer(doubles)
    hidden = told(u, typed, of=of)
    return Answer(doubles + hidden.doubles, hidden.stopped)


@verb("customers.create")
def told(u: UnitOfWork, typed: Typed, *, of: int | None = None) -> Answer:
    """Tell of customers out of sight that they exist and who is responsible, as long as the hour allows. Noted at each of them."""
    limit.hold(u)
    left, given_away, told_now = room(u), set[int](), []
    hidden = [(pair, one) for pair, those in out_of_sight(u, typed, of=of).items() for one in those] if left else []
    for pair, one in hidden:
        if len(given_away | {one.id}) > left:
            break
        given_away.add(one.id)
        told_now.append(Double(*pair, one.responsible_id))
    for key in sorted(given_away):
        u.remember(Customer(id=key), {"existence_told": [None, True]})
    return Answer(tuple(told_now), stopped=len(told_now) < len(hidden) or not left)


def out_of_sight(u: UnitOfWork, typed: Typed, *, of: int | None = None) -> dict[Pair, list[Met]]:
    """Return the doubles that the reader does not see, of each responsible the newest: how many there are is nobody's business.

    Of them only what `Double` says may leave.
    """
    found = met(u, typed, but=of)
    seen = in_sight(u, found.values())
    hidden = {pair: [one for one in those if one.id not in seen] for pair, those in found.items()}
    return {pair: list({one.responsible_id: one for one in reversed(those)}.values()) for pair, those in hidden.items()}


_IDS: Final = rows_of("ids")
# begins with the keys, as the look-up does
_SEEN: Final = Prepared(
    select(Customer.id)
    .select_from(_IDS)
    .outerjoin(Customer, Customer.id == number_of(_IDS, 0))
    .where(func.coalesce(Customer.id, 0) > 0)
)


def in_sight(u: UnitOfWork, found: Iterable[list[Met]]) -> set[int]:
    """Return the keys of those whom the reader sees."""
    ids = {one.id for those in found for one in those}
    rows = u.rows(_SEEN, ids=given(*((key,) for key in sorted(ids)))) if ids else []
    return {row["id"] for row in rows}


def room(u: UnitOfWork) -> int:
    """Return of how many customers out of sight this person may be told now; whoever leads hears when of none."""
    most = int(settings.value(u, "doubles_per_hour"))
    left = max(most - len(limit.lately(u, TOLD)), 0)
    if not left:
        limit.stopped(u, "doubles", STOPPED, limit=most)
    return left
