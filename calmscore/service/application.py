"""The HTTP service on the same functions as the pages and the command line.

uvicorn --factory api:create_app
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from calmscore.analysis.call import analyze_recording
from calmscore.analysis.report import CallReport, Direction
from calmscore.analysis.second_look import Analyse
from calmscore.analysis.spoken_cues import Said
from calmscore.audio.recording import Recording
from calmscore.connections import hide_queries
from calmscore.intake.alone import ALONE_COMMAND
from calmscore.intake.attempt import Attempt
from calmscore.intake.queue import CallQueue
from calmscore.intake.queue_timing import QueueTiming
from calmscore.intake.words_writer import WordsWriter
from calmscore.network.classifier import EmotionClassifier, load_classifier
from calmscore.outputs.alert_sender import AlertSender
from calmscore.service import alert_routes, call_routes, model_routes, status_routes, upload_routes
from calmscore.service.key_use import RateLimit, UnknownKeys, UseNotes
from calmscore.service.loading import LoadingClassifier
from calmscore.service.metrics import CountRequests, ServiceMetrics
from calmscore.service.model_documents import TrainingRequest
from calmscore.service.problems import ProblemDocument, add_handlers
from calmscore.service.state import Service
from calmscore.service.trainings import TRAIN_COMMAND, Trainings
from calmscore.settings import Environment, read_environment
from calmscore.store import Store

_WRITES_AT_ONCE = 8
API_VERSION = "1.0.0"
_DESCRIPTION = """Scores how a customer's distress moved while an agent handled a call.

Every request but `/healthz` and `/readyz` needs a key in the header
`Authorization: Bearer KEY`. A key has one of three roles, each of which may also do
what the ones before it may: **viewer** reads calls, jobs, alerts and metrics, and listens;
**supervisor** uploads, deletes, acknowledges alerts and classifies clips; **admin** trains.

Every error is a problem document (RFC 9457) with a `code` for programs.
"""


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the document with the schemas that no signature names."""
        document = super().openapi()
        for model in (ProblemDocument, TrainingRequest):
            schema = model.model_json_schema()
            document["components"]["schemas"][schema["title"]] = schema
        return document


def create_app(
    store: Store | None = None,
    classifier: EmotionClassifier | None = None,
    *,
    settings: Environment | None = None,
    train_command: Sequence[str] = TRAIN_COMMAND,
    alone_command: Sequence[str] = ALONE_COMMAND,
    timing: QueueTiming = QueueTiming(),  # noqa: B008  frozen
) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    store : Store, optional
        Of the environment by default; that one is closed in the end.
    classifier : EmotionClassifier, optional
        The shipped one by default, loaded once while the service starts.
    settings : Environment, optional
        What the environment says by default.
    train_command : sequence of str
        What trains a model.
    alone_command : sequence of str
        What analyses a call in a process of its own.
    timing : QueueTiming
        Of the queue of calls.

    Raises
    ------
    CalmscoreError
        If the store cannot be opened or a setting cannot be used.
    """
    logging.getLogger("calmscore").setLevel(logging.INFO)
    hide_queries()
    settings = settings or read_environment()
    opened = store or Store.from_environment()
    service = _service(opened, classifier, settings, train_command, alone_command, timing)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(_start, service)
        try:
            yield
        finally:
            service.words.stop()
            service.alerts.stop()
            await run_in_threadpool(service.queue.stop)
            if store is None:
                opened.close()

    app = _Application(
        title="Calmscore",
        version=API_VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        # Both load their scripts from elsewhere; nothing leaves this machine.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    app.add_middleware(CountRequests, metrics=service.metrics)
    add_handlers(app)
    for routes in (upload_routes, call_routes, alert_routes, model_routes, status_routes):
        app.include_router(routes.router)
    return app


def _service(
    store: Store,
    classifier: EmotionClassifier | None,
    settings: Environment,
    train_command: Sequence[str],
    alone_command: Sequence[str],
    timing: QueueTiming,
) -> Service:
    loading = LoadingClassifier(lambda: classifier or load_classifier())
    metrics, sets = ServiceMetrics(), settings.training_folder
    return Service(
        store=store,
        settings=settings,
        classifier=loading,
        queue=CallQueue(
            store,
            load=loading.wait,
            at_once=settings.analyses_at_once,
            most_waiting=settings.most_calls_waiting,
            told=lambda attempt, seconds: _count(metrics, attempt, seconds),
            alone_command=alone_command,
            timing=timing,
        ),
        words=WordsWriter(store, analyse=_analysing(loading)),
        alerts=AlertSender(store),
        trainings=Trainings(
            # A training runs in a folder of its own.
            store,
            sets=sets and sets.resolve(),
            command=train_command,
        ),
        metrics=metrics,
        rate_limit=RateLimit(settings.requests_per_minute),
        use_notes=UseNotes(),
        unknown_keys=UnknownKeys(),
        predictions_at_once=anyio.CapacityLimiter(settings.analyses_at_once),
        writes_at_once=anyio.CapacityLimiter(_WRITES_AT_ONCE),
    )


def _analysing(classifier: LoadingClassifier) -> Analyse:
    def analyse(
        recording: Recording, *, direction: Direction | None, said: Sequence[Said]
    ) -> CallReport:
        return analyze_recording(
            recording, direction=direction, said=said, classifier=classifier.wait()
        )

    return analyse


def _count(metrics: ServiceMetrics, attempt: Attempt, seconds: float) -> None:
    metrics.count_analysis(
        outcome=attempt.report.score.outcome if attempt.report else "failed",
        error=attempt.fault.code if attempt.fault else "",
        seconds=seconds,
    )


def _start(service: Service) -> None:
    service.queue.start()
    service.words.start()
    service.alerts.start()
    service.classifier.start()
    service.trainings.resume()
