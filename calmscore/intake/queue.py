"""The one queue of calls: what is accepted is on disk and in the store until it is done.

The page and the HTTP service put uploads in, and workers of any process on the same
store take them out. What fails because of the store or the disk is tried again without
end; only a recording's own fault ends its job.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from calmscore.audio.recording_file import hash_recording
from calmscore.errors import QueueFullError, StoreError
from calmscore.intake.alone import ALONE_COMMAND
from calmscore.intake.queue_timing import QueueTiming
from calmscore.intake.queued_call import QueuedCall
from calmscore.intake.upkeep import Upkeep
from calmscore.intake.workers import Told, Workers
from calmscore.network.classifier import EmotionClassifier
from calmscore.store import Store
from calmscore.store.jobs import CALL, JobRow, add_job, count_open_jobs, put_back, states_of
from calmscore.store.leases import new_owner


class CallQueue:
    """Takes uploads into the store, in the background, a few at a time.

    Parameters
    ----------
    store : Store
        Holds the jobs and the uploads; any number of queues may work on it.
    load : callable
        Returns the classifier; called when there is work.
    at_once : int
        Number of worker threads.
    most_waiting : int
        How many uploads may wait, over all processes.
    turn : context manager, optional
        Entered for each analysis, to share the machine with others.
    told : callable, optional
        Called as ``told(attempt, seconds)`` when a job has ended here.
    alone_command : sequence of str
        Analyses one job in a process of its own; gets the job's id and its owner.
    timing : QueueTiming
        How often it looks, and how long it waits.
    """

    def __init__(
        self,
        store: Store,
        *,
        load: Callable[[], EmotionClassifier],
        at_once: int,
        most_waiting: int = 1000,
        turn: AbstractContextManager[Any] | None = None,
        told: Told = lambda attempt, seconds: None,
        alone_command: Sequence[str] = ALONE_COMMAND,
        timing: QueueTiming = QueueTiming(),  # noqa: B008  frozen
    ) -> None:
        self.owner = new_owner()
        self._store = store
        self._most_waiting = most_waiting
        self._timing = timing
        self._stopping = threading.Event()
        self._workers = Workers(
            store,
            owner=self.owner,
            load=load,
            at_once=at_once,
            turn=turn or nullcontext(),
            told=told,
            alone_command=alone_command,
            timing=timing,
            stopping=self._stopping,
        )
        self._upkeep = Upkeep(
            store,
            owner=self.owner,
            held=self._workers.held,
            timing=timing,
            stopping=self._stopping,
        )
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Take up what was left behind, and start the workers.

        Raises
        ------
        StoreError
            If the folder of uploads cannot be made.
        """
        self._store.incoming.prepare()
        self._stopping.clear()
        self._threads = [*self._workers.start(), self._upkeep.start()]

    def stop(self) -> None:
        """Let the workers finish their calls, for a while; the rest goes back to the queue."""
        self._stopping.set()
        self._workers.look(all_of_them=True)
        deadline = time.monotonic() + self._timing.stop_seconds
        for thread in self._threads:
            thread.join(timeout=max(deadline - time.monotonic(), 0.0))
        with suppress(StoreError, SQLAlchemyError), self._store.database.writing() as session:
            put_back(session, owner=self.owner)

    def check_room(self) -> None:
        """See whether another upload is taken.

        Raises
        ------
        QueueFullError
            If as many wait as may.
        """
        with self._store.database.reading() as session:
            self._check_room(session)

    def _check_room(self, session: Session) -> None:
        if count_open_jobs(session, kind=CALL) >= self._most_waiting:
            raise QueueFullError(
                f"{self._most_waiting} calls wait already; send this one again in a while"
            )

    def add(self, part: Path, *, parameters: dict[str, Any]) -> JobRow:
        """Put an upload in the queue; its file is moved away.

        When this returns, the upload is on disk and in the store, also after a power cut.

        Parameters
        ----------
        part : Path
            In the store's folder of uploads.
        parameters : dict
            ``file_name``, ``actor`` and, where given, ``agent``, ``customer``,
            ``called_at``, ``customer_channel`` and ``direction``, ready for JSON.

        Raises
        ------
        QueueFullError
            If as many wait as may.
        StoreError
            If it cannot be written; nothing is left then.
        """
        job_id = uuid.uuid4().hex
        with part.open("rb") as upload:
            call_id = hash_recording(upload, file_name=parameters["file_name"])
        self._store.incoming.keep(part, job_id, parameters)
        try:
            with self._store.database.writing() as session:
                self._check_room(session)
                job = add_job(
                    session, kind=CALL, parameters=parameters, job_id=job_id, call_id=call_id
                )
        except BaseException:
            self._store.incoming.delete(job_id)
            raise
        self._workers.look()
        return job

    def add_stream(self, source: BinaryIO, *, parameters: dict[str, Any]) -> JobRow:
        """Put an upload that is in memory in the queue; see `add`."""
        part = self._store.incoming.receive(source)
        try:
            return self.add(part, parameters=parameters)
        finally:
            part.unlink(missing_ok=True)

    def length(self) -> int:
        """Return how many calls wait or are being analysed, by whomever."""
        with self._store.database.reading() as session:
            return count_open_jobs(session, kind=CALL)

    def end_of(self, job_id: str) -> Future[None]:
        """Return what ends when this process ends the job; others may end it, too."""
        return self._workers.end_of(job_id)

    def forget_end(self, job_id: str) -> None:
        """Say that nobody waits for a job any more."""
        self._workers.forget_end(job_id)

    @property
    def alive(self) -> bool:
        """Whether every worker runs."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    @property
    def trouble(self) -> str:
        """Why nothing can be stored at present; empty if it can."""
        return self._upkeep.trouble

    def refresh(self, calls: Sequence[QueuedCall]) -> None:
        """Bring the state of uploads up to date."""
        unfinished = [call for call in calls if not call.finished]
        with self._store.database.reading() as session:
            states = states_of(session, [call.job_id for call in unfinished])
            for call in unfinished:
                call.follow(
                    session, states.get(call.job_id), self._workers.progress.get(call.job_id)
                )
