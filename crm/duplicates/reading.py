"""Reading the base for the comparison: the columns that it needs, page by page, never the table as records."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final

from sqlalchemy import Integer, bindparam, func, select

from crm.core import retry
from crm.core.uow import UnitOfWork
from crm.customers import Contact, Customer, Email, Phone, Requisites
from crm.duplicates.facts import Facts, facts
from crm.duplicates.records import RIGHT

PAGE: Final = 2_000
Units = Callable[[], AbstractContextManager[UnitOfWork]]
"""Opens a unit of work for whoever asked; one for each page, so that no transaction lasts as long as the look takes."""

_CUSTOMER, _PHONE, _EMAIL = Customer.__table__.c, Phone.__table__.c, Email.__table__.c
_CONTACT, _TAX = Contact.__table__.c, Requisites.__table__.c
_IN_USE: Final = _CUSTOMER.archived_at.is_(None)
_COUNT: Final = select(func.count()).select_from(Customer.__table__).where(_IN_USE)
_PAGE: Final = (
    select(_CUSTOMER.id, _CUSTOMER.version, _CUSTOMER.name, _CUSTOMER.city, _CUSTOMER.address)
    .where(_IN_USE, _CUSTOMER.id > bindparam("after", type_=Integer))
    .order_by(_CUSTOMER.id)
    .limit(bindparam("size", type_=Integer))
)


def _of(column: Any, *columns: Any) -> Any:
    return select(column, *columns).where(column.between(bindparam("first"), bindparam("last")))


_PHONES: Final = _of(_PHONE.customer_id, _PHONE.digits)
_EMAILS: Final = _of(_EMAIL.customer_id, _EMAIL.address)
_CONTACTS: Final = _of(_CONTACT.customer_id, _CONTACT.digits, _CONTACT.emails, _CONTACT.birthday).where(
    _CONTACT.left_at.is_(None)
)
_NUMBERS: Final = _of(_TAX.customer_id, _TAX.inn, _TAX.ogrn, _TAX.uscc, _TAX.vat)
_WAYS: Final = (_PHONES, _EMAILS, _CONTACTS, _NUMBERS)


def count(units: Units) -> int:
    """Return how many customers are compared."""
    with units() as u:
        u.need(RIGHT)
        return int(u.execute(_COUNT, raw=True).scalar_one())


def pages(units: Units) -> Iterator[list[Facts]]:
    """Give all customers that are not in the bin, whosever they are, page by page. Raises Refused without the right."""
    page: list[Facts] = []
    while page := retry.patiently(partial(_read, units, page[-1].id if page else 0)):
        yield page


def _read(units: Units, after: int) -> list[Facts]:
    with units() as u:
        u.need(RIGHT)
        rows: Any = u.execute(_PAGE, {"after": after, "size": PAGE}, raw=True).all()
        if not rows:
            return []
        span = {"first": rows[0].id, "last": rows[-1].id}
        ways: Any = [u.execute(one, span, raw=True).all() for one in _WAYS]
    phones, emails, contacts, numbers = ways
    known: Any = defaultdict(lambda: defaultdict(list))
    for row in phones:
        known[row.customer_id]["phones"].append(row.digits)
    for row in emails:
        known[row.customer_id]["emails"].append(row.address)
    for row in contacts:
        known[row.customer_id]["phones"] += row.digits.splitlines()
        known[row.customer_id]["emails"] += row.emails.splitlines()
        known[row.customer_id]["birthdays"] += [row.birthday.isoformat()] if row.birthday else []
    for row in numbers:
        known[row.customer_id]["numbers"] += [one for one in row[1:] if one]
    return [
        facts(row.id, row.name, version=row.version, city=row.city, address=row.address, **known[row.id])
        for row in rows
    ]
