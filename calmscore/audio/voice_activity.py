"""Where somebody speaks, and where a channel only hears the other one.

Speech is found by the Silero model that ships inside faster-whisper. All masks
here are Boolean arrays with one value per 10 ms of the call.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.telemetry import switch_off_telemetry

switch_off_telemetry()

Mask = npt.NDArray[np.bool_]
Samples = npt.NDArray[np.floating[Any]]

MASK_RATE_HZ = 100
_RATE_HZ = 16_000
_SAMPLES_PER_STEP = _RATE_HZ // MASK_RATE_HZ
# Silero copies its input several times; blocks keep an hour's call small.
_BLOCK_SECONDS = 60
# Silero was trained on wide-band speech. Over a telephone line (8 kHz, 300–3400 Hz,
# 29 dB above noise) it found 21 % of the speech frames at its usual threshold of 0.5.
# A lower level, faint noise in place of the missing upper band, and a threshold of
# 0.2 raised that to 67 %; music, ringing and line noise still stayed below 1 %.
_THRESHOLD = 0.2
_END_THRESHOLD = 0.1
_LISTENING_PEAK = 0.05
_LISTENING_GAINS = (1e-3, 100.0)
# Noise hardly moves in level; syllables move it by 15 dB and more.
_STEADY_RANGE_DB = 5.0
# Ringing and busy tones, also those that tremble, have all of their power at one or two
# frequencies; 94 stretches of angry, fearful and ordinary speech had at most 81 % there.
_TONE_SHARE, _TONE_FRAME, _TONE_REACH = 0.95, 1024, 3
# What is further below the voice of a channel is a voice in the background.
_FAINT_DB = 36.0
_MARGIN_STEPS = 5
_UPPER_BAND_HZ = 4_000.0
_UPPER_BAND_LEVEL = 0.002
# By then the filter has long come to rest.
_FILTER_TAIL = 4096

_LEAK_BLOCK_SECONDS = 0.5
_LEAK_LONGEST_DELAY_SECONDS = 0.25
_LEAK_CORRELATION = 0.4
_LEAK_LEVEL_DB = 6.0
_LEAK_CERTAIN_LEVEL_DB = 20.0
_LEAK_DECIMATION = 2


@lru_cache(maxsize=1)
def _options() -> Any:
    from faster_whisper.vad import VadOptions

    return VadOptions(
        threshold=_THRESHOLD,
        neg_threshold=_END_THRESHOLD,
        min_speech_duration_ms=200,
        min_silence_duration_ms=300,
        speech_pad_ms=100,
    )


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
    from faster_whisper.vad import get_speech_timestamps

    mask = np.zeros(-(-samples.size // _SAMPLES_PER_STEP), dtype=np.bool_)
    gain = _listening_gain(samples)
    block = _BLOCK_SECONDS * _RATE_HZ
    for start in range(0, samples.size, block):
        part = samples[start : start + block].astype(np.float32) * gain
        part += _upper_band_noise()[: part.size]
        for region in get_speech_timestamps(part, _options(), _RATE_HZ):
            first = (start + region["start"]) // _SAMPLES_PER_STEP
            last = -(-(start + region["end"]) // _SAMPLES_PER_STEP)
            mask[first:last] = True
    return near_voices(samples, mask)


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
        if _moves(levels) and not _is_tone(samples, first, first + len(levels))
    ]
    if not moving:
        return kept
    floor_db = max(np.percentile(levels, 90) for _, levels in moving) - _FAINT_DB
    for first, levels in moving:
        if np.percentile(levels, 90) >= floor_db:
            loud = np.flatnonzero(levels >= floor_db)
            start = max(first + loud[0] - _MARGIN_STEPS, first)
            kept[start : first + loud[-1] + 1 + _MARGIN_STEPS] = True
    return kept & mask


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
    steps = samples[first * _SAMPLES_PER_STEP : last * _SAMPLES_PER_STEP].astype(np.float32)
    steps = np.pad(steps, (0, (last - first) * _SAMPLES_PER_STEP - steps.size))
    power = np.square(steps).reshape(-1, _SAMPLES_PER_STEP).mean(axis=1, dtype=np.float64)
    return np.asarray(10.0 * np.log10(power + 1e-12))


def _moves(levels_db: npt.NDArray[np.float64]) -> bool:
    soft, loud = np.percentile(levels_db, (10, 90))
    return bool(loud - soft >= _STEADY_RANGE_DB)


def _is_tone(samples: Samples, first: int, last: int) -> bool:
    return tone_share(samples[first * _SAMPLES_PER_STEP : last * _SAMPLES_PER_STEP]) > _TONE_SHARE


def tone_share(samples: Samples) -> float:
    """Return which share of a sound's power is near its two strongest frequencies, 0–1."""
    count = samples.size // _TONE_FRAME
    if not count:
        return 0.0
    frames = samples[: count * _TONE_FRAME].astype(np.float32).reshape(count, _TONE_FRAME)
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_TONE_FRAME), axis=1))).sum(axis=0)
    total, found = float(power.sum()), 0.0
    for _ in range(2):
        peak = int(power.argmax())
        near = slice(max(peak - _TONE_REACH, 0), peak + _TONE_REACH + 1)
        found += float(power[near].sum())
        power[near] = 0.0
    return found / max(total, 1e-12)


def _listening_gain(samples: Samples) -> np.float32:
    if not samples.size:
        return np.float32(1.0)
    # Every 7th sample is plenty for a percentile, and coprime to usual periods.
    peak = float(np.percentile(np.abs(samples[::7].astype(np.float32)), 99.5))
    return np.float32(np.clip(_LISTENING_PEAK / max(peak, 1e-9), *_LISTENING_GAINS))


@lru_cache(maxsize=1)
def _upper_band_noise() -> npt.NDArray[np.float32]:
    generator = np.random.default_rng(0)
    samples = _BLOCK_SECONDS * _RATE_HZ
    size = samples + _FILTER_TAIL
    spectrum = np.fft.rfft(generator.standard_normal(samples), size)
    noise = np.fft.irfft(spectrum * _high_pass(size // 2 + 1), size)[:samples]
    return np.asarray(_UPPER_BAND_LEVEL * noise, dtype=np.float32)


def _high_pass(bins: int) -> npt.NDArray[np.complex128]:
    """Return the response of a Butterworth filter of fourth order, from 0 Hz to half the rate.

    The same as `scipy.signal.butter` gives, which would cost every start half a second.
    """
    # The bilinear transform's frequencies; at both ends the response is known.
    frequencies = np.tan(np.linspace(0.0, np.pi / 2.0, bins)[1:-1])
    inverse = np.tan(np.pi * _UPPER_BAND_HZ / _RATE_HZ) / (1j * frequencies)
    poles = np.exp(1j * np.pi * (2 * np.arange(4) + 5) / 8)
    response = 1.0 / np.prod(inverse[:, None] - poles, axis=1)
    return np.concatenate([[0.0], response, [1.0]])


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
