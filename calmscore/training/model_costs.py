"""What a model costs: parameters, bytes, time."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

FloatArray = npt.NDArray[np.float32]

_REPEATS = 20


def network_parameters(network: keras.Model) -> int:
    """Count the values that a Keras network learns."""
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def classifier_parameters(classifier: Any) -> int:
    """Count the values that a fitted classifier of scikit-learn learnt.

    Parameters
    ----------
    classifier : object
        A logistic regression, or a forest or boosting of trees.

    Returns
    -------
    int
        Coefficients and intercepts; in trees, the feature and the threshold of each
        split and the values of each leaf.
    """
    if isinstance(classifier, LogisticRegression):
        return int(classifier.coef_.size + classifier.intercept_.size)
    trees = [estimator.tree_ for estimator in np.ravel(classifier.estimators_)]
    leaves = sum(tree.n_leaves * tree.value.shape[-1] for tree in trees)
    splits = sum(tree.node_count - tree.n_leaves for tree in trees)
    return int(leaves + 2 * splits)


def stored_bytes(network: keras.Model) -> int:
    """Return the size of a network's ``.keras`` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        network.save(path)
        return path.stat().st_size


def milliseconds_per_segment(
    classify: Callable[[list[FloatArray]], FloatArray], segments: list[FloatArray]
) -> float:
    """Time a model on segments in one batch.

    Parameters
    ----------
    classify : callable
        From sounds to probabilities, front end included.
    segments : list of array
        Sounds of 3 s.

    Returns
    -------
    float
        Shortest of twenty runs after one that does not count, over the number of segments.
    """
    classify(segments)
    seconds = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        classify(segments)
        seconds.append(time.perf_counter() - started)
    return round(1000.0 * min(seconds) / len(segments), 3)


def logged_training_seconds(artifacts: Path, runs: Path) -> float | None:
    """Add up the logged seconds of the runs that made the shipped model.

    A log is named for its run: ``two-heads-heads.jsonl``, ``two-heads-trunk-1.jsonl`` and so
    on, ``two-heads-member-1.jsonl`` and so on, and ``two-heads-early.jsonl`` where the recipe
    has one that heard ordinary speech early.

    Parameters
    ----------
    artifacts : Path
        Folder with ``recipe.json``.
    runs : Path
        Folder with the logs.

    Returns
    -------
    float or None
        None, with a warning on stderr, if the recipe or a log cannot be read.
    """
    try:
        recipe = json.loads((artifacts / "recipe.json").read_text(encoding="utf-8"))
        trunks = [f"trunk-{number}" for number in range(1, recipe["trunks"] + 1)]
        members = [f"member-{number}" for number in range(1, len(recipe["members"]) + 1)]
        early = ["early"] if recipe.get("early") else []
        logs = [f"two-heads-{name}" for name in ("heads", *trunks, *members, *early)]
        lines = [
            line
            for log in logs
            for line in (runs / f"{log}.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        return round(sum(float(json.loads(line)["seconds"]) for line in lines), 1)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"training time of the shipped model is not known ({error})", file=sys.stderr)
        return None
