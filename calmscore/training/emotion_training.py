"""Train, export and cross-validate the network of voices: ``python model.py train``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from calmscore.network.classifier import MODEL_FILE, SETTINGS_FILE, ArtifactSettings
from calmscore.network.keras_network import without_native_messages
from calmscore.training.ending import write_json
from calmscore.training.recipe import Recipe, Stages

MODEL_NAME = "calmscore-whisper-transformer"

METRICS_FILE = "metrics.json"

RECIPE_FILE = "recipe.json"

CROSS_VALIDATION_FILE = "cross_validation.json"


def train(
    *,
    training_set: Path,
    run: Path,
    artifacts: Path,
    version: str,
    whisper: Path | None = None,
    stages: Stages | None = None,
) -> dict[str, Any]:
    """Train trunks and members, average them, calibrate the average and write the artifact.

    Without prepared ordinary speech the trunks alone are trained.

    Parameters
    ----------
    training_set : Path
        From ``train_data_preprocessing.py``.
    run : Path
        Gets checkpoints and logs, a folder for each network. What has ended there is
        not trained again, also where ``training.gpu`` trained it.
    artifacts : Path
        Gets the model, its settings, the recipes and the figures.
    version : str
        Of the model.
    whisper : Path, optional
        Whisper's ``model.bin``; downloaded by name by default.
    stages : Stages, optional
        What to do.

    Returns
    -------
    dict
        Figures on the validation speakers, as in ``metrics.json``.
    """
    from calmscore.training.fine_tuning import FineTuning
    from calmscore.training.stages import train_stages
    from calmscore.training.trained_network import package
    from calmscore.training.training_sets import load_training_set

    stages = stages or Stages()
    training, validation = (load_training_set(training_set / n) for n in ("train", "validation"))
    folder = training_set / "ordinary"
    ordinary = load_training_set(folder) if folder.is_dir() else None
    if ordinary is None:
        print(f"{folder}: no ordinary speech; acted speech alone is learnt", file=sys.stderr)
        stages = replace(stages, members=())

    def tune(recipe: Recipe, into: Path, start: Path | None) -> Path:
        return FineTuning(
            recipe, train=training, validation=validation, ordinary=ordinary, folder=into,
            whisper=whisper, start=start,
        ).run()  # fmt: skip

    model = train_stages(stages, run=run, tune=tune)
    voices = [training, *([] if ordinary is None else [ordinary])]
    model, settings, metrics = package(model, validation=validation, voices=voices)
    artifacts.mkdir(parents=True, exist_ok=True)
    model.save(artifacts / MODEL_FILE)
    ArtifactSettings(
        name=MODEL_NAME,
        version=version,
        speech_level_db=training.speech_level_db,
        log_mel=training.settings,
        **settings,
    ).write(artifacts / SETTINGS_FILE)
    export(artifacts=artifacts)
    write_json(artifacts / RECIPE_FILE, stages.to_dict())
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
