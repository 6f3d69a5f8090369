"""Whether speech was recorded at another rate than the file says: half or twice as fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

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


def wrong_speed(samples: npt.NDArray[np.float16], masks: Sequence[Mask]) -> WrongSpeed | None:
    """Tell whether all voices of a call speak at half or twice the speed of people.

    Parameters
    ----------
    samples : array of float16, shape (channels, n)
        At ``ANALYSIS_RATE_HZ`` by what the file says.
    masks : sequence of array of bool
        Where each channel holds speech.

    Returns
    -------
    {"half", "double"} or None
        None where it is right, or where nobody can tell.
    """
    most = max(_MOST_EXCERPTS // len(samples), 1)
    heard = [
        part
        for side, mask in zip(samples, masks, strict=True)
        for part in _excerpts(side, mask, most=most)
    ]
    least, speeds, of_speech = LEAST_MEAN_ODDS, _SPEEDS, bool(heard)
    if not of_speech:
        # At twice its speed hardly anything is taken for speech; but music is none either.
        heard = [part for side in samples for part in _excerpts(side, _loud(side), most=most)]
        least, speeds = _LEAST_MEAN_ODDS_OF_NO_SPEECH, ("double",)
    # Without anything above 4 kHz, double speed would mean a line that ends at 2 kHz.
    if not any(_reaches_high(part) for part in heard):
        speeds = tuple(speed for speed in speeds if speed != "double")
    rows = [row for part in heard if (row := speed_features(part)) is not None]
    for speed in speeds:
        odds = [log_odds(row, speed) for row in rows]
        may_be_shouting = of_speech and speed == "double"
        enough = least if may_be_shouting else least / np.sqrt(max(len(odds), 1))
        if odds and min(odds) > _LEAST_ODDS and np.mean(odds) >= enough:
            return speed
    return None


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
