"""Figures for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPMethod

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ANALYSIS_BUCKETS_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 900)
_UNKNOWN = "unknown"
_METHODS = frozenset(HTTPMethod)


class ServiceMetrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "calmscore_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "calmscore_request_seconds",
            "Seconds from a request to the end of its answer.",
            ("method", "route"),
            registry=self._registry,
        )
        self._analyses = Counter(
            "calmscore_analyses",
            "Calls analysed, by outcome; failed ones with the code of their error.",
            ("outcome", "error"),
            registry=self._registry,
        )
        self._analysis_seconds = Histogram(
            "calmscore_analysis_seconds",
            "Seconds that the analysis of a call took.",
            buckets=_ANALYSIS_BUCKETS_SECONDS,
            registry=self._registry,
        )
        self._queue = Gauge(
            "calmscore_queue_length",
            "Calls that wait or are being analysed.",
            registry=self._registry,
        )

    def count_request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def count_analysis(self, *, outcome: str, error: str, seconds: float) -> None:
        """Count a call; ``error`` is empty where there was none."""
        self._analyses.labels(outcome, error).inc()
        self._analysis_seconds.observe(seconds)

    def text(self, *, queue_length: int) -> bytes:
        """Return all figures in the text form of Prometheus."""
        self._queue.set(queue_length)
        return generate_latest(self._registry)


class CountRequests:
    """Middleware that counts each request under its route, not under its path.

    Parameters
    ----------
    app : ASGIApp
        What answers.
    metrics : ServiceMetrics
        Where requests are counted.
    clock : callable
        Returns seconds that never go back.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: ServiceMetrics,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = self._clock()

        async def noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting_status)
        finally:
            route = getattr(scope.get("route"), "path", _UNKNOWN)
            self._metrics.count_request(
                # Methods are the caller's to invent; labels are not.
                method=scope["method"] if scope["method"] in _METHODS else _UNKNOWN,
                route=route,
                status=status,
                seconds=self._clock() - started,
            )
