"""The dialogs of tags: which a customer has, and what becomes of a tag itself."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import streamlit as st

from crm import tags
from crm.core.i18n import N_
from ui import words
from ui.forms import Form, in_dialog
from ui.page import dialog_key, open_dialog, seen_version
from ui.session import Tried, _, attempt, may, n_, translated, uow, watched

# --- on a customer ----------------------------------------------------------


def put(customer_id: int, marks: list[dict[str, Any]]) -> None:
    """Draw the dialog that puts tags on a customer and takes them off."""
    in_dialog(_("Tags"), lambda: _put(customer_id, marks))


def _put(customer_id: int, marks: list[dict[str, Any]]) -> None:
    form, new = Form("tags"), may("tags.edit")
    with uow() as u:
        known = [one["name"] for one in tags.directory(u).values()]
    before = st.session_state.setdefault(form.key("original"), {one["name"]: one["id"] for one in marks})
    if not known and not new:
        st.caption(_("There are no tags yet. A record keeper makes them."))
        return
    help_text = _("Choose, or type a new one and press Enter.") if new else _("Record keepers make new ones.")
    with form.drawn():
        chosen = form.words("tags", _("Tags"), known, value=list(before), new=new, help=help_text)
        if form.submit(_("Save")):
            on = [name for name in chosen if name not in before]
            off = [key for name, key in before.items() if name not in chosen]
            with attempt(_("Saved.")) as tried, uow(dialog_key()) as u:
                tags.change(u, customer_id, on=on, off=off)
            form.finish(tried)


def named(ids: Iterable[int]) -> list[str]:
    """Return the names of tags; of one that is gone its number."""
    known = watched("tags", tags.directory)
    return [known[one]["name"] if one in known else f"№ {one}" for one in ids]


# --- the tags themselves ----------------------------------------------------


def new() -> None:
    """Draw the dialog of a new tag."""
    in_dialog(_("New tag"), _new)


def _new() -> None:
    form = Form("new-tag")
    with form.drawn():
        name = form.text("tags", _("Name"), max_chars=tags.LENGTH)
        if form.submit(_("Make the tag")):
            with attempt(_("Tag made.")) as tried, uow(dialog_key()) as u:
                tags.learn(u, [name])
            form.finish(tried)


def draw(name: str, tag_id: int | None, count: int) -> None:
    """Draw the dialog `name` of one tag that `count` customers have, when there is such a dialog and such a tag."""
    with uow() as u:
        directory = tags.directory(u)
    if name in _BODIES and tag_id in directory:
        title, body = _BODIES[name]
        in_dialog(_(title), lambda: body(directory[tag_id], directory, count))


def _finish(form: Form, tried: Tried) -> None:
    if tried.conflict:
        st.error(tried.sentence)
    form.finish(tried)


def _rename(tag: dict[str, Any], _all: dict[int, dict[str, Any]], _count: int) -> None:
    form = Form("rename-tag")
    with form.drawn():
        name = form.text("tags", _("Name"), value=tag["name"], max_chars=tags.LENGTH)
        tone = form.chips("tone", _("Colour"), translated(tags.TONES), value=tag["tone"], required=True)
        if form.submit(_("Save")):
            with attempt(_("Saved.")) as tried, uow(dialog_key()) as u:
                tags.rename(u, tag["id"], name, tone=str(tone), seen=seen_version() or tag["version"])
            _finish(form, tried)
    with st.container(horizontal=True):
        for dialog, label in (("join", _("Join with another tag")), ("drop", _("Delete"))):
            facts = {"seen": tag["version"], "id": tag["id"]}
            st.button(label, on_click=open_dialog, args=(dialog,), kwargs=facts, key=form.key(dialog))


def _join(tag: dict[str, Any], every: dict[int, dict[str, Any]], count: int) -> None:
    form = Form("join-tag")
    others = {key: one["name"] for key, one in every.items() if key != tag["id"]}
    st.markdown(f"**{words.md(tag['name'])}**")
    st.caption(
        n_("{n} customer gets the other tag.", "{n} customers get the other tag.", count, shown=words.number(count))
    )
    with form.drawn():
        into = form.choice("into", _("The other tag"), {None: "–"} | others)
        if form.submit(_("Join")):
            with attempt(_("Joined.")) as tried, uow(dialog_key()) as u:
                tags.join(u, tag["id"], into or tag["id"], seen=seen_version() or tag["version"])
            _finish(form, tried)


def _drop(tag: dict[str, Any], _all: dict[int, dict[str, Any]], count: int) -> None:
    form = Form("drop-tag")
    st.markdown(f"**{words.md(tag['name'])}**")
    st.caption(n_("{n} customer loses this tag.", "{n} customers lose this tag.", count, shown=words.number(count)))
    with form.drawn():
        if form.submit(_("Delete the tag")):
            with attempt(_("Tag deleted.")) as tried, uow(dialog_key()) as u:
                tags.drop(u, tag["id"], seen=seen_version() or tag["version"])
            _finish(form, tried)


_BODIES: Final[Mapping[str, tuple[str, Callable[[dict[str, Any], dict[int, dict[str, Any]], int], Any]]]] = {
    "tag": (N_("Tag"), _rename),
    "join": (N_("Join tags"), _join),
    "drop": (N_("Delete the tag"), _drop),
}
