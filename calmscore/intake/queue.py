"""Several recordings on their way into the store, in the background, a few at a time."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import BinaryIO, Literal

from calmscore.analysis.report import CallReport
from calmscore.analysis.segments import ChannelChoice
from calmscore.errors import fault_of
from calmscore.intake.analysis_throttle import AnalysisThrottle
from calmscore.intake.take_in import TakenState
from calmscore.store import Store
from calmscore.store.calls import CallDetails

QueuedState = Literal["waiting", "reading", "listening", "failed"] | TakenState
_AT_ONCE = 2


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
    analyses : AnalysisThrottle
        What analyses them.
    actor : str
        Who adds the calls.
    """

    def __init__(self, store: Store, *, analyses: AnalysisThrottle, actor: str) -> None:
        self._store, self._analyses, self._actor = store, analyses, actor
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="call queue")
        self._ends: list[Future[None]] = []
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
        self._ends.append(
            self._threads.submit(self._take_in, call, source, customer_channel, details)
        )
        return call

    def wait(self, timeout_seconds: float) -> bool:
        """Wait until all are finished; tell whether they are."""
        return not wait(self._ends, timeout_seconds).not_done

    def clear(self) -> None:
        """Forget the recordings that are finished."""
        self.items = [item for item in self.items if not item.finished]
        self._ends = [end for end in self._ends if not end.done()]

    def _take_in(
        self,
        call: QueuedCall,
        source: BinaryIO,
        customer_channel: ChannelChoice | None,
        details: CallDetails | None,
    ) -> None:
        def advance(completed: int, total: int) -> None:
            call.completed, call.total, call.state = completed, total, "listening"

        call.state = "reading"
        try:
            taken = self._analyses.take_in(
                source,
                file_name=call.file_name,
                store=self._store,
                actor=self._actor,
                customer_channel=customer_channel,
                details=details,
                progress=advance,
            )
        except Exception as error:  # one bad call never stops the others
            call.message, call.state = fault_of(error, file_name=call.file_name).message, "failed"
            return
        call.report = taken.report
        stored_as = taken.report.call.file_name
        if taken.state == "known" and stored_as != call.file_name:
            call.message = f"the same recording as {stored_as}"
        call.state = taken.state
