"""What a voice looks like: a picture of its overtones, and its pitch."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import librosa
import numpy as np
import soundfile  # type: ignore[import-untyped, unused-ignore]

from calmscore.errors import ParameterError

LONGEST_SECONDS = 600.0
"""Of more than this one picture would tell nothing."""
_COLUMNS = 800
_BANDS = 64
_WINDOW_SECONDS = 0.064
_SHORTEST_HOP_SECONDS = 0.004
HIGHEST_HZ = 4000.0
"""The picture's upper edge; its lower one is 0."""
_RANGE_DB = 55.0
# Of more than this the pitch would be a blur.
_LONGEST_PITCH_SECONDS = 60.0
_LOWEST_PITCH_HZ, _HIGHEST_PITCH_HZ = 65.0, 450.0
_PITCH_WINDOW_SECONDS = 0.128
_VOICED_DB = -35.0


@dataclass(frozen=True, kw_only=True)
class Spectrogram:
    """A picture of a stretch of sound.

    Attributes
    ----------
    start_seconds, end_seconds : float
        The stretch.
    levels : bytes
        Row by row from the highest band to the lowest, 0–255; ``bands`` rows on the mel scale
        from 0 to 4 kHz.
    bands : int
    pitch_bands : list of (float or None)
        For each column the row of the voice's pitch, from 0 (top) to 1; None where there is none,
        empty where the stretch is too long to tell.
    """

    start_seconds: float
    end_seconds: float
    levels: bytes
    bands: int
    pitch_bands: list[float | None]

    def picture(self) -> dict[str, object]:
        """Return it ready for JSON."""
        return {
            "start": self.start_seconds,
            "end": self.end_seconds,
            "bands": self.bands,
            "levels": base64.b64encode(self.levels).decode("ascii"),
            "pitch": self.pitch_bands,
        }


def spectrogram(
    encoded: bytes, *, channel: int, start_seconds: float, end_seconds: float
) -> Spectrogram:
    """Picture one channel of a stretch of a call.

    Parameters
    ----------
    encoded : bytes
        The call, as `audio.playback` encodes it.
    channel : int
        0 or 1.
    start_seconds, end_seconds : float
        The stretch, at most ``LONGEST_SECONDS`` long.

    Raises
    ------
    errors.ParameterError
        If the stretch is empty, too long or not in the call.
    """
    length = end_seconds - start_seconds
    if not (start_seconds >= 0.0 and 0.0 < length <= LONGEST_SECONDS + 1.0):
        raise ParameterError(
            f"{start_seconds:.1f}–{end_seconds:.1f} s is no stretch of at most "
            f"{LONGEST_SECONDS:.0f} s"
        )
    with soundfile.SoundFile(io.BytesIO(encoded)) as sound:
        rate = sound.samplerate
        first = int(start_seconds * rate)
        if first >= sound.frames:
            raise ParameterError(f"{start_seconds:.1f} s lies behind the end of the call")
        sound.seek(first)
        samples = sound.read(int(length * rate), dtype="float32", always_2d=True)[:, channel]
    hop = max(len(samples) // _COLUMNS, int(_SHORTEST_HOP_SECONDS * rate))
    window = int(_WINDOW_SECONDS * rate)
    power = librosa.feature.melspectrogram(
        y=samples, sr=rate, n_fft=window, hop_length=hop, n_mels=_BANDS, fmax=HIGHEST_HZ
    )
    decibels = librosa.power_to_db(power, ref=np.max, top_db=_RANGE_DB)
    levels = np.clip((decibels / _RANGE_DB + 1.0) * 255.0, 0, 255).astype(np.uint8)
    return Spectrogram(
        start_seconds=start_seconds,
        end_seconds=start_seconds + len(samples) / rate,
        levels=levels[::-1].tobytes(),
        bands=_BANDS,
        pitch_bands=_pitch(samples, rate, hop) if length <= _LONGEST_PITCH_SECONDS else [],
    )


def _pitch(samples: np.ndarray, rate: int, hop: int) -> list[float | None]:
    """Return where the pitch lies in the picture, for each column."""
    window = int(_PITCH_WINDOW_SECONDS * rate)
    if len(samples) < window:
        return []
    pitch = librosa.yin(
        samples, fmin=_LOWEST_PITCH_HZ, fmax=_HIGHEST_PITCH_HZ, sr=rate,
        frame_length=window, hop_length=hop,
    )  # fmt: skip
    loudness = librosa.feature.rms(y=samples, frame_length=window, hop_length=hop)[0]
    voiced = librosa.amplitude_to_db(loudness, ref=np.max) > _VOICED_DB
    # Where the search ends at its bounds there was nothing to find.
    voiced &= (pitch > 1.02 * _LOWEST_PITCH_HZ) & (pitch < 0.98 * _HIGHEST_PITCH_HZ)
    rows = 1.0 - librosa.hz_to_mel(pitch) / librosa.hz_to_mel(HIGHEST_HZ)
    return [
        round(float(row), 3) if heard else None for row, heard in zip(rows, voiced, strict=True)
    ]
