"""What moved a call's score, as the console tells it: the moments, and how they add up."""

from __future__ import annotations

import textwrap
from typing import Any

from calmscore.analysis.call_score import CallScore
from calmscore.analysis.cutting import SEGMENT_SECONDS
from calmscore.analysis.formats import format_clock, format_duration
from calmscore.analysis.report import CallReport, Talk, Words, WordsTurn
from calmscore.analysis.transitions import Transition
from calmscore.analysis.voice_and_words import disagreement_of_moments
from calmscore.emotions import BY_NAME

SMALL_POINTS = 0.3
"""Moments that moved the score by less are folded."""
_LARGEST = 3
_QUOTED_CHARACTERS = 70


def moments(report: CallReport) -> list[dict[str, Any]]:
    """Return the moments that moved the score, the largest first.

    Their points are rounded so that they add up to the score as it is shown.
    """
    score = report.score
    tenths = _tenths(score)[1:]
    cards = [
        {
            "at": change.at_seconds,
            "from": _listen_from(change),
            "points": points / 10,
            "text": _what_happened(change, report.talk),
            "said": _said_then(change, report.words),
            "why": f"{change.reason} {disagreement}".rstrip(),
            "small": abs(change.points) < SMALL_POINTS,
            "colours": [
                BY_NAME[name].colour
                for name in dict.fromkeys([change.from_emotion, change.to_emotion])
            ],
        }
        for change, points, disagreement in zip(
            score.transitions, tenths, disagreement_of_moments(report), strict=True
        )
    ]
    return sorted(cards, key=lambda card: -abs(float(card["points"])))


def _listen_from(change: Transition) -> float:
    return change.at_seconds if change.plays_from_seconds is None else change.plays_from_seconds


def _what_happened(change: Transition, talk: Talk) -> str:
    """Return what happened and when: an agent's turn may come before several changes."""
    before, after = BY_NAME[change.from_emotion].heard_as, BY_NAME[change.to_emotion].heard_as
    when = format_clock(change.at_seconds)
    if before != after:
        what = f"the customer went from {before} to {after} at {when}"
    elif BY_NAME[change.to_emotion].valence == "negative":
        how = f"{after}, but less so," if change.points > 0 else f"more strongly {after}"
        what = f"the customer sounded {how} from {when} on"
    else:
        how = "more" if change.points > 0 else "less"
        what = f"the customer sounded {how} clearly {after} from {when} on"
    led = _agent_seconds_before(change, talk)
    if led is None:
        return what[0].upper() + what[1:]
    return f"Agent spoke {format_duration(max(led, 1.0))}, then {what}"


def _said_then(change: Transition, words: Words | None) -> str:
    """Return what the customer says at a change, shortened; empty where nothing is."""
    first, last = change.at_seconds, change.at_seconds + SEGMENT_SECONDS

    def overlap(turn: WordsTurn) -> float:
        return min(turn.end_seconds, last) - max(turn.start_seconds, first)

    theirs = [turn for turn in words.turns if turn.speaker == "customer"] if words else []
    said = max(theirs, key=overlap, default=None)
    if said is None or overlap(said) <= 0.0:
        return ""
    return textwrap.shorten(said.text, _QUOTED_CHARACTERS, placeholder=" …")


def _agent_seconds_before(change: Transition, talk: Talk) -> float | None:
    """Return how long the agent spoke in the turn from which a moment plays, if there is one."""
    if change.plays_from_seconds is None:
        return None
    for turn in talk.in_one_go("agent"):
        if turn.start_seconds <= change.plays_from_seconds + 0.01 < turn.end_seconds:
            return turn.end_seconds - turn.start_seconds
    return None


def _tenths(score: CallScore) -> list[int]:
    """Return start value and points in tenths that add up to the score as it is shown.

    Each is off by less than a tenth: those are rounded up whose rest is largest.
    """
    if score.value is None or score.start_value is None:
        return [0, *(round(10 * change.points) for change in score.transitions)]
    exact = [10 * score.start_value, *(10 * change.points for change in score.transitions)]
    floors = [int(value // 1) for value in exact]
    missing = round(10 * _unheld(score)) - sum(floors)
    order = sorted(range(len(exact)), key=lambda place: floors[place] - exact[place])
    for place in order[:missing]:
        floors[place] += 1
    return floors


def _unheld(score: CallScore) -> float:
    """Return the sum before it is held to 1–10."""
    assert score.start_value is not None
    return score.start_value + sum(change.points for change in score.transitions)


def sum_line(score: CallScore) -> str:
    """Return how the score adds up: ``4.7 at the start + 3.9 − 0.7 = 7.9``.

    Empty where there is no score.
    """
    if score.value is None or score.start_value is None:
        return ""
    start, *points = _tenths(score)
    points.sort(key=lambda value: -abs(value))
    terms = [f"{start / 10:.1f} at the start", *map(_signed, points[:_LARGEST])]
    if any(rest := points[_LARGEST:]):
        terms.append(f"{_signed(sum(rest))} from {len(rest)} more")
    total = f"{sum((start, *points)) / 10:.1f}"
    held = "" if total == f"{score.value:.1f}" else f", held to {score.value:.1f}"
    return f"{' '.join(terms)} = {total}{held}"


def _signed(tenths: int) -> str:
    return f"{'−' if tenths < 0 else '+'} {abs(tenths) / 10:.1f}"
