"""Once only: an idempotency key claimed in the transaction of the change it protects."""

from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base
from db.dialect import insert_new


class CommandKey(Base):
    """A key that was used. Kept for some days, so that a late second click is still known."""

    __tablename__ = "command_keys"

    key: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(index=True)


def claim(connection: Connection, key: str, user_id: int | None, now: datetime) -> bool:
    """Claim a key for this transaction; False when it was used before (a rolled back claim was never made)."""
    row = {"key": key, "user_id": user_id, "at": now}
    return connection.execute(insert_new(connection.dialect, CommandKey.__table__, [row])).rowcount == 1
