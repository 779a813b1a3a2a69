"""The dialogs of a customer's personal data: everything that is kept as one file, and the erasure."""

from typing import Final

import streamlit as st

from crm import exports, privacy, settings
from crm.core import i18n
from crm.core.i18n import N_
from crm.customers import Card
from ui import facts, words
from ui.facts import Box
from ui.forms import Form, in_dialog
from ui.page import dialog_key, opening
from ui.session import Tried, _, attempt, identity, language, once_key, translated, uow, used

_KEY: Final = "person-file"
_CALLED: Final = N_("Erased customer")
"""How the empty card is named in the company's language; its number stands behind."""


def personal_data(card: Card, *, erasable: bool) -> None:
    """Draw what can be done when a customer asks which data are kept about him."""
    title = _("Personal data: {name}").format(name=words.md(card.name[:60]))
    in_dialog(title, lambda: _personal_data(card.id, erasable=erasable))


def _personal_data(customer_id: int, *, erasable: bool) -> None:
    st.markdown(
        _(
            "Everything that is kept about this customer in one file: the card, phones and e-mails, contacts, purchases, "
            "requests and what was changed. As tables (Excel) and for machines (JSON)."
        )
    )
    st.caption(_("That the file was made is noted. Only this sign-in can take it, for a day."))
    with st.container(horizontal=True, horizontal_alignment="right"):
        asked = st.button(_("Write the file"), icon=":material/folder_zip:", key=f"person-file-{customer_id}")
    if asked:
        with attempt(), uow(once_key(_KEY)) as u:
            privacy.export_person(u, customer_id, language=language(), sign_in_id=identity().sign_in_id)
        used(_KEY)
    with uow() as u:
        waiting = exports.of_person(u, customer_id, identity().sign_in_id)
    if waiting:
        st.link_button(
            _("Save the file"), f"/export/person/{waiting[0].stored_as}", icon=":material/download:", type="primary"
        )
        st.caption(_("Only this sign-in can take it, until {moment}.").format(moment=words.when(waiting[0].expires_at)))
    if erasable:
        line = _("When a customer wants to be forgotten, or nothing allows you to keep the data any more.")
        link = (_("Erase this customer"), opening("erase"), "delete_forever")
        facts.draw(Box(_("Erase"), (), note=line, links=[link]), key="erase")


# --- the erasure ----------------------------------------------------------------


def erase(card: Card) -> None:
    """Draw the dialog that erases a customer: what goes, what stays, why, and one more sign that it is meant."""
    in_dialog(_("Erase: {name}").format(name=words.md(card.name[:60])), lambda: _erase(card))


def _erase(card: Card) -> None:
    goes = _(
        "Name, phones, e-mails, address, site, needs, notes of the card and of every contact and purchase, own fields, requests. "
        "In the look-up, the log of changes and notifications, too; files of imports that name this customer and "
        "exports that wait are removed."
    )
    stays = _(
        "Number, kind, stage, industry and region; how often you talked, what was bought and for how much, "
        "under '{called} {number}'. The log keeps that it was erased, by whom and why."
    ).format(called=_(_CALLED), number=card.id)
    copies = _(
        "It cannot be undone. Copies of the database that were made before hold the data until they are thrown away."
    )
    facts.draw(
        Box(_("This goes"), [("", goes, "delete_forever")]),
        Box(_("This stays"), [("", stays, "functions")]),
        key="erasing",
    )
    st.warning(copies, icon=":material/warning:")
    form = Form("erase")
    with form.drawn():
        reason = form.radio("reason", _("Why"), translated(privacy.REASONS))
        label = _("To confirm, write the number of this customer: {number}").format(number=card.id)
        confirmed = form.text("confirm", label, max_chars=20)
        if form.submit(_("Erase for good")):
            form.finish(_erased(card.id, str(reason), confirmed))


def _erased(customer_id: int, reason: str, confirmed: str) -> Tried:
    if confirmed.strip() != str(customer_id):
        return Tried(faults={"confirm": _("This is not the number.")})
    with attempt(_("Erased. Nothing of this person is left.")) as tried:
        with uow() as u:
            called = i18n.translate(settings.value(u, "language"), _CALLED)
            traces = privacy.look_through(u, customer_id)
        with uow(dialog_key()) as u:
            privacy.erase(u, customer_id, reason, traces, called=called)
    if tried.conflict:
        tried.faults = {"confirm": tried.sentence}
    return tried
