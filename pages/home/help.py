"""The handbook: what each screen is for and how its work is done, in the reader's language."""

import streamlit as st

from ui import handbook
from ui.navigation import SCREENS
from ui.page import header
from ui.session import _, asked, may

chapters = {one.address: _(one.title) for one in SCREENS if may(one.right) and handbook.has(one.address)}
wanted = asked("page")
chapter = wanted if wanted in chapters else ""

header(_("Help"), _("How things are done here."))
left, right = st.columns([1, 3], gap="medium")
with left:
    handbook.contents(chapters, chapter)
with right:
    st.markdown(handbook.text(chapter))
