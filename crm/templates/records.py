"""The record of a type of customers, and the definition that everybody reads it as."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Final

from sqlalchemy import JSON, ColumnElement, false
from sqlalchemy.orm import Mapped, Session, mapped_column

from crm.core.access import Actor, Owned
from crm.core.guards import Guarded
from crm.core.i18n import N_
from crm.fields import OWN, Definition, Whose
from db.base import Record

RIGHT: Final = "fields.manage"
NAME_LENGTH: Final = 60
TITLE_LENGTH: Final = 60
MOST_TYPES: Final = 40
BASE: Final = (str(Whose.COMPANY), str(Whose.PERSON))
"""The codes of the types that are always there: one for each kind of customer, called as the kind is."""
_MINE: Final[dict[str, Any]] = {"edit": RIGHT}


class Level(StrEnum):
    """How much a field is asked for."""

    MUST = "must"
    WANTED = "wanted"
    FREE = "free"
    OUT = "out"


LEVELS: Final = {
    Level.MUST: N_("Must be filled in"),
    Level.WANTED: N_("Wanted"),
    Level.FREE: N_("If known"),
    Level.OUT: N_("Not asked"),
}


class CustomerType(Guarded, Record):
    """One type of customers, or what the company made of a type that is always there.

    code: never changes. parts: [title of the group, [[key of the field, level], ...]] in their order. left_out: keys of the
    fields that are not asked.
    """

    __tablename__ = "customer_types"
    area: ClassVar[str] = "customers"
    written_by: ClassVar[tuple[str, ...]] = (RIGHT,)

    code: Mapped[str] = mapped_column(unique=True, info=_MINE)
    name: Mapped[str] = mapped_column(info=_MINE)
    kind: Mapped[str] = mapped_column(info=_MINE)
    parts: Mapped[list[Any]] = mapped_column(JSON, default=list, info=_MINE)
    left_out: Mapped[list[Any]] = mapped_column(JSON, default=list, info=_MINE)
    position: Mapped[int] = mapped_column(info=_MINE)
    archived_at: Mapped[datetime | None] = mapped_column(info=_MINE)

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return the scope as SQL: who sees customers sees which types there are."""
        return None if actor.may(right) else false()

    def owned(self, session: Session) -> list[Owned]:
        """Return that nobody in particular owns a type."""
        del session
        return [Owned()]


@dataclass(frozen=True)
class Place:
    """A field in a template, and how much it is asked for."""

    key: str
    level: Level

    @property
    def counts(self) -> bool:
        """Say whether the field is part of the completeness."""
        return self.level in {Level.MUST, Level.WANTED}


@dataclass(frozen=True)
class Group:
    """Fields that stand together under a title. title: a msgid of TITLES, or what somebody called the group."""

    title: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Type:
    """A type as everybody reads it. name: a msgid where `is_base`. version: 0 while it is as it was delivered."""

    code: str
    name: str
    kind: str
    groups: tuple[Group, ...]
    left_out: frozenset[str] = frozenset()
    position: int = 0
    archived: bool = False
    version: int = 0

    @property
    def is_base(self) -> bool:
        """Say whether the type is always there."""
        return self.code in BASE

    def level(self, key: str) -> Level | None:
        """Return how much a field is asked for, None where the template does not name it."""
        if key in self.left_out:
            return Level.OUT
        return next((place.level for group in self.groups for place in group.places if place.key == key), None)

    def asked(self, own: Iterable[Definition], standard: Iterable[str]) -> tuple[Group, ...]:
        """Return the groups with the fields that are there, and what no group names at the end of the last one.

        own: the company's own fields that are in use. standard: the keys of the fields that everybody has.
        """
        there = dict.fromkeys([*standard, *(one.key for one in own if one.concerns(self.kind))])
        named = {place.key for group in self.groups for place in group.places} | self.left_out
        groups = [Group(one.title, tuple(each for each in one.places if each.key in there)) for one in self.groups]
        rest = tuple(Place(key, Level.FREE) for key in there if key not in named)
        if rest:
            last = groups.pop() if groups else Group("", ())
            groups.append(Group(last.title, (*last.places, *rest)))
        return tuple(one for one in groups if one.places)

    def asks_for_own(self, one: Definition) -> bool:
        """Say whether an own field is asked of customers of this type."""
        return one.concerns(self.kind) and one.key not in self.left_out


def definition(row: dict[str, Any]) -> Type:
    """Return the definition that a row of the table holds."""
    return Type(
        code=row["code"],
        name=row["name"],
        kind=row["kind"],
        groups=tuple(
            Group(title, tuple(Place(key, Level(level)) for key, level in places)) for title, places in row["parts"]
        ),
        left_out=frozenset(row["left_out"]),
        position=row["position"],
        archived=row["archived_at"] is not None,
        version=row["version"],
    )


def is_own(key: str) -> bool:
    """Say whether a key is that of one of the company's own fields."""
    return key.startswith(OWN)
