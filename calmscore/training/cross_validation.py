"""Cross-validation over all speakers: how far the figures of nine speakers can be trusted.

Each fold's speakers are judged by a network that never heard them. It was trained on
some of the others, and its epoch and temperature were chosen on the rest, so nothing
is chosen on the speakers that it is judged by.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.model_selection import GroupKFold

from calmscore.network.layers import HEARD, MEANT, build_emotion_network
from calmscore.training.corpora import crema_d
from calmscore.training.ending import write_json
from calmscore.training.fine_tuning import FineTuning
from calmscore.training.metrics import measure, measure_heard
from calmscore.training.recipe import Recipe
from calmscore.training.trained_network import package, predict
from calmscore.training.training_sets import TrainingSet

_FIGURES = ("accuracy", "uar", "macro_f1", "expected_calibration_error", "valence_uar")
_SELECTION_SHARE = 7  # one in seven of the other speakers, as 9 of 63
RowNumbers = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Clips of three groups of speakers, as row numbers of the set."""

    train: RowNumbers
    selection: RowNumbers
    judged: RowNumbers


def speaker_folds(speakers: npt.NDArray[np.str_], *, count: int, seed: int) -> Iterator[Fold]:
    """Divide clips by their speakers.

    Parameters
    ----------
    speakers : array of str, shape (clips,)
        Speaker of each clip.
    count : int
        Number of folds; every speaker is judged in exactly one.
    seed : int
        Fixes who is where.

    Yields
    ------
    Fold
        Its three groups share no speaker.
    """
    splitter = GroupKFold(count, shuffle=True, random_state=seed)
    for others, judged in splitter.split(speakers, groups=speakers):
        names = np.random.default_rng((seed, int(judged[0]))).permutation(
            np.unique(speakers[others])
        )
        chosen = np.isin(speakers[others], names[: max(len(names) // _SELECTION_SHARE, 1)])
        yield Fold(train=others[~chosen], selection=others[chosen], judged=judged)


def cross_validate(
    recipe: Recipe,
    *,
    everyone: TrainingSet,
    folder: Path,
    whisper: Path | None = None,
    folds: int = 5,
) -> dict[str, Any]:
    """Train and judge a network per fold.

    Parameters
    ----------
    recipe : Recipe
        Of the trunk's kind: it hears acted speech alone.
    everyone : TrainingSet
        Clips of all speakers; the first ``recipe.copies`` copies are for training,
        copy 0 is clean and the last one a telephone line.
    folder : Path
        Gets a folder per fold with its checkpoints and its ``figures.json``; folds
        that are done are not done again.
    whisper : Path, optional
        Whisper's weights; downloaded by default.
    folds : int
        Number of folds.

    Returns
    -------
    dict
        Figures of each fold under ``folds``; mean and standard deviation over the folds
        under ``clean`` and ``telephone``; and under ``accuracy_of_speakers`` the mean
        accuracy of CREMA-D's validation speakers and of the others, None without any.
    """
    rows = []
    for number, fold in enumerate(
        speaker_folds(everyone.speakers, count=folds, seed=recipe.seed), start=1
    ):
        file = folder / f"fold-{number}" / "figures.json"
        if not file.is_file():
            print(f"fold {number} of {folds}", flush=True)
            figures = _judge(recipe, everyone, fold, folder=file.parent, whisper=whisper)
            write_json(file, figures)
        rows.append(json.loads(file.read_text()))
    return {
        "recipe": recipe.to_dict(),
        "folds": rows,
        **_summary(rows),
        "accuracy_of_speakers": {
            line: _accuracy_of_speakers(rows, line) for line in ("clean", "telephone")
        },
    }


def _accuracy_of_speakers(rows: list[dict[str, Any]], line: str) -> dict[str, float | None]:
    # The figures of the shipped model are those of the validation speakers; this tells
    # whether they are easier to read than others.
    sides: dict[str, list[float]] = {"validation": [], "others": []}
    for row in rows:
        for speaker, accuracy in row[line]["accuracy_by_speaker"].items():
            chosen = speaker.rpartition("/")[2] in crema_d.VALIDATION_SPEAKERS
            sides["validation" if chosen else "others"].append(accuracy)
    return {name: float(np.mean(values)) if values else None for name, values in sides.items()}


def _judge(
    recipe: Recipe, everyone: TrainingSet, fold: Fold, *, folder: Path, whisper: Path | None
) -> dict[str, Any]:
    telephone = len(everyone.log_mel) - 1
    selection = _subset(everyone, [0, telephone], fold.selection)
    best = FineTuning(
        recipe,
        train=_subset(everyone, list(range(recipe.copies)), fold.train),
        validation=selection,
        folder=folder,
        whisper=whisper,
    ).run()
    network = build_emotion_network(width=recipe.width, layers=recipe.layers)
    network.load_weights(best)
    model, settings, _ = package(network, validation=selection)
    judged = _subset(everyone, [0, telephone], fold.judged)
    figures: dict[str, Any] = {"speakers": sorted(set(judged.speakers.tolist()))}
    for name, copy, votes in zip(("clean", "telephone"), judged.log_mel, judged.votes, strict=True):
        answers = predict(model, copy)
        probabilities = softmax(answers[MEANT] / settings["meant_temperature"], axis=1)
        heard = softmax(
            answers[HEARD] / settings["heard_temperature"] + np.array(settings["heard_bias"]),
            axis=1,
        )
        right = probabilities.argmax(axis=1) == judged.labels
        figures[name] = measure(probabilities, judged.labels).to_dict()
        figures[name]["heard"] = measure_heard(heard, votes).to_dict()
        figures[name]["accuracy_by_speaker"] = {
            speaker: float(right[judged.speakers == speaker].mean())
            for speaker in figures["speakers"]
        }
    return figures


def _subset(everyone: TrainingSet, copies: list[int], rows: RowNumbers) -> TrainingSet:
    return replace(
        everyone,
        log_mel=np.stack([everyone.log_mel[copy][rows] for copy in copies]),
        labels=everyone.labels[rows],
        votes=np.stack([everyone.votes[copy][rows] for copy in copies]),
        speakers=everyone.speakers[rows],
        names=everyone.names[rows],
    )


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        line: {
            name: {
                "mean": float(np.mean([row[line][name] for row in rows])),
                "sd": float(np.std([row[line][name] for row in rows], ddof=1)),
            }
            for name in _FIGURES
        }
        for line in ("clean", "telephone")
    }
