"""Plans and how far they are; the counters move while one watches."""

import streamlit as st

from crm import plans, settings
from crm.core import clock
from ui import plan_forms
from ui.counters import EVERY, counters
from ui.page import Action, dialog, empty, header, opening
from ui.session import _, may, uow

aim = Action(_("Set a target"), opening("target"), icon="flag", primary=True, key="n")
header(_("Plans"), _("Targets and what is done, at this moment."), actions=[aim] if may("plans.set") else [])


@st.fragment(run_every=EVERY)
def live() -> None:
    """Draw the counters of the reader's scope, again and again."""
    with uow() as u:
        running = plans.progress(u, clock.day_of(u.now, settings.value(u, "timezone")))
    if running:
        counters(running, key="plans")
    else:
        empty(
            _("No plan runs today. A target tells everybody how far they are."),
            button=_("Set a target") if may("plans.set") else "",
            href=opening("target"),
            icon="flag",
        )


live()

if dialog() == "target" and may("plans.set"):
    plan_forms.target()
