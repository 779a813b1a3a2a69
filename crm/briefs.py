"""Briefs: what whoever is about to talk to a customer should know of the last two years, in a few lines.

Promises: it tells of talks with every colleague whom the reader may read of; nothing is called open that was finished, ordered
or refused afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, select

from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.interactions import Interaction, Outcome

SPAN: Final = timedelta(days=731)
MOST: Final = 300
"""So many talks are gone through: the newest of two years."""
SHOWN: Final = 3
OPEN: Final = frozenset({Outcome.TAKEN, Outcome.CALL_BACK, Outcome.OFFER_ASKED})
CLOSED: Final = frozenset({Outcome.FINISHED, Outcome.ORDER, Outcome.REFUSED})


@dataclass(frozen=True)
class Partner:
    """A colleague who talked to the customer: how often, and when last."""

    person_id: int
    talks: int
    last_at: datetime


@dataclass(frozen=True)
class Briefing:
    """What to know. open and refused: entries with `id`, `at`, `outcome`, `topic`, `note`, `responsible_id`, the newest first."""

    partners: Sequence[Partner] = ()
    open: Sequence[Mapping[str, Any]] = ()
    refused: Sequence[Mapping[str, Any]] = ()


_TALKS: Final = Prepared(
    select(
        Interaction.id,
        Interaction.at,
        Interaction.outcome,
        Interaction.topic,
        Interaction.note,
        Interaction.responsible_id,
    )
    .where(Interaction.customer_id == bindparam("customer_id"), Interaction.at > bindparam("since"))
    .order_by(Interaction.at.desc(), Interaction.id.desc())
    .limit(MOST)
)


def brief(u: UnitOfWork, customer_id: int) -> Briefing:
    """Return the brief of a customer; an empty one of whom the reader does not see or nobody talked to."""
    return of_talks(u.rows(_TALKS, customer_id=customer_id, since=u.now - SPAN))


def of_talks(rows: Sequence[Mapping[str, Any]]) -> Briefing:
    """Return the brief of talks, the newest first."""
    closed = next((place for place, row in enumerate(rows) if row["outcome"] in CLOSED), len(rows))
    partners: dict[int, Partner] = {}
    for row in rows:
        who = row["responsible_id"]
        before = partners.get(who, Partner(who, 0, row["at"]))
        partners[who] = Partner(who, before.talks + 1, before.last_at)
    return Briefing(
        tuple(partners.values()),
        tuple(row for row in rows[:closed] if row["outcome"] in OPEN)[:SHOWN],
        tuple(row for row in rows if row["outcome"] == Outcome.REFUSED)[:SHOWN],
    )
