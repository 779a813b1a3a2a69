"""The application that everything is compared with: one button and one text.

Streamlit as it comes, with the settings of Rapport's own server: the same config.toml, the same start (what is heavy imported
and frozen, no collector after runs, the switch interval, small packets at once). No gate, no theme worked out beforehand.
"""

import streamlit as st

from web import start

start.prepare()

app = st.App("empty_page.py")
