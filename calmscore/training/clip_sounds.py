"""The sound of clips, as training and evaluation read it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from calmscore.audio.log_mel import LogMelSettings
from calmscore.errors import CorpusError
from calmscore.training import augmentation
from calmscore.training.corpora.clips import Clip

FloatArray = npt.NDArray[np.float32]

RATE_HZ = LogMelSettings().sample_rate_hz
# Frames this far below the loudest one are taken for pauses.
_SPEECH_RANGE_DB = 30.0


def read_clip(path: Path, *, left_only: bool = False) -> FloatArray:
    """Read a clip as mono samples at the front end's rate.

    Parameters
    ----------
    path : Path
        A file that libsndfile reads.
    left_only : bool
        Take the first channel, not the mean of all.

    Returns
    -------
    array of float32, shape (n,)
        Full scale 1.

    Raises
    ------
    CorpusError
        If the file cannot be read.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise CorpusError(f"{path}: not a readable sound file ({error})") from error
    mono = samples[:, 0] if left_only else samples.mean(axis=1)
    if rate != RATE_HZ:
        mono = soxr.resample(mono, rate, RATE_HZ)
    return np.asarray(mono, dtype=np.float32)


def read_sounds(clips: Iterable[Clip], *, telephone: bool, seed: int = 0) -> Iterator[FloatArray]:
    """Read whole clips one after another, as an evaluation hears them.

    Parameters
    ----------
    telephone : bool
        Send each clip through a telephone line first: 8 kHz, 300–3400 Hz, μ-law,
        20–30 dB signal-to-noise ratio.

    Yields
    ------
    array of float32, shape (n,)
        At the front end's rate, full scale 1.
    """
    generator = np.random.default_rng(seed)
    for clip in clips:
        sound = read_clip(clip.path)
        if telephone:
            sound = augmentation.telephone_line(sound, sample_rate_hz=RATE_HZ, generator=generator)
        yield sound


def crop(samples: FloatArray, seconds: float, generator: np.random.Generator) -> FloatArray:
    """Cut a random stretch of at most ``seconds`` out of a sound."""
    length = int(seconds * RATE_HZ)
    if samples.size <= length:
        return samples
    start = int(generator.integers(0, samples.size - length + 1))
    return samples[start : start + length]


def speech_level_db(samples: FloatArray) -> float:
    """Return the level of the louder part of a clip, its speech, in decibels of full scale."""
    frame = RATE_HZ // 50
    frames = np.resize(samples, (max(samples.size // frame, 1), frame)).astype(np.float64)
    power = np.mean(np.square(frames), axis=1)
    speech = power >= power.max() * 10.0 ** (-_SPEECH_RANGE_DB / 10.0)
    return float(10.0 * np.log10(max(power[speech].mean(), 1e-12)))
