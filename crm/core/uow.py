"""The one door: a unit of work sees, changes and records only what its actor may.

A page opens one unit per user action. It starts as a reader; the first verb that writes turns it into a writer (on
SQLite: BEGIN IMMEDIATE behind the writers' gate). Leaving the block commits; an error rolls everything back.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

import pandas as pd
from sqlalchemy import CursorResult, Executable, Result, UpdateBase, event, inspect, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.orm.exc import StaleDataError

from crm.core import audit_log, changes, clock
from crm.core.access import SYSTEM, Actor, Identity, load_actor
from crm.core.errors import AlreadyDone, Conflict, NotFound, Refused
from crm.core.faults import in_words
from crm.core.grants import WHO_INSTEAD
from crm.core.guards import Guarded, guard_flush, need_in_place
from crm.core.i18n import N_
from crm.core.masking import exposed, loads_deferred, mask
from crm.core.once import claim
from crm.core.prepared import Prepared
from crm.core.reading import Look, look_at, scoped
from crm.core.verbs import reads_only
from db.base import AnySelect, Record
from db.engine import Database

T = TypeVar("T", bound=Record)

ON_REFUSAL: Final[dict[str, Callable[[Database, Actor, datetime], None]]] = {}
"""Right -> what a refusal leaves behind: whose refusals must be known puts itself here. Runs like what `at_any_rate` takes."""


class WorkSession(Session):
    """A session whose every statement passes the door."""

    def bulk_save_objects(self, *_args: Any, **_options: Any) -> None:
        """Refuse: it would pass by the guards."""
        raise Refused(N_("Bulk changes must say so."))

    bulk_insert_mappings = bulk_save_objects
    bulk_update_mappings = bulk_save_objects

    def get(self, entity: Any, ident: Any, **_options: Any) -> Any:
        """Return a record by its key within the scope, or None. The session's own `get` names the table, not the record."""
        mapper, keys = inspect(entity), ident if isinstance(ident, tuple) else (ident,)
        named = zip(mapper.primary_key, keys, strict=True)
        same = [mapper.get_property_by_column(column).class_attribute == key for column, key in named]
        return self.scalar(select(entity).where(*same))

    def refresh(self, instance: Any, attribute_names: Any = None, **options: Any) -> None:  # type: ignore[override]  # the rest is passed on as it comes
        """Read a record again; refuses to load personal columns by name, which would pass by the masks."""
        columns = inspect(instance).mapper.columns
        if any("view" in columns[key].info for key in attribute_names or () if key in columns):
            raise Refused(N_("Personal data must be read masked."))
        super().refresh(instance, attribute_names, **options)


