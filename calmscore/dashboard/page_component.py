"""What a page draws with its own JavaScript; of two drawings at once the newer one stays."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

_NEWEST = Path(__file__).with_name("newest_drawing.js")
_IMPORTS = re.compile(r'^import [^"]*? from "\.{1,2}/\w+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


class PageComponent:
    """A Streamlit component of ES modules.

    Parameters
    ----------
    name : str
        Its name, one for each component.
    modules : sequence of Path
        Its ES modules, each after those that it imports. The last one's default export is a
        drawing made by ``newestOnly``, which stands before them all.
    html, css : str
        What its drawing finds, and how that looks.

    Attributes
    ----------
    html : str
        As given.
    script : str
        The modules joined into the one that Streamlit wants.
    """

    def __init__(
        self, name: str, *, modules: Sequence[Path], html: str = "", css: str = ""
    ) -> None:
        self.html = html
        self.script = _joined((_NEWEST, *modules))
        self._mount = st.components.v2.component(
            name, html=html or None, css=css or None, js=self.script
        )

    def __call__(self, *, key: str, data: Mapping[str, Any], **changes: Any) -> Any:
        """Draw the component on the page; return its state.

        Parameters
        ----------
        key : str
            Which place on the page it is.
        data : mapping
            What it shows.
        **changes : callable
            Called when somebody changes or asks for something, named ``on_…_change``.
        """
        return self._mount(key=key, data=_dated(data, key), **changes)


def _joined(modules: Sequence[Path]) -> str:
    sources = (path.read_text(encoding="utf-8") for path in modules)
    return "\n".join(_EXPORT.sub("", _IMPORTS.sub("", source)) for source in sources)


def _dated(data: Mapping[str, Any], key: str) -> bytes:
    """Return as JSON what is shown, and when it last became another, in microseconds.

    The newer is the later. Of an hour's call this is more than half a megabyte: it is written
    once, and Streamlit hands bytes on as they are, where it would write a mapping twice.
    """
    place = f"{key}-drawn"
    shown = json.dumps(data).encode()
    digest = hashlib.sha256(shown).digest()
    before, drawn_at = st.session_state.get(place, (b"", 0))
    if digest != before:
        # Also where the machine's clock is put back.
        drawn_at = max(time.time_ns() // 1000, drawn_at + 1)
        st.session_state[place] = (digest, drawn_at)
    return b'{"drawn_at": %d, "shown": %b}' % (drawn_at, shown)
