"""Where somebody speaks, and where a channel only hears the other one.

All masks here are Boolean arrays with one value per 10 ms of the call.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.audio.speech_detector import DETECTOR_RATE_HZ, detected, listening_gain
from calmscore.audio.tones import is_tone, tone_steps

Mask = npt.NDArray[np.bool_]
Samples = npt.NDArray[np.floating[Any]]
Levels = npt.NDArray[np.float64]

MASK_RATE_HZ = 100
_RATE_HZ = DETECTOR_RATE_HZ
_SAMPLES_PER_STEP = _RATE_HZ // MASK_RATE_HZ
# Levels are measured in blocks: an hour in single precision would double the memory.
_BLOCK_STEPS = 6_000
# Noise hardly moves in level; syllables move it by 15 dB and more.
_STEADY_RANGE_DB = 5.0
# What is further below the voice of a channel is a voice in the background. Its loudest stretch
# tells that voice's level, unless it is so much above what some seconds reach: loud music may be
# taken for speech now and then.
_FAINT_DB = 36.0
_VOICE_SECONDS, _VOICE_SHARE, _LOUDEST_ABOVE_DB = 3.0, 0.2, 12.0
_MARGIN_STEPS = 5
# Sound as loud as speech that is taken for none, for so long without a breath, or louder than
# speech by so much: what comes after it, or is softer, may not have been heard.
_UNHEARD_SECONDS, _BREATH_STEPS, _AROUND_STEPS = 10.0, 50, 30
_LOUDER_DB, _LOUDER_SECONDS, _FAR_LOUDER_DB = 6.0, 1.0, 12.0
_RANGE_DB = 10.0
# What moves by so little for so long is no voice, however long it is held.
_STEADY_STEPS, _STEADY_HOP, _SMOOTHED_STEPS, _STEADIEST_RANGE_DB = 200, 20, 5, 3.0
_SHORT_BREATH_STEPS, _TONE_SHARE = 3, 0.6
# A pause within such a call: so far below the loudest nearby, for so long.
_PAUSE_DB, _PAUSE_STEPS, _NEAR_STEPS, _NEAR_BLOCKS = 15.0, 50, 50, 3
_LONGEST_PIECE_STEPS = 3_000
# No piece is made so much louder than speech elsewhere in the call.
_LARGEST_GAIN_RATIO = 2.0
# Short stretches are no speech within long loud sound of which no more than this share seems to be.
_SHORT_STEPS, _GAP_STEPS, _LONG_STEPS, _LARGEST_SHARE = 200, 200, 40, 0.3

_LEAK_BLOCK_SECONDS = 0.5
_LEAK_LONGEST_DELAY_SECONDS = 0.25
_LEAK_CORRELATION = 0.4
_LEAK_LEVEL_DB = 6.0
_LEAK_CERTAIN_LEVEL_DB = 20.0
_LEAK_DECIMATION = 2


def speech_mask(samples: Samples) -> Mask:
    """Mark where a channel holds speech.

    Parameters
    ----------
    samples : array of float, shape (n,)
        One channel at 16 kHz, full scale 1.

    Returns
    -------
    array of bool, shape (ceil(n / 160),)
        One value per 10 ms. Music, ringing tones and noise are not speech.

    References
    ----------
    Silero Team (2024), "Silero VAD", https://github.com/snakers4/silero-vad.
    """
    mask, loud = _first_heard(samples)
    if loud is not None:
        # As long as it was there, and for many seconds after it, speech may have been missed.
        kept = _without_steady_sound(samples, loud)
        if kept is not None:
            samples = kept
            mask, loud = _first_heard(samples)
    if loud is not None:
        mask = _heard_in_pieces(samples, mask, step_levels_db(samples, 0, mask.size), loud)
    return near_voices(samples, mask)


def _first_heard(samples: Samples) -> tuple[Mask, Mask | None]:
    """Return what is taken for speech in all, and what is as loud and taken for none."""
    mask = _detected_mask(samples, [(0, samples.size)], [float(listening_gain(samples))])
    return mask, _loud_and_unheard(mask, step_levels_db(samples, 0, mask.size))


def _without_steady_sound(samples: Samples, loud: Mask) -> Samples | None:
    """Return a sound with silence in place of tones and noise that never move, None without any."""
    steady = _unmoved(step_powers(samples, 0, loud.size))
    for first, last in stretches(loud, breath=_SHORT_BREATH_STEPS):
        tones = tone_steps(_between(samples, first, last))
        # Music holds its tones, too, but not most of the time.
        steady[first:last] |= bool(tones.mean() >= _TONE_SHARE)
    if not steady.any():
        return None
    kept = samples.copy()
    kept[np.repeat(steady, _SAMPLES_PER_STEP)[: samples.size]] = 0
    return kept


def _unmoved(powers: Levels) -> Mask:
    """Mark where a sound is as loud all the time, as a tone or noise is."""
    steady = np.zeros(powers.size, dtype=np.bool_)
    if powers.size < _STEADY_STEPS:
        return steady
    # The level of noise moves in 10 ms, but not in 50.
    smooth = np.convolve(powers, np.full(_SMOOTHED_STEPS, 1.0 / _SMOOTHED_STEPS), "same")
    levels = 10.0 * np.log10(smooth + 1e-12)
    around = np.lib.stride_tricks.sliding_window_view(levels, _STEADY_STEPS)[::_STEADY_HOP]
    soft, most = np.percentile(around, (5, 95), axis=1)
    for number in np.flatnonzero(most - soft < _STEADIEST_RANGE_DB):
        first = number * _STEADY_HOP
        steady[first : first + _STEADY_STEPS] = True
    return steady


def _detected_mask(
    samples: Samples, pieces: Sequence[tuple[int, int]], gains: Sequence[float]
) -> Mask:
    mask = np.zeros(-(-samples.size // _SAMPLES_PER_STEP), dtype=np.bool_)
    for start, end in detected(samples, pieces, gains):
        mask[start // _SAMPLES_PER_STEP : -(-end // _SAMPLES_PER_STEP)] = True
    return mask


def _loud_and_unheard(mask: Mask, levels: Levels) -> Mask | None:
    """Return where sound as loud as speech is taken for none; None where it does no harm."""
    if not mask.any():
        soft, loud = np.percentile(levels, (20, 95)) if levels.size else (0.0, 0.0)
        return levels > soft + _RANGE_DB if loud > soft + _RANGE_DB else None
    heard = levels[mask]
    beside = ~widened(mask, _AROUND_STEPS)
    louder = beside & (levels > np.percentile(heard, 90) + _LOUDER_DB)
    unheard = beside & (levels >= np.median(heard))
    longest = max((b - a for a, b in stretches(unheard, breath=_BREATH_STEPS)), default=0)
    if louder.sum() < _LOUDER_SECONDS * MASK_RATE_HZ and longest < _UNHEARD_SECONDS * MASK_RATE_HZ:
        return None
    # Its beginning may have been taken for speech.
    return unheard | louder | (levels > np.percentile(heard, 75) + _FAR_LOUDER_DB)


def _heard_in_pieces(samples: Samples, mask: Mask, levels: Levels, loud: Mask) -> Mask:
    """Listen again, in pieces that end where loud sound does, each at its own level."""
    loud = _long(loud)
    bounds = [
        (first * _SAMPLES_PER_STEP, min(last * _SAMPLES_PER_STEP, samples.size))
        for first, last in _pieces(levels, loud)
    ]
    most = _LARGEST_GAIN_RATIO * _gain_of_speech(samples, mask)
    gains = [min(float(listening_gain(samples[a:b])), most) for a, b in bounds]
    found = _detected_mask(samples, bounds, gains)
    if mask.any():
        # The loudest sound was heard at its own level the first time, among what surrounds it.
        far_louder_db = np.percentile(levels[mask], 75) + _FAR_LOUDER_DB
        for first, last in stretches(found):
            if np.percentile(levels[first:last], 90) > far_louder_db:
                found[first:last] &= mask[first:last]
    found |= mask & ~loud
    return found & ~_within_other_sound(found, levels)


def _long(loud: Mask) -> Mask:
    """Return the longer parts of loud sound, with the pauses in them."""
    kept = np.zeros_like(loud)
    for first, last in stretches(loud, breath=_GAP_STEPS):
        kept[first:last] = last - first >= _LONG_STEPS
    return kept


def _gain_of_speech(samples: Samples, mask: Mask) -> float:
    """Return the gain that half of the speech needs at the most."""
    step = _SAMPLES_PER_STEP
    found = [
        (float(listening_gain(samples[first * step : last * step])), last - first)
        for first, last in stretches(mask)
    ]
    if not found:
        return np.inf
    gains, steps = np.array(sorted(found)).T
    total = np.cumsum(steps)
    return float(gains[np.searchsorted(total, total[-1] / 2.0)])


def _pieces(levels: Levels, loud: Mask) -> list[tuple[int, int]]:
    """Return the pieces between the pauses in and around loud sound, in steps."""
    count = -(-levels.size // _NEAR_STEPS)
    blocks = np.pad(levels, (0, count * _NEAR_STEPS - levels.size), constant_values=-120.0)
    loudest = np.pad(blocks.reshape(count, -1).max(axis=1), _NEAR_BLOCKS, mode="edge")
    near = np.lib.stride_tricks.sliding_window_view(loudest, 2 * _NEAR_BLOCKS + 1).max(axis=1)
    quiet = levels < np.repeat(near, _NEAR_STEPS)[: levels.size] - _PAUSE_DB
    around = widened(loud, _GAP_STEPS)
    pauses = [part for part in stretches(quiet) if part[1] - part[0] >= _PAUSE_STEPS]
    places = [(a + b) // 2 for a, b in pauses if around[a:b].any()]
    places += [place for part in stretches(loud) for place in part]
    cuts = [0]
    for place in [*sorted(places), levels.size]:
        while place - cuts[-1] > _LONGEST_PIECE_STEPS:
            first = cuts[-1] + _LONGEST_PIECE_STEPS // 2
            cuts.append(first + int(levels[first : cuts[-1] + _LONGEST_PIECE_STEPS].argmin()))
        cuts.append(place)
    return [(a, b) for a, b in itertools.pairwise(cuts) if b > a]


def _within_other_sound(mask: Mask, levels: Levels) -> Mask:
    """Return the short stretches within long loud sound most of which is no speech."""
    within = np.zeros_like(mask)
    if not mask.any():
        return within
    beside = ~widened(mask, _AROUND_STEPS) & (levels >= np.median(levels[mask]))
    other = np.zeros_like(mask)
    for first, last in stretches(beside, breath=_GAP_STEPS):
        long = last - first >= _UNHEARD_SECONDS * MASK_RATE_HZ
        other[first:last] = long and mask[first:last].mean() < _LARGEST_SHARE
    for start, end in stretches(mask):
        within[start:end] = end - start <= _SHORT_STEPS and other[start:end].all()
    return within


def widened(mask: Mask, steps: int) -> Mask:
    """Return a mask that is also true so many steps before and after what it marks."""
    # As long as the mask, also where that is shorter than the reach.
    counts = np.convolve(mask, np.ones(2 * steps + 1))[steps : steps + mask.size]
    return np.asarray(counts > 0.5)


def stretches(mask: Mask, *, breath: int = 0) -> list[tuple[int, int]]:
    """Return where a mask is true without a longer pause.

    Parameters
    ----------
    mask : array of bool
        Where somebody speaks, or a line is dead.
    breath : int
        Longest pause within a stretch, in steps of the mask.

    Returns
    -------
    list of tuple of int
        First step of each stretch, and the one after its last.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    bounds: list[tuple[int, int]] = []
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if bounds and first - bounds[-1][1] <= breath:
            bounds[-1] = (bounds[-1][0], last)
        else:
            bounds.append((first, last))
    return bounds


