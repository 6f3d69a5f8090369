"""What people wrote, inside Streamlit's Markdown: names, tags, reasons, messages."""

from __future__ import annotations

import re

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&=])")
# These are looked for in what is left once escapes are gone, so that escapes do not keep them
# away: addresses of e-mail and of pages, icons, and arrows. A span of its own parts them, which
# nobody sees and no copy holds.
_PARTED = re.compile(
    r"@|:(?=//|material[/_]|streamlit:)|(?<=www)\.|(?<=[-<>~])[-=>]", re.IGNORECASE
)


def plain(text: str) -> str:
    """Return Markdown that shows ``text`` as it is, on one line."""
    line = " ".join(text.split())
    parted = _PARTED.sub(lambda found: f"\0{found[0]}\1", line.replace("\0", "").replace("\1", ""))
    return _MARKUP.sub(r"\\\1", parted).replace("\0", ":color[").replace("\1", "]")
