"""Routes of calls and of the jobs that lead to them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from calmscore.analysis.call_score import Outcome
from calmscore.analysis.report import CallReport
from calmscore.audio.recording_file import clean_file_name
from calmscore.errors import StoreError
from calmscore.service.access import Supervisor, Viewer
from calmscore.service.audio_response import AudioResponse
from calmscore.service.documents import (
    CALL_ID,
    EXAMPLE_REPORT,
    JOB_ID,
    CallFields,
    CallPage,
    CallSummary,
    JobDocument,
    Moment,
    Name,
    WordsDocument,
)
from calmscore.service.problems import ProblemError, documented
from calmscore.service.state import CurrentService, Service
from calmscore.service.uploads import FILE_FIELD, Upload, receive_upload
from calmscore.store.calls import (
    CallFilter,
    CallOrder,
    CallRow,
    ReviewStatus,
    count_calls,
    list_calls,
    read_call,
)
from calmscore.store.jobs import JobRow, read_job
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

_LONGEST_NAME = 200
_LOOK_EVERY_SECONDS = 2.0
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


def _job_id(job_id: Annotated[str, Path(json_schema_extra={"pattern": JOB_ID})]) -> str:
    if not re.fullmatch(JOB_ID, job_id):
        raise ProblemError(HTTPStatus.NOT_FOUND, "not_found", f"{job_id!r} is no id of a job")
    return job_id


CallId = Annotated[str, Depends(_call_id)]
JobId = Annotated[str, Depends(_job_id)]
Score = Annotated[float | None, Query(ge=1.0, le=10.0)]


def upload_form(*, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a multipart form with a recording for OpenAPI."""
    recording = {
        "type": "string",
        "contentMediaType": "application/octet-stream",
        "format": "binary",
        "description": "The recording: WAV, FLAC, OGG, MP3, M4A, WebM, AMR and others.",
    }
    schema = {
        "type": "object",
        "required": [FILE_FIELD],
        "properties": {FILE_FIELD: recording, **fields},
        "additionalProperties": False,
    }
    encoding = {FILE_FIELD: {"contentType": "audio/wav"}}
    return {
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": schema, "encoding": encoding}},
        }
    }


def form_fields(kind: type[BaseModel]) -> dict[str, Any]:
    """Return the description of the fields that come with a file, for OpenAPI."""
    # A field of a form is there or not; it is never null.
    fields = {}
    for name, description in kind.model_json_schema()["properties"].items():
        schema = next(kind for kind in description["anyOf"] if kind.get("type") != "null")
        fields[name] = {**schema, "description": description["description"]}
    return fields


_REPORT: dict[str, Any] = {
    "model": CallReport,
    "description": "The report.",
    "content": {"application/json": {"example": EXAMPLE_REPORT}},
}


@router.post(
    "/calls",
    status_code=HTTPStatus.ACCEPTED,
    summary="Upload a recording",
    responses={
        200: {**_REPORT, "description": "With `wait`: it was stored already."},
        201: {
            **_REPORT,
            "description": "With `wait`: the report of the new call.",
            "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
        },
        202: {
            "model": JobDocument,
            "description": "The recording is in the queue.",
            "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
            "links": {
                "job": {"operationId": "read_job", "parameters": {"job_id": "$response.body#/id"}}
            },
        },
        **documented(401, 403, 413, 415, 422, 429, 500, 503),
    },
    openapi_extra=upload_form(fields=form_fields(CallFields)),
    operation_id="add_call",
)
async def add_call(
    request: Request,
    service: CurrentService,
    key: Supervisor,
    wait: Annotated[bool, Query(description="Answer with the report itself.")] = False,
) -> JSONResponse:
    """Put a recording in the queue and answer with a job, or wait for its report.

    The same recording is one call, however often it comes.
    """
    if wait:
        await run_in_threadpool(service.classifier.wait)
    # Before the body is read, and again with it.
    await run_in_threadpool(service.queue.check_room)
    async with receive_upload(
        request, service.store.incoming.folder, most_bytes=service.settings.max_file_bytes
    ) as upload:
        parameters = {
            "file_name": clean_file_name(upload.file_name)[-_LONGEST_NAME:],
            "actor": key.name,
            **checked_fields(upload, CallFields),
        }
        job = await to_thread.run_sync(
            lambda: service.queue.add(upload.path, parameters=parameters),
            limiter=service.writes_at_once,
        )
    if not wait:
        return JSONResponse(
            _job_document(job).model_dump(mode="json"),
            status_code=HTTPStatus.ACCEPTED,
            headers={"Location": _job_path(job.id)},
        )
    ended, report = await _end_of(service, job.id)
    if report is None:
        raise ProblemError.of_analysis(
            ended.error_code or "", ended.error_message or "", instance=_job_path(job.id)
        )
    return JSONResponse(
        report,
        status_code=HTTPStatus.CREATED if ended.taken == "added" else HTTPStatus.OK,
        headers={"Location": f"/v1/calls/{ended.call_id}"},
    )


