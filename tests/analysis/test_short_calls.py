"""Calls of a few seconds, in every way that both people may be on two channels."""

from __future__ import annotations

import numpy as np
import pytest

from calmscore.analysis.segments import segment_call
from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording, read_recording
from calmscore.locations import shipped

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module")
def call() -> Recording:
    return read_recording(shipped("samples") / "calms_down.wav")


def apart(left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    return [left, right]


def one_mix(left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    return [left + right, left + right]


def late_mix(left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    return [left + right, np.roll(left + right, 80)]


def echo(_: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    return [0.3 * np.roll(right, ANALYSIS_RATE_HZ // 5), right]


def leak(left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    return [left + 0.4 * right, right]


def alone(left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    return [left, np.zeros_like(right)]


@pytest.mark.parametrize("seconds", [0.02, 0.3, 0.59, 1.5, 4.9, 5.1, 7.0, 9.9, 11.0, 13.0])
@pytest.mark.parametrize("placed", [apart, one_mix, late_mix, echo, leak, alone])
def test_a_call_of_seconds_is_cut_up_like_any_other(call, seconds, placed):
    first = 60 * ANALYSIS_RATE_HZ
    part = call.samples[:, first : first + round(seconds * ANALYSIS_RATE_HZ)].astype(np.float32)
    short = Recording(
        file_name="short.wav", sha256="0" * 64, sample_rate_hz=8_000, duration_seconds=seconds,
        samples=np.stack(placed(*part)).astype(np.float16), warnings=(),
    )  # fmt: skip
    cut = segment_call(short)
    assert len(cut.segments) == -(-short.samples.shape[1] // (3 * ANALYSIS_RATE_HZ))
    assert cut.segments[-1].end_seconds == pytest.approx(seconds, abs=0.01)
