"""The dialog in which somebody who asked for access to a customer is made responsible for it."""

from collections.abc import Mapping

import streamlit as st

from crm import doubles
from crm.customers import Card
from ui import words
from ui.forms import Form, in_dialog
from ui.page import dialog_key
from ui.session import _, attempt, colleagues, me, uow


def draw(card: Card, who: int | None) -> None:
    """Draw the dialog for the colleague who asks."""
    people = colleagues()
    if who in people and who != card.responsible_id:
        in_dialog(_("Access to {name}").format(name=words.md(card.name[:60])), lambda: _access(card, who or 0, people))


def _access(card: Card, who: int, people: Mapping[int, str]) -> None:
    form, name = Form("grant-access"), words.md(people[who])
    st.markdown(_("**{name}** wanted to add this customer and asks for access.").format(name=name))
    with uow() as u:
        able = doubles.who_can_grant(u, card.id, who)
    if me().id not in able:
        names = words.listed(words.md(people[one]) for one in able if one in people)
        st.caption(_("Who can hand it over: {names}").format(names=names or _("nobody")))
        return
    st.caption(
        _("Whoever is responsible sees and edits the customer; it goes to the team of {name}.").format(name=name)
    )
    with form.drawn():
        if form.submit(_("Make {name} responsible").format(name=name)):
            with attempt(_("Handed over.")) as tried, uow(dialog_key()) as u:
                doubles.grant(u, card.id, who, seen=card.version)
            form.finish(tried)
