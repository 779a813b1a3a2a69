"""Customers that may be there twice: both side by side, merged or told apart, the likeliest first."""

from typing import Any

import streamlit as st

from crm import duplicates
from crm.core.uow import UnitOfWork
from crm.duplicates import BAND_NAMES, SIGNS, Filters, Run, State
from ui import duplicate_queue as queue
from ui import filters, tables, words
from ui.page import empty, header
from ui.session import _, asked, colleagues, translated, watched

people = colleagues()
parted = asked("tab") == "parted"


def read_state(u: UnitOfWork) -> tuple[Run | None, Run | None, int, int]:
    """Return the newest look, the newest that was finished, and how many pairs wait and are decided."""
    return (
        duplicates.last_run(u),
        duplicates.last_run(u, state=State.FINISHED),
        duplicates.count(u),
        duplicates.count(u, Filters(parted=True)),
    )


newest, finished, waiting, decided = watched(("duplicates", "state"), read_state)
works = newest is not None and newest.is_under_way
with st.container(horizontal=True, vertical_alignment="top", key="duplicates-head"):
    header(
        _("Duplicates"),
        queue.told(finished),
        tabs={
            "open": _("To be decided: {n}").format(n=words.number(waiting)),
            "parted": _("Not the same: {n}").format(n=words.number(decided)),
        },
    )
    if not works and (finished is not None or waiting or decided):
        st.button(_("Look for duplicates now"), icon=":material/person_search:", on_click=queue.ask, key="look")
queue.trouble(newest)
if works:
    queue.watch()

band, sign, responsible = (
    filters.row(
        filters.choice("band", _("How certain"), translated(BAND_NAMES)),
        filters.choice("sign", _("What speaks for it"), translated(SIGNS)),
        filters.choice("responsible", _("Responsible"), {str(key): name for key, name in people.items()}),
    )
    if waiting or decided
    else ("", "", "")
)
wanted = Filters(band or None, sign or None, int(responsible) if responsible else None, parted)
number = tables.asked_page()


def read(u: UnitOfWork) -> tuple[int, list[dict[str, Any]]]:
    """Return how many pairs the filters leave, and those of the page."""
    return duplicates.count(u, wanted), duplicates.page(u, wanted, number=number)


count, rows = watched(("duplicates", wanted, number), read)
queue.take_back()
if rows:
    queue.draw(rows, count, parted=parted)
elif wanted != Filters(parted=parted):
    empty(_("No pair matches these filters."), button=_("Show all"), href="/duplicates", icon="filter_alt_off")
elif parted:
    empty(_("Of nobody was it said yet that two records are not the same."), icon="call_split")
elif finished is not None:
    empty(_("Nobody seems to be there twice. The base is looked over every week."), icon="task_alt")
elif not works:
    sentence = _(
        "Rapport compares names, phones, e-mails, numbers and addresses of all customers and puts those who may be one side by side."
    )
    empty(sentence, button=_("Look for duplicates now"), on_click=queue.ask, icon="person_search")
