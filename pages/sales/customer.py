"""One customer on one card: who it is, how to reach it, what happened, what comes next."""

from typing import Any

import streamlit as st

from crm import briefs, change_requests, customers, tags
from crm.briefs import Briefing
from crm.core.uow import UnitOfWork
from crm.customers import Card, Reach
from ui import (
    access_forms,
    asking,
    consent_forms,
    contact_forms,
    customer_card,
    customer_forms,
    customer_types,
    document_forms,
    market_forms,
    merge_forms,
    privacy_forms,
    relation_forms,
    request_forms,
    requisite_forms,
    stage_parts,
    tag_forms,
    timeline,
)
from ui.page import Action, asked_id, dialog, header, not_there, opening
from ui.session import _, asked, attempt, colleagues, me, watched_each
from ui.stage_parts import Stage
from ui.timeline import Talks

people = colleagues()
talks_asked = timeline.asked_for(people) if asked("tab") in ("", "timeline") else None


def read(u: UnitOfWork) -> tuple[Card, Reach, list[dict[str, Any]], list[tuple[str, str]], Briefing, Stage, Talks]:
    """Return the customer, how to reach it, tags, key figures, the brief, its stage and, where they show, the contacts with it."""
    card = customers.card(u, asked_id() or 0)
    talks = timeline.read(u, card, talks_asked) if talks_asked else ([], 0)
    marks, figures = tags.of(u, [card.id]).get(card.id, []), customer_card.figures(u, card)
    return card, customers.reach(u, card.id), marks, figures, briefs.brief(u, card.id), stage_parts.read(u, card), talks


with attempt() as found:
    (card, ways, marks, figures, known, stage, talks), papers, asks, *_shape = watched_each(
        (("card", asked_id(), talks_asked), read),
        ((document_forms.TAB, asked_id()), lambda u: document_forms.counts(u, asked_id())),
        asking.of_card(asked_id()),
        *customer_types.PARTS,
    )

if not found.ok:
    not_there()
    st.stop()
if card.merged_into_id:
    merge_forms.merged_away(card)
    st.stop()

log = Action(_("Log a contact"), opening("log"), icon="add_call", primary=True, key="l")
personal_data = Action(_("Personal data"), opening("personal-data"), icon="shield_person")
parts = {
    "contacts": contact_forms,
    "requisites": requisite_forms,
    "relations": relation_forms,
    "consents": consent_forms,
    market_forms.TAB: market_forms,
    document_forms.TAB: document_forms,
}
actions = [personal_data] * customer_card.reached(card, "privacy.export_person")
actions += [Action(_("Merge"), opening("merge", **{"with": None}), icon="merge")] * customer_card.reached(
    card, "customers.merge"
)
actions += parts[asked("tab")].actions(card) if asked("tab") in parts else []
actions += [log] * customer_card.reached(card, "interactions.log")
tab = header(
    card.name,
    customer_card.line(card, people),
    actions=actions,
    figures=figures,
    tags=customer_card.tones(marks),
    tabs={
        "timeline": _("Timeline"),
        "contacts": _("Contact persons"),
        "requisites": _("Requisites"),
        "relations": _("Relations"),
        "purchases": _("Purchases"),
        market_forms.TAB: _("Market"),
        **document_forms.tabs(papers),
        "consents": _("Consents"),
        "history": _("History"),
    },
)

left, right = st.columns([2, 1], gap="medium")
with left:
    if tab == "timeline":
        timeline.draw(*talks, people)
    elif tab in parts:
        parts[tab].tab(card)
    elif tab == "purchases":
        customer_card.purchases_tab(card)
    else:
        customer_card.history(card.id, people, merge_forms.told(card))
with right:
    full = customer_card.shown(card) if dialog() == "show" else None
    customer_card.draw_quality(card, ways, stage, people, asks)
    customer_card.draw_facts(card, ways, marks, customer_card.before_a_talk(known, people), full)

match dialog():
    case "log" if customer_card.reached(card, "interactions.log"):
        customer_forms.log(card.id, card.name)
    case "personal" if customer_card.reached(card, "customers.edit_personal"):
        customer_forms.edit(card.id, "personal")
    case "ask" | "personal" if change_requests.may_ask(me(), card):
        request_forms.ask(card.id, card.name)
    case "personal-data" if customer_card.reached(card, "privacy.export_person"):
        privacy_forms.personal_data(card, erasable=customer_card.reached(card, "privacy.erase"))
    case "erase" if customer_card.reached(card, "privacy.erase"):
        privacy_forms.erase(card)
    case "merge" | "merged" | "unmerge" if customer_card.reached(card, "customers.merge"):
        merge_forms.draw(card)
    case "access":
        access_forms.draw(card, asked_id("person"))
    case "asked":
        request_forms.asked(asked_id("request") or 0, people)
    case "business" if customer_card.reached(card, "customers.edit"):
        customer_forms.edit(card.id, "business")
    case "tags" if customer_card.reached(card, "customers.edit"):
        tag_forms.put(card.id, marks)
    case "contact" | "new_contact":
        contact_forms.draw(card, dialog(), asked_id("contact"))
    case "requisites" | "new_requisites":
        requisite_forms.draw(card, dialog(), asked_id("requisites"))
    case "consent" | "new_consent":
        consent_forms.draw(card, dialog(), asked_id("consent"))
    case "relate" | "relation":
        relation_forms.draw(card, dialog(), asked_id("relation"), people)
    case "new-document" | "document" | "renew-document" | "change-document" | "erase-document":
        document_forms.draw(card, dialog(), asked_id("document"))
    case "new-supply" | "supply" | "new-voice" | "voice":
        market_forms.draw(card, dialog(), asked_id("supply"), asked_id("voice"))
    case "entry":
        timeline.entry(asked_id("entry") or 0, people)
