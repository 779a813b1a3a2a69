"""What a database says when it is in trouble, told apart: busy, full, damaged, read-only or away."""

from enum import StrEnum

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from db.engine import GateTimeoutError


class Fault(StrEnum):
    """The trouble; the value is the code that the user reads to support."""

    FULL = "D1"
    BUSY = "D2"
    DAMAGED = "D3"
    READ_ONLY = "D4"
    AWAY = "D5"


_SQLITE = (
    (Fault.FULL, ("database or disk is full",)),
    (Fault.DAMAGED, ("malformed", "file is not a database", "no such table", "unsupported file format")),
    (Fault.READ_ONLY, ("readonly", "unable to open database file", "attempt to write a readonly")),
    (Fault.BUSY, ("database is locked", "database table is locked", "disk i/o error")),
)
_POSTGRES = {
    "53100": Fault.FULL,
    "53200": Fault.BUSY,
    "53300": Fault.BUSY,
    "55P03": Fault.BUSY,
    "57014": Fault.BUSY,
    "25006": Fault.READ_ONLY,
    "40001": Fault.BUSY,
    "40P01": Fault.BUSY,
    "57P01": Fault.AWAY,
    "57P02": Fault.AWAY,
    "57P03": Fault.AWAY,
    "XX001": Fault.DAMAGED,
    "XX002": Fault.DAMAGED,
}
RETRYABLE = frozenset({"40001", "40P01"})


def diagnose(error: BaseException) -> Fault | None:
    """Name the database's trouble, or None when the error is not of that kind (then it is a mistake of ours)."""
    if isinstance(error, GateTimeoutError | PoolTimeoutError):
        return Fault.BUSY
    if not isinstance(error, DBAPIError):
        return None
    if error.connection_invalidated:
        return Fault.AWAY
    state = getattr(error.orig, "sqlstate", None)
    return _POSTGRES.get(state) if state is not None else _by_words(error.orig)


def _by_words(error: BaseException | None) -> Fault | None:
    """Name the trouble of an error that carries no code: SQLite's, and a PostgreSQL that cannot be reached."""
    text = str(error).lower()
    for fault, signs in _SQLITE:
        if any(sign in text for sign in signs):
            return fault
    unreachable = type(error).__module__.startswith("psycopg") and type(error).__name__ == "OperationalError"
    return Fault.AWAY if unreachable else None


def may_retry(error: BaseException) -> bool:
    """Say whether running the same transaction again can succeed: lost connection, deadlock, serialisation."""
    if diagnose(error) is Fault.AWAY:
        return True
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in RETRYABLE
