"""Whether a sound is a tone: ringing, busy, a key held down."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Powers = npt.NDArray[np.float32]

_FRAME, _REACH = 1024, 3
_WINDOW = np.hanning(_FRAME).astype(np.float32)
# Ringing and busy tones, also those that tremble, have all of their power at one or two
# frequencies; 94 stretches of angry, fearful and ordinary speech had at most 81 % there.
_LEAST_SHARE = 0.95
# Where they are cut off they have overtones, too, but sound the same all the time: at least
# 0.99, where the stretches of speech of 18 sides of calls had 0.95 at most.
_LEAST_STEADINESS, _LEAST_FRAMES = 0.98, 4


def is_tone(samples: npt.NDArray[np.floating[Any]]) -> bool:
    """Tell whether a sound at 16 kHz, shape (n,), is one tone or two, or the same throughout."""
    powers = _frame_powers(samples)
    return _strongest_share(powers) > _LEAST_SHARE or _steadiness(powers) > _LEAST_STEADINESS


def _frame_powers(samples: npt.NDArray[np.floating[Any]]) -> Powers:
    """Return the power of each frame at each frequency."""
    count = samples.size // _FRAME
    frames = samples[: count * _FRAME].astype(np.float32).reshape(count, _FRAME)
    return np.asarray(np.square(np.abs(np.fft.rfft(frames * _WINDOW, axis=1))))


def _strongest_share(powers: Powers) -> float:
    power = powers.sum(axis=0)
    total, found = float(power.sum()), 0.0
    for _ in range(2):
        peak = int(power.argmax())
        near = slice(max(peak - _REACH, 0), peak + _REACH + 1)
        found += float(power[near].sum())
        power[near] = 0.0
    return found / max(total, 1e-12)


def _steadiness(powers: Powers) -> float:
    """Return how much alike the spectra of all frames are, the loudest most of all, 0–1."""
    if len(powers) < _LEAST_FRAMES:
        return 0.0
    mean = powers.sum(axis=0)
    mean /= max(float(np.linalg.norm(mean)), 1e-12)
    return float((powers @ mean).sum() / max(float(np.linalg.norm(powers, axis=1).sum()), 1e-12))
