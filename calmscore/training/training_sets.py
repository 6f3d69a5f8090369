"""The sets that training reads: model inputs and labels, written to a folder and opened again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from calmscore.audio.log_mel import LogMelSettings, log_mel
from calmscore.emotions import EMOTIONS
from calmscore.errors import CorpusError
from calmscore.training.clip_copies import TRAINING_COPIES, Copy, augmented_copies, remember_voices
from calmscore.training.clip_sounds import FloatArray, read_clip, speech_level_db
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.ordinary import HEARD, OrdinaryWindow
from calmscore.training.corpora.processes import map_in_processes
from calmscore.training.ending import write_json

# The level is a median: every tenth clip tells it.
_LEVEL_STRIDE = 10


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Model inputs and labels, on disk as NumPy arrays.

    Attributes
    ----------
    log_mel : array of float16, shape (copies, clips, frames, mel_bands)
        Memory-mapped where it was read from disk.
    settings : LogMelSettings
        Front end that made the inputs.
    speech_level_db : float
        Median level of the clips' speech as they are, in decibels of full scale.
    labels : array of int, shape (clips,)
        Index of the intended emotion in ``EMOTIONS``; −1 where nobody acted.
    votes : array of float32, shape (copies, clips, 6)
        Share of the listeners' votes; the intended label where nobody voted. A copy that
        joins two clips has the mean of both.
    speakers, names : array of str, shape (clips,)
        Speaker and file stem of each clip; of ordinary speech, source and recording
        stand for the speaker.
    """

    log_mel: npt.NDArray[np.float16]
    settings: LogMelSettings
    speech_level_db: float
    labels: npt.NDArray[np.int64]
    votes: FloatArray
    speakers: npt.NDArray[np.str_]
    names: npt.NDArray[np.str_]

    @property
    def sources(self) -> npt.NDArray[np.str_]:
        """The corpus of each clip, shape (clips,)."""
        return np.array([speaker.partition("/")[0] for speaker in self.speakers])


def _clip_inputs(
    task: tuple[Path | FloatArray, Path | FloatArray | None, tuple[Copy, ...], int],
) -> npt.NDArray[np.float16]:
    clip, partner, copies, seed = task
    sounds = augmented_copies(clip, copies, seed=seed, partner=partner)
    return log_mel(sounds, settings=LogMelSettings()).astype(np.float16)


def write_training_set(
    clips: Sequence[Clip],
    folder: Path,
    *,
    copies: tuple[Copy, ...],
    votes: dict[str, FloatArray] | None = None,
    voices: Sequence[Path] = (),
    seed: int = 0,
    workers: int = 2,
) -> None:
    """Compute the model inputs of clips and write them to a folder.

    Parameters
    ----------
    clips : sequence of Clip
        Clips with an emotion among ``EMOTIONS``.
    folder : Path
        Made if missing; gets ``log_mel.npy``, ``labels.npz`` and ``settings.json``.
    copies : tuple of Copy
        What is done to each clip.
    votes : dict of str to array, optional
        Share of the listeners' votes by clip name, shape (6,).
    voices : sequence of Path
        Clips to mix into babble; without any, no babble is added.
    seed : int
        Together with the clip's place it fixes all randomness.

    Raises
    ------
    CorpusError
        If there is no clip, a clip has no emotion, or a file cannot be read.
    """
    if not clips:
        raise CorpusError(f"{folder}: no clips to prepare")
    unlabelled = [clip.path.name for clip in clips if clip.emotion is None]
    if unlabelled:
        raise CorpusError(f"{unlabelled[0]}: its emotion is not one of {', '.join(EMOTIONS)}")
    labels, heard = labels_and_votes(clips, votes or {})
    speakers = np.array([clip.speaker for clip in clips])
    partners = draw_partners(speakers, labels, seed=seed)
    joined = (heard + heard[partners]) / 2.0
    levels = [speech_level_db(read_clip(clip.path)) for clip in clips[::_LEVEL_STRIDE]]
    _write_inputs(
        [clip.path for clip in clips],
        folder,
        partners=partners,
        copies=copies,
        voices=voices,
        seed=seed,
        workers=workers,
        level_db=float(np.median(levels)),
        columns={
            "labels": labels,
            "votes": np.stack([joined if copy.joined else heard for copy in copies]),
            "speakers": speakers,
            "names": np.array([clip.path.stem for clip in clips]),
        },
    )


