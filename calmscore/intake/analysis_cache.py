"""Finished analyses, kept for a while by content, so that nothing is computed twice.

The key is the content of the recording, its name, the channel and the model. The
name is in it because reports carry it: nobody may learn what somebody else called
the same file.
"""

from __future__ import annotations

import os
import threading
from typing import BinaryIO

from cachetools import TTLCache

from calmscore.analysis.call import Progress, analyze_recording
from calmscore.analysis.report import CallReport
from calmscore.analysis.segments import ChannelChoice
from calmscore.audio.playback import encode_playback
from calmscore.audio.recording import ReadingLimits, read_recording
from calmscore.errors import ParameterError
from calmscore.intake.take_in import take_in
from calmscore.network.classifier import EmotionClassifier
from calmscore.store import Store
from calmscore.store.calls import CallDetails

KEEP_SECONDS_VARIABLE = "CALMSCORE_KEEP_RESULTS_SECONDS"
_DEFAULT_KEEP_SECONDS = 3600.0
_MOST_RESULTS = 64


def keep_seconds() -> float:
    """Return for how long results are kept: 0 or more, one hour by default.

    Raises
    ------
    ParameterError
        If ``CALMSCORE_KEEP_RESULTS_SECONDS`` is not such a number.
    """
    text = os.environ.get(KEEP_SECONDS_VARIABLE, "")
    try:
        seconds = float(text) if text else _DEFAULT_KEEP_SECONDS
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < float("inf"):
        raise ParameterError(f"{KEEP_SECONDS_VARIABLE} is {text!r}; set it to a number of seconds")
    return seconds


class AnalysisCache:
    """Analyses calls, a few at a time, and remembers the reports.

    Parameters
    ----------
    classifier : EmotionClassifier
        The model.
    at_once : int
        Number of calls analysed at the same time; others wait their turn.
    """

    def __init__(self, classifier: EmotionClassifier, *, at_once: int = 2) -> None:
        self._classifier = classifier
        self._turn = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._reports: TTLCache[tuple[str, str, str, str], CallReport] = TTLCache(
            _MOST_RESULTS, ttl=keep_seconds()
        )

    @property
    def model_sha256(self) -> str:
        """Which model this is."""
        return self._classifier.sha256

    def take_in(
        self,
        source: BinaryIO,
        *,
        file_name: str,
        store: Store,
        actor: str,
        customer_channel: ChannelChoice | None = None,
        details: CallDetails | None = None,
        progress: Progress | None = None,
    ) -> CallReport:
        """Take a call into the store when it is its turn; see `intake.take_in`."""
        with self._turn:
            return take_in(
                source,
                file_name=file_name,
                store=store,
                classifier=self._classifier,
                actor=actor,
                customer_channel=customer_channel,
                details=details,
                progress=progress,
            )

    def analyse(
        self,
        source: BinaryIO,
        *,
        file_name: str,
        customer_channel: ChannelChoice,
        progress: Progress | None = None,
    ) -> tuple[CallReport, bytes]:
        """Return the report of a call and its sound as a browser plays it.

        Parameters
        ----------
        source : binary file object
            The recording.
        file_name : str
            Name to show for it.
        customer_channel : {"auto", "left", "right", "mixed"}
            Where the customer is.
        progress : callable, optional
            Called as ``progress(completed, total)``.

        Returns
        -------
        report : CallReport
        playback : bytes
            Of type ``audio.playback.PLAYBACK_MIME_TYPE``.

        Raises
        ------
        CallFileError
            If the recording cannot be analysed.
        """
        with self._turn:
            recording = read_recording(
                source, file_name=file_name, limits=ReadingLimits.from_environment()
            )
            key = (
                recording.sha256,
                recording.file_name,
                customer_channel,
                self._classifier.sha256,
            )
            with self._lock:
                report = self._reports.get(key)
            if report is None:
                report = analyze_recording(
                    recording,
                    customer_channel=customer_channel,
                    classifier=self._classifier,
                    progress=progress,
                )
                with self._lock:
                    self._reports[key] = report
            return report, encode_playback(recording.samples)
