"""Whether Rapport works well, what to do if not, and what it does in the background."""

from typing import Any

import streamlit as st

from crm import health
from crm.core import i18n, jobs, worker
from crm.core.i18n import N_
from crm.core.jobs import JOBS, STATUSES, JobState, Status
from crm.health import LEVELS, Level, Readiness
from ui import facts, tables, words
from ui.page import header
from ui.session import _, language, uow

SECONDS = 10
ONE_WORKER = N_("The worker is on {host} since {since}, last sign {ago}")
NAMED_WORKER = N_("Worker {name}: on {host} since {since}, last sign {ago}")
TONES = {Status.DONE: "good", Status.FAILED: "bad", Status.CANCELLED: "warn"}
MOST = 20

tab = header(
    _("System"),
    _("Whether Rapport works well, and what to do if not."),
    tabs={"health": _("Health"), "jobs": _("Jobs"), "runs": _("Last runs")},
)


def checks(found: Readiness) -> None:
    """Draw each look with what to do, and every worker with its last sign of life."""
    rows: list[dict[str, Any]] = [
        {"level": one.level, "text": _(one.text).format(**one.values), "advice": _(one.advice) if one.advice else ""}
        for one in found.checks
    ]
    workers = [
        (_(ONE_WORKER) if one.name == worker.NAME else _(NAMED_WORKER)).format(
            name=one.name, host=one.host, since=words.when(one.started_at), ago=words.ago(one.at)
        )
        for one in found.beats
    ]
    nobody = [_("No worker was ever at work here.")]
    rows += [{"level": None, "text": text, "advice": ""} for text in workers or nobody]
    columns = {
        "level": tables.Column(_("State"), lambda level: words.named(LEVELS, level), tag=True, tone=_tone),
        "text": tables.Column(_("What was found"), main=True, wrap=True),
        "advice": tables.Column(_("What to do"), wrap=True),
    }
    tables.table(rows, columns, key="checks")


def _tone(level: Level) -> str:
    return level.value


def overview(seen: health.Overview) -> None:
    """Draw versions and database as boxes of facts."""
    versions = [(name, version, "") for name, version in seen.versions.items()]
    database = [(_("Place"), seen.place, ""), (_("Size"), megabytes(seen.bytes), "")]
    files = [(_("Files"), words.number(seen.documents), ""), (_("Size"), megabytes(seen.document_bytes), "")]
    facts.draw(
        facts.Box(_("Versions"), versions),
        facts.Box(_("Database"), database),
        facts.Box(_("Documents"), files),
        key="facts",
        beside=True,
    )


def megabytes(size: int) -> str:
    """Write a size."""
    return _("{n} MB").format(n=words.number(round(size / 1_000_000, 1)))


def planned(cron: str | None) -> str:
    """Write when the calendar starts a job."""
    if cron is None:
        return _("On demand")
    minute, hour, *_days, weekday = cron.split()
    if hour == "*":
        return _("Every hour")
    said = _("Every day at {time} UTC") if weekday == "*" else _("Every week at {time} UTC")
    return said.format(time=f"{int(hour):02}:{int(minute):02}")


def all_jobs(last: dict[str, JobState]) -> None:
    """Draw every job with its last run."""
    rows = []
    for one in sorted(JOBS.values(), key=lambda job: _(job.title)):
        run = last.get(one.name)
        rows.append({"title": _(one.title), "planned": planned(one.cron)} | told(run))
    columns = {"title": tables.Column(_("Job"), main=True), "planned": tables.Column(_("When"), wrap=True)}
    tables.table(rows, columns | run_columns(), key="jobs")


def told(run: JobState | None) -> dict[str, Any]:
    """Return what the columns of a run show; nothing where it never ran."""
    if run is None:
        return {"asked_at": None, "status": None, "seconds": None, "said": ""}
    took = (run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else None
    said = i18n.say(language(), run.error) if run.error else ""
    if run.number:
        said = _("Error number {number}: see the log.").format(number=run.number)
    return {"asked_at": run.asked_at, "status": run.status, "seconds": took, "said": said}


def run_columns() -> dict[str, tables.Column]:
    """Return the columns that tell of a run."""
    return {
        "asked_at": tables.Column(_("Last run"), words.when),
        "status": tables.Column(
            _("State"), lambda code: words.named(STATUSES, code), tag=True, tone=lambda code: TONES.get(code, "")
        ),
        "seconds": tables.Column(_("Seconds"), words.number, right=True),
        "said": tables.Column(_("What it said"), wrap=True),
    }


@st.fragment(run_every=SECONDS)
def look() -> None:
    """Look again every few seconds, for as long as somebody watches."""
    with uow() as u:
        found = health.looked_at(u) if tab == "health" else None
        last = jobs.last_runs(u) if tab == "jobs" else {}
        newest = jobs.recent(u, most=MOST) if tab == "runs" else []
    if found:
        checks(found)
    elif tab == "jobs":
        all_jobs(last)
    else:
        rows = [{"title": _(one.title)} | told(one) for one in newest]
        tables.table(rows, {"title": tables.Column(_("Job"), main=True)} | run_columns(), key="runs")


look()
if tab == "health":
    with uow() as u:
        seen = health.overview(u)
    overview(seen)
    st.caption(_("In the terminal, 'python -m crm doctor' looks at everything, the slow looks too."))
