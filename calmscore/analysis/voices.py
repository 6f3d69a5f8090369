"""Two people on one channel: who speaks when, by their voices alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.analysis.voice_borders import CEPSTRA, Labels, pauses_within, place_borders
from calmscore.analysis.voice_ways import (
    LEAST_PART,
    SIMILARITY_UNIT,
    clearest_way,
    evidence_of,
    least_part,
    middles_of,
    two_people_ways,
)
from calmscore.analysis.voice_windows import (
    HOP_SECONDS,
    LEAST_WINDOWS,
    MOST_WINDOWS,
    Voices,
    Window,
    placed_windows,
    spread_labels,
    whole_stretches_of,
    windows_of,
)
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, stretches

FloatArray = npt.NDArray[np.float32]
Counts = npt.NDArray[np.intp]

# Natural speech of one person cut in two has an evidence of -0.11 or less, acted speech -0.07 or
# less; two people have -0.03 or more, few pairs of like voices less. Below the first it
# is taken for one person, from the second on for two; at the last, one person is out of the
# question.
_LEAST_EVIDENCE, _TELLING_EVIDENCE, _CLEAR_EVIDENCE = -0.05, -0.035, 0.13
# Of 40 calls of like voices three had another way, nearly as good, that gives 14 % of the windows
# or more to the other person; with 17, 13 and 9 % error before borders are placed they are among
# the six worst. From 10 % on it is told, as one call with 24 % error had 11 %.
_LARGE_RIVAL = 0.17
# Where so much of a call is long silence, the other person's line may not be in it at all.
_LONG_SILENCE_SECONDS, _MOST_SILENCE, _SILENCE_WEIGHT = 1.5, 0.3, 0.1
_LEAST_CHANGES = 6
# By how much the sides must be more alike crosswise, before and after, than each with itself:
# -1.07 or less in 12 calls, 0.97 or more in the same calls exchanged midway.
_LEAST_EXCHANGE = 0.0
# And so much alike one of the two must be across. Where two calls of four people were joined it
# was 0.6 at the most; the same person had 0.87 or more.
_LEAST_SAME_PERSON = 0.7
# Of two calls in one file all four voices may be alike; nobody is then more so across than along.
_LEAST_MORE_THAN_ALONG = 0.15
# That sides are put right again has to make it clearer by so much.
_PUT_RIGHT_AGAIN = 0.15
# A customer who calms down may be less like before than like the agent: then the agent, who is
# clearly the same across and not along, tells it alone.
_SURE_SAME_PERSON, _LEAST_MORE_ALIKE, _LEAST_MORE_IN_ALL = 0.75, 0.25, 0.15


@dataclass(frozen=True, kw_only=True)
class TwoVoices:
    """Who speaks when.

    Attributes
    ----------
    masks : tuple of two arrays of bool
        One value per 10 ms for each voice; no moment belongs to both.
    evidence : float
        How much speaks for two people, about -0.3 to 0.5.
    rival : float
        Share of the windows, 0–0.5, that another way to tell the two apart, nearly as
        likely, gives to the other person.
    leaning : array of float, shape (n,), or None
        By how much each 10 ms, as part of the windows around it, speaks for the second voice.
    """

    masks: tuple[Mask, Mask]
    evidence: float
    rival: float = 0.0
    leaning: FloatArray | None = None

    @property
    def doubt(self) -> float:
        """How likely it is that they are not these two, 0–0.5; 1 where nobody can tell."""
        if self.evidence < _TELLING_EVIDENCE:
            return 1.0
        missing = (_CLEAR_EVIDENCE - self.evidence) / (_CLEAR_EVIDENCE - _TELLING_EVIDENCE)
        return float(0.5 * np.clip(max(missing, self.rival / _LARGE_RIVAL), 0.0, 1.0))


def two_voices(samples: npt.NDArray[np.floating[Any]], mask: Mask) -> TwoVoices | None:
    """Tell two people on one channel apart.

    The likeliest way in which windows of speech are two people's is taken, see `voice_ways`;
    where one ends and the other begins is placed by `voice_borders`.

    Parameters
    ----------
    samples : array of float, shape (n,)
        At 16 kHz.
    mask : array of bool
        Where somebody speaks.

    Returns
    -------
    TwoVoices or None
        None where there is nothing that speaks for two voices.
    """
    bounds = whole_stretches_of(mask)
    frames = np.zeros((mask.size, CEPSTRA), np.float32)
    placed = placed_windows(samples, windows_of(bounds, most=MOST_WINDOWS), bounds, frames=frames)
    windows, points = placed.windows, placed.points
    ways = two_people_ways(points, windows)
    if not ways:
        return None
    labels, rival = clearest_way(points, ways, windows)
    evidence = evidence_of(points, labels, windows) - _SILENCE_WEIGHT * _mostly_waits(mask)
    if (
        evidence < _LEAST_EVIDENCE
        or least_part(labels) < LEAST_PART
        or np.count_nonzero(np.diff(labels)) < _LEAST_CHANGES
    ):
        return None
    leaning = _leaning(points, labels, windows, size=mask.size)
    second = place_borders(
        spread_labels(labels, windows, size=mask.size) == 1, leaning,
        frames, mask=mask, pauses=pauses_within(samples, bounds, size=mask.size),
    )  # fmt: skip
    return TwoVoices(
        masks=(mask & ~second, mask & second), evidence=evidence, rival=rival, leaning=leaning
    )


def exchanged_part(sides: tuple[Voices, Voices]) -> tuple[int, int | None] | None:
    """Return the steps of a mask between which each voice is on the other's side, or None.

    The second step is None where that lasts to the end.
    """
    if not (sides[0].windows and sides[1].windows):
        return None
    starts = [np.array([window.first for window in side.windows]) for side in sides]
    totals = [np.pad(np.cumsum(side.points, axis=0), ((1, 0), (0, 0))) for side in sides]
    steps = np.unique(np.concatenate(starts))
    counts = [np.searchsorted(at, steps) for at in starts]
    best, found = -np.inf, None
    for begin in range(len(steps)):
        # To the end, or to one of the later steps.
        ends = np.arange(begin + 1, len(steps) + 1)
        likenesses, enough = _likenesses(totals, counts, begin, ends)
        gains = np.where(enough, likenesses[:2].sum(axis=0) - likenesses[2:].sum(axis=0), -np.inf)
        gains = gains - _PUT_RIGHT_AGAIN * (ends < len(steps))
        place = int(gains.argmax()) if gains.size else 0
        if gains.size and gains[place] > best:
            best, found = gains[place], None
            first, second, third, fourth = likenesses[:, place].tolist()
            if _are_exchanged((first, second), (third, fourth)):
                last = int(ends[place])
                found = int(steps[begin]), int(steps[last]) if last < len(steps) else None
    return found


def _likenesses(
    totals: Sequence[FloatArray], counts: Sequence[Counts], begin: int, ends: Counts
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return how alike the sides are crosswise (2) and along (2), and where enough is said.

    Each time within from one step to some ends, and without.
    """
    within, without = [], []
    enough = np.ones(ends.size, dtype=np.bool_)
    for total, count in zip(totals, counts, strict=True):
        size = len(total) - 1
        first, last = count[begin], np.append(count, size)[ends]
        inside = total[last] - total[first]
        within.append(_unit_rows(inside))
        without.append(_unit_rows(total[-1] - inside))
        enough &= (first >= LEAST_WINDOWS) & (last - first >= LEAST_WINDOWS)
        enough &= (last == size) | (size - last >= LEAST_WINDOWS)
    pairs = ((without[0], within[1]), (without[1], within[0]),
             (without[0], within[0]), (without[1], within[1]))  # fmt: skip
    return np.stack([(one * other).sum(axis=1) for one, other in pairs]), enough


