"""A recording as an answer, whole or in ranges."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import soundfile
from starlette.datastructures import Headers
from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from calmscore.service.problems import ProblemError

_MEDIA_TYPES = {
    "WAV": "audio/wav",
    "WAVEX": "audio/wav",
    "RF64": "audio/wav",
    "FLAC": "audio/flac",
    "OGG": "audio/ogg",
    "MP3": "audio/mpeg",
    "AIFF": "audio/aiff",
    "AU": "audio/basic",
}
_OTHER = "application/octet-stream"


def media_type(path: Path) -> str:
    """Return the media type of a recording, by its content."""
    try:
        return _MEDIA_TYPES.get(soundfile.info(path).format, _OTHER)
    except (OSError, soundfile.SoundFileError):
        return _OTHER


class AudioResponse(FileResponse):
    """A file that can be asked for in ranges; a range that is none is a problem document.

    Parameters
    ----------
    file_name : str
        What to call it when it is saved.
    """

    def __init__(self, path: Path, *, file_name: str) -> None:
        super().__init__(
            path,
            media_type=media_type(path),
            filename=file_name,
            content_disposition_type="inline",
            headers={"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, or the problem."""
        problem: ProblemError | None = None

        async def without_plain_errors(message: Message) -> None:
            nonlocal problem
            if message["type"] == "http.response.start" and message["status"] >= 400:
                problem = _range_problem(message)
            if problem is None:
                await send(message)

        await super().__call__(scope, receive, without_plain_errors)
        if problem is not None:
            await problem.response()(scope, receive, send)


def _range_problem(message: Message) -> ProblemError:
    asked = Headers(raw=message["headers"]).get("content-range")
    if message["status"] == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return ProblemError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "range_outside",
            f"the range lies outside of the recording ({asked})",
            headers={"Content-Range": asked or ""},
        )
    return ProblemError(
        HTTPStatus.BAD_REQUEST,
        "malformed_range",
        "the header Range cannot be read; write bytes=FIRST-LAST",
    )
