"""What the console shows of a call's words, made of its report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from calmscore.analysis.call_channels import speaker_names
from calmscore.analysis.report import CallReport, WordsTurn
from calmscore.store.words import count_phrases, places_of, said_places, said_words

# What weighs less is not marked: every word weighs a little.
_LEAST_WEIGHT = 0.1
# Bits of a word's marks: it weighs much, it belongs to a watched phrase.
_WEIGHS, _WATCHED = 1, 2


def words_view(report: CallReport, *, phrases: Sequence[str] = ()) -> dict[str, Any] | None:
    """Return the words of a call as the console draws them, ready for JSON.

    Parameters
    ----------
    phrases : sequence of str
        What is watched for.

    Returns
    -------
    dict or None
        ``turns``: each with ``speaker``, the ``name`` of who speaks, ``start``, ``tone`` (what
        the customer's words express where that is not neutral) and ``words``, each as text,
        second and marks: 1 where it weighs most, 2 where it belongs to a watched phrase, 3 for
        both.
        ``marks``: these bits by name. ``phrases``: those that are said, and how often. None
        without words.
    """
    if report.words is None:
        return None
    names = speaker_names(report)
    counts = count_phrases((turn.text for turn in report.words.turns), phrases)
    wanted = [said for said in (said_words(phrase) for phrase in phrases) if said]
    return {
        "turns": [
            {
                "speaker": turn.speaker,
                "name": names[turn.speaker],
                "start": turn.start_seconds,
                "tone": None if turn.sentiment == "neutral" else turn.sentiment,
                "words": list(_words(turn, wanted)),
            }
            for turn in report.words.turns
        ],
        "marks": {"weighs": _WEIGHS, "watched": _WATCHED},
        "phrases": [{"phrase": phrase, "count": count} for phrase, count in counts.items()],
    }


def _words(turn: WordsTurn, wanted: Sequence[Sequence[str]]) -> Iterator[tuple[str, float, int]]:
    watched = _watched(turn, wanted)
    for place, word in enumerate(turn.words):
        weighs = word.weight is not None and abs(word.weight) >= _LEAST_WEIGHT
        marks = (_WEIGHS if weighs else 0) | (_WATCHED if place in watched else 0)
        yield word.text, word.start_seconds, marks


def _watched(turn: WordsTurn, wanted: Sequence[Sequence[str]]) -> set[int]:
    """Return the places of the words that belong to a phrase."""
    parts = said_places([word.text for word in turn.words])
    return {
        place
        for phrase in wanted
        for first, last in places_of(phrase, parts)
        for place in range(first, last + 1)
    }
