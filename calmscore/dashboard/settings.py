"""Settings: retention, customer channel, file names, score bands; and the audit."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from calmscore.analysis.call_channels import CHANNEL_CHOICES, ChannelChoice
from calmscore.analysis.call_score import ScoreFrom
from calmscore.dashboard.audit_lines import audit_lines
from calmscore.dashboard.changing import done_or_told
from calmscore.dashboard.desk import User, current_user, open_store, sign_in_is_set_up
from calmscore.dashboard.local_time import format_moment
from calmscore.dashboard.plain_text import plain
from calmscore.errors import ParameterError
from calmscore.outputs.what_is_on import what_is_on
from calmscore.settings import read_environment
from calmscore.store import Store, audit
from calmscore.store.calls import CallDetails, list_calls
from calmscore.store.file_names import details_from_name
from calmscore.store.keys import allows
from calmscore.store.name_pattern import LONGEST_PATTERN
from calmscore.store.settings import Settings, read_settings, write_settings

_CHANNELS = {
    "auto": "Guess, from how calls begin",
    "left": "Left",
    "right": "Right",
    "mixed": "Both voices on one channel",
}  # of others, the number
_SCORES_FROM: dict[ScoreFrom, str] = {
    "voice": "The voice alone",
    "voice_and_words": "Voice and words: how it is said, and what is said",
}
_PREVIEWED, _AUDIT_LINES = 5, 200


def _form(store: Store, settings: Settings) -> Settings | None:
    """Return the settings as they stand on the page; None, with the reason, if they cannot be."""
    st.subheader("How long things are kept")
    left, right = st.columns(2)
    audio_days = left.number_input(
        "Recordings, days", 0, 3650, settings.audio_days,
        help="For playback. 0 keeps no recording at all.",
    )  # fmt: skip
    report_days = right.number_input("Calls and reports, days", 1, 3650, settings.report_days)
    st.subheader("Where the customer is")
    channel: ChannelChoice = st.selectbox(
        "Customer's channel", list(CHANNEL_CHOICES),
        CHANNEL_CHOICES.index(settings.customer_channel),
        format_func=lambda choice: _CHANNELS.get(choice, f"Channel {choice}"),
    )  # fmt: skip
    st.subheader("What is watched for")
    phrases = st.text_area(
        "Phrases, one a line", "\n".join(settings.watched_phrases),
        help="Marked and counted in the words of every call.",
    )  # fmt: skip
    st.subheader("What file names tell")
    pattern = st.text_input(
        "Pattern", settings.file_name_pattern,
        placeholder=r"(?P<time>\d{8}-\d{6})_(?P<agent>[^_]+)_(?P<customer>[^_.]+)",
        max_chars=LONGEST_PATTERN,
        help="A regular expression with the named groups agent, customer and time, without "
        "look-around and references back (RE2).",
    )  # fmt: skip
    time_format = st.text_input(
        "Time format", settings.time_format, help="As in Python: %Y%m%d-%H%M%S is 20251120-140500."
    )
    preview = st.container()
    st.subheader("What scores are made of")
    score_from: ScoreFrom = st.radio(
        "What scores are made of", list(_SCORES_FROM),
        list(_SCORES_FROM).index(settings.score_from),
        format_func=_SCORES_FROM.__getitem__, label_visibility="collapsed",
    )  # fmt: skip
    st.caption(
        "Holds for calls whose words are written down from now on; calls that are here keep their "
        "score. Where a score is made of both, that of the voice alone stands beside it. Only "
        "English words are read, and never the agent's."
    )
    st.subheader("How scores are shown")
    left, right = st.columns(2)
    good = left.number_input("Good from", 1.0, 10.0, settings.good_score, 0.5, format="%.1f")
    poor = right.number_input("Poor up to", 1.0, 10.0, settings.poor_score, 0.5, format="%.1f")
    try:
        wanted = replace(
            settings,
            audio_days=int(audio_days),
            report_days=int(report_days),
            customer_channel=channel,
            watched_phrases=tuple(line.strip() for line in phrases.splitlines() if line.strip()),
            file_name_pattern=pattern.strip(),
            time_format=time_format.strip(),
            score_from=score_from,
            good_score=float(good),
            poor_score=float(poor),
        )
    except ParameterError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    with preview:
        _preview(store, wanted)
    return wanted


def _preview(store: Store, settings: Settings) -> None:
    """Show what the pattern reads from the newest names, and from one typed in."""
    typed = st.text_input("Try a file name", placeholder="20251120-140500_Ann_4711.wav")
    with store.database.reading() as session:
        names = [row.file_name for row in list_calls(session, limit=_PREVIEWED)]
    rows = [_read(name, settings) for name in ([typed] if typed else []) + names]
    if rows and settings.file_name_pattern:
        st.table(pd.DataFrame(rows).map(plain), hide_index=True)
    elif not settings.file_name_pattern:
        st.caption("Without a pattern, agents and customers are entered by hand.")


def _read(name: str, settings: Settings) -> dict[str, str]:
    details = details_from_name(name, settings)
    if details == CallDetails():
        return {"File": name, "Agent": "no match", "Customer": "", "Time": ""}
    time = details.called_at
    return {
        "File": name,
        "Agent": details.agent or "–",
        "Customer": details.customer or "–",
        "Time": "–" if time is None else format_moment(time),
    }


def _save(store: Store, settings: Settings, user: User) -> None:
    with done_or_told():
        with store.database.writing() as session:
            write_settings(session, settings)
            audit.record(session, actor=user.name, action="settings changed")
        st.session_state["settings-saved"] = True


@st.dialog("Delete what is past its days?")
def _retention(store: Store) -> None:
    st.markdown(
        "Recordings and calls that are older than the saved settings allow are deleted for good."
    )
    if st.button("Delete now", type="primary", icon=":material/delete:"):
        expired = store.apply_retention()
        st.session_state["expired"] = expired
        st.rerun()


def _page(store: Store, user: User) -> None:
    if st.session_state.pop("settings-saved", False):
        st.success("Saved.", icon=":material/check_circle:")
    expired = st.session_state.pop("expired", None)
    if expired is not None:
        st.success(f"Deleted: {expired.recordings} recordings and {expired.calls} calls.")
    with store.database.reading() as session:
        stored = read_settings(session)
    wanted = _form(store, stored)
    with st.container(horizontal=True):
        unchanged = wanted is None or wanted == stored
        if st.button("Save", type="primary", disabled=unchanged) and wanted is not None:
            _save(store, wanted, user)
        if st.button("Apply retention now", icon=":material/auto_delete:"):
            _retention(store)
    st.subheader("What is on here")
    facts = what_is_on(store, stored, read_environment(), sign_in=sign_in_is_set_up())
    st.table(
        {name: plain(told) for name, told in facts.items()}, border="horizontal", hide_header=True
    )
    st.subheader("Audit")
    st.caption(
        "Who opened a recording, exported, deleted or changed something. Calls are named by a "
        "number that says nothing about anybody."
    )
    with store.database.reading() as session:
        lines = audit.list_events(session, limit=_AUDIT_LINES)
    audit_lines(lines)


st.title("Settings")
whoever = current_user()
if allows(whoever.role, "admin"):
    _page(open_store(), whoever)
else:
    st.info("Only administrators change settings.")
