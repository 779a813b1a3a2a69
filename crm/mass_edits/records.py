"""The records of a mass edit: what is changed, how far it is, and what stood on each customer before."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from sqlalchemy import ColumnElement, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.access import Actor
from crm.core.guards import ChildOf, Guarded
from crm.core.i18n import N_
from crm.customers import KEPT
from db.base import Base, BigId, Record

RIGHT: Final = "customers.edit_many"
_ASKED: Final[dict[str, Any]] = {"edit": RIGHT}


class State(StrEnum):
    """Where a mass edit is."""

    RUNNING = "running"
    STOPPED = "stopped"
    FINISHED = "finished"
    UNDOING = "undoing"
    UNDONE = "undone"


STATES: Final = {
    State.RUNNING: N_("Running"),
    State.STOPPED: N_("Stopped"),
    State.FINISHED: N_("Finished"),
    State.UNDOING: N_("Being undone"),
    State.UNDONE: N_("Undone"),
}


class Fate(StrEnum):
    """What became of one customer. LEFT: out of reach, in the bin, or not meant by the field; KEPT: changed since."""

    WAITING = "waiting"
    CHANGED = "changed"
    SAME = "same"
    LEFT = "left"
    BACK = "back"
    KEPT = "kept"


FATES: Final = {
    Fate.WAITING: N_("Not yet gone through"),
    Fate.CHANGED: N_("Changed"),
    Fate.SAME: N_("Was so already"),
    Fate.LEFT: N_("Left as it was"),
    Fate.BACK: N_("Put back"),
    Fate.KEPT: N_("Changed since, kept"),
}


class MassEdit(Guarded, Record):
    """One change of many customers.

    changes: field -> value, and what `Wish` says besides under names of its own. total: how many customers it is for.
    """

    __tablename__ = "mass_edits"
    __table_args__ = (Index("ix_mass_edits_created", "created_at"),)
    area: ClassVar[str] = "customers"

    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), info=_ASKED)
    team_id: Mapped[int | None] = mapped_column(info=_ASKED)
    partner_id: Mapped[int | None] = mapped_column(info=_ASKED)
    changes: Mapped[dict[str, Any]] = mapped_column(info=_ASKED | {"parts": True})
    total: Mapped[int] = mapped_column(info=_ASKED)
    state: Mapped[str] = mapped_column(default=State.RUNNING, info=_ASKED)
    changed_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    same_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    left_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    back_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    kept_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    job_id: Mapped[str | None] = mapped_column(info=KEPT)
    created_at: Mapped[datetime] = mapped_column(info=KEPT)

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return 'inside the scope in which one may change many': who only looks at customers sees none."""
        del right
        return actor.within(RIGHT, cls)  # type: ignore[arg-type]  # the class has the three columns

    @property
    def is_under_way(self) -> bool:
        """Say whether it goes through its customers at this moment."""
        return self.state in {State.RUNNING, State.UNDOING}

    @property
    def done(self) -> int:
        """How many customers it went through, there or back."""
        if self.state in {State.UNDOING, State.UNDONE}:
            return self.back_count + self.kept_count
        return self.changed_count + self.same_count + self.left_count

    @property
    def todo(self) -> int:
        """How many customers it goes through, there or back."""
        return self.changed_count if self.state in {State.UNDOING, State.UNDONE} else self.total


class MassEditRow(ChildOf, Base):
    """One customer of a mass edit. before: what stood in the fields that it changed."""

    __tablename__ = "mass_edit_rows"
    __table_args__ = (Index("ix_mass_edit_rows_fate", "mass_edit_id", "fate", "customer_id"),)
    area: ClassVar[str] = "customers"
    parent: ClassVar[type[Any]] = MassEdit
    parent_key: ClassVar[str] = "mass_edit_id"

    mass_edit_id: Mapped[int] = mapped_column(BigId, ForeignKey("mass_edits.id", ondelete="CASCADE"), primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, primary_key=True, index=True)
    fate: Mapped[str] = mapped_column(default=Fate.WAITING)
    before: Mapped[dict[str, Any] | None]


Changes = Mapping[str, Any]
RESPONSIBLE, BIN, TAGS_ON, TAGS_OFF = "given_to", "into_bin", "tags_on", "tags_off"
"""What `changes` says besides fields: an id or None, true, and ids of tags."""
