"""Turn a corpus into the labelled, speaker-disjoint sets that training reads.

    python train_data_preprocessing.py --download data
    python train_data_preprocessing.py --data data/AudioWAV --ordinary data/ordinary

Every training clip is stored in several copies, each on another way through
the world: clean, faster, over a telephone, in a room, in noise, among other
voices, joined to another clip of the same speaker and emotion and cut anywhere.
Most copies are telephone copies, because calls are. Windows of ordinary speech go
the same ways, so that the way tells nothing. Validation clips are stored twice:
clean and through a telephone line.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from tqdm import tqdm

from calmscore.analysis.segments import voiced_stretch
from calmscore.audio.log_mel import LogMelSettings, log_mel
from calmscore.audio.voice_activity import speech_mask
from calmscore.emotions import EMOTIONS
from calmscore.errors import CalmscoreError, CorpusError
from calmscore.training import augmentation
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.download import download_crema_d
from calmscore.training.corpora.ordinary import (
    HEARD,
    OrdinaryWindow,
    ordinary_recordings,
    ordinary_windows,
    source_of,
)
from calmscore.training.corpora.processes import map_in_processes
from calmscore.training.corpora.reading import (
    FOR_EVALUATION_ALONE,
    PARSERS,
    balance_classes,
    group_folds,
    read_corpus,
    split_by_speaker,
)

FloatArray = npt.NDArray[np.float32]
Augmentation = Callable[[FloatArray, np.random.Generator], FloatArray]

_RATE_HZ = LogMelSettings().sample_rate_hz
# Frames this far below the loudest one are taken for pauses.
_SPEECH_RANGE_DB = 30.0
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


def read_clip(path: Path) -> FloatArray:
    """Read a clip as mono samples at the front end's rate.

    Parameters
    ----------
    path : Path
        A file that libsndfile reads.

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
    mono = samples.mean(axis=1)
    if rate != _RATE_HZ:
        mono = soxr.resample(mono, rate, _RATE_HZ)
    return np.asarray(mono, dtype=np.float32)


def read_sounds(clips: Iterable[Clip], *, telephone: bool, seed: int = 0) -> Iterator[FloatArray]:
    """Read whole clips one after another, as an evaluation hears them.

    Parameters
    ----------
    clips : iterable of Clip
        What to read.
    telephone : bool
        Send each clip through a telephone line first: 8 kHz, 300–3400 Hz, μ-law,
        20–30 dB signal-to-noise ratio.
    seed : int
        Fixes the line's noise.

    Yields
    ------
    array of float32, shape (n,)
        At the front end's rate, full scale 1.
    """
    generator = np.random.default_rng(seed)
    for clip in clips:
        sound = read_clip(clip.path)
        if telephone:
            sound = augmentation.telephone_line(sound, sample_rate_hz=_RATE_HZ, generator=generator)
        yield sound


def crop(samples: FloatArray, seconds: float, generator: np.random.Generator) -> FloatArray:
    """Cut a random stretch of at most ``seconds`` out of a sound."""
    length = int(seconds * _RATE_HZ)
    if samples.size <= length:
        return samples
    start = int(generator.integers(0, samples.size - length + 1))
    return samples[start : start + length]


