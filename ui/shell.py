"""The script that Streamlit runs: language, navigation by role, the page."""

from copy import copy

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from crm.core.errors import SignedOut, Unavailable
from crm.core.i18n import say
from ui import strip
from ui.brand import LOGO, MARK
from ui.navigation import SCREENS
from ui.session import _, is_fresh, language, look_around, me, memory, say_what_waits, unread


def _pages() -> dict[str, list[StreamlitPage]]:
    """Return the screens of this person's rights, made anew only when the rights or the language change."""
    asked, (made_for, known) = (me().grants, language()), memory().pages
    if made_for != asked:
        known = {}
        for one in SCREENS:
            if one.right in me().grants:
                page = st.Page(
                    one.path,
                    title=_(one.title),
                    icon=f":material/{one.icon}:",
                    url_path=one.address or None,
                    default=not one.address,
                    visibility="hidden" if one.hidden else "visible",
                )
                known.setdefault(_(one.section) if one.section else "", []).append(page)
        memory().pages = asked, known
    # copies: Streamlit marks in a page that it may run, and a reload begins while the former run still ends
    return {section: [copy(page) for page in pages] for section, pages in known.items()}


def _without_person(sentence: str) -> None:
    """Draw all that somebody sees who is not signed in, or when the database is away."""
    st.navigation([st.Page(lambda: None, title="Rapport")], position="hidden")
    st.error(sentence, icon=":material/info:")


def run() -> None:
    """Draw the strip, the menu and the page."""
    st.set_page_config(page_title="Rapport", page_icon=MARK, layout="wide")
    st.logo(LOGO, icon_image=MARK)
    try:
        if not is_fresh():
            look_around()
    except (SignedOut, Unavailable) as trouble:
        _without_person(say(language(), trouble))
        return
    page = st.navigation(_pages())
    strip.draw(unread(), page.url_path)
    page.run()
    say_what_waits()


run()
