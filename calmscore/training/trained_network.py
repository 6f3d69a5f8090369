"""What becomes of trained weights: members averaged, calibrated, measured, made a model to ship."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.special import softmax

from calmscore.errors import ParameterError
from calmscore.network.layers import HEARD, MEANT, VOICE, VoiceCoordinates, build_emotion_network
from calmscore.training.metrics import (
    fit_distress_scale,
    fit_heard_calibration,
    fit_temperature,
    measure,
    measure_heard,
)
from calmscore.training.recipe import Recipe
from calmscore.training.training_sets import TrainingSet

FloatArray = npt.NDArray[np.float32]

AVERAGE_FILE, CHECKPOINT_FILE = "average.weights.h5", "checkpoint.npz"
LOG_FILE = "log.jsonl"
"""What a run leaves in its folder: averaged weights, how far it is by which recipe, a log."""

_BATCH = 64


def predict(model: keras.Model, inputs: npt.NDArray[np.floating[Any]]) -> dict[str, FloatArray]:
    """Run a network over many inputs.

    Parameters
    ----------
    model : keras.Model
        From `networks.build_emotion_network`.
    inputs : array of float, shape (n, frames, bands)
        Log-mel frames.

    Returns
    -------
    dict of str to array of float32, each of shape (n, …)
        By output.
    """
    run = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
    parts = [
        run(tf.constant(np.asarray(inputs[start : start + _BATCH], dtype=np.float32)))
        for start in range(0, len(inputs), _BATCH)
    ]
    return {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}


def members_without(run: Path) -> dict[str, list[Path]]:
    """Find the members of a training that did not learn from a source of ordinary speech.

    Parameters
    ----------
    run : Path
        Folder of the training, with a folder for each member.

    Returns
    -------
    dict of str to list of Path
        By source, the folders of those that left it out.
    """
    folders: dict[str, list[Path]] = {}
    for file in sorted(run.glob(f"member-*/{CHECKPOINT_FILE}")):
        for source in _stored_recipe(file.parent).left_out:
            folders.setdefault(source, []).append(file.parent)
    return folders


def members_network(folders: Sequence[Path]) -> keras.Model:
    """Return the average of the networks of runs that have ended.

    Parameters
    ----------
    folders : sequence of Path
        Of each run.

    Returns
    -------
    keras.Model
        In 32-bit arithmetic. Its pooled features stand where the shipped network has
        the coordinates of the voice; distances of voices mean nothing here.
    """
    weights = [folder / AVERAGE_FILE for folder in folders]
    return average_members(weights, recipe=_stored_recipe(folders[0]))


def stored_epoch(folder: Path, recipe: Recipe) -> int:
    """Return how many epochs of a recipe have been trained into a folder.

    Raises
    ------
    ParameterError
        If another recipe was.
    """
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        return 0
    with np.load(path) as stored:
        if json.loads(str(stored["recipe"])) != recipe.to_dict():
            raise ParameterError(f"{path}: made by another recipe; choose another run folder")
        return int(stored["epoch"])


def store_epoch(folder: Path, recipe: Recipe, *, epoch: int, **state: npt.NDArray[Any]) -> None:
    """Write the checkpoint of a run: how far it is, and what is needed to go on."""
    written = folder / "checkpoint.part.npz"
    described = json.dumps(recipe.to_dict())
    np.savez(written, allow_pickle=False, epoch=epoch, recipe=described, **state)
    written.replace(folder / CHECKPOINT_FILE)


def _stored_recipe(folder: Path) -> Recipe:
    with np.load(folder / CHECKPOINT_FILE) as stored:
        return Recipe(**json.loads(str(stored["recipe"])))


def average_members(
    members: Sequence[Path],
    *,
    recipe: Recipe,
    shares: Sequence[float] | None = None,
) -> keras.Model:
    """Average trained networks weight by weight.

    They went on from one trunk, so the average of the weights does at least as well as
    the average of the answers, in the time of one network.

    Parameters
    ----------
    members : sequence of Path
        What `FineTuning.run` returned for each.
    recipe : Recipe
        Their shape.
    shares : sequence of float, optional
        How much each counts; all alike by default.

    Returns
    -------
    keras.Model
        In 32-bit arithmetic.

    References
    ----------
    Wortsman et al. (2022), "Model soups".
    """
    model = build_emotion_network(width=recipe.width, layers=recipe.layers)
    tables = []
    for path in members:
        model.load_weights(path)
        tables.append(model.get_weights())
    model.set_weights(
        [np.average(values, axis=0, weights=shares) for values in zip(*tables, strict=True)]
    )
    return model


def package(
    model: keras.Model, *, validation: TrainingSet, voices: Sequence[TrainingSet] = ()
) -> tuple[keras.Model, dict[str, Any], dict[str, Any]]:
    """Turn a trained network into a model to ship, calibrated and measured.

    Parameters
    ----------
    model : keras.Model
        From `average_members`, or trained weights in a network of their shape.
    validation : TrainingSet
        Clips of speakers that were not trained on; copies are (clean, telephone).
    voices : sequence of TrainingSet
        What the network was trained on, to tell a strange voice from those; without any,
        no voice is called strange.

    Returns
    -------
    model : keras.Model
        With the output ``voice`` as coordinates among the voices of training.
    settings : dict
        The fields of `classifier.ArtifactSettings` that were fitted here, on the
        telephone copies, as calls come.
    metrics : dict
        Figures under ``clean`` and ``telephone``, the temperatures, and the scale of
        distress that these speakers would give.
    """
    outputs = [predict(model, copy) for copy in validation.log_mel]
    votes = validation.votes[-1]
    temperature, bias = fit_heard_calibration(outputs[-1][HEARD], votes)
    settings: dict[str, Any] = {
        "heard_temperature": temperature,
        "heard_bias": tuple(round(float(value), 4) for value in bias),
        "meant_temperature": fit_temperature(outputs[-1][MEANT], validation.labels),
    }
    metrics: dict[str, Any] = dict(settings)
    for line, answers in zip(("clean", "telephone"), outputs, strict=True):
        heard = softmax(answers[HEARD] / temperature + bias, axis=1)
        meant = softmax(answers[MEANT] / settings["meant_temperature"], axis=1)
        metrics[line] = {
            "meant": measure(meant, validation.labels).to_dict(),
            "heard": measure_heard(heard, votes).to_dict(),
        }
    midpoint, slope = fit_distress_scale(heard, votes)
    metrics["distress_scale"] = {"midpoint": midpoint, "slope": slope}
    with_voices, limit = _with_voice_coordinates(model, voices)
    return with_voices, {**settings, "voice_distance_limit": limit}, metrics


_VOICE_DIRECTIONS = 32

# Of the voices of training, so many in a hundred are called strange.
_STRANGE_PERCENTILE = 99.5


def _with_voice_coordinates(
    model: keras.Model, voices: Sequence[TrainingSet]
) -> tuple[keras.Model, float]:
    count = min(_VOICE_DIRECTIONS, model.output[VOICE].shape[-1])
    layer = VoiceCoordinates(count, name="voice_coordinates", dtype="float32")
    placed = keras.Model(
        model.input,
        {HEARD: model.output[HEARD], MEANT: model.output[MEANT], VOICE: layer(model.output[VOICE])},
        name=model.name,
    )
    if not voices:
        return placed, float("inf")
    names = np.concatenate([prepared.speakers for prepared in voices])
    features = np.concatenate(
        [predict(model, prepared.log_mel[_TELEPHONE_COPY])[VOICE] for prepared in voices]
    )
    means = _means_by_name(features, names)
    basis = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)[2][:count].T
    basis = np.pad(basis, ((0, 0), (0, count - basis.shape[1])))
    layer.set_weights([basis, np.zeros(count + 1), np.ones(count + 1)])
    raw = _means_by_name(np.asarray(layer(features)), names)
    layer.set_weights([basis, raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-3)])
    coordinates = _means_by_name(np.asarray(layer(features)), names)
    distances = np.sqrt(np.mean(np.square(coordinates), axis=1))
    return placed, float(np.percentile(distances, _STRANGE_PERCENTILE))


# The plain telephone copy: calls come over a line.
_TELEPHONE_COPY = 3


def _means_by_name(rows: FloatArray, names: npt.NDArray[np.str_]) -> FloatArray:
    return np.stack([rows[names == name].mean(axis=0) for name in np.unique(names)])
