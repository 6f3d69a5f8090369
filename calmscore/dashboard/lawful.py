"""What the law asks: the pages of the documentation, one below the other."""

from __future__ import annotations

import streamlit as st

from calmscore.dashboard.documents import fit_tables
from calmscore.locations import shipped

_FOLDER = shipped("docs") / "lawful"
# In the order in which they are needed.
_SHEETS = ("callers", "agents", "impact-assessment", "objection-and-erasure", "works-council")


def _text(name: str) -> str:
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")


fit_tables("lawful")
with st.container(key="lawful"):
    st.markdown(_text("overview"))
    for sheet in _SHEETS:
        title, _, text = _text(sheet).partition("\n")
        with st.expander(title.removeprefix("# ")):
            st.markdown(text)
