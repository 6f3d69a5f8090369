"""Made-up calls with a voice and words, segment by segment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from calmscore.analysis.call import judgement, with_places_to_play
from calmscore.analysis.distress import distress
from calmscore.analysis.inertia import smooth_probabilities
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
from calmscore.analysis.scoring import score_probabilities
from calmscore.emotions import EMOTIONS

MATTER_OF_FACT = (0.07, 0.015, 0.015, 0.14, 0.73, 0.03)


def leaning(emotion: str, share: float = 0.9) -> np.ndarray:
    """Return six probabilities of which one emotion has this share, the others alike."""
    row = np.full(len(EMOTIONS), (1.0 - share) / (len(EMOTIONS) - 1))
    row[EMOTIONS.index(emotion)] = share
    return row


def said_call(
    voice: Sequence[Any],
    words: Sequence[Any],
    *,
    speech: Sequence[float] | None = None,
    speaker: str | None = "customer",
) -> CallReport:
    """Return the report of a call, before its words are put beside the voice.

    ``voice`` and ``words`` hold six probabilities for each segment; None is a segment
    without speech, and one without words.
    """
    seconds = [0.0 if row is None else 3.0 for row in voice] if speech is None else list(speech)
    places = [place for place, row in enumerate(voice) if row is not None]
    table = np.zeros((len(voice), len(EMOTIONS)))
    if places:
        heard = np.array([voice[place] for place in places])
        table[places] = smooth_probabilities(heard, indices=np.array(places, dtype=np.int64))
    talk = Talk(
        customer_seconds=30.0, agent_seconds=0.0, silence_seconds=0.0,
        overtalk_seconds=0.0, longest_silence_seconds=0.0,
    )  # fmt: skip
    score = with_places_to_play(score_probabilities(table, speech_seconds=seconds), talk)
    segments = tuple(
        _segment(place, row, table[place], seconds[place], score) for place, row in enumerate(voice)
    )
    return CallReport(
        call=CallInfo(
            id="c" * 64, file_name="made.wav", duration_seconds=3.0 * len(voice),
            sample_rate_hz=8_000, channels=2, customer_channel="left",
        ),
        speakers=Speakers(how="channels", customer_from="chosen", doubt=0.0),
        model=ModelInfo(name="stub", version="1", sha256="1" * 64),
        score=score,
        segments=segments,
        talk=talk,
        words=Words(
            language="en", model="stub",
            turns=tuple(_turns(words, seconds, speaker)),
        ),
        warnings=(),
    )  # fmt: skip


def _segment(place, row, probabilities, seconds, score) -> SegmentReport:
    known: dict[str, Any] = {
        "index": place, "start_seconds": 3.0 * place, "end_seconds": 3.0 * place + 3.0,
        "speech_seconds": seconds,
    }  # fmt: skip
    if row is None:
        return SegmentReport(**known, status="no_speech")
    return SegmentReport(
        **known, status="scored", heard=tuple(np.asarray(row).tolist()),
        **judgement(probabilities, score, place),
    )  # fmt: skip


def _turns(words, seconds, speaker):
    for place, row in enumerate(words):
        if row is None:
            continue
        start = 3.0 * place
        end = start + max(seconds[place], 0.5)
        yield WordsTurn(
            speaker=speaker, start_seconds=start, end_seconds=end, text="said",
            words=(SpokenWord(text="said", start_seconds=start, end_seconds=end),),
            emotions=tuple(np.asarray(row).tolist()), sentiment="neutral",
            distress=float(distress(row)[0]),
        )  # fmt: skip
