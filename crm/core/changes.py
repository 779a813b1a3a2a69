"""Has anything changed? One cheap question that what looks every second asks before it looks again.

Every verb leaves entries in the audit log, in its own transaction: what the log ends with is different after every change.
"""

import time
from typing import Final

from sqlalchemy import func, select

from crm.core.audit_log import AuditEntry
from crm.core.faults import in_words
from db.engine import Database

Mark = tuple[int, int]
"""Equal marks: nothing was changed in between."""

AT_ONCE: Final = 200
"""Transactions that get their ids in one order and end in another: so many entries may still appear before the last one."""
KEPT_SECONDS: Final = 0.3
"""How long an answer serves everybody in this process."""

_ENTRIES: Final = AuditEntry.__table__.c
_LAST: Final = select(func.max(_ENTRIES.id)).scalar_subquery()
_MARK: Final = select(func.count(), func.coalesce(func.max(_ENTRIES.id), 0)).where(_ENTRIES.id > _LAST - AT_ONCE)

_known: dict[str, tuple[float, Mark]] = {}


def mark(database: Database) -> Mark:
    """Return the mark of this moment, at most KEPT_SECONDS old. Raises Unavailable."""
    now = time.monotonic()
    at, known = _known.get(database.address, (float("-inf"), (0, 0)))
    if now - at < KEPT_SECONDS:
        return known
    with in_words(), database.reader.connect() as connection:
        count, last = connection.execute(_MARK).one()
    _known[database.address] = now, (count, last)
    return count, last


def forget(database: Database) -> None:
    """Ask anew: this process has just changed something."""
    _known.pop(database.address, None)
