"""The sample call, and words turned on."""

from __future__ import annotations

import pytest
from heard_calls import scored

from calmscore.analysis.report import CallReport
from calmscore.audio.recording import Recording, read_recording
from calmscore.locations import shipped

SAMPLE = shipped("samples") / "calms_down.wav"


@pytest.fixture(autouse=True)
def words_on(monkeypatch):
    monkeypatch.delenv("CALMSCORE_TRANSCRIBER", raising=False)


@pytest.fixture(scope="session")
def sample() -> tuple[CallReport, Recording]:
    recording = read_recording(SAMPLE)
    return scored(recording), recording
