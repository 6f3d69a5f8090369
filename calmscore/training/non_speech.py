"""Sounds that telephones carry beside speech, made from formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.training.augmentation import coloured_noise

FloatArray = npt.NDArray[np.float32]
Curve = npt.NDArray[np.floating[Any]]

_LEVEL = 0.1
_MAINS_HZ = 50.0
_RINGING_HZ = 425.0
_DTMF_ROWS_HZ = np.array([697.0, 770.0, 852.0, 941.0])
_DTMF_COLUMNS_HZ = np.array([1209.0, 1336.0, 1477.0])
_KEY_SECONDS = 0.2
_CHORDS_HZ = np.array(
    [[261.6, 329.6, 392.0], [220.0, 261.6, 329.6], [174.6, 220.0, 261.6], [196.0, 246.9, 293.7]]
)


def non_speech_sounds(
    seconds: float, *, sample_rate_hz: int, seed: int = 0
) -> dict[str, FloatArray]:
    """Make one sound of each kind.

    Parameters
    ----------
    seconds : float
        Length of each.
    sample_rate_hz : int
        Their rate.
    seed : int
        Fixes noise and dialled keys.

    Returns
    -------
    dict of str to array of float32, shape (n,)
        Silence; white noise; mains hum of 50 Hz; ringing tone (425 Hz, 1 s on and 4 s
        off); dialled keys (two tones each); chords of plucked strings. Full scale 1,
        20 dB below it on average.

    References
    ----------
    ITU-T E.180 for the ringing tone, ITU-T Q.23 for the keys.
    """
    generator = np.random.default_rng(seed)
    count = int(seconds * sample_rate_hz)
    time = np.arange(count) / sample_rate_hz
    curves: dict[str, Curve] = {
        "silence": np.zeros(count),
        "white noise": coloured_noise(count, exponent=0.0, generator=generator),
        "mains hum": _harmonics(np.full(count, _MAINS_HZ), time, 6),
        "ringing tone": np.sin(2.0 * np.pi * _RINGING_HZ * time) * (time % 5.0 < 1.0),
        "dialled keys": _dialled_keys(time, generator),
        "chords": _chords(time),
    }
    return {name: _levelled(curve) for name, curve in curves.items()}


def _levelled(curve: Curve) -> FloatArray:
    level = float(np.sqrt(np.mean(np.square(curve)))) if curve.size else 0.0
    return (curve * (_LEVEL / level if level > 0.0 else 1.0)).astype(np.float32)


def _harmonics(frequency_hz: Curve, time: Curve, count: int) -> Curve:
    phase = 2.0 * np.pi * frequency_hz * time
    return np.asarray(sum(np.sin(k * phase) / k for k in range(1, count + 1)))


def _dialled_keys(time: Curve, generator: np.random.Generator) -> Curve:
    key = (time / _KEY_SECONDS).astype(int)
    tones = [
        np.sin(2.0 * np.pi * generator.choice(group_hz, key.max(initial=0) + 1)[key] * time)
        for group_hz in (_DTMF_ROWS_HZ, _DTMF_COLUMNS_HZ)
    ]
    return np.asarray(sum(tones) * (time % _KEY_SECONDS < _KEY_SECONDS / 2))


def _chords(time: Curve) -> Curve:
    chord_hz = _CHORDS_HZ[time.astype(int) % len(_CHORDS_HZ)]
    struck = np.exp(-2.0 * (time % 1.0))
    return np.asarray(struck * sum(_harmonics(voice, time, 4) for voice in chord_hz.T))