def mask_seconds(mask: Mask) -> float:
    """Return for how long somebody speaks, by a mask."""
    return float(mask.sum()) / MASK_RATE_HZ


def near_voices(samples: Samples, mask: Mask) -> Mask:
    """Keep the stretches of a mask that hold a near voice.

    Stretches of steady noise go, and voices in the background, far below the
    loudest stretch; the others lose the silence at their ends.

    Parameters
    ----------
    samples : array of float, shape (n,)
        One channel at 16 kHz.
    mask : array of bool
        Where the channel seems to hold speech.

    Returns
    -------
    array of bool
        Of the shape of ``mask``; never true where that is false.
    """
    kept = np.zeros_like(mask)
    levelled = [(first, step_levels_db(samples, first, last)) for first, last in stretches(mask)]
    moving = [
        (first, levels)
        for first, levels in levelled
        if _moves(levels) and not is_tone(_between(samples, first, first + len(levels)))
    ]
    if not moving:
        return kept
    loudest_db = max(float(np.percentile(levels, 90)) for _, levels in moving)
    usual_db = _reached_level_db(np.concatenate([levels for _, levels in moving]))
    floor_db = min(loudest_db, usual_db + _LOUDEST_ABOVE_DB) - _FAINT_DB
    for first, levels in moving:
        if np.percentile(levels, 90) >= floor_db:
            loud = np.flatnonzero(levels >= floor_db)
            start = max(first + loud[0] - _MARGIN_STEPS, first)
            kept[start : first + loud[-1] + 1 + _MARGIN_STEPS] = True
    return kept & mask


