import numpy as np
import pytest
from scipy.special import softmax

from calmscore.emotions import EMOTIONS
from calmscore.training.metrics import (
    expected_calibration_error,
    fit_temperature,
    measure,
    reliability,
)

ANGER, DISGUST, FEAR, HAPPY, NEUTRAL, SAD = range(6)


def answers(*classes: int, confidence: float = 1.0) -> np.ndarray:
    """Rows that name a class with some confidence; the rest is spread evenly."""
    rows = np.full((len(classes), len(EMOTIONS)), (1.0 - confidence) / (len(EMOTIONS) - 1))
    rows[np.arange(len(classes)), classes] = confidence
    return rows


def test_recall_and_f1_are_means_over_the_classes_not_over_the_clips():
    labels = np.array([ANGER, ANGER, ANGER, ANGER, SAD, SAD])
    figures = measure(answers(ANGER, ANGER, ANGER, SAD, SAD, ANGER), labels)
    assert figures.clips == 6
    assert figures.accuracy == pytest.approx(4 / 6)
    # Recall: anger 3 of 4, sad 1 of 2. Precision: anger 3 of 4, sad 1 of 2.
    assert figures.uar == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert figures.macro_f1 == pytest.approx((3 / 4 + 1 / 2) / 2)


def test_an_answer_outside_the_present_classes_costs_recall_but_adds_no_class():
    labels = np.array([ANGER, ANGER, SAD, SAD])
    figures = measure(answers(ANGER, FEAR, SAD, SAD), labels)
    assert figures.uar == pytest.approx((1 / 2 + 1) / 2)
    # F1: anger 2·1·½ / (1 + ½) = 2/3, sad 1.
    assert figures.macro_f1 == pytest.approx((2 / 3 + 1) / 2)


def test_a_class_that_is_never_named_counts_as_zero():
    figures = measure(answers(ANGER, ANGER), np.array([ANGER, HAPPY]))
    assert figures.uar == pytest.approx(1 / 2)
    assert figures.macro_f1 == pytest.approx((2 / 3 + 0) / 2)


def test_confusion_has_the_true_class_in_rows():
    figures = measure(answers(SAD, SAD, NEUTRAL), np.array([ANGER, SAD, NEUTRAL]))
    expected = np.zeros((6, 6), dtype=int)
    expected[ANGER, SAD] = expected[SAD, SAD] = expected[NEUTRAL, NEUTRAL] = 1
    assert figures.confusion == expected.tolist()


def test_valence_adds_the_probabilities_of_its_classes():
    # Happy leads with 0.4, but the negative four together hold 0.5.
    row = [0.2, 0.1, 0.1, 0.4, 0.1, 0.1]
    assert measure(np.array([row]), np.array([ANGER])).valence_uar == 1.0
    assert measure(np.array([row]), np.array([HAPPY])).valence_uar == 0.0


def test_valence_forgives_the_wrong_negative_emotion():
    labels = np.array([ANGER, SAD, NEUTRAL, HAPPY])
    figures = measure(answers(SAD, FEAR, NEUTRAL, NEUTRAL), labels)
    # Negative 2 of 2, neutral 1 of 1, positive 0 of 1.
    assert figures.valence_uar == pytest.approx(2 / 3)
    assert figures.uar == pytest.approx(1 / 4)


def test_calibration_error_is_the_weighted_gap_of_the_bins():
    # Three answers at 0.9 of which two are right, one at 0.5 that is wrong.
    rows = np.concatenate(
        [answers(ANGER, ANGER, SAD, confidence=0.9), answers(SAD, confidence=0.5)]
    )
    labels = np.array([ANGER, SAD, SAD, ANGER])
    expected = 3 / 4 * abs(2 / 3 - 0.9) + 1 / 4 * abs(0 - 0.5)
    assert expected_calibration_error(rows, labels) == pytest.approx(expected)
    assert measure(rows, labels).expected_calibration_error == pytest.approx(expected)
    assert reliability(rows, labels) == [
        (pytest.approx(0.5), 0.0, 0.25),
        (pytest.approx(0.9), pytest.approx(2 / 3), 0.75),
    ]


@pytest.mark.parametrize(("right", "error"), [(True, 0.0), (False, 1.0)])
def test_calibration_error_of_sure_answers(right, error):
    labels = np.array([ANGER if right else SAD] * 5)
    assert expected_calibration_error(answers(*[ANGER] * 5), labels) == error


def test_answers_of_one_bin_balance_each_other():
    rows = np.concatenate([answers(ANGER, confidence=0.61), answers(ANGER, confidence=0.65)])
    error = expected_calibration_error(rows, np.array([ANGER, SAD]), bins=10)
    assert error == pytest.approx(0.63 - 0.5)
    finer = expected_calibration_error(rows, np.array([ANGER, SAD]), bins=100)
    assert finer == pytest.approx((0.39 + 0.65) / 2)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_temperature_undoes_overconfidence(temperature):
    generator = np.random.default_rng(7)
    honest = generator.normal(scale=1.5, size=(4000, 6))
    chances = softmax(honest, axis=1).cumsum(axis=1)
    labels = (generator.random((4000, 1)) > chances).sum(axis=1).clip(max=5)
    assert fit_temperature(honest * temperature, labels) == pytest.approx(temperature, rel=0.06)


def test_temperature_of_two_answers_by_hand():
    # Three of four right at a gap of g: sigmoid(g / T) = 3/4, so T = g / ln 3.
    logits = np.full((4, 6), -1e6)
    logits[:, ANGER], logits[:, SAD] = 2.0, 0.0
    labels = np.array([ANGER, ANGER, ANGER, SAD])
    assert fit_temperature(logits, labels) == pytest.approx(2.0 / np.log(3.0), rel=1e-3)


@pytest.mark.parametrize(("right", "limit"), [(True, 0.2), (False, 5.0)])
def test_temperature_stays_within_its_bounds(right, limit):
    logits = 4.0 * np.eye(6)
    labels = np.arange(6) if right else np.roll(np.arange(6), 1)
    assert fit_temperature(logits, labels) == pytest.approx(limit, abs=0.01)


def test_figures_are_plain_values():
    figures = measure(answers(*range(6)), np.arange(6)).to_dict()
    assert figures["accuracy"] == figures["uar"] == figures["macro_f1"] == 1.0
    assert all(isinstance(value, int | float | list) for value in figures.values())
    assert isinstance(figures["confusion"][0][0], int)