async def _end_of(service: Service, job_id: str) -> tuple[JobRow, dict[str, Any] | None]:
    """Wait until a job has ended, here or in another service."""
    end = asyncio.wrap_future(service.queue.end_of(job_id))
    try:
        while True:
            with suppress(StoreError):  # the job waits for the store, and so do we
                job, report = await run_in_threadpool(_read_end, service, job_id)
                if job.finished_at is not None:
                    return job, report
            await asyncio.wait([end], timeout=_LOOK_EVERY_SECONDS)
            if end.done():
                # Until the store can be read, there is nothing else to wake up for.
                end = asyncio.get_running_loop().create_future()
    finally:
        service.queue.forget_end(job_id)


def _read_end(service: Service, job_id: str) -> tuple[JobRow, dict[str, Any] | None]:
    with service.store.database.reading() as session:
        job = read_job(session, job_id)
        if job.state != "done":
            return job, None
        return job, CallReport.from_dict(read_report(session, str(job.call_id))).to_dict()


def checked_fields(upload: Upload, kind: type[BaseModel]) -> dict[str, Any]:
    """Return what came with a file.

    Raises
    ------
    RequestValidationError
        If it is not what the kind describes.
    """
    # A field that was left empty on a form tells nothing.
    given = {name: text for name, text in upload.fields.items() if text}
    try:
        fields = kind.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError(
            [{**reason, "loc": ("body", *reason["loc"])} for reason in error.errors()]
        ) from error
    return fields.model_dump(mode="json", exclude_none=True)


@router.get(
    "/jobs/{job_id}",
    summary="How far an upload is",
    responses=documented(401, 403, 404, 422, 429, 500, 503),
    operation_id="read_job",
)
def read_call_job(service: CurrentService, key: Viewer, job_id: JobId) -> JobDocument:
    """Return the job of an upload; it is deleted together with its call."""
    with service.store.database.reading() as session:
        job = read_job(session, job_id)
    if job.kind != "call":
        raise ProblemError(HTTPStatus.NOT_FOUND, "not_found", f"there is no upload {job_id!r}")
    return _job_document(job)


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
    responses={200: _REPORT, **documented(401, 403, 404, 422, 429, 500, 503)},
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


def _job_path(job_id: str) -> str:
    return f"/v1/jobs/{job_id}"


def _job_document(job: JobRow) -> JobDocument:
    return JobDocument.model_validate(
        {
            "id": job.id,
            "state": job.state,
            "file_name": job.parameters["file_name"],
            # The hash is known earlier; it is a call's id when there is the call.
            "call_id": job.call_id if job.state == "done" else None,
            "error": job_error(job),
            "created_at": job.created_at,
            "finished_at": job.finished_at,
        }
    )


def job_error(job: JobRow) -> dict[str, Any] | None:
    """Return why a job failed, if it did."""
    if job.error_code is None:
        return None
    return {"code": job.error_code, "message": job.error_message or ""}


def _summary(row: CallRow, watched: Mapping[str, int], said: Sequence[SaidLine]) -> dict[str, Any]:
    return {
        # The document says which fields a list shows.
        **{name: getattr(row, name) for name in CallSummary.model_fields if hasattr(row, name)},
        "trend": list(row.trend),
        "tags": list(row.tags),
        "watched": watched,
        "said": [vars(line) for line in said],
    }
