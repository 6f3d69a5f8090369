"""Calibrate and measure what is read in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.metrics import f1_score

from calmscore.analysis.voice_and_words import RARE
from calmscore.training.corpora.go_emotions import EKMAN, LabelledTexts
from calmscore.training.corpora.spoken_phrases import Phrase
from calmscore.training.metrics import (
    expected_calibration_error,
    fit_distress_scale,
    fit_heard_calibration,
)
from calmscore.training.spoken_style import as_spoken
from calmscore.training.text_training import clean_texts
from calmscore.words.text_emotion import AS_EMOTIONS, TextEmotionClassifier

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

_GRID = np.arange(0.05, 0.91, 0.01)


def fit_thresholds(probabilities: FloatArray, labels: BoolArray) -> tuple[float, ...]:
    """Find for each class the probability from which naming it gives the best F1.

    Parameters
    ----------
    probabilities : array of float, shape (n, classes)
        Calibrated.
    labels : array of bool, shape (n, classes)
        One class or several for each text.
    """
    best = []
    for column, truth in zip(probabilities.T, labels.T, strict=True):
        found = column[:, None] >= _GRID
        hits = (found & truth[:, None]).sum(axis=0)
        scores = 2 * hits / np.maximum(found.sum(axis=0) + truth.sum(), 1)
        # The middle of the best stretch: the very peak is partly luck.
        smooth = np.convolve(np.pad(scores, 2, mode="edge"), np.ones(5) / 5, mode="valid")
        best.append(round(float(_GRID[int(smooth.argmax())]), 2))
    return tuple(best)


def named(probabilities: FloatArray, thresholds: Sequence[float]) -> BoolArray:
    """Name every class that reaches its threshold, and the nearest to it where none does."""
    ratio = probabilities / np.array(thresholds)
    found = ratio >= 1.0
    found[np.arange(len(ratio)), ratio.argmax(axis=1)] = True
    return np.asarray(found)


def calibrate(logits: FloatArray, data: LabelledTexts) -> dict[str, Any]:
    """Fit temperature, bias and thresholds, as the artifact's settings hold them."""
    temperature, bias = fit_heard_calibration(logits, data.shares)
    probabilities = softmax(logits / temperature + bias, axis=1)
    return {
        "temperature": round(temperature, 4),
        "bias": tuple(round(float(value), 4) for value in bias),
        "thresholds": fit_thresholds(probabilities, data.labels),
    }


def fit_beside_voice(probabilities: FloatArray, data: LabelledTexts) -> dict[str, Any]:
    """Fit what puts words beside a voice, as the artifact's settings hold it.

    Parameters
    ----------
    probabilities : array of float, shape (n, 6)
        Calibrated, in the order of ``EMOTIONS``.
    data : LabelledTexts
        The same texts with what people read in them.

    Returns
    -------
    dict
        ``distress_midpoint`` and ``distress_slope``, on which 0.5 is as likely as not that
        most readers find a text negative; ``matter_of_fact``, the geometric mean of what
        texts get that are neutral and nothing else, held to a sum of 1: a text at this
        mean moves no voice.
    """
    midpoint, slope = fit_distress_scale(probabilities, data.shares @ AS_EMOTIONS)
    alone = data.labels[:, EKMAN.index("neutral")] & (data.labels.sum(axis=1) == 1)
    logs = np.log(np.maximum(probabilities[alone], RARE)).mean(axis=0)
    return {
        # A network that has learnt nothing may rank texts the wrong way round.
        "distress_midpoint": round(min(max(midpoint, 0.01), 0.99), 4),
        "distress_slope": round(max(slope, 0.05), 4),
        "matter_of_fact": tuple(round(float(value), 4) for value in softmax(logs)),
    }


