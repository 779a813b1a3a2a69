"""The dialogs around a list: a filter is saved, shared, renamed and deleted; the columns are chosen."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from crm import customers, saved_filters
from crm.core.grants import ALL
from crm.saved_filters import EVERYBODY, SHARE
from ui import customer_list, words
from ui.forms import Form, in_dialog
from ui.page import dialog_key, saved
from ui.rules import OPEN, SAVED, Asked, kept_query
from ui.session import _, asked, attempt, colleagues, may, me, tell, translated, uow

NOBODY = -1
"""Stands for 'only I' where somebody can be chosen to share with."""


def open_asked(offered: Sequence[Mapping[str, Any]]) -> None:
    """Put the saved filter that the address asks for into the address, in place of what was there."""
    wanted = asked(OPEN)
    if not wanted:
        return
    found = next((one for one in offered if str(one["id"]) == wanted), None)
    if found is None:
        tell(_("This filter is not there any more."), bad=True)
    st.query_params.from_dict(dict(found["query"]) | {SAVED: wanted} if found else {})


def save(known: Asked) -> None:
    """Draw the dialog that keeps the present filter under a name."""
    in_dialog(_("Save the filter"), lambda: _save(known))


def _save(known: Asked) -> None:
    form = Form("save-filter")
    with form.drawn():
        name = form.text("name", _("Name"), max_chars=saved_filters.NAME_LENGTH)
        whom = _draw_whom(form, known, NOBODY)
        if form.submit(_("Save")):
            with attempt(_("Filter saved.")) as tried, uow(dialog_key()) as u:
                record = saved_filters.save(u, name, kept_query(st.query_params.to_dict()))
                if whom is not None:
                    record = saved_filters.share(u, record.id, whom=whom, seen=record.version)
                tried.result = record.id
            _finish(form, tried, tried.result)


def _finish(form: Form, tried: Any, filter_id: int | None) -> None:
    if tried.ok and filter_id is not None:
        saved()
        st.query_params[SAVED] = str(filter_id)
        st.rerun()
    form.finish(tried)


def _draw_whom(form: Form, known: Asked, now: int) -> int | None:
    """Draw with whom it is shared, where one may share; return the team, EVERYBODY or None."""
    if not may(SHARE):
        return None
    everywhere = me().scope(SHARE) is ALL
    mine = {int(key): name for key, name in known.teams.items() if everywhere or int(key) in me().team_ids}
    names = {NOBODY: _("Only I"), **({EVERYBODY: _("The whole company")} if everywhere else {}), **mine}
    if len(names) == 1:
        return None
    chosen = form.choice("whom", _("Who sees it"), names, value=now)
    return None if chosen == NOBODY else int(chosen)


def change(offered: Sequence[Mapping[str, Any]], known: Asked) -> None:
    """Draw the dialog of the saved filter that the list came from."""
    one = next((one for one in offered if str(one["id"]) == asked(SAVED)), None)
    if one is None:
        return
    in_dialog(words.md(one["name"]), lambda: _change(one, known))


def _change(one: Mapping[str, Any], known: Asked) -> None:
    mine = one["responsible_id"] == me().id
    if not mine:
        st.caption(_("Saved by {name}.").format(name=colleagues().get(one["responsible_id"], "–")))
    now = kept_query(st.query_params.to_dict())
    changed = now != dict(one["query"])
    form = Form("saved-filter")
    name, renew = "", False
    with form.drawn():
        if mine:
            name = form.text("name", _("Name"), value=one["name"], max_chars=saved_filters.NAME_LENGTH)
        if mine and changed:
            renew = form.check("renew", _("With the conditions that narrow the list now"), value=True)
        shared = (one["team_id"] or EVERYBODY) if one["shared"] else NOBODY
        can_share = _reaches(one)
        whom = _draw_whom(form, known, shared) if can_share else None
        if (mine or can_share) and form.submit(_("Save")):
            with attempt(_("Saved.")) as tried, uow(dialog_key()) as u:
                version = one["version"]
                if mine:
                    query = now if renew else None
                    version = saved_filters.change(u, one["id"], seen=version, name=name, query=query).version
                if can_share and (NOBODY if whom is None else whom) != shared:
                    saved_filters.share(u, one["id"], whom=whom, seen=version)
            if tried.conflict:
                st.error(tried.sentence)
            _finish(form, tried, one["id"])
        if not mine and not can_share:
            form.submit(_("Close"))
    if mine:
        _draw_drop(one)


def _reaches(one: Mapping[str, Any]) -> bool:
    """Say whether one may share this filter: one's own, or one that one's team was given."""
    if not may(SHARE):
        return False
    everywhere = me().scope(SHARE) is ALL
    return everywhere or one["team_id"] in me().team_ids or (one["responsible_id"] == me().id and not one["shared"])


def _draw_drop(one: Mapping[str, Any]) -> None:
    how = _("Whom it is shared with loses it, too.") if one["shared"] else None
    st.button(
        _("Delete the filter"), icon=":material/delete:", type="tertiary", key=f"drop-filter-{one['id']}", help=how,
        on_click=_drop, args=(one["id"], one["version"]),
    )  # fmt: skip


def _drop(filter_id: int, version: int) -> None:
    with attempt(_("Filter deleted.")) as tried, uow() as u:
        saved_filters.drop(u, filter_id, seen=version)
    if tried.ok:
        saved()
        st.query_params.pop(SAVED, None)


# --- columns ----------------------------------------------------------------


def choose_columns(chosen: Sequence[str], order: str) -> None:
    """Draw the dialog of the columns and the order of the list."""
    in_dialog(_("Columns and order"), lambda: _choose_columns(chosen, order))


def _choose_columns(chosen: Sequence[str], order: str) -> None:
    form = Form("columns")
    names = {key: name for key, name in customer_list.labels().items() if key != "name"}
    with form.drawn():
        picked = form.words(
            "columns", _("Columns behind the name, in this order"), list(names), format_func=names.__getitem__,
            value=[key for key in chosen if key in names], placeholder=_("Choose"),
            help=_("Only your list changes. Without any it is as everybody's."),
        )  # fmt: skip
        by = form.choice("sort", _("Sort by"), translated(customers.ORDER_NAMES), value=order)
        if form.submit(_("Save")):
            with attempt() as tried, uow(dialog_key()) as u:
                saved_filters.choose_columns(u, picked)
            if tried.ok:
                saved()
                st.query_params["sort"] = str(by)
                st.rerun()
            form.finish(tried)
