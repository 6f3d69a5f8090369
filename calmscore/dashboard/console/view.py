"""What the console shows of a call, made of its report; no sound, no page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from calmscore.analysis.call_score import CallScore
from calmscore.analysis.formats import format_clock, format_duration
from calmscore.analysis.report import (
    CallReport,
    SegmentReport,
    Talk,
    Turn,
    WordsBesideVoice,
    words_beside_voice,
)
from calmscore.analysis.transitions import Transition
from calmscore.analysis.voice_and_words import WHAT_DISAGREES, disagreement_of_moments
from calmscore.emotions import BY_NAME, EMOTIONS

SMALL_POINTS = 0.3
"""Moments that moved the score by less are folded."""
_LARGEST = 3
# People pause within a sentence; that is no silence of the call.
_PAUSE_SECONDS = 1.0
_SILENCE_SECONDS = 2.0

Stretch = tuple[float, float]


def console_view(report: CallReport) -> dict[str, Any]:
    """Return what the console draws of a call, ready for JSON.

    Returns
    -------
    dict
        Seconds are from the start of the call.
    """
    # Where each side is one person, they are heard and seen apart.
    apart = report.speakers.how == "channels" and report.call.channels == 2
    side = report.call.customer_channel if apart else "mixed"
    return {
        "id": report.call.id,
        "seconds": report.call.duration_seconds,
        "customer_side": side,
        "how": report.speakers.how,
        # Each person on a side of their own: they can be heard, and seen, one by one.
        "two_sided": report.speakers.how == "channels" and side in ("left", "right"),
        "emotions": {
            name: {"label": BY_NAME[name].heard_as, "colour": BY_NAME[name].colour,
                   "calm": BY_NAME[name].valence != "negative"}
            for name in EMOTIONS
        },
        "blocks": list(_blocks(report)),
        "agent": [list(stretch) for stretch in _spoken(report.talk.turns, "agent")],
        "silence": [list(stretch) for stretch in _silence(report)],
        "distress": [
            [(segment.start_seconds + segment.end_seconds) / 2, segment.smoothed_distress]
            for segment in report.segments
        ],
        "words_distress": words_distress(report),
        "moments": moments(report),
        "sum": sum_line(report.score),
        "table": table_rows(report),
    }  # fmt: skip


def _spoken(turns: Sequence[Turn], speaker: str) -> list[Stretch]:
    """Return when one person speaks, pauses within a sentence bridged."""
    stretches: list[Stretch] = []
    for turn in turns:
        if turn.speaker != speaker:
            continue
        if stretches and turn.start_seconds - stretches[-1][1] <= _PAUSE_SECONDS:
            stretches[-1] = (stretches[-1][0], max(stretches[-1][1], turn.end_seconds))
        else:
            stretches.append((turn.start_seconds, turn.end_seconds))
    return stretches


def _blocks(report: CallReport) -> Iterator[dict[str, Any]]:
    """Yield the customer's blocks: a segment, where the customer speaks in it."""
    spoken = _spoken(report.talk.turns, "customer")
    for segment in report.segments:
        if segment.status == "no_speech":
            continue
        for start, end in _within(segment, spoken):
            yield {
                "start": start,
                "end": end,
                "status": segment.status,
                "emotion": segment.emotion,
                "sure": segment.confidence,
                "distress": segment.smoothed_distress,
            }


def _within(segment: SegmentReport, spoken: Sequence[Stretch]) -> list[Stretch]:
    whole = (segment.start_seconds, segment.end_seconds)
    parts = [
        (max(start, whole[0]), min(end, whole[1]))
        for start, end in spoken
        if start < whole[1] and end > whole[0]
    ]
    return parts or [whole]


def _silence(report: CallReport) -> list[Stretch]:
    """Return where nobody speaks for a while."""
    if report.talk.turns:
        busy = sorted((turn.start_seconds, turn.end_seconds) for turn in report.talk.turns)
    else:
        busy = [
            (segment.start_seconds, segment.end_seconds)
            for segment in report.segments
            if segment.status != "no_speech"
        ]
    silence, last = [], 0.0
    for start, end in [*busy, (report.call.duration_seconds, report.call.duration_seconds)]:
        if start - last >= _SILENCE_SECONDS:
            silence.append((last, start))
        last = max(last, end)
    return silence


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
    before, after = BY_NAME[change.from_emotion].heard_as, BY_NAME[change.to_emotion].heard_as
    if before != after:
        what = f"the customer went from {before} to {after}"
    elif BY_NAME[change.to_emotion].valence == "negative":
        how = f"{after}, but less so" if change.points > 0 else f"more strongly {after}"
        what = f"the customer sounded {how}"
    else:
        how = "more" if change.points > 0 else "less"
        what = f"the customer sounded {how} clearly {after}"
    led = _agent_seconds_before(change, talk)
    if led is None:
        return what[0].upper() + what[1:]
    return f"Agent spoke {format_duration(max(led, 1.0))}, then {what}"


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


def words_distress(report: CallReport) -> list[dict[str, Any]]:
    """Return the distress of the customer's words: ``at`` seconds, ``share``, ``disagrees``.

    The last says in what way the voice disagrees, strongly; else it is empty.
    """
    beside = words_beside_voice(report)
    return [
        {
            "at": (segment.start_seconds + segment.end_seconds) / 2,
            "share": row.distress,
            "disagrees": _disagreement(row),
        }
        for segment in report.segments
        if (row := beside.get(segment.index)) is not None
    ]


def _disagreement(row: WordsBesideVoice | None) -> str:
    return "" if row is None or row.disagreement is None else WHAT_DISAGREES[row.disagreement]


def table_rows(report: CallReport) -> list[list[str]]:
    """Return the timeline as a table: time, what was heard, how sure, distress, words."""
    beside = words_beside_voice(report)
    rows = []
    for (status, emotion, disagrees), stretch in itertools.groupby(
        report.segments,
        key=lambda s: (s.status, s.emotion, _disagreement(beside.get(s.index))),
    ):
        segments = list(stretch)
        said = [row.distress for s in segments if (row := beside.get(s.index)) is not None]
        words = [" · ".join(filter(None, [_mean(said), disagrees]))] if beside else []
        rows.append(_row(status, emotion, segments) + words)
    return rows


_STATUS = {
    "no_speech": "no speech of the customer",
    "low_information": "not judged: too quiet or not clear",
    "other_voice": "another voice",
}


def _row(status: str, emotion: str | None, stretch: list[SegmentReport]) -> list[str]:
    span = f"{format_clock(stretch[0].start_seconds)}–{format_clock(stretch[-1].end_seconds)}"
    if emotion is None:
        return [span, _STATUS.get(status, status), "", ""]
    return [
        span,
        f"heard as {BY_NAME[emotion].heard_as}",
        _mean([segment.confidence for segment in stretch]),
        _mean([segment.smoothed_distress for segment in stretch]),
    ]


def _mean(shares: Sequence[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return f"{sum(known) / len(known):.0%}" if known else ""
