"""The picture frame of the dashboard: page settings and navigation."""

from __future__ import annotations

import streamlit as st

from views.desk import admit

st.set_page_config(page_title="Calmscore", page_icon="🎧", layout="centered")
admit()

st.navigation(
    [
        st.Page("views/score_call.py", title="Score a call", icon=":material/graphic_eq:"),
        st.Page("views/reading.py", title="How to read the score", icon=":material/menu_book:"),
        st.Page("views/model_card.py", title="About the model", icon=":material/fact_check:"),
    ],
    position="top",
).run()