def _reached_level_db(levels: Levels) -> float:
    """Return the level that some seconds of the speech reach."""
    steps = int(min(_VOICE_SECONDS * MASK_RATE_HZ, _VOICE_SHARE * levels.size))
    return float(np.sort(levels)[-1 - steps])


def step_levels_db(samples: Samples, first: int, last: int) -> npt.NDArray[np.float64]:
    """Return the level of each step of a mask, from one step to another.

    Parameters
    ----------
    samples : array of float, shape (n,)
        At 16 kHz, full scale 1.
    first, last : int
        The first step and the one after the last.

    Returns
    -------
    array of float64, shape (last - first,)
        In dB of full scale, -120 at least.
    """
    return np.asarray(10.0 * np.log10(step_powers(samples, first, last) + 1e-12))


def step_powers(samples: Samples, first: int, last: int) -> npt.NDArray[np.float64]:
    """Return the mean square of each step of a mask, from one step to another.

    Parameters
    ----------
    samples : array of float, shape (n,)
        At 16 kHz.
    first, last : int
        Steps; the last one is not included. What is behind the end counts as silence.

    Returns
    -------
    array of float64, shape (last - first,)
        Full scale 1.
    """
    powers = np.empty(last - first)
    for start in range(0, powers.size, _BLOCK_STEPS):
        stop = min(start + _BLOCK_STEPS, powers.size)
        steps = samples[(first + start) * _SAMPLES_PER_STEP : (first + stop) * _SAMPLES_PER_STEP]
        steps = steps.astype(np.float32)
        steps = np.pad(steps, (0, (stop - start) * _SAMPLES_PER_STEP - steps.size))
        squares = np.square(steps).reshape(-1, _SAMPLES_PER_STEP)
        powers[start:stop] = squares.mean(axis=1, dtype=np.float64)
    return powers


