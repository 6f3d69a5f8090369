"""A call as both pages show it that have one: score, timeline, player, evidence, talk."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from calmscore.analysis.call_channels import called, channel_names, customer_known, speaker_names
from calmscore.analysis.call_score import HIGHEST_VALUE, LOWEST_VALUE, CallScore
from calmscore.analysis.conversation import PAUSE_SECONDS, conversation_of
from calmscore.analysis.formats import format_duration
from calmscore.analysis.report import CallReport, CustomerChannel, segment_rows
from calmscore.analysis.voice_and_words import of_voice_alone
from calmscore.dashboard.outcomes import OUTCOME_COLOURS, outcome_label
from calmscore.dashboard.plain_text import plain
from calmscore.outputs.spreadsheet import safe_cells

_STRIP = """
<style>
.score-card { container-type: inline-size; }
.score {
  display: grid; grid-template-columns: auto minmax(13rem, 16rem) minmax(0, 1fr);
  gap: 0.25rem 2rem; align-items: center;
}
.score.unscored { grid-template-columns: auto minmax(0, 1fr); }
.score .value { font-size: 3.2rem; font-weight: 700; line-height: 1; white-space: nowrap; }
.score .of { font-size: 1rem; opacity: 0.75; font-weight: 400; }
.score .outcome {
  display: inline-block; font-weight: 600; padding: 0.05rem 0.7rem; border-radius: 999px;
  border: 1.5px solid var(--outcome); margin-right: 0.5rem;
  background: color-mix(in srgb, var(--outcome) 18%, transparent);
}
.score .facts { font-size: 0.875rem; opacity: 0.8; margin-top: 0.25rem; }
.score .scale { font-size: 0.8rem; }
.score .line { position: relative; height: 1.1rem; }
.score .line i { position: absolute; background: currentColor; border-radius: 2px; }
.score .line .all { inset: 0.5rem 0 auto; height: 2px; opacity: 0.5; }
.score .line .sure { top: 0.25rem; height: 0.6rem; background: var(--outcome);
  outline: 1px solid currentColor; }
