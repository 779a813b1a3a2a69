"""The small dialog that changes one field of one customer from the list."""

from collections.abc import Iterable
from typing import Any, Final

import streamlit as st

from crm import customers
from crm.templates import PERSONAL, STANDARD_KEYS, Level, Place
from ui import customer_forms, customer_types, own_fields, words
from ui.forms import Form, in_dialog
from ui.page import dialog_key, not_there
from ui.session import _, attempt, colleagues, uow

RESPONSIBLE: Final = "responsible_id"
BUSINESS: Final = frozenset(STANDARD_KEYS) - frozenset(PERSONAL)


def draw(customer_id: int, field: str) -> None:
    """Draw the dialog for a field that the list shows."""
    with attempt() as found, uow() as u:
        found.result = (
            customers.card(u, customer_id).name,
            customers.values(u, customer_id),
            customers.one(u, customer_id),
        )
    if not found.ok or field not in {*BUSINESS, *own_fields.labels(), RESPONSIBLE}:
        in_dialog(_("Change"), not_there)
        return
    name, stored, customer = found.result
    stored |= {RESPONSIBLE: customer.responsible_id}
    in_dialog(words.md(name), lambda: _body(customer_id, field, stored, customer.version))


def _body(customer_id: int, field: str, stored: dict[str, Any], version: int) -> None:
    form = Form(f"quick-{customer_id}")
    # what it showed at first is what was seen: a colleague's change since is not overwritten
    seen, original = st.session_state.setdefault(form.key("original"), (version, stored))
    with form.drawn():
        value = _field(form, field, original)
        if form.submit(_("Save")):
            with attempt(_("Saved.")) as tried, uow(dialog_key()) as u:
                if field == RESPONSIBLE:
                    customers.assign(u, customer_id, responsible_id=value, seen=seen)
                else:
                    why = str(form.values.get("stage_reason", ""))
                    customers.edit(u, customer_id, {field: value}, seen=seen, form=[field], reason=why)
            if tried.conflict:
                st.error(tried.sentence, icon=":material/error:")
            if others := tried.faults.keys() - {field}:
                _fill_first(customer_id, others)
                return
            form.finish(tried)


def _fill_first(customer_id: int, missing: Iterable[str]) -> None:
    """Say which other fields must be filled in before this one can be saved, and where."""
    labels = own_fields.labels() | customer_forms.labels()
    names = words.listed(words.md(labels.get(one, one)) for one in sorted(missing))
    st.error(_("First fill in on the card: {names}.").format(names=names), icon=":material/error:")
    st.link_button(_("Open the card"), f"/customer?id={customer_id}&do=business")


def _field(form: Form, field: str, stored: dict[str, Any]) -> Any:
    """Draw the field and return what is to be stored."""
    if field == RESPONSIBLE:
        return form.choice(field, _("Responsible"), {None: _("nobody")} | colleagues(), value=stored[field])
    asked = customer_types.places(customer_types.asked_of(customer_types.of(stored["type"])))
    customer_forms.draw_field(form, asked.get(field, Place(field, Level.FREE)), stored)
    return own_fields.typed(own_fields.known(), form.values).get(field, form.values[field])
