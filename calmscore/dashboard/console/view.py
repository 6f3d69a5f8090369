"""What the console shows of a call, made of its report; no sound, no page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from calmscore.analysis.call_channels import customer_known, speaker_names
from calmscore.analysis.cutting import SEGMENT_SECONDS
from calmscore.analysis.formats import format_clock
from calmscore.analysis.report import (
    CallReport,
    SegmentReport,
    Speaker,
    Turn,
    WordsBesideVoice,
    words_beside_voice,
)
from calmscore.analysis.voice_and_words import WHAT_DISAGREES
from calmscore.audio.spectrogram import HIGHEST_HZ, LONGEST_SECONDS
from calmscore.dashboard.console.reasons import moments, sum_line
from calmscore.dashboard.outcomes import BETTER_COLOUR, WORSE_COLOUR
from calmscore.dashboard.trend import DISTRESS_COLOUR
from calmscore.emotions import BY_NAME, EMOTIONS
from calmscore.store.coaching import LONGEST_NOTE

# People pause within a sentence; that is no silence of the call.
_PAUSE_SECONDS = 1.0
_SILENCE_SECONDS = 2.0
# What is said of a segment without an emotion, in a sentence and where there is little room.
_STATUSES = {
    "no_speech": {"label": "no speech of the customer", "short": ""},
    "low_information": {"label": "not judged: too quiet or not clear", "short": "not judged"},
    "other_voice": {"label": "another voice, not judged", "short": "other voice"},
}
_STATUSES_OF_NOBODY_KNOWN = _STATUSES | {
    "no_speech": {"label": "no speech of this voice", "short": ""},
    "low_information": {
        "label": "not judged: it may be the agent's voice", "short": "not judged",
    },
}  # fmt: skip

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
    known, names = customer_known(report), speaker_names(report)
    return {
        "id": report.call.id,
        "seconds": report.call.duration_seconds,
        "customer_side": side,
        "how": report.speakers.how,
        "names": {speaker: names[speaker] for speaker in get_args(Speaker)},
        "heard_as": "heard as" if known else "not judged",
        "nothing": "No speech of the customer was found" if known else "No speech was found",
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
        "table": {"head": table_head(report), "rows": table_rows(report)},
        # Facts of the product, which the modules that draw take from here alone.
        "statuses": _statuses(report),
        "colours": {
            "better": BETTER_COLOUR, "worse": WORSE_COLOUR, "distress": DISTRESS_COLOUR,
        },
        "segment_seconds": SEGMENT_SECONDS,
        "longest_spectrogram_seconds": LONGEST_SECONDS,
        "spectrogram_khz": HIGHEST_HZ / 1000.0,
        "longest_note": LONGEST_NOTE,
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


def table_head(report: CallReport) -> list[str]:
    """Return what stands above the columns of `table_rows`."""
    head = ["Time", speaker_names(report)["customer"], "How sure", "Distress"]
    return [*head, "Distress of the words"] if words_beside_voice(report) else head


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
        rows.append(_row(report, status, emotion, segments) + words)
    return rows


def _statuses(report: CallReport) -> dict[str, dict[str, str]]:
    return _STATUSES if customer_known(report) else _STATUSES_OF_NOBODY_KNOWN


def _row(
    report: CallReport, status: str, emotion: str | None, stretch: list[SegmentReport]
) -> list[str]:
    span = f"{format_clock(stretch[0].start_seconds)}–{format_clock(stretch[-1].end_seconds)}"
    if emotion is None:
        return [span, _statuses(report)[status]["label"], "", ""]
    return [
        span,
        f"heard as {BY_NAME[emotion].heard_as}",
        _mean([segment.confidence for segment in stretch]),
        _mean([segment.smoothed_distress for segment in stretch]),
    ]


def _mean(shares: Sequence[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return f"{sum(known) / len(known):.0%}" if known else ""
