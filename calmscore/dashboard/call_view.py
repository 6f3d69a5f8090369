"""A call as both pages show it that have one: score, timeline, player, evidence, talk."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import streamlit as st

from calmscore.analysis.report import CallReport, segment_rows
from calmscore.analysis.scoring import CallScore, format_duration
from calmscore.dashboard.outcomes import OUTCOME_COLOURS, outcome_label


def score_card(report: CallReport, *, named: bool = True) -> None:
    """Show the file, the score out of 10, the outcome and one sentence.

    Parameters
    ----------
    report : CallReport
        A finished analysis.
    named : bool
        Whether the file's name and length are shown.
    """
    score = report.score
    value = "–" if score.value is None else f"{score.value:.1f}"
    of_ten = "" if score.value is None else f"<span class='of'> out of 10{_interval(score)}</span>"
    colour = OUTCOME_COLOURS[score.outcome]
    length = format_duration(report.call.duration_seconds)
    file = f"<div class='score-file'>{html.escape(report.call.file_name)} · {length}</div>"
    st.html(
        f"""
        <style>
        .score {{ display: flex; align-items: baseline; flex-wrap: wrap; gap: 0 1rem; }}
        .score .value {{ font-size: 4rem; font-weight: 700; line-height: 1.1; }}
        .score .of {{ font-size: 1.1rem; opacity: 0.75; font-weight: 400; }}
        .score .outcome {{
          font-size: 1.1rem; font-weight: 600; padding: 0.15rem 0.8rem; border-radius: 999px;
          border: 1.5px solid var(--outcome);
          background: color-mix(in srgb, var(--outcome) 18%, transparent);
        }}
        .score-file {{ opacity: 0.75; overflow-wrap: anywhere; }}
        </style>
        {file if named else ""}
        <div class="score" role="status" style="--outcome: {colour}">
        <span class="value">{value}{of_ten}</span>
        <span class="outcome">{outcome_label(score.outcome)}</span></div>
        """
    )
    st.markdown(score.summary)
    if (agreement := listeners_agreement(report)) is not None:
        st.caption(agreement)


def _interval(score: CallScore) -> str:
    if score.low is None or score.high is None:
        return ""
    return f", 80 % sure between {score.low:.1f} and {score.high:.1f}"


def listeners_agreement(report: CallReport) -> str | None:
    """Say what share of listeners would probably agree, or None where nothing was judged."""
    shares = [max(segment.heard) for segment in report.segments if segment.heard is not None]
    if not shares:
        return None
    of_ten = round(10 * sum(shares) / len(shares))
    text = (
        f"Heard as, never felt: of ten people who listen to this voice, about {of_ten} would "
        "probably name the emotion that the model hears first in a segment."
    )
    coverage = report.score.coverage
    if coverage is not None and coverage < 0.995:
        text += f" {1.0 - coverage:.0%} of the customer's speech could not be judged."
    return text


def notices(report: CallReport) -> None:
    """Show what people should know of the recording."""
    for notice in report.warnings:
        if notice.code == "customer_channel_guessed":
            st.caption(notice.message)
        else:
            st.warning(notice.message, icon=":material/info:")


def customer_side(
    report: CallReport, *, key: str, on_change: Callable[[], None] | None = None
) -> None:
    """Say who the customer is, where two people are told apart, and let it be mended.

    The other one may be the agent, whose voice is never scored: it is asked about once
    before anything is done.

    Parameters
    ----------
    report : CallReport
        The report that is shown.
    key : str
        Under which the session keeps the choice; one per call, so that a swap of one
        never moves to another.
    on_change : callable, optional
        Called before the page runs again.
    """
    if report.speakers.how == "mixed":
        return
    # Of two voices on one channel the first is taken only where somebody chose it.
    side = "left" if report.call.customer_channel == "left" else "right"
    other = "right" if side == "left" else "left"
    if report.speakers.how == "separated":
        places = {"left": "is who speaks first", "right": "is who speaks second"}
    else:
        places = {name: f"is on the {name} channel" for name in ("left", "right")}
    chosen = " (chosen)" if report.speakers.customer_from == "chosen" else ""

    def choose() -> None:
        st.session_state[key] = other
        if on_change is not None:
            on_change()

    st.markdown(f"The customer **{places[side]}**{chosen}.")
    with st.popover(f"The customer {places[other]}", icon=":material/swap_horiz:"):
        st.markdown(
            "Listen first: only the customer's voice may be scored. If that is the agent's, leave "
            "it. To read the emotions of people at work from their voices is forbidden in the "
            "European Union (AI Act, Article 5)."
        )
        st.button(f"Yes, the customer {places[other]}", key=f"swap-{key}", on_click=choose)


def talk_figures(report: CallReport) -> dict[str, str]:
    """Return who spoke for how long, as labels and durations."""
    talk = report.talk
    figures = {"Customer speaks": talk.customer_seconds}
    if talk.agent_seconds is not None and talk.overtalk_seconds is not None:
        figures |= {"Agent speaks": talk.agent_seconds, "Both at once": talk.overtalk_seconds}
    figures["Longest silence"] = talk.longest_silence_seconds
    return {label: format_duration(seconds) for label, seconds in figures.items()}


def who_spoke(report: CallReport, *, narrow: bool = False) -> None:
    """Show the talk times.

    Parameters
    ----------
    report : CallReport
        A finished analysis.
    narrow : bool
        As a small table instead of large figures in a row.
    """
    st.subheader("Who spoke")
    if narrow:
        st.table(talk_figures(report), border="horizontal", hide_header=True)
        return
    with st.container(horizontal=True, gap="medium"):
        for label, duration in talk_figures(report).items():
            st.metric(label, duration, width="content")


def downloads(report: CallReport, *, on_click: Callable[[], None] | None = None) -> None:
    """Offer the report as JSON and its segments as CSV.

    Parameters
    ----------
    report : CallReport
        A finished analysis.
    on_click : callable, optional
        Called when something is downloaded.
    """
    stem = Path(report.call.file_name).stem
    as_json = json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
    as_csv = pd.DataFrame(segment_rows(report)).to_csv(index=False)
    with st.container(horizontal=True):
        for label, content, kind, mime in (
            ("Report (JSON)", as_json, "json", "application/json"),
            ("Segments (CSV)", as_csv, "csv", "text/csv"),
        ):
            st.download_button(
                label, content, f"{stem}.{kind}", mime,
                on_click=on_click or "ignore", icon=":material/download:",
            )  # fmt: skip


def not_a_verdict() -> None:
    """Say what a score is not."""
    st.caption(
        "A coaching aid with evidence, not a verdict: the model can be wrong about any segment. "
        "Listen before you conclude."
    )
