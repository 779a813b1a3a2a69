"""Counting tries, so that guessing takes years: counted before the try is judged, in one statement, in the database.

So many browsers and app processes at once count exactly, and whoever is over the limit is refused however right he is.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, case, delete, literal, or_, select, update

from crm.sessions.policy import Limit
from crm.sessions.records import Throttle
from db.base import Instant
from db.dialect import insert_new

_TABLE = Throttle.__table__
_ROW = _TABLE.c


def account_key(username: str) -> str:
    """Return the key that counts tries with a typed name; hashed, because people type passwords into the wrong field."""
    return "account:" + hashlib.sha256(username.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def address_key(address: str) -> str:
    """Return the key that counts tries from one client address."""
    return f"address:{address[:64]}"


def count(connection: Connection, key: str, limit: Limit, now: datetime) -> bool:
    """Count one try; return whether it is allowed. Tries during a lock do not make it longer."""
    start = {"key": key, "failures": 0, "window_started_at": now, "locked_until": None}
    connection.execute(insert_new(connection.dialect, _TABLE, [start]))
    locked = _ROW.locked_until > now
    at, until = literal(now, Instant()), literal(now + limit.lock, Instant())
    over = or_(_ROW.window_started_at <= now - limit.window, _ROW.locked_until <= now)
    changed = (
        update(_TABLE)
        .where(_ROW.key == key)
        .values(
            failures=case((locked, _ROW.failures), (over, 1), else_=_ROW.failures + 1),
            window_started_at=case((locked, _ROW.window_started_at), (over, at), else_=_ROW.window_started_at),
            locked_until=case(
                (locked, _ROW.locked_until), (over, None), (_ROW.failures + 1 > limit.tries, until), else_=None
            ),
        )
        .returning(_ROW.locked_until)
    )
    ends = connection.execute(changed).scalar_one()
    return ends is None or ends <= now


def is_locked(connection: Connection, key: str, now: datetime) -> bool:
    """Say whether tries of this kind are refused at this moment."""
    return connection.execute(select(_ROW.key).where(_ROW.key == key, _ROW.locked_until > now)).first() is not None


def forgive(connection: Connection, key: str) -> None:
    """Take one try back: it was right. Many people behind one address do not lock each other out."""
    connection.execute(update(_TABLE).where(_ROW.key == key, _ROW.failures > 0).values(failures=_ROW.failures - 1))


def clear(connection: Connection, keys: Iterable[str]) -> None:
    """Forget the tries of these keys."""
    connection.execute(delete(_TABLE).where(_ROW.key.in_(list(keys))))


def clear_old(connection: Connection, before: datetime) -> int:
    """Delete counters whose window began before a moment; return how many. For the nightly job."""
    found = connection.execute(
        delete(_TABLE).where(
            _ROW.window_started_at < before, or_(_ROW.locked_until.is_(None), _ROW.locked_until < before)
        )
    )
    return found.rowcount
