"""Train, export and cross-validate the network of voices: ``python model.py train``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calmscore.network.classifier import MODEL_FILE, SETTINGS_FILE, ArtifactSettings
from calmscore.network.keras_network import without_native_messages
from calmscore.training.corpora.ordinary import source_shares
from calmscore.training.ending import write_json
from calmscore.training.recipe import FINAL, MEMBER, ONWARD, TRUNK, Recipe

if TYPE_CHECKING:
    from calmscore.training.training_sets import TrainingSet


FloatArray = npt.NDArray[np.float32]

MODEL_NAME = "calmscore-whisper-transformer"

METRICS_FILE = "metrics.json"

RECIPE_FILE = "recipe.json"

CROSS_VALIDATION_FILE = "cross_validation.json"

# Of the last network and of the members' average: some of what the latter knows of natural anger.
_ONWARD_SHARES = (10.0, 1.0)


def train(
    *,
    training_set: Path,
    run: Path,
    artifacts: Path,
    version: str,
    whisper: Path | None = None,
    trunk: Recipe = TRUNK,
    member: Recipe = MEMBER,
    final: Recipe = FINAL,
    onward: Recipe = ONWARD,
) -> dict[str, Any]:
    """Train the trunk and its members, average them, go on from there; write the artifact.

    Without prepared ordinary speech the trunk alone is trained.

    Parameters
    ----------
    training_set : Path
        From ``train_data_preprocessing.py``.
    run : Path
        Gets checkpoints and logs, a folder for each network.
    artifacts : Path
        Gets the model, its settings, the recipes and the figures.
    version : str
        Of the model.
    whisper : Path, optional
        Whisper's ``model.bin``; downloaded by name by default.
    trunk, member, final, onward : Recipe
        What to do. Each source of ordinary speech has a member that leaves it out; a
        stage that has no epochs is not made, nor what goes on from it.

    Returns
    -------
    dict
        Figures on the validation speakers, as in ``metrics.json``.
    """
    from calmscore.training.fine_tuning import FineTuning
    from calmscore.training.trained_network import average_members, package
    from calmscore.training.training_sets import load_training_set

    acted: dict[str, Any] = {"train": load_training_set(training_set / "train"),
             "validation": load_training_set(training_set / "validation")}  # fmt: skip
    folder = training_set / "ordinary"
    ordinary = load_training_set(folder) if folder.is_dir() else None
    print("trunk", flush=True)
    weights = [FineTuning(trunk, **acted, folder=run / "trunk", whisper=whisper).run()]
    recipes: dict[str, Any] = {
        "trunk": trunk.to_dict(), "members_without": {}, "final": None, "onward": None,
    }  # fmt: skip
    standardise_on = inputs_as_trained(acted["train"], ordinary)
    if ordinary is None:
        print(f"{folder}: no ordinary speech; acted speech alone is learnt", file=sys.stderr)
    else:
        start = weights.pop()
        for index, source in enumerate(sorted(set(ordinary.sources))):
            print(f"member without {source}", flush=True)
            recipe = replace(member, seed=member.seed + index, left_out=str(source))
            recipes["members_without"][str(source)] = recipe.to_dict()
            tuning = FineTuning(
                recipe, **acted, ordinary=ordinary, folder=run / f"without-{source}", start=start
            )
            weights.append(tuning.run())
    model = average_members(weights, recipe=trunk, standardise_on=standardise_on)
    if ordinary is not None and final.epochs > 0:
        print("final", flush=True)
        start = run / "members.weights.h5"
        model.save_weights(start)
        recipes["final"] = final.to_dict()
        tuning = FineTuning(final, **acted, ordinary=ordinary, folder=run / "final", start=start)
        # Half way back to its start: most of what was learnt of listeners is kept, and most of
        # what the start knew of natural anger.
        model = average_members([start, tuning.run()], recipe=trunk)
        if onward.epochs > 0:
            print("onward", flush=True)
            half_way = run / "half-way.weights.h5"
            model.save_weights(half_way)
            recipes["onward"] = onward.to_dict()
            tuning = FineTuning(
                onward, **acted, ordinary=ordinary, folder=run / "onward", start=half_way
            )
            model = average_members([tuning.run(), start], recipe=trunk, shares=_ONWARD_SHARES)
    voices = [acted["train"], *([] if ordinary is None else [ordinary])]
    model, settings, metrics = package(model, validation=acted["validation"], voices=voices)
    artifacts.mkdir(parents=True, exist_ok=True)
    model.save(artifacts / MODEL_FILE)
    ArtifactSettings(
        name=MODEL_NAME,
        version=version,
        speech_level_db=acted["train"].speech_level_db,
        log_mel=acted["train"].settings,
        **settings,
    ).write(artifacts / SETTINGS_FILE)
    export(artifacts=artifacts)
    write_json(artifacts / RECIPE_FILE, recipes)
    write_json(artifacts / METRICS_FILE, metrics)
    return metrics


def export(*, artifacts: Path) -> None:
    """Write the ONNX export of a Keras model beside it; see `emotion_export`.

    Parameters
    ----------
    artifacts : Path
        Folder of the model.
    """
    with without_native_messages():
        from calmscore.training.emotion_export import export_emotion_network

    print(f"exported to {export_emotion_network(artifacts)}", flush=True)


def inputs_as_trained(acted: TrainingSet, ordinary: TrainingSet | None) -> FloatArray:
    """Return inputs like those of the training's batches: all kinds of copies, masked.

    Parameters
    ----------
    acted, ordinary : TrainingSet
        One clip in four of the first, each in another of its copies, and a quarter as
        many windows of the second: enough for means and variances.

    Returns
    -------
    array of float32, shape (n, frames, bands)
    """
    from calmscore.training.fine_tuning import mask_spectrogram

    generator = np.random.default_rng(0)
    rows = np.arange(0, len(acted.labels), 4)
    parts = [acted.log_mel[np.arange(rows.size) % len(acted.log_mel), rows]]
    if ordinary is not None:
        count = max(rows.size // 4, 1)
        windows = generator.choice(
            len(ordinary.labels), size=count, p=source_shares(ordinary.sources)
        )
        copies = np.arange(count) % len(ordinary.log_mel)
        parts.append(ordinary.log_mel[copies, windows])
    return mask_spectrogram(np.concatenate(parts).astype(np.float32), generator)


def validate_across(
    *,
    training_set: Path,
    run: Path,
    json_file: Path,
    folds: int,
    recipe: Recipe,
    whisper: Path | None = None,
) -> None:
    """Cross-validate a recipe, store the figures and print them.

    Parameters
    ----------
    training_set : Path
        Holds the set of everyone.
    run : Path
        Gets checkpoints and logs.
    json_file : Path
        Gets the figures.
    folds : int
        Groups of speakers.
    recipe : Recipe
        What is judged.
    whisper : Path, optional
        Whisper's ``model.bin``; downloaded by name by default.
    """  # fmt: skip
    from calmscore.training.cross_validation import cross_validate
    from calmscore.training.training_sets import load_training_set

    result = cross_validate(
        recipe,
        everyone=load_training_set(training_set / "everyone"),
        folder=run,
        whisper=whisper,
        folds=folds,
    )
    write_json(json_file, result)
    for line in ("clean", "telephone"):
        for name, figure in result[line].items():
            print(f"{line:<10} {name:<28} {figure['mean']:.3f} ± {figure['sd']:.3f}")
