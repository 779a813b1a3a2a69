"""Who can act, and from which browser: users, teams and sign-ins. The door must know them; their verbs stand outside the core."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, BigId, Record


class Team(Record):
    """A group of people with a leader; teams may stand under teams."""

    __tablename__ = "teams"

    name: Mapped[str] = mapped_column(unique=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), index=True)
    leader_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", use_alter=True), index=True)


class User(Record):
    """A person who signs in. Names are for colleagues; secrets stand in `crm.sessions`.

    roles: codes of `crm.core.grants.Role`; rights are the widest of all roles.
    username: lower case, unique, typed at sign-in.
    """

    __tablename__ = "users"

    username: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    email: Mapped[str | None] = mapped_column(index=True)
    roles: Mapped[list[str]]
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id"), index=True)
    partner_id: Mapped[int | None] = mapped_column(index=True)
    language: Mapped[str | None]
    timezone: Mapped[str | None]
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None]
    disabled_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    @property
    def is_active(self) -> bool:
        """Say whether the person may sign in."""
        return self.disabled_at is None and self.deleted_at is None


class SignIn(Base):
    """One browser that is signed in: a server-side session behind an HttpOnly cookie.

    token_hash: SHA-256 of the cookie's 32 random bytes; the bytes themselves are stored nowhere.
    """

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(index=True)
    address: Mapped[str | None]
    device: Mapped[str | None]
