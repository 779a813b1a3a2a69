"""The consents of a customer: the tab of the card, and the dialogs that record one and end it."""

from typing import Any, Final

import streamlit as st

from crm import consents
from crm.consents import BASES, PURPOSES, STANDINGS, WAYS, Basis, Standing
from crm.core import clock
from crm.customers import Card
from ui import customer_card, facts, tables, words
from ui.facts import Box
from ui.forms import Form, in_dialog
from ui.page import Action, dialog_key, empty, not_there, opener, opening, seen_version
from ui.session import _, attempt, colleagues, translated, uow, watched, zone

RIGHT: Final = "privacy.record_consents"
TONES: Final = {Standing.HOLDS: "good", Standing.RUN_OUT: "warn", Standing.ENDED: "bad"}


def actions(card: Card) -> list[Action]:
    """Return what can be done here, for the head of the card."""
    add = Action(_("Record a consent"), opening("new_consent"), icon="verified_user")
    return [add] if customer_card.reached(card, RIGHT) else []


def tab(card: Card) -> None:
    """Draw for what the data may be used today, and everything that was recorded."""
    rows = watched(("consents", card.id), lambda u: consents.of(u, card.id))
    if not rows:
        may_record = customer_card.reached(card, RIGHT)
        empty(
            _("No legal basis recorded yet. Mailings reach only those of whom one is."),
            button=_("Record a consent") if may_record else "",
            href=opening("new_consent"),
            icon="verified_user",
            key="consents",
        )
        return
    lines = [
        (words.named(PURPOSES, purpose), words.named(STANDINGS, now) if now else _("no basis"), "")
        for purpose, now in consents.purposes(rows).items()
    ]
    facts.draw(Box(_("What the data may be used for today"), lines), key="purposes")
    columns = {
        "purpose": tables.Column(_("For what"), lambda code: words.named(PURPOSES, code), main=True, wrap=True),
        "standing": tables.Column(
            _("State"), lambda code: words.named(STANDINGS, code), tag=True, tone=lambda code: TONES[code]
        ),
        "basis": tables.Column(_("Basis"), lambda code: words.named(BASES, code)),
        "given_on": tables.Column(_("Since"), words.day),
        "until": tables.Column(_("Until"), words.day),
    }
    address = opener("consent", "consent")
    tables.table(rows, columns, key="consents", opens=lambda row: address(consent=row["id"], seen=row["version"]))


def draw(card: Card, name: str, consent_id: int | None) -> None:
    """Draw the dialog that the address names."""
    if name == "new_consent":
        if customer_card.reached(card, RIGHT):
            in_dialog(_("Record a consent"), lambda: _new(card))
        return
    with attempt() as found, uow() as u:
        found.result = consents.one(u, consent_id or 0)
    if found.ok and found.result["customer_id"] == card.id:
        in_dialog(words.named(PURPOSES, found.result["purpose"]), lambda: _one(card, found.result))
    else:
        in_dialog(_("Consent"), not_there)


def _new(card: Card) -> None:
    form, today = Form("new-consent"), clock.day_of(clock.now(), zone())
    with form.drawn():
        form.choice("purpose", _("For what"), translated(PURPOSES))
        form.choice("basis", _("Basis"), translated(BASES), value=Basis.CONSENT)
        form.day("given_on", _("Since"), value=today, min_value=consents.FIRST_DAY, max_value=today)
        form.day("until", _("Until (empty: with no end)"), min_value=consents.FIRST_DAY)
        form.choice("how", _("How the customer said it"), {None: "–"} | translated(WAYS))
        form.area(
            "proof", _("Where the proof lies"), height=70, max_chars=consents.PROOF_LENGTH,
            help=_("The number of the paper, the letter, the address of the page."),
        )  # fmt: skip
        if form.submit(_("Record")):
            with attempt(_("Recorded.")) as tried, uow(dialog_key()) as u:
                consents.record(u, card.id, **form.values)
            form.finish(tried)


def _one(card: Card, row: dict[str, Any]) -> None:
    """Draw everything about one consent, and for whoever may the form that ends it."""
    who = colleagues()
    known = {
        _("State"): words.named(STANDINGS, row["standing"]),
        _("Basis"): words.named(BASES, row["basis"]),
        _("Since"): words.day(row["given_on"]),
        _("Until"): words.day(row["until"]),
        _("How the customer said it"): words.named(WAYS, row["how"]),
        _("Where the proof lies"): row["proof"],
        _("Recorded"): words.when(row["recorded_at"]),
        _("Recorded by"): who.get(row["recorded_by_id"] or 0),
        _("Withdrawn on"): words.day(row["ended_on"]),
        _("How it was withdrawn"): words.named(WAYS, row["ended_how"]),
        _("Withdrawal recorded by"): who.get(row["ended_by_id"] or 0),
    }
    facts.draw(Box("", [(label, value, "") for label, value in known.items() if value]), key="consent")
    if row["ended_on"] is None and customer_card.reached(card, RIGHT):
        _end(row)


def _end(row: dict[str, Any]) -> None:
    form, today = Form("end-consent"), clock.day_of(clock.now(), zone())
    st.markdown(_("**The customer does not want this any more**"))
    with form.drawn():
        form.day("on", _("Withdrawn on"), value=today, min_value=row["given_on"], max_value=today)
        form.choice("how", _("How it was withdrawn"), {None: "–"} | translated(WAYS))
        if form.submit(_("Record the withdrawal")):
            with attempt(_("Recorded.")) as tried, uow(dialog_key()) as u:
                consents.end(u, row["id"], **form.values, seen=seen_version() or row["version"])
            if tried.conflict:
                st.error(tried.sentence, icon=":material/error:")
            form.finish(tried)
