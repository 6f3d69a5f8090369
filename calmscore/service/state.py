"""What the requests of one application share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends, Request

from calmscore.intake.queue import CallQueue
from calmscore.intake.words_writer import WordsWriter
from calmscore.outputs.alert_sender import AlertSender
from calmscore.service.key_use import RateLimit, UnknownKeys, UseNotes
from calmscore.service.loading import LoadingClassifier
from calmscore.service.metrics import ServiceMetrics
from calmscore.service.trainings import Trainings
from calmscore.settings import Environment
from calmscore.store import Store


@dataclass(frozen=True, kw_only=True)
class Service:
    """The parts of a running service."""

    store: Store
    settings: Environment
    classifier: LoadingClassifier
    queue: CallQueue
    words: WordsWriter
    alerts: AlertSender
    trainings: Trainings
    metrics: ServiceMetrics
    rate_limit: RateLimit
    use_notes: UseNotes
    unknown_keys: UnknownKeys
    predictions_at_once: CapacityLimiter
    # Who waits for the store's lock takes no thread from those who only read.
    writes_at_once: CapacityLimiter


def current_service(request: Request) -> Service:
    """Return the service that a request came to."""
    service: Service = request.app.state.service
    return service


CurrentService = Annotated[Service, Depends(current_service)]
