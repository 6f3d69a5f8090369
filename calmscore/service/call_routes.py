"""Routes of stored calls."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import JSONResponse

from calmscore.analysis.call_score import Outcome
from calmscore.analysis.report import CallReport
from calmscore.service.access import Supervisor, Viewer
from calmscore.service.audio_response import AudioResponse
from calmscore.service.documents import (
    CALL_ID,
    EXAMPLE_REPORT,
    CallPage,
    CallSummary,
    Moment,
    Name,
    WordsDocument,
)
from calmscore.service.problems import ProblemError, documented
from calmscore.service.state import CurrentService
from calmscore.store.calls import (
    CallFilter,
    CallOrder,
    CallRow,
    ReviewStatus,
    count_calls,
    list_calls,
    read_call,
)
from calmscore.store.reports import read_report
from calmscore.store.settings import read_settings
from calmscore.store.standings import Standing
from calmscore.store.words import (
    SaidLine,
    count_phrases,
    lines_of_calls,
    phrases_of_calls,
    words_state,
)
from calmscore.words.transcript import words_notices

LARGEST_OFFSET = 2**31 - 1

router = APIRouter(prefix="/v1", tags=["calls"])


def _call_id(
    call_id: Annotated[
        str, Path(description="SHA-256 of the recording.", json_schema_extra={"pattern": CALL_ID})
    ],
) -> str:
    if not re.fullmatch(CALL_ID, call_id):
        raise ProblemError(HTTPStatus.NOT_FOUND, "not_found", f"{call_id!r} is no id of a call")
    return call_id


CallId = Annotated[str, Depends(_call_id)]
Score = Annotated[float | None, Query(ge=1.0, le=10.0)]


REPORT_ANSWER: dict[str, Any] = {
    "model": CallReport,
    "description": "The report.",
    "content": {"application/json": {"example": EXAMPLE_REPORT}},
}


@router.get(
    "/calls",
    summary="List calls",
    responses=documented(401, 403, 422, 429, 500, 503),
    operation_id="list_calls",
)
def list_stored_calls(
    service: CurrentService,
    key: Viewer,
    agent: Annotated[
        list[Name], Query(default_factory=list, max_length=100, description="Any of these.")
    ],
    outcome: Annotated[
        list[Outcome], Query(default_factory=list, max_length=20, description="Any of these.")
    ],
    phrase: Annotated[
        list[Name],
        Query(default_factory=list, max_length=100, description="Any of these is said."),
    ],
    standing: Annotated[
        list[Standing],
        Query(default_factory=list, max_length=20, description="Any of these."),
    ],
    status: Annotated[
        list[ReviewStatus],
        Query(default_factory=list, max_length=20, description="Any of these."),
    ],
    since: Annotated[Moment | None, Query(description="Made at or after.")] = None,
    until: Annotated[Moment | None, Query(description="Made before.")] = None,
    lowest_score: Score = None,
    highest_score: Score = None,
    tag: Annotated[Name | None, Query()] = None,
    text: Annotated[
        Name | None, Query(description="A part of the file's, agent's or customer's name.")
    ] = None,
    has_audio: Annotated[
        bool | None, Query(description="Whether the recording is kept and can be played.")
    ] = None,
    words: Annotated[
        Name | None,
        Query(
            description="What is said in the call; in double quotes, one after another. Each call "
            "then comes with the lines in `said`."
        ),
    ] = None,
    order: Annotated[CallOrder, Query(description="Calls without a value come last.")] = (
        "called_at"
    ),
    descending: bool = True,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=LARGEST_OFFSET)] = 0,
) -> CallPage:
    """Return a page of the calls that match all filters."""
    wanted = CallFilter(
        agents=agent,
        outcomes=outcome,
        since=since,
        until=until,
        lowest_score=lowest_score,
        highest_score=highest_score,
        tag=tag,
        text=text,
        words=words,
        phrases=phrase,
        standings=standing,
        statuses=status,
        has_audio=has_audio,
    )
    with service.store.database.reading() as session:
        rows = list_calls(
            session, wanted, order=order, descending=descending, limit=limit, offset=offset
        )
        total = count_calls(session, wanted)
        numbers = [row.number for row in rows]
        watched = phrases_of_calls(session, numbers, read_settings(session).watched_phrases)
        said = lines_of_calls(session, numbers, words or "")
    return CallPage.model_validate(
        {
            "calls": [
                _summary(row, watched.get(row.number, {}), said.get(row.number, ())) for row in rows
            ],
            "total": total,
            "limit": limit,
            "offset": offset,
        }
    )


@router.get(
    "/calls/{call_id}",
    summary="Read a report",
    responses={200: REPORT_ANSWER, **documented(401, 403, 404, 422, 429, 500, 503)},
    operation_id="read_call",
)
def read_stored_call(service: CurrentService, key: Viewer, call_id: CallId) -> JSONResponse:
    """Return the current report of a call, in the newest form."""
    with service.store.database.reading() as session:
        document = read_report(session, call_id)
    return JSONResponse(CallReport.from_dict(document).to_dict())


@router.get(
    "/calls/{call_id}/words",
    summary="Read what is said",
    responses=documented(401, 403, 404, 422, 429, 500, 503),
    operation_id="read_words",
)
def read_words(service: CurrentService, key: Viewer, call_id: CallId) -> WordsDocument:
    """Return the words of a call: they follow its score, and are kept as long as its recording."""
    with service.store.database.reading() as session:
        report = CallReport.from_dict(read_report(session, call_id))
        state = words_state(session, call_id)
        phrases = read_settings(session).watched_phrases
    turns = () if report.words is None else report.words.turns
    return WordsDocument(
        state=state or "none",
        words=report.words,
        notices=words_notices(report),
        watched=count_phrases((turn.text for turn in turns), phrases),
    )


@router.delete(
    "/calls/{call_id}",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Delete a call",
    responses=documented(401, 403, 404, 422, 429, 500, 503),
    operation_id="delete_call",
)
async def delete_stored_call(service: CurrentService, key: Supervisor, call_id: CallId) -> None:
    """Delete a call: recording, reports, notes, tags, corrections and jobs."""
    await to_thread.run_sync(
        lambda: service.store.delete_call(call_id, actor=key.name), limiter=service.writes_at_once
    )


@router.get(
    "/calls/{call_id}/audio",
    response_class=Response,
    summary="Listen to a call",
    responses={
        **{
            status: {
                "description": meaning,
                "content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}},
                "headers": {"Accept-Ranges": {"required": True, "schema": {"type": "string"}}},
            }
            for status, meaning in ((200, "The recording."), (206, "The ranges asked for."))
        },
        **documented(400, 401, 403, 404, 410, 416, 422, 429, 500, 503),
    },
    operation_id="read_audio",
)
async def read_audio(service: CurrentService, key: Viewer, call_id: CallId) -> AudioResponse:
    """Return the recording, as it was uploaded, whole or in ranges; this is audited."""

    def opened() -> AudioResponse:
        with service.store.database.reading() as session:
            file_name = read_call(session, call_id).file_name
        path = service.store.open_audio(call_id, actor=key.name)
        return AudioResponse(path, file_name=file_name)

    return await to_thread.run_sync(opened, limiter=service.writes_at_once)


def _summary(row: CallRow, watched: Mapping[str, int], said: Sequence[SaidLine]) -> dict[str, Any]:
    return {
        # The document says which fields a list shows.
        **{name: getattr(row, name) for name in CallSummary.model_fields if hasattr(row, name)},
        "trend": list(row.trend),
        "tags": list(row.tags),
        "watched": watched,
        "said": [vars(line) for line in said],
    }
