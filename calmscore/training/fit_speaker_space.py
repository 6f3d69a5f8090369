"""Fit the space in which voices are compared: ``python -m calmscore.training.fit_speaker_space``.

Over a telephone line all voices seem alike, and one voice in two moods seems two. The mean
of many voices over such lines is removed, and directions in which one person's voice moves
from mood to mood are made to count less (within-class covariance normalisation, held back
towards no change at all). The training speakers of CREMA-D say what moves.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from calmscore.errors import CorpusError
from calmscore.network.classifier import DEFAULT_ARTIFACTS
from calmscore.network.speaker_embedding import (
    SPEAKER_MODEL_FILE,
    SPEAKER_SPACE_FILE,
    WINDOW_FRAMES,
    SpeakerEmbedding,
    filterbank,
)
from calmscore.training.augmentation import Codec, telephone_line
from calmscore.training.clip_sounds import read_clip
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.composed import spoken_part
from calmscore.training.corpora.reading import read_crema_d
from calmscore.training.ending import with_exit_code

FloatArray = npt.NDArray[np.floating[Any]]

SHRINKAGE = 0.6
"""How far the covariance is held back towards that of no preferred direction, 0–1."""

_RATE_HZ = 16_000
_PEAK = 0.3
_CODECS: tuple[Codec, ...] = ("mu-law", "a-law", "gsm")
_BATCH = 64


def within_speaker_space(
    points: FloatArray, speakers: npt.NDArray[np.str_], *, shrinkage: float = SHRINKAGE
) -> tuple[FloatArray, FloatArray]:
    """Return the mean of all points, and the matrix that evens out what moves in a speaker.

    Parameters
    ----------
    points : array, shape (n, d)
        Embeddings.
    speakers : array of str, shape (n,)
        Whose each is.
    shrinkage : float
        0 evens out fully, 1 not at all.

    Returns
    -------
    mean : array, shape (d,)
    matrix : array, shape (d, d)
        Symmetric; the space is ``(point - mean) @ matrix``.
    """
    moved = points.astype(np.float64)
    mean = moved.mean(axis=0)
    for name in np.unique(speakers):
        moved[speakers == name] -= moved[speakers == name].mean(axis=0)
    covariance = moved.T @ moved / len(moved)
    even = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    values, vectors = np.linalg.eigh((1.0 - shrinkage) * covariance + shrinkage * even)
    # Of a size like 1, so that nothing but the directions changes.
    scale = np.sqrt(np.trace(covariance) / len(covariance))
    return mean, (vectors * (scale / np.sqrt(values))) @ vectors.T


def embedded(clips: Sequence[Clip], network: SpeakerEmbedding, *, seed: int = 0) -> FloatArray:
    """Place a window of each clip among voices, after a telephone line.

    Parameters
    ----------
    clips : sequence of Clip
        The clips.
    network : SpeakerEmbedding
        Without a space.
    seed : int
        Fixes lines and windows.

    Returns
    -------
    array, shape (clips, 192)
    """
    generator = np.random.default_rng(seed)
    windows: list[npt.NDArray[np.float32]] = []
    points: list[FloatArray] = []
    for number, clip in enumerate(tqdm(clips, desc="voices", disable=None)):
        samples = spoken_part(read_clip(clip.path))
        line = telephone_line(
            np.asarray(samples * (_PEAK / max(float(np.abs(samples).max()), 1e-6)), np.float32),
            sample_rate_hz=_RATE_HZ,
            generator=generator,
            codec=_CODECS[number % len(_CODECS)],
        )
        frames = filterbank(line)
        first = int(generator.integers(max(len(frames) - WINDOW_FRAMES, 0) + 1))
        part = frames[first : first + WINDOW_FRAMES]
        windows.append(np.resize(part, (WINDOW_FRAMES, frames.shape[1])))
        if len(windows) == _BATCH or number + 1 == len(clips):
            points.append(network.embed(np.stack(windows)))
            windows = []
    return np.concatenate(points)


def training_clips(data: Path, *, every: int) -> list[Clip]:
    """Return every so-many-th clip of the training speakers.

    Raises
    ------
    CorpusError
        If there is none.
    """
    clips, _ = read_crema_d(data)
    if not clips:
        raise CorpusError(f"{data}: holds no clip of a training speaker")
    return clips[::every]


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="CREMA-D's clips")
    parser.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    parser.add_argument("--every", type=int, default=2, help="take every so-many-th clip")
    options = parser.parse_args(arguments)
    clips = training_clips(options.data, every=options.every)
    network = SpeakerEmbedding(options.artifacts / SPEAKER_MODEL_FILE)
    speakers = np.array([clip.speaker for clip in clips])
    mean, matrix = within_speaker_space(embedded(clips, network), speakers)
    np.savez(
        options.artifacts / SPEAKER_SPACE_FILE,
        mean=mean.astype(np.float32),
        matrix=matrix.astype(np.float32),
    )


if __name__ == "__main__":
    sys.exit(main())