.score .line .here { top: 0; width: 3px; height: 1.1rem; transform: translateX(-50%); }
.score .ends { display: flex; justify-content: space-between; }
.score-file { opacity: 0.75; overflow-wrap: anywhere; margin-bottom: 0.25rem; }
@container (max-width: 760px) {
  .score { grid-template-columns: auto minmax(0, 1fr); }
  .score.unscored { grid-template-columns: minmax(0, 1fr); }
  .score .told { grid-column: 1 / -1; }
}
</style>
"""
_TALK_STYLE = """
<style>
.talk { width: 100%; border-collapse: collapse; font-size: 0.875rem; }
.talk :is(th, td) {
  padding: 0.4rem 0.5rem; text-align: left; font-weight: 400;
  border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent);
}
.talk th { opacity: 0.8; }
</style>
"""
_CUES = {
    "chosen": "as chosen",
    "greeting": "guessed from who greets",
    "file_name": "from the file's name",
    "direction": "from the direction of the call",
    "words": "from what is said",
}

_DOUBTFUL = 0.3


def score_card(report: CallReport, *, named: bool = True) -> None:
    """Show the score with its interval, the outcome, one sentence and what it rests on.

    Parameters
    ----------
    named : bool
        Whether the file's name and length are shown.
    """
    score = report.score
    value = "–" if score.value is None else f"{score.value:.1f}"
    of_ten = "no score" if score.value is None else "out of 10"
    scale = _scale(score)
    kind = "score" if scale else "score unscored"
    length = format_duration(report.call.duration_seconds)
    file = f"<div class='score-file'>{html.escape(report.call.file_name)} · {length}</div>"
    facts = " · ".join(html.escape(fact) for fact in _rests_on(report))
    st.html(
        f"""
        {_STRIP}
        <div class="score-card">{file if named else ""}
        <div class="{kind}" role="status" style="--outcome: {OUTCOME_COLOURS[score.outcome]}">
        <span class="value">{value}<span class="of"> {of_ten}</span></span>
        {scale}
        <div class="told"><span class="outcome">{outcome_label(score.outcome)}</span>
        <span>{html.escape(score.summary)}</span>
        <div class="facts">{facts}</div></div></div></div>
        """
    )


def _scale(score: CallScore) -> str:
    """Draw the score and its interval on a line from 1 to 10."""
    if score.value is None or score.low is None or score.high is None:
        return ""
    low, value, high = (
        100 * (place - LOWEST_VALUE) / (HIGHEST_VALUE - LOWEST_VALUE)
        for place in (score.low, score.value, score.high)
    )
    told = f"80 % sure: {score.low:.1f} to {score.high:.1f}"
    return f"""
        <div class="scale"><div class="line" role="img" aria-label="{told}"><i class="all"></i>
        <i class="sure" style="left: {low:.1f}%; width: {max(high - low, 1):.1f}%"></i>
        <i class="here" style="left: {value:.1f}%"></i></div>
        <div class="ends"><span>1</span><span>{told}</span><span>10</span></div></div>
        """


def _rests_on(report: CallReport) -> Iterator[str]:
    """Yield what the score rests on: how people hear, how much was judged, whose voice."""
    shares = [max(segment.heard) for segment in report.segments if segment.heard is not None]
    if shares:
        of_ten = round(10 * sum(shares) / len(shares))
        yield (
            "Heard as, never felt: of ten people who listen, about "
            f"{of_ten} would name the same emotion"
        )
    if report.score.voice_alone is not None:
        yield f"Made of voice and words; {of_voice_alone(report.score.voice_alone)}"
    coverage = report.score.coverage
    if coverage is not None and coverage < 0.995 and customer_known(report):
        yield f"{1.0 - coverage:.0%} of the customer's speech could not be judged"
    cue = report.speakers.customer_from
    if cue == "chosen" or (cue is not None and coverage is not None):
        # A guess is never told as certain.
        sure = "" if cue == "chosen" else f", {min(1.0 - report.speakers.doubt, 0.99):.0%} sure"
        side, places = _customer_places(report)
        yield f"The customer {places[side]} ({_CUES[cue]}{sure})"


def notices(report: CallReport) -> None:
    """Show what people should know of the recording; the strip tells who was guessed to be who."""
    for notice in report.warnings:
        # Who is the customer is told by the strip, and once more where that is doubtful.
        guessed = notice.code == "customer_channel_guessed"
        if not guessed or report.speakers.doubt > _DOUBTFUL:
            st.warning(plain(notice.message), icon=":material/info:")


def customer_side(
    report: CallReport, *, key: str, on_change: Callable[[], None] | None = None
) -> None:
    """Let it be mended who the customer is, where two people are told apart.

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
    side, places = _customer_places(report)
    clear = report.speakers.customer_from is not None
    others = [place for place in places if not (clear and place == side)]

    def choose(channel: CustomerChannel) -> None:
        st.session_state[key] = channel
        if on_change is not None:
            on_change()

    label = f"The customer {places[others[0]]}?" if len(others) == 1 else "Say who is the customer"
    with st.popover(label, icon=":material/swap_horiz:"):
        st.markdown(
            "Listen first: only the customer's voice may be scored. If that is the agent's, leave "
            "it. To read the emotions of people at work from their voices is forbidden in the "
            "European Union (AI Act, Article 5). The call is analysed again."
        )
        for other in others:
            st.button(
                f"Yes, the customer {places[other]}",
                key=f"swap-{other}-{key}", on_click=choose, args=(other,),
            )  # fmt: skip


