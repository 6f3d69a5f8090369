"""The console on the page: one Streamlit component, and the player that it drives."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from calmscore.analysis.report import CallReport
from calmscore.audio.playback import PLAYBACK_MIME_TYPE, Playback
from calmscore.audio.spectrogram import spectrogram
from calmscore.dashboard.console.view import console_view
from calmscore.dashboard.console.words import words_view
from calmscore.dashboard.page_component import PageComponent

PLAYER_KEY = "player"
_FOLDER = Path(__file__).parent
_MODULES = (
    "elements", "numbers", "colours", "blocks", "lanes", "span", "spectrogram", "player",
    "describing", "moments", "bookmark", "words", "pointing", "keys", "console",
)  # fmt: skip

CONSOLE = PageComponent(
    "calmscore_console",
    modules=[_FOLDER / f"{name}.js" for name in _MODULES],
    html=(_FOLDER / "console.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "console.css").read_text(encoding="utf-8"),
)


def console(
    report: CallReport,
    playback: Playback | None,
    *,
    start_seconds: float | None = None,
    bookmarks: Sequence[tuple[float, str]] = (),
    on_bookmark: Callable[[float, str], None] | None = None,
    why_no_bookmark: str = "",
    may_link: bool = True,
    why_no_link: str = "",
    unheard: str = "",
    phrases: Sequence[str] = (),
) -> None:
    """Show a call's lanes, moments and words, and what drives the `player` of its sound.

    Parameters
    ----------
    playback : Playback or None
        What its spectrogram is made of; None where it is not there, or not yet.
    start_seconds : float, optional
        Play from here at once.
    bookmarks : sequence of (float, str)
        Notes at moments of the call.
    on_bookmark : callable, optional
        Called with seconds and text when somebody sets a bookmark.
    why_no_bookmark : str
        What is said instead where that cannot be yet; where it never can, empty.
    may_link : bool
        Whether a link to the call can be passed on.
    why_no_link : str
        What is said instead where that cannot be yet; where it never can, empty.
    unheard : str
        Why there is no sound, and none will come; empty where there is one, or will be in a
        moment.
    phrases : sequence of str
        What is watched for in the words.
    """
    key = f"console-{report.call.id[:12]}"

    def bookmarked() -> None:
        marked = st.session_state[key].bookmark
        if on_bookmark is not None and marked:
            on_bookmark(float(marked["seconds"]), str(marked["text"]))

    data: dict[str, Any] = console_view(report) | {
        "words": words_view(report, phrases=phrases),
        "start": start_seconds,
        "bookmarks": [{"seconds": seconds, "text": text} for seconds, text in bookmarks],
        "may_bookmark": on_bookmark is not None,
        "why_no_bookmark": why_no_bookmark,
        "may_link": may_link,
        "why_no_link": why_no_link,
        "unheard": unheard,
        # A page that changes holds the player of another call for a moment.
        "player": None if unheard else _sound_key(report),
        "spectrogram": _picture(report, playback, key),
    }
    CONSOLE(key=key, data=data, on_bookmark_change=bookmarked, on_spectrogram_change=lambda: None)


def player(report: CallReport, playback: Playback) -> None:
    """Put a call's sound on the page for its `console`, which finds it whenever it comes.

    It has no face, so that it may stand last: the page is there before a recording is ready,
    and is not drawn again for it.

    Parameters
    ----------
    report : CallReport
        The report that the console shows.
    playback : Playback
        The sound, and the outline that the lanes show of it.
    """
    outline = html.escape(json.dumps(playback.outline()))
    with st.container(key=PLAYER_KEY), st.container(key=_sound_key(report)):
        st.html(f"<div data-outline='{outline}'></div>")
        st.audio(playback.encoded, format=PLAYBACK_MIME_TYPE)


def _sound_key(report: CallReport) -> str:
    return f"sound-{report.call.id[:12]}"


def compared_lanes(report: CallReport, *, axis_seconds: float) -> float | None:
    """Show a call's lanes and moments beside those of another call, without a player.

    All that are on a page show the same part of their axes.

    Parameters
    ----------
    axis_seconds : float
        How long the axis is, at least as long as the call.

    Returns
    -------
    float or None
        The second that somebody just asked to hear.
    """
    data = console_view(report) | {
        "compared": True, "unheard": "", "axis_seconds": axis_seconds, "words": None, "start": None,
        "bookmarks": [], "spectrogram": None, "name": report.call.file_name,
    }  # fmt: skip
    key = f"lanes-{report.call.id[:12]}"
    asked = CONSOLE(key=key, data=data, on_listen_change=lambda: None).listen
    return None if asked is None else float(asked)


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
