"""From a sequence of emotions to a 1–10 de-escalation score with its evidence.

Pure: no files, no model. The definition:

A segment's *weight* is the expected distress weight of its probabilities
(``emotions.DISTRESS_WEIGHTS``): anger 1, disgust and fear 0.9, sad 0.6, neutral 0,
happy −0.25. Its *level* puts the weight on a scale on which 0.5 means "as likely as
not that most listeners hear a negative emotion": with ``logit(x) = log(x / (1 − x))``::

    logit(level) = DISTRESS_SLOPE (logit(weight) − logit(DISTRESS_MIDPOINT))

for a weight above 0, which leaves 0 and 1 where they are; below 0 the level is the
weight itself. `distress` is the level, held to 0–1.

Let ``u`` run from 0 to 1 over the customer's speech. The score is::

    value = 7 + ∫ c(u) level(u) du,   c(u) = 13.6 (1/2 − u)   for u < 1/2
                                      c(u) = −40  (u − 1/2)   for u ≥ 1/2

Distress that the agent meets in the first half earns room to improve (at most
1.7 points); distress in the second half costs, the more the later (at most 5).
Written over the changes of level instead, the same integral is a start value
plus points for every change: a change at ``u`` is worth −C(u) times the fall in
level, where C(u) is the integral of c from u to 1. C is never positive, so a
change towards calm always earns and a change towards distress always costs.
As ``u`` is a share of speech, the score does not depend on the call's length,
and silence carries no weight.

The interval. What listeners would say of a segment differs from what the model says:
by a part that the whole call shares, because people's voices differ, and by a part
that is the segment's own. Both are drawn many times: the first as a normal deviation of
the score, the second of the logit of the level in proportion to the segment's doubt (what
its likeliest emotion leaves to the others). The middle 80 % of the scores that come out
are the interval.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from calmscore.analysis.call_score import (
    CALM_THROUGHOUT,
    DE_ESCALATED,
    ESCALATED,
    HIGHEST_VALUE,
    INSUFFICIENT_EVIDENCE,
    LOWEST_VALUE,
    PARTLY_DE_ESCALATED,
    UNRESOLVED,
    CallScore,
    Outcome,
)
from calmscore.analysis.distress import (
    DISTRESSED,
    FloatArray,
    distress_levels,
    told_emotions,
)
from calmscore.analysis.formats import format_duration
from calmscore.analysis.transitions import find_transitions, points_at_stake
from calmscore.emotions import EMOTIONS
from calmscore.errors import ParameterError

CALM_VALUE = 7.0
MINIMUM_SCORED_SEGMENTS = 4
WIDEST_INTERVAL = 3.0
"""Points; a score that is less sure than this tells no outcome."""
LEAST_COVERAGE = 0.6
"""Share of the customer's speech that must have been judged to speak of the whole call."""
CALM = 0.35
"""Smoothed distress up to which a customer who was distressed counts as calm again."""

CALL_DEVIATION, SEGMENT_DEVIATION = 0.36, 1.6
"""Standard deviations of the score in points, shared by a call, and of the logit of each segment's
level; fitted on composed calls by ``python -m calmscore.training.call_evaluation``."""
_DRAWS = 400
_INTERVAL_PERCENTILES = (10.0, 90.0)
# The level of a segment that is taken as certain: it keeps its logit finite.
_CERTAIN = 1e-4

_EDGE_SHARE = 0.2
_NOTABLE_CHANGE = 0.2
_SMOOTHING = (0.25, 0.5, 0.25)


def score_emotions(emotions: Sequence[str | None], *, segment_seconds: float = 3.0) -> CallScore:
    """Score a sequence of emotion names, each taken as certain.

    Parameters
    ----------
    emotions : sequence of (str or None)
        One name of ``EMOTIONS`` per segment, None for a segment without speech.
    segment_seconds : float
        Length of a segment.

    Raises
    ------
    ParameterError
        If a name is not an emotion or ``segment_seconds`` is not above 0.
    """
    probabilities = np.zeros((len(emotions), len(EMOTIONS)))
    for row, name in zip(probabilities, emotions, strict=True):
        if name is None:
            continue
        if name not in EMOTIONS:
            raise ParameterError(f"{name!r} is not an emotion; use one of {', '.join(EMOTIONS)}")
        row[EMOTIONS.index(name)] = 1.0
    speech = [0.0 if name is None else segment_seconds for name in emotions]
    return score_probabilities(
        probabilities, speech_seconds=speech, segment_seconds=segment_seconds
    )


