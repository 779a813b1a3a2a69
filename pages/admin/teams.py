"""Who works with whom: the tree of teams, each with its leader and people; move somebody to another team."""

import streamlit as st

from crm import teams
from crm.core.grants import ROLES
from crm.users import STATES
from ui import people_forms, tables, team_forms, words
from ui.page import Action, asked_id, dialog, empty, header, here, open_dialog, opener, opening
from ui.session import _, n_, translated, uow

add = Action(_("New team"), opening("new"), icon="group_add", primary=True, key="n")
header(_("Teams"), _("A leader sees the customers and plans of the team and of all teams under it."), actions=[add])

with uow() as u:
    branches = teams.tree(u)
    loose = teams.people_of(u, None)
    members = teams.people_of(u, asked_id("team")) if asked_id("team") else loose
shown = {one.id: one for one in branches}
chosen = asked_id("team")
left, right = st.columns([1, 2], gap="large")

with left:
    if branches or loose:
        team_forms.tree(branches, chosen, without=len(loose), opens=lambda key: here(team=key, do=None, id=None))
    if not branches:
        sentence = _(
            "No teams yet. In a team, colleagues see each other's customers and a leader sees how far the team is."
        )
        empty(sentence, button=_("New team"), href=opening("new"), icon="groups")


def head(team: teams.Branch | None, count: int) -> None:
    """Draw the name of the chosen team with what can be done to it."""
    with st.container(horizontal=True, vertical_alignment="center", key="team-head"):
        with st.container(gap=None):
            st.subheader(words.md(team.name) if team else _("Without a team"), anchor=False)
            facts = [n_("{n} person", "{n} people", count)]
            if team is not None:
                facts.append(_("Leader: {name}").format(name=words.md(team.leader or _("nobody"))))
            st.caption(" · ".join(facts))
        if team is not None:
            names = translated(team_forms.ACTIONS)
            more = st.menu_button(
                _("More"),
                list(names),
                key=f"more-{team.id}",
                format_func=names.__getitem__,
                icon=":material/more_horiz:",
            )
            if more:
                open_dialog(more, seen=team.version)


with right:
    if chosen == team_forms.NO_TEAM or chosen in shown:
        head(shown.get(chosen), len(members))
        person_columns = {
            "name": tables.Column(_("Full name"), main=True, wrap=True),
            "roles": tables.Column(
                _("Roles"), lambda codes: words.listed(words.named(ROLES, code) for code in codes), wrap=True
            ),
            "state": tables.Column(
                _("State"),
                lambda code: "" if code == "active" else words.named(STATES, code),
                tag=True,
                tone=lambda _code: "warn",
            ),
        }
        if members:
            opens = opener("team", "id")
            tables.table(members, person_columns, key="members", opens=lambda row: opens(id=row["id"]))
            st.caption(_("Click a person to move to another team."))
        else:
            empty(
                _("Nobody is in this team yet. Click a person in another team to move."),
                icon="person_off",
                key="members",
            )
    elif branches:
        empty(_("Choose a team to see who is in it."), icon="groups", key="choose")

if dialog() == "new":
    team_forms.new(branches)
elif dialog() == "team":
    people_forms.draw("team", asked_id())
elif chosen in shown:
    team_forms.draw(dialog(), shown[chosen], branches)