def _customer_places(report: CallReport) -> tuple[CustomerChannel, dict[CustomerChannel, str]]:
    """Return where the customer is, and how that is said of each place."""
    side = report.call.customer_channel
    if report.speakers.how == "separated":
        # The first of two voices on one channel is taken only where that is said.
        return "left" if side == "left" else "right", {
            "left": "is who speaks first", "right": "is who speaks second",
        }  # fmt: skip
    return side, {name: f"is on {called(name)}" for name in channel_names(report.call.channels)}


def talk_figures(report: CallReport) -> dict[str, str]:
    """Return who spoke for how long, and how it went, as labels and texts."""
    talk = report.talk
    names = speaker_names(report)
    figures = {f"{names['customer']} speaks": talk.customer_seconds}
    if talk.agent_seconds is not None and talk.overtalk_seconds is not None:
        figures |= {
            f"{names['agent']} speaks": talk.agent_seconds, "Both at once": talk.overtalk_seconds,
        }  # fmt: skip
    figures["Longest silence"] = talk.longest_silence_seconds
    durations = {label: format_duration(seconds) for label, seconds in figures.items()}
    return durations | _conversation_figures(report)


def _conversation_figures(report: CallReport) -> dict[str, str]:
    told = conversation_of(report)
    figures: dict[str, str] = {}
    if told.agent_share is not None:
        figures["Agent's share of talk"] = f"{told.agent_share:.0%}"
    if told.agent_interruptions is not None:
        figures["Agent interrupts"] = f"{told.agent_interruptions}×"
        figures["Customer interrupts"] = f"{told.customer_interruptions}×"
    if told.pauses is not None:
        figures[f"Pauses of {PAUSE_SECONDS:g} s and more"] = str(told.pauses)
    return figures


def who_spoke(report: CallReport, *, narrow: bool = False) -> None:
    """Show the talk times.

    Parameters
    ----------
    narrow : bool
        As a small table instead of large figures in a row.
    """
    if not report.talk.customer_seconds and not report.talk.agent_seconds:
        return
    st.subheader("Who spoke")
    if narrow:
        st.html(_talk_table(talk_figures(report)))
        return
    with st.container(horizontal=True, gap="medium"):
        for label, duration in talk_figures(report).items():
            st.metric(label, duration, width="content")


def _talk_table(figures: Mapping[str, str]) -> str:
    """Return a small table: Streamlit's own loads a megabyte of code for tables of data."""
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(label)}</th><td>{html.escape(told)}</td></tr>"
        for label, told in figures.items()
    )
    return f"{_TALK_STYLE}<table class='talk'>{rows}</table>"


def downloads(report: CallReport, *, on_click: Callable[[], None] | None = None) -> None:
    """Offer the report as JSON and its segments as CSV.

    Parameters
    ----------
    on_click : callable, optional
        Called when something is downloaded, before it is made.
    """
    stem = Path(report.call.file_name).stem
    with st.container(horizontal=True):
        for label, written, kind, mime in (
            ("Report (JSON)", _as_json, "json", "application/json"),
            ("Segments (CSV)", _as_csv, "csv", "text/csv"),
        ):
            # Made on the click; of an hour's call it takes longer than all else on the page.
            st.download_button(
                label, partial(_downloaded, report, written, on_click), f"{stem}.{kind}", mime,
                on_click="ignore", icon=":material/download:",
            )  # fmt: skip


def _downloaded(
    report: CallReport,
    written: Callable[[CallReport], str],
    on_click: Callable[[], None] | None,
) -> str:
    if on_click is not None:
        on_click()
    return written(report)


def _as_json(report: CallReport) -> str:
    return json.dumps(report.to_dict(), indent=2, ensure_ascii=False)


def _as_csv(report: CallReport) -> str:
    return safe_cells(pd.DataFrame(segment_rows(report))).to_csv(index=False)


def not_a_verdict() -> None:
    """Say what a score is not."""
    st.caption(
        "A coaching aid with evidence, not a verdict: the model can be wrong about any segment. "
        "Listen before you conclude."
    )
