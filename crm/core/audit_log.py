"""The audit log: who did what to which record, written in the transaction of the change.

Of personal fields only *that* they changed is kept, or erasure would have to rewrite history.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Index, inspect
from sqlalchemy.orm import Mapped, Session, mapped_column

from db.base import Base, BigId, Record

if TYPE_CHECKING:
    from crm.core.uow import UnitOfWork

HIDDEN = "•"
"""Stands for a personal value that changed."""

NOT_AUDITED = frozenset({"id", "version"})


class AuditEntry(Base):
    """One change of one record: `changes` maps field -> [old, new]."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_record", "record", "record_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor_id: Mapped[int | None] = mapped_column(index=True)
    verb: Mapped[str]
    record: Mapped[str]
    record_id: Mapped[int]
    changes: Mapped[dict[str, Any]]


def changed_fields(record: Record) -> dict[str, list[Any]]:
    """Return field -> [old, new] of a record about to be flushed."""
    state = inspect(record)
    found = {}
    for attribute in state.attrs:
        column = state.mapper.columns.get(attribute.key)
        if column is not None and (history := attribute.history).has_changes():
            found[attribute.key] = [(history.deleted or [None])[0], (history.added or [None])[0]]
    return found


def _written(record: Record, changes: dict[str, list[Any]]) -> dict[str, Any]:
    columns = inspect(record).mapper.columns
    kept = {}
    for key, pair in changes.items():
        info = columns[key].info
        if key in NOT_AUDITED or info.get("kept") or pair == [None, None]:
            continue
        for name, values in _parts(*pair).items() if info.get("parts") else [(key, pair)]:
            called = f"{key}.{name}" if name != key and name in columns else name
            kept[called] = [_shown(value, personal=bool(info.get("personal"))) for value in values]
    return kept


def _parts(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, list[Any]]:
    """Return part -> [old, new] of a column that holds several values under their own names."""
    before, after = old or {}, new or {}
    pairs = {name: [before.get(name), after.get(name)] for name in before | after}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _shown(value: Any, *, personal: bool) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return HIDDEN if personal and value is not None else value
    if personal:
        return HIDDEN
    if isinstance(value, list | dict):
        return value
    return value.isoformat() if isinstance(value, date | datetime) else str(value)[:500]


def note_changes(record: Record, changes: dict[str, list[Any]]) -> None:
    """Keep what changes until the flush has given the record its id."""
    record.__dict__.setdefault("_audit_changes", {}).update(_written(record, changes))


def note_besides(record: Record, changes: dict[str, list[Any]]) -> None:
    """Let the entry that the next flush writes of a change of this record tell this, too."""
    record.__dict__.setdefault("_audit_changes", {}).update(changes)


def write_flush(session: Session, u: "UnitOfWork") -> None:
    """Write one entry per record of this flush."""
    entries = []
    for record in (*session.new, *session.dirty, *session.deleted):
        if isinstance(record, Record):
            changes = record.__dict__.pop("_audit_changes", {})
            if record in session.deleted:
                entries.append((record.__tablename__, record.id, {"deleted": [False, True]}))
            elif changes:
                entries.append((record.__tablename__, record.id, changes))
    write(session.connection(), u, entries)


def write(connection: Connection, u: "UnitOfWork", entries: Iterable[tuple[str, int, dict[str, Any]]]) -> None:
    """Write entries as (table, id, changes) for the unit's actor and verb."""
    rows = [
        {"at": u.now, "actor_id": u.actor.id, "verb": u.verb, "record": record, "record_id": key, "changes": changes}
        for record, key, changes in entries
    ]
    if rows:
        connection.execute(AuditEntry.__table__.insert(), rows)
