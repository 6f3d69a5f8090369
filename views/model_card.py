"""About the model: its card, as it lies with the artifact."""

from __future__ import annotations

import streamlit as st

from classifier import DEFAULT_ARTIFACTS

_CARD = DEFAULT_ARTIFACTS / "MODEL_CARD.md"

if _CARD.is_file():
    st.markdown(_CARD.read_text(encoding="utf-8"))
else:
    st.info("This model came without a card.")
