"""Direct current, rumble and the hum of the mains go; the voices stay as they were."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from calmscore.audio.line_noise import without_line_noise
from calmscore.audio.recording import ANALYSIS_RATE_HZ

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
RATE_HZ = ANALYSIS_RATE_HZ
SECONDS = 40
TIME = np.arange(SECONDS * RATE_HZ) / RATE_HZ

Sound = np.ndarray


@lru_cache
def voices() -> Sound:
    """Return customer and agent, shape (2, n)."""
    samples, rate_hz = soundfile.read(SAMPLES / "calms_down.wav", frames=SECONDS * 8000)
    return np.asarray(soxr.resample(samples, rate_hz, RATE_HZ)).T


def tone(hertz: float, level: float) -> Sound:
    return level * np.sin(2.0 * np.pi * hertz * TIME)


def mains(hertz: float, level: float) -> Sound:
    return np.sum([tone(number * hertz, level / number) for number in range(1, 20)], axis=0)


def wind(level: float) -> Sound:
    steps = np.random.default_rng(0).standard_normal(TIME.size // 800 + 2)
    slow = np.interp(np.arange(TIME.size), 800 * np.arange(steps.size), steps)
    return level * slow


# What is added, and how many decibels below the voices the rest of it is.
ADDED: dict[str, tuple[Callable[[], Sound], float]] = {
    "direct current": (lambda: np.full(TIME.size, 0.3), 30.0),
    "direct current below zero": (lambda: np.full(TIME.size, -0.01), 30.0),
    "direct current that drifts": (lambda: np.linspace(-0.2, 0.4, TIME.size), 30.0),
    "direct current from the middle on": (lambda: 0.3 * (TIME >= 20.0), 20.0),
    "direct current at the very end": (lambda: 0.3 * (TIME >= 37.0), 20.0),
    "direct current that comes and goes": (lambda: 0.25 * (TIME // 7 % 2), 15.0),
    "direct current that swings": (lambda: tone(0.05, 0.2), 30.0),
    "rumble of 5 Hz": (lambda: tone(5.0, 0.3), 30.0),
    "rumble of 20 Hz": (lambda: tone(20.0, 0.3), 30.0),
    "rumble of 35 Hz": (lambda: tone(35.0, 0.3), 30.0),
    "wind": (lambda: wind(0.2), 20.0),
    "mains of 50 Hz": (lambda: mains(50.0, 0.1), 12.0),
    # The voices are made up, and keep to 120 Hz for seconds.
    "mains of 60 Hz": (lambda: mains(60.0, 0.05), 5.0),
    "mains of 60.2 Hz": (lambda: mains(60.2, 0.05), 12.0),
    "mains of 50 Hz without overtones": (lambda: tone(50.0, 0.2), 25.0),
}


@pytest.mark.parametrize("name", ADDED)
@pytest.mark.parametrize("side", [0, 1])
def test_what_a_line_adds_goes_and_the_voices_stay(name, side):
    added, below_db = ADDED[name]
    noisy = voices().copy()
    noisy[side] += added()
    clean = without_line_noise(noisy.astype(np.float16)).astype(np.float64)
    left = np.mean((clean[side] - voices()[side]) ** 2)
    assert left < np.mean(voices()[side] ** 2) * 10.0 ** (-below_db / 10.0)
    # The other side had none.
    assert np.array_equal(clean[1 - side], voices()[1 - side].astype(np.float16))


@pytest.mark.parametrize("level", [1.0, 0.1, 0.003])
def test_voices_alone_are_left_as_they_are(level):
    sound = (level * voices()).astype(np.float16)
    assert without_line_noise(sound) is sound


def test_a_side_of_nothing_but_direct_current_is_silence():
    sound = np.full((1, 5 * RATE_HZ), 0.2, dtype=np.float16)
    assert np.abs(without_line_noise(sound)).max() < 1e-3


@pytest.mark.parametrize("count", [0, 1, 39, 40, 100, 3_000])
def test_the_shortest_sounds_are_no_trouble(count):
    sound = np.full((2, count), 0.5, dtype=np.float16)
    assert without_line_noise(sound).shape == (2, count)
