"""What the service reads and answers, as OpenAPI describes it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from calmscore.analysis.call_channels import ChannelChoice
from calmscore.analysis.call_score import (
    DE_ESCALATED,
    ESCALATED,
    INSUFFICIENT_EVIDENCE,
    CallScore,
    Outcome,
)
from calmscore.analysis.report import (
    CallInfo,
    CallReport,
    Direction,
    ModelInfo,
    SegmentReport,
    Speaker,
    Speakers,
    Talk,
    Words,
)
from calmscore.errors import Notice
from calmscore.settings import RAW_FORMAT_PATTERN
from calmscore.store.calls import ReviewStatus
from calmscore.store.jobs import JobState
from calmscore.store.raised_alerts import AlertStatus
from calmscore.store.standings import Standing

CALL_ID = "^[0-9a-f]{64}$"
JOB_ID = "^[0-9a-f]{32}$"
_EXAMPLE_CALL_ID = "3b5d5c3712955042212316173ccf37be800f2b4f9d1e0c6a1f0a3f6f2a4c9d10"
EXAMPLE_JOB_ID = "5f0c8a4e6d7b4c1f9a2e3d4c5b6a7f80"
# No control characters: they cannot be seen, and PostgreSQL keeps no NUL.
_TEXT = r"^[^\u0000-\u001f\u007f]*[^\s\u0000-\u001f\u007f][^\u0000-\u001f\u007f]*$"

_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
# A day from either end of the calendar, any zone still fits.
_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)


def _moment(text: Any) -> Any:
    """Read a moment as RFC 3339 writes it; pydantic would also take plain numbers."""
    if not (isinstance(text, str) and _MOMENT.fullmatch(text)):
        raise ValueError("write date, time and zone, for example 2026-03-02T14:05:00+01:00")
    # A leap second is the last moment of its minute; Python has no 61st second.
    return datetime.fromisoformat(text.upper().replace(":60", ":59"))


def _in_utc(moment: datetime) -> datetime:
    try:
        return min(max(moment.astimezone(UTC), _EARLIEST), _LATEST)
    except OverflowError:
        return _EARLIEST if moment.year == 1 else _LATEST


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    AfterValidator(_in_utc),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


Name = Annotated[str, Field(min_length=1, max_length=200, pattern=_TEXT)]


class Document(BaseModel):
    """Root of all answers."""

    model_config = ConfigDict(extra="forbid")


RawFormatField = Annotated[
    str | None,
    Field(
        pattern=RAW_FORMAT_PATTERN,
        description="What a recording without a header holds: coding:rate:channels, as "
        "ulaw:8000:1; as the file's name or the service's settings tell by default.",
    ),
]


class ClipFields(BaseModel):
    """The fields that may come with a clip."""

    model_config = ConfigDict(extra="forbid")

    raw_format: RawFormatField = None


class CallFields(BaseModel):
    """The fields that may come with a recording."""

    model_config = ConfigDict(extra="forbid")

    agent: Annotated[Name | None, Field(description="Who took the call.")] = None
    customer: Annotated[Name | None, Field(description="Who called.")] = None
    called_at: Annotated[
        Moment | None, Field(description="When the call was made; with a time zone.")
    ] = None
    customer_channel: Annotated[
        ChannelChoice | None,
        Field(description="Where the customer is; as in the settings by default."),
    ] = None
    direction: Annotated[
        Direction | None,
        Field(description="Who called whom; as the file's name tells by default."),
    ] = None
    raw_format: RawFormatField = None
    words: Annotated[
        bool | None,
        Field(description="Whether to write down what is said, after the score; true by default."),
    ] = None


class ErrorInfo(Document):
    """Why a job failed."""

    code: str
    message: str


class JobDocument(Document):
    """A recording on its way to a report."""

    model_config = ConfigDict(
        title="Job",
        json_schema_extra={
            "examples": [
                {
                    "id": EXAMPLE_JOB_ID,
                    "state": "failed",
                    "file_name": "call.wav",
                    "call_id": None,
                    "error": {
                        "code": "empty_file",
                        "message": "call.wav is empty (0 bytes); export the call again.",
                    },
                    "created_at": "2026-03-02T13:05:07Z",
                    "finished_at": "2026-03-02T13:05:08Z",
                }
            ]
        },
    )

    id: Annotated[str, Field(pattern=JOB_ID)]
    state: JobState
    file_name: str
    call_id: Annotated[str | None, Field(description="Where it is done: the call.")]
    error: Annotated[ErrorInfo | None, Field(description="Where it failed: the reason.")]
    created_at: datetime
    finished_at: datetime | None


class SaidLineDocument(Document):
    """A line in which something is said that was looked for."""

    model_config = ConfigDict(title="SaidLine")

    at_seconds: Annotated[float, Field(description="When the first such word begins.")]
    speaker: Speaker | None
    before: str
    said: str
    after: str


class CallSummary(Document):
    """A stored call as lists show it."""

    id: Annotated[str, Field(pattern=CALL_ID, description="SHA-256 of the recording.")]
    file_name: str
    agent: str | None
    customer: str | None
    called_at: datetime
    added_at: datetime
    duration_seconds: float
    score: Annotated[float | None, Field(ge=1.0, le=10.0)]
    outcome: Outcome
    trend: Annotated[list[float], Field(description="Smoothed distress over the call, 0–1.")]
    has_audio: bool
    agent_share: Annotated[
        float | None, Field(ge=0.0, le=1.0, description="Of what both say, the agent's, by time.")
    ]
    interruptions: Annotated[
        int | None, Field(description="How often one takes the word from the other.")
    ]
    pauses: Annotated[int | None, Field(description="Silences of 3 s or more.")]
    watched: Annotated[dict[str, int], Field(description="How often each watched phrase is said.")]
    said: Annotated[list[SaidLineDocument], Field(description="Where `words` are said.")]
    tags: list[str]
    status: Annotated[ReviewStatus, Field(description="Whether somebody listened to it.")]
    reviewer: Annotated[str | None, Field(description="Who listens to it, or did.")]
    due_on: Annotated[date | None, Field(description="Until when.")]
    standing: Annotated[
        Standing | None,
        Field(description="What stands against the score: its agent contests it, or it is set "
              "aside and not to be used."),
    ]  # fmt: skip


class CallPage(Document):
    """A page of calls."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "calls": [
                        {
                            "id": _EXAMPLE_CALL_ID,
                            "file_name": "call.wav",
                            "agent": "Ada Byron",
                            "customer": "4711",
                            "called_at": "2026-03-02T13:05:00Z",
                            "added_at": "2026-03-02T13:05:08Z",
                            "duration_seconds": 184.2,
                            "score": 8.3,
                            "outcome": DE_ESCALATED,
                            "trend": [0.71, 0.64, 0.2, 0.08],
                            "has_audio": True,
                            "agent_share": 0.46,
                            "interruptions": 1,
                            "pauses": 2,
                            "watched": {"supervisor": 1},
                            "said": [],
                            "tags": ["billing"],
                            "status": "reviewed",
                            "reviewer": "Lea Lovelace",
                            "due_on": None,
                            "standing": None,
                        }
                    ],
                    "total": 1,
                    "limit": 100,
                    "offset": 0,
                }
            ]
        }
    )

    calls: list[CallSummary]
    total: Annotated[int, Field(description="Calls that match, on all pages.")]
    limit: int
    offset: int


