"""Customers from a file: upload it, say what its columns are, see what will come of it, run it."""

import streamlit as st

from crm import imports
from crm.core import clock
from crm.imports import STATES, State
from ui import imports_forms, imports_parts, imports_results, tables, words
from ui.page import Action, asked_id, dialog, empty, header, not_there, opening
from ui.session import _, attempt, colleagues, may, n_, uow, watched

people = colleagues()
upload = Action(_("Import a file"), opening("new", id=None), icon="upload_file", primary=True, key="n")


def overview() -> None:
    """Draw the list of imports."""
    header(_("Imports"), _("Customers that come in a file."), actions=[upload] if may("imports.run") else [])
    page = tables.asked_page()
    count, rows = watched(
        ("imports", page), lambda u: (imports.count(u), imports.listing(u, page=page, size=tables.SIZE))
    )
    if count:
        imports_parts.listing(rows, count, people)
    elif not may("imports.run"):
        empty(_("Nothing was imported yet. The files that record keepers import are listed here."), icon="upload_file")
    else:
        empty(
            _(
                "Nothing was imported yet. Bring your table of customers (CSV or Excel, in any order of columns) or address cards (vCard)."
            ),
            button=_("Import a file"),
            href=opening("new"),
            icon="upload_file",
        )


def one(record: imports.Import, *, works: bool) -> None:
    """Draw one import at the step that it is at."""
    rows = n_("{n} row", "{n} rows", record.row_count, shown=words.number(record.row_count))
    whose = people.get(record.responsible_id or 0, "")
    line = [
        words.named(STATES, record.state),
        rows,
        imports_forms.how_it_is_read(record),
        whose,
        words.when(record.created_at),
    ]
    actions = []
    if works and record.state == State.STAGED:
        actions.append(Action(_("How it is read"), opening("reading", seen=record.version), icon="tune"))
    if works and record.can_be_undone(clock.now()):
        actions.append(Action(_("Undo the import"), opening("undo"), icon="undo"))
    if record.new_count and record.state != State.UNDONE and may("customers.view"):
        actions.append(
            Action(_("Show the new customers"), f"/customers?import={record.id}", icon="group", primary=True)
        )
    header(record.file_name, " · ".join(filter(None, line)), actions=actions)
    if not works:
        imports_parts.figures(record.counts)
        st.caption(_("Only whoever imports this file may look into it."))
    elif record.is_under_way:
        imports_parts.progress(record.id)
    elif record.state == State.STAGED:
        prepare(record)
    else:
        imports_results.result(record)


def prepare(record: imports.Import) -> None:
    """Draw the steps before the run: columns, preview, trial."""
    if record.file_removed_at is not None:
        empty(_("The file of this import was removed. Import it anew."), icon="delete", key="removed")
        return
    problem = imports.problem_of(record)
    if problem is not None:
        st.error(str(problem), icon=":material/error:")
    st.subheader(_("What the columns become"), anchor=False)
    imports_forms.mapping(record)
    with attempt() as tried, uow() as u:
        found = imports.preview(u, record.id)
    if not tried.ok:
        for sentence in tried.faults.values():
            st.error(sentence, icon=":material/error:")
        return
    st.subheader(_("The first rows, as they will be stored"), anchor=False)
    imports_parts.preview(found)
    imports_parts.decide(record)


asked = asked_id()
if asked is None:
    overview()
else:
    with attempt() as found, uow() as u:
        chosen = imports.one(u, asked)
        mine = imports.may_work_with(u, chosen)
    if found.ok:
        one(chosen, works=mine)
        if dialog() == "reading" and mine:
            imports_forms.reading(chosen)
        elif dialog() == "undo" and mine:
            imports_results.undo(chosen)
    else:
        not_there()

if dialog() == "new" and may("imports.run"):
    imports_forms.upload()
