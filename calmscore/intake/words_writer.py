"""The words of stored calls, written down in the background, one call after another.

A call whose words are wanted waits in the store; whichever process comes first writes
them, and what a process began and never finished is taken up by another. So scores
never wait for words, and no call loses its words to a restart.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from calmscore.analysis.call import Progress, Source, analyze_recording
from calmscore.analysis.call_score import ScoreFrom
from calmscore.analysis.report import CallReport
from calmscore.analysis.second_look import Analyse
from calmscore.audio.recording import read_recording
from calmscore.errors import CallFileError, CalmscoreError, NotStoredError, StoreError
from calmscore.settings import read_environment
from calmscore.store import Store
from calmscore.store.alerts import raise_alerts
from calmscore.store.calls import find_call
from calmscore.store.reports import read_report, take_place_of
from calmscore.store.settings import read_settings
from calmscore.store.words import claim_waiting, finish_words
from calmscore.words.speech_to_text import Listener
from calmscore.words.transcriber import load_transcriber
from calmscore.words.transcript import no_words, with_words, words_notices

_log = logging.getLogger(__name__)
_LOOK_EVERY_SECONDS = 3.0
_RETRY_SECONDS = 30.0
# Scores go first: the system gives this thread, and those of the model that it loads,
# what others leave.
_NICENESS = 10


class WordsWriter:
    """Writes down the words that the calls of a store wait for.

    Parameters
    ----------
    load : callable
        Returns what writes words down; None where words are turned off.
    analyse : callable, optional
        Analyses a call again, where its words tell who is the customer.
    """

    def __init__(
        self,
        store: Store,
        *,
        load: Callable[[], Listener | None] = load_transcriber,
        analyse: Analyse = analyze_recording,
    ) -> None:
        self._store, self._load, self._analyse = store, load, analyse
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._progress: dict[str, tuple[int, int]] = {}
        # Written down, but not kept yet, with the report that they were written down by.
        self._unkept: tuple[CallReport, CallReport] | None = None
        self._trouble = ""

    def start(self) -> None:
        """Begin, in the background; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="words", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Take up no further call; what is being written is left to the next process."""
        self._stopping.set()

    def progress_of(self, call_id: str) -> tuple[int, int] | None:
        """Return how many parts of a call are written down here, and of how many."""
        return self._progress.get(call_id)

    @property
    def trouble(self) -> str:
        """Why no words can be kept at present; empty if they can."""
        return self._trouble

    def write_waiting(self) -> int:
        """Write down the words of all calls that wait, now, and return how many did.

        Raises
        ------
        StoreError
            If the store cannot be read or written; what was written down is kept with the next
        call of this.
        """
        # What waits goes on waiting where words are turned off.
        if not read_environment().writes_words:
            return 0
        count = self._keep()
        while not self._stopping.is_set() and self._write_next():
            count += 1
        return count

    def _run(self) -> None:
        _step_back()
        wait = _LOOK_EVERY_SECONDS
        while not self._stopping.wait(wait):
            wait = _LOOK_EVERY_SECONDS
            try:
                self.write_waiting()
                self._trouble = ""
            except Exception as error:  # the next look may find it mended
                known = isinstance(error, CalmscoreError)
                told = error.in_full if isinstance(error, CalmscoreError) else error
                _log.error("the words of a call cannot be stored: %s", told)
                self._trouble = str(error) if known else f"a fault ({type(error).__name__})"
                wait = _RETRY_SECONDS

    def _write_next(self) -> bool:
        with self._store.database.writing() as session:
            call_id = claim_waiting(session)
        if call_id is None:
            return False
        try:
            self._write(call_id)
        except NotStoredError:
            pass  # deleted meanwhile
        finally:
            self._progress.pop(call_id, None)
        return True

    def _write(self, call_id: str) -> None:
        def advance(completed: int, total: int) -> None:
            self._progress[call_id] = (completed, total)

        self._progress[call_id] = (0, 1)
        with self._store.database.reading() as session:
            report = CallReport.from_dict(read_report(session, call_id))
            raw_format = find_call(session, call_id).raw_format
            score_from = read_settings(session).score_from
        told = _told(
            report,
            self._store.audio.path(call_id),
            load=self._load,
            analyse=self._analyse,
            progress=advance,
            score_from=score_from,
            raw_format=raw_format,
        )
        self._unkept = (told, report)
        self._keep()

    def _keep(self) -> int:
        """Keep what was written down, and return how many calls that was, 0 or 1."""
        if self._unkept is None:
            return 0
        told, before = self._unkept
        try:
            keep_words(self._store, told, before=before)
        except StoreError:
            raise  # minutes of work, which need not be done again
        except Exception:
            self._unkept = None
            raise
        self._unkept = None
        return 1


def _told(
    report: CallReport,
    source: Source,
    *,
    load: Callable[[], Listener | None],
    analyse: Analyse,
    progress: Progress,
    score_from: ScoreFrom | None,
    raw_format: str | None = None,
) -> CallReport:
    """Return a report with the words of its recording, or why there are none."""
    try:
        recording = read_recording(source, file_name=report.call.file_name, raw_format=raw_format)
    except CallFileError as error:
        return no_words(report, str(error))
    return with_words(
        report, recording, load=load, progress=progress, analyse=analyse, score_from=score_from
    )


class PassingWords:
    """Writes down calls that are in no store, one after another, in the background."""

    def __init__(
        self,
        *,
        load: Callable[[], Listener | None] = load_transcriber,
        analyse: Analyse = analyze_recording,
    ) -> None:
        self._load, self._analyse = load, analyse
        self._threads = ThreadPoolExecutor(
            1, thread_name_prefix="passing words", initializer=_step_back
        )

    def begin(
        self,
        report: CallReport,
        source: BinaryIO,
        *,
        score_from: ScoreFrom | None = None,
        raw_format: str | None = None,
    ) -> WordsUnderWay:
        """Begin to write down a call.

        Parameters
        ----------
        source : binary file object
            The recording; nobody else may read it meanwhile.
        score_from : {"voice", "voice_and_words"}, optional
            What the score is made of; see `with_words`.
        raw_format : str, optional
            As in `read_recording`.
        """
        under_way = WordsUnderWay()
        under_way.report = self._threads.submit(
            self._told, report, source, under_way, score_from, raw_format
        )
        return under_way

    def _told(
        self,
        report: CallReport,
        source: BinaryIO,
        under_way: WordsUnderWay,
        score_from: ScoreFrom | None,
        raw_format: str | None,
    ) -> CallReport:
        def advance(completed: int, total: int) -> None:
            under_way.share = completed / max(total, 1)

        return _told(
            report,
            source,
            load=self._load,
            analyse=self._analyse,
            progress=advance,
            score_from=score_from,
            raw_format=raw_format,
        )


@dataclass(kw_only=True)
class WordsUnderWay:
    """A call that is being written down.

    Attributes
    ----------
    share : float
        How much is done, 0–1.
    report : Future
        Of the report with words, or with a notice that says why there are none.
    """

    share: float = 0.0
    report: Future[CallReport] = field(default_factory=Future)


def _step_back() -> None:
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def keep_words(store: Store, report: CallReport, *, before: CallReport) -> bool:
    """Keep the words of a report, if its call waits for them; tell whether it did.

    Where the words changed the report, it takes the place of the one that was there; if that
    was of the other side, it is deleted: nothing is kept of how an agent sounds.

    Parameters
    ----------
    report : CallReport
        With words, or with a notice that says why there are none.
    before : CallReport
        The stored report that the words were written down by.

    Raises
    ------
    StoreError
        If the store cannot be written.
    """
    changed = (report.speakers, report.call, report.score) != (
        before.speakers, before.call, before.score,
    )  # fmt: skip
    with store.database.writing() as session:
        if changed and not take_place_of(session, _without_words(report), before):
            return False
        kept = finish_words(
            session,
            report.call.id,
            customer_channel=report.call.customer_channel,
            words=report.to_dict()["words"],
            notices=[vars(notice) for notice in words_notices(report)],
        )
        if kept:
            raise_alerts(session, find_call(session, report.call.id))
    if report.call.customer_channel != before.call.customer_channel:
        store.database.wipe()
    return kept


def _without_words(report: CallReport) -> CallReport:
    own = [notice for notice in report.warnings if notice not in words_notices(report)]
    return replace(report, words=None, warnings=tuple(own))
