"""Guards on what is written: rows inside the scope before and after, and only the fields that the actor may change."""

from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import ColumnElement, inspect, null, select
from sqlalchemy.orm import Session, aliased

from crm.core import audit_log
from crm.core.access import Actor, Owned
from crm.core.errors import Conflict, Refused
from crm.core.i18n import N_
from crm.core.verbs import reads_only
from db.base import Record

if TYPE_CHECKING:
    from crm.core.uow import UnitOfWork

REPLACED: Final = N_("Meanwhile this was merged with another card. Please open it anew: it leads you there.")

_models: list[type["Guarded"]] = []


class Guarded:
    """Mixin of records whose rows are seen and changed only within a scope.

    area: names the rights: `customers` -> `customers.view`, `customers.edit`.
    written_by: where not empty, rows are added and deleted only by verbs with one of these rights, or by somebody who has
        the first of them for this row.
    replaced_by: where not empty, the column that names the record which took the place of this one: while it is filled, no
        verb works on this one, and nothing is attached to it.
    """

    area: ClassVar[str]
    written_by: ClassVar[tuple[str, ...]] = ()
    replaced_by: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        """Put every guarded record on the list that the door goes through."""
        super().__init_subclass__(**options)
        if hasattr(cls, "__tablename__"):
            _models.append(cls)

    @staticmethod
    def models() -> list[type["Guarded"]]:
        """Return every guarded record class."""
        return _models

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return the scope as SQL, None when everything is inside."""
        return actor.within(right, cls)  # type: ignore[arg-type]

    def owned(self, session: Session) -> list[Owned]:
        """Return every ownership that a change touches, before and after it."""
        del session
        return pairs(self)


class ChildOf(Guarded):
    """A guarded record that belongs to whom its parent belongs to: an interaction to its customer.

    parent: the class of the parent; parent_key: the column that names it.
    """

    parent: ClassVar[type[Any]]
    parent_key: ClassVar[str]

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return 'its parent is inside the scope' as SQL.

        Asked of each row by its parent's key: a list of everything inside would be made anew for every statement. The limit
        keeps SQLite from making one after all (a Bloom filter of the whole scope).
        """
        parent = aliased(cls.parent.__table__)
        inside = actor.within(right, parent.c)
        if inside is None:
            return None
        return select(parent.c.id).where(parent.c.id == getattr(cls, cls.parent_key), inside).limit(1).exists()

    def owned(self, session: Session) -> list[Owned]:
        """Return the ownership of the parent before and of the parent after the change. Raises Conflict when one was replaced."""
        owner = self.parent.__table__.c
        keys = sorted(key for key in _values(self, self.parent_key) if key is not None)
        replaced = owner[self.parent.replaced_by] if self.parent.replaced_by else null()
        facts = select(owner.responsible_id, owner.team_id, owner.partner_id, replaced).where(owner.id.in_(keys))
        # held as its foreign key will hold it a moment later, or the parent could be replaced in between
        held = facts.order_by(owner.id).with_for_update(read=True, key_share=True)
        rows = [tuple(row) for row in session.connection().execute(held)]
        if any(row[-1] is not None for row in rows):
            raise Conflict(REPLACED)
        found = [Owned(*row[:-1]) for row in rows]
        return found if len(found) == len(keys) and keys else [*found, Owned()]


def need_in_place(record: Any) -> None:
    """Raise Conflict when another record took the place of this one."""
    if isinstance(record, Guarded) and record.replaced_by and getattr(record, record.replaced_by) is not None:
        raise Conflict(REPLACED)


def _values(record: Any, key: str) -> set[Any]:
    history = inspect(record).attrs[key].history
    return {*(history.deleted or ()), *(history.unchanged or ()), *(history.added or ())} or {getattr(record, key)}


def pairs(record: Any) -> list[Owned]:
    """Return the ownership of a record as stored and as it will be."""
    before, after = {}, {}
    for key in Owned._fields:
        history = inspect(record).attrs[key].history
        now = (history.added or history.unchanged or [getattr(record, key)])[0]
        after[key] = now
        before[key] = history.deleted[0] if history.deleted else now
    found = [Owned(**after)]
    if inspect(record).persistent and before != after:
        found.append(Owned(**before))
    return found


def guard_flush(session: Session, u: "UnitOfWork") -> None:
    """Check every record of a flush; raises Refused before anything is written."""
    for record in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(record, Record):
            raise Refused(N_("Only records pass through the door."))
        gone = record in session.deleted
        if not gone and not session.is_modified(record):
            continue
        if not u.verb or reads_only(u.right):
            raise Refused(N_("Only a verb may change something."))
        _recall(session, record)
        changes = audit_log.changed_fields(record)
        owned = record.owned(session) if isinstance(record, Guarded) else [Owned()]
        if isinstance(record, Guarded) and not _covered(u, record, changes, owned):
            raise Refused(N_("This record is outside your reach."))
        if record in session.new or gone:
            _guard_birth(u, record, owned)
        else:
            _guard_fields(u, record, changes, owned)
        audit_log.note_changes(record, changes)


def _recall(session: Session, record: Record) -> None:
    """Learn what is stored in columns that were set without having been read; else a change would have no 'before'."""
    state = inspect(record)
    columns = state.mapper.columns
    unread = [key for key in columns.keys() if (past := state.attrs[key].history).added and not past.deleted]  # noqa: SIM118  columns are no dict
    if state.persistent and unread:
        stored = (
            session.connection()
            .execute(select(*(columns[key] for key in unread)).where(columns["id"] == record.id))
            .one()
        )
        state.committed_state.update(zip(unread, stored, strict=True))


def _covered(u: "UnitOfWork", record: Guarded, changes: dict[str, Any], owned: list[Owned]) -> bool:
    """Say whether the verb's right covers the row before and after. Columns that Rapport keeps itself need no right."""
    columns = inspect(record).mapper.columns
    if changes and all(columns[key].info.get("kept") for key in changes) and inspect(record).persistent:
        return True
    return all(u.actor.covers(u.right, one) for one in owned)


def _guard_birth(u: "UnitOfWork", record: Record, owned: list[Owned]) -> None:
    rights = record.written_by if isinstance(record, Guarded) else ()
    if rights and u.right not in rights and not all(u.actor.covers(rights[0], one) for one in owned):
        raise Refused(N_("Your role may not change this field. Ask the record keeper."))


def _guard_fields(u: "UnitOfWork", record: Record, changes: dict[str, Any], owned: list[Owned]) -> None:
    columns = inspect(record).mapper.columns
    for key in changes:
        info = columns[key].info
        right = info.get("edit") or (f"{record.area}.edit" if isinstance(record, Guarded) else None)
        if right is None or info.get("kept") or right == u.right or key in audit_log.NOT_AUDITED:
            continue
        guarded = isinstance(record, Guarded)
        if not (all(u.actor.covers(right, one) for one in owned) if guarded else u.actor.may(right)):
            raise Refused(N_("Your role may not change this field. Ask the record keeper."))
