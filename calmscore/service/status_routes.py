"""Routes for those who run the service: does it live, is it ready, what did it do."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text

from calmscore.errors import StoreError
from calmscore.service.access import Viewer
from calmscore.service.documents import StatusDocument
from calmscore.service.problems import ProblemError, documented
from calmscore.service.state import CurrentService

router = APIRouter(tags=["status"])


@router.get(
    "/healthz", summary="Does it live", responses=documented(500), operation_id="read_health"
)
async def read_health() -> StatusDocument:
    """Say that the process lives; no key is needed."""
    return StatusDocument(status="ok")


@router.get(
    "/readyz",
    summary="Is it ready",
    responses=documented(500, 503),
    operation_id="read_readiness",
)
def read_readiness(service: CurrentService) -> StatusDocument:
    """Say whether uploads can be stored and the model is loaded; no key is needed."""
    service.classifier.now()
    with service.store.database.reading() as session:
        session.execute(text("SELECT 1"))
    if not service.queue.alive:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "workers_stopped",
            "the workers do not run; start the service again",
        )
    if service.queue.trouble:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, StoreError.code, service.queue.trouble)
    return StatusDocument(status="ok")


@router.get(
    "/metrics",
    response_class=Response,
    summary="Figures for Prometheus",
    responses={
        200: {
            "description": "In the text form of Prometheus.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **documented(401, 403, 429, 500, 503),
    },
    operation_id="read_metrics",
)
def read_metrics(service: CurrentService, key: Viewer) -> Response:
    """Return the counts of requests and analyses, their seconds, and the queue's length."""
    text_form = service.metrics.text(queue_length=service.queue.length())
    return Response(text_form, media_type=CONTENT_TYPE_LATEST)
