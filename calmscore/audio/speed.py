"""Whether speech was recorded at another rate than the file says, and so is too fast or slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped, unused-ignore]

from calmscore.audio.channels import levels_db
from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, near_voices

Samples = npt.NDArray[np.floating[Any]]
Features = npt.NDArray[np.float64]
WrongSpeed = Literal["half", "double"]

# So many half minutes of all channels together.
_EXCERPT_SECONDS, _MOST_EXCERPTS = 30.0, 6
_LEAST_SPEECH_SECONDS = 6.0
_FRAME, _HOP, _SIZE = 800, 640, 2048
# Voices that are played at half the speed reach down to 45 Hz, at twice the speed up to 800.
_LOWEST_HZ, _HIGHEST_HZ, _REFERENCE_HZ = 45.0, 800.0, 100.0
_VOICED, _SHORTER = 0.6, 3e-4
_LEAST_VOICED_FRAMES = 8
# Syllables come four or five times a second: how much the level moves in each of these bands.
_BANDS_HZ = (1.0, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 13.0, 17.0, 25.0)
_MODULATION_FRAMES = 256
_LOUD_RANGE_DB = 20.0
_HIGH_HZ, _LEAST_HIGH_SHARE = 4_200.0, 3e-4
_LEVEL_RANGE_DB, _LEAST_MOVEMENT_DB = 40.0, 3.0
_SHARES = (0.05, 0.5, 0.95)

# Fitted and measured by ``python -m calmscore.training.fit_speed``: the weight of each feature
# for log-odds of that speed against the right one, the constant last.
WEIGHTS: dict[WrongSpeed, tuple[float, ...]] = {
    "half": (
        -0.914,
        -0.995,
        0.220,
        0.910,
        2.452,
        1.229,
        -2.024,
        -3.502,
        -1.580,
        -4.148,
        1.531,
        0.132,
        -1.379,
        -1.222,
        -1.350,
        -0.500,
        20.772,
    ),
    "double": (
        0.120,
        1.907,
        0.861,
        -0.241,
        0.066,
        -1.382,
        -1.561,
        -1.857,
        -1.900,
        0.357,
        3.865,
        1.735,
        1.603,
        0.859,
        1.535,
        0.408,
        -24.442,
    ),
}
LEAST_MEAN_ODDS = 1.5
"""Log-odds from which on a speed is told of, where no part speaks against it by much.

