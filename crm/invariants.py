"""Invariants: the rules over the data that always hold, whatever was done and however it was interrupted.

They are proved on every copy, after every restore and by the doctor. A capability that keeps a figure beside the rows that it
counts adds its rule here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Text, case, cast, exists, func, or_, select

from crm.core.i18n import N_
from crm.core.people import User
from crm.counters import DailyCount, MonthlyCount
from crm.customers import Customer
from crm.documents import Document
from crm.interactions import Interaction
from crm.purchases import Purchase, PurchaseLine
from crm.relations import Relation
from crm.search import TOKENS


@dataclass(frozen=True)
class Invariant:
    """A rule over the data: its msgid, and a statement that counts the rows which break it."""

    text: str
    broken: Select[Any]


def _kept_count(kept: Any, child: Any) -> Select[Any]:
    """Count the customers whose kept count is not the number of their rows."""
    rows = select(child.customer_id, func.count().label("n")).group_by(child.customer_id).subquery()
    joined = select(func.count()).select_from(Customer.__table__.outerjoin(rows, rows.c.customer_id == Customer.id))
    return joined.where(kept != func.coalesce(rows.c.n, 0))


def _counter(measure: str, child: Any, which: ColumnElement[bool] | None = None) -> Select[Any]:
    """Count the people whose daily counters of a measure do not add up to their rows."""
    rows = select(child.responsible_id.label("who"), func.count().label("n")).where(child.responsible_id.is_not(None))
    rows = rows if which is None else rows.where(which)
    there = rows.group_by(child.responsible_id).subquery()
    sums = select(DailyCount.responsible_id.label("who"), func.sum(DailyCount.count).label("n"))
    counted = sums.where(DailyCount.measure == measure).group_by(DailyCount.responsible_id).subquery()
    both = there.join(counted, there.c.who == counted.c.who, full=True)
    return select(func.count()).select_from(both).where(func.coalesce(there.c.n, 0) != func.coalesce(counted.c.n, 0))


def _months() -> Select[Any]:
    """Count the people and measures whose monthly counters do not add up to the daily ones."""
    daily, monthly = (
        select(one.responsible_id, one.measure, func.sum(one.count).label("n"))
        .group_by(one.responsible_id, one.measure)
        .subquery()
        for one in (DailyCount, MonthlyCount)
    )
    same = (daily.c.responsible_id == monthly.c.responsible_id) & (daily.c.measure == monthly.c.measure)
    both = daily.join(monthly, same, full=True)
    return select(func.count()).select_from(both).where(func.coalesce(daily.c.n, 0) != func.coalesce(monthly.c.n, 0))


def _amounts() -> Select[Any]:
    lines = (
        select(PurchaseLine.purchase_id, func.sum(PurchaseLine.amount).label("total"))
        .group_by(PurchaseLine.purchase_id)
        .subquery()
    )
    joined = Purchase.__table__.outerjoin(lines, lines.c.purchase_id == Purchase.id)
    return select(func.count()).select_from(joined).where(Purchase.amount != func.coalesce(lines.c.total, 0))


def _one_sided() -> Select[Any]:
    """Count the relations that are told from one side only, or lead from a customer to the same one."""
    one, other = Relation.__table__.alias(), Relation.__table__.alias()
    back = exists().where(other.c.customer_id == one.c.other_id, other.c.other_id == one.c.customer_id)
    return select(func.count()).select_from(one).where(or_(~back, one.c.customer_id == one.c.other_id))


def _without_newest() -> Select[Any]:
    """Count the documents of which not exactly one version is the newest."""
    newest = func.sum(case((Document.replaced_at.is_(None), 1), else_=0))
    wrong = select(func.min(Document.id)).group_by(func.coalesce(Document.first_id, Document.id)).having(newest != 1)
    return select(func.count()).select_from(wrong.subquery())


def _no_administrator() -> Select[Any]:
    active = (User.disabled_at.is_(None), User.deleted_at.is_(None), cast(User.roles, Text).like('%"administrator"%'))
    anybody, one = select(User.id).exists(), select(User.id).where(*active).exists()
    return select(func.count()).where(anybody, ~one)


INVARIANTS: Final[Sequence[Invariant]] = (
    Invariant(
        N_("A customer's number of interactions is the number in the journal"),
        _kept_count(Customer.interaction_count, Interaction),
    ),
    Invariant(
        N_("A customer's number of purchases is the number recorded"), _kept_count(Customer.purchase_count, Purchase)
    ),
    Invariant(N_("The plans' counters of interactions equal the journal"), _counter("interactions", Interaction)),
    Invariant(
        N_("The plans' counters of calls equal the journal"), _counter("calls", Interaction, Interaction.kind == "call")
    ),
    Invariant(N_("The plans' counters of purchases equal the purchases"), _counter("purchases", Purchase)),
    Invariant(N_("The plans' counters of months equal those of their days"), _months()),
    Invariant(N_("A purchase's amount is the sum of its lines"), _amounts()),
    Invariant(N_("A relation of two customers stands on both their cards"), _one_sided()),
    Invariant(N_("Of every document exactly one version is the newest"), _without_newest()),
    Invariant(
        N_("Whoever is found by the search is there"),
        select(func.count(TOKENS.c.customer_id.distinct())).where(~exists().where(Customer.id == TOKENS.c.customer_id)),
    ),
    Invariant(
        N_("Whoever was merged into another customer is in no list and has no contacts of its own"),
        select(func.count()).where(
            Customer.merged_into_id.is_not(None),
            or_(Customer.archived_at.is_(None), Customer.interaction_count > 0, Customer.purchase_count > 0),
        ),
    ),
    Invariant(N_("There is an active administrator"), _no_administrator()),
)


def invariants(connection: Connection) -> list[str]:
    """Return the rules that the data break, with how often, in English: for copies, restores and the doctor."""
    counts = ((one.text, int(connection.execute(one.broken).scalar_one())) for one in INVARIANTS)
    return [f"{text}: {count}" for text, count in counts if count]