def score_probabilities(
    probabilities: npt.ArrayLike,
    *,
    speech_seconds: npt.ArrayLike,
    segment_seconds: float = 3.0,
    unjudged_seconds: float = 0.0,
    withheld_because: str | None = None,
    least_reach: tuple[float, float] = (0.0, 0.0),
) -> CallScore:
    """Score the calibrated probabilities of a call's segments.

    Parameters
    ----------
    probabilities : array, shape (n, 6)
        One row per segment on the call's clock, in the order of ``EMOTIONS``, each
        summing to 1. Rows of segments without speech are not looked at.
    speech_seconds : array, shape (n,)
        Seconds of the customer's speech in each segment: its weight. A segment
        with 0 is not scored.
    segment_seconds : float
        Length of a segment.
    unjudged_seconds : float
        Seconds of the customer's speech that could not be judged.
    withheld_because : str, optional
        Why there is to be no score, whatever the segments hold.
    least_reach : tuple of float
        Points by which the interval goes below and above the value at least.

    Raises
    ------
    ParameterError
        If shapes do not fit or a value is out of range.
    """
    table, weights = _checked(probabilities, speech_seconds, segment_seconds)
    if not 0.0 <= unjudged_seconds < float("inf"):
        raise ParameterError(f"unjudged_seconds is {unjudged_seconds}, not a number from 0 on")
    scored = np.flatnonzero(weights > 0.0)
    levels = distress_levels(table[scored])
    smoothed_levels = _smooth(levels[:, None], weights[scored])[:, 0]
    smoothed = np.clip(smoothed_levels, 0.0, 1.0)
    judged = float(weights.sum())
    everything = judged + unjudged_seconds
    told: dict[str, Any] = {
        "distress": _spread(np.clip(levels, 0.0, 1.0), scored, len(table)),
        "smoothed_distress": _spread(smoothed, scored, len(table)),
        "coverage": judged / everything if everything > 0.0 else None,
    }
    if withheld_because is not None:
        return _insufficient(withheld_because, told)
    if scored.size < MINIMUM_SCORED_SEGMENTS:
        return _insufficient(_too_little(int(scored.size)), told)
    edges = np.concatenate([[0.0], np.cumsum(weights[scored]) / weights[scored].sum()])
    told["low"], told["high"] = _interval(levels, 1.0 - table[scored].max(axis=1), edges)
    if told["coverage"] < LEAST_COVERAGE:
        return _insufficient(_left_out(told["coverage"]), told)
    smoothed_table = _smooth(table[scored], weights[scored])
    starts = np.asarray(scored * segment_seconds, dtype=np.float64)
    start_value = CALM_VALUE + float(levels[0]) * float(points_at_stake(0.0))
    told_as = told_emotions(smoothed_table, smoothed_levels)
    transitions = find_transitions(levels, told_as, edges, starts)
    value = float(
        np.clip(
            start_value + sum(transition.points for transition in transitions),
            LOWEST_VALUE,
            HIGHEST_VALUE,
        )
    )
    below, above = least_reach
    told["low"] = max(min(told["low"], value - below), LOWEST_VALUE)
    told["high"] = min(max(told["high"], value + above), HIGHEST_VALUE)
    start, end = _edge_means(np.clip(levels, 0.0, 1.0), edges)
    states = _distress_states(smoothed)
    outcome = _outcome(start, end, float(smoothed.max()))
    seconds_to_calm = _seconds_to_calm(states, starts)
    relapses = _relapses(states)
    summary = _summary(outcome, seconds_to_calm, relapses)
    if told["high"] - told["low"] > WIDEST_INTERVAL:
        outcome, summary = INSUFFICIENT_EVIDENCE, _too_unsure(told["low"], told["high"])
    return CallScore(
        value=value,
        outcome=outcome,
        summary=summary,
        start_value=start_value,
        start_distress=start,
        end_distress=end,
        peak_distress=float(smoothed.max()),
        peak_at_seconds=float(starts[int(smoothed.argmax())]),
        seconds_to_calm=seconds_to_calm,
        relapses=relapses,
        transitions=transitions,
        **told,
    )


def _insufficient(why: str, told: dict[str, Any]) -> CallScore:
    return CallScore(value=None, outcome=INSUFFICIENT_EVIDENCE, summary=why, **told)


def _interval(levels: FloatArray, doubt: FloatArray, edges: FloatArray) -> tuple[float, float]:
    """Return the 80 % interval of the score, by drawing what listeners would say."""
    shared, own = _draws(len(levels))
    logits = logit(np.clip(levels, _CERTAIN, 1.0 - _CERTAIN))
    drawn = expit(logits + SEGMENT_DEVIATION * doubt * own)
    # Below 0 the customer is happy: how much, no listener doubts.
    drawn += np.minimum(levels, 0.0)
    shares = np.diff(points_at_stake(edges))
    scores = CALM_VALUE - drawn @ shares + CALL_DEVIATION * shared
    low, high = np.percentile(scores, _INTERVAL_PERCENTILES)
    low, high = np.clip((low, high), LOWEST_VALUE, HIGHEST_VALUE)
    return float(low), float(high)


@lru_cache(maxsize=64)
def _draws(count: int) -> tuple[FloatArray, FloatArray]:
    # The same draws for every call of this length: the same call, the same interval.
    generator = np.random.default_rng(0)
    return generator.standard_normal(_DRAWS), generator.standard_normal((_DRAWS, count))


