"""What was said, below a call: click a word and hear it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from calmscore.analysis.report import CallReport, WordsTurn
from calmscore.analysis.scoring import format_clock
from calmscore.store.words import count_phrases, said_words

# What weighs less is not marked: every word weighs a little.
_LEAST_WEIGHT = 0.1
_FOLDER = Path(__file__).parent


def _file(kind: str) -> str:
    return (_FOLDER / f"transcript.{kind}").read_text(encoding="utf-8")


_component = st.components.v2.component(
    "calmscore_transcript", html=_file("html"), css=_file("css"), js=_file("js")
)


def transcript(report: CallReport, *, playable: bool, phrases: Sequence[str] = ()) -> None:
    """Show the words of a call and, above them, the watched phrases that are said.

    Parameters
    ----------
    report : CallReport
        Without words, nothing is shown.
    playable : bool
        Whether the call's player is on the page.
    phrases : sequence of str
        What is watched for.
    """
    if report.words is None:
        return
    counts = count_phrases((turn.text for turn in report.words.turns), phrases)
    if counts:
        with st.container(horizontal=True, gap="small"):
            for phrase, count in counts.items():
                st.badge(f"“{phrase}” {count}×" if count > 1 else f"“{phrase}”", color="orange")
    _component(
        key=f"transcript-{report.call.id[:12]}",
        data={"turns": turns_view(report, phrases=phrases), "playable": playable},
    )


def turns_view(report: CallReport, *, phrases: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the turns of a call's words as pages draw them, ready for JSON.

    Parameters
    ----------
    report : CallReport
        A finished analysis.
    phrases : sequence of str
        Words of these are marked.

    Returns
    -------
    list of dict
        ``speaker``, ``clock``, ``start``, ``end``, ``sentiment`` and ``words``: each with
        ``text``, ``start``, ``weighs`` and ``watched``. Empty without words.
    """
    if report.words is None:
        return []
    wanted = [said for said in (said_words(phrase) for phrase in phrases) if said]
    return [
        {
            "speaker": turn.speaker,
            "clock": format_clock(turn.start_seconds),
            "start": turn.start_seconds,
            "end": turn.end_seconds,
            "sentiment": turn.sentiment,
            "words": _words(turn, wanted),
        }
        for turn in report.words.turns
    ]


def _words(turn: WordsTurn, wanted: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    parts = [
        (place, said) for place, word in enumerate(turn.words) for said in said_words(word.text)
    ]
    watched: set[int] = set()
    for phrase in wanted:
        for first in range(len(parts) - len(phrase) + 1):
            run = parts[first : first + len(phrase)]
            if [said for _, said in run] == list(phrase):
                watched.update(place for place, _ in run)
    return [
        {
            "text": word.text,
            "start": word.start_seconds,
            "weighs": word.weight is not None and abs(word.weight) >= _LEAST_WEIGHT,
            "watched": place in watched,
        }
        for place, word in enumerate(turn.words)
    ]
