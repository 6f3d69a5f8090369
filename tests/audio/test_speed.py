"""Speech that is too slow or too fast, as a wrong sampling rate in the header makes it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from calmscore.audio.channels import levels_db
from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.audio.speed import speed_features, true_rate_hz
from calmscore.training.non_speech import non_speech_sounds

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
RATE_HZ = 8_000


@lru_cache
def call(name: str) -> np.ndarray:
    samples, _ = soundfile.read(SAMPLES / f"{name}.wav")
    return np.asarray(samples).T


def played(sound: np.ndarray, speed: float) -> np.ndarray:
    """Read a sound as if its header said so many times its rate."""
    return np.asarray(soxr.resample(sound.T, RATE_HZ * speed, ANALYSIS_RATE_HZ)).T


def found(sound: np.ndarray, *, said_hz: int = RATE_HZ, heard: bool = True) -> int | None:
    sound = sound.astype(np.float16)
    levels = [levels_db(side) for side in sound]
    masks = [(level > level.max() - 30.0) & heard for level in levels]
    return true_rate_hz(sound, masks, rate_hz=said_hz)


# The true rate, what the file says, and what is told.
RATES_HZ = [
    (8_000, 8_000, None), (16_000, 16_000, None), (22_050, 22_050, None), (44_100, 44_100, None),
    (16_000, 8_000, 16_000), (8_000, 16_000, 8_000), (8_000, 11_025, 8_000),
    (16_000, 22_050, 16_000), (16_000, 44_100, 16_000), (16_000, 48_000, 16_000),
]  # fmt: skip


@pytest.mark.parametrize("name", ["calms_down", "gets_worse"])
@pytest.mark.parametrize(("true_hz", "said_hz", "told_hz"), RATES_HZ)
def test_a_wrong_rate_is_told_with_the_one_that_is_probably_right(name, true_hz, said_hz, told_hz):
    assert found(played(call(name), said_hz / true_hz), said_hz=said_hz) == told_hz


@pytest.mark.parametrize("name", ["calms_down", "gets_worse"])
@pytest.mark.parametrize("said_hz", [44_100, 48_000])
def test_what_is_far_too_fast_to_be_heard_as_speech_is_told_all_the_same(name, said_hz):
    assert found(played(call(name), said_hz / 8_000), said_hz=said_hz, heard=False) == 8_000


@pytest.mark.parametrize("name", ["calms_down", "gets_worse"])
@pytest.mark.parametrize("sides", [slice(0, 1), slice(1, 2)])
@pytest.mark.parametrize("said_hz", [8_000, 16_000, 48_000])
def test_one_person_alone_is_no_wrong_speed_however_loud(name, sides, said_hz):
    assert found(played(call(name)[sides], 1.0), said_hz=said_hz) is None


@pytest.mark.parametrize("name", ["calms_down", "gets_worse"])
def test_a_shouting_voice_on_one_channel_is_no_wrong_speed(name):
    assert found(played(call(name)[:, : 50 * RATE_HZ].sum(axis=0, keepdims=True), 1.0)) is None


@pytest.mark.parametrize("name", ["calms_down", "gets_worse"])
@pytest.mark.parametrize(("speed", "told_hz"), [(0.5, 16_000), (1.0, None)])
def test_both_people_on_one_channel_at_half_the_speed_are_told(name, speed, told_hz):
    assert found(played(call(name).mean(axis=0, keepdims=True), speed)) == told_hz


def test_speech_that_is_not_taken_for_speech_has_no_wrong_speed_at_the_right_one():
    assert found(played(call("gets_worse"), 1.0), heard=False) is None


@pytest.mark.parametrize("kind", ["chords", "dialled keys"])
def test_music_and_tones_have_no_wrong_speed(kind):
    sound = non_speech_sounds(20.0, sample_rate_hz=ANALYSIS_RATE_HZ)[kind]
    assert found(sound[None], heard=False) is None


def test_silence_and_short_sounds_have_no_speed():
    assert speed_features(np.zeros(ANALYSIS_RATE_HZ * 10)) is None
    assert speed_features(np.zeros(100)) is None
    assert found(np.zeros((2, ANALYSIS_RATE_HZ))) is None
