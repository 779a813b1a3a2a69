"""Plans and how far they are; the counters move while one watches."""

import streamlit as st

from crm import plans, settings, teams
from crm.core import clock
from crm.core.uow import UnitOfWork
from crm.plans import Progress, Which
from ui import filters, plan_forms
from ui.counters import EVERY, counters
from ui.page import Action, dialog, empty, header, opening
from ui.session import _, may, me, uow, watched

aim = Action(_("Set a target"), opening("target"), icon="flag", primary=True, key="n")
header(_("Plans"), _("Targets and what is done, at this moment."), actions=[aim] if may("plans.set") else [])

everybody = me().scope("plans.view") == "all"
several = everybody or len(me().team_ids) > 1
team = None
if several:
    with uow() as u:
        names = {str(key): name for key, name in teams.directory(u).items() if everybody or key in me().team_ids}
    (asked,) = filters.row(filters.choice("team", _("All teams"), names))
    team = int(asked) if asked else None


def running_now(u: UnitOfWork) -> list[Progress]:
    """Return the plans of the teams, or of one team and its people."""
    today = clock.day_of(u.now, settings.value(u, "timezone"))
    if team or not several:
        return plans.progress(u, today, team_id=team)
    return plans.progress(u, today, Which.TEAMS) or plans.progress(u, today)


@st.fragment(run_every=EVERY)
def live() -> None:
    """Draw the counters, again and again."""
    running = watched(("plans", team), running_now)
    if running:
        counters(running, key="plans")
    elif team:
        empty(_("No plan runs here today."), icon="flag")
    else:
        empty(
            _("No plan runs today. A target tells everybody how far they are.")
            if may("plans.set")
            else _("No target runs today. Whoever leads a team sets one; it shows here."),
            button=_("Set a target") if may("plans.set") else "",
            href=opening("target"),
            icon="flag",
        )


live()

if dialog() == "target" and may("plans.set"):
    plan_forms.target()
