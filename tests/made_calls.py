"""Reports and stores made in memory: what pages and stores hold, without any sound."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import soundfile

from calmscore.analysis.report import (
    CallInfo,
    CallReport,
    ModelInfo,
    SegmentReport,
    Speakers,
    SpokenWord,
    Talk,
    Words,
    WordsTurn,
)
from calmscore.analysis.scoring import score_emotions
from calmscore.emotions import EMOTIONS

RATE_HZ = 8_000
RESCUED = ["anger"] * 5 + ["neutral"] * 5
WORSE = ["neutral"] * 5 + ["anger"] * 5
CALM = ["neutral"] * 8
SHORT = ["anger"] * 2


def made_recording(number: int = 0, *, seconds: float = 6.0) -> bytes:
    """Return a stereo WAV of noise, another one for each number."""
    file = io.BytesIO()
    noise = np.random.default_rng(number).standard_normal((int(seconds * RATE_HZ), 2)) * 0.1
    soundfile.write(file, noise, RATE_HZ, format="WAV")
    return file.getvalue()


def made_report(
    emotions: Sequence[str | None],
    *,
    file_name: str = "call.wav",
    recording: bytes | None = None,
    model: str = "0",
    customer_channel: str = "left",
) -> CallReport:
    """Return the report of a call in which the customer sounds so, 3 s each."""
    score = score_emotions(emotions)
    segments = []
    for index, emotion in enumerate(emotions):
        shares = None
        if emotion is not None:
            shares = tuple(0.75 if name == emotion else 0.05 for name in EMOTIONS)
        segments.append(
            SegmentReport(
                index=index,
                start_seconds=3.0 * index,
                end_seconds=3.0 * index + 3.0,
                speech_seconds=3.0 if emotion else 0.0,
                status="scored" if emotion else "no_speech",
                emotion=emotion,
                confidence=0.75 if emotion else None,
                probabilities=shares,
                distress=score.distress[index],
                smoothed_distress=score.smoothed_distress[index],
            )
        )
    seconds = 3.0 * len(emotions)
    return CallReport(
        call=CallInfo(
            id=hashlib.sha256(recording or file_name.encode()).hexdigest(),
            file_name=file_name, duration_seconds=seconds, sample_rate_hz=RATE_HZ, channels=2,
            customer_channel=customer_channel,
        ),
        speakers=Speakers(how="channels", customer_from="greeting", doubt=0.2),
        model=ModelInfo(name="stub", version=model, sha256=model * 64),
        score=score,
        segments=tuple(segments),
        talk=Talk(
            customer_seconds=seconds / 2, agent_seconds=seconds / 3, silence_seconds=2.0,
            overtalk_seconds=1.0, longest_silence_seconds=2.0,
        ),
        warnings=(),
    )  # fmt: skip


def with_made_words(report: CallReport) -> CallReport:
    """Return a report in which both say something; the customer's last word weighs."""
    turns = []
    for place, (speaker, text) in enumerate(
        (("agent", "How can I help you?"), ("customer", "Nobody ever calls back!"))
    ):
        start = 3.0 * place
        words = [
            SpokenWord(
                text=word, start_seconds=start + 0.4 * at, end_seconds=start + 0.4 * at + 0.3,
                weight=0.4 if word.endswith("!") else 0.0,
            )
            for at, word in enumerate(text.split())
        ]  # fmt: skip
        turns.append(
            WordsTurn(
                speaker="customer" if speaker == "customer" else "agent",
                start_seconds=start,
                end_seconds=start + 2.5,
                text=text,
                words=tuple(words),
                sentiment="negative" if speaker == "customer" else None,
            )
        )
    return replace(report, words=Words(language="en", model="made up", turns=tuple(turns)))
