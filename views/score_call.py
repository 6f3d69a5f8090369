"""Score a call: upload, score, reasons, timeline, player."""

from __future__ import annotations

import hashlib
import html
import io
import json
import logging
from pathlib import Path

import pandas as pd
import streamlit as st

from analysis_cache import AnalysisCache
from audio.playback import PLAYBACK_MIME_TYPE
from classifier import load_classifier
from errors import CalmscoreError
from inference_data_preprocessing import ChannelChoice
from report import CallReport, segment_rows
from scoring import (
    CALM_THROUGHOUT,
    DE_ESCALATED,
    ESCALATED,
    INSUFFICIENT_EVIDENCE,
    PARTLY_DE_ESCALATED,
    UNRESOLVED,
    format_duration,
)
from views.charts import timeline
from views.moments import PLAYER_KEY, TIMELINE_KEY, evidence

_SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "calms_down.wav"
_FILE_TYPES = ["wav", "flac", "ogg", "mp3"]
_OUTCOME_COLOURS = {
    DE_ESCALATED: "#009E73",
    PARTLY_DE_ESCALATED: "#56B4E9",
    CALM_THROUGHOUT: "#009E73",
    UNRESOLVED: "#E69F00",
    ESCALATED: "#D55E00",
    INSUFFICIENT_EVIDENCE: "#8C96A0",
}
_log = logging.getLogger(__name__)


@st.cache_resource(show_spinner="Loading the model…")
def _analyses() -> AnalysisCache:
    return AnalysisCache(load_classifier())


def _chosen_call() -> tuple[str, io.BytesIO] | None:
    upload = st.file_uploader(
        "Recording of a call", type=_FILE_TYPES, help="Best in stereo, one person per channel."
    )
    if upload is not None:
        st.session_state.pop("sample", None)
        return upload.name, upload
    if _SAMPLE.is_file() and st.button("Try the sample call", icon=":material/play_circle:"):
        st.session_state["sample"] = True
    if st.session_state.get("sample"):
        st.caption("The voices of the sample call are synthetic.")
        return _SAMPLE.name, io.BytesIO(_SAMPLE.read_bytes())
    return None


def _welcome() -> None:
    st.markdown(
        "Calmscore listens to the **customer's** side of a call and shows how their distress "
        "moved while your agent handled it: a score from 1 to 10, the moments that made it, and "
        "a timeline you can play."
    )
    st.caption(
        "The agent's voice is never scored. The recording stays in the memory of the computer that "
        "runs Calmscore until you close the page or upload another call; nothing is written to "
        "disk."
    )


def _analysed(name: str, source: io.BytesIO) -> tuple[CallReport, bytes] | None:
    """Return the analysis of the chosen call, from this session where it was done before."""
    digest = hashlib.sha256(source.getbuffer()).hexdigest()
    channel: ChannelChoice = st.session_state.get(f"channel-{digest}") or "auto"
    wanted = (name, digest, channel)
    done = st.session_state.get("analysis")
    if done is not None and done[0] == wanted:
        return done[1], done[2]
    bar = st.progress(0.0, text="Reading the call and looking for the customer's speech…")

    def advance(completed: int, total: int) -> None:
        share = completed / max(total, 1)
        bar.progress(share, text=f"Listening: {completed} of {total} segments")

    try:
        report, playback = _analyses().analyse(
            source, file_name=name, customer_channel=channel, progress=advance
        )
    except CalmscoreError as error:
        st.error(str(error), icon=":material/error:")
        return None
    except Exception:
        _log.exception("analysis failed")
        st.error(
            f"{name} could not be analysed because of a fault in Calmscore. Please tell whoever "
            "looks after it; the log has the details.",
            icon=":material/error:",
        )
        return None
    finally:
        bar.empty()
    st.session_state["analysis"] = (wanted, report, playback)
    return report, playback


