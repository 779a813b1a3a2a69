"""The requisites of a customer: the tab of the card, and the dialogs that add, change and delete them."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from crm import audit, doubles, requisites
from crm.customers import Card
from ui import customer_card, facts, forms, words
from ui.double_forms import Doubles
from ui.facts import Box
from ui.forms import Form, Versions, in_dialog
from ui.page import Action, dialog_key, empty, opening, seen_version
from ui.session import _, attempt, tell, uow, watched


def labels() -> dict[str, str]:
    """Return the name of every field of requisites."""
    return {
        "name": _("Legal name"),
        "inn": _("INN"),
        "kpp": _("KPP"),
        "ogrn": _("OGRN"),
        "account": _("Bank account"),
        "bic": _("BIC (Russia)"),
        "uscc": _("USCC (China)"),
        "iban": _("IBAN"),
        "swift": _("SWIFT"),
        "vat": _("VAT number"),
        "address": _("Legal address"),
    }


def actions(card: Card) -> list[Action]:
    """Return what can be done here, for the head of the card."""
    add = Action(_("Add requisites"), opening("new_requisites"), icon="add_card")
    return [add] if customer_card.reached(card, "customers.edit") else []


def tab(card: Card) -> None:
    """Draw the requisites, each in a box of its own."""
    rows = watched(("requisites", card.id), lambda u: requisites.of(u, card.id))
    may_edit, name = customer_card.reached(card, "customers.edit"), labels()
    if not rows:
        sentence = _("No requisites yet. Contracts and invoices need them.")
        button = _("Add requisites") if may_edit else ""
        empty(sentence, button=button, href=opening("new_requisites"), icon="account_balance", key="requisites")
        return
    boxes = []
    for one in rows:
        lines = [(name[key], one[key], "") for key in requisites.FIELDS[1:] if one[key]]
        href = opening("requisites", seen=one["version"], requisites=one["id"])
        boxes.append(Box(one["name"] or _("Requisites"), lines, edit=_("Edit") if may_edit else "", href=href))
    facts.draw(*boxes, key="requisites", beside=True)


def draw(card: Card, name: str, requisites_id: int | None) -> None:
    """Draw the dialog that the address names, for whoever may change the customer."""
    if not customer_card.reached(card, "customers.edit"):
        return
    if name == "new_requisites":
        in_dialog(_("New requisites"), lambda: _new(card))
        return
    with attempt() as found, uow() as u:
        one = requisites.one(u, requisites_id or 0)
    if found.ok and one["customer_id"] == card.id:
        in_dialog(_("Requisites"), lambda: _edit(card, one))


def _draw_fields(form: Form, value: dict[str, Any]) -> None:
    for field, label in labels().items():
        form.text(field, label, value=value.get(field), max_chars=requisites.TEXTS.get(field, requisites.LONGEST))


def _new(card: Card) -> None:
    form = Form("new-requisites")
    check = Doubles(form, of=card.id)
    check.look_again()
    with form.drawn():
        _draw_fields(form, {"name": card.name})
        check.draw()
        check.ask_why()
        if form.submit(check.label(_("Add requisites"), _("Add all the same"))):
            if check.hold_up(fresh := _fresh(form.values)):
                return
            with attempt(_("Requisites added.")) as tried, uow(dialog_key()) as u:
                check.settle(u, fresh)
                requisites.add(u, card.id, form.values)
            form.finish(tried)


def _fresh(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers that may be somebody else's already."""
    return {key: typed[key] for key in doubles.TAX if typed.get(key)}


def _edit(card: Card, one: dict[str, Any]) -> None:
    form, version = Form("edit-requisites"), one["version"]
    stored = {key: one[key] for key in requisites.FIELDS}
    seen = seen_version() or version
    shown_version, original = st.session_state.setdefault(form.key("original"), (version, stored))
    if mine := st.session_state.get(form.key("in-conflict")):
        # after a restart of the server nobody knows any more what the form showed at first
        _settle(form, one, Versions(mine, stored, original if shown_version == seen else None))
        return
    check = Doubles(form, of=card.id)
    check.look_again()
    with form.drawn():
        _draw_fields(form, original)
        check.draw()
        check.ask_why()
        if form.submit(check.label(_("Save"), _("Save all the same"))):
            _save(form, one, check, original, seen)
    if st.button(_("Delete"), icon=":material/delete:", key=form.key("drop")):
        with attempt(_("Requisites deleted.")) as tried, uow(f"{dialog_key()}.gone") as u:
            requisites.drop(u, one["id"], seen=seen)
        if tried.conflict:
            tell(tried.sentence, bad=True)
        form.finish(tried)


def _save(form: Form, one: dict[str, Any], check: Doubles, original: dict[str, Any], seen: int) -> None:
    typed = {key: value or None for key, value in form.values.items()}
    changed = {key: value for key, value in typed.items() if value != original[key]}
    if check.hold_up(fresh := _fresh(changed)):
        return
    with attempt(_("Saved.")) as tried, uow(dialog_key()) as u:
        check.settle(u, fresh)
        requisites.change(u, one["id"], changed, seen=seen)
    if tried.conflict:
        st.session_state[form.key("in-conflict")] = typed
        st.rerun()
    form.finish(tried)


def _settle(form: Form, one: dict[str, Any], versions: Versions) -> None:
    """Let the person decide between mine and theirs, then save on top of the version that they just saw."""
    with uow() as u:
        who = audit.last_by(u, "requisites", one["id"]) or _("Somebody")
    chosen: dict[str, Any] | None = {}
    if versions.in_dispute():
        chosen = forms.conflict(form, labels(), versions, words.md(who))
    if chosen is None:
        return
    merged = versions.changed_by_me() | chosen
    raw = {key: value for key, value in merged.items() if value != versions.theirs[key]}
    with attempt(_("Saved.")) as tried, uow(f"{dialog_key()}.{one['version']}") as u:
        Doubles(form, of=one["customer_id"]).settle(u, _fresh(raw))
        requisites.change(u, one["id"], raw, seen=one["version"])
    if tried.conflict:
        st.rerun()
    form.finish(tried)
