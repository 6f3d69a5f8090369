"""The one report schema: what an analysis returns, its JSON form and its table.

Every field is written here (and in `analysis.scoring`, for the score) and nowhere else:
JSON, the HTTP documents, CSV columns and exports derive from these classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, PlainSerializer, TypeAdapter, ValidationError
from pydantic import WithJsonSchema as JsonSchema
from pydantic.dataclasses import dataclass

from calmscore.analysis.call_score import CallScore
from calmscore.emotions import EMOTIONS, EmotionName, Valence
from calmscore.errors import Fault, Notice, ParameterError

SchemaVersion = Literal["2"]
SCHEMA_VERSION: SchemaVersion = get_args(SchemaVersion)[0]

SegmentStatus = Literal["scored", "no_speech", "low_information", "other_voice"]
CustomerChannel = Literal["left", "right", "mixed", "1", "2", "3", "4", "5", "6", "7", "8"]
"""Numbers, from 1, where a call has more than two channels."""
Direction = Literal["inbound", "outbound", "unknown"]
Speaker = Literal["customer", "agent"]
Disagreement = Literal["voice_calm", "voice_distressed"]
SpeakersHow = Literal["channels", "separated", "mixed"]
CustomerCue = Literal["chosen", "greeting", "file_name", "direction", "words"]

_CONFIG = ConfigDict(extra="forbid")
# For so long people stop between two sentences.
_PAUSE_SECONDS = 2.0


def _in_order(shares: Any) -> Any:
    """Turn ``{"anger": 0.1, …}`` into numbers in the order of ``EMOTIONS``."""
    return tuple(shares[name] for name in EMOTIONS) if isinstance(shares, Mapping) else shares


def _by_name(shares: tuple[float, ...] | None) -> dict[str, float] | None:
    return None if shares is None else dict(zip(EMOTIONS, shares, strict=True))


_SHARES_SCHEMA = {
    "anyOf": [
        {
            "type": "object",
            "properties": {name: {"type": "number"} for name in EMOTIONS},
            "required": list(EMOTIONS),
            "additionalProperties": False,
        },
        {"type": "null"},
    ]
}
Shares = Annotated[
    tuple[float, ...] | None,
    BeforeValidator(_in_order),
    PlainSerializer(_by_name),
    JsonSchema(_SHARES_SCHEMA),
]
"""Six numbers in the order of ``EMOTIONS``; in JSON by name."""


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class CallInfo:
    """The recording: ``id`` is the SHA-256 of its bytes, in hex."""

    id: str
    file_name: str
    duration_seconds: float
    sample_rate_hz: int
    channels: int
    customer_channel: CustomerChannel
    direction: Direction = "unknown"


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class Speakers:
    """How the two people were told apart.

    ``customer_from`` is the cue that told who is the customer, None where voices are
    mixed; ``doubt`` is how likely it is that the wrong person was taken, 0–1.
    """

    how: SpeakersHow
    customer_from: CustomerCue | None
    doubt: float


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class ModelInfo:
    """The model that classified the segments."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class SegmentReport:
    """One segment on the call's clock.

    ``heard`` is what the classifier alone says of the segment: the share of listeners
    who would name each emotion. ``probabilities`` are given the whole call; emotion,
    confidence and distress follow from them: ``emotion`` is the likeliest, of the negative
    ones alone where ``distress`` is 0.5 or more, and ``confidence`` its probability. All are
    None unless the status is ``scored``.
    """

    index: int
    start_seconds: float
    end_seconds: float
    speech_seconds: float
    status: SegmentStatus
    heard: Shares = None
    emotion: EmotionName | None = None
    confidence: float | None = None
    probabilities: Shares = None
    distress: float | None = None
    smoothed_distress: float | None = None


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class Turn:
    """A stretch in which one person speaks."""

    speaker: Speaker
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class Talk:
    """Who spoke for how long; agent, overtalk and turns are missing where voices are mixed."""

    customer_seconds: float
    agent_seconds: float | None
    silence_seconds: float
    overtalk_seconds: float | None
    longest_silence_seconds: float
    turns: tuple[Turn, ...] = ()

    def in_one_go(self, speaker: Speaker) -> list[Turn]:
        """Return when one person speaks; short pauses in which nobody else speaks are no end."""
        whole: list[Turn] = []
        previous: Speaker | None = None
        for turn in self.turns:
            if turn.speaker == speaker:
                if (
                    previous == speaker
                    and turn.start_seconds - whole[-1].end_seconds <= _PAUSE_SECONDS
                ):
                    turn = replace(whole.pop(), end_seconds=turn.end_seconds)
                whole.append(turn)
            previous = turn.speaker
        return whole


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class SpokenWord:
    """A word, when it was said, and how much it weighs in the emotion of its turn.

    ``weight`` is None where no emotion was read from the words.
    """

    text: str
    start_seconds: float
    end_seconds: float
    weight: float | None = None


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class WordsTurn:
    """What one person said in one go.

    ``speaker`` is None where voices are mixed; ``emotions``, ``sentiment`` and
    ``distress``, how sure it is that most readers would find the words negative, are
    None where none were read from the words.
    """

    speaker: Speaker | None
    start_seconds: float
    end_seconds: float
    text: str
    words: tuple[SpokenWord, ...]
    emotions: Shares = None
    sentiment: Valence | None = None
    distress: float | None = None


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class WordsBesideVoice:
    """The customer's words and voice in one segment, side by side.

    ``distress`` is the words', ``voice_distress`` the smoothed one of the voice alone;
    ``disagreement`` says which way they disagree, None where they do not strongly.
    """

    index: int
    distress: float
    voice_distress: float
    disagreement: Disagreement | None = None


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class Words:
    """What was said; ``language`` as ISO 639 names it.

    ``segments`` holds the scored segments in which the customer says something of which
    emotions were read.
    """

    language: str
    model: str
    turns: tuple[WordsTurn, ...]
    segments: tuple[WordsBesideVoice, ...] = ()