Less is enough where several parts say so, as their mean varies less; but not for twice the speed
of what is taken for speech, which shouting looks like.
"""
_SPEEDS: tuple[WrongSpeed, ...] = ("half", "double")
_LEAST_ODDS, _LEAST_MEAN_ODDS_OF_NO_SPEECH = -3.0, 4.0
# The odds of twice the speed less those of half of it. Of people they are about 1.5; the means of
# twelve calls were -3 to 6, at 1.38 times their speed 7 to 14. How much further the mean must lie,
# and how much more of a single part; less where the file says a rate that hardly any call has.
_USUAL_BALANCE = 1.5
_FASTER, _FASTER_IF_UNUSUAL, _SLOWER = (6.5, 3.0), (4.0, 4.0), (6.5, 5.0)
_USUAL_RATES_HZ, _UNUSUAL_RATES_HZ = (8_000, 16_000, 32_000, 44_100, 48_000), (11_025, 22_050)
_SMALLEST_RATIO, _UNUSUAL_STRANGENESS = 1.2, 4.0


def true_rate_hz(
    samples: npt.NDArray[np.float16], masks: Sequence[Mask], *, rate_hz: int
) -> int | None:
    """Return the rate that a call was probably recorded at, where it is not what its file says.

    Parameters
    ----------
    samples : array of float16, shape (channels, n)
        At ``ANALYSIS_RATE_HZ`` by what the file says.
    masks : sequence of array of bool
        Where each channel holds speech.
    rate_hz : int
        What the file says.

    Returns
    -------
    int or None
        None where all voices speak as fast as people do, or where nobody can tell.
    """
    most = max(_MOST_EXCERPTS // len(samples), 1)
    heard = [
        part
        for side, mask in zip(samples, masks, strict=True)
        for part in _excerpts(side, mask, most=most)
    ]
    of_speech = bool(heard)
    if not of_speech:
        # At twice its speed hardly anything is taken for speech; but music is none either.
        heard = [part for side in samples for part in _excerpts(side, _loud(side), most=most)]
    speed = _wrong_speed(heard, of_speech=of_speech, rate_hz=rate_hz)
    return speed and _likely_rate_hz(heard, speed, rate_hz)


def _wrong_speed(heard: Sequence[Samples], *, of_speech: bool, rate_hz: int) -> WrongSpeed | None:
    least, speeds = LEAST_MEAN_ODDS, _SPEEDS
    if not of_speech:
        least, speeds = _LEAST_MEAN_ODDS_OF_NO_SPEECH, ("double",)
    # Without anything above 4 kHz, double speed would mean a line that ends at 2 kHz.
    if not any(_reaches_high(part) for part in heard):
        speeds = tuple(speed for speed in speeds if speed != "double")
    rows = [row for part in heard if (row := speed_features(part)) is not None]
    if not rows:
        return None
    for speed in speeds:
        odds = [log_odds(row, speed) for row in rows]
        may_be_shouting = of_speech and speed == "double"
        enough = least if may_be_shouting else least / np.sqrt(len(odds))
        if min(odds) > _LEAST_ODDS and np.mean(odds) >= enough:
            return speed
    if not of_speech:
        return None
    beyond = float(np.mean([_balance(row) for row in rows])) - _USUAL_BALANCE
    least_faster, least_slower = (
        limit + of_one_part / len(rows)
        for limit, of_one_part in (
            _FASTER_IF_UNUSUAL if rate_hz in _UNUSUAL_RATES_HZ else _FASTER, _SLOWER,
        )
    )  # fmt: skip
    if "double" in speeds and beyond >= least_faster:
        return "double"
    return "half" if -beyond >= least_slower else None


def _balance(features: Features) -> float:
    return log_odds(features, "double") - log_odds(features, "half")


def _likely_rate_hz(heard: Sequence[Samples], speed: WrongSpeed, rate_hz: int) -> int:
    """Return the rate at which the voices are most like those of people."""
    rates_hz = [
        other_hz
        for other_hz in (*_USUAL_RATES_HZ, *_UNUSUAL_RATES_HZ)
        if (other_hz < rate_hz) == (speed == "double")
        and max(other_hz / rate_hz, rate_hz / other_hz) >= _SMALLEST_RATIO
    ]
    strange = {
        other_hz: _strangeness(heard, other_hz / rate_hz)
        + _UNUSUAL_STRANGENESS * (other_hz in _UNUSUAL_RATES_HZ)
        for other_hz in rates_hz
    }
    usual_hz = 2 * rate_hz if speed == "half" else rate_hz // 2
    return min(strange, key=strange.__getitem__, default=usual_hz)


def _strangeness(heard: Sequence[Samples], ratio: float) -> float:
    """Return how unlike people's voices are, played at so many times their speed."""
    most = int(_EXCERPT_SECONDS * ANALYSIS_RATE_HZ * min(ratio, 1.0))
    rows = [
        speed_features(soxr.resample(part[:most].astype(np.float32), ratio, 1.0, quality="MQ"))
        for part in heard
    ]
    balances = [_balance(row) for row in rows if row is not None]
    return abs(float(np.mean(balances)) - _USUAL_BALANCE) if balances else np.inf


def log_odds(features: Features, speed: WrongSpeed) -> float:
    """Return the logarithm of the odds of a speed against the right one."""
    *weights, constant = WEIGHTS[speed]
    return float(features @ np.array(weights) + constant)


def _excerpts(samples: Samples, mask: Mask, *, most: int) -> list[Samples]:
    """Return the half minutes that hold most speech, none where that is too little."""
    length = int(_EXCERPT_SECONDS * MASK_RATE_HZ)
    step = ANALYSIS_RATE_HZ // MASK_RATE_HZ
    left = mask.copy()
    found: list[Samples] = []
    for _ in range(most):
        total = np.concatenate([[0], np.cumsum(left)])
        starts = np.arange(max(left.size - length, 0) + 1)
        spoken = total[np.minimum(starts + length, left.size)] - total[starts]
        first = int(spoken.argmax())
        if spoken[first] < _LEAST_SPEECH_SECONDS * MASK_RATE_HZ:
            break
        found.append(samples[first * step : (first + length) * step])
        left[first : first + length] = False
    return found