class AlertDocument(Document):
    """That a rule found a call, and whether somebody took note."""

    model_config = ConfigDict(
        title="Alert",
        json_schema_extra={
            "examples": [
                {
                    "rule_id": 1,
                    "rule_name": "Escalated",
                    "call_id": _EXAMPLE_CALL_ID,
                    "file_name": "call.wav",
                    "agent": "Ada Byron",
                    "called_at": "2026-03-02T13:05:00Z",
                    "score": 2.1,
                    "outcome": ESCALATED,
                    "raised_at": "2026-03-02T13:05:08Z",
                    "status": "open",
                    "acknowledged_by": None,
                    "acknowledged_at": None,
                }
            ]
        },
    )

    rule_id: int
    rule_name: str
    call_id: Annotated[str, Field(pattern=CALL_ID)]
    file_name: str
    agent: str | None
    called_at: datetime
    score: Annotated[float | None, Field(ge=1.0, le=10.0)]
    outcome: Outcome
    raised_at: datetime
    status: Annotated[
        AlertStatus,
        Field(description="`open` until somebody acknowledges it, or reviews its call, takes that "
              "over or skips it."),
    ]  # fmt: skip
    acknowledged_by: Annotated[str | None, Field(description="Who did.")]
    acknowledged_at: datetime | None


class AlertPage(Document):
    """A page of alerts."""

    alerts: list[AlertDocument]
    total: Annotated[int, Field(description="Alerts of the status asked for, on all pages.")]
    limit: int
    offset: int


class WordsDocument(Document):
    """What is said in a call, and how far it is written down."""

    model_config = ConfigDict(
        title="WordsOfCall",
        json_schema_extra={
            "examples": [{"state": "waiting", "words": None, "notices": [], "watched": {}}]
        },
    )

    state: Annotated[
        Literal["waiting", "done", "none"],
        Field(description="`none`: they were not asked for, or are not kept."),
    ]
    words: Words | None
    notices: Annotated[list[Notice], Field(description="Why there are none, for example.")]
    watched: Annotated[dict[str, int], Field(description="How often each watched phrase is said.")]


EXAMPLE_REPORT: dict[str, Any] = CallReport(
    call=CallInfo(
        id=_EXAMPLE_CALL_ID,
        file_name="call.wav",
        duration_seconds=3.0,
        sample_rate_hz=8000,
        channels=2,
        customer_channel="right",
    ),
    speakers=Speakers(how="channels", customer_from="greeting", doubt=0.2),
    model=ModelInfo(name="calmscore", version="2.1.0", sha256="9f86d081"),
    score=CallScore(
        value=None, outcome=INSUFFICIENT_EVIDENCE, summary="There is too little speech for a score."
    ),
    segments=(
        SegmentReport(
            index=0, start_seconds=0.0, end_seconds=3.0, speech_seconds=0.0, status="no_speech"
        ),
    ),
    talk=Talk(
        customer_seconds=0.0,
        agent_seconds=0.0,
        silence_seconds=3.0,
        overtalk_seconds=0.0,
        longest_silence_seconds=3.0,
    ),
    warnings=(Notice(code="no_speech", message="No speech was found."),),
).to_dict()
"""A report as the service answers it, for the documentation."""


class StatusDocument(Document):
    """Whether all is well."""

    model_config = ConfigDict(title="Status", json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"]
