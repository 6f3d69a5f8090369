"""The console on the page: one Streamlit component, and the player that it drives."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from calmscore.analysis.report import CallReport
from calmscore.audio.playback import PLAYBACK_MIME_TYPE, Playback
from calmscore.audio.spectrogram import spectrogram
from calmscore.dashboard.console.view import console_view
from calmscore.dashboard.console.words import words_view

PLAYER_KEY = "player"
_FOLDER = Path(__file__).parent
_MODULES = (
    "elements", "numbers", "colours", "blocks", "lanes", "span", "spectrogram", "player",
    "describing", "moments", "bookmark", "words", "pointing", "keys", "console",
)  # fmt: skip
_IMPORTS = re.compile(r'^import .*? from "\./\w+\.js";\n', re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def _file(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def console_script() -> str:
    """Join the console's modules into the one that Streamlit wants."""
    parts = (_EXPORT.sub("", _IMPORTS.sub("", _file(f"{name}.js"))) for name in _MODULES)
    return "\n".join(parts)


_component = st.components.v2.component(
    "calmscore_console", html=_file("console.html"), css=_file("console.css"), js=console_script()
)


def console(
    report: CallReport,
    playback: Playback | None,
    *,
    start_seconds: float | None = None,
    bookmarks: Sequence[tuple[float, str]] = (),
    on_bookmark: Callable[[float, str], None] | None = None,
    why_no_bookmark: str = "",
    linkable: bool = False,
    waiting: bool = False,
    phrases: Sequence[str] = (),
) -> None:
    """Show a call's lanes, player, moments and words.

    Parameters
    ----------
    report : CallReport
        A finished analysis.
    playback : Playback or None
        The call's sound; None where it is not there, or not yet.
    start_seconds : float, optional
        Play from here at once.
    bookmarks : sequence of (float, str)
        Notes at moments of the call.
    on_bookmark : callable, optional
        Called with seconds and text when somebody sets a bookmark.
    why_no_bookmark : str
        What is said instead where that cannot be.
    linkable : bool
        Whether the call has an address of its own.
    waiting : bool
        Whether the sound will be there in a moment.
    phrases : sequence of str
        What is watched for in the words.
    """
    key, sound_key = (f"{part}-{report.call.id[:12]}" for part in ("console", "sound"))

    def bookmarked() -> None:
        marked = st.session_state[key].bookmark
        if on_bookmark is not None and marked:
            on_bookmark(float(marked["seconds"]), str(marked["text"]))

    data: dict[str, Any] = console_view(report) | {
        "words": words_view(report, phrases=phrases),
        "sound": None if playback is None else playback.outline(),
        "start": start_seconds,
        "bookmarks": [{"seconds": seconds, "text": text} for seconds, text in bookmarks],
        "may_bookmark": on_bookmark is not None,
        "why_no_bookmark": why_no_bookmark,
        "linkable": linkable,
        "waiting": waiting,
        # A page that changes holds the player of another call for a moment.
        "player": sound_key,
        "spectrogram": _picture(report, playback, key),
    }
    _component(
        key=key, data=_dated(data, key), on_bookmark_change=bookmarked,
        on_spectrogram_change=lambda: None,
    )  # fmt: skip
    if playback is not None:
        with st.container(key=PLAYER_KEY), st.container(key=sound_key):
            # It has no face of its own.
            st.html(f"<style>.st-key-{PLAYER_KEY} {{ display: none; }}</style>")
            st.audio(playback.encoded, format=PLAYBACK_MIME_TYPE)


def compared_lanes(report: CallReport, *, axis_seconds: float) -> float | None:
    """Show a call's lanes and moments beside those of another call, without a player.

    All that are on a page show the same part of their axes.

    Parameters
    ----------
    report : CallReport
        A finished analysis.
    axis_seconds : float
        How long the axis is, at least as long as the call.

    Returns
    -------
    float or None
        The second that somebody just asked to hear.
    """
    data = console_view(report) | {
        "compared": True, "axis_seconds": axis_seconds, "words": None, "sound": None,
        "start": None, "bookmarks": [], "spectrogram": None, "name": report.call.file_name,
    }  # fmt: skip
    key = f"lanes-{report.call.id[:12]}"
    asked = _component(key=key, data=_dated(data, key), on_listen_change=lambda: None).listen
    return None if asked is None else float(asked)


def _dated(data: dict[str, Any], key: str) -> dict[str, Any]:
    """Add when what is shown last became another, in microseconds, so that the newer is told."""
    place = f"{key}-drawn"
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
    before, drawn_at = st.session_state.get(place, ("", 0))
    if digest != before:
        drawn_at = time.time_ns() // 1000
        st.session_state[place] = (digest, drawn_at)
    return data | {"drawn_at": drawn_at}


def _picture(report: CallReport, playback: Playback | None, key: str) -> dict[str, object] | None:
    """Return the spectrogram of the customer's side that was asked for last."""
    if playback is None:
        return None
    shown = f"{key}-spectrogram"
    asked = getattr(st.session_state.get(key), "spectrogram", None)
    if asked:
        channel = 1 if report.call.customer_channel == "right" else 0
        st.session_state[shown] = spectrogram(
            playback.encoded, channel=channel,
            start_seconds=float(asked["start"]), end_seconds=float(asked["end"]),
        ).picture()  # fmt: skip
    picture: dict[str, object] | None = st.session_state.get(shown)
    return picture
