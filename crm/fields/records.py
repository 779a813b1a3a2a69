"""The record of an own field, and the definition that everybody reads it as."""

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
from db.base import Record

RIGHT: Final = "fields.manage"
OWN: Final = "own:"
"""What the key of an own field begins with, so that no other key is ever taken for one."""
LABEL_LENGTH: Final = 60
CHOICE_LENGTH: Final = 100
MOST_CHOICES: Final = 200
MOST_FIELDS: Final = 100
_MINE: Final[dict[str, Any]] = {"edit": RIGHT}


class FieldKind(StrEnum):
    """What a field takes."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"
    SEVERAL = "several"
    YES_NO = "yes_no"
    LINK = "link"


KINDS: Final = {
    FieldKind.TEXT: N_("Text"),
    FieldKind.NUMBER: N_("Number"),
    FieldKind.DATE: N_("Date"),
    FieldKind.CHOICE: N_("One of several choices"),
    FieldKind.SEVERAL: N_("Any number of choices"),
    FieldKind.YES_NO: N_("Yes or no"),
    FieldKind.LINK: N_("Link"),
}
WITH_CHOICES: Final = frozenset({FieldKind.CHOICE, FieldKind.SEVERAL})


class Whose(StrEnum):
    """Which kind of customer a field is for."""

    BOTH = "both"
    PERSON = "person"
    COMPANY = "company"


WHOSE: Final = {
    Whose.BOTH: N_("Everybody"),
    Whose.COMPANY: N_("Companies"),
    Whose.PERSON: N_("Private persons"),
}


class OwnField(Guarded, Record):
    """One field that the company added.

    code: never changes. choices: [code, label, retired] in their order; a choice never leaves, because values name it.
    position: the order of the fields. listed: the list of customers has a column of it.
    """

    __tablename__ = "own_fields"
    area: ClassVar[str] = "customers"
    written_by: ClassVar[tuple[str, ...]] = (RIGHT,)

    code: Mapped[str] = mapped_column(unique=True, info=_MINE)
    label: Mapped[str] = mapped_column(info=_MINE)
    kind: Mapped[str] = mapped_column(info=_MINE)
    whose: Mapped[str] = mapped_column(default=Whose.BOTH, info=_MINE)
    choices: Mapped[list[Any]] = mapped_column(JSON, default=list, info=_MINE)
    position: Mapped[int] = mapped_column(info=_MINE)
    mandatory: Mapped[bool] = mapped_column(default=False, info=_MINE)
    listed: Mapped[bool] = mapped_column(default=False, info=_MINE)
    archived_at: Mapped[datetime | None] = mapped_column(info=_MINE)

    @classmethod
    def rows(cls, actor: Actor, right: str) -> ColumnElement[bool] | None:
        """Return the scope as SQL: who sees customers sees which fields they have."""
        return None if actor.may(right) else false()

    def owned(self, session: Session) -> list[Owned]:
        """Return that nobody in particular owns a field."""
        del session
        return [Owned()]


@dataclass(frozen=True)
class Choice:
    """One choice of a field. retired: it is read where it was chosen and is not offered any more."""

    code: str
    label: str
    retired: bool = False


@dataclass(frozen=True)
class Definition:
    """An own field as everybody reads it."""

    id: int
    code: str
    label: str
    kind: FieldKind
    whose: Whose
    choices: tuple[Choice, ...]
    position: int
    mandatory: bool
    listed: bool
    archived: bool
    version: int

    @property
    def key(self) -> str:
        """Under which the values stand, forms and files name the field, and filters ask for it."""
        return OWN + self.code

    def concerns(self, kind: str | None) -> bool:
        """Say whether a kind of customer has this field."""
        return self.whose is Whose.BOTH or self.whose == kind

    def offered(self, kept: Iterable[str] = ()) -> dict[str, str]:
        """Return code -> label of the choices that can be chosen: those in use, and those that are chosen already."""
        return {one.code: one.label for one in self.choices if not one.retired or one.code in kept}

    def label_of(self, code: str) -> str:
        """Return what a choice is called, also a retired one; the code itself when there is no such choice."""
        return next((one.label for one in self.choices if one.code == code), code)


def definition(row: dict[str, Any]) -> Definition:
    """Return the definition that a row of the table holds."""
    return Definition(
        id=row["id"],
        code=row["code"],
        label=row["label"],
        kind=FieldKind(row["kind"]),
        whose=Whose(row["whose"]),
        choices=tuple(Choice(code, label, bool(retired)) for code, label, retired in row["choices"]),
        position=row["position"],
        mandatory=row["mandatory"],
        listed=row["listed"],
        archived=row["archived_at"] is not None,
        version=row["version"],
    )
