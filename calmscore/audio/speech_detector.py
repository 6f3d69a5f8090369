"""The network that tells speech from other sound, and how a telephone line is brought to it.

It is the Silero model that ships inside faster-whisper.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.telemetry import switch_off_telemetry

switch_off_telemetry()

Samples = npt.NDArray[np.floating[Any]]

DETECTOR_RATE_HZ = 16_000
# It copies its input several times; pieces keep an hour's call small.
LONGEST_PIECE_SECONDS = 60
# Silero was trained on wide-band speech. Over a telephone line (8 kHz, 300–3400 Hz,
# 29 dB above noise) it found 21 % of the speech frames at its usual threshold of 0.5.
# A lower level, faint noise in place of the missing upper band, and a threshold of
# 0.2 raised that to 67 %; music, ringing and line noise still stayed below 1 %.
_THRESHOLD = 0.2
_END_THRESHOLD = 0.1
_LISTENING_PEAK = 0.05
_LISTENING_GAINS = (1e-3, 100.0)
_UPPER_BAND_HZ = 4_000.0
_UPPER_BAND_LEVEL = 0.002
# By then the filter has long come to rest.
_FILTER_TAIL = 4096


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


def detected(
    samples: Samples, pieces: Sequence[tuple[int, int]], gains: Sequence[float]
) -> Iterator[tuple[int, int]]:
    """Yield where pieces of a sound seem to be speech.

    Parameters
    ----------
    samples : array of float, shape (n,)
        One channel at ``DETECTOR_RATE_HZ``.
    pieces : sequence of (first, last)
        In samples. Each is listened to as if nothing had come before it: after a minute of music
        the network would take nothing for speech for many seconds more.
    gains : sequence of float
        For each piece.

    Yields
    ------
    tuple of int
        The first sample, and the one after the last.
    """
    from faster_whisper.vad import get_speech_timestamps

    longest = LONGEST_PIECE_SECONDS * DETECTOR_RATE_HZ
    for (first, last), gain in zip(pieces, gains, strict=True):
        for start in range(first, last, longest):
            part = samples[start : min(start + longest, last)].astype(np.float32) * np.float32(gain)
            part += _upper_band_noise()[: part.size]
            for region in get_speech_timestamps(part, _options(), DETECTOR_RATE_HZ):
                yield start + region["start"], start + region["end"]


def listening_gain(samples: Samples) -> np.float32:
    """Return the factor that brings a sound to the level at which speech is found best."""
    if not samples.size:
        return np.float32(1.0)
    # Every 7th sample is plenty for a percentile, and coprime to usual periods.
    peak = float(np.percentile(np.abs(samples[::7].astype(np.float32)), 99.5))
    return np.float32(np.clip(_LISTENING_PEAK / max(peak, 1e-9), *_LISTENING_GAINS))


@lru_cache(maxsize=1)
def _upper_band_noise() -> npt.NDArray[np.float32]:
    generator = np.random.default_rng(0)
    samples = LONGEST_PIECE_SECONDS * DETECTOR_RATE_HZ
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
    inverse = np.tan(np.pi * _UPPER_BAND_HZ / DETECTOR_RATE_HZ) / (1j * frequencies)
    poles = np.exp(1j * np.pi * (2 * np.arange(4) + 5) / 8)
    response = 1.0 / np.prod(inverse[:, None] - poles, axis=1)
    return np.concatenate([[0.0], response, [1.0]])
