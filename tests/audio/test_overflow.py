"""Recordings that were too loud for their numbers, so that loud samples wrapped around."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from calmscore.analysis.segments import segment_call
from calmscore.audio.overflow import LEAST_SECONDS
from calmscore.audio.recording import Recording, read_recording

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
RATE_HZ = 8_000
Sound = np.ndarray


@lru_cache
def call(name: str) -> Sound:
    return np.asarray(soundfile.read(SAMPLES / f"{name}.wav")[0])


def wrapped(sound: Sound) -> Sound:
    """Return samples of 16 bits that were computed without a look at their limits."""
    whole = np.round(sound * 32_767).astype(np.int64)
    return ((whole + 32_768) % 65_536 - 32_768) / 32_768


def read(sound: Sound, *, coding: str = "PCM_16") -> Recording:
    file = io.BytesIO()
    soundfile.write(file, np.clip(sound, -1, 1), RATE_HZ, format="WAV", subtype=coding)
    return read_recording(file)


@pytest.mark.parametrize("name", ["calms_down", "gets_worse"])
@pytest.mark.parametrize(
    ("gain_db", "level", "coding"),
    [(12, 1.0, "PCM_16"), (20, 1.0, "PCM_16"), (15, 1.0, "ULAW"), (15, 0.2, "PCM_16")],
)
def test_what_overflowed_is_told_of_and_gives_no_score(name, gain_db, level, coding):
    recording = read(level * wrapped(10 ** (gain_db / 20) * call(name)), coding=coding)
    assert recording.overflowed_seconds[0] >= LEAST_SECONDS
    segmented = segment_call(recording, customer_channel="left")
    assert "overflown" in {notice.code for notice in segmented.warnings}
    assert segmented.withheld_because is not None and "overflowed" in segmented.withheld_because


CUT_OFF: dict[str, Callable[[Sound], Sound]] = {
    "as it is": lambda sound: sound,
    "at full scale": lambda sound: np.clip(sound, -1.0, 1.0),
    "and made softer": lambda sound: 0.3 * np.clip(sound, -1.0, 1.0),
    "by a soft limit": np.tanh,
    "and noise on it": lambda sound: (
        0.9 * np.clip(sound, -1.0, 1.0)
        + 0.002 * np.random.default_rng(0).standard_normal(sound.shape)
    ),
}


@pytest.mark.parametrize("name", ["calms_down", "gets_worse"])
@pytest.mark.parametrize("gain_db", [0, 6, 12, 20])
@pytest.mark.parametrize("how", CUT_OFF)
def test_what_was_cut_off_did_not_overflow(name, gain_db, how):
    recording = read(CUT_OFF[how](10 ** (gain_db / 20) * call(name)))
    assert max(recording.overflowed_seconds) < LEAST_SECONDS


@pytest.mark.parametrize("hertz", [300, 1_000, 3_300])
def test_no_tone_and_no_noise_overflows(hertz):
    time = np.arange(10 * RATE_HZ) / RATE_HZ
    noise = np.random.default_rng(1).standard_normal(time.size)
    for sound in (np.sin(2 * np.pi * hertz * time), np.sign(np.sin(2 * np.pi * hertz * time)),
                  0.2 * noise, noise):  # fmt: skip
        assert read(sound).overflowed_seconds[0] < LEAST_SECONDS
