"""What stands before Streamlit's own addresses: only who was admitted may upload, and how much.

Sound is handed only to the sign-in whose page plays it.

Streamlit takes files from whoever opens a connection, before any page ran. Here a file is
read only for a session that a page admitted, and only while there is room for it.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from streamlit import config, runtime

from calmscore.dashboard.media_access import media_access
from calmscore.dashboard.sign_in import SIGN_IN_HOLDS_FOR
from calmscore.settings import read_environment

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UPLOAD = re.compile(r"/_stcore/upload_file/(?P<session>[^/]+)/")
# Under /static/ lie Streamlit's own fonts.
_MEDIA = re.compile(r"(?<!/static)/media/(?P<file>[0-9a-zA-Z]+)")
_MOST_FILES_OF_A_SESSION = 500
_MOST_PAGES_AT_ONCE = 300
_SILENCE_SECONDS = 60.0
_TRY_AGAIN_SECONDS = "60"
# Nothing on a page is fetched from elsewhere, whatever a library would like. Streamlit's own
# pages need styles and functions that are made on the spot.
CONTENT_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "frame-ancestors 'self'",
    ]
)


class AdmittedSessions:
    """The sessions that a page let in, each for as long as a sign-in holds."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def mark(self, session_id: str, *, admitted: bool) -> None:
        """Note whether a page let a session in when it was last drawn."""
        now = time.monotonic()
        with self._lock:
            self._until = {key: until for key, until in self._until.items() if until > now}
            self._until.pop(session_id, None)
            if admitted:
                self._until[session_id] = now + SIGN_IN_HOLDS_FOR.total_seconds()

    def __contains__(self, session_id: object) -> bool:
        """Tell whether a session may upload."""
        with self._lock:
            return self._until.get(str(session_id), 0.0) > time.monotonic()


admitted_sessions = AdmittedSessions()


@dataclass(frozen=True, kw_only=True)
class _Refusal:
    status: int
    reason: str


class Door:
    """ASGI middleware around the whole dashboard.

    Parameters
    ----------
    app : ASGI application
        Streamlit's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._on_their_way: Counter[str] = Counter()
        self._pages = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it; what a stranger brings is never read."""
        if scope["type"] == "websocket":
            await self._page(scope, receive, send)
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        elif (match := _UPLOAD.search(scope["path"])) and scope["method"] != "OPTIONS":
            await self._upload(match["session"], scope, receive, send)
        elif (match := _MEDIA.search(scope["path"])) and not await media_access.allows(
            match["file"], HTTPConnection(scope).cookies
        ):
            await PlainTextResponse("Not here.", 404)(scope, receive, send)
        else:
            await self._app(scope, receive, _with_policy(send))

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold at most so many pages open: each costs memory, whoever looks at it."""
        if self._pages >= _MOST_PAGES_AT_ONCE:
            await send({"type": "websocket.close", "code": 1013})
            return
        self._pages += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._pages -= 1

    async def _upload(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        size = _announced_bytes(Headers(scope=scope)) if scope["method"] == "PUT" else 0
        refusal = self._refusal(session, size)
        if refusal is not None:
            if session in admitted_sessions:
                await _read_away(_impatient(receive))
            headers = {"Connection": "close", "Retry-After": _TRY_AGAIN_SECONDS}
            answer = PlainTextResponse(refusal.reason, refusal.status, headers)
            await answer(scope, receive, send)
            return
        self._on_their_way[session] += size or 0
        try:
            await self._app(scope, _impatient(receive), send)
        finally:
            self._on_their_way[session] -= size or 0
            self._on_their_way += Counter()  # drops what is at 0

    def _refusal(self, session: str, size: int | None) -> _Refusal | None:
        if session not in admitted_sessions:
            return _Refusal(status=403, reason="Sign in first, then upload again.")
        if size is None:
            return _Refusal(status=411, reason="The upload does not say how long it is.")
        if size > config.get_option("server.maxUploadSize") * 1024**2:
            return _Refusal(status=413, reason="The file is too large.")
        held = _held_bytes()
        total = read_environment().dashboard_upload_bytes
        mine = sum(held.get(session, ())) + self._on_their_way[session]
        everybody = sum(map(sum, held.values())) + self._on_their_way.total()
        if len(held.get(session, ())) >= _MOST_FILES_OF_A_SESSION or mine + size > total // 2:
            return _Refusal(status=413, reason="This page holds as much as it may; reload it.")
        if everybody + size > total:
            return _Refusal(status=503, reason="Too many uploads at once; try again in a minute.")
        return None


def _announced_bytes(headers: Headers) -> int | None:
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def _held_bytes() -> dict[str, list[int]]:
    """Return the sizes of the files that Streamlit holds, by session."""
    if not runtime.exists():
        return {}
    storage = getattr(runtime.get_instance().uploaded_file_mgr, "file_storage", {})
    return {
        session: [len(file.data) for file in tuple(files.values())]
        for session, files in tuple(storage.items())
    }


async def _read_away(receive: Receive) -> None:
    """Let an upload end, holding none of it: a browser that still sends hears no answer."""
    more = True
    while more:
        message = await receive()
        more = message["type"] == "http.request" and message.get("more_body", False)


def _impatient(receive: Receive) -> Receive:
    """End an upload that falls silent, so that it keeps no room for itself."""

    async def received() -> Message:
        try:
            return await asyncio.wait_for(receive(), _SILENCE_SECONDS)
        except TimeoutError:
            return {"type": "http.disconnect"}

    return received


def _with_policy(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = CONTENT_POLICY
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "same-origin"
        await send(message)

    return sent