def measure_named(
    probabilities: FloatArray, labels: BoolArray, thresholds: Sequence[float]
) -> dict[str, Any]:
    """Measure seven-class answers.

    Parameters
    ----------
    probabilities : array of float, shape (n, 7)
        Calibrated.
    labels : array of bool, shape (n, 7)
        One class or several for each text.
    thresholds : sequence of float
        From `fit_thresholds`.

    Returns
    -------
    dict
        ``macro_f1`` over all texts, where several classes may be named, as Demszky et al.
        report it; ``f1`` by class; over the texts with one label, where the class is named
        that is furthest above its threshold: ``one_label_macro_f1``, and of the likeliest
        class ``one_label_accuracy`` and ``one_label_ece``.
    """
    scores = f1_score(labels, named(probabilities, thresholds), average=None, zero_division=0)
    alone = labels.sum(axis=1) == 1
    truth, rows = labels[alone].argmax(axis=1), probabilities[alone]
    nearest = (rows / np.array(thresholds)).argmax(axis=1)
    return {
        "texts": len(labels),
        "macro_f1": round(float(np.mean(scores)), 4),
        "f1": {name: round(float(score), 4) for name, score in zip(EKMAN, scores, strict=True)},
        "one_label_texts": int(alone.sum()),
        "one_label_macro_f1": round(float(f1_score(truth, nearest, average="macro")), 4),
        "one_label_accuracy": round(float((rows.argmax(axis=1) == truth).mean()), 4),
        "one_label_ece": round(float(expected_calibration_error(rows, truth)), 4),
    }


def cross_fitted(logits: FloatArray, data: LabelledTexts) -> float:
    """Return the macro-F1 with calibration and thresholds of the other half of the texts."""
    halves = np.arange(len(logits)) % 2 == 0
    answers = np.zeros_like(data.labels)
    for half in (halves, ~halves):
        other = LabelledTexts(
            tuple(text for text, wanted in zip(data.texts, ~half, strict=True) if wanted),
            data.labels[~half],
        )
        fitted = calibrate(logits[~half], other)
        rows = softmax(logits[half] / fitted["temperature"] + np.array(fitted["bias"]), axis=1)
        answers[half] = named(rows, fitted["thresholds"])
    return round(float(f1_score(data.labels, answers, average="macro", zero_division=0)), 4)


def measure_classifier(classifier: TextEmotionClassifier, data: LabelledTexts) -> dict[str, Any]:
    """Measure a loaded artifact on texts as written, and as if they were spoken.

    Returns
    -------
    dict
        ``written`` and ``spoken``, each as from `measure_named`.
    """
    generator = np.random.default_rng(0)
    written = clean_texts(data.texts)
    spoken = [as_spoken(text, generator, polite=False) for text in written]
    thresholds = classifier.settings.thresholds
    return {
        name: measure_named(classifier.predict_classes(texts), data.labels, thresholds)
        for name, texts in (("written", written), ("spoken", spoken))
    }


def measure_phrases(classifier: TextEmotionClassifier, phrases: Sequence[Phrase]) -> dict[str, Any]:
    """Measure a loaded artifact on short spoken phrases whose sentiment is known.

    Returns
    -------
    dict
        ``phrases`` and ``accuracy`` of all, and of each family under ``families``;
        ``misread`` holds a row for each that was taken for something else.
    """
    told = classifier.sentiment(classifier.predict_proba([phrase.text for phrase in phrases]))
    right = [name in phrase.sentiments for phrase, name in zip(phrases, told, strict=True)]
    by_family: dict[str, list[bool]] = {}
    for phrase, good in zip(phrases, right, strict=True):
        by_family.setdefault(phrase.family, []).append(good)
    return {
        **_accuracy(right),
        "families": {family: _accuracy(found) for family, found in by_family.items()},
        "misread": [
            {"phrase": phrase.text, "expected": "/".join(phrase.sentiments), "read": name}
            for phrase, name, good in zip(phrases, told, right, strict=True)
            if not good
        ],
    }


def _accuracy(right: Sequence[bool]) -> dict[str, Any]:
    return {"phrases": len(right), "accuracy": round(float(np.mean(right)), 4)}
