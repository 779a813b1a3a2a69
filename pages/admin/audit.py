"""Who changed what and when: narrow down, read, open one entry."""

from datetime import timedelta
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from crm import audit, teams
from crm.audit import COUNT_CAP, RECORDS, Filters
from crm.core import clock
from crm.core.uow import UnitOfWork
from ui import changes, filters, tables, words
from ui.forms import in_dialog
from ui.page import asked_id, dialog, empty, header, opener
from ui.session import _, colleagues, language, may, translated, uow, watched, watched_each, zone

PERIODS = {"1": _("Today"), "7": _("Last 7 days"), "30": _("Last 30 days"), "365": _("Last 365 days")}

header(_("Changes"), _("Who changed what and when. Of personal data only that they changed is kept."))

people = colleagues()
person, verb, record, period = filters.row(
    filters.choice("person", _("Person"), {str(key): name for key, name in people.items()}),
    filters.choice("verb", _("What happened"), changes.actions(language())),
    filters.choice("record", _("Kind of record"), translated(RECORDS)),
    filters.choice("period", _("Period"), PERIODS),
)
today = clock.day_of(clock.now(), zone())
wanted = Filters(
    actor_id=int(person) if person else None,
    verb=verb or None,
    record=record or None,
    record_id=asked_id("number"),
    since=today - timedelta(days=int(period) - 1) if period else None,
    zone=zone(),
)


def read(u: UnitOfWork) -> list[dict[str, Any]]:
    """Return the entries of the page in words."""
    rows = audit.page(u, wanted, number=tables.asked_page(), size=tables.SIZE)
    for row in rows:
        row["who"] = row["who"] or "Rapport"
        row["subject"] = changes.subject(row["record"], row["record_id"], people, team_names)
        row["what"] = changes.short(row["record"], row.pop("changes"), people, team_names)
    return rows


team_names = watched("teams", teams.directory)
count, rows = watched_each(
    (("audit", wanted), lambda u: audit.count(u, wanted)), (("audit", wanted, tables.asked_page()), read)
)
opens = opener("entry", "id")
columns = {
    "verb": tables.Column(_("What happened"), lambda code: _(audit.action(code)), main=True, wrap=True),
    "at": tables.Column(_("When"), words.when),
    "who": tables.Column(_("Who"), wrap=True),
    "subject": tables.Column(_("Record"), muted=True, wrap=True),
    "what": tables.Column(_("Changed fields"), grow=True),
}
if count:
    tables.table(
        rows,
        columns,
        key="audit",
        opens=lambda row: opens(id=row["id"]),
        count=tables.counted(count, COUNT_CAP, "{n} change", "{n} changes"),
        rows_in_all=min(count, COUNT_CAP),
    )
elif wanted == Filters(zone=zone()):
    empty(_("Nothing was changed yet."), icon="history")
else:
    empty(_("Nothing matches these filters."), icon="filter_alt_off")


def entry(one: dict[str, Any]) -> None:
    """Draw one entry in full."""
    subject = words.md(changes.subject(one["record"], one["record_id"], people, team_names))
    if one["record"] == "customers" and may("customers.view"):
        subject = f"[{subject}](/customer?id={one['record_id']})"
    st.caption(f"{words.md(' · '.join((one['who'] or 'Rapport', words.moment(one['at']))))} · {subject}")
    fields = changes.lines(one["record"], one["changes"], people, team_names)
    if not fields:
        return
    shown = pd.DataFrame(fields, columns=["field", "old", "new"])
    tables.table(
        shown,
        {
            "field": tables.Column(_("Field"), main=True, wrap=True),
            "old": tables.Column(_("Before"), wrap=True),
            "new": tables.Column(_("After"), wrap=True),
        },
        key="entry",
    )


if dialog() == "entry":
    with uow() as u:
        asked = audit.entry(u, asked_id() or 0)
    if asked:
        in_dialog(_(audit.action(asked["verb"])), partial(entry, asked), width="medium")
