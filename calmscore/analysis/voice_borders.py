"""Where one of two voices ends and the other begins, by what each sounds like on this call.

Windows of a second and a half tell whose turn it is, and hardly where it ends. The windows'
answer says what frames of each voice look like; these, and the short pauses between two
people, place the borders.

References
----------
Tranter and Reynolds (2006), "An overview of automatic speaker diarization systems", section
on resegmentation.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import dct

from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, step_levels_db, stretches

FloatArray = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]

# Cepstra of a frame, averaged over so many frames on either side: shorter than any sound.
CEPSTRA = 30
_REACH = 3
# A pause: softer than so much of the way from the call's floor to the stretch's loud part, for
# so long. 95 % of 56 changes of voice within a stretch without overtalk had one near.
_FLOOR_PERCENT, _LOUD_PERCENT, _PAUSE_SHARE, _LEAST_PAUSE = 1.0, 85.0, 0.25, 5
# A change of voice where no pause is, in the shortest pause, by how much less for each step
# that it is longer, and in the longest; and by how much more at a pause's ends than amid it.
_CHANGE_SPEAKING, _CHANGE_IN_PAUSE, _LESS_A_STEP, _LEAST_CHANGE = 12.0, 3.0, 0.1, 0.7
_CHANGE_AT_ENDS = 4.0
# Frames so near to a border may be the other voice's, and say nothing of either.
_UNSURE = int(0.4 * MASK_RATE_HZ)
# Frames in a row are no news to each other: how much so many together tell is looked up, and
# counts so much more than a window's likeness.
_TOGETHER, _FRAMES_WEIGHT = 100, 3.0
_LEAST_TOGETHER = 3
_MOST_LEARNT, _BLOCK = 20_000, 30_000
_HELD_BACK, _TINY = 0.01, 1e-6
_ROUNDS = 2


def averaged_cepstra(log_mel: FloatArray) -> npt.NDArray[np.float32]:
    """Return what a voice sounds like at each frame.

    Parameters
    ----------
    log_mel : array of float, shape (frames, bands)
        Logarithmic filter bank.

    Returns
    -------
    array of float32, shape (frames, 30)
        Cepstra, averaged over 70 ms.
    """
    cepstra = dct(log_mel, type=2, norm="ortho", axis=1)[:, :CEPSTRA]
    total = np.vstack([np.zeros((1, CEPSTRA)), np.cumsum(cepstra, axis=0, dtype=np.float64)])
    frames = np.arange(len(cepstra))
    first = np.maximum(frames - _REACH, 0)
    last = np.minimum(frames + _REACH + 1, len(cepstra))
    return np.asarray((total[last] - total[first]) / (last - first)[:, None], dtype=np.float32)


def pauses_within(samples: FloatArray, bounds: Sequence[tuple[int, int]], *, size: int) -> Mask:
    """Mark the steps of a mask at which nobody is loud, within stretches of speech.

    Parameters
    ----------
    samples : array of float, shape (n,)
        At 16 kHz.
    bounds : sequence of tuple of int
        First step of each stretch, and the one after its last.
    size : int
        Steps of the mask.

    Returns
    -------
    array of bool, shape (size,)
        Shorter pauses than 50 ms are none.
    """
    pauses = np.zeros(size, dtype=np.bool_)
    levels = [step_levels_db(samples, first, last) for first, last in bounds]
    levels = [np.convolve(np.pad(one, 1, "edge"), np.full(3, 1 / 3), "valid") for one in levels]
    if not levels:
        return pauses
    floor_db = np.percentile(np.concatenate(levels), _FLOOR_PERCENT)
    for (first, last), level in zip(bounds, levels, strict=True):
        loud_db = np.percentile(level, _LOUD_PERCENT)
        soft = level < floor_db + _PAUSE_SHARE * (loud_db - floor_db)
        for start, end in stretches(soft):
            pauses[first + start : min(first + end, last)] = end - start >= _LEAST_PAUSE
    return pauses


def place_borders(
    told: Mask, leaning: FloatArray, cepstra: FloatArray, *, mask: Mask, pauses: Mask
) -> Mask:
    """Say again where the second of two voices speaks.

    Parameters
    ----------
    told : array of bool, shape (n,)
        Where the second voice speaks by the windows, at each step of a mask.
    leaning : array of float, shape (n,)
        By how much the windows speak for the second voice there, a step.
    cepstra : array of float, shape (n, d)
        From `averaged_cepstra`.
    mask : array of bool, shape (n,)
        Where somebody speaks.
    pauses : array of bool, shape (n,)
        From `pauses_within`.

    Returns
    -------
    array of bool, shape (n,)
        Where the second voice's turns are; the same as ``told`` where there are too few
        frames of one of the two.
    """
    spoken, loud = np.flatnonzero(mask), mask & ~pauses
    part = slice(spoken[0], spoken[-1] + 1)
    costs = _costs_of_change(pauses | ~mask)[part]
    for _ in range(_ROUNDS):
        frames = _frames_evidence(cepstra, told, loud)
        if frames is None:
            return told
        gains = _FRAMES_WEIGHT * frames * loud + leaning * mask
        both = np.stack([np.zeros(costs.size), gains[part]], axis=1)
        again = np.zeros_like(told)
        again[part] = likeliest_path(both, costs[1:]) == 1
        told = again
    return told


def _costs_of_change(pauses: Mask) -> npt.NDArray[np.float64]:
    costs = np.full(pauses.size, _CHANGE_SPEAKING)
    for first, last in stretches(pauses):
        if last - first >= _LEAST_PAUSE:
            longer = last - first - _LEAST_PAUSE
            amid = max(_CHANGE_IN_PAUSE - _LESS_A_STEP * longer, _LEAST_CHANGE)
            away = np.abs(np.arange(first, last) - (first + last - 1) / 2.0)
            costs[first:last] = amid + _CHANGE_AT_ENDS * away / ((last - first) / 2.0)
    return costs


def _frames_evidence(cepstra: FloatArray, told: Mask, loud: Mask) -> FloatArray | None:
    """Return how much each frame speaks for the second voice, by linear discriminant analysis."""
    sure = loud.copy()
    for border in np.flatnonzero(np.diff(told)).tolist():
        sure[max(border - _UNSURE, 0) : border + _UNSURE] = False
    whose = [np.flatnonzero(sure & ~told), np.flatnonzero(sure & told)]
    if min(one.size for one in whose) < _LEAST_TOGETHER * _TOGETHER:
        return None
    # Of a long call every so-many-th frame is plenty, and an hour's are not in memory at once.
    learnt = [one[:: max(one.size // _MOST_LEARNT, 1)] for one in whose]
    all_learnt = cepstra[np.concatenate(learnt)].astype(np.float64)
    middle, scale = all_learnt.mean(axis=0), all_learnt.std(axis=0) + _TINY

    def features(frames: FloatArray) -> FloatArray:
        normal = (frames - middle) / scale
        # With their squares, voices may differ in how far they move, too.
        return np.hstack([normal, normal**2])

    samples = [features(cepstra[one]) for one in learnt]
    means = [one.mean(axis=0) for one in samples]
    within = sum(np.cov(one.T) * len(one) for one in samples) / len(all_learnt)
    held_back = within + np.diag(_HELD_BACK * np.diag(within) + _TINY)
    direction = np.linalg.solve(held_back, means[1] - means[0])
    between = float(direction @ (means[0] + means[1])) / 2.0
    blocks = range(0, len(cepstra), _BLOCK)
    position = np.concatenate(
        [features(cepstra[first : first + _BLOCK]) @ direction - between for first in blocks]
    )
    return _calibrated(position, whose)


def _calibrated(position: FloatArray, whose: Sequence[npt.NDArray[np.intp]]) -> FloatArray:
    """Return what a frame tells, by how far apart and how scattered many in a row are."""
    first, second = (_sums(position[one]) for one in whose)
    scatter = max((first.var() + second.var()) / 2.0, _TINY)
    apart = max(second.mean() - first.mean(), 0.0)
    middle = (first.mean() + second.mean()) / 2.0
    return np.asarray((position - middle / _TOGETHER) * apart / scatter)


def _sums(values: FloatArray) -> FloatArray:
    count = len(values) // _TOGETHER
    return np.asarray(values[: count * _TOGETHER].reshape(count, _TOGETHER).sum(axis=1))


def likeliest_path(gains: FloatArray, costs: FloatArray) -> Labels:
    """Return the likelier of two voices at each place, by Viterbi's algorithm.

    Parameters
    ----------
    gains : array of float, shape (n, 2)
        How much speaks for either voice at each place.
    costs : array of float, shape (n - 1,)
        What a change of voice costs between each place and the next.

    Returns
    -------
    array of int, shape (n,)
        0 or 1.
    """
    steps = gains.astype(np.float64).tolist()
    first, second = steps[0]
    came_from: list[tuple[int, int]] = []
    for gain, cost in zip(itertools.islice(steps, 1, None), costs.tolist(), strict=True):
        came_from.append((int(second - cost > first), int(not first - cost > second)))
        first, second = (
            max(first, second - cost) + gain[0],
            max(second, first - cost) + gain[1],
        )
    voice = int(second > first)
    labels = [voice]
    for origins in reversed(came_from):
        voice = origins[voice]
        labels.append(voice)
    return np.array(labels[::-1], dtype=np.int64)
