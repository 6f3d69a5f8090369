"""What a line adds below every voice: direct current, rumble, and the hum of the mains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.audio.recording import ANALYSIS_RATE_HZ

HalfArray = npt.NDArray[np.float16]
Sound = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.floating[Any]]

# The low part of a sound is looked at in means of 2.5 ms, a minute at a time.
_STEP, _BLOCK_STEPS = 40, 24_000
_LOW_RATE_HZ = ANALYSIS_RATE_HZ / _STEP
# Nobody's voice is below; of clean telephone and studio recordings 0.05 to 4 % of the power is.
_LOWEST_VOICE_HZ, _LEAST_LOW_SHARE = 55.0, 0.05
_LEAST_OFFSET = 0.003
# A line of the spectrum is hum where it stands out from what is beside it as no voice does.
_MAINS_HZ, _MAINS_RANGE_HZ = (50.0, 60.0), 1.0
_LINE_HZ, _BESIDE_HZ = 0.5, (1.0, 6.0)
_LEAST_HUM_SHARE, _LEAST_HUM_ABOVE = 0.005, 20.0
# The filter lets pass what is above the second of these, and nothing below the first.
_STOPPED_HZ, _PASSED_HZ = 50.0, 80.0
_NOTCH_HZ, _NOTCH_WIDENING, _HIGHEST_OVERTONE_HZ = 0.6, 0.005, 4_000.0
_LEAST_OVERTONE_ABOVE = 8.0
_FILTER_SIZE, _FILTER_MARGIN = 1 << 18, 2 * ANALYSIS_RATE_HZ


def without_line_noise(samples: HalfArray) -> HalfArray:
    """Remove what lies below every voice from each channel that has much of it.

    Parameters
    ----------
    samples : array of float16, shape (channels, n)
        At ``ANALYSIS_RATE_HZ``, full scale 1.

    Returns
    -------
    array of float16, shape (channels, n)
        Without direct current, also where it drifts or jumps, without rumble, and without the
        hum of the mains and its overtones. The same array where there is none.
    """
    filters = [_needed_filter(channel) for channel in samples]
    if not any(filters):
        return samples
    clean = samples.copy()
    for channel, needed in zip(clean, filters, strict=True):
        if needed is not None:
            _filter_in_place(channel, needed)
    return clean


@dataclass(frozen=True)
class _Filter:
    """What lets voices pass, and where the mains hum, if they do."""

    hum_hz: float | None


def _needed_filter(channel: HalfArray) -> _Filter | None:
    """Return the filter that a channel needs, None where it needs none."""
    low, power = _low_part(channel)
    if low.size < 2 or power <= 0.0:
        return None
    spectrum = np.square(np.abs(np.fft.rfft(low.astype(np.float64)))) / low.size**2
    spectrum[1:] *= 2.0
    hertz = np.fft.rfftfreq(low.size, 1.0 / _LOW_RATE_HZ)
    hum_hz = _hum_hz(spectrum / power, hertz)
    rumbles = spectrum[hertz < _LOWEST_VOICE_HZ].sum() >= _LEAST_LOW_SHARE * power
    if hum_hz is None and not rumbles and abs(float(np.median(low))) < _LEAST_OFFSET:
        return None
    return _Filter(hum_hz)


def _low_part(channel: HalfArray) -> tuple[Sound, float]:
    """Return means of 2.5 ms each, and the mean square of the whole."""
    count = channel.size // _STEP
    low, energy = np.empty(count, dtype=np.float32), 0.0
    for first in range(0, count, _BLOCK_STEPS):
        last = min(first + _BLOCK_STEPS, count)
        block = channel[first * _STEP : last * _STEP].astype(np.float32)
        low[first:last] = block.reshape(-1, _STEP).mean(axis=1)
        energy += float(block @ block)
    return low, energy / max(count * _STEP, 1)


def _hum_hz(shares: Spectrum, hertz: Spectrum) -> float | None:
    """Return the frequency of the mains, to a fraction of a hertz, None where it is not heard."""
    for usual_hz in _MAINS_HZ:
        near = np.flatnonzero(np.abs(hertz - usual_hz) < _MAINS_RANGE_HZ)
        if not near.size:
            continue
        found_hz = float(hertz[near[shares[near].argmax()]])
        away = np.abs(hertz - found_hz)
        line = away < _LINE_HZ
        beside = (away > _BESIDE_HZ[0]) & (away < _BESIDE_HZ[1])
        if not beside.any():
            # Too short to tell one frequency from the next.
            continue
        share, usual = float(shares[line].sum()), float(shares[beside].mean() * line.sum())
        if share >= max(_LEAST_HUM_SHARE, _LEAST_HUM_ABOVE * usual):
            return found_hz
    return None


def _high_pass() -> Sound:
    hertz = np.fft.rfftfreq(_FILTER_SIZE, 1.0 / ANALYSIS_RATE_HZ)
    ramp = np.clip((hertz - _STOPPED_HZ) / (_PASSED_HZ - _STOPPED_HZ), 0.0, 1.0)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * ramp), dtype=np.float32)


def _remove_hum(spectrum: npt.NDArray[np.complexfloating[Any, Any]], hum_hz: float) -> None:
    """Take the mains and those of their overtones that stand out from a block's spectrum."""
    bins = _FILTER_SIZE / ANALYSIS_RATE_HZ
    reach = int(_BESIDE_HZ[1] * bins)
    for number in range(1, int(_HIGHEST_OVERTONE_HZ / hum_hz) + 1):
        place = round(number * hum_hz * bins)
        width = round((_NOTCH_HZ + _NOTCH_WIDENING * number) * bins)
        line = slice(place - width, place + width + 1)
        below, above = max(place - reach, 0), place + reach + 1
        beside = np.concatenate([spectrum[below : line.start], spectrum[line.stop : above]])
        usual = float(np.percentile(np.square(np.abs(beside)), 95))
        if np.square(np.abs(spectrum[line])).max() > _LEAST_OVERTONE_ABOVE * usual:
            spectrum[line] = 0.0


def _filter_in_place(channel: HalfArray, needed: _Filter) -> None:
    margin, hop = _FILTER_MARGIN, _FILTER_SIZE - 2 * _FILTER_MARGIN
    response = _high_pass()
    # What was filtered already is the margin of what comes next.
    before = np.full(margin, channel[0], dtype=np.float32)
    for start in range(0, channel.size, hop):
        stop = min(start + hop, channel.size)
        here = channel[start : min(stop + margin, channel.size)].astype(np.float32)
        block = np.concatenate([before, here])
        filled = np.pad(block, (0, _FILTER_SIZE - block.size), mode="edge")
        before = block[stop - start : stop - start + margin]
        spectrum = np.fft.rfft(filled) * response
        if needed.hum_hz is not None:
            _remove_hum(spectrum, needed.hum_hz)
        channel[start:stop] = np.fft.irfft(spectrum, _FILTER_SIZE)[margin : margin + stop - start]
