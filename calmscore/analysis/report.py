"""The one report schema: what an analysis returns, and its JSON form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from calmscore.analysis.scoring import CallScore, Transition
from calmscore.emotions import EMOTIONS
from calmscore.errors import Notice, ParameterError

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

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> CallReport:
        """Return the report that `to_dict` wrote.

        Raises
        ------
        ParameterError
            If it is of another schema version, or a field is missing.
        """
        version = document.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ParameterError(
                f"the report is of schema version {version!r}; this Calmscore reads "
                f"{SCHEMA_VERSION!r}"
            )
        try:
            segments = tuple(_read_segment(row) for row in document["segments"])
            return cls(
                call=CallInfo(**document["call"]),
                model=ModelInfo(**document["model"]),
                score=_read_score(document["score"], segments),
                segments=segments,
                talk=Talk(**document["talk"]),
                warnings=tuple(Notice(**row) for row in document["warnings"]),
            )
        except (KeyError, TypeError) as error:
            raise ParameterError(f"the report is damaged: {error}") from error


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


def _read_score(fields: Mapping[str, Any], segments: Sequence[SegmentReport]) -> CallScore:
    transitions = tuple(
        Transition(
            at_seconds=row["at_seconds"],
            from_emotion=row["from"],
            to_emotion=row["to"],
            points=row["points"],
            reason=row["reason"],
        )
        for row in fields["transitions"]
    )
    return CallScore(
        **{name: value for name, value in fields.items() if name != "transitions"},
        transitions=transitions,
        distress=tuple(segment.distress for segment in segments),
        smoothed_distress=tuple(segment.smoothed_distress for segment in segments),
    )


def _read_segment(fields: Mapping[str, Any]) -> SegmentReport:
    probabilities = fields["probabilities"]
    if probabilities is not None:
        probabilities = tuple(probabilities[name] for name in EMOTIONS)
    return SegmentReport(**{**fields, "probabilities": probabilities})


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
