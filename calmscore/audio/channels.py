"""What is wrong with the two sides of a call: one mix on both, a dead leg, a late one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, step_powers, stretches, widened

HalfArray = npt.NDArray[np.float16]
Levels = npt.NDArray[np.float64]

# Where somebody speaks on separate lines, one side is loud while the other is not; where
# both hold the same voices, their levels rise and fall together. A line that is only
# the other's echo does so too, but far below it.
_TOGETHER_CORRELATION = 0.5
_TOGETHER_LEVEL_DB = 15.0
# A tone hardly moves in level; speech does.
_LEAST_MOVEMENT_DB = 1.0
_LATEST_SECONDS = 2.0
# People who take turns may seem alike when one is moved by a turn: what is later than that has to
# be a copy.
_LATEST_COPY_SECONDS, _COPY_CORRELATION = 10.0, 0.8
# Who leaks into the other side has 0.84 at most, even 3 dB softer and 0.1 s late; a copy of all of
# it has 0.98 and more.
_LATEST_LEAK_SECONDS, _WHOLE_COPY_CORRELATION = 0.2, 0.93
_WINDOW_SECONDS, _BORDER_SECONDS = 20.0, 4.0
_LEAST_SPEECH_SECONDS, _LEAST_BORDER_SPEECH_SECONDS = 3.0, 1.0
_ALIKE_CORRELATION, _APART_CORRELATION = 0.8, 0.2
# A frame has the ratio of one mix if it is no further from the middle than most are.
_USUAL_PERCENT, _LEAST_USUAL_DB, _UNUSUAL_COUNTS = 85.0, 3.0, 2
_FLOOR_DB = -60.0
_SMOOTHED_STEPS = 5
_LOUD_RANGE_DB = 30.0
_ECHO_SOFTER_DB, _LOUD_PERCENTILE, _MOST_ELSEWHERE = 6.0, 80, 0.05
# Nothing, not even noise, for so long is no pause between two sentences.
_DEAD_SECONDS, _DEAD_AMONG_PAUSES_SECONDS = 10.0, 30.0
_DEAD_LEVEL = 1e-4
# A soft channel, or one whose pauses are not sent, holds nothing whenever nobody speaks on it:
# what is so many times longer is told all the same.
_PAUSE_STEPS, _LEAST_PAUSES, _DEAD_PAUSES = 50, 3, 3.0
_LEAST_OTHER_SPEECH_SECONDS = 4.0
# People talk over each other for less than a tenth of the time; two lines of which one is
# late seem to do so for a quarter of it and more, and hardly at all once that is put right.
_LATEST_LINE_SECONDS = 12.0
_LATE_STEP_SECONDS = 0.1
_MUCH_OVERTALK, _LITTLE_OVERTALK, _AS_LITTLE = 0.22, 0.12, 0.03
_LEAST_SPEECH_OF_EACH_SECONDS = 8.0


@dataclass(frozen=True)
class Stretch:
    """A part of a call, in seconds from its start."""

    start_seconds: float
    end_seconds: float


def inside_stretches(parts: Sequence[Stretch], *, size: int) -> Mask:
    """Mark the steps of a mask of so many that lie in parts of a call."""
    inside = np.zeros(size, dtype=np.bool_)
    for part in parts:
        first, last = (int(s * MASK_RATE_HZ) for s in (part.start_seconds, part.end_seconds))
        inside[first:last] = True
    return inside


def stretches_together(samples: HalfArray, masks: tuple[Mask, Mask]) -> list[Stretch]:
    """Return where both sides hold the same voices, whatever delays or filters one of them.

    Parameters
    ----------
    samples : array of float16, shape (2, n)
        At ``ANALYSIS_RATE_HZ``.
    masks : tuple of two arrays of bool
        Where each side holds speech. Music and ringing on both sides tell nothing.

    Returns
    -------
    list of Stretch
        In order, joined where they touch.
    """
    left, right = (levels_db(side) for side in samples)
    sides, speech = (left, right), (_fitted(masks[0], left.size), _fitted(masks[1], left.size))
    delays = _delays(left, right, reaches_seconds=(_LATEST_SECONDS, _LATEST_COPY_SECONDS))
    for shift, least in zip(delays, (_TOGETHER_CORRELATION, _COPY_CORRELATION), strict=True):
        if found := _stretches_at(shift, sides, speech, least=least):
            return found
    # What is short, or late in its own way, is looked for by itself, and has to be a copy.
    found = []
    for shift in _shifts_of_copies(sides, speech):
        found += _stretches_at(
            shift, sides, speech, least=_COPY_CORRELATION, hop_seconds=_BORDER_SECONDS
        )
    return _joined(found)


def _shifts_of_copies(sides: tuple[Levels, Levels], speech: tuple[Mask, Mask]) -> list[int]:
    """Return by how many steps the right side is moved where a part of the call is a copy."""
    shifts: set[int] = set()
    window, hop = (int(s * MASK_RATE_HZ) for s in (_WINDOW_SECONDS, _BORDER_SECONDS))
    # Less than a whole window may rise and fall together by chance.
    for first in range(0, sides[0].size - window + 1, hop):
        here = slice(first, first + window)
        left, right = (side[here] for side in sides)
        if (speech[0] | speech[1])[here].sum() < _LEAST_SPEECH_SECONDS * MASK_RATE_HZ:
            continue
        (shift,) = _delays(left, right, reaches_seconds=[_LATEST_SECONDS])
        if _correlation(left, np.roll(right, shift)) >= _COPY_CORRELATION:
            shifts.add(shift)
    return sorted(shifts)


def _joined(parts: Sequence[Stretch]) -> list[Stretch]:
    """Return parts in order, those that overlap as one."""
    joined: list[Stretch] = []
    for part in sorted(parts, key=lambda part: part.start_seconds):
        if joined and part.start_seconds <= joined[-1].end_seconds:
            before = joined.pop()
            part = Stretch(before.start_seconds, max(before.end_seconds, part.end_seconds))
        joined.append(part)
    return joined


def _stretches_at(
    shift: int,
    sides: tuple[Levels, Levels],
    speech: tuple[Mask, Mask],
    *,
    least: float,
    hop_seconds: float = _WINDOW_SECONDS,
) -> list[Stretch]:
    """Return where the levels of both sides rise and fall together, one of them moved."""
    left, right = sides[0], np.roll(sides[1], shift)
    either = speech[0] | np.roll(speech[1], shift)
    window, part = (int(s * MASK_RATE_HZ) for s in (_WINDOW_SECONDS, _BORDER_SECONDS))
    inside = np.zeros(-(-left.size // part), dtype=np.bool_)
    hop = int(hop_seconds * MASK_RATE_HZ)
    for first in range(0, left.size if hop == window else left.size - window + 1, hop):
        here = np.flatnonzero(either[first : first + window]) + first
        if here.size < _LEAST_SPEECH_SECONDS * MASK_RATE_HZ:
            continue
        if _together(left[here], right[here], least=least):
            inside[first // part : (first + window) // part] = True
    if not inside.any():
        return []
    # What begins or ends amid a window is looked for in shorter parts.
    alike, apart = np.zeros_like(inside), np.zeros_like(inside)
    for place in range(inside.size):
        here = np.flatnonzero(either[place * part : (place + 1) * part]) + place * part
        if here.size >= _LEAST_BORDER_SPEECH_SECONDS * MASK_RATE_HZ:
            alike[place] = _together(left[here], right[here], least=_ALIKE_CORRELATION)
            apart[place] = not _together(left[here], right[here], least=_APART_CORRELATION)
    for _ in range(window // part - 1):
        beside = widened(inside, 1)
        outside = widened(~inside, 1)
        inside = (inside & ~(outside & apart)) | (beside & alike)
    found = [(first * part, min(last * part, left.size)) for first, last in stretches(inside)]
    placed = [_with_borders(first, last, left - right, either, part) for first, last in found]
    return [Stretch(first / MASK_RATE_HZ, last / MASK_RATE_HZ) for first, last in placed]


def _with_borders(
    first: int, last: int, ratio_db: Levels, either: Mask, part: int
) -> tuple[int, int]:
    """Return the steps where a stretch begins and ends, by how the ratio of the levels moves.

    One mix has the same ratio throughout; where people are apart again it is another one.
    """
    core = np.flatnonzero(either[first:last]) + first
    if core.size < _LEAST_SPEECH_SECONDS * MASK_RATE_HZ:
        return first, last
    away_db = np.abs(ratio_db - np.median(ratio_db[core]))
    usual_db = max(float(np.percentile(away_db[core], _USUAL_PERCENT)), _LEAST_USUAL_DB)
    tells = np.where(away_db <= usual_db, 1, -_UNUSUAL_COUNTS) * either
    reach = min(part, (last - first) // 2)
    if first > 0:
        before = max(first - part, 0)
        gains = np.cumsum(tells[before : first + reach][::-1])[::-1]
        first = before + int(gains.size - 1 - np.argmax(gains[::-1]))
    if last < ratio_db.size:
        gains = np.cumsum(tells[last - reach : last + part])
        last = last - reach + 1 + int(np.argmax(gains))
    return first, last


def holds_one_mix(samples: HalfArray) -> bool:
    """Tell whether both sides hold the same sound for most of the time, late or not.

    Parameters
    ----------
    samples : array of float16, shape (2, n)
        At ``ANALYSIS_RATE_HZ``.
    """
    levels = [levels_db(side) for side in samples]
    loud = tuple(level >= np.percentile(level, 95) - _LOUD_RANGE_DB for level in levels)
    together = stretches_together(samples, (loud[0], loud[1]))
    seconds = sum(part.end_seconds - part.start_seconds for part in together)
    return bool(seconds > 0.5 * samples.shape[1] / ANALYSIS_RATE_HZ)


def holds_late_copy(samples: HalfArray) -> bool:
    """Tell whether one side holds all of the other one's sound again, later than a leak would.

    Parameters
    ----------
    samples : array of float16, shape (2, n)
        At ``ANALYSIS_RATE_HZ``.
    """
    left, right = (levels_db(side) for side in samples)
    (shift,) = _delays(left, right, reaches_seconds=[_LATEST_COPY_SECONDS])
    if abs(shift) <= _LATEST_LEAK_SECONDS * MASK_RATE_HZ:
        return False
    return _correlation(left, np.roll(right, shift)) >= _WHOLE_COPY_CORRELATION


def echoing_side(samples: HalfArray) -> int | None:
    """Return which of two sides is no more than the other one's echo: later, and softer.

    Parameters
    ----------
    samples : array of float16, shape (channels, n)
        At ``ANALYSIS_RATE_HZ``.

    Returns
    -------
    int or None
        None where neither is, or where there are not two sides.
    """
    if len(samples) != 2:
        return None
    left, right = (levels_db(side) for side in samples)
    (shift,) = _delays(left, right, reaches_seconds=[_LATEST_SECONDS])
    right = np.roll(right, shift)
    if np.corrcoef(left, right)[0, 1] < _COPY_CORRELATION:
        return None
    loud = left + right >= np.percentile(left + right, _LOUD_PERCENTILE)
    softer_db = float(np.median(left[loud] - right[loud]))
    if shift < 0 and softer_db >= _ECHO_SOFTER_DB:
        return 1
    return 0 if shift > 0 and softer_db <= -_ECHO_SOFTER_DB else None


def speaks_only_near(heard: tuple[Mask, Mask]) -> bool:
    """Tell whether one of two sides is never heard long before or after the other one."""
    reach = int(_LATEST_SECONDS * MASK_RATE_HZ)
    for side, other in (heard, heard[::-1]):
        if side.any() and (side & ~widened(other, reach)).sum() <= _MOST_ELSEWHERE * side.sum():
            return True
    return False


def levels_db(samples: npt.NDArray[np.floating[Any]]) -> Levels:
    """Return the level of one channel, a value for each step of a mask, smoothed."""
    step = ANALYSIS_RATE_HZ // MASK_RATE_HZ
    mean = step_powers(samples, 0, -(-samples.size // step))
    smooth = np.convolve(mean, np.full(_SMOOTHED_STEPS, 1.0 / _SMOOTHED_STEPS), mode="same")
    return np.asarray(10.0 * np.log10(smooth + 10.0 ** (_FLOOR_DB / 10.0)))


def _fitted(mask: Mask, size: int) -> Mask:
    return np.pad(mask, (0, max(size - mask.size, 0)))[:size]


def _delays(left: Levels, right: Levels, *, reaches_seconds: Sequence[float]) -> list[int]:
    """Return by how many steps the right side is moved to fit the left one best, in each reach."""
    size = 1 << (2 * left.size - 1).bit_length()
    first, second = (np.fft.rfft(side - side.mean(), size) for side in (left, right))
    correlation = np.fft.irfft(first * np.conj(second), size)
    delays = []
    for seconds in reaches_seconds:
        reach = min(int(seconds * MASK_RATE_HZ), left.size - 1)
        shifts = np.concatenate([np.arange(reach + 1), np.arange(-reach, 0)])
        delays.append(int(shifts[np.argmax(correlation[shifts])]))
    return delays


def _together(left: Levels, right: Levels, *, least: float) -> bool:
    if min(left.std(), right.std()) < _LEAST_MOVEMENT_DB:
        return False
    close = abs(float(np.median(left - right))) < _TOGETHER_LEVEL_DB
    return close and _correlation(left, right) >= least


def _correlation(left: Levels, right: Levels) -> float:
    if min(left.std(), right.std()) == 0.0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def dead_stretches(samples: HalfArray, *, speech: Mask, other_speech: Mask) -> list[Stretch]:
    """Return where a side that carried sound holds nothing at all while the other speaks.

    Parameters
    ----------
    samples : array of float16, shape (n,)
        The side.
    speech, other_speech : array of bool
        Where this side holds speech, and where the other one does.

    Returns
    -------
    list of Stretch
        10 s and more; at the beginning, or on a line that holds nothing in other pauses too,
        30 s and more, or 10 s at the end of the call.
    """
    step = ANALYSIS_RATE_HZ // MASK_RATE_HZ
    count = samples.size // step
    frames = samples[: count * step].reshape(count, step)
    silent = np.abs(frames).max(axis=1, initial=0) < _DEAD_LEVEL
    dead = stretches(silent)
    gaps = [silent[a:b].sum() for a, b in stretches(~speech) if b - a >= 2 * _PAUSE_STEPS]
    holds_nothing = sum(steps >= _PAUSE_STEPS for steps in gaps)
    gated = holds_nothing >= max(_LEAST_PAUSES, 0.5 * len(gaps))
    found = []
    for first, last in dead:
        # Before a line is connected, it holds nothing either.
        usual = last < count and (gated or first == 0)
        needed = (_DEAD_AMONG_PAUSES_SECONDS if usual else _DEAD_SECONDS) * MASK_RATE_HZ
        if gated:
            others = [b - a for a, b in dead if a != first and b - a >= _PAUSE_STEPS] or [0]
            needed = max(needed, _DEAD_PAUSES * float(np.percentile(others, 90)))
        spoken = int(other_speech[first:last].sum())
        if last - first >= needed and spoken >= _LEAST_OTHER_SPEECH_SECONDS * MASK_RATE_HZ:
            found.append(Stretch(first / MASK_RATE_HZ, last / MASK_RATE_HZ))
    return found


def lateness_seconds(masks: tuple[Mask, Mask]) -> float:
    """Return by how much the second of two people seems to be late on the recording's clock.

    Parameters
    ----------
    masks : tuple of two arrays of bool
        Where each of them speaks.

    Returns
    -------
    float
        Below 0 where the first is late; 0 where the two take turns as people do, or where
        moving one against the other would not make them do so.
    """
    step = int(_LATE_STEP_SECONDS * MASK_RATE_HZ)
    first, second = (mask[::step].astype(np.float64) for mask in masks)
    least = min(first.sum(), second.sum())
    if least * _LATE_STEP_SECONDS < _LEAST_SPEECH_OF_EACH_SECONDS:
        return 0.0
    if float(first @ second) < _MUCH_OVERTALK * least:
        return 0.0
    reach = min(int(_LATEST_LINE_SECONDS / _LATE_STEP_SECONDS), first.size - 1)
    shifts = np.arange(-reach, reach + 1)
    size = 2 * first.size
    product = np.fft.rfft(second, size) * np.conj(np.fft.rfft(first, size))
    overlaps = np.fft.irfft(product, size)[shifts]
    fewest = overlaps.min()
    if fewest > _LITTLE_OVERTALK * least:
        return 0.0
    as_few = shifts[overlaps <= fewest + _AS_LITTLE * least]
    return float(as_few[np.argmin(np.abs(as_few))] * _LATE_STEP_SECONDS)
