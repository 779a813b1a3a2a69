"""The dialogs of types of customers: a new one, one that is changed, a field of its template, a group of fields."""

from typing import Final

import streamlit as st

from crm import types
from crm.customers import KINDS
from crm.templates import LEVELS, NAME_LENGTH, STANDARD_KEYS, TITLE_LENGTH, Level, Place, Type
from ui import customer_types, own_fields, words
from ui.forms import Form, in_dialog
from ui.page import close_dialog, not_there, open_dialog, saved, seen_version
from ui.session import _, attempt, tell, translated, uow

FIRST: Final = ""
"""Stands for 'before all others'."""
NEW: Final = "+"
"""Stands for a group that is not there yet."""


def level(one: Place) -> Level:
    """Return how much a field is asked for: an own field that must be filled in must be so here, too."""
    must = one.level is not Level.OUT and any(each.key == one.key and each.mandatory for each in own_fields.known())
    return Level.MUST if must else one.level


def fields_line(one: Type, wanted: Level) -> str:
    """Write the fields that are asked for so much in one line."""
    places = (each for group in customer_types.asked_of(one) for each in group.places)
    return words.listed(customer_types.label(each.key) for each in places if level(each) is wanted)


def left_out(one: Type) -> tuple[Place, ...]:
    """Return the fields that are not asked of customers of a type."""
    own = [each.key for each in own_fields.known() if each.concerns(one.kind)]
    return tuple(Place(key, Level.OUT) for key in (*STANDARD_KEYS, *own) if key in one.left_out)


def new() -> None:
    """Draw the dialog of a new type."""
    in_dialog(_("New type"), _new)


def _new() -> None:
    form = Form("new-type")
    # before the form: it begins with the template of a type of the same kind
    kind = form.chips("kind", _("Kind"), translated(KINDS), value=next(iter(KINDS)), required=True)
    same = {one.code: customer_types.called(one) for one in customer_types.everything() if one.kind == kind}
    with form.drawn():
        form.text("name", _("What it is called"), max_chars=NAME_LENGTH)
        form.choice("like", _("Begins with the template of"), same)
        if form.submit(_("Add type")):
            done = _("Type added. It can be chosen from now on.")
            with attempt(done) as tried, uow(form.once) as u:
                tried.result = types.add(u, form.values).code
            if tried.ok and tried.result:
                saved()
                st.query_params["type"] = tried.result
            form.finish(tried)


def change(one: Type) -> None:
    """Draw the dialog of one type: its name, out of use and back; of those that are always there: as delivered."""
    in_dialog(words.md(customer_types.called(one)), lambda: _change(one))


def _change(one: Type) -> None:
    if one.is_base:
        st.markdown(_("This type is always there and keeps its name. Its fields are yours to choose."))
        st.button(
            _("Set back to the fields that were delivered"), key="reset-type", icon=":material/restart_alt:",
            on_click=_reset, args=(one.code, one.version), disabled=one.version == 0,
        )  # fmt: skip
        return
    if one.archived:
        st.markdown(_("This type is out of use: nobody gets it any more, whoever has it keeps it."))
        st.button(
            _("Take it back into use"), type="primary", icon=":material/unarchive:", key="restore-type",
            on_click=_restore, args=(one.code,),
        )  # fmt: skip
        return
    form, seen = Form(f"type-{one.code}"), seen_version()
    with form.drawn():
        form.text("name", _("What it is called"), value=one.name, max_chars=NAME_LENGTH)
        if form.submit(_("Save")):
            with attempt(_("Saved.")) as tried, uow(form.once) as u:
                types.rename(u, one.code, str(form.values["name"]), seen=one.version if seen is None else seen)
            if tried.conflict:
                st.error(tried.sentence)
            form.finish(tried)
    st.button(
        _("Take out of use"), icon=":material/archive:", type="tertiary", key="retire-type", on_click=_retire,
        args=(one.code, one.version), help=_("Nobody gets it any more, whoever has it keeps it."),
    )  # fmt: skip


def _retire(code: str, version: int) -> None:
    with attempt(_("Taken out of use.")) as tried, uow() as u:
        types.retire(u, code, seen=version)
    _after(tried.ok, tried.sentence if tried.conflict else "")