@dataclass(frozen=True, kw_only=True, config=_CONFIG)
class CallReport:
    """Everything that an analysis found in one call; seconds are from its start."""

    schema_version: SchemaVersion = SCHEMA_VERSION
    call: CallInfo
    speakers: Speakers
    model: ModelInfo
    score: CallScore
    segments: tuple[SegmentReport, ...]
    talk: Talk
    words: Words | None = None
    warnings: tuple[Notice, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report in the form of schema version 2, ready for JSON."""
        document: dict[str, Any] = _ADAPTER.dump_python(self, mode="json", by_alias=True)
        # The name of schema 1, kept beside the new one until schema 3.
        document["score"]["transitions"] = document["score"]["moments"]
        if self.score.score_from == "voice":
            # What tells of a score of both stands only where there is one.
            del document["score"]["from"], document["score"]["voice_alone"]
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> CallReport:
        """Return the report that `to_dict` wrote, or that schema version 1 wrote.

        Raises
        ------
        ParameterError
            If it is of another schema version, or a field is missing.
        """
        version = document.get("schema_version")
        if version not in ("1", SCHEMA_VERSION):
            raise ParameterError(
                f"the report is of schema version {version!r}; this Calmscore reads '1' and "
                f"{SCHEMA_VERSION!r}"
            )
        try:
            newest = _from_schema_1(document) if version == "1" else document
            report = _ADAPTER.validate_python(newest)
        except (KeyError, TypeError, ValidationError) as error:
            raise ParameterError(f"the report is damaged: {error}") from error
        score = replace(
            report.score,
            distress=tuple(segment.distress for segment in report.segments),
            smoothed_distress=tuple(segment.smoothed_distress for segment in report.segments),
        )
        return replace(report, score=score)


_ADAPTER = TypeAdapter(CallReport)


def _from_schema_1(document: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a report of schema 1 to the newest form; what it did not tell stays unknown."""
    mixed = document["call"]["customer_channel"] == "mixed"
    score = dict(document["score"])
    score["moments"] = score["transitions"]
    return {
        **document,
        "schema_version": SCHEMA_VERSION,
        "score": score,
        "speakers": {
            "how": "mixed" if mixed else "channels",
            "customer_from": None if mixed else "greeting",
            "doubt": 0.5,
        },
    }


def failure(file_name: str, fault: Fault) -> dict[str, Any]:
    """Return the entry of a call that could not be analysed."""
    return {"call": {"file_name": file_name}, "error": vars(fault).copy()}


_SHARE_FIELDS = {"heard": "heard", "probabilities": "probability"}

_WORDS_COLUMNS = {
    "words_distress": "distress", "voice_distress": "voice_distress",
    "disagreement": "disagreement",
}  # fmt: skip

SEGMENT_COLUMNS: tuple[str, ...] = (
    *(field.name for field in fields(SegmentReport) if field.name not in _SHARE_FIELDS),  # type: ignore[arg-type]
    *(f"{prefix}_{name}" for prefix in _SHARE_FIELDS.values() for name in EMOTIONS),
    *_WORDS_COLUMNS,
)
"""Columns of a segment in tables: its fields, a column per emotion, its words beside its voice."""


def segment_rows(report: CallReport) -> list[dict[str, Any]]:
    """Return one flat row per segment, for CSV.

    Returns
    -------
    list of dict
        File name, score and outcome of the call, then the columns of ``SEGMENT_COLUMNS``.
    """
    call = _call_columns(report)
    beside = words_beside_voice(report)
    return [
        {**call, **_segment_row(segment), **_words_row(beside.get(segment.index))}
        for segment in report.segments
    ]


def words_beside_voice(report: CallReport) -> dict[int, WordsBesideVoice]:
    """Return the words beside the voice, by the index of the segment."""
    return {} if report.words is None else {row.index: row for row in report.words.segments}


def _words_row(row: WordsBesideVoice | None) -> dict[str, Any]:
    return {
        column: None if row is None else getattr(row, name)
        for column, name in _WORDS_COLUMNS.items()
    }


def _call_columns(report: CallReport) -> dict[str, Any]:
    return {
        "file_name": report.call.file_name,
        "score": report.score.value,
        "outcome": report.score.outcome,
    }


def _segment_row(segment: SegmentReport) -> dict[str, Any]:
    row = {name: value for name, value in vars(segment).items() if name in SEGMENT_COLUMNS}
    for field, prefix in _SHARE_FIELDS.items():
        shares = _by_name(getattr(segment, field)) or dict.fromkeys(EMOTIONS)
        row.update({f"{prefix}_{name}": share for name, share in shares.items()})
    return row


TURN_COLUMNS: tuple[str, ...] = (
    "speaker", "start_seconds", "end_seconds", "text", "sentiment", "distress",
    *(f"words_{name}" for name in EMOTIONS),
)  # fmt: skip
"""Columns of a turn of words in tables."""


def turn_rows(report: CallReport) -> list[dict[str, Any]]:
    """Return one flat row per turn of words, for CSV.

    Returns
    -------
    list of dict
        File name, score and outcome of the call, then the columns of ``TURN_COLUMNS``;
        empty where there are no words.
    """
    call = _call_columns(report)
    turns = report.words.turns if report.words is not None else ()
    return [{**call, **_turn_row(turn)} for turn in turns]


def _turn_row(turn: WordsTurn) -> dict[str, Any]:
    shares = _by_name(turn.emotions) or dict.fromkeys(EMOTIONS)
    return {
        **{name: value for name, value in vars(turn).items() if name in TURN_COLUMNS},
        **{f"words_{name}": share for name, share in shares.items()},
    }