class UnitOfWork:
    """One user action: reads and writes for one actor, in one transaction.

    actor: who acts, loaded fresh from the database.
    now: the moment of the action, in UTC.
    verb: the business action that runs at this moment, '' between actions.
    """

    def __init__(
        self, database: Database, actor: Actor, *, who: Identity | None, now: datetime | None, key: str | None
    ) -> None:
        self.database = database
        self.actor = actor
        self.now = now or clock.now()
        self.verb = ""
        self.right = ""
        self.session = WorkSession(database.reader, expire_on_commit=False)
        self.session.info["uow"] = self
        self._who = who
        self._key = key
        self._writes = False
        self._after: list[Callable[[], None]] = []
        self._at_any_rate: list[Callable[[], None]] = []
        self.criteria: dict[tuple[type[Guarded], str], Any] = {}

    @property
    def who(self) -> Identity | Actor:
        """Who acts, for a further unit that goes on with what this one begins."""
        return self._who or self.actor

    # --- rights -----------------------------------------------------------

    def may(self, right: str) -> bool:
        """Say whether the actor has a right at all: for showing a button, never instead of the door."""
        return self.actor.may(right)

    def need(self, right: str) -> None:
        """Raise Refused when the actor does not have the right."""
        if not self.actor.may(right):
            if right in ON_REFUSAL:
                self.at_any_rate(partial(ON_REFUSAL[right], self.database, self.actor, self.now))
            plainly = N_("Your role does not allow this. Ask the administrator if you need it.")
            raise Refused(WHO_INSTEAD.get(right, plainly))

    @contextmanager
    def acting(self, verb: str, right: str) -> Iterator[None]:
        """Run one verb: the right is checked first, the changes are flushed last.

        What waits to be written is written before under the verb that changed it, or refused where none did.
        """
        if not reads_only(right):
            self._begin_writing()
        self.session.flush()
        self.need(right)
        outer, self.verb, self.right = (self.verb, self.right), verb, right
        try:
            yield
            self.session.flush()
        finally:
            self.verb, self.right = outer

    def _begin_writing(self) -> None:
        """Turn a reading unit into a writing one: nothing was written yet, so a new snapshot loses nothing."""
        if self._writes:
            return
        self.session.rollback()
        if self.database.gate:
            self.database.gate.acquire()
        self._writes = True
        self.session.bind = self.database.writer
        if self._who is not None:
            self.actor = load_actor(self.session.connection(), self._who)
            self.criteria.clear()
        if self._key is not None and not claim(self.session.connection(), self._key, self.actor.id, self.now):
            raise AlreadyDone

    # --- reading ----------------------------------------------------------

    def get(self, model: type[T], record_id: int, *, seen: int | None = None) -> T:
        """Return one record inside the actor's scope.

        Raises NotFound when it is absent or hidden, Conflict when its version is no longer the one that was `seen`, and for a
        verb when another record took its place.
        """
        record = self.session.scalar(select(model).where(model.id == record_id))
        if record is None:
            raise NotFound
        if self.verb and not reads_only(self.right):
            need_in_place(record)
        if seen is not None and record.version != seen:
            raise Conflict(record=record)
        return record

    def all(self, statement: AnySelect) -> Sequence[Any]:
        """Return the records (or single values) of a statement within the scope."""
        return self.session.scalars(statement).all()

    def value(self, statement: AnySelect | Prepared, **values: Any) -> Any:
        """Return the first value of the first row within the scope, None without rows. values: of a prepared statement."""
        if isinstance(statement, Prepared):
            statement.refuse_personal(self.actor)
            return self._run(statement, values).scalar()
        return self.session.scalar(statement)

    def rows(self, statement: AnySelect | Prepared, **values: Any) -> list[dict[str, Any]]:
        """Return the rows within the scope as dictionaries, personal columns masked where the actor may not see them."""
        if isinstance(statement, Prepared):
            return statement.as_dictionaries(self.actor, self._run(statement, values))
        look = look_at(statement)
        result = self.session.execute(statement, execution_options={"masked": True, "look": look})
        names = tuple(result.keys())
        rows = [dict(zip(names, row, strict=True)) for row in result.all()]
        return mask(self.actor, statement, rows) if look.personal else rows

    def _run(self, prepared: Prepared, values: dict[str, Any]) -> CursorResult[Any]:
        """Run a prepared statement within the actor's scope of this moment; what waits to be written is written before."""
        statement, facts = prepared.scoped(self.actor)
        self.session.flush()
        return self.session.connection().execute(statement, values | facts)

    def frame(self, statement: AnySelect, *, index: str | None = None) -> pd.DataFrame:
        """Return the rows within the scope as a frame, masked like `rows`; columns stand even without rows.

        index: the column that becomes the index, where the rows are to be found again by their id.
        """
        rows = self.rows(statement)
        columns = {name: [row[name] for row in rows] for name in statement.selected_columns.keys()}  # noqa: SIM118  no dict
        return pd.DataFrame(columns, index=pd.Index(columns.pop(index), name=index) if index else None)

    def inside(self, statement: AnySelect) -> Sequence[Any]:
        """Return single values unmasked, for a writing verb's own work (keeping the index); never for a page."""
        if not self.verb or reads_only(self.right):
            raise Refused(N_("Personal data must be read masked."))
        return self.session.scalars(statement, execution_options={"masked": True}).all()

    def execute(
        self, statement: Executable, parameters: Any = None, *, bulk: bool = False, raw: bool = False
    ) -> Result[Any]:
        """Run a statement that is not a plain select of records, said aloud: `bulk` changes rows, `raw` names no records.

        Each use stands with its reason in the list of the law test.
        """
        return self.session.execute(statement, parameters, execution_options={"bulk": bulk, "raw": raw})

    # --- writing ----------------------------------------------------------

    def add(self, record: T) -> T:
        """Add a record and give it its id."""
        self.session.add(record)
        self.session.flush()
        return record

    def delete(self, record: Record) -> None:
        """Delete a record."""
        self.session.delete(record)

    def remember(self, record: Record, changes: Mapping[str, Any]) -> None:
        """Write an audit entry that no change of a column makes by itself ('phone shown')."""
        entry = (record.__tablename__, record.id, dict(changes))
        self._begin_writing()
        audit_log.write(self.session.connection(), self, [entry])

    def remember_each(self, model: type[Record], changes: Mapping[int, Mapping[str, Any]]) -> None:
        """Write an audit entry for each of the records that a bulk change has changed: id -> field -> [old, new]."""
        entries = [(model.__tablename__, key, dict(pairs)) for key, pairs in changes.items()]
        self._begin_writing()
        audit_log.write(self.session.connection(), self, entries)

    def later(self, job: Callable[..., Any], **facts: Any) -> str:
        """Enqueue a job in this very transaction: it exists only if the change does. Returns the job's id."""
        from crm.core import jobs  # noqa: PLC0415  the job engine is heavy and most units enqueue nothing

        return jobs.enqueue(self, job, facts)

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run something once the change is durable; it is not run when the change is rolled back."""
        self._after.append(action)

    def at_any_rate(self, action: Callable[[], None]) -> None:
        """Run something when the unit has ended, also when it was rolled back: what a refusal has to leave behind.

        The action opens a unit of its own and raises nothing.
        """
        self._at_any_rate.append(action)

    # --- life -------------------------------------------------------------

    def commit(self) -> None:
        """Make the unit durable. Called by `unit_of_work`, never by a verb."""
        self.session.commit()
        if self._writes:
            changes.forget(self.database)

    def close(self) -> None:
        """Give everything back."""
        try:
            self.session.close()
        finally:
            if self._writes and self.database.gate:
                self.database.gate.release()
            self._writes = False

    def run_after(self) -> None:
        """Run what waited for the commit."""
        for action in self._after:
            action()

    def run_at_any_rate(self) -> None:
        """Run what waited for the end."""
        for action in self._at_any_rate:
            action()


@contextmanager
def unit_of_work(
    database: Database, who: Identity | Actor, *, now: datetime | None = None, key: str | None = None
) -> Iterator[UnitOfWork]:
    """Open a unit of work for somebody (the rights are loaded fresh) or for SYSTEM.

    key: an idempotency key made when the form was drawn; the second use raises AlreadyDone and changes nothing.
    Raises CrmError subclasses only for what a person can understand; other errors are mistakes of ours.
    """
    identity = who if isinstance(who, Identity) else None
    unit: UnitOfWork | None = None
    with in_words():
        try:
            unit = UnitOfWork(database, _NOBODY if isinstance(who, Identity) else who, who=identity, now=now, key=key)
            if identity is not None:
                unit.actor = load_actor(unit.session.connection(), identity)
            yield unit
            unit.commit()
        except StaleDataError as stale:
            raise Conflict from stale
        except IntegrityError as clash:
            raise Conflict(N_("This clashes with something that was saved meanwhile. Please look again.")) from clash
        finally:
            if unit is not None:
                unit.close()
                unit.run_at_any_rate()
    unit.run_after()


_NOBODY: Final = Actor(None, "", (), {})


def as_system(database: Database, *, now: datetime | None = None, key: str | None = None) -> Any:
    """Open a unit of work for scheduled jobs and the command line."""
    return unit_of_work(database, SYSTEM, now=now, key=key)


# --- the guards on the session ---------------------------------------------


@event.listens_for(WorkSession, "do_orm_execute")
def _see_only_what_one_may(state: ORMExecuteState) -> None:
    unit: UnitOfWork = state.session.info["uow"]
    options = state.execution_options
    changes = isinstance(state.statement, UpdateBase)
    if changes:
        if not options.get("bulk"):
            raise Refused(N_("Bulk changes must say so."))
        if reads_only(unit.right) or not unit.verb:
            raise Refused(N_("Only a verb may change something."))
    aloud = options.get("raw") or options.get("bulk")  # a bulk change asks first which records it will touch
    if not state.is_orm_statement:
        if not aloud:
            raise Refused(N_("A statement without records must say so."))
        return
    if state.is_column_load or state.is_relationship_load:  # of a record that passed the door before
        return
    look: Look = options.get("look") or look_at(state.statement)
    if look.is_bare and not aloud:
        raise Refused(N_("A statement without records must say so."))
    masked = options.get("masked") or not exposed(unit.actor, state.statement, look)
    if not changes and (not masked or loads_deferred(unit.actor, state.statement)):
        raise Refused(N_("Personal data must be read masked."))
    state.statement = scoped(unit, state.statement, look.models, changes=state.is_update or state.is_delete)


@event.listens_for(WorkSession, "before_flush")
def _change_only_what_one_may(session: Session, _context: Any, _instances: Any) -> None:
    guard_flush(session, session.info["uow"])


@event.listens_for(WorkSession, "after_flush")
def _remember_what_changed(session: Session, _context: Any) -> None:
    audit_log.write_flush(session, session.info["uow"])
