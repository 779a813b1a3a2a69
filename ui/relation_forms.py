"""The relations of a customer: the tab of the card, and the dialogs that link two customers and take a link away."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from crm import customers, relations
from crm.customers import STAGES, Card
from crm.relations import KINDS, Related
from ui import customer_card, facts, tables, words
from ui.facts import Box
from ui.forms import Form, in_dialog
from ui.page import Action, close_dialog, empty, not_there, opening
from ui.session import _, attempt, colleagues, translated, uow, watched


def actions(card: Card) -> list[Action]:
    """Return what can be done here, for the head of the card."""
    add = Action(_("Link a customer"), opening("relate"), icon="add_link")
    return [add] if customer_card.reached(card, "customers.edit") else []


def _of(card: Card) -> list[Related]:
    return watched(("relations", card.id), lambda u: relations.of(u, card.id))


def tab(card: Card) -> None:
    """Draw who is related; a row opens the other card, or what can be done with the link."""
    people = colleagues()
    those, may_edit = _of(card), customer_card.reached(card, "customers.edit")
    if not those:
        sentence = _(
            "No related customers yet. Link the parent company, what a firm was reorganised into, or who recommended you."
        )
        button = _("Link a customer") if may_edit else ""
        empty(sentence, button=button, href=opening("relate"), icon="link", key="relations")
        return
    columns = {
        "kind": tables.Column(_("Relation"), lambda code: words.named(KINDS, code), muted=True),
        "name": tables.Column(_("Customer"), main=True, wrap=True),
        "city": tables.Column(_("City")),
        "stage": tables.Column(_("Stage"), lambda code: words.named(STAGES, code), tag=True),
        "responsible_id": tables.Column(_("Responsible"), lambda one: people.get(int(one), ""), spare=True),
    }
    rows = [vars(one) | {"name": name_of(one, people)} for one in those]
    tables.table(rows, columns, key="relations", opens=lambda row: _opens(row, may_edit=may_edit))


def name_of(one: Related, people: Mapping[int, str]) -> str:
    """Return what a related customer is called; of one out of sight only whose it is."""
    if one.id is not None:
        return one.name
    whose = people.get(one.responsible_id or 0, "")
    return _("A customer of {name}").format(name=whose) if whose else _("A customer of a colleague")


def _opens(row: Mapping[str, Any], *, may_edit: bool) -> str:
    if may_edit:
        return opening("relation", relation=row["relation_id"])
    return f"/customer?id={row['id']}" if row["id"] is not None else ""


def draw(card: Card, name: str, relation_id: int | None, people: Mapping[int, str]) -> None:
    """Draw the dialog that the address names, for whoever may change the customer."""
    if not customer_card.reached(card, "customers.edit"):
        return
    if name == "relate":
        in_dialog(_("Link a customer"), lambda: _relate(card))
        return
    one = next((one for one in _of(card) if one.relation_id == relation_id), None)
    title = words.named(KINDS, one.kind) if one else _("Relation")
    in_dialog(title, lambda: _relation(one, people) if one else not_there())


def _relate(card: Card) -> None:
    form = Form("relate")
    # before the form: what is typed is looked for as soon as it is typed
    text = form.text("wanted", _("Find the customer"), help=_("By name, phone, e-mail or number."))
    with uow() as u:
        hits = [row for row in customers.look_up(u, text) if row["id"] != card.id] if text.strip() else []
    if text.strip() and not hits:
        st.caption(_("Nobody is found whom you may see."))
    if not hits:
        return
    names = {row["id"]: words.md(" · ".join(filter(None, (row["name"], row["city"])))) for row in hits}
    with form.drawn():
        other = form.radio("other", _("Which customer"), names, value=next(iter(names)))
        label = _("What this customer is to {name}").format(name=words.md(card.name[:60]))
        kind = form.choice("kind", label, translated(KINDS))
        if form.submit(_("Link")):
            with attempt(_("Linked.")) as tried, uow(form.once) as u:
                relations.link(u, card.id, int(other), str(kind))
            form.finish(tried)


def _relation(one: Related, people: Mapping[int, str]) -> None:
    links = [(_("Open the customer"), f"/customer?id={one.id}", "person")] if one.id is not None else []
    facts.draw(Box(name_of(one, people), [], links=links), key=f"relation-{one.relation_id}")
    st.button(
        _("Take the link away"), icon=":material/link_off:", key=f"unlink-{one.relation_id}", on_click=_unlink,
        args=(one.relation_id,),
    )  # fmt: skip


def _unlink(relation_id: int) -> None:
    with attempt(_("The link is gone.")) as tried, uow() as u:
        relations.unlink(u, relation_id)
    if tried.ok:
        close_dialog()
