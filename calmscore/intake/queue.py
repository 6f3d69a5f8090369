"""Several recordings on their way into the store, in the background, a few at a time."""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import BinaryIO, Literal

from calmscore.analysis.report import CallReport
from calmscore.analysis.segments import ChannelChoice
from calmscore.errors import CalmscoreError
from calmscore.intake.analysis_cache import AnalysisCache
from calmscore.store import Store
from calmscore.store.calls import CallDetails, has_call, has_current_report

QueuedState = Literal[
    "waiting", "reading", "listening", "added", "renewed", "here already", "failed"
]
_AT_ONCE = 2
_BLOCK_BYTES = 2**20
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class QueuedCall:
    """One recording and what became of it.

    Attributes
    ----------
    file_name : str
        Its name.
    state : str
        ``renewed`` is a call that an earlier model had analysed.
    completed, total : int
        Segments listened to, and of how many.
    report : CallReport or None
        Once it is in the store.
    message : str
        Why it failed, or what else to know.
    """

    file_name: str
    state: QueuedState = "waiting"
    completed: int = 0
    total: int = 0
    report: CallReport | None = None
    message: str = ""

    @property
    def finished(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state not in ("waiting", "reading", "listening")

    @property
    def share(self) -> float:
        """How much is done, 0–1."""
        return self.completed / self.total if self.total else 0.0


class CallQueue:
    """Takes recordings into the store; one that fails never stops the others.

    Parameters
    ----------
    store : Store
        Where calls go.
    analyses : AnalysisCache
        What analyses them.
    actor : str
        Who adds the calls.
    """

    def __init__(self, store: Store, *, analyses: AnalysisCache, actor: str) -> None:
        self._store, self._analyses, self._actor = store, analyses, actor
        self._waiting: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._workers = 0
        self._idle = threading.Condition(self._lock)
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self.items: list[QueuedCall] = []

    @property
    def running(self) -> bool:
        """Whether some recording is not finished."""
        return not all(item.finished for item in self.items)

    def add(
        self,
        source: BinaryIO,
        *,
        file_name: str,
        customer_channel: ChannelChoice | None = None,
        details: CallDetails | None = None,
    ) -> QueuedCall:
        """Take a recording in, in the background; the rest is as for `intake.take_in`."""
        call = QueuedCall(file_name=file_name)
        self.items.append(call)
        self._waiting.put(_Task(call, source, customer_channel, details))
        with self._lock:
            if self._workers < _AT_ONCE:
                self._workers += 1
                threading.Thread(target=self._work, daemon=True).start()
        return call

    def wait(self, timeout_seconds: float) -> bool:
        """Wait until all are finished; tell whether they are."""
        with self._idle:
            return self._idle.wait_for(lambda: not self.running, timeout_seconds)

    def clear(self) -> None:
        """Forget the recordings that are finished."""
        self.items = [item for item in self.items if not item.finished]

    def _work(self) -> None:
        while True:
            with self._idle:
                try:
                    task = self._waiting.get_nowait()
                except queue.Empty:
                    self._workers -= 1
                    self._idle.notify_all()
                    return
            self._take_in(task)

    def _take_in(self, task: _Task) -> None:
        call = task.call
        call.state = "reading"
        try:
            state = self._stored(task)
        except CalmscoreError as error:
            call.message, call.state = str(error), "failed"
        except Exception:
            _log.exception("%s could not be taken in", call.file_name)
            call.message = (
                f"{call.file_name} could not be analysed because of a fault in Calmscore. "
                "Please tell whoever looks after it; the log has the details."
            )
            call.state = "failed"
        else:
            call.state = state

    def _stored(self, task: _Task) -> QueuedState:
        digest = hashlib.sha256()
        while block := task.source.read(_BLOCK_BYTES):
            digest.update(block)
        task.source.seek(0)
        call_id = digest.hexdigest()
        with self._lock:
            turn = self._turns[call_id]
        # The same recording twice in one go: the second finds what the first stored.
        with turn:
            return self._analysed(task, call_id)

    def _analysed(self, task: _Task, call_id: str) -> QueuedState:
        call, analyses = task.call, self._analyses
        with self._store.database.reading() as session:
            known = has_call(session, call_id)
            current = has_current_report(session, call_id, model_sha256=analyses.model_sha256)

        def advance(completed: int, total: int) -> None:
            call.completed, call.total, call.state = completed, total, "listening"

        call.report = analyses.take_in(
            task.source,
            file_name=call.file_name,
            store=self._store,
            actor=self._actor,
            customer_channel=task.customer_channel,
            details=task.details,
            progress=advance,
        )
        if current:
            if call.report.call.file_name != call.file_name:
                call.message = f"the same recording as {call.report.call.file_name}"
            return "here already"
        return "renewed" if known else "added"


@dataclass(frozen=True)
class _Task:
    call: QueuedCall
    source: BinaryIO
    customer_channel: ChannelChoice | None
    details: CallDetails | None
