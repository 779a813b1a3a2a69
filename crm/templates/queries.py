"""Which types of customers there are. Everybody who sees customers asks this, so it is one short statement per unit of work."""

from typing import Final

from sqlalchemy import select

from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork
from crm.templates.records import CustomerType, Type, definition
from crm.templates.standard import DELIVERED

TypeList = tuple[Type, ...]
_COLUMNS: Final = tuple(getattr(CustomerType, column.key) for column in CustomerType.__table__.columns)
_ALL: Final = Prepared(select(*_COLUMNS).order_by(CustomerType.position, CustomerType.id))
_KEPT: Final = "customer types"


def everything(u: UnitOfWork) -> TypeList:
    """Return every type in its order, those out of use too: the two that are always there first."""
    place = _KEPT, id(u.session.bind)
    if place not in u.session.info:
        stored = {row["code"]: definition(row) for row in u.rows(_ALL)}
        base = tuple(stored.pop(one.code, one) for one in DELIVERED)
        u.session.info[place] = base + tuple(stored.values())
    found: TypeList = u.session.info[place]
    return found


def in_use(u: UnitOfWork) -> TypeList:
    """Return the types that customers can get."""
    return tuple(one for one in everything(u) if not one.archived)


def types(u: UnitOfWork) -> dict[str, Type]:
    """Return code -> type of every type."""
    return {one.code: one for one in everything(u)}


def forget(u: UnitOfWork) -> None:
    """Read the types anew in this unit: it has just changed one."""
    u.session.info.pop((_KEPT, id(u.session.bind)), None)