def speech_level_db(samples: FloatArray) -> float:
    """Return the level of the louder part of a clip, its speech, in decibels of full scale."""
    frame = _RATE_HZ // 50
    frames = np.resize(samples, (max(samples.size // frame, 1), frame)).astype(np.float64)
    power = np.mean(np.square(frames), axis=1)
    speech = power >= power.max() * 10.0 ** (-_SPEECH_RANGE_DB / 10.0)
    return float(10.0 * np.log10(max(power[speech].mean(), 1e-12)))


def _speed(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    return augmentation.change_speed(samples, factor=generator.uniform(0.88, 1.14))


def _gain(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    return augmentation.change_gain(samples, gain_db=generator.uniform(-10.0, 10.0))


def _partial(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    # A segment on the call's clock often holds only a part of an utterance.
    return crop(samples, generator.uniform(1.4, 3.0), generator)


def _noise(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    noise = augmentation.coloured_noise(
        samples.size, exponent=generator.uniform(0.0, 2.0), generator=generator
    )
    return augmentation.add_noise(samples, noise, snr_db=generator.uniform(8.0, 30.0))


def _room(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    return augmentation.reverberate(
        samples,
        sample_rate_hz=_RATE_HZ,
        decay_seconds=generator.uniform(0.1, 0.5),
        wet=generator.uniform(0.05, 0.5),
        generator=generator,
    )


def _telephone(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    return augmentation.telephone_line(
        samples, sample_rate_hz=_RATE_HZ, generator=generator, snr_db=(18.0, 35.0)
    )


def _poor_telephone(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    codecs: tuple[augmentation.Codec, ...] = ("a-law", "gsm", "gsm", "mu-law")
    return augmentation.telephone_line(
        samples,
        sample_rate_hz=_RATE_HZ,
        generator=generator,
        codec=codecs[int(generator.integers(len(codecs)))],
        snr_db=(12.0, 30.0),
        packet_loss=float(generator.choice([0.0, 0.0, 0.03])),
    )


# About as many speakers validate a corpus as validate CREMA-D: 9 of 72.
_VALIDATION_FOLDS = 8

# Other people's clips, for babble; set in each process by `_remember_voices`.
_voices: list[Path] = []


def _remember_voices(paths: Sequence[Path]) -> None:
    _voices[:] = paths


def _babble(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    if not _voices or not samples.size:
        return samples
    chosen = generator.integers(len(_voices), size=int(generator.integers(3, 7)))
    voices = [np.resize(np.roll(voice, int(generator.integers(voice.size))), samples.size)
              for voice in (read_clip(_voices[index]) for index in chosen)]  # fmt: skip
    return augmentation.add_noise(
        samples, np.sum(voices, axis=0), snr_db=generator.uniform(3.0, 20.0)
    )


def _as_cut(samples: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Keep what an analysis would cut out of the call: the speech, its pauses muted."""
    speech = speech_mask(samples)
    return samples if not speech.any() else voiced_stretch(samples, speech)


@dataclass(frozen=True, kw_only=True)
class Copy:
    """What is done to a clip to make one of its copies.

    Attributes
    ----------
    steps : tuple of callable
        Applied in order; none leaves the clip as it is.
    joined : bool
        Another clip of the same speaker and emotion is joined to it first.
    """

    steps: tuple[Augmentation, ...] = ()
    joined: bool = False


TRAINING_COPIES: tuple[Copy, ...] = (
    Copy(),
    Copy(steps=(_speed, _gain)),
    Copy(steps=(_speed, _partial, _room, _noise, _gain)),
    Copy(steps=(_gain, _telephone, _as_cut)),
    Copy(steps=(_speed, _partial, _gain, _telephone)),
    Copy(steps=(_speed, _gain, _noise, _poor_telephone, _as_cut)),
    Copy(steps=(_partial, _speed, _gain, _telephone, _as_cut), joined=True),
    Copy(steps=(_speed, _room, _babble, _gain, _telephone)),
)
"""The copies of each training clip."""

VALIDATION_COPIES: tuple[Copy, ...] = (Copy(), Copy(steps=(_telephone,)))
"""The copies of each validation clip: clean, and through a telephone line."""


def augmented_copies(
    clip: Path | FloatArray,
    copies: Sequence[Copy],
    *,
    seed: int,
    partner: Path | FloatArray | None = None,
) -> list[FloatArray]:
    """Read a clip and make its copies.

    Parameters
    ----------
    clip : Path or array of float32, shape (n,)
        The clip, or its samples at the front end's rate.
    copies : sequence of Copy
        What is done to it.
    seed : int
        Fixes all randomness.
    partner : Path or array, optional
        What is joined to it in the copies that ask for it.

    Returns
    -------
    list of array of float32, each of shape (n,)
        At the front end's rate, no longer than one model input.
    """
    settings = LogMelSettings()
    samples = _samples(clip)
    generator = np.random.default_rng(seed)
    sounds = []
    for copy in copies:
        sound = samples
        if copy.joined and partner is not None:
            sound = np.concatenate([samples, _samples(partner)])
        for step in copy.steps:
            sound = step(sound, generator)
        sounds.append(crop(sound, settings.samples / _RATE_HZ, generator))
    return sounds


def _samples(clip: Path | FloatArray) -> FloatArray:
    return read_clip(clip) if isinstance(clip, Path) else clip


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
    workers : int
        Number of processes.

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
    labels = np.array([EMOTIONS.index(str(clip.emotion)) for clip in clips])
    one_hot = np.eye(len(EMOTIONS), dtype=np.float32)[labels]
    heard = np.stack(
        [(votes or {}).get(c.path.stem, hot) for c, hot in zip(clips, one_hot, strict=True)]
    ).astype(np.float32)
    speakers = np.array([clip.speaker for clip in clips])
    partners = _partners(speakers, labels, seed=seed)
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


def _partners(
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
        partners=_partners(speakers, nobody, seed=seed),
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
        initializer=_remember_voices,
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
    (folder / "settings.json").write_text(json.dumps(description, indent=2) + "\n")


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


def prepare_corpus(
    data: Path,
    output: Path,
    *,
    corpus: str | None = None,
    balance: bool = False,
    ordinary: Path | None = None,
    seed: int = 0,
    workers: int = 2,
) -> None:
    """Write the training and validation sets of a corpus; they share no speaker.

    Parameters
    ----------
    data : Path
        Folder with the clips; CREMA-D's listeners' votes are read from
        ``tabulatedVotes.csv`` there or in the folder above, where present.
    output : Path
        Gets the folders ``train`` and ``validation``.
    corpus : str, optional
        Its name; see `corpora.reading.read_corpus`. CREMA-D has its validation speakers
        named in `corpora.crema_d`; of others about one speaker in eight is drawn.
    balance : bool
        Repeat training clips of the rarer emotions until all are equally frequent.
    ordinary : Path, optional
        Folder with recordings of ordinary speech, a sub-folder for each source; written
        to ``ordinary``.
    seed : int
        Fixes all randomness.
    workers : int
        Number of processes.

    Raises
    ------
    CorpusError
        If the folder holds no clips of the corpus, or those of one speaker only.
    """
    clips = read_corpus(data, corpus=corpus)
    if clips[0].corpus in FOR_EVALUATION_ALONE:
        raise CorpusError(f"{data}: {clips[0].corpus} may be used for evaluation alone")
    votes: dict[str, FloatArray] = {}
    if clips[0].corpus == crema_d.CORPUS:
        clips, votes = _usable_with_votes(clips, data)
        training, validation = split_by_speaker(clips, speakers=crema_d.VALIDATION_SPEAKERS)
    else:
        clips = [clip for clip in clips if clip.emotion is not None]
        speakers = len({clip.speaker for clip in clips})
        if speakers < 2:
            raise CorpusError(f"{data}: clips of {speakers} speaker; validation needs another")
        folds = min(speakers, _VALIDATION_FOLDS)
        training, validation = group_folds(clips, folds=folds, seed=seed)[0]
    voices = [clip.path for clip in training]
    if ordinary is not None:
        prepare_ordinary(ordinary, output, voices=voices, seed=seed, workers=workers)
    if balance:
        training = balance_classes(training, seed=seed)
    write_training_set(
        training, output / "train", copies=TRAINING_COPIES, votes=votes, voices=voices, seed=seed,
        workers=workers,
    )  # fmt: skip
    write_training_set(
        validation, output / "validation", copies=VALIDATION_COPIES, votes=votes, seed=seed,
        workers=workers,
    )  # fmt: skip


def prepare_ordinary(
    ordinary: Path, output: Path, *, voices: Sequence[Path] = (), seed: int = 0, workers: int = 2
) -> None:
    """Write the set of ordinary speech.

    Parameters
    ----------
    ordinary : Path
        Folder with a sub-folder of recordings for each source.
    output : Path
        Gets the folder ``ordinary``.
    voices : sequence of Path
        Clips to mix into babble.
    seed : int
        Fixes all randomness.
    workers : int
        Number of processes.

    Raises
    ------
    CorpusError
        If there are no recordings, or none holds speech.
    """
    windows = [
        window
        for path in tqdm(ordinary_recordings(ordinary), desc="finding speech", disable=None)
        for window in ordinary_windows(path, source=source_of(path, ordinary), seed=seed)
    ]
    write_ordinary_set(windows, output / "ordinary", voices=voices, seed=seed, workers=workers)


def _usable_with_votes(
    clips: Sequence[Clip], data: Path
) -> tuple[list[Clip], dict[str, FloatArray]]:
    votes = crema_d.votes_by_name(data)
    if not votes:
        print(
            f"{data}: no {crema_d.VOTES_FILE} beside the clips; intended labels only",
            file=sys.stderr,
        )
    return [clip for clip in clips if crema_d.usable(clip)], votes


def prepare_everyone(data: Path, output: Path, *, seed: int = 0, workers: int = 2) -> None:
    """Write one set of all usable speakers of CREMA-D, for cross-validation.

    Parameters
    ----------
    data : Path
        Folder with the clips and, there or above it, the listeners' votes.
    output : Path
        Gets the folder ``everyone``; its copies are the training copies without babble,
        and a telephone line as in validation.
    seed : int
        Fixes all randomness.
    workers : int
        Number of processes.
    """
    clips, votes = _usable_with_votes(read_corpus(data, corpus=crema_d.CORPUS), data)
    copies = (*(c for c in TRAINING_COPIES if _babble not in c.steps), VALIDATION_COPIES[-1])
    write_training_set(
        clips, output / "everyone", copies=copies, votes=votes, seed=seed, workers=workers
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="folder of clips")
    parser.add_argument(
        "--ordinary",
        type=Path,
        metavar="FOLDER",
        help="recordings of ordinary speech, a sub-folder for each source",
    )
    parser.add_argument("--output", type=Path, default=Path("data/training"))
    parser.add_argument(
        "--download",
        type=Path,
        metavar="FOLDER",
        help="fetch CREMA-D from its official home into this folder, and do nothing else",
    )
    parser.add_argument(
        "--everyone",
        action="store_true",
        help="write one set of all speakers of CREMA-D instead, for model.py cross-validate",
    )
    parser.add_argument(
        "--corpus", choices=PARSERS, help="name of the corpus (default: told by the file names)"
    )
    parser.add_argument(
        "--balance",
        action="store_true",
        help="repeat training clips of the rarer emotions until all are equally frequent",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    if options.everyone and (options.corpus or options.balance):
        parser.error("--everyone takes CREMA-D as it is: leave --corpus and --balance out")
    try:
        if options.download is not None:
            print(f"clips are in {download_crema_d(options.download)}")
            return 0
        settings = {"seed": options.seed, "workers": options.workers}
        if options.everyone:
            prepare_everyone(options.data, options.output, **settings)
        else:
            prepare_corpus(
                options.data,
                options.output,
                corpus=options.corpus,
                balance=options.balance,
                ordinary=options.ordinary,
                **settings,
            )
    except CalmscoreError as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
