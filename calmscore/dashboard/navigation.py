"""The picture frame of the dashboard: page settings and navigation."""

from __future__ import annotations

import logging
from typing import Any

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from calmscore.dashboard.desk import admit, role_here
from calmscore.dashboard.frame import frame
from calmscore.dashboard.lasting import loaded_modules
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.shared_model import alert_sender, words_writer
from calmscore.errors import CalmscoreError

_log = logging.getLogger(__name__)

# Tables and pairs of calls need room; what is read stays one calm column.
_WIDE = {"score_call", "calls", "call", "compare", "agents", "my_call"}


# A page has no icon of its own: browsers would fetch it from a font service elsewhere.
def _page(name: str, title: str, **options: Any) -> StreamlitPage:
    return st.Page(page_file(name), title=title, **options)


def _pages() -> dict[str, list[StreamlitPage]]:
    return {
        "": [
            _page("home", "To listen to", default=True),
            _page("score_call", "Score a call"),
            _page("calls", "Calls"),
            _page("agents", "Agents"),
            _page("coaching_page", "Coaching", url_path="coaching"),
            # Opened from a list, or by a link.
            _page("call", "A call", visibility="hidden"),
            _page("compare", "Two calls compared", visibility="hidden"),
        ],
        "Manage": [
            _page("export", "Export"),
            _page("alerts", "Alerts"),
            _page("settings", "Settings"),
        ],
        **_help(),
    }


def _pages_of_an_agent() -> dict[str, list[StreamlitPage]]:
    return {
        "": [
            _page("my_coaching", "My coaching", default=True),
            _page("my_session", "A coaching session", visibility="hidden"),
            _page("my_call", "A call to talk about", visibility="hidden"),
        ],
        **_help(),
    }


def _help() -> dict[str, list[StreamlitPage]]:
    return {
        "Help": [
            _page("reading", "How to read the score"),
            _page("model_card", "About the model"),
            _page("lawful", "What the law asks"),
        ]
    }


def show() -> None:
    """Draw the page that was asked for."""
    loaded_modules.pass_over()
    role = role_here()
    theirs = role == "agent"
    page = st.navigation(
        _pages_of_an_agent() if theirs else _pages(), position="hidden" if role is None else "top"
    )
    st.set_page_config(
        page_title="Calmscore" if role is None else f"{page.title} · Calmscore",
        page_icon="🎧",
        layout="wide" if page.url_path in _WIDE else "centered",
    )
    frame(page.title)
    admit()
    try:
        if not theirs:
            # Both also take up what an earlier dashboard left.
            words_writer()
            alert_sender()
        page.run()
    except CalmscoreError as error:
        _log.error("%s", error.in_full)
        st.error(plain(str(error)), icon=":material/error:")
