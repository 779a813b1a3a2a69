"""The dialog that changes all customers of a list at once: looked at before, with its progress, and undone for a month."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from crm import mass_edits, tags
from crm.customers import COUNT_CAP, Filters
from crm.mass_edits import BIN, FIELDS, RESPONSIBLE, TAGS_OFF, TAGS_ON, MassEdit, Preview, State, Wish
from crm.templates import Level, Place
from ui import changes, customer_forms, customer_types, own_fields, tables, words
from ui.forms import Form, in_dialog
from ui.page import dialog_key
from ui.session import _, attempt, colleagues, may, me, n_, tell, uow

SECONDS: Final = 1.0
"""How often a change of many customers tells how far it is."""
_NOBODY: Final = 0


def draw(wanted: Filters) -> None:
    """Draw the dialog for the customers that the list shows."""
    in_dialog(_("Mass edit"), lambda: _body(wanted), width="large")


def _body(wanted: Filters) -> None:
    with uow() as u:
        before = mass_edits.recent(u)
        count = mass_edits.count(u, wanted)
    running = next((one for one in before if one.is_under_way and one.responsible_id == me().id), None)
    if running:
        _progress(running.id)
        return
    form = Form("change-many")
    shown = tables.counted(count, COUNT_CAP, "{n} customer", "{n} customers")
    st.markdown(_("As the list is narrowed now: **{customers}**.").format(customers=shown))
    if count:
        # one thing at a time: what all customers of a list get at once should be seen at a glance
        if what := form.choice("what", _("What to change"), {None: "–"} | _names()):
            _change(form, wanted, _wish(form, what))
    else:
        st.caption(_("None of these customers is yours to change. Narrow the list otherwise."))
    _lately(form, [one for one in before if not one.is_under_way])


def _names() -> dict[str, str]:
    """Return what can be changed -> how it is called."""
    names = customer_forms.labels()
    found = {key: names[key] for key in FIELDS} | {key: words.md(one) for key, one in own_fields.labels().items()}
    found |= {TAGS_ON: _("Put tags on"), TAGS_OFF: _("Take tags off")}
    if may("customers.assign"):
        found[RESPONSIBLE] = _("Responsible")
    if may("customers.archive"):
        found[BIN] = _("Put into the bin")
    return found


def _wish(form: Form, what: str) -> Wish:
    """Draw the field of what is to be changed; return what is wished."""
    if what == BIN:
        return Wish(into_bin=True)
    if what == RESPONSIBLE:
        names = {_NOBODY: _("nobody")} | colleagues()
        return Wish(hand_over=True, responsible_id=form.choice("responsible", _("Responsible"), names) or None)
    if what in {TAGS_ON, TAGS_OFF}:
        with uow() as u:
            known = {key: row["name"] for key, row in tags.directory(u).items()}
        if what == TAGS_ON:
            return Wish(on=form.words("tags", _("Tags"), list(known.values()), new=may("tags.edit")))
        return Wish(off=form.many(TAGS_OFF, _("Tags"), known))
    if what == "type":
        return Wish({what: form.choice(what, customer_forms.labels()[what], customer_types.names())})
    customer_forms.draw_field(form, Place(what, Level.FREE), {})
    return Wish({what: own_fields.typed(own_fields.known(), form.values).get(what, form.values[what])})


# --- looking before ------------------------------------------------------------


def _change(form: Form, wanted: Filters, wish: Wish) -> None:
    """Draw what would happen, and the button that does it."""
    with attempt() as looked, uow() as u:
        looked.result = mass_edits.preview(u, wanted, wish)
    if not looked.ok:
        form.finish(looked)
        return
    seen: Preview = looked.result
    _preview(seen)
    st.caption(_("The history of each card tells the change. It can be undone here for a month."))
    label = n_("Change {n} customer", "Change {n} customers", seen.count, shown=words.number(seen.count))
    with st.container(horizontal=True, horizontal_alignment="right"):
        pressed = st.button(label, type="primary", key=form.key("change"), disabled=not seen.count)
    if pressed:
        _begin(form, wanted, wish, seen)


def _preview(seen: Preview) -> None:
    if seen.same:
        st.caption(
            n_("{n} of them is so already.", "{n} of them are so already.", seen.same, shown=words.number(seen.same))
        )
    keys = [key for key in seen.changes if key != BIN]
    if not keys or not seen.before:
        return
    after = changes.spoken("mass_edits", {key: seen.changes[key] for key in keys}, colleagues())
    columns = {"name": tables.Column(_("Name"), main=True, wrap=True)}
    columns |= {key: tables.Column(after[key][0], wrap=True) for key in keys}
    rows = [_row(one, keys, after) for one in seen.before]
    tables.table(rows, columns, key="change-many", count=_("The first {n}").format(n=len(rows)))


def _row(one: Mapping[str, Any], keys: list[str], after: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    now = changes.spoken("mass_edits", {key: one[key] for key in keys}, colleagues())
    return {"name": one["name"]} | {key: f"{now[key][1] or '–'} → {after[key][1] or '–'}" for key in keys}


# --- doing it ---------------------------------------------------------------------


def _begin(form: Form, wanted: Filters, wish: Wish, seen: Preview) -> None:
    with attempt() as tried, st.spinner(_("Changing…")), uow(dialog_key()) as u:
        tried.result = mass_edits.ask(u, wanted, wish, seen=seen.count).id
    if tried.conflict:
        st.error(tried.sentence, icon=":material/error:")
    if tried.ok and tried.result is not None:
        _say(tried.result)
    form.finish(tried)


def _say(mass_edit_id: int) -> None:
    """Say what came of it, or that it goes on."""
    with uow() as u:
        record = mass_edits.one(u, mass_edit_id)
    later = _("The work goes on in the background, and the bell tells when it is done.")
    tell(later if record.is_under_way else _outcome(record))


def _outcome(record: MassEdit) -> str:
    """Say how many customers became what."""
    if record.state in {State.UNDOING, State.UNDONE}:
        parts = [n_("{n} put back", "{n} put back", record.back_count, shown=words.number(record.back_count))]
        kept = n_("{n} changed since, kept", "{n} changed since, kept", record.kept_count)
        parts += [kept] * bool(record.kept_count)
    else:
        parts = [n_("{n} changed", "{n} changed", record.changed_count, shown=words.number(record.changed_count))]
        parts += [n_("{n} was so already", "{n} were so already", record.same_count)] * bool(record.same_count)
        parts += [n_("{n} left as it was", "{n} left as they were", record.left_count)] * bool(record.left_count)
    return " · ".join(parts)


@st.fragment(run_every=SECONDS)
def _progress(mass_edit_id: int) -> None:
    """Draw how far a change of many customers is, once a second, with the button that stops it."""
    with attempt() as found, uow() as u:
        found.result = mass_edits.one(u, mass_edit_id)
    record: MassEdit | None = found.result
    if record is None or not record.is_under_way:
        st.rerun()
    text = _("{done} of {all} customers").format(done=words.number(record.done), all=words.number(record.todo))
    st.markdown(f"**{words.md(_said(record))}**")
    st.progress(min(record.done / max(record.todo, 1), 1.0), text)
    if record.state == State.RUNNING:
        st.button(_("Stop"), icon=":material/stop:", key="stop-change-many", on_click=_stop, args=(mass_edit_id,))
    st.caption(_("You can leave this page: the work goes on, and the bell tells when it is done."))


def _stop(mass_edit_id: int) -> None:
    with attempt(_("Stopped. What is changed can be undone.")), uow() as u:
        mass_edits.stop(u, mass_edit_id)


# --- lately -----------------------------------------------------------------------


def _said(record: MassEdit) -> str:
    """Say in one line what a mass edit changes."""
    said = changes.spoken("mass_edits", record.changes, colleagues())
    return "; ".join(f"{field}: {now or '–'}" for field, now in said.values())


def _lately(form: Form, before: list[MassEdit]) -> None:
    """Draw the mass edits of the last days, each with what undoes it."""
    if before:
        st.markdown(_("**Changed lately**"))
    for one in before:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            by = colleagues().get(one.responsible_id or 0, "")
            facts = (_said(one), _outcome(one), words.when(one.created_at), by)
            st.caption(" · ".join(words.md(fact) for fact in facts if fact))
            undone = one.state == State.UNDONE or not one.changed_count
            if not undone and st.button(_("Undo"), icon=":material/undo:", key=form.key(f"undo-{one.id}")):
                _undo(one.id)


def _undo(mass_edit_id: int) -> None:
    with attempt() as tried, st.spinner(_("Changing…")), uow(f"{dialog_key()}.undo-{mass_edit_id}") as u:
        mass_edits.undo(u, mass_edit_id)
    if tried.ok:
        _say(mass_edit_id)
        st.rerun()