def _unit_rows(points: FloatArray) -> FloatArray:
    return np.asarray(points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9))


def _are_exchanged(crossed: tuple[float, float], along: tuple[float, float]) -> bool:
    """Tell by likenesses of before and after whether two people are on each other's side."""
    by_both = 2.0 * min(crossed) - sum(along)
    more_alike = max(crossed) - max(along)
    if max(crossed) < _LEAST_SAME_PERSON or more_alike < _LEAST_MORE_THAN_ALONG:
        return False
    if by_both > _LEAST_EXCHANGE:
        return True
    return (
        max(crossed) >= _SURE_SAME_PERSON
        and more_alike >= _LEAST_MORE_ALIKE
        and sum(crossed) - sum(along) >= _LEAST_MORE_IN_ALL
    )


def _mostly_waits(mask: Mask) -> bool:
    """Tell whether much of what lies between the first word and the last is long silence."""
    spoken = np.flatnonzero(mask)
    within = ~mask[spoken[0] : spoken[-1] + 1]
    silences = [last - first for first, last in stretches(within)]
    long = sum(s for s in silences if s >= _LONG_SILENCE_SECONDS * MASK_RATE_HZ)
    return bool(long > _MOST_SILENCE * within.size)


def _leaning(points: FloatArray, labels: Labels, windows: list[Window], *, size: int) -> FloatArray:
    """Return by how much windows speak for the second voice, at each step of a mask."""
    first, second = middles_of(points, labels)
    gains = points @ (second - first) / (SIMILARITY_UNIT * HOP_SECONDS * MASK_RATE_HZ)
    middles = [window.middle for window in windows]
    return np.asarray(np.interp(np.arange(size), middles, gains), dtype=np.float32)
