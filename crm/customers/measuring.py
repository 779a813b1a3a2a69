"""How complete customers are: kept in a column, by one statement for one customer as for all of them.

The statement and `crm.templates.score` say the same; a test compares them.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Update, and_, bindparam, case, literal, select, update

from crm import fields, templates
from crm.core.uow import UnitOfWork
from crm.customers.records import Customer, Email, Phone
from crm.fields import FieldList
from crm.templates import FULL, Type, TypeList, demanded
from crm.templates.records import is_own

_TABLE: Final[Any] = Customer.__table__


def _is_there(key: str) -> ColumnElement[bool]:
    """Return 'the field is filled in' as SQL, as `templates.filled` says it."""
    if key in {"phones", "emails"}:
        way: Any = (Phone if key == "phones" else Email).__table__
        return select(way.c.id).where(way.c.customer_id == _TABLE.c.id).limit(1).correlate(_TABLE).exists()
    if is_own(key):
        return _TABLE.c.extra[key].as_string().is_not(None)  # type: ignore[no-any-return]  # a condition
    column = _TABLE.c[key]
    return column.is_not(None) if key == "employees" else and_(column.is_not(None), column != "")


def _score(one: Type, own: FieldList) -> ColumnElement[int]:
    keys = demanded(one, own)
    points: Any = literal(0, Integer)
    for key in keys:
        points += case((_is_there(key), 1), else_=0)
    return points * FULL // literal(len(keys), Integer) if keys else literal(FULL, Integer)


@lru_cache(maxsize=16)
def _complete(types: TypeList, own: FieldList) -> ColumnElement[int]:
    """Return how complete a customer is as SQL, for every type."""
    found = [(_TABLE.c.type == one.code, _score(one, own)) for one in types]
    return case(*found, else_=literal(0, Integer))


@lru_cache(maxsize=16)
def _measured(types: TypeList, own: FieldList) -> Update:
    """Return the statement that keeps the completeness of some customers: only of those where it is another one now."""
    now = _complete(types, own)
    return update(_TABLE).where(_TABLE.c.completeness != now).values(completeness=now)


def measure(u: UnitOfWork, ids: Iterable[int]) -> dict[int, int]:
    """Keep how complete these customers are, after whatever changed them; return id -> per cent where it is another now.

    The version stays: a form that is open meanwhile has nothing to compare.
    """
    these_ids = list(ids)
    if not these_ids:
        return {}
    u.session.flush()
    statement = _measured(templates.everything(u), fields.definitions(u))
    these = statement.where(_TABLE.c.id.in_(bindparam("these", expanding=True)))
    # raw, bulk: an update of the record would raise its version
    done: Any = u.execute(
        these.returning(_TABLE.c.id, _TABLE.c.completeness), {"these": these_ids}, raw=True, bulk=True
    )
    return {row.id: row.completeness for row in done}


def measure_between(u: UnitOfWork, first: int, last: int, code: str | None = None) -> int:
    """Keep how complete the customers with these ids are (of one type, or of all); return of how many it is another now."""
    statement = _measured(templates.everything(u), fields.definitions(u)).where(_TABLE.c.id.between(first, last))
    statement = statement if code is None else statement.where(_TABLE.c.type == code)
    done: Any = u.execute(statement, raw=True, bulk=True)  # raw, bulk: everybody's customers, also out of sight
    return int(done.rowcount)
