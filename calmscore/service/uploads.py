"""Uploads, written to disk while they arrive; their names are never paths."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from calmscore.service.problems import ProblemError

FILE_FIELD = "file"
_PART_SUFFIX = ".part"
# What the other fields and the boundaries may take.
_FORM_BYTES = 64 * 1024
_FIELD_BYTES = 4 * 1024
_MOST_PARTS = 20
_CHUNK_BYTES = 1 << 20


@dataclass(kw_only=True)
class Upload:
    """A file that arrived, and the fields that came with it.

    Attributes
    ----------
    path : Path
        Where it lies.
    file_name : str
        As the sender calls it; for people, never for paths.
    fields : dict of str to str
        The other fields.
    """

    path: Path
    file_name: str = ""
    fields: dict[str, str] = field(default_factory=dict)


def upload_form(kind: type[BaseModel]) -> dict[str, Any]:
    """Return the description of a multipart form for OpenAPI: a recording, and these fields."""
    recording = {
        "type": "string",
        "contentMediaType": "application/octet-stream",
        "format": "binary",
        "description": "The recording: WAV, FLAC, OGG, MP3, M4A, WebM, AMR and others.",
    }
    schema = {
        "type": "object",
        "required": [FILE_FIELD],
        "properties": {FILE_FIELD: recording, **_form_fields(kind)},
        "additionalProperties": False,
    }
    encoding = {FILE_FIELD: {"contentType": "audio/wav"}}
    return {
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": schema, "encoding": encoding}},
        }
    }


def _form_fields(kind: type[BaseModel]) -> dict[str, Any]:
    # A field of a form is there or not; it is never null.
    fields = {}
    for name, description in kind.model_json_schema()["properties"].items():
        schema = next(kind for kind in description["anyOf"] if kind.get("type") != "null")
        fields[name] = {**schema, "description": description["description"]}
    return fields


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


@asynccontextmanager
async def receive_upload(
    request: Request, folder: Path, *, most_bytes: int
) -> AsyncIterator[Upload]:
    """Receive a multipart form with one file, and delete the file in the end.

    Parameters
    ----------
    request : Request
        Its body was not read yet.
    folder : Path
        Where the file is written; whoever moves it away keeps it.
    most_bytes : int
        Largest file.

    Yields
    ------
    Upload
        The whole of it.

    Raises
    ------
    Problem
        If the form is not one (415, 422), too large (413) or cannot be written (503).
    """
    boundary = _boundary(request)
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > most_bytes + _FORM_BYTES:
        raise _too_large(most_bytes)
    try:
        descriptor, name = await run_in_threadpool(
            tempfile.mkstemp, dir=folder, suffix=_PART_SUFFIX
        )
    except OSError as error:
        raise _not_written(error) from error
    path = Path(name)
    try:
        target = open(descriptor, "wb")  # noqa: SIM115  closed below, whatever its disk says
        try:
            form = _Form(boundary, target, most_bytes=most_bytes)
            await _receive(request, form)
        finally:
            # What could not be written is told by then; closing tries it once more.
            with suppress(OSError):
                target.close()
        yield form.finished(path)
    finally:
        path.unlink(missing_ok=True)


async def _receive(request: Request, form: _Form) -> None:
    pending = bytearray()
    async for chunk in request.stream():
        pending += chunk
        if len(pending) >= _CHUNK_BYTES:
            await run_in_threadpool(form.write, bytes(pending))
            pending.clear()
    await run_in_threadpool(form.close, bytes(pending))


def _boundary(request: Request) -> bytes:
    media_type, options = parse_options_header(request.headers.get("content-type"))
    if media_type != b"multipart/form-data" or not options.get(b"boundary"):
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "not_multipart",
            "the body is not multipart/form-data with a boundary; send the recording as the "
            f"form field {FILE_FIELD!r}",
        )
    return options[b"boundary"]


class _Form:
    """Takes a multipart body apart: the file to disk, short fields to memory."""

    def __init__(self, boundary: bytes, target: BinaryIO, *, most_bytes: int) -> None:
        self._target = target
        self._most_bytes = most_bytes
        self._bytes = 0
        self._parts: list[_Part] = []
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_begin": self._on_header_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _malformed(str(error)) from error

    def write(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed(str(error)) from error
        except OSError as error:
            raise _not_written(error) from error

    def close(self, chunk: bytes) -> None:
        """Take the last bytes of the body, and put the file on disk for good."""
        self.write(chunk)
        if not self._ended:
            raise _malformed("it breaks off before its last boundary")
        try:
            self._target.flush()
            os.fsync(self._target.fileno())
        except OSError as error:
            raise _not_written(error) from error

    def finished(self, path: Path) -> Upload:
        """Return what was in the body.

        Raises
        ------
        Problem
            If there was no file, or a field came twice.
        """
        names = [part.name for part in self._parts]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise _malformed(f"the field {twice!r} came more than once")
        upload = Upload(path=path)
        for part in self._parts:
            if part.name == FILE_FIELD:
                upload.file_name = part.file_name
            else:
                upload.fields[part.name] = bytes(part.content).decode(errors="replace")
        if FILE_FIELD not in names:
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "no_file",
                f"the form holds no file; send the recording as the form field {FILE_FIELD!r}",
            )
        return upload

    def _on_part_begin(self) -> None:
        if len(self._parts) == _MOST_PARTS:
            raise _malformed(f"it has more than {_MOST_PARTS} fields")
        self._parts.append(_Part())

    def _on_header_begin(self) -> None:
        self._header = (bytearray(), bytearray())

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _on_header_end(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._parts[-1].disposition = bytes(value)

    def _on_headers_finished(self) -> None:
        part = self._parts[-1]
        _, options = parse_options_header(part.disposition)
        part.name = options.get(b"name", b"").decode(errors="replace")
        part.file_name = options.get(b"filename", b"").decode(errors="replace")
        if not part.name:
            raise _malformed("a field has no name")
        if part.name == FILE_FIELD and b"filename" not in options:
            raise _malformed(f"the field {FILE_FIELD!r} is text without a file name, not a file")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._parts[-1]
        if part.name == FILE_FIELD:
            self._bytes += end - start
            if self._bytes > self._most_bytes:
                raise _too_large(self._most_bytes)
            self._target.write(memoryview(data)[start:end])
            return
        part.content.extend(data[start:end])
        if len(part.content) > _FIELD_BYTES:
            raise _malformed(f"the field {part.name!r} is longer than {_FIELD_BYTES} bytes")

    def _on_end(self) -> None:
        self._ended = True


@dataclass(kw_only=True)
class _Part:
    disposition: bytes = b""
    name: str = ""
    file_name: str = ""
    content: bytearray = field(default_factory=bytearray)


def _too_large(most_bytes: int) -> ProblemError:
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "file_too_large",
        f"the file is larger than the limit of {most_bytes} bytes; split the call, or raise "
        "the limit",
    )


def _malformed(reason: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "malformed_form", f"the form cannot be read: {reason}"
    )


def _not_written(error: OSError) -> ProblemError:
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "store_unusable",
        f"the upload cannot be written ({error.strerror}); check the disk's free space and rights",
    )
