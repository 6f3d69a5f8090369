"""How to read the score: the page of the documentation, on the dashboard."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_TEXT = Path(__file__).resolve().parent.parent / "docs" / "reading-the-score.md"

st.markdown(_TEXT.read_text(encoding="utf-8"))
