"""What signing in leaves in the audit log. Nobody is signed in yet, so these entries are written below the door."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from crm.core.audit_log import AuditEntry

_ENTRIES = AuditEntry.__table__


def write(
    connection: Connection, verb: str, user_id: int, now: datetime, *, actor_id: int | None = None, **changes: Any
) -> None:
    """Write one entry about a person's account: `changes` holds field=[old, new] and no secret."""
    facts = {"verb": f"sessions.{verb}", "record": "users", "record_id": user_id, "changes": changes}
    connection.execute(_ENTRIES.insert().values(at=now, actor_id=actor_id, **facts))
