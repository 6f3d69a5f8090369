"""Connections of the HTTP service and the dashboard: none waits for ever, and they are bounded.

uvicorn waits without end for the rest of a request. Whoever opens a connection and says
half of a word would keep it, until there is none left for others.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

_REQUEST_LINE_ARGUMENT = 2


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 with an end to every wait for the other side.

    Attributes
    ----------
    head_seconds : float
        Time for a whole request line with headers, from the connection or the answer before
        it; so long may a connection be idle, too.
    silence_seconds : float
        Longest pause in the body of a request.
    stalled_seconds : float
        Longest pause in the reading of an answer; a player that is paused reads nothing.
    least_bytes_per_second : float
        Slowest body, once `silence_seconds` have passed.
    linger_seconds : float
        How long the rest of a body is thrown away after the answer was sent.
    most_connections : int
        Held at once. One more, and the one that waits longest for its request goes.
    """

    head_seconds = 10.0
    silence_seconds = 30.0
    stalled_seconds = 600.0
    least_bytes_per_second = 1024.0
    linger_seconds = 2.0
    most_connections = 512

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._phase: tuple[Any, ...] | None = None
        self._phase_began = self._last_sign = self._last_written = self.loop.time()
        self._body_bytes = 0
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch a connection, and make room for it."""
        super().connection_made(transport)
        self._look()
        others = [other for other in self.connections if isinstance(other, BoundedProtocol)]
        if len(others) > self.most_connections:
            waiting = [other for other in others if other._waits_for_a_request()]
            min(waiting, key=lambda other: other._phase_began, default=self)._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        self._watch_no_more()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Stop watching: what follows is no request, and may be silent for hours."""
        self._watch_no_more()
        super().handle_websocket_upgrade(event)

    def _watch_no_more(self) -> None:
        if self._watch is not None:
            self._watch.cancel()

    def data_received(self, data: bytes) -> None:
        """Note that the other side is alive."""
        self._last_sign = self.loop.time()
        self._body_bytes += len(data)
        super().data_received(data)
        self._note_phase()

    def _waits_for_a_request(self) -> bool:
        return self.conn.their_state is h11.IDLE

    def _note_phase(self) -> None:
        answered = self.cycle is not None and self.cycle.response_complete
        phase = (self.conn.their_state, answered, id(self.cycle))
        if phase != self._phase:
            self._phase, self._phase_began = phase, self.loop.time()
            self._last_sign, self._body_bytes = self._phase_began, 0

    def _look(self) -> None:
        """End the connection if its time is over; otherwise look again soon."""
        self._note_phase()
        if self.transport.is_closing():
            return
        now = self.loop.time()
        if not self.flow.write_paused:
            self._last_written = now
        if self._is_overdue(now):
            self._end()
            return
        soon = min(1.0, self.head_seconds / 4, self.silence_seconds / 4)
        self._watch = self.loop.call_later(soon, self._look)

    def _is_overdue(self, now: float) -> bool:
        passed, silent = now - self._phase_began, now - self._last_sign
        if self._waits_for_a_request():
            return passed > self.head_seconds
        if now - self._last_written > self.stalled_seconds:
            return True
        if self.conn.their_state is not h11.SEND_BODY or self.flow.read_paused:
            # The answer is ours to give, or we are too slow to read.
            self._last_sign = now
            return False
        if self.cycle.response_complete:
            return passed > self.linger_seconds
        slow = self._body_bytes < self.least_bytes_per_second * (passed - self.silence_seconds)
        return silent > self.silence_seconds or slow

    def _end(self) -> None:
        self.transport.abort()


def bound_connections() -> None:
    """Let every uvicorn server of this process speak `BoundedProtocol`.

    For a program that somebody else starts, as ``streamlit run`` does: it has no way to choose
    the protocol. To be called before the server listens; a second call does nothing.
    """
    setattr(uvicorn.Server, "startup", _bounded_startup)  # noqa: B010


_startup = uvicorn.Server.startup


async def _bounded_startup(
    server: uvicorn.Server, sockets: list[socket.socket] | None = None
) -> None:
    server.config.http_protocol_class = BoundedProtocol
    await _startup(server, sockets=sockets)


def hide_queries() -> None:
    """Keep what stands after the ``?`` out of uvicorn's log: it may be a customer's name."""
    logging.getLogger("uvicorn.access").addFilter(_without_query)


def _without_query(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple) and len(record.args) > _REQUEST_LINE_ARGUMENT:
        values = list(record.args)
        path, mark, _ = str(values[_REQUEST_LINE_ARGUMENT]).partition("?")
        values[_REQUEST_LINE_ARGUMENT] = path + mark
        record.args = tuple(values)
    return True