def _between(samples: Samples, first: int, last: int) -> Samples:
    return samples[first * _SAMPLES_PER_STEP : last * _SAMPLES_PER_STEP]


def _moves(levels_db: npt.NDArray[np.float64]) -> bool:
    soft, loud = np.percentile(levels_db, (10, 90))
    return bool(loud - soft >= _STEADY_RANGE_DB)


def leak_mask(samples: Samples, other: Samples, *, heard: Mask, other_heard: Mask) -> Mask:
    """Mark where a channel only repeats the other one, softer and a little later.

    A block of half a second is a leak if the channel is at least 6 dB below the
    other and correlates with it at some delay of up to 0.25 s: an echo of the
    line or of a loudspeaker. Two people who talk at once do not correlate. At 20 dB
    below another voice, noise covers the correlation; whoever it is cannot be made
    out, so that is taken for a leak as well.

    Parameters
    ----------
    samples, other : array of float, shape (n,)
        The channel to look at and the one that may leak into it, at 16 kHz.
    heard, other_heard : array of bool
        Where each of the two seems to hold speech.

    Returns
    -------
    array of bool
        Of the shape of ``heard``; never true where that is false.
    """
    leaks = np.zeros_like(heard)
    steps = int(_LEAK_BLOCK_SECONDS * MASK_RATE_HZ)
    for first in range(0, heard.size, steps):
        block = slice(first, first + steps)
        if not heard[block].any():
            continue
        # A word's edges are often missed on one of the two channels.
        voice_near = bool(other_heard[max(first - steps, 0) : first + 2 * steps].any())
        if _repeats(samples, other, first, steps, voice_near=voice_near):
            leaks[block] = heard[block]
    return leaks


def _repeats(samples: Samples, other: Samples, first: int, steps: int, *, voice_near: bool) -> bool:
    start, stop = first * _SAMPLES_PER_STEP, (first + steps) * _SAMPLES_PER_STEP
    reach = int(_LEAK_LONGEST_DELAY_SECONDS * _RATE_HZ)
    here = samples[start:stop:_LEAK_DECIMATION].astype(np.float32)
    before = np.zeros(max(reach - start, 0) // _LEAK_DECIMATION, dtype=np.float32)
    heard = other[max(start - reach, 0) : stop : _LEAK_DECIMATION].astype(np.float32)
    there = np.concatenate([before, heard])
    energy_here, energy_there = float(here @ here), float(there @ there)
    if energy_here <= 0.0 or energy_there <= 0.0 or here.size < 2:
        return False
    level_db = 10.0 * np.log10(
        (energy_there / there.size + 1e-12) / (energy_here / here.size + 1e-12)
    )
    if level_db < _LEAK_LEVEL_DB:
        return False
    if voice_near and level_db >= _LEAK_CERTAIN_LEVEL_DB:
        return True
    size = 1 << (here.size + there.size - 1).bit_length()
    product = np.fft.rfft(there, size) * np.conj(np.fft.rfft(here, size))
    correlation = np.fft.irfft(product, size)[: there.size - here.size + 1]
    # Energy of the other channel under each position of this one.
    cumulated = np.concatenate([[0.0], np.cumsum(there.astype(np.float64) ** 2)])
    under = cumulated[here.size :] - cumulated[: there.size - here.size + 1]
    strength = np.abs(correlation) / np.sqrt(energy_here * np.maximum(under, 1e-12))
    return bool(strength.max() >= _LEAK_CORRELATION)