def _checked(
    probabilities: npt.ArrayLike, speech_seconds: npt.ArrayLike, segment_seconds: float
) -> tuple[FloatArray, FloatArray]:
    table = np.asarray(probabilities, dtype=np.float64)
    if table.size == 0:
        table = table.reshape(0, len(EMOTIONS))
    weights = np.asarray(speech_seconds, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(EMOTIONS):
        raise ParameterError(f"probabilities have shape {table.shape}, not (n, {len(EMOTIONS)})")
    if weights.shape != (len(table),):
        raise ParameterError(f"speech_seconds has shape {weights.shape}, not ({len(table)},)")
    if not 0.0 < segment_seconds < float("inf"):
        raise ParameterError(f"segment_seconds is {segment_seconds}, not a number above 0")
    if not np.all(weights >= 0.0) or not np.all(np.isfinite(weights)):
        raise ParameterError("speech_seconds has a value that is negative or no number")
    rows = table[weights > 0.0]
    if not np.all((rows >= 0.0) & (rows <= 1.0 + 1e-4)):
        raise ParameterError("probabilities have a value outside of 0–1")
    if not np.allclose(rows.sum(axis=1), 1.0, atol=1e-3):
        raise ParameterError("a row of probabilities does not sum to 1")
    return table, weights


def _smooth(rows: FloatArray, weights: FloatArray) -> FloatArray:
    """Average each row with its neighbours, in proportion to their speech."""
    padded = np.pad(rows, ((1, 1), (0, 0)))
    speech = np.pad(weights, 1)
    total = np.zeros_like(rows)
    share = np.zeros(len(rows))
    for offset, factor in enumerate(_SMOOTHING):
        part = factor * speech[offset : offset + len(rows)]
        total += part[:, None] * padded[offset : offset + len(rows)]
        share += part
    return total / share[:, None]


def _spread(values: FloatArray, places: npt.NDArray[Any], count: int) -> tuple[float | None, ...]:
    spread: list[float | None] = [None] * count
    for place, value in zip(places, values, strict=True):
        spread[int(place)] = float(value)
    return tuple(spread)


def _edge_means(values: FloatArray, edges: FloatArray) -> tuple[float, float]:
    first = np.clip(edges[1:], 0.0, _EDGE_SHARE) - np.clip(edges[:-1], 0.0, _EDGE_SHARE)
    last = np.clip(edges[1:], 1.0 - _EDGE_SHARE, 1.0) - np.clip(edges[:-1], 1.0 - _EDGE_SHARE, 1.0)
    return float(first @ values / first.sum()), float(last @ values / last.sum())


def _distress_states(smoothed: FloatArray) -> list[bool]:
    """Tell distressed from calm, with two thresholds so that a wobble is no change."""
    states = []
    distressed = False
    for value in smoothed:
        distressed = bool(value > CALM) if distressed else bool(value >= DISTRESSED)
        states.append(distressed)
    return states


def _seconds_to_calm(states: list[bool], starts: FloatArray) -> float | None:
    if not any(states) or states[-1]:
        return None
    first = states.index(True)
    last = len(states) - 1 - states[::-1].index(True)
    return float(starts[last + 1] - starts[first])


def _relapses(states: list[bool]) -> int:
    rises = sum(after and not before for before, after in itertools.pairwise(states))
    return max(rises - (0 if states[0] else 1), 0)


def _outcome(start: float, end: float, peak: float) -> Outcome:
    if peak < DISTRESSED:
        return CALM_THROUGHOUT
    if end <= CALM:
        return DE_ESCALATED
    if end - start > _NOTABLE_CHANGE and end >= DISTRESSED:
        return ESCALATED
    if max(start, peak) - end > _NOTABLE_CHANGE:
        return PARTLY_DE_ESCALATED
    return UNRESOLVED


def _too_little(scored: int) -> str:
    heard = "no segment" if scored == 0 else f"only {scored} segment{'s' if scored > 1 else ''}"
    return (
        f"Too little of the customer's speech to score: {heard} could be scored, "
        f"at least {MINIMUM_SCORED_SEGMENTS} are needed."
    )


def _left_out(coverage: float) -> str:
    return (
        f"Only {coverage:.0%} of the customer's speech could be judged, too little to speak of "
        "the whole call."
    )


def _too_unsure(low: float, high: float) -> str:
    return (
        "The evidence is too unsure to speak of an outcome: the score may be anything from "
        f"{low:.1f} to {high:.1f}."
    )


def _summary(outcome: str, seconds_to_calm: float | None, relapses: int) -> str:
    if outcome == CALM_THROUGHOUT:
        return "The customer sounded calm from beginning to end."
    if outcome == ESCALATED:
        return "The customer sounded more distressed at the end than at the beginning."
    if outcome == UNRESOLVED:
        return "The customer sounded distressed and was not calmer at the end."
    if outcome == PARTLY_DE_ESCALATED:
        return "The customer sounded calmer at the end than at the worst moment, but not yet calm."
    text = "The customer sounded distressed and was calm at the end"
    if seconds_to_calm is not None:
        text += f", {format_duration(seconds_to_calm)} after the distress began"
    if relapses:
        text += f"; distress came back {'once' if relapses == 1 else f'{relapses} times'}"
    return text + "."
