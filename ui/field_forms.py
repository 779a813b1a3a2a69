"""The dialogs of own fields: a new one, and one that is changed, moved, taken out of use or back into it."""

from typing import Any, Final

import streamlit as st

from crm import fields
from crm.core.uow import UnitOfWork
from crm.fields import KINDS, WHOSE, WITH_CHOICES, Definition, FieldKind, FieldList, Whose
from ui import own_fields, words
from ui.forms import Form, in_dialog
from ui.page import close_dialog, not_there, seen_version
from ui.session import _, attempt, tell, translated, uow

FIRST: Final = 0
"""Stands for 'before all others'."""


def new() -> None:
    """Draw the dialog of a new field."""
    in_dialog(_("New field"), _new)


def _new() -> None:
    form = Form("new-field")
    # before the form: only two kinds have choices
    kind = form.choice("kind", _("What it takes"), translated(KINDS), value=FieldKind.TEXT)
    with form.drawn():
        form.text("label", _("What it is called"), max_chars=fields.LABEL_LENGTH)
        if kind in WITH_CHOICES:
            form.area("choices", _("Choices, one in each line"), height=140)
        _draw_uses(form, None)
        if form.submit(_("Add field")):
            with (
                attempt(_("Field added. It is in the form, the card and the files from now on.")) as tried,
                uow(form.once) as u,
            ):
                fields.add(u, _facts(form))
            form.finish(tried)


def _draw_uses(form: Form, one: Definition | None) -> None:
    form.radio("whose", _("For whom"), translated(WHOSE), value=one.whose if one else Whose.BOTH, horizontal=True)
    form.check(
        "mandatory", _("Must be filled in"), value=bool(one and one.mandatory),
        help=_("A customer without it cannot be saved any more, not even one who was there before. Files are refused row by row."),
    )  # fmt: skip
    form.check("listed", _("Column in the list"), value=bool(one and one.listed))


def _facts(form: Form) -> dict[str, Any]:
    facts = {
        key: value for key, value in form.values.items() if key in {"kind", "label", "whose", "mandatory", "listed"}
    }
    if "choices" in form.values:
        facts["choices"] = str(form.values["choices"]).splitlines()
    return facts


def change(asked: int | None, known: FieldList) -> None:
    """Draw the dialog of one field."""
    one = next((one for one in known if one.id == asked), None)
    if one is None:
        in_dialog(_("Own field"), not_there)
    elif one.archived:
        in_dialog(words.md(one.label), lambda: _archived(one))
    else:
        in_dialog(words.md(one.label), lambda: _change(one, known))


def _change(one: Definition, known: FieldList) -> None:
    form = Form(f"field-{one.id}")
    seen = seen_version() or one.version
    st.caption(_("{kind}. What it takes stays, because values of it may be stored.").format(kind=_(KINDS[one.kind])))
    with form.drawn():
        form.text("label", _("What it is called"), value=one.label, max_chars=fields.LABEL_LENGTH)
        if one.kind in WITH_CHOICES:
            _draw_choices(form, one)
        _draw_uses(form, one)
        others = [each for each in known if each.id != one.id and not each.archived]
        before = [each.id for each in others if each.position < one.position]
        places = {FIRST: _("At the beginning")} | {each.id: each.label for each in others}
        form.choice("place", _("Stands after"), places, value=before[-1] if before else FIRST)
        if form.submit(_("Save")):
            with attempt(_("Saved.")) as tried, uow(form.once) as u:
                _save(u, form, one, seen, moved=form.values["place"] != (before[-1] if before else FIRST))
            if tried.conflict:
                st.error(tried.sentence)
            form.finish(tried)
    st.button(
        _("Take out of use"), icon=":material/archive:", type="tertiary", key=f"retire-{one.id}", on_click=_retire,
        args=(one.id, one.version), help=_("It leaves forms, lists and files. What was entered stays."),
    )  # fmt: skip


def _draw_choices(form: Form, one: Definition) -> None:
    in_use = "\n".join(each.label for each in one.choices if not each.retired)
    taken_away = _("A line that is taken away is not offered any more; whoever has the choice keeps it.")
    form.area("choices", _("Choices, one in each line"), value=in_use, height=140, help=taken_away)
    names = {each.code: each.label for each in one.choices}
    form.choice("rename", _("Rename a choice"), {None: "–"} | names)
    form.text("rename_to", _("New name of the choice"), max_chars=100)


def _save(u: UnitOfWork, form: Form, one: Definition, seen: int, *, moved: bool) -> None:
    field = fields.change(u, one.id, _facts(form), seen=seen)
    if form.values.get("rename"):
        fields.rename_choice(u, one.id, form.values["rename"], form.values["rename_to"], seen=field.version)
    if moved:
        fields.move(u, one.id, after=form.values["place"] or None)


def _retire(field_id: int, version: int) -> None:
    with attempt(_("Taken out of use.")) as tried, uow() as u:
        fields.retire(u, field_id, seen=version)
    if tried.ok:
        close_dialog()
    elif tried.conflict:
        tell(tried.sentence, bad=True)


def _archived(one: Definition) -> None:
    st.markdown(_("This field is out of use. What was entered in it is kept and comes back with it."))
    st.button(
        _("Take it back into use"), type="primary", icon=":material/unarchive:", key=f"restore-{one.id}",
        on_click=_restore, args=(one.id,),
    )  # fmt: skip


def _restore(field_id: int) -> None:
    with attempt(_("Back in use.")) as tried, uow() as u:
        fields.restore(u, field_id)
    if tried.ok:
        close_dialog()


def choices_line(one: Definition) -> str:
    """Write the choices of a field in one line."""
    return words.listed(each.label for each in one.choices if not each.retired)


def known() -> FieldList:
    """Return every own field, those in use first."""
    return tuple(sorted(own_fields.everything(), key=lambda one: one.archived))
