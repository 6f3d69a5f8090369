"""Emotions have inertia: a hidden Markov model over a call's probabilities.

What was compared, on composed calls of the validation speakers, stands in
``docs/model-log.md``; the command is ``python -m calmscore.training.call_evaluation``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.errors import ParameterError

FloatArray = npt.NDArray[np.float64]

STAY_PROBABILITY = 0.35
"""Chance that a customer is in the same emotion one segment (3 s) later."""
EVIDENCE_WEIGHT = 0.7
"""How much a segment's own probabilities count, 0–1: what the model gets wrong of a voice it
gets wrong again in the next segment, so that segments tell less than if they were independent."""


def smooth_probabilities(
    probabilities: npt.NDArray[np.floating[Any]],
    *,
    indices: npt.NDArray[np.integer[Any]],
    stay_probability: float = STAY_PROBABILITY,
    evidence_weight: float = EVIDENCE_WEIGHT,
) -> FloatArray:
    """Return the probability of each emotion given the whole call.

    The classifier's probabilities serve as likelihoods: it was trained on balanced
    classes. From one segment to the next an emotion stays with ``stay_probability``
    and otherwise changes to any other alike; over a gap the chain goes on unseen,
    so that speech long ago weighs little.

    Parameters
    ----------
    probabilities : array, shape (n, classes)
        Calibrated probabilities of the scored segments.
    indices : array of int, shape (n,)
        Their places on the call's clock, in segments, increasing.
    stay_probability : float
        Between 1 / classes (no inertia) and 1.
    evidence_weight : float
        Exponent of the probabilities, above 0 and up to 1.

    Returns
    -------
    array, shape (n, classes)
        Each row sums to 1.

    Raises
    ------
    ParameterError
        If ``stay_probability`` or ``evidence_weight`` is out of its range.

    References
    ----------
    Rabiner (1989), "A Tutorial on Hidden Markov Models", section III.A: forward
    and backward procedures with scaling.
    """
    count, classes = probabilities.shape
    if not 1.0 / classes <= stay_probability < 1.0:
        raise ParameterError(
            f"stay_probability is {stay_probability}, not from 1 / {classes} up to 1"
        )
    if not 0.0 < evidence_weight <= 1.0:
        raise ParameterError(f"evidence_weight is {evidence_weight}, not above 0 and up to 1")
    likelihoods = np.maximum(probabilities.astype(np.float64), 1e-9) ** evidence_weight
    # How much of the present state survives each gap; the rest is spread evenly.
    memory = (classes * stay_probability - 1.0) / (classes - 1.0)
    kept = memory ** np.diff(indices)
    forward = np.empty_like(likelihoods)
    backward = np.full_like(likelihoods, 1.0 / classes)
    for index in range(count):
        prior = 1.0 / classes
        if index:
            prior = _spread(forward[index - 1], kept[index - 1])
        forward[index] = _normalised(prior * likelihoods[index])
    for index in range(count - 2, -1, -1):
        ahead = _normalised(backward[index + 1] * likelihoods[index + 1])
        backward[index] = _spread(ahead, kept[index])
    product = forward * backward
    return np.asarray(product / product.sum(axis=1, keepdims=True))


def _spread(distribution: FloatArray, kept: float) -> FloatArray:
    return np.asarray(kept * distribution + (1.0 - kept) / distribution.size)


def _normalised(values: FloatArray) -> FloatArray:
    return np.asarray(values / values.sum())