def _score_card(report: CallReport) -> None:
    score = report.score
    value = "–" if score.value is None else f"{score.value:.1f}"
    of_ten = "" if score.value is None else "<span class='of'> out of 10</span>"
    colour = _OUTCOME_COLOURS[score.outcome]
    st.html(
        f"""
        <style>
        .score {{ display: flex; align-items: baseline; flex-wrap: wrap; gap: 0 1rem; }}
        .score .value {{ font-size: 4rem; font-weight: 700; line-height: 1.1; }}
        .score .of {{ font-size: 1.1rem; opacity: 0.75; font-weight: 400; }}
        .score .outcome {{
          font-size: 1.1rem; font-weight: 600; padding: 0.15rem 0.8rem; border-radius: 999px;
          border: 1.5px solid {colour}; background: color-mix(in srgb, {colour} 18%, transparent);
        }}
        .score-file {{ opacity: 0.75; overflow-wrap: anywhere; }}
        </style>
        <div class="score-file">{html.escape(report.call.file_name)}
          · {format_duration(report.call.duration_seconds)}</div>
        <div class="score" role="status"><span class="value">{value}{of_ten}</span>
        <span class="outcome">{score.outcome[0].upper() + score.outcome[1:]}</span></div>
        """
    )
    st.markdown(score.summary)


def _customer_side(report: CallReport) -> None:
    if report.call.customer_channel == "mixed":
        return
    # The widget has a state of its own per call, so a swap of one never moves to another.
    st.segmented_control(
        "The customer is on the",
        options=["left", "right"],
        format_func=lambda side: f"{side} channel",
        default=None if f"channel-{report.call.id}" in st.session_state
        else report.call.customer_channel,
        key=f"channel-{report.call.id}",
        required=True,
    )  # fmt: skip


def _notices(report: CallReport) -> None:
    for notice in report.warnings:
        if notice.code == "customer_channel_guessed":
            st.caption(notice.message)
        else:
            st.warning(notice.message, icon=":material/info:")


def _talk(report: CallReport) -> None:
    talk = report.talk
    figures = [("Customer speaks", talk.customer_seconds)]
    if talk.agent_seconds is not None and talk.overtalk_seconds is not None:
        figures.append(("Agent speaks", talk.agent_seconds))
        figures.append(("Both at once", talk.overtalk_seconds))
    figures.append(("Longest silence", talk.longest_silence_seconds))
    with st.container(horizontal=True, gap="large"):
        for label, seconds in figures:
            st.metric(label, format_duration(seconds), width="content")


def _downloads(report: CallReport) -> None:
    stem = Path(report.call.file_name).stem
    as_json = json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
    as_csv = pd.DataFrame(segment_rows(report)).to_csv(index=False)
    with st.container(horizontal=True):
        st.download_button(
            "Report (JSON)", as_json, f"{stem}.json", "application/json",
            on_click="ignore", icon=":material/download:",
        )  # fmt: skip
        st.download_button(
            "Segments (CSV)", as_csv, f"{stem}.csv", "text/csv",
            on_click="ignore", icon=":material/download:",
        )  # fmt: skip


def _show(report: CallReport, playback: bytes) -> None:
    _score_card(report)
    _notices(report)
    st.subheader("Emotion timeline")
    with st.container(key=TIMELINE_KEY):
        st.plotly_chart(
            timeline(report),
            config={"displayModeBar": False},
            alt="The customer's emotion in each 3-second segment of the call",
        )
    st.caption("Click a bar or a mark to play the call from there.")
    with st.container(key=PLAYER_KEY):
        st.audio(playback, format=PLAYBACK_MIME_TYPE)
    _customer_side(report)
    if report.score.value is not None:
        st.subheader("What moved the score")
    evidence(report)
    st.subheader("Who spoke")
    _talk(report)
    _downloads(report)
    st.caption(
        "A coaching aid with evidence, not a verdict: the model can be wrong about any segment. "
        "Listen before you conclude."
    )


st.title("Score a call")
chosen = _chosen_call()
if chosen is None:
    _welcome()
else:
    analysed = _analysed(*chosen)
    if analysed is not None:
        _show(*analysed)