def labels_and_votes(
    clips: Sequence[Clip], votes: Mapping[str, FloatArray]
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return what clips were meant to express, and how listeners heard them.

    Parameters
    ----------
    clips : sequence of Clip, length n
        Clips with an emotion among ``EMOTIONS``.
    votes : mapping of str to array
        Share of the listeners' votes by clip name, shape (6,).

    Returns
    -------
    labels : array of int, shape (n,)
        Index of the intended emotion in ``EMOTIONS``.
    heard : array of float32, shape (n, 6)
        The votes; the label where nobody voted.
    """
    labels = np.array([EMOTIONS.index(str(clip.emotion)) for clip in clips])
    one_hot = np.eye(len(EMOTIONS), dtype=np.float32)[labels]
    heard = [votes.get(c.path.stem, hot) for c, hot in zip(clips, one_hot, strict=True)]
    return labels, np.stack(heard).astype(np.float32)


def draw_partners(
    speakers: npt.NDArray[np.str_], labels: npt.NDArray[np.int64], *, seed: int
) -> npt.NDArray[np.int64]:
    """Give every clip another one of the same speaker and emotion, or itself if it is alone."""
    generator = np.random.default_rng((seed, 1))
    partners = np.arange(len(labels))
    for speaker in np.unique(speakers):
        for label in np.unique(labels):
            members = np.flatnonzero((speakers == speaker) & (labels == label))
            order = generator.permutation(members)
            partners[order] = np.roll(order, 1)
    return partners


def write_ordinary_set(
    windows: Sequence[OrdinaryWindow],
    folder: Path,
    *,
    copies: tuple[Copy, ...] = TRAINING_COPIES,
    voices: Sequence[Path] = (),
    seed: int = 0,
    workers: int = 2,
) -> None:
    """Compute the model inputs of ordinary speech and write them to a folder.

    Parameters
    ----------
    windows : sequence of OrdinaryWindow
        What to prepare. Each is joined with the next of its recording where copies ask for it.
    folder : Path
        Made if missing; gets the same files as from `write_training_set`.
    copies, voices, seed, workers
        As in `write_training_set`.

    Raises
    ------
    CorpusError
        If there is no window.
    """
    if not windows:
        raise CorpusError(f"{folder}: no ordinary speech to prepare")
    speakers = np.array([f"{window.source}/{window.recording}" for window in windows])
    nobody = np.full(len(windows), -1)
    _write_inputs(
        [window.samples for window in windows],
        folder,
        partners=draw_partners(speakers, nobody, seed=seed),
        copies=copies,
        voices=voices,
        seed=seed,
        workers=workers,
        level_db=float(np.median([speech_level_db(w.samples) for w in windows[::_LEVEL_STRIDE]])),
        columns={
            "labels": nobody,
            "votes": np.broadcast_to(HEARD, (len(copies), len(windows), len(EMOTIONS))),
            "speakers": speakers,
            "names": np.array([f"{w.recording} {w.start_seconds:.1f}" for w in windows]),
        },
    )


def _write_inputs(
    sounds: Sequence[Path | FloatArray],
    folder: Path,
    *,
    partners: npt.NDArray[np.int64],
    copies: tuple[Copy, ...],
    voices: Sequence[Path],
    seed: int,
    workers: int,
    level_db: float,
    columns: dict[str, npt.NDArray[Any]],
) -> None:
    settings = LogMelSettings()
    folder.mkdir(parents=True, exist_ok=True)
    inputs = np.lib.format.open_memmap(
        folder / "log_mel.npy",
        mode="w+",
        dtype=np.float16,
        shape=(len(copies), len(sounds), settings.frames, settings.mel_bands),
    )
    seeds = np.random.SeedSequence(seed).generate_state(len(sounds))
    tasks = [
        (sound, sounds[int(partner)], copies, int(own_seed))
        for sound, partner, own_seed in zip(sounds, partners, seeds, strict=True)
    ]
    results = map_in_processes(
        _clip_inputs,
        tasks,
        workers=workers,
        initializer=remember_voices,
        initial_arguments=(voices,),
    )
    for index, rows in enumerate(tqdm(results, total=len(tasks), desc=folder.name)):
        inputs[:, index] = rows
    inputs.flush()
    np.savez(folder / "labels.npz", allow_pickle=False, **columns)
    description = {
        "log_mel": settings.to_dict(),
        "seed": seed,
        "copies": len(copies),
        "speech_level_db": round(level_db, 2),
    }
    write_json(folder / "settings.json", description)


def load_training_set(folder: Path) -> TrainingSet:
    """Open a set that `write_training_set` wrote.

    Parameters
    ----------
    folder : Path
        Its folder.

    Returns
    -------
    TrainingSet
        With the inputs memory-mapped.

    Raises
    ------
    CorpusError
        If the folder holds no set, or one of another front end.
    """
    try:
        description = json.loads((folder / "settings.json").read_text())
        settings, level_db = description["log_mel"], float(description["speech_level_db"])
        labels = np.load(folder / "labels.npz")
        inputs = np.load(folder / "log_mel.npy", mmap_mode="r")
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(
            f"{folder}: no prepared training set ({error}); run train_data_preprocessing.py"
        ) from error
    if settings != LogMelSettings().to_dict():
        raise CorpusError(f"{folder}: made with another front end ({settings}); prepare it again")
    return TrainingSet(
        log_mel=inputs,
        settings=LogMelSettings(**settings),
        speech_level_db=level_db,
        labels=labels["labels"],
        votes=labels["votes"],
        speakers=labels["speakers"],
        names=labels["names"],
    )
