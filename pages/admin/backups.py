"""The copies of everything: how fresh the last good one is, all that there are, and making one now."""

import streamlit as st

from crm import backups
from crm.backups import KINDS, TROUBLES
from crm.core import i18n, jobs
from crm.core.i18n import N_
from crm.core.jobs import JobState, Status
from ui import tables, words
from ui.page import empty, header
from ui.session import _, asked, attempt, language, may, uow

GOOD = N_("Good")
SECONDS = 1
JOB = "job"
"""The query parameter that names the copy that is being made: a reload goes on watching it."""

with uow() as u:
    last = backups.last_made_at(u)
    copies = backups.recent(u)


def ask() -> None:
    """Ask for a copy (a callback)."""
    with attempt() as tried, uow() as u:
        tried.result = backups.ask(u)
    if tried.ok:
        st.query_params[JOB] = tried.result


@st.fragment(run_every=SECONDS)
def watch(job_id: str) -> None:
    """Draw how far the copy is; draw the page anew when it is made."""
    with attempt() as tried, uow() as u:
        tried.result = jobs.state(u, job_id)
    if not tried.ok or tried.result.is_over:
        st.session_state["copy-said"] = said(tried.result) if tried.ok else ""
        st.query_params.pop(JOB, None)
        st.rerun()
    step = tried.result
    steps = (_("Copying ..."), _("Proving the copy ..."), _("Putting it beside the others ..."))
    waiting = _("Waiting for the worker ...")
    st.progress(step.done / 3, text=steps[min(step.done, 2)] if step.status is Status.RUNNING else waiting)


def said(state: JobState) -> str:
    """Return what to say of a copy that failed, '' of one that was made."""
    if state.error is not None:
        return i18n.say(language(), state.error)
    return (
        _("No copy was made. Error number {number}: see the log.").format(number=state.number) if state.number else ""
    )


def megabytes(size: float) -> str:
    """Write a size."""
    return _("{n} MB").format(n=words.number(round(size / 1_000_000, 1)))


job_id = asked(JOB)
with st.container(horizontal=True, vertical_alignment="top", key="backups-head"):
    header(
        _("Backups"),
        _("Copies of the database, the attachments and the keys, each proved before it counts."),
        figures=[(_("Last good copy"), words.ago(last) or _("never"))],
    )
    if may("backups.make") and not job_id:
        st.button(_("Make a copy now"), icon=":material/save:", type="primary", on_click=ask, key="make")
if trouble := st.session_state.pop("copy-said", ""):
    st.error(trouble, icon=":material/error:")
if job_id:
    watch(job_id)

if not copies:
    empty(_("There is no copy yet. One is made every hour while a worker is at work."), icon="save")
else:
    for copy in copies:
        copy["state"] = TROUBLES.get(copy["fault"], copy["fault"]) or GOOD
    columns = {
        "made_at": tables.Column(_("Made"), words.moment, main=True),
        "kind": tables.Column(_("Why"), lambda code: words.named(KINDS, code)),
        "state": tables.Column(_("State"), _, tag=True, tone=lambda text: "good" if text == GOOD else "bad", wrap=True),
        "bytes": tables.Column(_("Size"), megabytes, right=True),
        "rows": tables.Column(_("Rows"), words.number, right=True),
        "seconds": tables.Column(_("Seconds"), words.number, right=True),
        "name": tables.Column(_("File"), muted=True, wrap=True),
    }
    tables.table(copies, columns, key="copies")
    with st.expander(_("How to bring a copy back")):
        st.markdown(_("Stop Rapport, then say in its folder, with the name of a copy or for the newest one:"))
        st.code("python -m crm restore newest", language="sh")
        st.markdown(_("The copy is proved first. What was there is kept aside, and everybody signs in anew."))
