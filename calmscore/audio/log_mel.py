"""The one feature front end, used in training and in inference alike.

The features are those that Whisper's encoder was trained on, so that its
weights can be used as they are: an 80-band log-mel spectrogram, its floor at
eight decades below the loudest point, scaled to a range of about two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

FloatArray = npt.NDArray[np.float32]

# The power below which a frame counts as digital silence.
_SMALLEST_POWER = 1e-10
# Slaney's mel scale.
_HZ_PER_MEL = 200.0 / 3.0
_TURN_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27.0


@dataclass(frozen=True, kw_only=True)
class LogMelSettings:
    """Settings of the front end; they travel inside the artifact.

    Attributes
    ----------
    sample_rate_hz : int
        Rate that samples must have.
    window_samples : int
        Length of the Hann window and of the Fourier transform.
    hop_samples : int
        Step from one frame to the next.
    mel_bands : int
        Number of bands, spaced as by Slaney's auditory toolbox.
    frames : int
        Frames of one model input; a shorter sound is padded with silence.
    """

    sample_rate_hz: int = 16_000
    window_samples: int = 400
    hop_samples: int = 160
    mel_bands: int = 80
    frames: int = 300

    @property
    def samples(self) -> int:
        """Number of samples that fill one model input."""
        return self.frames * self.hop_samples

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values for JSON."""
        return asdict(self)


@lru_cache(maxsize=4)
def mel_filters(settings: LogMelSettings) -> FloatArray:
    """Return Slaney's triangles of equal area; the same numbers as `librosa.filters.mel`.

    Computed here, because importing librosa would cost every start a third of a second.
    """
    bins_hz = np.fft.rfftfreq(settings.window_samples, 1.0 / settings.sample_rate_hz)
    edges_hz = _mel_edges_hz(settings.mel_bands + 2, highest_hz=settings.sample_rate_hz / 2)
    widths = np.diff(edges_hz)[:, None]
    distances = edges_hz[:, None] - bins_hz
    rising, falling = -distances[:-2] / widths[:-1], distances[2:] / widths[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    triangles *= (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    return np.asarray(triangles)


def _mel_edges_hz(count: int, *, highest_hz: float) -> npt.NDArray[np.float64]:
    """Return frequencies evenly spaced on Slaney's scale: linear, above 1 kHz logarithmic."""
    turn = _TURN_HZ / _HZ_PER_MEL
    highest = highest_hz / _HZ_PER_MEL
    if highest_hz >= _TURN_HZ:
        highest = turn + np.log(highest_hz / _TURN_HZ) / _LOG_STEP
    mels = np.linspace(0.0, highest, count)
    logarithmic = _TURN_HZ * np.exp(_LOG_STEP * (mels - turn))
    return np.where(mels >= turn, logarithmic, _HZ_PER_MEL * mels)


@lru_cache(maxsize=4)
def _hann_window(samples: int) -> FloatArray:
    # Periodic, as spectral analysis wants it: a symmetric one of N + 1, less the last.
    return np.hanning(samples + 1)[:-1].astype(np.float32)


def log_mel(
    samples: Sequence[npt.ArrayLike] | npt.NDArray[Any], *, settings: LogMelSettings | None = None
) -> FloatArray:
    """Turn sounds into the log-mel frames that the model reads.

    Parameters
    ----------
    samples : sequence of array, each of shape (n,)
        Sounds at ``settings.sample_rate_hz``, full scale 1. Each is padded with
        silence, or cut at the end, to ``settings.samples``.
    settings : LogMelSettings, optional
        Front-end settings; the defaults are Whisper's.

    Returns
    -------
    array of float32, shape (len(samples), frames, mel_bands)
        Dimensionless, at most 2 below its own maximum.

    References
    ----------
    Radford et al. (2023), "Robust Speech Recognition via Large-Scale Weak
    Supervision", section 2.2.
    """
    settings = settings or LogMelSettings()
    half = settings.window_samples // 2
    waves = np.zeros((len(samples), settings.samples), dtype=np.float32)
    for row, sound in zip(waves, samples, strict=True):
        values = np.asarray(sound, dtype=np.float32)[: settings.samples]
        row[: values.size] = values
    padded = np.pad(waves, ((0, 0), (half, half)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, settings.window_samples, axis=1)
    frames = windows[:, :: settings.hop_samples][:, : settings.frames]
    bands = np.empty((len(waves), settings.frames, settings.mel_bands), dtype=np.float32)
    # Each by itself: processors add up the rows of a larger product in another order, and networks
    # in 8 bits make much of a last digit.
    for sound_bands, sound_frames in zip(bands, frames, strict=True):
        spectrum = scipy.fft.rfft(sound_frames * _hann_window(settings.window_samples), axis=-1)
        mel = (spectrum.real**2 + spectrum.imag**2) @ mel_filters(settings).T
        sound_bands[:] = np.log10(np.maximum(mel, _SMALLEST_POWER))
    floor = bands.max(axis=(1, 2), keepdims=True) - 8.0
    return np.asarray((np.maximum(bands, floor) + 4.0) / 4.0, dtype=np.float32)
