"""Made-up reports of calls, and the stores that the tests keep them in."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calmscore.analysis.call_score import CallScore
from calmscore.analysis.report import CallInfo, CallReport, ModelInfo, SegmentReport, Speakers, Talk
from calmscore.analysis.scoring import score_emotions
from calmscore.analysis.transitions import Transition
from calmscore.emotions import EMOTIONS
from calmscore.errors import Notice
from calmscore.store import Store
from calmscore.store.calls import CallDetails

CALMED_DOWN = ("anger",) * 6 + ("neutral",) * 6
CALM = ("neutral",) * 12
TOO_SHORT = ("anger",) * 2
MODEL = ModelInfo(name="stub", version="1", sha256="1" * 64)
NEWER_MODEL = ModelInfo(name="stub", version="2", sha256="2" * 64)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'calls.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def store(store_url: str, tmp_path: Path) -> Iterator[Store]:
    """Give an empty store in a temporary folder."""
    opened = Store(tmp_path, url=store_url)
    yield opened
    opened.close()


def recording_of(name: str) -> bytes:
    """Return bytes that stand for the recording of a call; the store never looks inside."""
    return f"recording of {name}\n".encode() * 50


def call_id_of(name: str) -> str:
    """Return the id of a made-up call."""
    return hashlib.sha256(recording_of(name)).hexdigest()


def make_report(
    name: str = "call.wav",
    *,
    emotions: tuple[str, ...] = CALMED_DOWN,
    model: ModelInfo = MODEL,
    customer_channel: str = "left",
    file_name: str | None = None,
) -> CallReport:
    """Return the report of a made-up call; its name decides its id."""
    score = score_emotions(emotions)
    return CallReport(
        call=CallInfo(
            id=call_id_of(name),
            file_name=name if file_name is None else file_name,
            duration_seconds=3.0 * len(emotions),
            sample_rate_hz=8_000,
            channels=2,
            customer_channel=customer_channel,
        ),
        speakers=Speakers(how="channels", customer_from="greeting", doubt=0.2),
        model=model,
        score=score,
        segments=_segments(emotions, score),
        talk=Talk(
            customer_seconds=30.0, agent_seconds=20.0, silence_seconds=5.0,
            overtalk_seconds=1.0, longest_silence_seconds=2.0,
        ),
        warnings=(Notice("customer_channel_guessed", "The left channel was taken."),),
    )  # fmt: skip


def scored_report(name: str, value: float | None, outcome: str) -> CallReport:
    """Return the report of a made-up call with this score and outcome."""
    report = make_report(name)
    score = CallScore(value=value, outcome=outcome, summary="Made up.")
    return CallReport(**{**vars(report), "score": score})


def with_moments(name: str, *points: float) -> CallReport:
    """Return the report of a made-up call whose score was moved by these points."""
    report = make_report(name)
    score = CallScore(
        value=5.0,
        outcome=report.score.outcome,
        summary="Made up.",
        transitions=tuple(
            Transition(
                at_seconds=3.0 * place,
                from_emotion="anger",
                to_emotion="neutral",
                points=earned,
                reason="Made up.",
            )
            for place, earned in enumerate(points)
        ),
    )
    return CallReport(**{**vars(report), "score": score})


def add(
    store: Store,
    name: str = "call.wav",
    report: CallReport | None = None,
    *,
    with_audio: bool = True,
    **details: Any,
) -> str:
    """Add a made-up call to a store and return its id; ``details`` as in ``CallDetails``."""
    store.add_call(
        report or make_report(name),
        io.BytesIO(recording_of(name)) if with_audio else None,
        actor="tester",
        details=CallDetails(**details),
    )
    return call_id_of(name)


def _segments(emotions: tuple[str, ...], score: CallScore) -> tuple[SegmentReport, ...]:
    return tuple(
        SegmentReport(
            index=index,
            start_seconds=3.0 * index,
            end_seconds=3.0 * index + 3.0,
            speech_seconds=2.5,
            status="scored",
            emotion=emotion,
            confidence=1.0,
            probabilities=tuple(float(name == emotion) for name in EMOTIONS),
            distress=score.distress[index],
            smoothed_distress=score.smoothed_distress[index],
        )
        for index, emotion in enumerate(emotions)
    )
