"""What the simpler models learn from: averages over clips or coarse log-mel frames, labelled."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from calmscore.audio.log_mel import LogMelSettings, log_mel
from calmscore.emotions import EMOTIONS
from calmscore.training.averaged_features import AVERAGED_FEATURES, averaged_features
from calmscore.training.clip_copies import TRAINING_COPIES, augmented_copies
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.processes import map_in_processes

FloatArray = npt.NDArray[np.float32]
InputKind = Literal["averages", "frames"]

FRAMES_IN_ONE = 4
"""Log-mel frames of 10 ms that are averaged into one step of 40 ms."""

COPIES_LEARNT_FROM = (0, 3)
"""Which of ``TRAINING_COPIES`` the simpler models learn from: clean, first telephone copy."""

TRAINING_SHARE = 0.8
"""Share of the clips that are learnt from in the random split."""


def read_inputs(sounds: Sequence[FloatArray], *, kind: InputKind) -> FloatArray:
    """Turn sounds at the front end's rate into what a kind of model reads.

    Parameters
    ----------
    sounds : sequence of array, each of shape (n,)
        Mono sounds, full scale 1.
    kind : str
        ``averages`` or ``frames``.

    Returns
    -------
    array of float32
        Shape (len(sounds), 59), or (len(sounds), 75, 80).
    """
    if kind == "averages":
        return averaged_features(sounds, sample_rate_hz=LogMelSettings().sample_rate_hz)
    return coarse_frames(log_mel(sounds))


def coarse_frames(inputs: npt.NDArray[Any]) -> FloatArray:
    """Average every four log-mel frames into one, so that recurrent networks train in minutes.

    Parameters
    ----------
    inputs : array, shape (n, frames, bands)
        From `audio.log_mel.log_mel`; ``frames`` is a multiple of four.

    Returns
    -------
    array of float32, shape (n, frames / 4, bands)
    """
    count, frames, bands = inputs.shape
    steps = inputs.reshape(count, frames // FRAMES_IN_ONE, FRAMES_IN_ONE, bands)
    return np.asarray(steps.mean(axis=2, dtype=np.float32))


def _clip_averages(task: tuple[Path, int]) -> FloatArray:
    path, seed = task
    sounds = augmented_copies(
        path, [TRAINING_COPIES[copy] for copy in COPIES_LEARNT_FROM], seed=seed
    )
    return averaged_features(sounds, sample_rate_hz=LogMelSettings().sample_rate_hz)


def read_training_averages(file: Path, clips: Sequence[Clip], *, workers: int = 2) -> FloatArray:
    """Compute the averaged features of training clips, or read them if there already.

    Parameters
    ----------
    file : Path
        Where they are kept.
    clips : sequence of Clip
        Training clips.

    Returns
    -------
    array of float32, shape (2, len(clips), 59)
        Clean copy, telephone copy.

    Raises
    ------
    CorpusError
        If a clip cannot be read.
    """
    names = "\n".join(clip.name for clip in clips)
    origin = hashlib.sha256(
        f"{AVERAGED_FEATURES} {COPIES_LEARNT_FROM} {names}".encode()
    ).hexdigest()
    if file.is_file():
        with np.load(file) as stored:
            if str(stored["origin"]) == origin:
                return np.asarray(stored["features"], dtype=np.float32)
    seeds = np.random.SeedSequence(0).generate_state(len(clips))
    tasks = [(clip.path, int(seed)) for clip, seed in zip(clips, seeds, strict=True)]
    results = map_in_processes(_clip_averages, tasks, workers=workers)
    rows = list(tqdm(results, total=len(tasks), desc="averaged features", disable=None))
    features = np.stack(rows, axis=1)
    # A name of its own until it is whole: an interrupted run leaves no half file behind.
    written = file.with_name(f"part-{file.name}")
    np.savez(written, features=features, origin=np.array(origin))
    written.replace(file)
    return features


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Labelled inputs of one kind, each clip clean and through a telephone line.

    Attributes
    ----------
    inputs : array of float32, shape (2, clips, …)
        Clean copy, telephone copy.
    labels : array of int, shape (clips,)
        Index in ``EMOTIONS``.
    speakers, names : array of str, shape (clips,)
        Speaker and file stem of each clip.
    """

    inputs: FloatArray
    labels: npt.NDArray[np.int64]
    speakers: npt.NDArray[np.str_]
    names: npt.NDArray[np.str_]

    def joined_with(self, other: Examples) -> Examples:
        """Return these clips and, after them, those of ``other``."""
        return Examples(
            inputs=np.concatenate([self.inputs, other.inputs], axis=1),
            labels=np.concatenate([self.labels, other.labels]),
            speakers=np.concatenate([self.speakers, other.speakers]),
            names=np.concatenate([self.names, other.names]),
        )

    def chosen(self, members: npt.NDArray[np.bool_]) -> Examples:
        """Return the clips where ``members``, of shape (clips,), is true."""
        return Examples(
            inputs=self.inputs[:, members],
            labels=self.labels[members],
            speakers=self.speakers[members],
            names=self.names[members],
        )


def random_split(examples: Examples, *, seed: int) -> tuple[Examples, Examples]:
    """Divide clips at random, whoever speaks them: 80 % to learn from, the others to measure.

    Parameters
    ----------
    examples : Examples
        All clips.
    seed : int
        Fixes the choice.

    Returns
    -------
    learnt, measured : Examples
    """
    count = len(examples.labels)
    members = np.random.default_rng(seed).permutation(count) < round(TRAINING_SHARE * count)
    return examples.chosen(members), examples.chosen(~members)


def labels_of(clips: Sequence[Clip]) -> npt.NDArray[np.int64]:
    """Return the index in ``EMOTIONS`` of each clip's emotion."""
    return np.array([EMOTIONS.index(str(clip.emotion)) for clip in clips])


def labelled(inputs: FloatArray, clips: Sequence[Clip]) -> Examples:
    """Put inputs of shape (2, clips, …) and what is known of the clips together."""
    return Examples(
        inputs=inputs,
        labels=labels_of(clips),
        speakers=np.array([clip.speaker for clip in clips]),
        names=np.array([clip.name for clip in clips]),
    )
