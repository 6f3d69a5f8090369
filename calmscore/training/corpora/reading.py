"""Find the clips of a corpus in a folder; divide them by speaker; balance them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

from calmscore.emotions import EMOTIONS
from calmscore.errors import CorpusError, ParameterError
from calmscore.training.corpora import crema_d, emodb, ravdess, savee, tess, urdu
from calmscore.training.corpora.clips import Clip

FOR_EVALUATION_ALONE: frozenset[str] = frozenset({urdu.CORPUS})
"""Corpora whose terms allow no training."""

_LOG = logging.getLogger(__name__)

SOUND_ENDINGS = (".wav", ".flac", ".ogg", ".opus", ".mp3")
"""Endings of the files that are looked at, in any case."""

PARSERS: dict[str, Callable[[str | os.PathLike[str]], Clip]] = {
    module.CORPUS: module.parse_name for module in (crema_d, ravdess, emodb, tess, savee, urdu)
}
"""The function that reads a file name, by the corpus's name."""


def _sound_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SOUND_ENDINGS)
    if not files:
        raise CorpusError(f"{folder}: no sound files ({', '.join(SOUND_ENDINGS)})")
    return files


def _parse_all(files: Sequence[Path], *, corpus: str) -> tuple[list[Clip], list[str]]:
    """Return the clips, and for each of the other files why it is none."""
    clips: dict[tuple[str, str], Clip] = {}
    reasons = []
    for path in files:
        try:
            clip = PARSERS[corpus](path)
        except CorpusError as error:
            reasons.append(str(error))
            continue
        # Some distributions hold every clip twice, in nested folders or two formats.
        first = clips.setdefault((clip.speaker, clip.name), clip)
        if first is not clip:
            reasons.append(f"{path.name}: there already as {first.path}")
    return list(clips.values()), reasons


def _detect_corpus(files: Sequence[Path], *, folder: Path) -> str:
    found = {corpus: len(_parse_all(files, corpus=corpus)[0]) for corpus in PARSERS}
    most = max(found.values())
    likely = [corpus for corpus, count in found.items() if count == most]
    if most == 0:
        raise CorpusError(
            f"{folder}: none of the {len(files)} sound files, {files[0].name} the first,"
            f" is named as in {', '.join(PARSERS)}"
        )
    if len(likely) > 1:
        raise CorpusError(f"{folder}: holds {' and '.join(likely)} alike; say which to read")
    return likely[0]


def read_corpus(folder: str | os.PathLike[str], *, corpus: str | None = None) -> list[Clip]:
    """List the clips in a folder and its sub-folders.

    Files that are not clips of the corpus, and second copies of a clip, are
    skipped; a warning on the log tells how many and why.

    Parameters
    ----------
    folder : str or path
        Folder with sound files named as their corpus names them.
    corpus : str, optional
        ``crema-d``, ``ravdess``, ``emodb``, ``tess``, ``savee`` or ``urdu``. By default
        the one that most of the names fit.

    Returns
    -------
    list of Clip
        Sorted by path.

    Raises
    ------
    CorpusError
        If the folder is missing, holds no sound files or none of the corpus.
    ParameterError
        If there is no such corpus.
    """
    if corpus is not None and corpus not in PARSERS:
        raise ParameterError(f"corpus is “{corpus}”; known are {', '.join(PARSERS)}")
    folder = Path(folder)
    files = _sound_files(folder)
    corpus = corpus or _detect_corpus(files, folder=folder)
    clips, reasons = _parse_all(files, corpus=corpus)
    if not clips:
        raise CorpusError(f"{folder}: no clip of {corpus}; {reasons[0]}")
    if reasons:
        _LOG.warning(
            "%s: %d of %d sound files skipped; the first: %s",
            folder,
            len(reasons),
            len(files),
            reasons[0],
        )
    return clips


