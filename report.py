"""The one report schema: what an analysis returns, and its JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from emotions import EMOTIONS
from notices import Notice
from scoring import CallScore, Transition

SCHEMA_VERSION = "1"

SegmentStatus = Literal["scored", "no_speech", "low_information"]
CustomerChannel = Literal["left", "right", "mixed"]


@dataclass(frozen=True, kw_only=True)
class CallInfo:
    """The recording: ``id`` is the SHA-256 of its bytes, in hex."""

    id: str
    file_name: str
    duration_seconds: float
    sample_rate_hz: int
    channels: int
    customer_channel: CustomerChannel


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """The model that classified the segments."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class SegmentReport:
    """One segment on the call's clock.

    Emotion, confidence, probabilities and distress are None unless the status
    is ``scored``; probabilities are in the order of ``EMOTIONS``.
    """

    index: int
    start_seconds: float
    end_seconds: float
    speech_seconds: float
    status: SegmentStatus
    emotion: str | None = None
    confidence: float | None = None
    probabilities: tuple[float, ...] | None = None
    distress: float | None = None
    smoothed_distress: float | None = None


@dataclass(frozen=True, kw_only=True)
class Talk:
    """Who spoke for how long; agent and overtalk are None where voices are mixed."""

    customer_seconds: float
    agent_seconds: float | None
    silence_seconds: float
    overtalk_seconds: float | None
    longest_silence_seconds: float


@dataclass(frozen=True, kw_only=True)
class CallReport:
    """Everything that an analysis found in one call."""

    call: CallInfo
    model: ModelInfo
    score: CallScore
    segments: tuple[SegmentReport, ...]
    talk: Talk
    warnings: tuple[Notice, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report in the form of schema version 1, ready for JSON."""
        return {
            "schema_version": SCHEMA_VERSION,
            "call": vars(self.call).copy(),
            "model": vars(self.model).copy(),
            "score": _score(self.score),
            "segments": [_segment(segment) for segment in self.segments],
            "talk": vars(self.talk).copy(),
            "warnings": [vars(notice).copy() for notice in self.warnings],
        }


def failure(file_name: str, *, code: str, message: str) -> dict[str, Any]:
    """Return the entry of a call that could not be analysed."""
    return {"call": {"file_name": file_name}, "error": {"code": code, "message": message}}


def segment_rows(report: CallReport) -> list[dict[str, Any]]:
    """Return one flat row per segment, for CSV.

    Parameters
    ----------
    report : CallReport
        A finished analysis.

    Returns
    -------
    list of dict
        File name and score of the call, then the segment with a column per emotion.
    """
    rows = []
    for segment in report.segments:
        row = _segment(segment)
        probabilities: Mapping[str, float] = row.pop("probabilities") or {}
        rows.append(
            {
                "file_name": report.call.file_name,
                "score": report.score.value,
                "outcome": report.score.outcome,
                **row,
                **{f"probability_{name}": probabilities.get(name) for name in EMOTIONS},
            }
        )
    return rows


def _score(score: CallScore) -> dict[str, Any]:
    fields = vars(score).copy()
    # Per segment, these stand with the segments.
    del fields["distress"], fields["smoothed_distress"]
    fields["transitions"] = [_transition(transition) for transition in score.transitions]
    return fields


def _transition(transition: Transition) -> dict[str, Any]:
    return {
        "at_seconds": transition.at_seconds,
        "from": transition.from_emotion,
        "to": transition.to_emotion,
        "points": transition.points,
        "reason": transition.reason,
    }


def _segment(segment: SegmentReport) -> dict[str, Any]:
    fields = vars(segment).copy()
    if segment.probabilities is not None:
        fields["probabilities"] = dict(zip(EMOTIONS, segment.probabilities, strict=True))
    return fields
