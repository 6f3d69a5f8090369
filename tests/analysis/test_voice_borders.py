"""Where one of two voices ends and the other begins."""

from __future__ import annotations

import numpy as np
import pytest

from calmscore.analysis.voice_borders import (
    CEPSTRA,
    averaged_cepstra,
    likeliest_path,
    pauses_within,
    place_borders,
)
from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.audio.voice_activity import MASK_RATE_HZ
from calmscore.network.speaker_embedding import filterbank

STEP = ANALYSIS_RATE_HZ // MASK_RATE_HZ
# A call of turns of two voices, each a few seconds; the pause of a breath after each.
TURN_STEPS, BREATH_STEPS, TURNS = 300, 12, 12


def murmur(harmonics: slice, steps: int, generator: np.random.Generator) -> np.ndarray:
    """Return a hum of some harmonics of 150 Hz, which swells and sinks like syllables."""
    time = np.arange(steps * STEP) / ANALYSIS_RATE_HZ
    numbers = np.arange(1, 20)[harmonics]
    phases = generator.uniform(0.0, 2.0 * np.pi, numbers.size)
    hum = np.sin(2.0 * np.pi * 150.0 * numbers[:, None] * time + phases[:, None]).sum(axis=0)
    swell = 0.6 + 0.4 * np.sin(2.0 * np.pi * 4.0 * time + generator.uniform(0.0, 6.0))
    return 0.05 * hum * swell + 0.01 * generator.standard_normal(time.size)


@pytest.fixture(scope="module")
def call() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return samples, the mask of all that is said, and where the second voice speaks."""
    generator = np.random.default_rng(4)
    parts, second = [], []
    for number in range(TURNS):
        voice = slice(0, 8) if number % 2 == 0 else slice(6, 14)
        breath = 1e-4 * generator.standard_normal(BREATH_STEPS * STEP)
        parts += [murmur(voice, TURN_STEPS, generator), breath]
        second += [number % 2 == 1] * (TURN_STEPS + BREATH_STEPS)
    mask = np.ones(len(second), dtype=bool)
    return np.concatenate(parts), mask, np.array(second)


def cepstra_of(samples: np.ndarray, steps: int) -> np.ndarray:
    found = averaged_cepstra(filterbank(samples))
    return found[np.minimum(np.arange(steps), len(found) - 1)]


def late(second: np.ndarray, steps: int) -> np.ndarray:
    return np.concatenate([np.repeat(second[:1], steps), second[:-steps]])


@pytest.mark.parametrize("late_steps", [10, 30, 60])
def test_a_border_that_windows_placed_late_moves_to_where_the_voice_changes(call, late_steps):
    samples, mask, second = call
    told = late(second, late_steps)
    pauses = pauses_within(samples, [(0, mask.size)], size=mask.size)
    leaning = np.where(told, 0.05, -0.05)
    placed = place_borders(
        told, leaning, cepstra_of(samples, mask.size), mask=mask, pauses=pauses
    )  # fmt: skip
    assert np.mean(told != second) > 0.02
    assert np.mean(placed != second) < 0.02
    assert np.count_nonzero(np.diff(placed)) == TURNS - 1


def test_windows_that_are_sure_are_not_overruled_by_frames_alone(call):
    _, mask, second = call
    pauses = np.zeros_like(mask)
    # All sounds alike: nothing but the windows tells.
    alike = np.zeros((mask.size, CEPSTRA), dtype=np.float32)
    placed = place_borders(
        second, np.where(second, 0.3, -0.3), alike, mask=mask, pauses=pauses
    )  # fmt: skip
    np.testing.assert_array_equal(placed, second)


def test_too_little_of_one_voice_changes_nothing(call):
    samples, mask, _ = call
    told = np.arange(mask.size) < 150
    placed = place_borders(
        told, np.where(told, 0.05, -0.05), cepstra_of(samples, mask.size),
        mask=mask, pauses=np.zeros_like(mask),
    )  # fmt: skip
    np.testing.assert_array_equal(placed, told)


def test_breaths_between_turns_are_pauses_and_soft_syllables_are_none(call):
    samples, mask, _ = call
    pauses = pauses_within(samples, [(0, mask.size)], size=mask.size)
    expected = np.arange(mask.size) % (TURN_STEPS + BREATH_STEPS) >= TURN_STEPS
    assert np.mean(pauses[expected]) > 0.7
    assert not pauses[~expected].any()


def test_no_stretch_has_no_pause():
    assert not pauses_within(np.zeros(STEP * 50), [], size=50).any()
    assert not pauses_within(np.zeros(STEP * 50), [(3, 4)], size=50).any()


def test_the_path_changes_where_it_gains_more_than_a_change_costs():
    gains = np.array([[1.0, 0.0], [0.0, 0.5], [1.0, 0.0], [0.0, 3.0], [0.0, 3.0]])
    np.testing.assert_array_equal(likeliest_path(gains, np.ones(4)), [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(likeliest_path(gains, np.zeros(4)), [0, 1, 0, 1, 1])
    np.testing.assert_array_equal(likeliest_path(gains[:1], np.zeros(0)), [0])
