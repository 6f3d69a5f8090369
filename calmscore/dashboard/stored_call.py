"""What the pages of stored calls share: find the call, its report and its sound."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from calmscore.analysis.formats import format_duration
from calmscore.analysis.report import CallReport
from calmscore.audio.playback import Playback, prepare_playback
from calmscore.audio.recording import read_recording
from calmscore.dashboard.local_time import format_moment
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.shared_sounds import AbandonedError, shared_sounds
from calmscore.errors import CallFileError, NotStoredError, RecordingNotKeptError
from calmscore.store import Store
from calmscore.store.calls import CallRow, read_call
from calmscore.store.reports import read_report
from calmscore.store.settings import read_settings

_LEAD_SECONDS = 5.0
_UNHEARD = "unheard"
_NOT_KEPT = (
    "The recording is not kept any more, or never was: this call cannot be played. Click a place "
    "to read what was heard there."
)


def find_stored(
    store: Store, call_id: str, *, model_sha256: str | None = None
) -> tuple[CallRow, CallReport] | None:
    """Return a call and a report of it; say so on the page where there is none.

    Parameters
    ----------
    call_id : str
        As the address of the page has it.
    model_sha256 : str, optional
        The report of this model; the current one by default.
    """
    try:
        with store.database.reading() as session:
            row = read_call(session, call_id)
            document = read_report(session, call_id, model_sha256=model_sha256)
    except NotStoredError:
        st.warning(
            "This call is not here. It may have been deleted, or the link is incomplete.",
            icon=":material/search_off:",
        )
        return None
    return row, CallReport.from_dict(document)


def moment_seconds(store: Store, call_id: str) -> float:
    """Return from where the moment that moved the score most is to be heard; 0 without one.

    Raises
    ------
    NotStoredError
        If there is no such call.
    """
    with store.database.reading() as session:
        report = CallReport.from_dict(read_report(session, call_id))
    moment = max(report.score.transitions, key=lambda change: abs(change.points), default=None)
    if moment is None:
        return 0.0
    if moment.plays_from_seconds is not None:
        return moment.plays_from_seconds
    return max(moment.at_seconds - _LEAD_SECONDS, 0.0)


def start_seconds() -> float | None:
    """Return where a link says that the call is to be played."""
    try:
        seconds = float(st.query_params.get("at", "nan"))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0.0 else None


def prepared(row: CallRow) -> Playback | None:
    """Return the call for the player where this session has made it ready before."""
    cached = st.session_state.get("playback")
    if not row.has_audio or cached is None or cached[0] != row.id:
        return None
    sound: Playback = cached[1]
    return sound


def playback(store: Store, row: CallRow, *, actor: str) -> Playback | None:
    """Return the call for the player, ready for this session; None if it is not kept.

    Raises
    ------
    CallFileError
        If the recording cannot be read any more.
    """
    return playback_from(row, lambda: store.open_audio(row.id, actor=actor))


def playback_from(row: CallRow, open_audio: Callable[[], Path]) -> Playback | None:
    """Return the call for the player; `playback` for those who have a way of their own to it.

    Parameters
    ----------
    open_audio : callable
        Gives the file of its recording, and leaves an audit line.

    Raises
    ------
    CallFileError
        If the recording cannot be read any more.
    """
    if not row.has_audio:
        return None
    if (sound := prepared(row)) is not None:
        return sound
    try:
        # Whoever hears a call is let in and noted, also where the sound is ready already.
        path = open_audio()
    except RecordingNotKeptError:
        return None

    def prepare(check: Callable[[], None]) -> Playback:
        recording = read_recording(
            path,
            file_name=row.file_name,
            sha256=row.id,
            raw_format=row.raw_format,
            to_play=True,
        )
        return prepare_playback(
            recording.samples, sample_rate_hz=recording.samples_rate_hz, before_block=check
        )

    try:
        sound = shared_sounds.get(row.id, prepare, waits=_page_is_open())
    except AbandonedError:
        st.stop()
    st.session_state["playback"] = (row.id, sound)
    return sound


def hearing_icon(row: CallRow) -> str:
    """Return the icon of a link to a place in a call: it plays only where there is a recording."""
    return "play_arrow" if row.has_audio else "my_location"


def why_unheard(row: CallRow) -> str:
    """Return why a call cannot be played; empty where it can, or nobody tried yet."""
    call_id, why = st.session_state.get(_UNHEARD, ("", ""))
    if not row.has_audio:
        return _NOT_KEPT
    return str(why) if call_id == row.id else ""


def sound_to_hear(row: CallRow, make: Callable[[], Playback | None]) -> Playback | None:
    """Return a call's sound; where there is none, draw the page anew to say so.

    Parameters
    ----------
    make : callable
        Makes it ready, as `playback` does.
    """
    try:
        sound = make()
    except CallFileError as error:
        why = f"This call cannot be played: {error}."
    else:
        if sound is not None:
            return sound
        why = _NOT_KEPT
    st.session_state[_UNHEARD] = (row.id, why)
    st.rerun()


def _page_is_open() -> Callable[[], bool]:
    """Return what tells whether the page that is drawn is still looked at."""
    context = get_script_run_ctx()
    if context is None or not runtime.exists():
        return lambda: True
    session_id = context.session_id
    return lambda: bool(runtime.get_instance().is_active_session(session_id))


def whereabouts(row: CallRow) -> str:
    """Return time, length, agent and customer of a call as one line of Markdown."""
    parts = [format_moment(row.called_at), format_duration(row.duration_seconds)]
    parts.append(f"agent {plain(row.agent)}" if row.agent else "agent unknown")
    if row.customer:
        parts.append(f"customer {plain(row.customer)}")
    return " · ".join(parts)


def watched_phrases(store: Store) -> tuple[str, ...]:
    """Return the phrases that the settings watch for."""
    with store.database.reading() as session:
        return read_settings(session).watched_phrases
