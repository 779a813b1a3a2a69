"""Saved filters: what narrows the list of customers under a name, one's own or shared; and the columns that one looks at.

Promises: a filter narrows what its reader may see anyway and never widens it; one's own filters are nobody else's to see; a
shared one is seen by the team that it is shared with, or by everybody but partners.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from sqlalchemy import JSON, ColumnElement, ForeignKey, and_, false, or_, select, true
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm.core.access import Actor, Owned
from crm.core.errors import Invalid, Refused
from crm.core.grants import ALL
from crm.core.guards import Guarded, pairs
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.core.verbs import verb
from crm.customers import KEPT
from crm.customers.rules import LONGEST
from crm.fields import OWN
from db.base import Record

SAVE, SHARE = "filters.save", "filters.share"
NAME_LENGTH: Final = 60
MOST: Final = 50
"""So many filters one person keeps at most."""
MOST_COLUMNS: Final = 30
EVERYBODY: Final = 0
"""Stands for the whole company where a team could be named."""
PARAMETERS: Final = frozenset({"q", "kind", "type", "stage", "tag", "responsible", "mine", "where", "sort"})
"""What of the list's address a filter keeps, and what own fields are asked by their keys."""
_MINE: Final[dict[str, Any]] = {"edit": SAVE}
_WRITTEN: Final[dict[str, Any]] = {"edit": SAVE, "personal": True}
_SHARED: Final[dict[str, Any]] = {"edit": SHARE}


class SavedFilter(Guarded, Record):
    """A filter under a name. It belongs to whoever saved it; shared without a team it is everybody's to see.

    query: parameter -> value of the list's address.
    """

    __tablename__ = "saved_filters"
    area: ClassVar[str] = "customers"
    written_by: ClassVar[tuple[str, ...]] = (SAVE,)

    responsible_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True, info=_MINE)
    team_id: Mapped[int | None] = mapped_column(index=True, info=_SHARED)
    partner_id: Mapped[int | None] = mapped_column(info=_MINE)
    name: Mapped[str] = mapped_column(info=_WRITTEN)
    query: Mapped[dict[str, Any]] = mapped_column(info=_WRITTEN)
    shared: Mapped[bool] = mapped_column(default=False, info=_SHARED)

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return 'mine, or shared with me'; partners are shared nothing with."""
        if actor.is_system:
            return None
        if not actor.may(right):
            return false()
        mine = cls.responsible_id == actor.id
        if actor.partner_id is not None:
            return mine
        teams = cls.team_id.in_(sorted(actor.team_ids))
        return or_(mine, and_(cls.shared == true(), or_(cls.team_id.is_(None), teams)))

    def owned(self, session: Session) -> list[Owned]:
        """Return the teams that it is and was shared with; while it is nobody's but one's own, oneself."""
        del session
        found = [one for one in pairs(self) if one.team_id is not None]
        return found or [Owned(self.responsible_id)]


class ListColumns(Guarded, Record):
    """Which columns of the list of customers a person looks at, in their order."""

    __tablename__ = "list_columns"
    area: ClassVar[str] = "customers"
    written_by: ClassVar[tuple[str, ...]] = (SAVE,)

    responsible_id: Mapped[int] = mapped_column(ForeignKey("users.id"), unique=True, info=_MINE)
    team_id: Mapped[int | None] = mapped_column(info=KEPT)
    partner_id: Mapped[int | None] = mapped_column(info=KEPT)
    columns: Mapped[list[str]] = mapped_column(JSON, info=_MINE)

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return 'mine'."""
        del right
        return None if actor.is_system else cls.responsible_id == actor.id


# --- verbs ------------------------------------------------------------------


@verb(SAVE)
def save(u: UnitOfWork, name: str, query: Mapping[str, str]) -> SavedFilter:
    """Keep a filter under a name, for oneself. Raises Invalid beside `name`."""
    own = u.all(select(SavedFilter).where(SavedFilter.responsible_id == u.actor.id))
    if len(own) >= MOST:
        raise Invalid(N_("At most {most} fit here."), field="name", most=MOST)
    facts = {"name": _name(own, name), "query": _query(query)}
    return u.add(SavedFilter(responsible_id=u.actor.id, partner_id=u.actor.partner_id, shared=False, **facts))


