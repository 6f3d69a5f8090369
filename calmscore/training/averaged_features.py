"""Features of librosa averaged over a whole sound, as simple emotion classifiers read them."""

from __future__ import annotations

from collections.abc import Sequence

import librosa
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

MFCC, CHROMA, CONTRASTS = 40, 12, 7

AVERAGED_FEATURES = MFCC + CHROMA + CONTRASTS
"""Number of features: mel-frequency cepstral coefficients, chroma, spectral contrasts."""

THIRTY_TWO = (*range(13), *range(MFCC, AVERAGED_FEATURES))
"""Columns of the smaller set: 13 cepstral coefficients, 12 chroma, 7 contrasts."""

_WINDOW_SAMPLES = 1024
_HOP_SAMPLES = 256
_MEL_BANDS = 80
# librosa's own 200 Hz would put the highest octave above what 16 kHz can hold.
_CONTRAST_LOWEST_HZ = 100.0


def averaged_features(sounds: Sequence[FloatArray], *, sample_rate_hz: int) -> FloatArray:
    """Describe each sound by one average over its whole length per feature.

    Parameters
    ----------
    sounds : sequence of array, each of shape (n,)
        Mono sounds of any length, full scale 1.
    sample_rate_hz : int
        Their rate, at least 12.8 kHz.

    Returns
    -------
    array of float32, shape (len(sounds), 59)
        40 mel-frequency cepstral coefficients (dB), 12 chroma (0–1), 7 spectral
        contrasts (dB).

    References
    ----------
    Davis and Mermelstein (1980) for the cepstrum; Jiang et al. (2002), "Music type
    classification by spectral contrast feature".
    """
    rows = [_averages(sound, sample_rate_hz) for sound in sounds]
    return np.asarray(rows, dtype=np.float32).reshape(len(sounds), AVERAGED_FEATURES)


def _averages(samples: FloatArray, rate_hz: int) -> FloatArray:
    # librosa warns of a sound that is shorter than one window.
    samples = librosa.util.fix_length(samples, size=max(samples.size, _WINDOW_SAMPLES))
    magnitude = np.abs(librosa.stft(samples, n_fft=_WINDOW_SAMPLES, hop_length=_HOP_SAMPLES))
    mel = librosa.feature.melspectrogram(S=magnitude**2, sr=rate_hz, n_mels=_MEL_BANDS)
    features = (
        librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=MFCC),
        # Speech has no concert pitch to estimate.
        librosa.feature.chroma_stft(S=magnitude**2, sr=rate_hz, n_chroma=CHROMA, tuning=0.0),
        librosa.feature.spectral_contrast(
            S=magnitude, sr=rate_hz, fmin=_CONTRAST_LOWEST_HZ, n_bands=CONTRASTS - 1
        ),
    )
    return np.concatenate([feature.mean(axis=1) for feature in features]).astype(np.float32)
