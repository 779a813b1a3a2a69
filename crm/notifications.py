"""Notifications: what waits behind the bell. They promise to reach one person and to open the thing they speak of."""

from datetime import datetime
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from sqlalchemy import ForeignKey, Index, bindparam, func, select
from sqlalchemy.orm import Mapped, mapped_column

from crm.core.guards import Guarded
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import KEPT
from db.base import Record


class Notification(Guarded, Record):
    """One message to one person: a msgid with its values, and the address it opens (a page's path and query)."""

    __tablename__ = "notices"  # the job engine keeps its own `notifications` in the same SQLite file
    __table_args__ = (Index("ix_notifications_person", "responsible_id", "read_at", "id"),)
    area: ClassVar[str] = "notifications"

    responsible_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    team_id: Mapped[int | None]
    partner_id: Mapped[int | None]
    text: Mapped[str] = mapped_column(info=KEPT)  # kept: the audit log shall not repeat whom a message names
    values: Mapped[dict[str, Any]] = mapped_column(default=dict, info=KEPT)
    page: Mapped[str | None] = mapped_column(info=KEPT)
    query: Mapped[dict[str, Any]] = mapped_column(default=dict, info=KEPT)
    at: Mapped[datetime]
    read_at: Mapped[datetime | None] = mapped_column(info=KEPT)

    @property
    def address(self) -> str:
        """The path and query that the message opens, '' when it opens nothing."""
        query = f"?{urlencode(self.query)}" if self.query else ""
        return f"/{self.page}{query}" if self.page is not None else ""


@verb("notifications.send")
def send(
    u: UnitOfWork,
    /,
    person_id: int,
    text: str,
    *,
    page: str | None = None,
    query: dict[str, str] | None = None,
    **values: Any,
) -> Notification:
    """Put a message behind somebody's bell: a msgid with its values. For jobs and verbs, which run it as SYSTEM."""
    return u.add(
        Notification(responsible_id=person_id, text=text, values=values, page=page, query=query or {}, at=u.now)
    )


@verb("account.edit")
def mark_read(u: UnitOfWork) -> None:
    """Mark everything behind one's own bell as read."""
    for one in u.all(
        select(Notification).where(Notification.read_at.is_(None), Notification.responsible_id == u.actor.id)
    ):
        one.read_at = u.now


_UNREAD: Final = Prepared(
    select(func.count(Notification.id)).where(
        Notification.read_at.is_(None), Notification.responsible_id == bindparam("person")
    )
)


def unread_count(u: UnitOfWork) -> int:
    """Return how many of one's own notifications are unread."""
    return int(u.value(_UNREAD, person=u.actor.id))


def latest(u: UnitOfWork, most: int = 20) -> list[Notification]:
    """Return one's own newest notifications."""
    mine = select(Notification).where(Notification.responsible_id == u.actor.id)
    return list(u.all(mine.order_by(Notification.id.desc()).limit(most)))
