"""The tables behind signing in. Nothing in them opens a door by itself: passwords, tokens and codes are stored hashed."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base


class Credential(Base):
    """How one person proves who they are.

    password_hash: bcrypt over a pre-hash (`crm.sessions.passwords`); None until the person has chosen a password.
    must_change: the password was given by somebody else and opens only the form that replaces it.
    totp_secret: the second factor's secret, encrypted with a key of this installation; None while it is off.
    totp_counter: the last time step whose code was used, so that a code opens once.
    """

    __tablename__ = "credentials"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    password_hash: Mapped[str | None]
    changed_at: Mapped[datetime]
    must_change: Mapped[bool]
    totp_secret: Mapped[str | None]
    totp_counter: Mapped[int | None]


class RecoveryCode(Base):
    """One code that stands in for the second factor once; using it deletes it."""

    __tablename__ = "recovery_codes"

    code_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)


class Throttle(Base):
    """How often something was tried lately.

    key: what is counted, for example 'account:' and a hash of the typed name, or 'address:' and the client's IP address.
    """

    __tablename__ = "throttles"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    window_started_at: Mapped[datetime] = mapped_column(index=True)
    locked_until: Mapped[datetime | None]


class ResetLink(Base):
    """A link that lets somebody choose a password once."""

    __tablename__ = "reset_links"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class OneTimeCode(Base):
    """A code printed in the terminal, such as the one that protects the form for the first administrator."""

    __tablename__ = "one_time_codes"

    purpose: Mapped[str] = mapped_column(primary_key=True)
    code_hash: Mapped[str]
    created_at: Mapped[datetime]
