"""The application that everything is compared with: one button and one text, served with the very settings of Rapport's own."""

import streamlit as st

from web import start

start.prepare()

from ui import theme  # noqa: E402  after what is heavy was imported and frozen

theme.remember()

app = st.App("empty_page.py")
