"""One customer on one card: who it is, how to reach it, what happened, what comes next."""

import streamlit as st

from crm import customers
from crm.core.uow import UnitOfWork
from crm.customers import KINDS, STAGES, Card, Reach
from ui import customer_card, customer_forms, timeline, words
from ui.page import Action, asked_id, dialog, header, not_there, opening
from ui.session import _, asked, attempt, colleagues, watched
from ui.timeline import Talks

people = colleagues()
talks_asked = timeline.asked_for(people) if asked("tab") in ("", "timeline") else None


def read(u: UnitOfWork) -> tuple[Card, Reach, list[tuple[str, str]], Talks]:
    """Return the customer, how to reach it, its key figures and, where they show, the contacts with it."""
    card = customers.card(u, asked_id() or 0)
    talks = timeline.read(u, card, talks_asked) if talks_asked else ([], 0)
    return card, customers.reach(u, card.id), customer_card.figures(u, card), talks


with attempt() as found:
    card, ways, figures, talks = watched(("card", asked_id(), talks_asked), read)

if not found.ok:
    not_there()
    st.stop()

responsible = people.get(card.responsible_id, "") if card.responsible_id else _("nobody")
line = (
    words.named(KINDS, card.kind),
    words.named(STAGES, card.stage),
    card.city,
    _("Responsible: {name}").format(name=responsible) if responsible else "",
)
log = Action(_("Log a contact"), opening("log"), icon="add_call", primary=True, key="l")
tab = header(
    card.name,
    " · ".join(filter(None, line)),
    actions=[log] if customer_card.reached(card, "interactions.log") else [],
    figures=figures,
    tabs={"timeline": _("Timeline"), "purchases": _("Purchases"), "history": _("History")},
)

left, right = st.columns([2, 1], gap="medium")
with left:
    if tab == "timeline":
        timeline.draw(*talks, people)
    elif tab == "purchases":
        customer_card.purchases_tab(card)
    else:
        customer_card.history(card.id, people)
with right:
    customer_card.draw_facts(card, ways)

match dialog():
    case "log" if customer_card.reached(card, "interactions.log"):
        customer_forms.log(card.id, card.name)
    case "personal" if customer_card.reached(card, "customers.edit_personal"):
        customer_forms.edit(card.id, "personal")
    case "business" if customer_card.reached(card, "customers.edit"):
        customer_forms.edit(card.id, "business")
    case "entry":
        timeline.entry(asked_id("entry") or 0, people)
