"""How high a voice is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.audio.recording import ANALYSIS_RATE_HZ

_FRAME, _HOP, _SIZE = 640, 320, 2048
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 450.0
_REFERENCE_HZ = 100.0
# A frame is voiced where so much of it repeats after one period; far below the loudest, nobody
# can tell. Of two periods that fit, the shorter is taken: this much a sample.
_VOICED, _LEAST_ENERGY, _SHORTER = 0.6, 1e-3, 6e-4
_LEAST_FRAMES = 5


def pitch_semitones(samples: npt.NDArray[np.floating[Any]]) -> float:
    """Return the usual pitch of a stretch of speech.

    Parameters
    ----------
    samples : array of float, shape (n,)
        At 16 kHz.

    Returns
    -------
    float
        The median over voiced frames, in semitones above 100 Hz; NaN where hardly any is.

    References
    ----------
    Boersma (1993), "Accurate short-term analysis of the fundamental frequency and the
    harmonics-to-noise ratio of a sampled sound": the autocorrelation over that of the window.
    """
    if samples.size < _FRAME:
        return float("nan")
    window = np.hanning(_FRAME)
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP] * window
    shortest, longest = (int(ANALYSIS_RATE_HZ / hz) for hz in (_HIGHEST_HZ, _LOWEST_HZ))
    repeated = _autocorrelation(frames)
    energy = repeated[:, 0]
    lags = np.arange(shortest, longest + 1)
    strength = repeated[:, lags] / np.maximum(energy, 1e-12)[:, None]
    own = _autocorrelation(window[None])[0]
    strength = strength / (own[lags] / own[0]) * (1.0 - _SHORTER * lags)
    voiced = (strength.max(axis=1) > _VOICED) & (energy > _LEAST_ENERGY * energy.max())
    if voiced.sum() < _LEAST_FRAMES:
        return float("nan")
    period = lags[strength[voiced].argmax(axis=1)]
    return float(np.median(12.0 * np.log2(ANALYSIS_RATE_HZ / period / _REFERENCE_HZ)))


def _autocorrelation(frames: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    spectrum = np.fft.rfft(frames.astype(np.float64), _SIZE)
    return np.asarray(np.fft.irfft(np.square(np.abs(spectrum))))
