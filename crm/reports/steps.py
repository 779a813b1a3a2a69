"""Making, concluding and filing a report, and reading it again. At the start of a month Rapport makes the draft by itself."""

from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Date, Integer, String, bindparam, func, select

from crm import notifications, rights, settings
from crm.core import clock
from crm.core.access import SYSTEM
from crm.core.errors import Conflict, Invalid, Unavailable
from crm.core.i18n import N_
from crm.core.jobs import JobContext, job
from crm.core.prepared import Prepared
from crm.core.uow import UnitOfWork, unit_of_work
from crm.core.verbs import verb
from crm.customers import SIZE, SKIPPED
from crm.reports import figures
from crm.reports.records import FILED, LONGEST, RIGHT, Kind, Report
from db.engine import Database

COUNT_CAP: Final = 1_000
DRAFTED: Final = N_(
    "The report on customers of the last month is counted. Please write what follows from it, and file it."
)
TOLD: Final = N_("{who} has filed a report on customers.")
_COUNTS: Final = {Kind.CUSTOMERS: figures.of_customers}
"""Kind -> what counts it."""


def months(u: UnitOfWork) -> tuple[date, date]:
    """Return the first days of the months that can be reported: of the last one, which is over, and of this one so far."""
    this, _last_day = clock.month_of(clock.day_of(u.now, settings.value(u, "timezone")))
    return (this - timedelta(days=1)).replace(day=1), this


@verb("reports.make")
def make(u: UnitOfWork, month: date, kind: str = Kind.CUSTOMERS) -> Report:
    """Count the report of a month: the last one, or this one so far. A draft that is there is counted anew and keeps its text.

    month: any day of it. Raises Invalid beside `month`.
    """
    first, (last, this) = month.replace(day=1), months(u)
    if kind not in _COUNTS or first not in {last, this}:
        raise Invalid(N_("A report is made for this month so far, or for the last one."), field="month")
    is_whole = first == last
    if is_whole and any(row["filed_at"] for row in u.rows(_WHOLE, kind=str(kind), starts_on=first)):
        raise Invalid(N_("The report of this month is filed already."), field="month")
    counted = _COUNTS[Kind(kind)](u, figures.period(first, settings.value(u, "timezone")))
    facts = {"figures": counted, "is_whole": is_whole, "made_at": u.now, "made_by_id": u.actor.id}
    draft_of = f"{kind} {first.isoformat()}"
    known: Report | None = u.session.scalar(select(Report).where(Report.draft_of == draft_of))
    if known is None:
        return u.add(Report(kind=str(kind), starts_on=first, draft_of=draft_of, **facts))
    for key, value in facts.items():
        setattr(known, key, value)
    return known


@verb("reports.make")
def conclude(u: UnitOfWork, report_id: int, text: str, *, seen: int) -> Report:
    """Write what follows from the figures. Raises Invalid beside `conclusion`, NotFound, Conflict (filed, or changed)."""
    report = _draft(u, report_id, seen)
    said = text.replace("\x00", "").strip()
    if len(said) > LONGEST:
        raise Invalid(N_("At most {length} characters fit here."), field="conclusion", length=LONGEST)
    report.conclusion = said
    return report


@verb("reports.make")
def file(u: UnitOfWork, report_id: int, *, seen: int) -> Report:
    """File a report: from now on it stands as it is, and whoever reads reports is told. Raises NotFound, Conflict."""
    report = _draft(u, report_id, seen)
    report.filed_at, report.filed_by_id, report.draft_of = u.now, u.actor.id, None
    u.after_commit(partial(_tell_readers, u.database, report.id, u.actor.name, u.now))
    return report


def _draft(u: UnitOfWork, report_id: int, seen: int) -> Report:
    report = u.get(Report, report_id)
    if report.filed_at is not None:
        raise Conflict(FILED, record=report)
    if report.version != seen:
        raise Conflict(record=report)
    return report


# --- by itself ------------------------------------------------------------------


