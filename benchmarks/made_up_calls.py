"""Calls that are made up: agents, moods that last, words, and scores by the real scoring."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import text
from tqdm import trange

from calmscore.analysis.report import CallInfo, CallReport, ModelInfo, SegmentReport, Speakers, Talk
from calmscore.analysis.scoring import score_probabilities
from calmscore.emotions import EMOTIONS
from calmscore.store.calls import CallDetails
from calmscore.store.coaching import set_tags
from calmscore.store.database import Database
from calmscore.store.reports import save_report
from calmscore.store.words import save_words

AGENTS = 40
DAYS = 180
NEWEST = datetime.now(UTC)
TAGS = ("praise", "coaching", "complaint", "refund", "follow-up")
SEGMENT_SECONDS = 3.0
_TOGETHER = 250
_SPEECH_SHARE = 0.55
# Words as people say them: a few very often, most of them seldom.
VOCABULARY = (
    "the", "i", "you", "order", "time", "third", "cancel", "supervisor",
    *(f"word{number}" for number in range(20_000)),
)  # fmt: skip
WORDS_PER_SECOND = 2.0
CONVERSATIONS = 300
# Moods at the start and at the end of a made-up call, and how often each course comes.
_COURSES = (
    (("anger",), ("neutral",), 0.35),
    (("neutral",), ("neutral", "happy"), 0.30),
    (("anger", "sad"), ("anger", "sad"), 0.15),
    (("neutral",), ("anger", "disgust"), 0.08),
    (("fear", "sad"), ("neutral", "sad"), 0.12),
)


def make_report(number: int, generator: np.random.Generator) -> CallReport:
    """Make up the report of a call of 1 to 15 minutes, scored by the real scoring."""
    segments = int(np.clip(generator.lognormal(4.4, 0.6), 20, 300))
    spoken = generator.random(segments) < _SPEECH_SHARE
    speech = np.where(spoken, generator.uniform(1.0, SEGMENT_SECONDS, segments), 0.0)
    table = _probabilities(segments, generator)
    score = score_probabilities(table, speech_seconds=speech, segment_seconds=SEGMENT_SECONDS)
    duration, spoken_seconds = segments * SEGMENT_SECONDS, float(speech.sum())
    rows = tuple(
        SegmentReport(
            index=index,
            start_seconds=index * SEGMENT_SECONDS,
            end_seconds=(index + 1) * SEGMENT_SECONDS,
            speech_seconds=float(speech[index]),
            status="scored" if spoken[index] else "no_speech",
            emotion=EMOTIONS[int(table[index].argmax())] if spoken[index] else None,
            confidence=float(table[index].max()) if spoken[index] else None,
            probabilities=tuple(map(float, table[index])) if spoken[index] else None,
            distress=score.distress[index],
            smoothed_distress=score.smoothed_distress[index],
        )
        for index in range(segments)
    )
    return CallReport(
        call=CallInfo(
            id=generator.bytes(32).hex(),
            file_name=f"call-{number:06d}.wav",
            duration_seconds=duration,
            sample_rate_hz=8000,
            channels=2,
            customer_channel="left",
        ),
        speakers=Speakers(how="channels", customer_from="greeting", doubt=0.2),
        model=ModelInfo(name="made up", version="0", sha256="0" * 64),
        score=score,
        segments=rows,
        talk=Talk(
            customer_seconds=spoken_seconds,
            agent_seconds=0.3 * duration,
            silence_seconds=max(0.7 * duration - spoken_seconds, 0.0),
            overtalk_seconds=0.0,
            longest_silence_seconds=SEGMENT_SECONDS,
        ),
        warnings=(),
    )


def make_words(duration_seconds: float, generator: np.random.Generator) -> dict[str, Any]:
    """Make up what is said in a call, in turns of 2 to 12 seconds, some of them overlapping."""
    turns: list[dict[str, Any]] = []
    start = 1.0
    while start < duration_seconds - 2.0:
        end = min(start + generator.uniform(2.0, 12.0), duration_seconds)
        count = max(int((end - start) * WORDS_PER_SECOND), 1)
        places = np.minimum(generator.zipf(1.3, count) - 1, len(VOCABULARY) - 1)
        words = [
            {
                "text": VOCABULARY[place],
                "start_seconds": round(start + number / WORDS_PER_SECOND, 2),
                "end_seconds": round(start + (number + 0.8) / WORDS_PER_SECOND, 2),
                "weight": None,
            }
            for number, place in enumerate(places)
        ]
        turns.append(
            {
                "speaker": "agent" if len(turns) % 2 == 0 else "customer",
                "start_seconds": start,
                "end_seconds": end,
                "text": " ".join(word["text"] for word in words),
                "words": words,
                "emotions": None,
                "sentiment": None,
            }
        )
        start = end + float(generator.uniform(-1.0, 4.0))
    return {"language": "en", "model": "made up", "turns": turns}


def _probabilities(segments: int, generator: np.random.Generator) -> np.ndarray[Any, Any]:
    shares = [share for _, _, share in _COURSES]
    first, last, _ = _COURSES[int(generator.choice(len(_COURSES), p=shares))]
    turn = int(generator.uniform(0.3, 0.8) * segments)
    table = generator.dirichlet(np.full(len(EMOTIONS), 0.6), segments)
    for index in range(segments):
        moods = first if index < turn else last
        mood = EMOTIONS.index(moods[int(generator.integers(len(moods)))])
        table[index] *= 0.35
        table[index, mood] += 0.65
    smoothed = np.apply_along_axis(
        lambda column: np.convolve(np.pad(column, 2, mode="edge"), np.ones(5) / 5, "valid"),
        0,
        table,
    )
    return np.asarray(smoothed / smoothed.sum(axis=1, keepdims=True))


def fill(database: Database, *, calls: int) -> float:
    """Save made-up calls, the same ones every time; return the seconds it took."""
    generator, choices = np.random.default_rng(4), random.Random(4)
    names = [f"Agent {number:02d}" for number in range(1, AGENTS + 1)]
    conversations = [
        make_words(min(generator.lognormal(5.5, 0.6), 900.0), generator)
        for _ in range(CONVERSATIONS)
    ]
    started = time.perf_counter()
    for begin in trange(0, calls, _TOGETHER, desc="saving calls", disable=None):
        with database.writing() as session:
            for number in range(begin, min(begin + _TOGETHER, calls)):
                called_at = NEWEST - timedelta(seconds=choices.uniform(0, DAYS * 86_400))
                report = make_report(number, generator)
                details = CallDetails(
                    agent=choices.choice(names),
                    customer=f"C{choices.randrange(calls // 3 + 1):06d}",
                    called_at=called_at,
                )
                call = save_report(session, report, details=details)
                # What lists are sorted by comes from turns, which reports here do without.
                call.agent_share = choices.uniform(0.2, 0.8)
                call.interruptions, call.pauses = choices.randrange(12), choices.randrange(20)
                save_words(
                    session,
                    call,
                    customer_channel=report.call.customer_channel,
                    words=conversations[number % CONVERSATIONS],
                )
                if choices.random() < 0.3:
                    set_tags(session, report.call.id, choices.sample(TAGS, 2))
    with database.engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    return time.perf_counter() - started
