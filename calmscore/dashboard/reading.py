"""How to read the score: the page of the documentation, on the dashboard."""

from __future__ import annotations

import streamlit as st

from calmscore.locations import shipped

_TEXT = shipped("docs") / "reading-the-score.md"

st.markdown(_TEXT.read_text(encoding="utf-8"))
