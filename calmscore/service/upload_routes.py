"""Routes of uploads, and of the jobs that make calls of them."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from calmscore.analysis.report import CallReport
from calmscore.audio.recording_file import clean_file_name
from calmscore.errors import StoreError
from calmscore.service.access import Supervisor, Viewer
from calmscore.service.call_routes import REPORT_ANSWER
from calmscore.service.documents import JOB_ID, CallFields, JobDocument
from calmscore.service.problems import ProblemError, documented
from calmscore.service.state import CurrentService, Service
from calmscore.service.uploads import checked_fields, receive_upload, upload_form
from calmscore.store.jobs import JobRow, read_job
from calmscore.store.reports import read_report

_LONGEST_NAME = 200
_LOOK_EVERY_SECONDS = 2.0

router = APIRouter(prefix="/v1", tags=["calls"])


def _job_id(job_id: Annotated[str, Path(json_schema_extra={"pattern": JOB_ID})]) -> str:
    if not re.fullmatch(JOB_ID, job_id):
        raise ProblemError(HTTPStatus.NOT_FOUND, "not_found", f"{job_id!r} is no id of a job")
    return job_id


JobId = Annotated[str, Depends(_job_id)]


@router.post(
    "/calls",
    status_code=HTTPStatus.ACCEPTED,
    summary="Upload a recording",
    responses={
        200: {**REPORT_ANSWER, "description": "With `wait`: it was stored already."},
        201: {
            **REPORT_ANSWER,
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
    openapi_extra=upload_form(CallFields),
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
