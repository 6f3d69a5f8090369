"""About the model: its card, as it lies with the artifact."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st

from calmscore.dashboard.documents import fit_tables
from calmscore.network.classifier import DEFAULT_ARTIFACTS

_CARD = "MODEL_CARD.md"
# A line that holds a picture of the card's folder and nothing else.
_PICTURE = re.compile(r"^!\[(?P<alt>[^\]\n]*)\]\((?P<name>[\w.-]+)\)$", re.MULTILINE)
_PICTURE_WIDTH_PIXELS = 520


def _show(card: Path) -> None:
    """Show a card; the page's Markdown cannot reach pictures, so they go on their own."""
    fit_tables("card")
    text = card.read_text(encoding="utf-8")
    end = 0
    with st.container(key="card"):
        for match in _PICTURE.finditer(text):
            st.markdown(text[end : match.start()])
            end = match.end()
            _show_picture(card.parent / match["name"], match["alt"])
        st.markdown(text[end:])


def _show_picture(picture: Path, alt: str) -> None:
    if picture.is_file():
        # The container sets the width: given to the picture, it would cost its sharpness.
        with st.container(width=_PICTURE_WIDTH_PIXELS):
            st.image(picture.read_bytes(), alt=alt, width="stretch")
    else:
        st.caption(f"The picture {picture.name} is missing. {alt}")


if (DEFAULT_ARTIFACTS / _CARD).is_file():
    _show(DEFAULT_ARTIFACTS / _CARD)
else:
    st.info("This model came without a card.")
