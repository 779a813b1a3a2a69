"""What the report on customers counts: what happened in the month, and how the base is at the moment of making.

Counted over everybody's customers, whoever makes the report: that is what its right says. No customer leaves, only numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, and_, distinct, func, select

from crm import quality
from crm.core import clock
from crm.core.audit_log import AuditEntry
from crm.core.i18n import N_
from crm.core.uow import UnitOfWork
from crm.customers import Customer
from crm.duplicates import Pair
from crm.imports import Import, State
from crm.merges import Merge
from crm.missing_data import DataRequest

IN_MONTH: Final[Mapping[str, str]] = {
    "new": N_("New customers"),
    "changed": N_("Customers whose data were changed"),
    "verified": N_("Customers verified"),
    "asked": N_("Requests to colleagues for missing data"),
    "merged": N_("Duplicates merged"),
    "parted": N_("Pairs told apart"),
    "binned": N_("Customers put into the bin"),
    "erased": N_("Customers erased"),
    "imports": N_("Files imported"),
    "imported_new": N_("New customers from files"),
    "imported_updated": N_("Customers updated from files"),
    "imported_faulty": N_("Faulty rows of files"),
}
"""What happened in the month: code -> name."""

AT_MAKING: Final[Mapping[str, str]] = {
    "customers": N_("Customers in all"),
    "complete": N_("Completeness on average"),
    "fresh": N_("Share verified"),
    "due": N_("To verify"),
    "doubles": N_("Possible duplicates that wait"),
}
"""How the base was when the report was made."""

_CHANGES: Final = ("customers.edit", "customers.edit_personal", "mass_edits.change_some", "imports.take")
"""By these verbs a customer's data become others."""
_ENTRY: Final[Any] = AuditEntry.__table__.c
_CUSTOMER: Final[Any] = Customer.__table__.c
_MERGE: Final[Any] = Merge.__table__.c
_PAIR: Final[Any] = Pair.__table__.c
_IMPORT: Final[Any] = Import.__table__.c
_ASKED: Final[Any] = DataRequest.__table__.c


@dataclass(frozen=True)
class Period:
    """A month as moments of the company's time zone."""

    begins: datetime
    ended: datetime

    def has(self, column: Any) -> Any:
        """Return 'it happened in this month' as SQL."""
        return and_(column >= self.begins, column < self.ended)


def period(first: date, zone: str) -> Period:
    """Return the month that begins on a day."""
    after = clock.month_of(first)[1] + timedelta(days=1)
    return Period(clock.start_of(first, zone), clock.start_of(after, zone))


def new_in(first: date) -> str:
    """Return the rule of the list of customers who came in the month that begins on a day (see `crm.customers.rules`)."""
    after = clock.month_of(first)[1] + timedelta(days=1)
    return f"created.after.{first - timedelta(days=1):%Y%m%d}..created.before.{after:%Y%m%d}"


def of_customers(u: UnitOfWork, month: Period) -> dict[str, Any]:
    """Count everything for the report on customers: code -> number, and for each responsible how good the data are."""
    days = quality.days_of(u, None)
    those = _people(u, days)
    whole = quality.together(those)
    people = [{"responsible_id": one.responsible_id} | vars(one.quality) for one in those]
    base = vars(whole) | {"doubles": _count(u, _waiting()), "days": days, "people": people}
    return base | {code: _count(u, statement) for code, statement in _in_month(month).items()} | _files(u, month)


def _people(u: UnitOfWork, days: int) -> list[quality.OfPerson]:
    since = u.now - timedelta(days=days)
    found = select(*quality.figures(_CUSTOMER, since)).where(_CUSTOMER.archived_at.is_(None))
    return quality.of_people(_rows(u, found.group_by(_CUSTOMER.responsible_id)))


def _in_month(month: Period) -> dict[str, Select[Any]]:
    """Return code -> the statement that counts what happened in a month."""
    entries = select(func.count(distinct(_ENTRY.record_id))).where(_ENTRY.record == "customers", month.has(_ENTRY.at))
    erased = select(_ENTRY.id).where(
        _ENTRY.record == "customers", _ENTRY.record_id == _CUSTOMER.id, _ENTRY.verb == "privacy.erase"
    )
    customers = select(func.count()).select_from(Customer.__table__)
    return {
        # those in the bin are in no list, so that the number is that of the list which it opens
        "new": customers.where(month.has(_CUSTOMER.created_at), _CUSTOMER.archived_at.is_(None)),
        "changed": entries.join(Customer.__table__, _CUSTOMER.id == _ENTRY.record_id).where(
            _ENTRY.verb.in_(_CHANGES), _CUSTOMER.created_at < month.begins
        ),
        "verified": entries.where(_ENTRY.verb == "customers.verify"),
        "asked": select(func.count()).where(month.has(_ASKED.asked_at)),
        "merged": select(func.count()).where(month.has(_MERGE.at), _MERGE.undone_at.is_(None)),
        "parted": select(func.count()).where(month.has(_PAIR.parted_at)),
        "binned": customers.where(
            month.has(_CUSTOMER.archived_at), _CUSTOMER.merged_into_id.is_(None), ~erased.exists()
        ),
        "erased": entries.where(_ENTRY.verb == "privacy.erase"),
    }


def _files(u: UnitOfWork, month: Period) -> dict[str, int]:
    """Count the files that were imported in a month and what became of their rows, without those that were undone."""
    stored = and_(month.has(_IMPORT.started_at), _IMPORT.state.not_in((State.UNDOING, State.UNDONE)))
    counts = (_IMPORT.new_count, _IMPORT.updated_count, _IMPORT.faulty_count)
    (row,) = _rows(
        u, select(func.count().label("files"), *(func.sum(one).label(one.key) for one in counts)).where(stored)
    )
    keys = {"imports": "files"} | {f"imported_{key}": f"{key}_count" for key in ("new", "updated", "faulty")}
    return {code: int(row[key] or 0) for code, key in keys.items()}


def _waiting() -> Select[Any]:
    """Return the count of the pairs that wait for a decision: both customers are in use."""
    in_use = (
        select(_CUSTOMER.id).where(_CUSTOMER.id == key, _CUSTOMER.archived_at.is_(None)).exists()
        for key in (_PAIR.customer_id, _PAIR.other_id)
    )
    return select(func.count()).select_from(Pair.__table__).where(_PAIR.parted_at.is_(None), *in_use)


def _count(u: UnitOfWork, statement: Select[Any]) -> int:
    return int(u.execute(statement, raw=True).scalar_one())


def _rows(u: UnitOfWork, statement: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in u.execute(statement, raw=True).mappings()]


def has_customers(u: UnitOfWork, month: Period) -> bool:
    """Say whether there was any customer by the end of a month: a company that came later has nothing to report."""
    there = select(_CUSTOMER.id).where(_CUSTOMER.created_at < month.ended).limit(1)
    return bool(_rows(u, there))
