"""What the tests of words share: words are written down, and a call with its report."""

from __future__ import annotations

import pytest
from heard_calls import sample_call

from calmscore.analysis.report import CallReport
from calmscore.audio.recording import Recording


@pytest.fixture(autouse=True)
def words_on(monkeypatch):
    monkeypatch.delenv("CALMSCORE_TRANSCRIBER", raising=False)


@pytest.fixture(scope="module")
def sample() -> tuple[CallReport, Recording]:
    return sample_call()
