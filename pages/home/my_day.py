"""The first page of the day: my plans, my last contacts, what waits for me."""

import streamlit as st

from crm import interactions, plans, settings
from crm.core import clock
from crm.plans import Which
from ui import tables, timeline, words
from ui.counters import EVERY, counters
from ui.page import empty, header
from ui.session import _, colleagues, may, me, uow, watched

LAST = 10

people = colleagues()
with uow() as u:
    today = clock.day_of(u.now, settings.value(u, "timezone"))
    own = interactions.Filters(
        responsible_id=None if u.may("plans.set") or not u.may("interactions.log") else u.actor.id
    )
    rows = interactions.page(u, own, size=LAST) if u.may("interactions.view") else None

header(_("Good day, {name}").format(name=me().name.split()[0]), words.day(today))


def no_plan() -> None:
    """Say that no target runs, and who can set one."""
    if may("plans.set"):
        sentence = _("No plan runs today. A target tells everybody how far they are.")
        empty(sentence, button=_("Set a target"), href="/plans?do=target", icon="flag", key="plans")
    else:
        empty(_("No target runs today. Whoever leads a team sets one; it shows here."), icon="flag", key="plans")


@st.fragment(run_every=EVERY)
def live() -> None:
    """Draw the counters: one's own, for a leader also those of the team."""
    running = watched("my-plans", lambda u: plans.progress(u, today, Which.FIRST))
    if running:
        counters(running, key="my-plans")
    else:
        no_plan()


if may("plans.view"):
    live()

if rows is not None:
    st.subheader(_("Last contacts"), anchor=False)
    if not rows:
        empty(
            _("Nothing logged yet. Find a customer and log the first contact.")
            if may("interactions.log")
            else _("Nothing logged yet. What colleagues log with their customers appears here."),
            button=_("Show customers") if may("interactions.log") else "",
            href="/customers",
            icon="forum",
            key="last",
        )
    else:
        tables.table(rows, timeline.columns(people, with_customer=True), key="last", opens=timeline.opens)
elif not may("plans.view") and may("customers.view"):
    empty(_("Your day begins with the customers."), button=_("Show customers"), href="/customers", icon="group")
