"""Two people who are both heard on both sides of a call, each louder on their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from calmscore.audio.channels import Stretch, inside_stretches
from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, stretches

FloatArray = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Samples = npt.NDArray[np.floating[Any]]
Kind = TypeVar("Kind", bound=np.generic)

_BLOCK_STEPS = 10
_BLOCK_SAMPLES = _BLOCK_STEPS * ANALYSIS_RATE_HZ // MASK_RATE_HZ
_BLOCKS_AT_ONCE = 600
# Sounds of speech pass through lines unequally; over a second that averages out. What is heard
# late on the other side still overlaps with itself in three blocks.
_TELLING_BLOCKS, _NEAR_BLOCKS = 10, 3
# What is so far below the loudest second is rather noise.
_FAINTEST_DB = 36.0
_LEAST_TELLING_BLOCKS = 30
# Half of the distance between the ratio's two values. Beyond the larger one lines are apart,
# and so they are beyond the smaller one where the sides' levels do not move together.
_LEAST_SEPARATION_DB, _LARGEST_SEPARATION_DB, _LARGEST_UNLIKE_DB = 2.3, 18.0, 12.0
# In 10 composed calls with crosstalk of 3 to 15 dB, 79 to 97 % of the seconds had one of two
# ratios, within 0.35 of their distance from the middle; of one mix on both sides, filtered,
# noisy, or a second late, 56 % at most.
_NEAR_RATIO, _LEAST_NEAR = 0.35, 0.7
# Where a part of the call holds one mix, the ratio has a third value, in the middle.
_FAR_RATIO, _MOST_FAR, _OUTER_PERCENT, _LEAST_NEAR_THREE = 1.6, 0.1, 8.0, 0.85
# Two people answer each other; a gain that is changed midway stays as it is.
_LEAST_SHARE, _LEAST_CHANGES = 0.04, 3
_RIGHT, _BOTH, _LEFT = 0, 1, 2
_BOTH_COST, _CHANGE_COST = 0.3, 1.5
# Where one side alone holds both people, the other person is about as loud there as on their own
# side, is hardly ever heard without it, and the ratio goes far up or down when they are silent.
_OVERHEARD_DB, _LEAST_APART_DB, _TOLD_APART_DB = 8.0, 20.0, 10.0
_MOST_HEARD_ALONE, _LEAST_OWN, _MOST_BEYOND = 0.35, 0.2, 0.05
# A line on which the other person is heard so much later still has the shape of their own one.
_LATEST_BLOCKS, _FAINT_SHARE = 20, 1e-4
# Nobody talks over the other for so long: that part holds one mix.
_LONGEST_OVERTALK_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class LouderSides:
    """Who speaks when, by which side is louder.

    Attributes
    ----------
    masks : tuple of two arrays of bool
        Where the person of each side speaks; both where both are strong.
    together : list of Stretch
        Where neither side is louder for long: that part holds one mix.
    separation_db : float
        By how much each person is louder on their own side, the sides' gains made up for.
    overhears : int or None
        The side on which both people are heard, where only one of the two sides is so.
    """

    masks: tuple[Mask, Mask]
    together: list[Stretch]
    separation_db: float
    overhears: int | None = None


def louder_sides(
    samples: Samples, heard: tuple[Mask, Mask], *, within: list[Stretch]
) -> LouderSides | None:
    """Tell two people apart who are both heard on both sides, by which side is louder.

    Where they take turns, the ratio of the two sides' levels goes back and forth between
    two values, whatever gain each side has, and however late a person is heard on the other's
    side. Its two values are sought, then the likeliest way between them, with changes rare.

    Parameters
    ----------
    samples : array of float, shape (2, n)
        At ``ANALYSIS_RATE_HZ``.
    heard : tuple of two arrays of bool
        Where each side holds speech, whoever's.
    within : list of Stretch
        Where the sides' levels move together: there the two values of the ratio are looked
        for first. Elsewhere less is believed.

    Returns
    -------
    LouderSides or None
        None where level does not tell: one person, or one mix on both sides.
    """
    either = heard[0] | heard[1]
    powers = _powers(samples)
    spoken = _blocks(either, size=powers.shape[1])
    powers = _without_noise(powers, spoken)
    inside = _blocks(inside_stretches(within, size=either.size), size=spoken.size)
    levels = _two_levels(powers, spoken & inside, largest_db=_LARGEST_SEPARATION_DB)
    if (
        levels is not None
        and _changes(_louder(powers, spoken, levels), spoken & inside) < _LEAST_CHANGES
    ):
        # One mix, and at its border what was said before or after it.
        levels = None
    if levels is None:
        levels = _two_levels(powers, spoken, largest_db=_LARGEST_UNLIKE_DB)
    overhears, late = None, 0
    if levels is None:
        overhears = _overhearing_side(heard)
        if overhears is not None:
            late = _late_blocks(powers, overhears)
            powers[1 - overhears] = _later(powers[1 - overhears], late)
            either = heard[overhears] | _later(heard[1 - overhears], late * _BLOCK_STEPS)
            spoken = _blocks(either, size=powers.shape[1])
            levels = _overheard_levels(powers, spoken, overhears)
    if levels is None:
        return None
    labels = _louder(powers, spoken, levels)
    if _changes(labels, spoken) < _LEAST_CHANGES:
        return None
    steps = np.repeat(labels, _BLOCK_STEPS)[: either.size]
    masks = [either & (steps != _RIGHT), either & (steps != _LEFT)]
    if overhears is not None:
        # On their own side they spoke so much before.
        masks[1 - overhears] = _later(masks[1 - overhears], -late * _BLOCK_STEPS)
    return LouderSides(
        masks=(masks[0], masks[1]),
        together=_one_mix(either, steps == _BOTH),
        separation_db=levels[1],
        overhears=overhears,
    )


def _louder(powers: FloatArray, spoken: Mask, levels: tuple[float, float]) -> Labels:
    middle, separation_db = levels
    position = (_ratios_db(powers * spoken, _NEAR_BLOCKS) - middle) / separation_db
    return _path(position, spoken)


def _changes(labels: Labels, where: Mask) -> int:
    """Return how often it goes from one person to the other there."""
    alone = labels[where & (labels != _BOTH)]
    return int(np.count_nonzero(np.diff(alone)))


def _overhearing_side(heard: tuple[Mask, Mask]) -> int | None:
    """Return the side that is heard whenever the other one is, and also alone."""
    alone = [float((side & ~other).sum()) for side, other in (heard, heard[::-1])]
    shares = [own / max(float(side.sum()), 1.0) for own, side in zip(alone, heard, strict=True)]
    side = int(np.argmax(shares))
    return side if shares[side] >= _LEAST_OWN and shares[1 - side] <= _MOST_HEARD_ALONE else None


def _late_blocks(powers: FloatArray, overhears: int) -> int:
    """Return by how many blocks the other person is late on the side that holds both."""
    loudest = powers.max(axis=1, keepdims=True)
    if powers.shape[1] < 2 * _LATEST_BLOCKS or loudest.min() <= 0.0:
        return 0
    levels = np.log(powers + _FAINT_SHARE * loudest)
    both, own = levels[overhears], levels[1 - overhears]
    fits = [
        np.corrcoef(both[late:], own[: own.size - late])[0, 1] for late in range(_LATEST_BLOCKS + 1)
    ]
    late = int(np.argmax(fits))
    return late if late >= _NEAR_BLOCKS else 0


def _later(values: npt.NDArray[Kind], steps: int) -> npt.NDArray[Kind]:
    """Return values as many steps later, or earlier, with nothing where none are."""
    moved = np.zeros_like(values)
    size = values.size - abs(steps)
    if size > 0:
        to, of = max(steps, 0), max(-steps, 0)
        moved[to : to + size] = values[of : of + size]
    return moved


def _overheard_levels(
    powers: FloatArray, spoken: Mask, overhears: int
) -> tuple[float, float] | None:
    """Return levels as `_two_levels` where one side alone holds both people."""
    levels = _two_levels(powers, spoken, largest_db=np.inf)
    if levels is None:
        return None
    sign = 1.0 if overhears == 0 else -1.0
    middle, apart_db = sign * levels[0], levels[1]
    if abs(middle - apart_db) > _OVERHEARD_DB or middle + apart_db < _LEAST_APART_DB:
        return None
    ratios = sign * _ratios_db(powers * spoken, _NEAR_BLOCKS)[spoken]
    if np.mean(ratios < middle - apart_db - _TOLD_APART_DB) > _MOST_BEYOND:
        return None
    return sign * (middle - apart_db + _TOLD_APART_DB), _TOLD_APART_DB


def _powers(samples: Samples) -> FloatArray:
    """Return the power of both sides in blocks of 0.1 s, shape (2, blocks)."""
    count = -(-samples.shape[1] // _BLOCK_SAMPLES)
    powers = np.empty((2, count))
    # In parts: an hour of one side squared would take as much memory as both sides.
    for first in range(0, count, _BLOCKS_AT_ONCE):
        part = samples[:, first * _BLOCK_SAMPLES : (first + _BLOCKS_AT_ONCE) * _BLOCK_SAMPLES]
        padded = np.pad(part, ((0, 0), (0, -part.shape[1] % _BLOCK_SAMPLES)))
        squares = np.square(padded, dtype=np.float32).reshape(2, -1, _BLOCK_SAMPLES)
        powers[:, first : first + squares.shape[1]] = squares.mean(axis=2, dtype=np.float64)
    return powers


def _without_noise(powers: FloatArray, spoken: Mask) -> FloatArray:
    """Take off what a side holds where nobody speaks."""
    if spoken.all():
        return powers
    noise = np.median(powers[:, ~spoken], axis=1, keepdims=True)
    return np.asarray(np.maximum(powers - noise, 0.0))


def _blocks(mask: Mask, *, size: int) -> Mask:
    """Return in which blocks a mask is true for at least half of the time."""
    steps = np.pad(mask, (0, max(size * _BLOCK_STEPS - mask.size, 0)))[: size * _BLOCK_STEPS]
    return np.asarray(steps.reshape(size, _BLOCK_STEPS).mean(axis=1) >= 0.5)


def _near(powers: FloatArray, blocks: int) -> FloatArray:
    window = np.ones(blocks)
    return np.stack([np.convolve(side, window)[blocks // 2 :][: side.size] for side in powers])


def _ratios_db(powers: FloatArray, blocks: int) -> FloatArray:
    left, right = _near(powers, blocks) + 1e-12
    return np.asarray(10.0 * np.log10(left / right))


def _two_levels(
    powers: FloatArray, spoken: Mask, *, largest_db: float
) -> tuple[float, float] | None:
    """Return the middle of the two values of the ratio, and how far each is from it, in dB."""
    if not spoken.any():
        return None
    loudest = _near(powers * spoken, _TELLING_BLOCKS).max(axis=0)
    loud = spoken & (loudest >= loudest.max() * 10.0 ** (-_FAINTEST_DB / 10.0))
    if loud.sum() < _LEAST_TELLING_BLOCKS:
        return None
    ratios = np.sort(_ratios_db(powers * spoken, _TELLING_BLOCKS)[loud])
    # Otsu's threshold: of all ways to cut in two the one with the means furthest apart.
    counts = np.arange(1, ratios.size)
    sums = np.cumsum(ratios)
    below, above = sums[:-1] / counts, (sums[-1] - sums[:-1]) / (ratios.size - counts)
    cut = int(np.argmax(counts * (ratios.size - counts) * (above - below) ** 2)) + 1
    if min(cut, ratios.size - cut) < _LEAST_SHARE * ratios.size:
        return None
    low, high = float(np.median(ratios[:cut])), float(np.median(ratios[cut:]))
    far, near, _ = _shares(ratios, low, high)
    if far > _MOST_FAR:
        low, high = np.percentile(ratios, (_OUTER_PERCENT, 100.0 - _OUTER_PERCENT)).tolist()
        _, near, in_the_middle = _shares(ratios, low, high)
        clear = near + in_the_middle >= _LEAST_NEAR_THREE
    else:
        clear = near >= _LEAST_NEAR
    separation_db = (high - low) / 2.0
    if not clear or not _LEAST_SEPARATION_DB <= separation_db <= largest_db:
        return None
    return (low + high) / 2.0, separation_db


def _shares(ratios: FloatArray, low: float, high: float) -> tuple[float, float, float]:
    """Return the shares of ratios far beyond two values, near one of them, and in the middle."""
    distance = np.abs(ratios - (low + high) / 2.0) / max((high - low) / 2.0, 1e-9)
    return (
        float(np.mean(distance > _FAR_RATIO)),
        float(np.mean(np.abs(distance - 1.0) < _NEAR_RATIO)),
        float(np.mean(distance < _NEAR_RATIO)),
    )


def _path(position: FloatArray, spoken: Mask) -> Labels:
    """Return who speaks in each block, the likeliest way by Viterbi's algorithm.

    ``position`` is -1 where the right person speaks, 1 where the left one does.
    """
    costs = np.stack(
        [
            np.clip(1.0 + position, 0.0, 2.0) ** 2,
            np.clip(position, -2.0, 2.0) ** 2 + _BOTH_COST,
            np.clip(1.0 - position, 0.0, 2.0) ** 2,
        ],
        axis=1,
    )
    costs[~spoken] = 0.0
    change = _CHANGE_COST * np.abs(np.subtract.outer(np.arange(3), np.arange(3)))
    came_from = np.zeros(costs.shape, dtype=np.int64)
    total = costs[0]
    for block in range(1, len(costs)):
        ways = total[:, None] + change
        came_from[block] = ways.argmin(axis=0)
        total = ways.min(axis=0) + costs[block]
    labels = np.zeros(len(costs), dtype=np.int64)
    labels[-1] = int(total.argmin())
    for block in range(len(costs) - 1, 0, -1):
        labels[block - 1] = came_from[block, labels[block]]
    return labels


def _one_mix(either: Mask, both: Mask) -> list[Stretch]:
    return [
        Stretch(first / MASK_RATE_HZ, last / MASK_RATE_HZ)
        for first, last in stretches(both)
        if either[first:last].sum() > _LONGEST_OVERTALK_SECONDS * MASK_RATE_HZ
    ]
