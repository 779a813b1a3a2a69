"""The contact persons of a customer: the tab of the card, and the dialogs that add, change and see off somebody."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import streamlit as st

from crm import audit, contacts
from crm.core import clock
from crm.customers import NAME_LENGTH, Card
from ui import customer_card, forms, tables, words
from ui.double_forms import Doubles
from ui.facts import Box
from ui.facts import draw as draw_facts
from ui.forms import Form, Versions, in_dialog
from ui.page import Action, dialog_key, empty, opener, opening, seen_version
from ui.session import _, attempt, tell, uow, watched, zone

SEVERAL: Final = frozenset({"phones", "emails"})
FIRST_DAY: Final = date(contacts.FIRST_YEAR, 1, 1)


def labels() -> dict[str, str]:
    """Return the name of every field of a contact person."""
    return {
        "name": _("Name"),
        "position": _("Position"),
        "department": _("Department"),
        "phones": _("Phones"),
        "emails": _("E-mail addresses"),
        "birthday": _("Birthday"),
        "note": _("Note"),
        "is_primary": _("Asked first"),
    }


def actions(card: Card) -> list[Action]:
    """Return what can be done here, for the head of the card."""
    add = Action(_("Add a contact person"), opening("new_contact"), icon="person_add")
    return [add] if customer_card.reached(card, "customers.edit_personal") else []


def tab(card: Card) -> None:
    """Draw the persons at a customer, each row a link to its dialog."""
    rows = watched(("contacts", card.id), lambda u: contacts.of(u, card.id))
    if not rows:
        may_add = customer_card.reached(card, "customers.edit_personal")
        sentence = _("Nobody is noted here yet. Add the people whom you talk to at this customer.")
        if not may_add:
            sentence = _("Nobody is noted here yet. Record keepers add the people at a customer.")
        button = _("Add a contact person") if may_add else ""
        empty(sentence, button=button, href=opening("new_contact"), icon="contacts", key="contacts")
        return
    columns = {
        "name": tables.Column(_("Name"), main=True),
        "state": tables.Column(
            _("State"), _state, tag=True, spare=True, tone=lambda code: "good" if code == "first" else ""
        ),
        "does": tables.Column(_("Position"), wrap=True, spare=True),
        "phones": tables.Column(_("Phones"), words.listed),
        "emails": tables.Column(_("E-mail addresses"), words.listed, wrap=True),
        "note": tables.Column(_("Note"), grow=True, spare=True),
    }
    opens = opener("contact", "contact", "seen")
    drawn = [row | _in_short(row) for row in rows]
    tables.table(drawn, columns, key="contacts", opens=lambda row: opens(contact=row["id"], seen=row["version"]))


def _in_short(row: dict[str, Any]) -> dict[str, Any]:
    state = "left" if row["left_at"] else "first" if row["is_primary"] else ""
    does = words.listed(filter(None, (row["position"], row["department"])))
    return {"state": state, "does": does, "phones": tuple(row["phones"]), "emails": tuple(row["emails"])}


def _state(code: str) -> str:
    return {"left": _("No longer there"), "first": _("Asked first")}.get(code, "")


# --- dialogs ----------------------------------------------------------------


def draw(card: Card, name: str, contact_id: int | None) -> None:
    """Draw the dialog that the address names: a new contact person, or one that is there."""
    if name == "new_contact":
        if customer_card.reached(card, "customers.edit_personal"):
            in_dialog(_("New contact person"), lambda: _new(card))
        return
    with attempt() as found, uow() as u:
        one = contacts.one(u, contact_id or 0)
    if not found.ok or one["customer_id"] != card.id:
        return
    if customer_card.reached(card, "customers.edit"):
        in_dialog(_("Contact person"), lambda: _edit(card, one))
    else:
        in_dialog(_("Contact person"), lambda: _shown(one))


def _new(card: Card) -> None:
    form = Form("new-contact")
    check = Doubles(form, of=card.id)
    check.look_again()
    with form.drawn():
        _draw_fields(form, dict.fromkeys(labels(), None) | {"phones": [], "emails": []}, labels())
        check.draw()
        check.ask_why()
        if form.submit(check.label(_("Add a contact person"), _("Add all the same"))):
            raw = _typed(form.values)
            if check.hold_up(fresh := {key: raw[key] for key in SEVERAL}):
                return
            with attempt(_("Contact person added.")) as tried, uow(dialog_key()) as u:
                check.settle(u, fresh)
                contacts.add(u, card.id, raw)
            form.finish(tried)


def _edit(card: Card, one: dict[str, Any]) -> None:
    form, version = Form("edit-contact"), one["version"]
    stored = {key: one[key] for key in labels()}
    seen = seen_version() or version
    shown_version, original = st.session_state.setdefault(form.key("original"), (version, stored))
    if mine := st.session_state.get(form.key("in-conflict")):
        # after a restart of the server nobody knows any more what the form showed at first
        before = {key: _plain(original[key]) for key in mine} if shown_version == seen else None
        _settle(form, one, Versions(mine, {key: _plain(stored[key]) for key in mine}, before))
        return
    may = labels() if customer_card.reached(card, "customers.edit_personal") else contacts.BUSINESS
    check = Doubles(form, of=card.id)
    check.look_again()
    with form.drawn():
        if "name" not in may:
            draw_facts(_personal(one), key="contact")
        _draw_fields(form, original, may)
        check.draw()
        check.ask_why()
        if form.submit(check.label(_("Save"), _("Save all the same"))):
            _save(form, one, check, original, seen)
    _see_off(form, one)


def _save(form: Form, one: dict[str, Any], check: Doubles, original: dict[str, Any], seen: int) -> None:
    raw = _typed(form.values)
    changed = {key: value for key, value in raw.items() if _plain(value) != _plain(original[key])}
    if check.hold_up(fresh := _fresh(changed, original)):
        return
    with attempt(_("Saved.")) as tried, uow(dialog_key()) as u:
        check.settle(u, fresh)
        contacts.change(u, one["id"], changed, seen=seen)
    if tried.conflict:
        st.session_state[form.key("in-conflict")] = {key: _plain(value) for key, value in raw.items()}
        st.rerun()
    form.finish(tried)


def _fresh(changed: Mapping[str, Any], original: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ways to reach the person that are new and may be somebody else's already."""
    return {key: [way for way in changed[key] if way not in (original[key] or ())] for key in SEVERAL & changed.keys()}


