"""The classifier, loaded once, in the background, so that the service answers at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from http import HTTPStatus

from calmscore.errors import ArtifactError, CalmscoreError
from calmscore.network.classifier import EmotionClassifier
from calmscore.service.problems import ProblemError

_log = logging.getLogger("calmscore.service")


class LoadingClassifier:
    """A classifier that may not be there yet, or never.

    Parameters
    ----------
    load : callable
        Returns the classifier, or raises `errors.CalmscoreError`.
    """

    def __init__(self, load: Callable[[], EmotionClassifier]) -> None:
        self._load = load
        self._loaded: Future[EmotionClassifier] = Future()
        self._started = threading.Lock()

    def start(self) -> None:
        """Begin to load; a second call does nothing."""
        if self._started.acquire(blocking=False):
            threading.Thread(target=self._run, name="load classifier", daemon=True).start()

    def wait(self) -> EmotionClassifier:
        """Return the classifier as soon as it is there.

        Raises
        ------
        CalmscoreError
            If it cannot be loaded.
        """
        return self._loaded.result()

    def now(self) -> EmotionClassifier:
        """Return the classifier if it is there.

        Raises
        ------
        Problem
            If it is still being loaded, or cannot be (503).
        """
        if not self._loaded.done():
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "model_loading",
                "the model is still being loaded; try again in some seconds",
                headers={"Retry-After": "5"},
            )
        error = self._loaded.exception()
        if isinstance(error, CalmscoreError):
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, error.code, str(error))
        return self._loaded.result()

    def _run(self) -> None:
        try:
            self._loaded.set_result(self._load())
        except CalmscoreError as error:
            _log.error("%s", error.in_full)
            self._loaded.set_exception(error)
        except Exception as error:
            _log.exception("the model could not be loaded")
            self._loaded.set_exception(
                ArtifactError(f"the model cannot be loaded ({type(error).__name__}: {error})")
            )
