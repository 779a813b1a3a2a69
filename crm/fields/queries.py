"""Which own fields there are. Everybody who sees customers asks this, so it is one short statement per unit of work."""

from typing import Final

from sqlalchemy import select

from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.fields.records import Definition, OwnField, definition

FieldList = tuple[Definition, ...]
_COLUMNS: Final = tuple(getattr(OwnField, column.key) for column in OwnField.__table__.columns)
_ALL: Final = Prepared(select(*_COLUMNS).order_by(OwnField.position, OwnField.id))
_KEPT: Final = "own fields"


def everything(u: UnitOfWork) -> FieldList:
    """Return every own field in its order, those out of use too."""
    # what a unit read before it began to write may be older than what it writes into
    place = _KEPT, id(u.session.bind)
    if place not in u.session.info:
        u.session.info[place] = tuple(map(definition, u.rows(_ALL)))
    found: FieldList = u.session.info[place]
    return found


def definitions(u: UnitOfWork) -> FieldList:
    """Return the own fields that are in use, in their order."""
    return tuple(one for one in everything(u) if not one.archived)


def forget(u: UnitOfWork) -> None:
    """Read the fields anew in this unit: it has just changed one."""
    u.session.info.pop((_KEPT, id(u.session.bind)), None)
