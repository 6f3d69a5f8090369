"""Every error of the service as a problem document (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from calmscore.errors import (
    CallFileError,
    CalmscoreError,
    NotStoredError,
    ParameterError,
    QueueFullError,
    RecordingNotKeptError,
)

MEDIA_TYPE = "application/problem+json"
_QUEUE_FULL_SECONDS = "30"
_TOO_LARGE = "file_too_large"
_OWN_FAULTS = {"internal_error": 500, "store_unusable": 503, "artifact_unusable": 503}

_log = logging.getLogger("calmscore.service")


class ProblemError(Exception):
    """Ends a request with a problem document.

    Parameters
    ----------
    status : int
        HTTP status, 400–599.
    code : str
        Short name of the reason, the same for every problem of one kind.
    detail : str
        One sentence for people: what, why, and what to do.
    headers : mapping, optional
        Further headers of the answer.
    instance : str, optional
        Path of what the problem is about.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        instance: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.instance = instance

    @classmethod
    def of_analysis(cls, code: str, message: str, *, instance: str | None = None) -> ProblemError:
        """Return the problem of a recording that could not be analysed."""
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        if code == _TOO_LARGE:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        elif code in _OWN_FAULTS:
            status = HTTPStatus(_OWN_FAULTS[code])
        return cls(status, code, message, instance=instance)

    def response(self) -> JSONResponse:
        """Return the answer that carries this problem."""
        document = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": int(self.status),
            "detail": self.detail,
            "code": self.code,
        }
        if self.instance is not None:
            document["instance"] = self.instance
        return JSONResponse(
            document, status_code=self.status, headers=self.headers, media_type=MEDIA_TYPE
        )


class ProblemDocument(BaseModel):
    """A problem document (RFC 9457) with the reason's short name."""

    model_config = ConfigDict(
        title="Problem",
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unprocessable Entity",
                    "status": 422,
                    "detail": "call.wav is empty (0 bytes); export the call again.",
                    "code": "empty_file",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str | None = None


_MEANINGS = {
    400: "A header cannot be read.",
    401: "The key is missing, unknown or revoked.",
    403: "The key's role may not do this.",
    404: "There is no such thing.",
    409: "Not possible at present.",
    410: "The recording is no longer kept.",
    413: "The request is larger than the limit.",
    415: "The body is of another media type.",
    416: "The range lies outside of the recording.",
    422: "A value or the recording cannot be used; the detail says which and why.",
    429: "The key asked too often, or too many calls wait; `Retry-After` says when to come back.",
    500: "A fault in Calmscore.",
    503: "Not ready: the store does not answer, or the model is not loaded.",
}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    416: {"Content-Range": {"required": True, "schema": {"type": "string"}}},
    429: {
        "Retry-After": {
            "required": True,
            "description": "Seconds to wait.",
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
        }
    },
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of these problems for OpenAPI."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
        for status in statuses
    }


def add_handlers(app: FastAPI) -> None:
    """Let an application answer every error with a problem document."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(CalmscoreError, _calmscore_error)
    app.add_exception_handler(SQLAlchemyError, _store_error)
    app.add_exception_handler(Exception, _fault)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    return error.response()


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers, detail = dict(error.headers or {}), str(error.detail)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_allowed_methods(request)) or headers.get("Allow", "")
        headers["Allow"] = allowed
        detail = f"{request.method} is not possible here; use {allowed}"
    elif error.status_code == HTTPStatus.NOT_FOUND:
        detail = "there is nothing under this path; /openapi.json lists what there is"
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    return ProblemError(error.status_code, code, detail, headers=headers).response()


def _allowed_methods(request: Request) -> list[str]:
    # All of them: the router names only those of the first route with this path.
    methods: set[str] = set()
    for path, operations in request.app.openapi()["paths"].items():
        if compile_path(path)[0].match(request.url.path):
            methods |= {name.upper() for name in operations}
    return sorted(methods)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # What was sent is not repeated: it may be long, or somebody's name.
    reasons = [
        f"{' '.join(str(part) for part in reason['loc'])}: {reason['msg']}"
        for reason in error.errors()
    ]
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", "; ".join(reasons)
    ).response()


async def _calmscore_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CalmscoreError)
    if isinstance(error, CallFileError):
        return ProblemError.of_analysis(error.code, str(error)).response()
    status, headers = HTTPStatus.SERVICE_UNAVAILABLE, {}
    if isinstance(error, QueueFullError):
        status, headers = HTTPStatus.TOO_MANY_REQUESTS, {"Retry-After": _QUEUE_FULL_SECONDS}
    elif isinstance(error, NotStoredError):
        status = HTTPStatus.NOT_FOUND
    elif isinstance(error, RecordingNotKeptError):
        status = HTTPStatus.GONE
    elif isinstance(error, ParameterError):
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    else:
        _log.error("%s %s: %s", request.method, request.url.path, error.in_full)
    return ProblemError(status, error.code, str(error), headers=headers).response()


async def _store_error(request: Request, error: Exception) -> JSONResponse:
    _log.exception("%s %s: the database failed", request.method, request.url.path, exc_info=error)
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "store_unusable",
        "the database does not answer; try again, and look at the service's log if it stays so",
    ).response()


async def _fault(request: Request, error: Exception) -> JSONResponse:
    # The server logs the traceback itself.
    return ProblemError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        f"{request.method} {request.url.path} failed because of a fault in Calmscore; "
        "the service's log says more",
    ).response()
