"""What an import did, what is left to do, and the way back: the faulty rows, the undo and what it left, importing once more."""

from collections.abc import Mapping

import streamlit as st

from crm import imports
from crm.core import clock, i18n
from crm.imports import KEPT_BECAUSE, Import, State
from ui import tables, words
from ui.forms import Form, in_dialog
from ui.imports_parts import act, faults_table, figures, labels, undo_figures
from ui.page import dialog_key, go
from ui.session import _, attempt, language, may, n_, uow


def result(record: Import) -> None:
    """Draw what an import did, and what is left to do."""
    figures(record.counts)
    if record.undo_asked_at is not None:
        _undone(record)
    problem = imports.problem_of(record)
    if problem is not None and record.state == State.FAILED:
        st.error(i18n.say(language(), problem), icon=":material/error:")
    if record.state in {State.STOPPED, State.FAILED}:
        if record.undo_asked_at is None:
            done, rows = words.number(record.next_row), words.number(record.row_count)
            st.caption(_("{done} of {rows} rows are done. What was stored stays.").format(done=done, rows=rows))
        st.button(_("Take it up again"), type="primary", on_click=act, args=(imports.resume, record.id), key="resume")
    if record.faulty_count:
        _faulty(record)


def _faulty(record: Import) -> None:
    st.subheader(_("Faulty rows"), anchor=False)
    st.caption(
        _("The file has the faulty rows as they were, each with its cause. Corrected, it can be imported as it is.")
    )
    with uow() as u:
        rows = imports.faulty_rows(u, record.id)
    ready = f"_imports.faults.{record.id}"
    if st.session_state.pop(ready, False):
        with attempt() as tried, uow() as u:
            tried.result = imports.faults_file(u, record.id, _, labels())
        if tried.ok:
            name = _("Faulty rows of {file}").format(file=record.file_name.rpartition(".")[0])
            st.download_button(
                _("Save the file"),
                tried.result,
                file_name=f"{name}.csv",
                mime="text/csv",
                icon=":material/download:",
                on_click="ignore",
            )
        for sentence in tried.faults.values():
            st.error(sentence, icon=":material/error:")
    elif record.file_removed_at is None:
        st.button(
            _("Make the file of faulty rows"),
            icon=":material/description:",
            on_click=_make_file,
            args=(record.id,),
            key="faults",
        )
    faults_table(rows, key="faulty-rows")
    if record.faulty_count > len(rows):
        st.caption(_("The first {n} of them. The file has all.").format(n=words.number(len(rows))))


def _make_file(import_id: int) -> None:
    act(imports.take_faults_file, import_id)
    st.session_state[f"_imports.faults.{import_id}"] = True


# --- the way back ---------------------------------------------------------------


def undo(record: Import) -> None:
    """Draw the dialog that asks before an import is undone."""
    if record.can_be_undone(clock.now()):
        in_dialog(_("Undo the import"), lambda: _undo(record))


def _undo(record: Import) -> None:
    form = Form("undo")
    lines = []
    if record.new_count:
        count = record.new_count
        shown = words.number(count)
        lines.append(n_("{n} new customer is removed.", "{n} new customers are removed.", count, shown=shown))
    if record.updated_count:
        lines.append(_("Customers that were updated get back what they had before."))
    lines.append(_("Whom somebody worked with since, and what somebody changed since, stays and is listed afterwards."))
    st.markdown("\n".join(f"- {line}" for line in lines))
    with form.drawn():
        if form.submit(_("Undo the import")):
            with attempt() as tried, uow(dialog_key()) as u:
                imports.take_all_back(u, record.id)
            if tried.conflict:
                st.error(tried.sentence, icon=":material/error:")
            form.finish(tried)


def _undone(record: Import) -> None:
    """Draw what an undo did, and whom it left as they are."""
    st.subheader(_("Undo"), anchor=False)
    undo_figures(record)
    with attempt() as tried, uow() as u:
        tried.result = imports.left_as_they_are(u, record.id)
    if tried.ok and tried.result:
        names = labels()
        rows = [{"id": key, "name": name, "kept": _why(stays, names)} for key, name, stays in tried.result]
        columns = {
            "name": tables.Column(_("Customer"), main=True),
            "kept": tables.Column(_("What stayed, and why"), wrap=True),
        }
        opens = (lambda row: f"/customer?id={row['id']}") if may("customers.view") else None
        tables.table(rows, columns, key="kept", opens=opens)
    can = record.state == State.UNDONE and record.file_removed_at is None
    if can and st.button(_("Import this file once more"), icon=":material/replay:", key="again"):
        _again(record)


def _why(stays: list[str], names: Mapping[str, str]) -> str:
    """Say why a customer stayed as it is, or which of its fields did."""
    reasons = [_(KEPT_BECAUSE[one]) for one in KEPT_BECAUSE if one in stays]
    fields = dict.fromkeys(imports.field_of(one) for one in stays if one not in set(KEPT_BECAUSE))
    return " ".join(reasons) or ", ".join(names.get(one, one) for one in fields)


def _again(record: Import) -> None:
    """Bring the file once more, with the same mapping, and go to the import that it becomes."""
    with attempt() as tried:
        with uow() as u:
            received = imports.once_more(u, record.id)
        with uow() as u:
            tried.result = imports.stage(u, received, like=record.id).id
    if tried.ok:
        go("imports", id=tried.result)
    for sentence in tried.faults.values():
        st.error(sentence, icon=":material/error:")
