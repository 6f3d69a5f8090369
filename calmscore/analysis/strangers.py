"""A second voice on one side of a call: somebody who takes over, or an announcement."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.analysis.voice_borders import Labels
from calmscore.analysis.voice_ways import (
    group_centres,
    likeness_of,
    margin_of,
    smaller_count,
    ways_to_join,
)
from calmscore.analysis.voice_windows import Voices, Window, spread_labels
from calmscore.audio.pitch import pitch_semitones
from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask

Samples = npt.NDArray[np.floating[Any]]

_STEP = ANALYSIS_RATE_HZ // MASK_RATE_HZ
_LEAST_WINDOWS = 6
# One side of 360 calls composed of windows of acted speech, cut in two as unlike as possible.
# A voice that is raised moves away from itself, and its pitch tells that it was raised: so a
# difference in pitch makes up for a lack of likeness, by this much a semitone.
_LIKENESS_OF_A_SEMITONE = 0.01
# Who is left out by mistake is the customer; a notice by mistake costs a moment of listening. Of
# 24 customers alone none had less than 0.53.
_CERTAIN, _LEAST_CERTAIN_MARGIN = 0.2, 0.17
_POSSIBLE, _LEAST_MARGIN = 0.38, 0.1
# Where the line changes together with the voice, somebody took over or joined on a line of
# their own; one person's line does not. Halves of one acted person have 0.78 or more.
_ON_ANOTHER_LINE = 0.6
_LEAST_LINE_STEP_DB, _LINE_SECONDS, _QUIETEST_PERCENT = 1.0, 20.0, 5.0
_LEAST_LINE_SECONDS = 8.0
_NOTHING_DB = -110.0
_FLOOR_FRAME = 2 * _STEP
# Who talks with somebody is answered within so long.
_ANSWER_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """A second voice.

    Attributes
    ----------
    mask : array of bool
        Where the one of two voices speaks that speaks less with the other side, or, if there
        is little between them, that comes second.
    certain : bool
        Whether the two are so unlike that one person in two moods is out of the question.
    """

    mask: Mask
    certain: bool


def find_stranger(
    samples: Samples, side: Voices, mask: Mask, *, other_mask: Mask
) -> Stranger | None:
    """Find a second voice on one side of a call.

    Parameters
    ----------
    samples : array of float, shape (n,)
        The side, at 16 kHz.
    side : Voices
        What is said there.
    mask : array of bool
        Where somebody speaks there.
    other_mask : array of bool
        Where the other side speaks.

    Returns
    -------
    Stranger or None
        None where all may be one person.
    """
    centres = group_centres(side.points[[window.telling for window in side.windows]])
    if centres is None:
        return None
    pitches = np.array([pitch_semitones(_sound(samples, window)) for window in side.windows])
    ways = ways_to_join(side.points, centres, side.windows)
    labels, sameness = _least_alike(ways, side, pitches)
    if sameness > _POSSIBLE:
        change = _line_change(samples, side.windows)
        labels, sameness = _least_alike([] if change is None else [change], side, pitches)
        if sameness > _ON_ANOTHER_LINE:
            return None
    margin = margin_of(side.points, labels)
    if margin < _LEAST_MARGIN:
        return None
    second = _less_with(other_mask, labels, side.windows)
    spoken = spread_labels(labels, side.windows, size=mask.size) == second
    return Stranger(
        mask=np.asarray(mask & spoken),
        certain=sameness <= _CERTAIN and margin >= _LEAST_CERTAIN_MARGIN,
    )


def _least_alike(
    ways: Sequence[Labels], side: Voices, pitches: npt.NDArray[np.float64]
) -> tuple[Labels, float]:
    """Return the two voices that can least be one, and how well they can all the same."""
    ways = [way for way in ways if smaller_count(way) >= _LEAST_WINDOWS]
    rated = [(way, _sameness(side, way, pitches)) for way in ways]
    return min(rated, key=lambda pair: pair[1], default=(np.zeros(0, dtype=np.int64), np.inf))


def _sound(samples: Samples, window: Window) -> Samples:
    return samples[window.first * _STEP : window.last * _STEP]


def _sameness(side: Voices, labels: Labels, pitches: npt.NDArray[np.float64]) -> float:
    """Return how well two voices can be one in two moods, higher where they can."""
    medians = [_median(pitches[labels == voice]) for voice in (0, 1)]
    semitones = abs(medians[0] - medians[1])
    raised = 0.0 if np.isnan(semitones) else _LIKENESS_OF_A_SEMITONE * semitones
    return likeness_of(side.points, labels) + raised


def _median(values: npt.NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else float("nan")


def _line_change(samples: Samples, windows: list[Window]) -> Labels | None:
    """Return what is said before and after the noise of the line changes, None if it does not."""
    count = samples.size // _FLOOR_FRAME
    frames = samples[: count * _FLOOR_FRAME].reshape(count, _FLOOR_FRAME)
    power = np.square(frames, dtype=np.float32).mean(axis=1, dtype=np.float64)
    gaps = [
        (before.last, after.first)
        for before, after in itertools.pairwise(windows)
        if before.stretch != after.stretch
    ]
    floors = [(_floor_db(power, last, -1), _floor_db(power, first, 1)) for last, first in gaps]
    steps = np.nan_to_num([abs(before - after) for before, after in floors])
    if not steps.size or steps.max() < _LEAST_LINE_STEP_DB:
        return None
    change = gaps[int(steps.argmax())][1]
    return np.array([int(window.first >= change) for window in windows])


def _floor_db(power: npt.NDArray[np.float64], at: int, direction: int) -> float:
    """Return the level of the line's noise before or after a step; NaN where nobody knows it.

    A line that is dead, or holds nothing in pauses, has no noise to know it by.
    """
    start, reach = at * _STEP // _FLOOR_FRAME, int(_LINE_SECONDS * MASK_RATE_HZ / 2)
    part = power[start : start + reach] if direction > 0 else power[max(start - reach, 0) : start]
    if part.size < _LEAST_LINE_SECONDS * MASK_RATE_HZ / 2:
        return float("nan")
    level = float(10.0 * np.log10(np.percentile(part, _QUIETEST_PERCENT) + 1e-12))
    return level if level > _NOTHING_DB else float("nan")


def _less_with(other_mask: Mask, labels: Labels, windows: list[Window]) -> int:
    """Return which of two voices speaks less with the other side: an announcement hardly does."""
    reach = int(_ANSWER_SECONDS * MASK_RATE_HZ)
    answered = [other_mask[max(w.first - reach, 0) : w.last + reach].any() for w in windows]
    counts = np.bincount(labels[answered], minlength=2)
    if counts.max() >= 2 * counts.min():
        return int(counts.argmin())
    return int(1 - labels[0])
