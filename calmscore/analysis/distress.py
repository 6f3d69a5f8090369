"""How distressed somebody is, by the probabilities of emotions, and what they are told as."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from calmscore.emotions import BY_NAME, DISTRESS_WEIGHTS, EMOTIONS

FloatArray = npt.NDArray[np.float64]

DISTRESS_MIDPOINT, DISTRESS_SLOPE = 0.394, 2.1
"""The scale of distress, fitted on validation speakers over the telephone by
``python model.py evaluate``."""
DISTRESSED = 0.5
"""Distress from which a segment, and smoothed a customer, counts as distressed."""
_NEGATIVE = np.array([BY_NAME[name].valence == "negative" for name in EMOTIONS])


def distress(
    probabilities: npt.ArrayLike,
    *,
    midpoint: float = DISTRESS_MIDPOINT,
    slope: float = DISTRESS_SLOPE,
) -> FloatArray:
    """Return how sure it is that most listeners would hear a negative emotion.

    Parameters
    ----------
    probabilities : array, shape (n, 6)
        One row per segment, in the order of ``EMOTIONS``, each summing to 1.
    midpoint, slope : float
        The scale: of the voice by default. Midpoint between 0 and 1, slope above 0.

    Returns
    -------
    array, shape (n,)
        0–1; 0.5 means as likely as not.
    """
    table = np.asarray(probabilities, dtype=np.float64).reshape(-1, len(EMOTIONS))
    return np.asarray(np.clip(distress_levels(table, midpoint, slope), 0.0, 1.0))


def distress_levels(
    table: FloatArray, midpoint: float = DISTRESS_MIDPOINT, slope: float = DISTRESS_SLOPE
) -> FloatArray:
    """Return the level of each segment, before it is held to 0–1; see `analysis.scoring`."""
    weights = np.minimum(table @ np.array(DISTRESS_WEIGHTS), 1.0)
    # Probabilities that are told with few digits may leave 1 by a hair.
    with np.errstate(divide="ignore"):
        scaled = expit(slope * (logit(np.maximum(weights, 0.0)) - logit(midpoint)))
    return np.asarray(np.where(weights > 0.0, scaled, weights))


def told_emotions(probabilities: FloatArray, levels: FloatArray) -> npt.NDArray[np.intp]:
    """Return which emotion each segment is told as.

    Listeners who hear somebody upset differ about the name of it: anger, disgust, fear and
    sad may share 60 % while neutral alone has 24 %. Such a segment is not calm.

    Parameters
    ----------
    probabilities : array, shape (n, 6)
        One row per segment, in the order of ``EMOTIONS``.
    levels : array, shape (n,)
        Distress of each segment.

    Returns
    -------
    array of int, shape (n,)
        Places in ``EMOTIONS``: of the likeliest negative emotion where a segment is distressed,
        else of the likeliest.
    """
    possible = _NEGATIVE | (levels < DISTRESSED)[:, None]
    return np.asarray(np.where(possible, probabilities, -1.0).argmax(axis=1))
