"""The changes of emotion in a call, and what each adds to the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

from calmscore.analysis.distress import FloatArray
from calmscore.emotions import BY_NAME, EMOTIONS, EmotionName

_TURN = 0.5
_EARLY_SLOPE = 13.6
_LATE_SLOPE = 40.0
# Anger, disgust and fear weigh about the same: from one to the other nobody calms down, and in
# which of them somebody is heard for a single segment is a matter of the word.
_NOTABLE_EASE = 0.15
_UPSET = np.array([BY_NAME[name].distress >= 1.0 - _NOTABLE_EASE for name in EMOTIONS])
_TELLING_POINTS = 0.05


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A change of emotion and what it added to the score.

    Attributes
    ----------
    at_seconds : float
        Start of the first segment in the new emotion.
    plays_from_seconds : float or None
        Where to listen from: the agent's turn before the change; None where it is unknown.
    from_emotion, to_emotion : str
        Emotions before and after; the same for small shifts within one emotion.
    points : float
        Points added (positive) or taken (negative).
    reason : str
        One plain sentence.
    """

    at_seconds: float
    plays_from_seconds: float | None = None
    from_emotion: Annotated[EmotionName, Field(alias="from")]
    to_emotion: Annotated[EmotionName, Field(alias="to")]
    points: float
    reason: str

    __pydantic_config__ = ConfigDict(extra="forbid", populate_by_name=True)


def points_at_stake(position: npt.ArrayLike) -> FloatArray:
    """Return C(u), the integral of c from u to the end; never above 0."""
    u = np.asarray(position, dtype=np.float64)
    early = _EARLY_SLOPE / 2.0 * np.maximum(_TURN - u, 0.0) ** 2
    late = _LATE_SLOPE / 2.0 * ((1.0 - _TURN) ** 2 - np.maximum(u - _TURN, 0.0) ** 2)
    return np.asarray(early - late)


def find_transitions(
    levels: FloatArray, told_as: npt.NDArray[Any], edges: FloatArray, starts: FloatArray
) -> tuple[Transition, ...]:
    """List the changes of what a call is told as, with the points of the changes of level.

    The points of every single change of level go to the nearest change of
    emotion: from the middle of one run to the middle of the next.
    """
    points = -points_at_stake(edges[1:-1]) * (levels[:-1] - levels[1:])
    told_as = _without_words_of_a_moment(told_as)
    firsts = np.flatnonzero(np.diff(told_as)) + 1
    names = [EMOTIONS[int(index)] for index in told_as]
    if not firsts.size:
        if abs(points.sum()) < 1e-9:
            return ()
        biggest = int(np.abs(points).argmax()) + 1
        return (
            Transition(
                at_seconds=float(starts[biggest]),
                from_emotion=names[0],
                to_emotion=names[0],
                points=float(points.sum()),
                reason=f"{'Calmer' if points.sum() > 0.0 else 'More upset'} little by little, "
                f"though heard mostly as {BY_NAME[names[0]].heard_as}.",
            ),
        )
    bounds = np.concatenate([[0], firsts, [len(levels)]])
    middles = (bounds[:-1] + bounds[1:]) // 2
    middles[0], middles[-1] = 0, len(levels) - 1
    rows = []
    for index, first in enumerate(firsts):
        before, after = names[first - 1], names[first]
        earned = float(points[middles[index] : middles[index + 1]].sum())
        if _contradicts(before, after, earned):
            # Heard first as another emotion, yet distress went the other way: what is told
            # is that it went that way within the emotion which the change led to.
            before = after
        rows.append(
            Transition(
                at_seconds=float(starts[first]),
                from_emotion=before,
                to_emotion=after,
                points=earned,
                reason=_reason(earned, float(edges[first])),
            )
        )
    return tuple(rows)


def _without_words_of_a_moment(told_as: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Join a single segment in anger, disgust or fear to what it borders on in another of them."""
    joined = told_as.copy()
    last = len(joined) - 1
    for place in range(len(joined)):
        around = [joined[near] for near in (place - 1, place + 1) if 0 <= near <= last]
        if _UPSET[joined[place]] and joined[place] not in around:
            joined[place] = next((name for name in around if _UPSET[name]), joined[place])
    return joined


def _contradicts(before: EmotionName, after: EmotionName, points: float) -> bool:
    """Tell whether two emotions say that somebody calmed down and the points not, or otherwise."""
    eased = BY_NAME[before].distress - BY_NAME[after].distress
    if points >= _TELLING_POINTS:
        return eased <= _NOTABLE_EASE
    return abs(eased) > _NOTABLE_EASE and eased * points < 0.0


# Until which share of the customer's speech a change is said to come, and why it counts as
# it does, when it calmed and when it upset.
_WHEN: tuple[tuple[float, str, str], ...] = (
    (
        0.2,
        "Calmer early on, before there was much distress to deal with.",
        "More upset early on, with time left to put it right.",
    ),
    (
        0.55,
        "Calmer in time for the second half of the call, which counts most.",
        "More upset before the second half of the call, which counts most.",
    ),
    (
        0.85,
        "Calmer late in the call: the end counts most, but part of it had passed.",
        "More upset late in the call: the end counts most, but little of it was left.",
    ),
    (
        1.0,
        "Calmer at the very end, with only a little of the call left.",
        "More upset at the very end, with only a little of the call left.",
    ),
)


def _reason(points: float, position: float) -> str:
    if abs(points) < _TELLING_POINTS:
        return "Made no difference to the score."
    calmer, upset = next(texts for limit, *texts in _WHEN if position <= limit)
    return calmer if points > 0.0 else upset
