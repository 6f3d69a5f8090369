"""Whether a sound is a tone: ringing, busy, a key held down."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Powers = npt.NDArray[np.float32]

_FRAME, _REACH = 1024, 3
_WINDOW = np.hanning(_FRAME).astype(np.float32)
# Of speech, at most 12 frames in 10 000 are so much like the one 30 ms later, twice in a row.
_STEP, _BLOCK_STEPS, _SHORT_FRAME, _LATER_STEPS, _SAME_STEPS = 160, 6_000, 640, 3, 8
_LEAST_ALIKE, _MOST_CHANGE_DB = 0.99, 0.5
_SHORT_WINDOW = np.hanning(_SHORT_FRAME).astype(np.float32)
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


def tone_steps(samples: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.bool_]:
    """Mark where a sound is the same for a while, as tones are and voices are not.

    Parameters
    ----------
    samples : array of float, shape (n,)
        At 16 kHz.

    Returns
    -------
    array of bool, shape (ceil(n / 160),)
        One value per 10 ms. Keys that are held down for 80 ms are found, also where they are
        cut off; the beginning and the end of a tone may be left out.
    """
    steps = -(-samples.size // _STEP)
    marked = np.zeros(steps, dtype=np.bool_)
    for block in range(0, steps, _BLOCK_STEPS):
        part = samples[block * _STEP : (block + _BLOCK_STEPS) * _STEP + 3 * _SHORT_FRAME]
        if part.size < _SHORT_FRAME:
            break
        frames = np.lib.stride_tricks.sliding_window_view(part, _SHORT_FRAME)[::_STEP]
        powers = np.square(np.abs(np.fft.rfft(frames.astype(np.float32) * _SHORT_WINDOW)))
        same = _same_frames(powers)
        for number in np.flatnonzero(same[1:] & same[:-1]):
            first = block + int(number)
            marked[first : first + _SAME_STEPS] = True
    return marked


def _same_frames(powers: Powers) -> npt.NDArray[np.bool_]:
    """Tell of each frame whether the one 30 ms later sounds the same."""
    length = np.maximum(np.linalg.norm(powers, axis=1), 1e-12)
    early, later = slice(None, -_LATER_STEPS), slice(_LATER_STEPS, None)
    alike = (powers[early] * powers[later]).sum(axis=1) / (length[early] * length[later])
    level_db = 10.0 * np.log10(powers.sum(axis=1) + 1e-12)
    level_change = np.abs(level_db[later] - level_db[early])
    return np.asarray((alike > _LEAST_ALIKE) & (level_change < _MOST_CHANGE_DB))


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
