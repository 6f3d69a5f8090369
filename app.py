"""The picture frame of the dashboard: page settings and navigation."""

from __future__ import annotations

import streamlit as st

from errors import CalmscoreError
from views.desk import admit

# Tables and pairs of calls need room; what is read stays one calm column.
_WIDE = {"calls", "call", "compare", "agents"}

page = st.navigation(
    {
        "": [
            st.Page("views/score_call.py", title="Score a call", icon=":material/graphic_eq:"),
            st.Page("views/calls.py", title="Calls", icon=":material/call:"),
            st.Page("views/agents.py", title="Agents", icon=":material/support_agent:"),
            st.Page(
                "views/coaching_page.py",
                title="Coaching",
                icon=":material/sports:",
                url_path="coaching",
            ),
            # Opened from a list, or by a link.
            st.Page("views/call.py", title="A call", visibility="hidden"),
            st.Page("views/compare.py", title="Two calls compared", visibility="hidden"),
        ],
        "Manage": [
            st.Page("views/export.py", title="Export", icon=":material/download:"),
            st.Page("views/settings.py", title="Settings", icon=":material/tune:"),
        ],
        "Help": [
            st.Page("views/reading.py", title="How to read the score", icon=":material/menu_book:"),
            st.Page("views/model_card.py", title="About the model", icon=":material/fact_check:"),
        ],
    },
    position="top",
)
st.set_page_config(
    page_title=f"{page.title} · Calmscore",
    page_icon="🎧",
    layout="wide" if page.url_path in _WIDE else "centered",
)
admit()
try:
    page.run()
except CalmscoreError as error:
    st.error(str(error), icon=":material/error:")
