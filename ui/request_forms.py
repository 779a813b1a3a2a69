"""The dialogs of a request to change personal data: asking, answering, and reading what came of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from crm import change_requests
from ui import facts, words
from ui.facts import Box, Line
from ui.forms import Form, in_dialog
from ui.page import dialog_key, empty
from ui.session import _, attempt, colleagues, uow


def ask(customer_id: int, name: str) -> None:
    """Draw the dialog in which somebody asks the record keeper for a change."""
    in_dialog(_("Ask for a change: {name}").format(name=words.md(name[:60])), lambda: _ask(customer_id))


def _ask(customer_id: int) -> None:
    with uow() as u:
        waiting = change_requests.open_of(u, customer_id)
    said_before(waiting)
    form = Form("ask-change")
    with form.drawn():
        text = form.area(
            "text",
            _("What is to be changed?"),
            height=80,
            max_chars=change_requests.LONGEST,
            placeholder=_("The new phone is +7 …, the old one is dead."),
        )
        st.caption(
            _("Names, phones, e-mails and addresses are changed by the record keeper. You are told when it is done.")
        )
        if form.submit(_("Ask the record keeper")):
            with attempt(_("Asked. You are told when it is done.")) as tried, uow(dialog_key()) as u:
                change_requests.ask(u, customer_id, text)
            form.finish(tried)


def said_before(waiting: Sequence[Mapping[str, Any]]) -> None:
    """Draw the requests about this customer that wait already."""
    people = colleagues()
    lines: list[Line] = [(_who_and_when(one, people), one["text"], "") for one in waiting]
    if lines:
        facts.draw(Box(_("Asked for and still open"), lines), key="waiting-requests")


def _who_and_when(one: Mapping[str, Any], people: Mapping[int, str]) -> str:
    return f"{people.get(one['responsible_id'], '')} · {words.when(one['asked_at'])}"


def asked(request_id: int, people: Mapping[int, str]) -> None:
    """Draw a request with its answer, for whoever asked."""
    in_dialog(_("Request to change personal data"), lambda: _asked(request_id, people))


def _asked(request_id: int, people: Mapping[int, str]) -> None:
    with uow() as u:
        one = change_requests.one(u, request_id)
    if one is None:
        empty(_("There is no such record, or it is not yours to see."), icon="search_off", key="request")
        return
    facts.draw(_request(one, people), key="request")


def _request(one: Mapping[str, Any], people: Mapping[int, str], *, opens: bool = False) -> Box:
    lines = [(_who_and_when(one, people), one["text"], "")]
    if one["done_at"]:
        done = f"{people.get(one['done_by_id'], '')} · {words.when(one['done_at'])}"
        lines.append((done, one["answer"] or _("Done."), ""))
    note = "" if one["done_at"] else _("Still open.")
    # into the form itself: the record keeper reads here what he writes there
    address = f"/customer?id={one['customer_id']}" + ("" if one["done_at"] else "&do=personal")
    return Box(one["customer"], lines, note=note, links=[(_("Open the customer"), address, "person")] if opens else ())


def answer(request_id: int, people: Mapping[int, str]) -> None:
    """Draw the dialog of a request in the list of those who answer."""
    in_dialog(_("Request to change personal data"), lambda: _answer(request_id, people))


def _answer(request_id: int, people: Mapping[int, str]) -> None:
    with uow() as u:
        one = change_requests.one(u, request_id)
    if one is None:
        empty(_("There is no such record, or it is not yours to see."), icon="search_off", key="request")
        return
    facts.draw(_request(one, people, opens=True), key="request")
    if one["done_at"]:
        return
    form = Form("answer-request")
    with form.drawn():
        text = form.area(
            "answer",
            _("Answer"),
            height=80,
            max_chars=change_requests.LONGEST,
            help=_("An empty answer says: done."),
            placeholder=_("Done."),
        )
        if form.submit(_("Answer and close")):
            with attempt(_("Answered.")) as tried, uow(dialog_key()) as u:
                change_requests.answer(u, request_id, text, seen=one["version"])
            form.finish(tried)
            if tried.conflict:
                st.rerun()
