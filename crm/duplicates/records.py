"""The records: two customers that may be one, what speaks for it and what somebody decided; and each look over the whole base."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from sqlalchemy import ColumnElement, Float, ForeignKey, Index, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from crm.core.access import Actor, Owned
from crm.core.errors import CrmError
from crm.core.guards import ChildOf
from crm.core.i18n import N_
from crm.customers import KEPT, Customer
from db.base import BigId, Record

RIGHT: Final = "customers.merge"
DECIDED: Final[dict[str, Any]] = {"edit": RIGHT}
LEAST: Final = 0.5
"""So likely one customer are two records that are put into the queue."""


class Sign(StrEnum):
    """What speaks for two records being of one customer."""

    PHONE = "phone"
    EMAIL = "email"
    NUMBER = "number"
    NAME = "name"
    NAME_PART = "name_part"
    NAME_NEAR = "name_near"
    BIRTHDAY = "birthday"
    ADDRESS = "address"
    PHONE_NEAR = "phone_near"
    EMAIL_NEAR = "email_near"
    NUMBER_NEAR = "number_near"
    ADDRESS_NEAR = "address_near"
    CITY = "city"


SIGNS: Final[Mapping[str, str]] = {
    Sign.PHONE: N_("Same phone"),
    Sign.EMAIL: N_("Same e-mail"),
    Sign.NUMBER: N_("Same tax number"),
    Sign.NAME: N_("Same name"),
    Sign.NAME_PART: N_("One name stands in the other"),
    Sign.NAME_NEAR: N_("Similar name"),
    Sign.BIRTHDAY: N_("Same birthday"),
    Sign.ADDRESS: N_("Same address"),
    Sign.PHONE_NEAR: N_("Phone with one slip"),
    Sign.EMAIL_NEAR: N_("E-mail with one slip"),
    Sign.NUMBER_NEAR: N_("Tax number with one slip"),
    Sign.ADDRESS_NEAR: N_("Similar address"),
    Sign.CITY: N_("Same city"),
}
"""The strongest first, as they are told."""

_BITS: Final = {sign: 1 << place for place, sign in enumerate(Sign)}


def bits(*signs: str) -> int:
    """Return signs as a pair keeps them."""
    return sum(_BITS[Sign(one)] for one in signs)


def signs_in(kept: int) -> tuple[Sign, ...]:
    """Return what `bits` wrote, the strongest first."""
    return tuple(sign for sign, bit in _BITS.items() if kept & bit)


class Pair(ChildOf, Record):
    """Two customers that may be one; whoever does not see both does not see the pair.

    customer_id is the smaller number of the two. signs: a bit for each of Sign, in their order. customer_version,
    other_version: as they were compared. parted_at: since when they are known to be two, which no later look forgets.
    """

    __tablename__ = "duplicate_pairs"
    __table_args__ = (
        UniqueConstraint("customer_id", "other_id"),
        Index("ix_duplicate_pairs_open", "parted_at", "certainty", "id"),
    )
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"
    written_by: ClassVar[tuple[str, ...]] = (RIGHT,)

    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), info=KEPT)
    other_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), index=True, info=KEPT)
    certainty: Mapped[float] = mapped_column(Float, info=KEPT)
    signs: Mapped[int] = mapped_column(info=KEPT)
    customer_version: Mapped[int] = mapped_column(info=KEPT)
    other_version: Mapped[int] = mapped_column(info=KEPT)
    found_at: Mapped[datetime] = mapped_column(info=KEPT)
    parted_at: Mapped[datetime | None] = mapped_column(info=DECIDED)
    parted_by_id: Mapped[int | None] = mapped_column(info=DECIDED)

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return 'both customers are inside the scope' as SQL."""
        first, other = aliased(Customer.__table__), aliased(Customer.__table__)
        here, there = actor.within(right, first.c), actor.within(right, other.c)
        if here is None or there is None:
            return None
        both = (
            select(one.c.id).where(one.c.id == key, inside).limit(1).exists()
            for one, key, inside in ((first, cls.customer_id, here), (other, cls.other_id, there))
        )
        return next(both) & next(both)

    def owned(self, session: Session) -> list[Owned]:
        """Return the ownership of both customers."""
        owner = Customer.__table__.c
        both = (self.customer_id, self.other_id)
        facts = select(owner.responsible_id, owner.team_id, owner.partner_id).where(owner.id.in_(both))
        found = [Owned(*row) for row in session.connection().execute(facts)]
        return found if len(found) == len(set(both)) else [*found, Owned()]


class State(StrEnum):
    """Where a look over the base is."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


class Run(Record):
    """One look over the whole base.

    job_id: of the job that does it. started_at: since when it is at work, anew after it was killed. customer_count: of how many
    customers it looked at. problem: why it failed, as a msgid and its values.
    """

    __tablename__ = "duplicate_runs"

    job_id: Mapped[str] = mapped_column(unique=True, info=KEPT)
    state: Mapped[str] = mapped_column(default=State.WAITING, info=DECIDED)
    asked_by_id: Mapped[int | None] = mapped_column(info=KEPT)
    asked_at: Mapped[datetime] = mapped_column(info=KEPT)
    started_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    ended_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    customer_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    problem: Mapped[dict[str, Any] | None] = mapped_column(info=KEPT)

    @property
    def is_under_way(self) -> bool:
        """Say whether it is still at work, or waits for its turn."""
        return self.state in {State.WAITING, State.RUNNING}


def problem_of(record: Run) -> CrmError | None:
    """Return why a look failed."""
    return CrmError(record.problem["text"], **record.problem["values"]) if record.problem else None
