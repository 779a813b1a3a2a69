"""My account: language, password, second factor, and where I am signed in."""

import streamlit as st

from crm import teams
from crm.core.access import ROLES
from ui import account_forms, words
from ui.page import header
from ui.session import _, me, uow

with uow() as u:
    team = teams.directory(u).get(me().team_id or 0, "")

roles = ", ".join(words.named(ROLES, code) for code in me().roles)
header(_("My account"), " · ".join(fact for fact in (me().name, roles, team) if fact))

left, right = st.columns(2, gap="large")
with left:
    with st.container(border=True, key="box-language"):
        st.subheader(_("Language and time zone"), anchor=False)
        account_forms.language_and_zone()
    with st.container(border=True, key="box-password"):
        st.subheader(_("Password"), anchor=False)
        account_forms.password()
with right:
    with st.container(border=True, key="box-factor"):
        st.subheader(_("Second factor"), anchor=False)
        account_forms.second_factor()
    with st.container(border=True, key="box-browsers"):
        st.subheader(_("Where you are signed in"), anchor=False)
        account_forms.browsers()