def read_crema_d(folder: Path) -> tuple[list[Clip], list[Clip]]:
    """Return the usable clips of CREMA-D: those of the training and of the validation speakers.

    Raises
    ------
    CorpusError
        If the folder holds no clip of CREMA-D.
    """
    sides: tuple[list[Clip], list[Clip]] = ([], [])
    for clip in filter(crema_d.usable, read_corpus(folder, corpus=crema_d.CORPUS)):
        sides[clip.speaker_id in crema_d.VALIDATION_SPEAKERS].append(clip)
    return sides


def validation_clips(folder: Path) -> list[Clip]:
    """Return CREMA-D's usable clips of the validation speakers.

    Raises
    ------
    CorpusError
        If the folder holds none.
    """
    _, clips = read_crema_d(folder)
    if not clips:
        raise CorpusError(f"{folder}: holds no clip of the validation speakers")
    return clips


def split_by_speaker(
    clips: Sequence[Clip], *, speakers: Collection[str]
) -> tuple[list[Clip], list[Clip]]:
    """Set the clips of some speakers apart.

    Parameters
    ----------
    clips : sequence of Clip
        In any order, which is kept.
    speakers : collection of str
        `Clip.speaker`, or `Clip.speaker_id` where the corpora cannot be mistaken.
        Speakers without a clip are passed over.

    Returns
    -------
    others, chosen : list of Clip
        Together they are ``clips``; no speaker is in both.

    Raises
    ------
    CorpusError
        If either side is empty.
    """
    wanted = {speakers} if isinstance(speakers, str) else set(speakers)
    sides: tuple[list[Clip], list[Clip]] = ([], [])
    for clip in clips:
        sides[clip.speaker in wanted or clip.speaker_id in wanted].append(clip)
    if not all(sides):
        raise CorpusError(
            f"{len(sides[1])} of {len(clips)} clips are of the {len(wanted)} chosen speakers;"
            " both sides of a split need some"
        )
    return sides


def group_folds(
    clips: Sequence[Clip], *, folds: int, seed: int
) -> list[tuple[list[Clip], list[Clip]]]:
    """Divide clips for cross-validation so that no speaker is on both sides.

    Parameters
    ----------
    clips : sequence of Clip
        In any order, which is kept.
    folds : int
        Number of folds, from 2 to the number of speakers. The folds' numbers of
        speakers differ by one at most.
    seed : int
        Fixes which speakers share a fold; the order of ``clips`` does not matter.

    Returns
    -------
    list of (training, validation), each a list of Clip
        Every clip is in ``validation`` of exactly one fold.

    Raises
    ------
    ParameterError
        If ``folds`` is out of its range.
    """
    speakers = sorted({clip.speaker for clip in clips})
    if not 2 <= folds <= len(speakers):
        raise ParameterError(f"folds is {folds}; {len(speakers)} speakers allow 2 to that many")
    order = np.random.default_rng(seed).permutation(len(speakers))
    parts = ({speakers[i] for i in part} for part in np.array_split(order, folds))
    return [split_by_speaker(clips, speakers=part) for part in parts]


def balance_classes(clips: Sequence[Clip], *, seed: int) -> list[Clip]:
    """Repeat clips of the rarer emotions until all are equally frequent.

    Repeating is chosen over leaving out: no recording is wasted. Split by
    speaker first, and balance the training side alone.

    Parameters
    ----------
    clips : sequence of Clip
        Those without one of the six emotions are left out.
    seed : int
        Fixes which clips are repeated; none is repeated again before all
        others of its emotion have been.

    Returns
    -------
    list of Clip
        The clips in their order, then the repetitions. Emotions of which there
        is no clip stay absent.
    """
    generator = np.random.default_rng(seed)
    labelled = [clip for clip in clips if clip.emotion is not None]
    classes = [[clip for clip in labelled if clip.emotion == name] for name in EMOTIONS]
    most = max(map(len, classes))
    repetitions: list[Clip] = []
    for members in filter(None, classes):
        order = generator.permutation(len(members))
        missing = most - len(members)
        repetitions += [members[i] for i in np.resize(order, missing)]
    return labelled + repetitions
