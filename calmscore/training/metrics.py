"""Measures of a classifier: accuracy, UAR, macro-F1, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.optimize
import scipy.special
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

from calmscore.emotions import BY_NAME, DISTRESS_WEIGHTS, EMOTIONS, VALENCES, Valence

FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]

_VALENCE_OF_CLASS = np.array([VALENCES.index(BY_NAME[name].valence) for name in EMOTIONS])
CALIBRATION_BINS = 15
_TEMPERATURES = (0.2, 5.0)


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """What a classifier reached on a set of clips.

    Attributes
    ----------
    clips : int
        Number of clips.
    accuracy, uar, macro_f1 : float
        Share of right answers; unweighted average recall; mean F1 of the classes. 0–1.
    expected_calibration_error : float
        Mean gap between confidence and accuracy over 15 bins, 0–1.
    valence_uar : float
        UAR over negative, neutral and positive, 0–1.
    confusion : list of list of int
        Rows true, columns predicted, in the order of ``EMOTIONS``.
    """

    clips: int
    accuracy: float
    uar: float
    macro_f1: float
    expected_calibration_error: float
    valence_uar: float
    confusion: list[list[int]]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values for JSON."""
        return asdict(self)


def measure(probabilities: FloatArray, labels: IntArray) -> Metrics:
    """Compare probabilities with true classes.

    Parameters
    ----------
    probabilities : array, shape (n, 6)
        In the order of ``EMOTIONS``.
    labels : array of int, shape (n,)
        True classes. Classes that do not occur do not count in UAR and macro-F1.
    """
    predicted = probabilities.argmax(axis=1)
    present = np.unique(labels)
    return Metrics(
        clips=len(labels),
        accuracy=float(metrics.accuracy_score(labels, predicted)),
        uar=_uar(labels, predicted),
        macro_f1=float(
            metrics.f1_score(labels, predicted, labels=present, average="macro", zero_division=0)
        ),
        expected_calibration_error=expected_calibration_error(probabilities, labels),
        valence_uar=valence_uar(
            probabilities, [BY_NAME[EMOTIONS[label]].valence for label in labels]
        ),
        confusion=metrics.confusion_matrix(
            labels, predicted, labels=np.arange(len(EMOTIONS))
        ).tolist(),
    )


@dataclass(frozen=True, kw_only=True)
class HeardFigures:
    """How near a classifier comes to what listeners voted.

    Attributes
    ----------
    clips : int
        Number of clips.
    divergence : float
        Mean Kullback–Leibler divergence of the answers from the votes, in nats.
    same_majority : float
        Share of clips whose likeliest emotion got the most votes; ties count.
    distress_correlation : float
        Pearson's correlation of the expected distress weight with that of the votes.
    """

    clips: int
    divergence: float
    same_majority: float
    distress_correlation: float

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values for JSON."""
        return asdict(self)


def measure_heard(probabilities: FloatArray, votes: FloatArray) -> HeardFigures:
    """Compare probabilities with the shares of listeners' votes.

    Parameters
    ----------
    probabilities, votes : array, shape (n, 6)
        In the order of ``EMOTIONS``; rows sum to 1.
    """
    rows = np.arange(len(votes))
    likeliest = probabilities.argmax(axis=1)
    weights = np.array(DISTRESS_WEIGHTS)
    return HeardFigures(
        clips=len(votes),
        divergence=float(scipy.special.rel_entr(votes, probabilities).sum(axis=1).mean()),
        same_majority=float((votes[rows, likeliest] >= votes.max(axis=1) - 1e-6).mean()),
        distress_correlation=float(np.corrcoef(probabilities @ weights, votes @ weights)[0, 1]),
    )


def valence_uar(probabilities: FloatArray, valences: Sequence[Valence]) -> float:
    """Return the UAR over negative, neutral and positive.

    Parameters
    ----------
    probabilities : array, shape (n, 6)
        In the order of ``EMOTIONS``; those of one valence are added up.
    valences : sequence of str, length n
        ``negative``, ``neutral`` or ``positive``. One that does not occur does not count.

    Returns
    -------
    float
        0–1.
    """
    sums = [probabilities[:, index == _VALENCE_OF_CLASS].sum(axis=1) for index in range(3)]
    true = np.array([VALENCES.index(valence) for valence in valences])
    return _uar(true, np.argmax(sums, axis=0))


def _uar(labels: IntArray, predicted: IntArray) -> float:
    present = np.unique(labels)
    return float(
        metrics.recall_score(labels, predicted, labels=present, average="macro", zero_division=0)
    )


def expected_calibration_error(
    probabilities: FloatArray, labels: IntArray, *, bins: int = CALIBRATION_BINS
) -> float:
    """Return the mean gap between confidence and accuracy, weighted by bin size.

    Parameters
    ----------
    probabilities : array, shape (n, classes)
        Calibrated probabilities.
    labels : array of int, shape (n,)
        True classes.
    bins : int
        Number of equal bins of confidence over 0–1.

    Returns
    -------
    float
        0 (calibrated) to 1.

    References
    ----------
    Guo et al. (2017), "On Calibration of Modern Neural Networks", eq. 3.
    """
    return sum(
        share * abs(accuracy - confidence)
        for confidence, accuracy, share in reliability(probabilities, labels, bins=bins)
    )


def reliability(
    probabilities: FloatArray, labels: IntArray, *, bins: int = CALIBRATION_BINS
) -> list[tuple[float, float, float]]:
    """Return (mean confidence, accuracy, share of clips) of each bin that is not empty."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = []
    for index in range(bins):
        members = bin_of == index
        if members.any():
            rows.append(
                (
                    float(confidence[members].mean()),
                    float(right[members].mean()),
                    float(members.mean()),
                )
            )
    return rows


