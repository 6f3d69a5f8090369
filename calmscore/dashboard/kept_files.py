"""Streamlit's own files are sent from memory: a browser that comes first asks for a hundred.

They never change, and to look each up and read it anew took longer than a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Of all that Streamlit brings, pages use a fifth.
_MOST_BYTES = 32 * 1024**2
# Asks for something else than the whole file.
_CONDITIONS = ("range", "if-none-match", "if-modified-since")


@dataclass(frozen=True, kw_only=True)
class _KeptFile:
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class KeptFiles:
    """ASGI middleware that keeps what is sent as never changing.

    Parameters
    ----------
    app : ASGI application
        Streamlit's.
    most_bytes : int
        How much is kept at most; what has no room goes on coming from the application.
    """

    def __init__(self, app: ASGIApp, *, most_bytes: int = _MOST_BYTES) -> None:
        self._app = app
        self._room = most_bytes
        self._kept: dict[str, _KeptFile] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or hand a request on and keep its answer."""
        if not _asks_for_a_whole_file(scope):
            await self._app(scope, receive, send)
            return
        kept = self._kept.get(scope["path"])
        if kept is None:
            await self._app(scope, receive, self._keeping(scope["path"], send))
            return
        start = {"type": "http.response.start", "status": 200, "headers": list(kept.headers)}
        await send(start)
        await send({"type": "http.response.body", "body": kept.body})

    def _keeping(self, path: str, send: Send) -> Send:
        """Return what passes an answer on, and keeps it where it never changes."""
        headers: tuple[tuple[bytes, bytes], ...] = ()
        body = bytearray()
        keeps = False

        async def sent(message: Message) -> None:
            nonlocal headers, keeps
            if message["type"] == "http.response.start":
                headers = tuple(message["headers"])
                keeps = message["status"] == 200 and self._may_keep(Headers(raw=list(headers)))
            elif keeps and message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    self._keep(path, _KeptFile(headers=headers, body=bytes(body)))
            else:
                keeps = False
            await send(message)

        return sent

    def _may_keep(self, headers: Headers) -> bool:
        length = headers.get("content-length", "")
        fits = length.isascii() and length.isdigit() and int(length) <= self._room
        # What depends on who asks is not the same for the next one.
        alike = "vary" not in headers and "set-cookie" not in headers
        return fits and alike and "immutable" in headers.get("cache-control", "")

    def _keep(self, path: str, file: _KeptFile) -> None:
        if path not in self._kept and len(file.body) <= self._room:
            self._kept[path] = file
            self._room -= len(file.body)


def _asks_for_a_whole_file(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return False
    headers = Headers(scope=dict(scope))
    return not any(name in headers for name in _CONDITIONS)
