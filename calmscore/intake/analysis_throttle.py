"""Analyses of one process, a few at a time, so that many people share one machine.

Reports of calls that nobody keeps are remembered for a while, by the content of the
recording, its name, the channel and the model. The name is in it because reports
carry it: nobody may learn what somebody else called the same file.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, BinaryIO

from cachetools import TTLCache

from calmscore.analysis.call import Progress, analyze_recording
from calmscore.analysis.call_channels import ChannelChoice
from calmscore.analysis.report import CallReport, Direction
from calmscore.audio.playback import Playback, prepare_playback
from calmscore.audio.recording import read_recording
from calmscore.intake.take_in import TakenIn, take_in
from calmscore.network.classifier import EmotionClassifier
from calmscore.settings import read_environment
from calmscore.store import Store
from calmscore.store.calls import CallDetails

_MOST_RESULTS = 64


@dataclass(frozen=True, kw_only=True)
class AnalysedCall:
    """A call that was analysed and is in no store.

    Attributes
    ----------
    report : CallReport
        What was found.
    playback : Playback
        Its sound, as a browser plays it.
    raw_format : str or None
        What it was taken to hold, as `settings.RawFormat.parse` reads it; None with a header.
    """

    report: CallReport
    playback: Playback
    raw_format: str | None


class AnalysisThrottle:
    """Analyses calls, a few at a time.

    Parameters
    ----------
    turn : context manager
        Entered for each analysis; others wait their turn.
    """

    def __init__(self, classifier: EmotionClassifier, *, turn: AbstractContextManager[Any]) -> None:
        self._classifier = classifier
        self._turn = turn
        self._lock = threading.Lock()
        self._reports: TTLCache[tuple[str | None, ...], CallReport] = TTLCache(
            _MOST_RESULTS, ttl=read_environment().keep_results_seconds
        )

    def take_in(
        self,
        source: BinaryIO,
        *,
        file_name: str,
        store: Store,
        actor: str,
        customer_channel: ChannelChoice | None = None,
        direction: Direction | None = None,
        details: CallDetails | None = None,
        progress: Progress | None = None,
    ) -> TakenIn:
        """Take a call into the store when it is its turn; see `intake.take_in`."""
        with self._turn:
            return take_in(
                source,
                file_name=file_name,
                store=store,
                classifier=self._classifier,
                actor=actor,
                customer_channel=customer_channel,
                direction=direction,
                details=details,
                progress=progress,
            )

    def analyse(
        self,
        source: BinaryIO,
        *,
        file_name: str,
        customer_channel: ChannelChoice,
        raw_format: str | None = None,
        progress: Progress | None = None,
    ) -> AnalysedCall:
        """Return the report of a call and its sound as a browser plays it.

        Parameters
        ----------
        source : binary file object
            The recording.
        file_name : str
            Name to show for it.
        customer_channel : {"auto", "left", "right", "mixed"}
            Where the customer is.
        raw_format : str, optional
            As in `read_recording`.
        progress : callable, optional
            Called as ``progress(completed, total)``; with 0 of 0 once the recording is read
            and it is not known yet in how many segments somebody speaks.

        Returns
        -------
        AnalysedCall

        Raises
        ------
        CallFileError
            If the recording cannot be analysed.
        """
        with self._turn:
            recording = read_recording(source, file_name=file_name, raw_format=raw_format)
            read_as = None if recording.raw_format is None else str(recording.raw_format)
            key = (
                recording.sha256,
                recording.file_name,
                read_as,
                customer_channel,
                self._classifier.sha256,
            )
            with self._lock:
                report = self._reports.get(key)
            if report is None:
                if progress is not None:
                    progress(0, 0)
                report = analyze_recording(
                    recording,
                    customer_channel=customer_channel,
                    classifier=self._classifier,
                    progress=progress,
                )
                with self._lock:
                    self._reports[key] = report
            return AnalysedCall(
                report=report, playback=prepare_playback(recording.samples), raw_format=read_as
            )
