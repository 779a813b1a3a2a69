"""The record of an export: who took which customers out, in which form, and where the file waits."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.access import Actor
from crm.core.errors import CrmError
from crm.core.guards import Guarded
from crm.core.i18n import N_
from crm.core.shelf import Shelf
from crm.customers import KEPT, Filters
from db.base import Record

RIGHT: Final = "customers.export"
_ASKED: Final[dict[str, Any]] = {"edit": RIGHT}
WAITS: Final = timedelta(hours=24)
"""So long a file waits for whoever asked for it."""
AFTER_TAKEN: Final = timedelta(minutes=5)
"""So long it can be taken once more when the first try broke off."""


class Form(StrEnum):
    """What kind of file is written."""

    CSV = "csv"
    XLSX = "xlsx"
    VCARD = "vcf"


FORMS: Final[Mapping[str, str]] = {
    Form.XLSX: N_("Excel (.xlsx)"),
    Form.CSV: N_("Table as text (.csv)"),
    Form.VCARD: N_("Address cards (.vcf)"),
}


OF_PERSON: Final = "person"
"""The form of a file with everything about one customer, which is asked for on his card and by a right of its own."""


class State(StrEnum):
    """Where an export is."""

    MAKING = "making"
    READY = "ready"
    FAILED = "failed"


class Export(Guarded, Record):
    """One file of customers, for whoever asked for it and from the sign-in that asked only.

    filters: what narrowed the list, besides the text that was looked for and the rule: `searched` may be somebody's phone
    and `rule` a name, so the audit log keeps only that there was one. columns: those of the file, none for all. stored_as: the
    token of the file on our disk and in its address.
    """

    __tablename__ = "exports"
    __table_args__ = (Index("ix_exports_responsible", "responsible_id", "id"),)
    area: ClassVar[str] = "customers"

    responsible_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), info=_ASKED)
    team_id: Mapped[int | None] = mapped_column(info=_ASKED)
    partner_id: Mapped[int | None] = mapped_column(info=_ASKED)
    sign_in_id: Mapped[int | None] = mapped_column(BigInteger, info=KEPT)
    format: Mapped[str] = mapped_column(info=_ASKED)
    language: Mapped[str] = mapped_column(info=KEPT)
    filters: Mapped[dict[str, Any]] = mapped_column(info=_ASKED)
    searched: Mapped[str | None] = mapped_column(info=_ASKED | {"personal": True})
    rule: Mapped[str | None] = mapped_column(info=_ASKED | {"personal": True})
    columns: Mapped[list[str] | None] = mapped_column(info=_ASKED)
    sorted_by: Mapped[str] = mapped_column(default="name", info=KEPT)
    row_count: Mapped[int | None] = mapped_column(info=_ASKED)
    state: Mapped[str] = mapped_column(info=KEPT)
    stored_as: Mapped[str] = mapped_column(unique=True, info=KEPT)
    job_id: Mapped[str | None] = mapped_column(info=KEPT)
    created_at: Mapped[datetime] = mapped_column(info=KEPT)
    ready_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    taken_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    file_removed_at: Mapped[datetime | None] = mapped_column(info=KEPT)
    problem: Mapped[dict[str, Any] | None] = mapped_column(info=KEPT)

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return 'asked for by this person': nobody else sees an export, however far his rights reach."""
        del right
        return None if actor.is_system else cls.responsible_id == actor.id

    @property
    def wanted(self) -> Filters:
        """The filters of the list."""
        kept = dict(self.filters)
        own = tuple((str(key), str(value)) for key, value in kept.pop("own", ()))
        return Filters(text=self.searched or "", own=own, where=self.rule or "", **kept)

    @property
    def form(self) -> Form:
        """What kind of file it is."""
        return Form(self.format)

    @property
    def expires_at(self) -> datetime | None:
        """When the file stops being given out, None while there is none."""
        if self.ready_at is None:
            return None
        last = self.ready_at + WAITS
        return last if self.taken_at is None else min(last, self.taken_at + AFTER_TAKEN)

    def is_there(self, now: datetime) -> bool:
        """Say whether the file can be taken at this moment."""
        return self.file_removed_at is None and self.expires_at is not None and now < self.expires_at

    @property
    def is_of_person(self) -> bool:
        """Say whether it holds everything about one customer, whose number stands in `filters`."""
        return self.format == OF_PERSON

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return path_of(self.stored_as)


def problem_of(record: Export) -> CrmError | None:
    """Return why an export failed."""
    return CrmError(record.problem["text"], **record.problem["values"]) if record.problem else None


# --- the files ----------------------------------------------------------------


_SHELF: Final = Shelf("exports")
folder, path_of, stored_tokens = _SHELF.folder, _SHELF.path_of, _SHELF.tokens


def remove(token: str) -> None:
    """Remove a file, also one that was being written; one that is gone already is as good."""
    path_of(token).unlink(missing_ok=True)
    path_of(token).with_suffix(".part").unlink(missing_ok=True)
