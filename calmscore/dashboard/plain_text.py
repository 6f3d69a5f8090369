"""Names of files and people inside Streamlit's Markdown."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$])")


def plain(text: str) -> str:
    """Return Markdown that shows ``text`` as it is, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
