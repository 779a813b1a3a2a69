"""The page that every other is compared with."""

import streamlit as st

st.button("Go")
st.text("Nothing")
