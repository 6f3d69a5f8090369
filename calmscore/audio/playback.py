"""A call as a browser can play it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import soundfile  # type: ignore[import-untyped, unused-ignore]
from numpy.typing import NDArray

from calmscore.errors import ParameterError

# FLAC, which Chromium, Firefox and Safari (since 11) play and seek to the sample.
# Measured for one hour of stereo speech in turns, on one core:
#
#                         WAV, 16 bit     FLAC            MP3 (LAME, default)
#   16 kHz                0.6 s, 230 MB   1.8 s, 104 MB   41 s, 31 MB
#   8 kHz call at 16 kHz  0.6 s, 230 MB   1.8 s,  66 MB   34 s, 22 MB
#   8 kHz                 0.3 s, 115 MB   0.9 s,  54 MB   20 s, 18 MB
#
# MP3 is smaller, but half a minute of waiting is longer than people accept
# before they hear the call, and its seeking is not exact.
PLAYBACK_MIME_TYPE = "audio/flac"
_COMPRESSION_LEVEL = 0.6
_FULL_SCALE = np.float32(32_767)
_BLOCK_SECONDS = 10
# What a screen can show: more where the call is short, few enough where it lasts an hour.
_PEAKS_PER_SECOND = 25
_MOST_PEAKS = 36_000
_PEAK_SCALE = 255


@dataclass(frozen=True, kw_only=True)
class Playback:
    """A call to hear and the outline of its sound to see.

    Attributes
    ----------
    encoded : bytes
        A file of type ``PLAYBACK_MIME_TYPE``.
    peaks : tuple of bytes
        For each channel the loudest of each stretch, 0–255 of the loudest of the call.
    peaks_per_second : float
        Stretches in a second.
    """

    encoded: bytes
    peaks: tuple[bytes, ...]
    peaks_per_second: float

    def outline(self) -> dict[str, object]:
        """Return the peaks ready for JSON: one base64 text for each channel."""
        return {
            "per_second": self.peaks_per_second,
            "sides": [base64.b64encode(side).decode("ascii") for side in self.peaks],
        }


def prepare_playback(
    samples: NDArray[np.float16],
    *,
    sample_rate_hz: int = 16_000,
    before_block: Callable[[], None] | None = None,
) -> Playback:
    """Encode a call and measure its outline; see `encode_playback`."""
    samples = _played(samples)
    encoded = encode_playback(samples, sample_rate_hz=sample_rate_hz, before_block=before_block)
    rate = min(_PEAKS_PER_SECOND, _MOST_PEAKS * sample_rate_hz / samples.shape[1])
    stretch = max(int(sample_rate_hz / rate), 1)
    starts = np.arange(0, samples.shape[1], stretch)
    # Without their sign, half floats are ordered as their bits are; those compare quickly.
    bits = samples.view(np.uint16) & np.uint16(0x7FFF)
    loudest = np.stack([np.maximum.reduceat(side, starts) for side in bits]).view(np.float16)
    top = float(loudest.max()) or 1.0
    shares = np.clip(loudest.astype(np.float32) / top * _PEAK_SCALE, 0, _PEAK_SCALE)
    return Playback(
        encoded=encoded,
        peaks=tuple(side.tobytes() for side in shares.astype(np.uint8)),
        peaks_per_second=sample_rate_hz / stretch,
    )


def _played(samples: NDArray[np.float16]) -> NDArray[np.float16]:
    return samples if len(samples) <= 2 else samples.sum(axis=0, keepdims=True)


def encode_playback(
    samples: NDArray[np.float16],
    *,
    sample_rate_hz: int = 16_000,
    before_block: Callable[[], None] | None = None,
) -> bytes:
    """Encode sound for the browser's player, at the loudness it has.

    Parameters
    ----------
    samples : array of float16, shape (channels, n)
        Full scale 1; what goes above is clipped. More than two channels are added up: a
        browser takes them for loudspeakers around the listener, and one for a subwoofer.
    sample_rate_hz : int
        Rate of the samples, 4000 to 192000.
    before_block : callable, optional
        Called before every ten seconds of sound; what it raises ends the work.

    Returns
    -------
    bytes
        A file of type ``PLAYBACK_MIME_TYPE``.

    Raises
    ------
    errors.ParameterError
        If the array's shape is not that of channels with samples.
    """
    if samples.ndim != 2 or not samples.size:
        raise ParameterError(
            f"samples has shape {samples.shape}; give (channels, n), both above 0."
        )
    samples = _played(samples)
    file = io.BytesIO()
    block_samples = _BLOCK_SECONDS * sample_rate_hz
    with soundfile.SoundFile(
        file, "w", samplerate=sample_rate_hz, channels=samples.shape[0], format="FLAC",
        subtype="PCM_16", compression_level=_COMPRESSION_LEVEL,
    ) as sound:  # fmt: skip
        # In blocks, so that no second copy of the call in full precision is made.
        for start in range(0, samples.shape[1], block_samples):
            if before_block is not None:
                before_block()
            sound.write(_as_integers(samples[:, start : start + block_samples]))
    return file.getvalue()


def _as_integers(samples: NDArray[np.float16]) -> NDArray[np.int16]:
    """Return samples as the file holds them, shape (n, channels): half the work for libsndfile."""
    scaled = samples.astype(np.float32)
    np.clip(scaled, -1.0, 1.0, out=scaled)
    scaled *= _FULL_SCALE
    np.rint(scaled, out=scaled)
    return np.ascontiguousarray(scaled.T, dtype=np.int16)