def _see_off(form: Form, one: dict[str, Any]) -> None:
    """Draw the button that says that somebody has left, or is there again."""
    gone = one["left_at"] is not None
    label = _("There again") if gone else _("No longer there")
    if gone:
        st.caption(_("No longer there since {day}.").format(day=words.moment(one["left_at"])))
    if st.button(label, icon=":material/undo:" if gone else ":material/person_off:", key=form.key("leave")):
        with attempt(_("Saved.")) as tried, uow(f"{dialog_key()}.left") as u:
            (contacts.come_back if gone else contacts.leave)(u, one["id"], seen=one["version"])
        if tried.conflict:
            tell(tried.sentence, bad=True)
        form.finish(tried)


def _settle(form: Form, one: dict[str, Any], versions: Versions) -> None:
    """Let the person decide between mine and theirs, then save on top of the version that they just saw."""
    with uow() as u:
        who = audit.last_by(u, "contacts", one["id"]) or _("Somebody")
    chosen: dict[str, Any] | None = {}
    if versions.in_dispute():
        chosen = forms.conflict(form, labels(), versions, who)
    if chosen is None:
        return
    merged = versions.changed_by_me() | chosen
    raw = {
        key: list(value or ()) if key in SEVERAL else value
        for key, value in merged.items()
        if value != versions.theirs[key]
    }
    with attempt(_("Saved.")) as tried, uow(f"{dialog_key()}.{one['version']}") as u:
        Doubles(form, of=one["customer_id"]).settle(u, _fresh(raw, versions.theirs))
        contacts.change(u, one["id"], raw, seen=one["version"])
    if tried.conflict:
        st.rerun()
    form.finish(tried)


def _draw_fields(form: Form, value: dict[str, Any], fields: Any) -> None:
    name, today = labels(), clock.day_of(clock.now(), zone())
    for field in fields:
        if field in SEVERAL:
            form.text(field, name[field], value=", ".join(value[field]), help=_("Several with commas between them."))
        elif field == "note":
            form.area(field, name[field], value=value[field], height=90)
        elif field == "birthday":
            form.day(field, name[field], value=value[field], min_value=FIRST_DAY, max_value=today)
        elif field == "is_primary":
            form.tick(field, _("Ask this person first"), value=bool(value[field]))
        else:
            form.text(field, name[field], value=value[field], max_chars=contacts.LENGTHS.get(field, NAME_LENGTH))


def _typed(values: dict[str, Any]) -> dict[str, Any]:
    """Return the fields as `contacts.checked` takes them."""
    return {
        key: [part.strip() for part in str(value or "").split(",")] if key in SEVERAL else value
        for key, value in values.items()
    }


def _plain(value: Any) -> Any:
    """Bring a stored and a typed value into one form: an empty field is None, a list is a tuple."""
    if isinstance(value, list):
        return tuple(filter(None, value)) or None
    return None if value in ("", False) else value


def _personal(one: dict[str, Any]) -> Box:
    lines = [("", phone, "call") for phone in one["phones"]] + [("", address, "mail") for address in one["emails"]]
    if one["birthday"]:
        shown = words.day(one["birthday"]) if isinstance(one["birthday"], date) else str(one["birthday"])
        lines.append((_("Birthday"), shown, ""))
    note = "" if one["in_full"] else _("Shown in part: this is a colleague's customer.")
    return Box(one["name"], lines, note=note)


def _shown(one: dict[str, Any]) -> None:
    """Draw a person whom the reader may not change."""
    personal = _personal(one)
    named = {"position": one["position"], "department": one["department"], "note": one["note"]}
    lines = [(labels()[key], value, "") for key, value in named.items() if value]
    draw_facts(Box(personal.title, [*personal.lines, *lines], note=personal.note), key="contact")
