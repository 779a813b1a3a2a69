"""The record of a merge: who was merged into whom, and what is needed to undo it."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from sqlalchemy import Column, ForeignKey, Index, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.guards import ChildOf
from crm.core.i18n import N_
from crm.customers import KEPT, PRIVATE, Customer
from db.base import Base, BigId, Record

RIGHT: Final = "customers.merge"
SEES: Final = "customers.view_personal"
"""Whoever merges chooses between names, phones and addresses, so that he must see those of both."""


NOTED: Final = "merge"
"""Under this the entries of the audit log name their merge."""


class Side(StrEnum):
    """Whose value stays."""

    SURVIVOR = "survivor"
    OTHER = "other"
    BOTH = "both"


SIDES: Final = {
    Side.SURVIVOR: N_("Of the card that stays"),
    Side.OTHER: N_("Of the other card"),
    Side.BOTH: N_("Both together"),
}


class Merge(ChildOf, Record):
    """One merge: `other_id` was merged into `customer_id`, the survivor. It stands until `undone_at`.

    moved: link -> how many rows went along; which ones stands in ROWS. before: what else undoing needs (see
    `crm.merges.changes`), empty when it was undone or the survivor was erased.
    """

    __tablename__ = "merges"
    __table_args__ = (Index("ix_merges_customer", "customer_id", "id"), Index("ix_merges_other", "other_id", "id"))
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = Customer
    parent_key: ClassVar[str] = "customer_id"
    written_by: ClassVar[tuple[str, ...]] = (RIGHT,)

    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), info=KEPT)
    other_id: Mapped[int] = mapped_column(BigId, ForeignKey("customers.id", ondelete="CASCADE"), info=KEPT)
    at: Mapped[datetime] = mapped_column(info=KEPT)
    by_id: Mapped[int | None] = mapped_column(info=KEPT)
    moved: Mapped[dict[str, Any]] = mapped_column(default=dict, info=KEPT)
    before: Mapped[dict[str, Any]] = mapped_column(
        default=dict, deferred=True, deferred_raiseload=True, info=KEPT | PRIVATE
    )
    undone_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    undone_by_id: Mapped[int | None] = mapped_column(info=KEPT)


# Which rows a merge moved: the column `field` of the row `row_id` of the table `record` led to the other and leads to the survivor.
# No record: statements fill it from the tables themselves, however many rows there are, and nobody else asks for it.
ROWS: Final = Table(
    "merged_rows",
    Base.metadata,
    Column("merge_id", BigId, ForeignKey("merges.id", ondelete="CASCADE"), primary_key=True),
    Column("record", String, primary_key=True),
    Column("field", String, primary_key=True),
    Column("row_id", BigId, primary_key=True),
    sqlite_with_rowid=False,
)
