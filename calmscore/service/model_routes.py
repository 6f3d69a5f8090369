"""Routes of the model: classify a clip, train another model."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from calmscore.analysis.clip import LARGEST_CLIP_BYTES, classify_clip
from calmscore.audio.recording_file import clean_file_name
from calmscore.service.access import Admin, Supervisor
from calmscore.service.documents import ClipFields
from calmscore.service.model_documents import PredictionDocument, TrainingDocument, TrainingRequest
from calmscore.service.problems import ProblemError, documented
from calmscore.service.state import CurrentService, Service
from calmscore.service.upload_routes import JobId, job_error
from calmscore.service.uploads import checked_fields, receive_upload, upload_form
from calmscore.store.jobs import JobRow, read_job

_LARGEST_REQUEST_BYTES = 16 * 1024

router = APIRouter(prefix="/v1", tags=["model"])


@router.post(
    "/predict",
    response_model=PredictionDocument,
    summary="Classify a clip",
    responses=documented(401, 403, 413, 415, 422, 429, 500, 503),
    openapi_extra=upload_form(ClipFields),
    operation_id="predict",
)
async def predict(request: Request, service: CurrentService, key: Supervisor) -> dict[str, Any]:
    """Return how a clip of one voice sounds, up to 60 s and 32 MiB; nothing is stored."""
    classifier = service.classifier.now()
    most_bytes = min(LARGEST_CLIP_BYTES, service.settings.max_file_bytes)
    async with receive_upload(
        request, service.store.incoming.folder, most_bytes=most_bytes
    ) as upload:
        said = checked_fields(upload, ClipFields)
        async with service.predictions_at_once:
            return await run_in_threadpool(
                classify_clip,
                upload.path,
                file_name=clean_file_name(upload.file_name),
                classifier=classifier,
                **said,
            )


@router.post(
    "/train",
    status_code=HTTPStatus.ACCEPTED,
    summary="Train a model",
    responses={
        202: {
            "model": TrainingDocument,
            "description": "The training runs.",
            "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
            "links": {
                "training": {
                    "operationId": "read_training",
                    "parameters": {"job_id": "$response.body#/id"},
                }
            },
        },
        **documented(401, 403, 404, 409, 413, 415, 422, 429, 500, 503),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/TrainingRequest"}}
            },
        }
    },
    operation_id="train",
)
async def train(
    request: Request, response: Response, service: CurrentService, key: Admin
) -> TrainingDocument:
    """Train a model in the background, one at a time; the one that serves is not touched."""
    wanted = await _training_request(request)
    options = wanted.model_dump(exclude={"training_set"}, exclude_none=True)
    job = await run_in_threadpool(
        service.trainings.start,
        training_set=wanted.training_set,
        options=options,
        actor=key.name,
    )
    response.headers["Location"] = f"/v1/train/{job.id}"
    return _training_document(service, job)


@router.get(
    "/train/{job_id}",
    summary="How far a training is",
    responses=documented(401, 403, 404, 422, 429, 500, 503),
    operation_id="read_training",
)
def read_training(service: CurrentService, key: Admin, job_id: JobId) -> TrainingDocument:
    """Return the state of a training, the end of its log and, once it is done, its figures."""
    with service.store.database.reading() as session:
        job = read_job(session, job_id)
    if job.kind != "training":
        raise ProblemError(HTTPStatus.NOT_FOUND, "not_found", f"there is no training {job_id!r}")
    return _training_document(service, job)


async def _training_request(request: Request) -> TrainingRequest:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "the body is not application/json; send a JSON object",
        )
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_REQUEST_BYTES:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "request_too_large",
                f"the body is larger than {_LARGEST_REQUEST_BYTES} bytes",
            )
    try:
        return TrainingRequest.model_validate_json(bytes(body))
    except ValidationError as error:
        raise RequestValidationError(
            [{**reason, "loc": ("body", *reason["loc"])} for reason in error.errors()]
        ) from error


def _training_document(service: Service, job: JobRow) -> TrainingDocument:
    artifacts = service.trainings.artifacts(job.id).relative_to(service.store.folder)
    return TrainingDocument.model_validate(
        {
            "id": job.id,
            "state": job.state,
            "training_set": job.parameters["training_set"],
            "version": job.parameters["version"],
            "artifacts": artifacts.as_posix(),
            "log": service.trainings.log_lines(job.id),
            "metrics": service.trainings.metrics(job.id) if job.state == "done" else None,
            "error": job_error(job),
            "created_at": job.created_at,
            "finished_at": job.finished_at,
        }
    )