def fit_temperature(logits: FloatArray, labels: IntArray) -> float:
    """Find the temperature at which softmax(logits / T) is as confident as it is right.

    Networks that learn from soft and mixed labels are too modest. The likeliest
    temperature (Guo et al., 2017) leaves a part of that, because a few sure mistakes
    weigh more in the likelihood than many modest hits; see ``docs/model-log.md``.

    Parameters
    ----------
    logits : array, shape (n, classes)
        Of clips that were not trained on.
    labels : array of int, shape (n,)
        True classes.

    Returns
    -------
    float
        Temperature between 0.2 and 5, at which mean confidence equals accuracy, or
        comes closest to it.
    """
    accuracy = float((logits.argmax(axis=1) == labels).mean())

    def excess(temperature: float) -> float:
        confidence = scipy.special.softmax(logits / temperature, axis=1).max(axis=1)
        return float(confidence.mean()) - accuracy

    # Confidence falls as the temperature rises.
    coldest, hottest = _TEMPERATURES
    if excess(coldest) <= 0.0:
        return coldest
    if excess(hottest) >= 0.0:
        return hottest
    return float(scipy.optimize.brentq(excess, coldest, hottest))


def fit_heard_calibration(logits: FloatArray, votes: FloatArray) -> tuple[float, FloatArray]:
    """Find the temperature and bias with which the answers are nearest to the votes.

    Parameters
    ----------
    logits, votes : array, shape (n, 6)
        Of clips that were not trained on; rows of votes sum to 1.

    Returns
    -------
    temperature : float
        Between 0.2 and 5.
    bias : array, shape (6,)
        Added to the logits after they were divided by the temperature; sums to 0.

    References
    ----------
    Guo et al. (2017), "On Calibration of Modern Neural Networks", section 4.2: vector
    scaling, with one scale for all classes.
    """

    def divergence(parameters: FloatArray) -> float:
        answers = scipy.special.softmax(logits * parameters[0] + parameters[1:], axis=1)
        return float(scipy.special.rel_entr(votes, answers).sum(axis=1).mean())

    coldest, hottest = _TEMPERATURES
    start = np.zeros(1 + logits.shape[1])
    start[0] = 1.0
    bounds = [(1.0 / hottest, 1.0 / coldest), *([(-3.0, 3.0)] * logits.shape[1])]
    found = scipy.optimize.minimize(divergence, start, bounds=bounds, method="L-BFGS-B").x
    bias = np.asarray(found[1:] - found[1:].mean())
    return float(1.0 / found[0]), bias


def fit_distress_scale(probabilities: FloatArray, votes: FloatArray) -> tuple[float, float]:
    """Find the scale of distress on which 0.5 means "as likely as not".

    Parameters
    ----------
    probabilities : array, shape (n, 6)
        What the classifier heard, calibrated.
    votes : array, shape (n, 6)
        Shares of the listeners' votes. Clips whose listeners are divided in half over
        whether the emotion is negative tell nothing and are left out.

    Returns
    -------
    midpoint : float
        Weight at which most listeners hear a negative emotion as likely as not, 0–1.
    slope : float
        Of the logit of the distress over the logit of the weight.

    References
    ----------
    Platt (1999): a logistic regression of the outcome on the logit.
    """
    negative = np.array([BY_NAME[name].valence == "negative" for name in EMOTIONS])
    share = votes[:, negative].sum(axis=1)
    decided = np.abs(share - 0.5) > 1e-6
    weights = np.clip(probabilities @ np.array(DISTRESS_WEIGHTS), 1e-4, 1.0 - 1e-4)
    fitted = LogisticRegression(C=np.inf).fit(
        scipy.special.logit(weights[decided, None]), share[decided] > 0.5
    )
    slope = float(fitted.coef_[0, 0])
    return float(scipy.special.expit(-fitted.intercept_[0] / slope)), slope