@verb(SAVE)
def change(
    u: UnitOfWork, filter_id: int, *, seen: int, name: str | None = None, query: Mapping[str, str] | None = None
) -> SavedFilter:
    """Give one's own filter another name, or let it narrow otherwise. Raises Invalid, NotFound, Refused, Conflict."""
    record = _own(u, filter_id, seen)
    own = u.all(select(SavedFilter).where(SavedFilter.responsible_id == u.actor.id, SavedFilter.id != filter_id))
    if name is not None:
        record.name = _name(own, name)
    if query is not None:
        record.query = _query(query)
    return record


@verb(SAVE)
def drop(u: UnitOfWork, filter_id: int, *, seen: int) -> None:
    """Delete one's own filter, for everybody whom it is shared with, too. Raises NotFound, Refused, Conflict."""
    u.delete(_own(u, filter_id, seen))


@verb(SHARE)
def share(u: UnitOfWork, filter_id: int, *, whom: int | None, seen: int) -> SavedFilter:
    """Share a filter with a team of one's own (EVERYBODY: with the whole company; None: with nobody any more).

    Raises Invalid beside `whom`, NotFound, Refused, Conflict.
    """
    record = u.get(SavedFilter, filter_id, seen=seen)
    everywhere = u.actor.scope(SHARE) is ALL
    was_everybodys = record.shared and record.team_id is None
    if (whom == EVERYBODY or was_everybodys) and not everywhere:
        raise Refused(N_("This record is outside your reach."))
    if whom and not everywhere and whom not in u.actor.team_ids:
        raise Invalid(N_("Please choose one of the list."), field="whom")
    record.shared, record.team_id = whom is not None, whom or None
    return record


@verb(SAVE)
def choose_columns(u: UnitOfWork, columns: Sequence[str]) -> None:
    """Keep which columns one looks at; none: those that everybody looks at."""
    chosen = list(dict.fromkeys(columns))[:MOST_COLUMNS]
    record = u.session.scalar(select(ListColumns).where(ListColumns.responsible_id == u.actor.id))
    if record is not None and not chosen:
        u.delete(record)
    elif record is not None:
        record.columns = chosen
    elif chosen:
        facts = {"team_id": u.actor.team_id, "partner_id": u.actor.partner_id}
        u.add(ListColumns(responsible_id=u.actor.id, columns=chosen, **facts))


def _own(u: UnitOfWork, filter_id: int, seen: int) -> SavedFilter:
    record = u.get(SavedFilter, filter_id, seen=seen)
    if record.responsible_id != u.actor.id:
        raise Refused(N_("Only whoever saved this filter can change it."))
    return record


def _name(own: Sequence[SavedFilter], text: str) -> str:
    name = " ".join(text.replace("\x00", "").split())
    if not name:
        raise Invalid(N_("Please enter a name."), field="name")
    if len(name) > NAME_LENGTH:
        raise Invalid(N_("At most {length} characters fit here."), field="name", length=NAME_LENGTH)
    if name.casefold() in {one.name.casefold() for one in own}:
        raise Invalid(N_("You have a filter of this name already."), field="name")
    return name


def _query(raw: Mapping[str, str]) -> dict[str, str]:
    """Return what of an address is kept. Raises Invalid beside `name` when nothing narrows."""
    known = {key: str(value).strip() for key, value in raw.items() if key in PARAMETERS or key.startswith(OWN)}
    kept = {key: value[:LONGEST].replace("\x00", "") for key, value in sorted(known.items()) if value}
    if not kept.keys() - {"sort"}:
        raise Invalid(N_("Nothing narrows the list yet."), field="name")
    return kept


# --- queries ----------------------------------------------------------------


def offered(u: UnitOfWork) -> list[dict[str, Any]]:
    """Return the filters that one can choose from, one's own first: id, name, query, shared, team_id, responsible_id, version."""
    columns = (SavedFilter.id, SavedFilter.name, SavedFilter.query, SavedFilter.shared, SavedFilter.team_id)
    rows = u.rows(select(*columns, SavedFilter.responsible_id, SavedFilter.version))
    return sorted(rows, key=lambda row: (row["responsible_id"] != u.actor.id, row["name"].casefold(), row["id"]))


def columns(u: UnitOfWork) -> list[str] | None:
    """Return the keys of the columns that one has chosen, None while one has chosen none."""
    found = u.value(select(ListColumns.columns).where(ListColumns.responsible_id == u.actor.id))
    return [str(key) for key in found] if found else None
