"""Turn a corpus into the labelled, speaker-disjoint sets that training reads.

    python train_data_preprocessing.py --download data
    python train_data_preprocessing.py --data data/AudioWAV --output data/training

Every training clip is stored in several copies, each on another way through
the world: clean, faster, over a telephone, in a room, in noise, among other
voices. Half of the copies are telephone copies, because calls are. Validation
clips are stored twice: clean and through a telephone line.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from tqdm import tqdm

from calmscore.audio.log_mel import LogMelSettings, log_mel
from calmscore.emotions import EMOTIONS
from calmscore.errors import CalmscoreError, CorpusError
from calmscore.training import augmentation
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.download import download_crema_d
from calmscore.training.corpora.processes import map_in_processes
from calmscore.training.corpora.reading import (
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
VOTES_FILE = "tabulatedVotes.csv"


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
        Index of the intended emotion in ``EMOTIONS``.
    votes : array of float32, shape (clips, 6)
        Share of the listeners' votes; the intended label where nobody voted.
    speakers, names : array of str, shape (clips,)
        Speaker and file stem of each clip.
    """

    log_mel: npt.NDArray[np.float16]
    settings: LogMelSettings
    speech_level_db: float
    labels: npt.NDArray[np.int64]
    votes: FloatArray
    speakers: npt.NDArray[np.str_]
    names: npt.NDArray[np.str_]


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


TRAINING_COPIES: tuple[tuple[Augmentation, ...], ...] = (
    (),
    (_speed, _gain),
    (_speed, _partial, _room, _noise, _gain),
    (_gain, _telephone),
    (_speed, _partial, _gain, _telephone),
    (_speed, _gain, _noise, _poor_telephone),
    (_speed, _babble, _gain),
    (_speed, _room, _babble, _gain, _telephone),
)
"""The copies of each training clip: what is done to it, in order."""

VALIDATION_COPIES: tuple[tuple[Augmentation, ...], ...] = ((), (_telephone,))
"""The copies of each validation clip: clean, and through a telephone line."""


def augmented_copies(
    path: Path, copies: Sequence[tuple[Augmentation, ...]], *, seed: int
) -> list[FloatArray]:
    """Read a clip and make its copies.

    Parameters
    ----------
    path : Path
        The clip.
    copies : sequence of tuple of callable
        What is done to it, a copy each; an empty tuple leaves it as it is.
    seed : int
        Fixes all randomness.

    Returns
    -------
    list of array of float32, each of shape (n,)
        At the front end's rate, no longer than one model input.
    """
    settings = LogMelSettings()
    samples = read_clip(path)
    generator = np.random.default_rng(seed)
    sounds = []
    for copy in copies:
        sound = samples
        for step in copy:
            sound = step(sound, generator)
        sounds.append(crop(sound, settings.samples / _RATE_HZ, generator))
    return sounds


def _clip_inputs(
    task: tuple[Path, tuple[tuple[Augmentation, ...], ...], int],
) -> npt.NDArray[np.float16]:
    path, copies, seed = task
    sounds = augmented_copies(path, copies, seed=seed)
    return log_mel(sounds, settings=LogMelSettings()).astype(np.float16)


def write_training_set(
    clips: Sequence[Clip],
    folder: Path,
    *,
    copies: tuple[tuple[Augmentation, ...], ...],
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
    copies : tuple of tuple of callable
        What is done to each clip, a copy each; an empty tuple leaves it as it is.
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
    settings = LogMelSettings()
    folder.mkdir(parents=True, exist_ok=True)
    inputs = np.lib.format.open_memmap(
        folder / "log_mel.npy",
        mode="w+",
        dtype=np.float16,
        shape=(len(copies), len(clips), settings.frames, settings.mel_bands),
    )
    seeds = np.random.SeedSequence(seed).generate_state(len(clips))
    tasks = [(clip.path, copies, int(s)) for clip, s in zip(clips, seeds, strict=True)]
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
    labels = np.array([EMOTIONS.index(str(clip.emotion)) for clip in clips])
    one_hot = np.eye(len(EMOTIONS), dtype=np.float32)[labels]
    shares = [(votes or {}).get(c.path.stem, hot) for c, hot in zip(clips, one_hot, strict=True)]
    np.savez(
        folder / "labels.npz",
        labels=labels,
        votes=np.asarray(shares, dtype=np.float32),
        speakers=np.array([clip.speaker for clip in clips]),
        names=np.array([clip.path.stem for clip in clips]),
    )
    levels = [speech_level_db(read_clip(clip.path)) for clip in clips[::_LEVEL_STRIDE]]
    description = {
        "log_mel": settings.to_dict(),
        "seed": seed,
        "copies": len(copies),
        "speech_level_db": round(float(np.median(levels)), 2),
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


def _usable_with_votes(
    clips: Sequence[Clip], data: Path
) -> tuple[list[Clip], dict[str, FloatArray]]:
    clips = [clip for clip in clips if crema_d.usable(clip)]
    tables = [folder / VOTES_FILE for folder in (data, data.parent)]
    table = next((path for path in tables if path.is_file()), None)
    if table is None:
        print(f"{data}: no {VOTES_FILE} beside the clips; intended labels only", file=sys.stderr)
        return clips, {}
    shares = crema_d.read_listener_votes(table)
    return clips, dict(zip(shares.index, shares.to_numpy(np.float32), strict=True))


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
    copies = (*(c for c in TRAINING_COPIES if _babble not in c), VALIDATION_COPIES[-1])
    write_training_set(
        clips, output / "everyone", copies=copies, votes=votes, seed=seed, workers=workers
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="folder of clips")
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
                **settings,
            )
    except CalmscoreError as error:
        print(error, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
