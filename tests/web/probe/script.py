"""Says who is here, offers a file, takes a file."""

import streamlit as st

who = st.user.to_dict()
st.text(f"user {who['user_id']} sign-in {who['sign_in']}")
st.download_button("Fetch", f"for user {who['user_id']} only".encode(), file_name="secret.txt")
if put := st.file_uploader("Put", key="put"):
    st.text(f"got {put.name} {put.size} bytes")
