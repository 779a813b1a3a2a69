"""The records of an import: what was asked for, how far it is, and what became of single rows."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.access import Actor, Owned
from crm.core.errors import CrmError, Invalid, InvalidForm, Refused
from crm.core.guards import ChildOf, Guarded
from crm.core.i18n import N_
from crm.customers import KEPT
from crm.imports import mapping as mappings
from crm.imports.files import Format, Reading
from crm.imports.mapping import FieldMapping
from db.base import Base, BigId, Record

RUN: Final[dict[str, Any]] = {"edit": "imports.run"}


class State(StrEnum):
    """Where an import is. STAGED: the file is here and its mapping is being chosen."""

    STAGED = "staged"
    CHECKING = "checking"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"


STATES: Final = {
    State.STAGED: N_("Being prepared"),
    State.CHECKING: N_("Trial run"),
    State.RUNNING: N_("Running"),
    State.FINISHED: N_("Finished"),
    State.STOPPED: N_("Stopped"),
    State.FAILED: N_("Failed"),
    State.UNDOING: N_("Being undone"),
    State.UNDONE: N_("Undone"),
}

UNDO_DAYS: Final = 30
"""So long an import can be undone; then what it changed is forgotten."""


class Outcome(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    UPDATED = "updated"
    SKIPPED = "skipped"
    FAULTY = "faulty"


OUTCOMES: Final = {
    Outcome.NEW: N_("New"),
    Outcome.UPDATED: N_("Updated"),
    Outcome.SKIPPED: N_("Unchanged"),
    Outcome.FAULTY: N_("Faulty"),
}


class Import(Guarded, Record):
    """One file on its way into the customers. It belongs to whoever imports it.

    stored_as: the token of the file on our disk. next_row: how many rows are done; it moves in the transaction of the rows,
    so that a killed run goes on exactly there. trial: what a trial run found, with `done` true when it went over all rows.
    problem: why it failed, as a msgid and its values. asked_again: the person knows that the same file was imported before.
    made_tags: ids of the tags that it made. undo_asked_at: since when it is being undone; undone_to: the last of its new
    customers that was looked at for that; undone: what the undo did: removed, restored, kept.
    """

    __tablename__ = "imports"
    __table_args__ = (Index("ix_imports_responsible", "responsible_id", "id"),)
    area: ClassVar[str] = "imports"

    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), info=RUN)
    team_id: Mapped[int | None] = mapped_column(info=RUN)
    partner_id: Mapped[int | None] = mapped_column(info=RUN)
    file_name: Mapped[str] = mapped_column(info=RUN)
    stored_as: Mapped[str] = mapped_column(unique=True, info=KEPT)
    sha256: Mapped[str] = mapped_column(index=True, info=RUN)
    format: Mapped[str] = mapped_column(info=RUN)
    reading: Mapped[dict[str, Any]] = mapped_column(info=RUN)
    sheets: Mapped[list[str]] = mapped_column(info=RUN)
    headings: Mapped[list[str]] = mapped_column(info=RUN)
    row_count: Mapped[int] = mapped_column(info=RUN)
    mapping: Mapped[dict[str, Any]] = mapped_column(info=RUN)
    asked_again: Mapped[bool] = mapped_column(default=False, info=RUN)
    state: Mapped[str] = mapped_column(default=State.STAGED, info=RUN)
    trial: Mapped[dict[str, Any] | None] = mapped_column(info=KEPT)
    next_row: Mapped[int] = mapped_column(default=0, info=KEPT)
    new_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    updated_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    skipped_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    faulty_count: Mapped[int] = mapped_column(default=0, info=KEPT)
    problem: Mapped[dict[str, Any] | None] = mapped_column(info=KEPT)
    job_id: Mapped[str | None] = mapped_column(info=KEPT)
    created_at: Mapped[datetime] = mapped_column(info=KEPT)
    started_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    finished_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    file_removed_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    made_tags: Mapped[list[int]] = mapped_column(JSON, default=list, info=KEPT)
    undo_asked_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    undone_to: Mapped[int] = mapped_column(BigId, default=0, info=KEPT)
    undone: Mapped[dict[str, Any] | None] = mapped_column(info=KEPT)

    @property
    def kind(self) -> Format:
        """The format of the file."""
        return Format(self.format)

    @property
    def how(self) -> Reading:
        """How the file is read."""
        return Reading(**self.reading)

    @property
    def plan(self) -> FieldMapping:
        """The mapping of columns to fields."""
        return mappings.from_json(self.mapping)

    @property
    def owner(self) -> Owned:
        """To whom the import belongs."""
        return Owned(self.responsible_id, self.team_id, self.partner_id)

    @property
    def is_under_way(self) -> bool:
        """Say whether a job works on it at this moment."""
        return self.state in {State.CHECKING, State.RUNNING, State.UNDOING}

    def can_be_undone(self, now: datetime) -> bool:
        """Say whether it has ended, stored something, and is not too old to be undone."""
        ended = self.state in {State.FINISHED, State.STOPPED, State.FAILED}
        stored = self.new_count + self.updated_count
        return (
            ended and bool(stored) and self.undo_asked_at is None and now < self.created_at + timedelta(days=UNDO_DAYS)
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many rows became what so far."""
        return {str(one): getattr(self, f"{one}_count") for one in Outcome}


