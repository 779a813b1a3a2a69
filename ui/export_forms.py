"""The dialog that takes customers out: how many, which columns, in which form, and the files that wait."""

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from crm import exports
from crm.core import i18n
from crm.core.i18n import N_
from crm.customers import COUNT_CAP, Filters
from crm.exports import FORMS, Export, Form, State, Wish
from ui import tables, words
from ui.forms import in_dialog
from ui.session import _, attempt, identity, language, once_key, translated, uow, used

SECONDS: Final = 1.0
"""How often a job tells how far it is."""
_KEY: Final = "export"
_NAMED: Final = {"responsible_id": "responsible"}
"""Columns of the list that a file names otherwise."""


def export(wanted: Filters, columns: Sequence[str], order: str) -> None:
    """Draw the dialog for the customers that the list shows, with its columns and in its order."""
    in_dialog(_("Export customers"), lambda: _export(wanted, columns, order))


def _export(wanted: Filters, columns: Sequence[str], order: str) -> None:
    with attempt() as asked, uow() as u:
        asked.result = exports.count(u, wanted)
    if not asked.ok:
        st.warning(asked.sentence, icon=":material/lock:")
        return
    count = int(asked.result)
    shown = tables.counted(count, COUNT_CAP, "{n} customer", "{n} customers")
    st.markdown(_("As the list is narrowed now: **{customers}**.").format(customers=shown))
    with st.form("export", border=False):
        chosen = st.radio(
            _("Form of the file"), list(FORMS), format_func=translated(FORMS).__getitem__, key="export-form"
        )
        names = {"all": _("All that a file can have"), "list": _("Those of the list")}
        which = st.radio(_("Columns"), list(names), format_func=names.__getitem__, key="export-columns")
        st.caption(_what_is_in_it())
        if count > exports.AT_ONCE:
            st.caption(
                _("So many are written in the background: you can go on working, and the bell tells when it is done.")
            )
        with st.container(horizontal=True, horizontal_alignment="right"):
            sent = st.form_submit_button(
                _("Export to a file"), type="primary", icon=":material/download:", disabled=not count
            )
    if sent:
        picked = tuple(_NAMED.get(key, key) for key in columns) if which == "list" else ()
        _take_out(Wish(wanted, Form(chosen), language(), picked, order), at_once=count <= exports.AT_ONCE)
    _waiting()


def _what_is_in_it() -> str:
    names = words.listed(translated(exports.FIELDS)[key] for key in exports.EXPORTED)
    lines = [
        _("Columns: {names}, and your own fields. Address cards have names, phones, e-mails, address, site and note."),
        _("What you see in part stands in the file in part. Who exports what is noted for the administrator."),
    ]
    return "  \n".join(lines).format(names=names)


def _take_out(wish: Wish, *, at_once: bool) -> None:
    sign_in = identity().sign_in_id
    with attempt() as tried:
        if at_once:
            with st.spinner(_("Writing the file…")), uow() as u:
                written = exports.write_now(u, wish)
            with uow(once_key(_KEY)) as u:
                exports.keep(u, wish, written, sign_in_id=sign_in)
        else:
            with uow(once_key(_KEY)) as u:
                exports.ask(u, wish, sign_in_id=sign_in)
    used(_KEY)
    for sentence in tried.faults.values():
        st.error(sentence, icon=":material/error:")


@st.fragment(run_every=SECONDS)
def _ticking() -> None:
    _files()


def _waiting() -> None:
    """Draw the files that this sign-in asked for; where one is being made, once a second."""
    with uow() as u:
        making = any(one.state == State.MAKING for one in exports.mine(u, identity().sign_in_id))
    if making:
        _ticking()
    else:
        _files()


def _files() -> None:
    with uow() as u:
        found = [(one, exports.progress(u, one)) for one in exports.mine(u, identity().sign_in_id)]
    for record, run in found:
        problem = exports.problem_of(record)
        if record.state == State.READY:
            _link(record)
        elif problem is not None or run is None or run.is_over:
            said = i18n.say(language(), problem) if problem else _(_LOST)
            st.error(said, icon=":material/error:")
        else:
            _bar(run)


def _link(record: Export) -> None:
    rows = record.row_count or 0
    said = tables.counted(rows, rows, "{n} customer", "{n} customers")
    label = _("Save the file: {customers}, {form}").format(customers=said, form=words.named(FORMS, record.format))
    st.link_button(label, f"/export/{record.stored_as}", icon=":material/download:", type="primary")
    st.caption(_("Only this sign-in can take it, until {moment}.").format(moment=words.when(record.expires_at)))


def _bar(run: Any) -> None:
    done, total = run.done, max(run.total, 1)
    text = _("{done} of {all} customers are written.").format(done=words.number(run.done), all=words.number(run.total))
    st.progress(min(done / total, 1.0), text if run.total else _("Waiting for its turn."))


_LOST: Final = N_("The file was not finished. Please export once more.")
