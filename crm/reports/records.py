"""The record of a report: which month, what was counted, what was concluded, and whether it was filed."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from sqlalchemy import ColumnElement, ForeignKey, Index, false, inspect
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm.core.access import Actor, Owned
from crm.core.errors import Conflict
from crm.core.guards import Guarded
from crm.core.i18n import N_
from crm.customers import KEPT
from db.base import Record

RIGHT: Final = "reports.make"
LONGEST: Final = 4_000
FILED: Final = N_("This report is filed: it does not change any more.")
_MADE: Final[dict[str, Any]] = {"edit": RIGHT}


class Kind(StrEnum):
    """What a report is about."""

    CUSTOMERS = "customers"


KINDS: Final[Mapping[str, str]] = {Kind.CUSTOMERS: N_("Report on customers")}


class Report(Guarded, Record):
    """What was counted for one month, and what somebody concluded from it.

    starts_on: the first day of the month. is_whole: the month was over when it was counted. made_by_id: None for Rapport
    itself. draft_of: kind and month until it is filed, so that there is one draft of each.
    """

    __tablename__ = "reports"
    __table_args__ = (Index("ix_reports_starts", "starts_on", "id"),)
    area: ClassVar[str] = "reports"
    written_by: ClassVar[tuple[str, ...]] = (RIGHT,)

    kind: Mapped[str] = mapped_column(info=_MADE)
    starts_on: Mapped[date] = mapped_column(info=_MADE)
    is_whole: Mapped[bool] = mapped_column(info=_MADE)
    figures: Mapped[dict[str, Any]] = mapped_column(info=KEPT)
    conclusion: Mapped[str] = mapped_column(default="", info=_MADE | {"personal": True})
    made_at: Mapped[datetime] = mapped_column(info=KEPT)
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), info=KEPT)
    filed_at: Mapped[datetime | None] = mapped_column(info=_MADE)
    filed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), info=_MADE)
    draft_of: Mapped[str | None] = mapped_column(unique=True, info=KEPT)

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return the scope as SQL: who reads reports reads all of them."""
        return None if actor.may(right) else false()

    def owned(self, session: Session) -> list[Owned]:
        """Return that nobody in particular owns a report. Raises Conflict for whatever would change one that is filed."""
        del session
        filed = inspect(self).attrs.filed_at.history
        if inspect(self).persistent and any(filed.deleted or filed.unchanged or ()):
            raise Conflict(FILED)
        return [Owned()]