def _restore(code: str) -> None:
    with attempt(_("Back in use.")) as tried, uow() as u:
        types.restore(u, code)
    _after(tried.ok, "")


def _reset(code: str, version: int) -> None:
    with attempt(_("Set back.")) as tried, uow() as u:
        types.reset(u, code, seen=version)
    _after(tried.ok, tried.sentence if tried.conflict else "")


def _after(ok: bool, said: str) -> None:  # noqa: FBT001  a callback's outcome
    if ok:
        close_dialog()
    elif said:
        tell(said, bad=True)


# --- a field, a group -----------------------------------------------------------


def place(one: Type, key: str) -> None:
    """Draw the dialog of one field of a template."""
    groups = customer_types.asked_of(one)
    there = customer_types.places(groups) | {each.key: each for each in left_out(one)}
    in_dialog(words.md(customer_types.label(key)) if key in there else _("Field"), lambda: _place(one, there.get(key)))


def _place(one: Type, now: Place | None) -> None:
    if now is None:
        not_there()
        return
    form, groups, seen = Form(f"place-{one.code}-{now.key}"), customer_types.asked_of(one), seen_version()
    titles = {group.title: customer_types.title_of(group) for group in groups}
    mine = next((group.title for group in groups if now in group.places), next(iter(titles), NEW))
    # before the form: the fields that it can stand behind are those of the group
    title = form.choice("group", _("Group"), titles | {NEW: _("A new group")}, value=mine)
    others = [each.key for group in groups if group.title == title for each in group.places]
    before = others[: others.index(now.key)] if now.key in others else others
    with form.drawn():
        if title == NEW:
            form.text("title", _("Title of the new group"), max_chars=TITLE_LENGTH)
        levels = translated({Level.MUST: LEVELS[Level.MUST]} if now.key == "name" else LEVELS)
        form.radio("level", _("How much it is asked for"), levels, value=str(level(now)))
        places = {FIRST: _("At the beginning")} | {
            each: customer_types.label(each) for each in others if each != now.key
        }
        if title != NEW:
            form.choice("after", _("Stands after"), places, value=before[-1] if before else FIRST)
        if form.submit(_("Save")):
            group = customer_types.title_typed(str(form.values.get("title", ""))) if title == NEW else title
            with attempt(_("Saved.")) as tried, uow(form.once) as u:
                types.place(
                    u, one.code, now.key, level=str(form.values["level"]), group=group,
                    after=form.values.get("after") or None, seen=one.version if seen is None else seen,
                )  # fmt: skip
            if tried.conflict:
                st.error(tried.sentence)
            if "group" in tried.faults and title == NEW:
                form.fault("title", tried.faults.pop("group"))
            form.finish(tried)


def open_group(title: str, version: int) -> None:
    """Open the dialog of a group (a callback)."""
    open_dialog("group", seen=version, group=title)


def arrange(one: Type, title: str) -> None:
    """Draw the dialog of a group: what it is called, and behind which other one it stands."""
    in_dialog(_("Group of fields"), lambda: _arrange(one, title))


def _arrange(one: Type, title: str) -> None:
    groups = customer_types.asked_of(one)
    now = next((group for group in groups if group.title == title), None)
    if now is None:
        not_there()
        return
    form, seen = Form(f"group-{one.code}-{title}"), seen_version()
    others = [group for group in groups if group is not now]
    before = groups[: groups.index(now)]
    with form.drawn():
        form.text("name", _("What it is called"), value=customer_types.title_of(now), max_chars=TITLE_LENGTH)
        places = {FIRST: _("At the beginning")} | {each.title: customer_types.title_of(each) for each in others}
        form.choice("after", _("Stands after"), places, value=before[-1].title if before else FIRST)
        if form.submit(_("Save")):
            name = customer_types.title_typed(str(form.values["name"]))
            with attempt(_("Saved.")) as tried, uow(form.once) as u:
                types.arrange(
                    u, one.code, title, name=name, after=form.values["after"] or None,
                    seen=one.version if seen is None else seen,
                )  # fmt: skip
            if tried.conflict:
                st.error(tried.sentence)
            form.finish(tried)