def _reaches_high(samples: Samples) -> bool:
    power = np.square(np.abs(np.fft.rfft(samples.astype(np.float32))))
    above = power[int(power.size * _HIGH_HZ / (ANALYSIS_RATE_HZ / 2)) :].sum()
    return bool(above >= _LEAST_HIGH_SHARE * power.sum())


def _loud(samples: Samples) -> Mask:
    levels = levels_db(samples)
    return near_voices(samples, levels >= np.percentile(levels, 95) - _LOUD_RANGE_DB)


def speed_features(samples: Samples) -> Features | None:
    """Return what tells the speed of speech.

    Parameters
    ----------
    samples : array of float, shape (n,)
        Some seconds of one person's speech, or of several, at 16 kHz.

    Returns
    -------
    array, shape (16,), or None
        Pitch in octaves above 100 Hz (10th, 50th, 90th percentile); how much the level moves in
        ten bands from 1 to 25 Hz, as logs less their mean; the frequencies below which 5, 50 and
        95 % of the power are, as binary logarithms of hertz. None where hardly anything has a
        pitch.
    """
    sound = samples.astype(np.float32)
    if sound.size < max(_FRAME, _MODULATION_FRAMES * ANALYSIS_RATE_HZ // MASK_RATE_HZ):
        return None
    window = np.hanning(_FRAME).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, _FRAME)[::_HOP] * window
    spectra = np.square(np.abs(np.fft.rfft(frames, _SIZE)))
    pitch = _pitch_octaves(spectra, window)
    moves = _movement(sound)
    if pitch is None or moves is None:
        return None
    loud = spectra.sum(axis=1) > 1e-2 * np.percentile(spectra.sum(axis=1), 99)
    share = np.cumsum(spectra[loud].mean(axis=0, dtype=np.float64))
    places = np.searchsorted(share, np.array(_SHARES) * share[-1])
    hertz = np.maximum(places * ANALYSIS_RATE_HZ / _SIZE, 1.0)
    return np.concatenate([pitch, moves, np.log2(hertz)])


def _pitch_octaves(
    spectra: npt.NDArray[np.floating[Any]], window: npt.NDArray[np.floating[Any]]
) -> Features | None:
    repeated = np.fft.irfft(spectra)
    own = np.fft.irfft(np.square(np.abs(np.fft.rfft(window, _SIZE))))
    lags = np.arange(int(ANALYSIS_RATE_HZ / _HIGHEST_HZ), int(ANALYSIS_RATE_HZ / _LOWEST_HZ) + 1)
    energy = repeated[:, 0]
    strength = repeated[:, lags] / np.maximum(energy, 1e-12)[:, None]
    strength = strength / (own[lags] / own[0]) * (1.0 - _SHORTER * lags)
    voiced = (strength.max(axis=1) > _VOICED) & (energy > 3e-3 * np.percentile(energy, 99))
    if voiced.sum() <= _LEAST_VOICED_FRAMES:
        return None
    hertz = ANALYSIS_RATE_HZ / lags[strength[voiced].argmax(axis=1)]
    return np.asarray(np.percentile(np.log2(hertz / _REFERENCE_HZ), (10, 50, 90)))


def _movement(sound: Samples) -> Features | None:
    levels = levels_db(sound)
    levels = np.maximum(levels, levels.max() - _LEVEL_RANGE_DB)
    parts = np.lib.stride_tricks.sliding_window_view(levels, _MODULATION_FRAMES)[
        :: _MODULATION_FRAMES // 4
    ]
    parts = parts[parts.std(axis=1) > _LEAST_MOVEMENT_DB]
    if not len(parts):
        return None
    centred = (parts - parts.mean(axis=1, keepdims=True)) * np.hanning(_MODULATION_FRAMES)
    power = np.square(np.abs(np.fft.rfft(centred, axis=1))).mean(axis=0)
    hertz = np.arange(power.size) * MASK_RATE_HZ / _MODULATION_FRAMES
    bands = np.searchsorted(_BANDS_HZ, hertz, side="right") - 1
    sums = [(power * hertz)[bands == band].sum() for band in range(len(_BANDS_HZ) - 1)]
    logs = np.log(np.array(sums) + 1e-9)
    return np.asarray(logs - logs.mean())