@job("reports.draft_monthly", title=N_("Monthly report on customers"), cron="13 4 1-7 * *")
def draft_monthly(ctx: JobContext) -> None:
    """Make the draft of the last month. Tried for a week, so that a machine that was off on the first day makes it later."""
    with ctx.uow() as u:
        draft(u)


@verb("reports.make")
def draft(u: UnitOfWork) -> Report | None:
    """Make the report of the last month and tell whoever files it; None where it is there, or there is nothing to report."""
    last, _this = months(u)
    is_there = u.rows(_WHOLE, kind=str(Kind.CUSTOMERS), starts_on=last)
    if is_there or not figures.has_customers(u, figures.period(last, settings.value(u, "timezone"))):
        return None
    report = make(u, last)
    u.after_commit(partial(_tell_makers, u.database, report.id, u.now))
    return report


def _tell_makers(database: Database, report_id: int, now: datetime) -> None:
    try:
        with unit_of_work(database, SYSTEM, now=now) as u:
            for person_id in rights.holders(u, RIGHT):
                notifications.send(u, person_id, DRAFTED, page="reports", query={"id": str(report_id)})
    except Unavailable:
        return


def _tell_readers(database: Database, report_id: int, who: str, now: datetime) -> None:
    try:
        with unit_of_work(database, SYSTEM, now=now) as u:
            filed_by = u.get(Report, report_id).filed_by_id
            for person_id in rights.holders(u, "reports.view"):
                if person_id != filed_by:
                    query = {"id": str(report_id)}
                    notifications.send(u, person_id, TOLD, page="reports", query=query, who=who)
    except Unavailable:
        return


# --- queries --------------------------------------------------------------------

COLUMNS: Final = (
    Report.id,
    Report.version,
    Report.kind,
    Report.starts_on,
    Report.is_whole,
    Report.figures,
    Report.conclusion,
    Report.made_at,
    Report.made_by_id,
    Report.filed_at,
    Report.filed_by_id,
)
_OF_MONTH: Final = (
    Report.kind == bindparam("kind", type_=String),
    Report.starts_on == bindparam("starts_on", type_=Date),
)
_WHOLE: Final = Prepared(select(Report.filed_at).where(*_OF_MONTH, Report.is_whole.is_(True)))
_PAGE: Final = Prepared(
    select(*COLUMNS).order_by(Report.starts_on.desc(), Report.id.desc()).limit(SIZE).offset(SKIPPED)
)
_COUNT: Final = Prepared(
    select(func.count()).select_from(select(Report.id).limit(bindparam("cap", type_=Integer)).subquery())
)
_ONE: Final = Prepared(select(*COLUMNS).where(Report.id == bindparam("report_id", type_=Integer)))
_BEFORE: Final = Prepared(
    select(*COLUMNS).where(*_OF_MONTH, Report.is_whole.is_(True)).order_by(Report.id.desc()).limit(1)
)


def page(u: UnitOfWork, *, number: int = 1, size: int = 50) -> list[dict[str, Any]]:
    """Return one page of the reports as rows of COLUMNS, the latest month first; none without the right."""
    return u.rows(_PAGE, size=size, skipped=(max(number, 1) - 1) * size)


def count(u: UnitOfWork) -> int:
    """Return how many reports there are, at most COUNT_CAP + 1."""
    return int(u.value(_COUNT, cap=COUNT_CAP + 1))


def one(u: UnitOfWork, report_id: int) -> dict[str, Any] | None:
    """Return one report as a row of COLUMNS, None when it is absent or not one's own to read."""
    rows = u.rows(_ONE, report_id=report_id)
    return rows[0] if rows else None


def before(u: UnitOfWork, report: dict[str, Any]) -> dict[str, Any] | None:
    """Return the report of the month before, for comparing; None when there is none of the whole month."""
    first = (report["starts_on"] - timedelta(days=1)).replace(day=1)
    rows = u.rows(_BEFORE, kind=report["kind"], starts_on=first)
    return rows[0] if rows else None
