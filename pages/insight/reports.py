"""What management reads every month: the reports, each with its figures as they were counted and what was concluded from them."""

from typing import Any

import streamlit as st

from crm import reports
from crm.core.uow import UnitOfWork
from ui import report_parts, tables, words
from ui.page import Action, asked_id, dialog, empty, header, not_there, opening
from ui.session import _, asked, colleagues, may, watched

people = colleagues()
report_id = asked_id()


def read_one(u: UnitOfWork) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return the report that the address names, and that of the month before."""
    found = reports.one(u, report_id or 0)
    return found, reports.before(u, found) if found else None


def read_list(u: UnitOfWork) -> tuple[list[dict[str, Any]], int]:
    """Return a page of the reports, and how many there are."""
    return reports.page(u, number=tables.asked_page(), size=tables.SIZE), reports.count(u)


if report_id is not None:
    report, before = watched(("report", report_id), read_one)
    if report is None:
        not_there()
        st.stop()
    header(
        report_parts.title(report),
        report_parts.made(report, people),
        actions=report_parts.actions(report),
        figures=report_parts.key_figures(report),
        tags=[(report_parts.state(report), "good" if report["filed_at"] else "")],
    )
    report_parts.draw(report, before, people)
    match dialog():
        case "conclude" if may("reports.make") and not report["filed_at"]:
            report_parts.conclude(report)
        case "file" if may("reports.make") and not report["filed_at"]:
            report_parts.file(report)
else:
    rows, count = watched(("reports", tables.asked_page()), read_list)
    make = Action(_("Make a report"), opening("make"), icon="add_chart", primary=True, key="n")
    header(
        _("Reports"),
        _("How the base of customers grows and how good it is, month by month."),
        actions=[make] * may("reports.make"),
        figures=[(_("Reports"), words.number(count))] if count else [],
    )
    if rows:
        report_parts.listed(rows, min(count, reports.COUNT_CAP), people)
    elif may("reports.make"):
        sentence = _("No report yet. It is counted with one press; Rapport drafts one itself when a month is over.")
        empty(sentence, icon="summarize", button=_("Make a report"), href=opening("make"))
    else:
        empty(_("No report yet. The record keeper files one every month."), icon="summarize")

if dialog() == "make" and may("reports.make"):
    report_parts.make(asked("month"))
