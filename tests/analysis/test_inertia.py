"""Inertia over a call: what the Markov model changes and what it leaves alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from calmscore.analysis.inertia import smooth_probabilities
from calmscore.errors import ParameterError

ANGER, NEUTRAL = 0, 4


def table(*rows: tuple[int, float]) -> np.ndarray:
    """Rows that give one class a probability and share the rest evenly."""
    made = np.empty((len(rows), 6))
    for row, (label, probability) in zip(made, rows, strict=True):
        row[:] = (1 - probability) / 5
        row[label] = probability
    return made


def posterior_by_enumeration(probabilities: np.ndarray, stay: float) -> np.ndarray:
    """Sum over every path of states: slow, and right by definition."""
    count, classes = probabilities.shape
    change = np.full((classes, classes), (1 - stay) / (classes - 1))
    np.fill_diagonal(change, stay)
    total = np.zeros_like(probabilities)
    for path in itertools.product(range(classes), repeat=count):
        weight = np.prod([probabilities[i, state] for i, state in enumerate(path)])
        weight *= np.prod([change[a, b] for a, b in itertools.pairwise(path)])
        for index, state in enumerate(path):
            total[index, state] += weight
    return total / total.sum(axis=1, keepdims=True)


def test_it_is_the_posterior_of_the_markov_chain():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(6), size=4)
    smoothed = smooth_probabilities(
        probabilities, indices=np.arange(4), stay_probability=0.7, evidence_weight=1.0
    )
    np.testing.assert_allclose(smoothed, posterior_by_enumeration(probabilities, 0.7), atol=1e-6)


def test_a_doubtful_segment_follows_its_neighbours():
    rows = table((NEUTRAL, 0.9), (NEUTRAL, 0.9), (ANGER, 0.4), (NEUTRAL, 0.9), (NEUTRAL, 0.9))
    smoothed = smooth_probabilities(rows, indices=np.arange(5))
    assert smoothed[2].argmax() == NEUTRAL


def test_a_sure_segment_stands_against_its_neighbours():
    rows = table((NEUTRAL, 0.6), (NEUTRAL, 0.6), (ANGER, 0.99), (NEUTRAL, 0.6), (NEUTRAL, 0.6))
    smoothed = smooth_probabilities(rows, indices=np.arange(5))
    assert smoothed[2].argmax() == ANGER


def test_an_angry_call_stays_angry():
    smoothed = smooth_probabilities(table(*[(ANGER, 0.5)] * 20), indices=np.arange(20))
    assert (smoothed.argmax(axis=1) == ANGER).all()


def test_speech_before_a_long_silence_weighs_little():
    rows = table((NEUTRAL, 0.95), (NEUTRAL, 0.95), (ANGER, 0.4))
    near = smooth_probabilities(rows, indices=np.array([0, 1, 2]))
    far = smooth_probabilities(rows, indices=np.array([0, 1, 60]))
    assert near[2, ANGER] < far[2, ANGER]
    alone = smooth_probabilities(rows[2:], indices=np.array([0]))
    np.testing.assert_allclose(far[2], alone[0], atol=1e-6)


def test_without_inertia_nothing_changes():
    rows = np.random.default_rng(1).dirichlet(np.ones(6), size=7)
    smoothed = smooth_probabilities(
        rows, indices=np.arange(7), stay_probability=1 / 6, evidence_weight=1.0
    )
    np.testing.assert_allclose(smoothed, rows, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1])
def test_short_calls_are_left_alone(count):
    rows = table(*[(ANGER, 0.5)] * count) if count else np.zeros((0, 6))
    smoothed = smooth_probabilities(rows, indices=np.arange(count), evidence_weight=1.0)
    np.testing.assert_allclose(smoothed, rows, atol=1e-6)


def test_less_weight_makes_a_segment_tell_less_and_never_something_else():
    rows = table((ANGER, 0.8), (NEUTRAL, 0.6))
    weak = smooth_probabilities(
        rows, indices=np.arange(2), stay_probability=1 / 6, evidence_weight=0.5
    )
    assert (weak.argmax(axis=1) == rows.argmax(axis=1)).all()
    assert (weak.max(axis=1) < rows.max(axis=1)).all()


@pytest.mark.parametrize("weight", [0.0, -1.0, 1.5])
def test_an_impossible_weight_is_refused(weight):
    with pytest.raises(ParameterError, match=str(weight)):
        smooth_probabilities(np.full((2, 6), 1 / 6), indices=np.arange(2), evidence_weight=weight)


@given(
    arrays(np.float64, (9, 6), elements=st.floats(0.0, 1.0)).map(
        lambda a: (a + 1e-12) / (a + 1e-12).sum(axis=1, keepdims=True)
    )
)
def test_rows_stay_distributions_even_for_certain_and_contradictory_segments(rows):
    smoothed = smooth_probabilities(rows, indices=np.arange(9) * 2)
    assert np.isfinite(smoothed).all()
    np.testing.assert_allclose(smoothed.sum(axis=1), 1.0, atol=1e-9)


@pytest.mark.parametrize("stay", [0.0, 0.1, 1.0, 1.5])
def test_an_impossible_inertia_is_refused(stay):
    with pytest.raises(ParameterError, match=str(stay)):
        smooth_probabilities(np.full((2, 6), 1 / 6), indices=np.arange(2), stay_probability=stay)