def need_to_work_with(actor: Actor, record: Import) -> None:
    """Raise Refused for who may see that there is an import but neither look into its file nor decide about it."""
    if not actor.covers("imports.run", record.owner):
        raise Refused(N_("Only whoever imports this file may look into it."))


def problem_of(record: Import) -> CrmError | None:
    """Return why an import failed."""
    return CrmError(record.problem["text"], **record.problem["values"]) if record.problem else None


class ImportRow(ChildOf, Base):
    """What became of one row, where somebody will want to know: it was faulty, or it updated a customer.

    causes: [field, msgid, values] of each fault, emptied together with the file, because they quote it.
    """

    __tablename__ = "import_rows"
    area: ClassVar[str] = "imports"
    parent: ClassVar[type[Any]] = Import
    parent_key: ClassVar[str] = "import_id"

    import_id: Mapped[int] = mapped_column(BigId, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True)
    outcome: Mapped[str]
    customer_id: Mapped[int | None] = mapped_column(BigId, index=True)
    causes: Mapped[list[Any]] = mapped_column(JSON)


class ImportChange(ChildOf, Base):
    """What an import made of one customer that was there before: change -> [before, after], as `portraits.differences` gives it.

    undone_at: since when it is taken back. kept: fields that were not, because somebody changed them since, or why the customer
    as a whole was not (`Kept`); a new customer that was not removed stands here with its reason, too.
    """

    __tablename__ = "import_changes"
    area: ClassVar[str] = "imports"
    parent: ClassVar[type[Any]] = Import
    parent_key: ClassVar[str] = "import_id"

    import_id: Mapped[int] = mapped_column(BigId, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, primary_key=True, index=True)
    changes: Mapped[dict[str, Any]]
    undone_at: Mapped[datetime | None]
    kept: Mapped[list[str]] = mapped_column(default=list)


class Kept(StrEnum):
    """Why an undo left a whole customer as it is."""

    WORKED = " worked"
    REACH = " reach"


KEPT_BECAUSE: Final = {
    Kept.WORKED: N_("Somebody worked with it since."),
    Kept.REACH: N_("It is outside your reach now."),
}

Faults = Mapping[str, Invalid]
"""Field -> what is wrong with it; '' for the row as a whole."""


def faults_of(error: Invalid) -> dict[str, Invalid]:
    """Return the faults that an error carries."""
    return dict(error.faults) if isinstance(error, InvalidForm) else {error.field or "": error}


def as_causes(faults: Faults) -> list[list[Any]]:
    """Return faults as a record keeps them: [field, msgid, values]."""
    return [
        [key, fault.text, {name: _plain(one) for name, one in fault.values.items()}] for key, fault in faults.items()
    ]


def _plain(value: Any) -> int | str:
    return value if isinstance(value, int) else str(value)


def as_faults(causes: list[Any]) -> dict[str, Invalid]:
    """Return what `as_causes` wrote."""
    return {key: Invalid(text, field=key, **values) for key, text, values in causes}
