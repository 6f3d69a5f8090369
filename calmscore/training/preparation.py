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
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from calmscore.errors import CorpusError
from calmscore.training.clip_copies import TRAINING_COPIES, VALIDATION_COPIES, babble
from calmscore.training.clip_sounds import FloatArray
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.download import download_crema_d
from calmscore.training.corpora.ordinary import ordinary_recordings, ordinary_windows, source_of
from calmscore.training.corpora.reading import (
    FOR_EVALUATION_ALONE,
    PARSERS,
    balance_classes,
    group_folds,
    read_corpus,
    split_by_speaker,
)
from calmscore.training.ending import with_exit_code
from calmscore.training.training_sets import write_ordinary_set, write_training_set

# About as many speakers validate a corpus as validate CREMA-D: 9 of 72.
_VALIDATION_FOLDS = 8


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
    """
    clips, votes = _usable_with_votes(read_corpus(data, corpus=crema_d.CORPUS), data)
    copies = (*(c for c in TRAINING_COPIES if babble not in c.steps), VALIDATION_COPIES[-1])
    write_training_set(
        clips, output / "everyone", copies=copies, votes=votes, seed=seed, workers=workers
    )


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
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
    if options.download is not None:
        print(f"clips are in {download_crema_d(options.download)}")
        return
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


if __name__ == "__main__":
    sys.exit(main())
