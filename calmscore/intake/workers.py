"""The workers of a queue: threads that take jobs, analyse them, and put back what must wait."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from calmscore.analysis.report import CallReport
from calmscore.errors import ArtifactError, Fault, NotStoredError, StoreError
from calmscore.intake.alone import EXIT_TRY_AGAIN, exit_code_alone
from calmscore.intake.attempt import Attempt, attempt, fail
from calmscore.intake.queue_timing import QueueTiming
from calmscore.intake.take_in import TakenState
from calmscore.network.classifier import EmotionClassifier
from calmscore.store import Store
from calmscore.store.jobs import (
    CALL,
    ENDED,
    JobRow,
    has_free_job,
    put_back,
    read_job,
    states_of,
    take_job,
)
from calmscore.store.reports import read_report

# Begun and broken off this often, a recording is analysed in a process of its own.
_SUSPECT_AFTER = 2
_TRIES_ALONE = 2

_log = logging.getLogger("calmscore.queue")

Told = Callable[[Attempt, float], None]


class Workers:
    """Take jobs out of the store, a few at a time.

    Parameters
    ----------
    owner : str
        Who takes them.
    load : callable
        Returns the classifier; called when there is work.
    at_once : int
        Number of threads.
    turn : context manager
        Entered for each analysis.
    told : callable
        Called as ``told(attempt, seconds)`` when a job has ended here.
    alone_command : sequence of str
        Analyses one job in a process of its own; gets the job's id and its owner.
    timing : QueueTiming
    stopping : threading.Event
        Ends them.

    Attributes
    ----------
    held : set of str
        What this process knows that it took: a job that was taken while the answer of the
        database was lost is not renewed, and so is free again.
    progress : dict
        Segments listened to, and of how many, for each job that is analysed here.
    """

    def __init__(
        self,
        store: Store,
        *,
        owner: str,
        load: Callable[[], EmotionClassifier],
        at_once: int,
        turn: AbstractContextManager[Any],
        told: Told,
        alone_command: Sequence[str],
        timing: QueueTiming,
        stopping: threading.Event,
    ) -> None:
        self._store = store
        self._owner = owner
        self._load = load
        self._at_once = at_once
        self._turn = turn
        self._told = told
        self._alone_command = tuple(alone_command)
        self._timing = timing
        self._stopping = stopping
        self._one_alone = threading.Lock()
        self._ends: dict[str, Future[None]] = {}
        self._work = threading.Semaphore(0)
        self.held: set[str] = set()
        self.progress: dict[str, tuple[int, int]] = {}

    def start(self) -> list[threading.Thread]:
        """Start the threads, and return them."""
        threads = [
            threading.Thread(target=self._run, name=f"analysis {number}", daemon=True)
            for number in range(self._at_once)
        ]
        for thread in threads:
            thread.start()
        return threads

    def look(self, *, all_of_them: bool = False) -> None:
        """Let a worker, or all, look for work now."""
        self._work.release(self._at_once if all_of_them else 1)

    def end_of(self, job_id: str) -> Future[None]:
        """Return what ends when this process ends the job; others may end it, too."""
        return self._ends.setdefault(job_id, Future())

    def forget_end(self, job_id: str) -> None:
        """Say that nobody waits for a job any more."""
        self._ends.pop(job_id, None)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                job = self._take()
            except (StoreError, ArtifactError, SQLAlchemyError):
                _log.exception("no call can be taken from the queue")
                self._stopping.wait(self._timing.retry_seconds)
                continue
            if job is None:
                self._work.acquire(timeout=self._timing.look_every_seconds)
            else:
                self._attempt(job)

    def _take(self) -> JobRow | None:
        with self._store.database.reading() as session:
            if not has_free_job(session, kind=CALL):
                return None
        self._load()
        with self._store.database.writing() as session:
            return take_job(session, kind=CALL, owner=self._owner)

    def _attempt(self, job: JobRow) -> None:
        started = time.perf_counter()
        self.held.add(job.id)
        try:
            with self._turn:
                if job.starts > _SUSPECT_AFTER:
                    ended = self._attempt_alone(job)
                else:
                    ended = self._attempt_here(job)
        except Exception as error:  # nothing stops a worker
            self._put_back(job, error)
            return
        finally:
            self.progress.pop(job.id, None)
            self.held.discard(job.id)
        if ended is None:
            return
        self._told(ended, time.perf_counter() - started)
        waiting = self._ends.pop(job.id, None)
        # Whoever waited may have gone away.
        if waiting is not None and waiting.set_running_or_notify_cancel():
            waiting.set_result(None)

    def _attempt_here(self, job: JobRow) -> Attempt | None:
        def advance(completed: int, total: int) -> None:
            self.progress[job.id] = (completed, total)

        return attempt(
            job,
            store=self._store,
            classifier=self._load(),
            owner=self._owner,
            progress=advance,
        )

    def _attempt_alone(self, job: JobRow) -> Attempt | None:
        """Analyse a recording that may have taken a service down, where it takes down none."""
        with self._one_alone:
            for _ in range(_TRIES_ALONE):
                code = exit_code_alone(
                    (*self._alone_command, job.id, self._owner),
                    store=self._store,
                    stopping=self._stopping,
                )
                if self._stopping.is_set():
                    return None
                if code == EXIT_TRY_AGAIN:
                    raise StoreError("the store or the disk failed")
                if code == 0:
                    return self._read_end(job)
        name = str(job.parameters["file_name"])
        fault = Fault(
            "analysis_interrupted",
            f"{name} ended the process that analysed it, alone, {_TRIES_ALONE} times, perhaps "
            "for want of memory; split the call",
        )
        # Whoever died may have stored the call before.
        return fail(self._store, job, fault, owner=self._owner) or self._read_end(job)

    def _read_end(self, job: JobRow) -> Attempt | None:
        with self._store.database.reading() as session, suppress(NotStoredError):
            now = read_job(session, job.id)
            if now.state == "failed":
                return Attempt(fault=Fault(now.error_code or "", now.error_message or ""))
            if now.state == "done":
                report = CallReport.from_dict(read_report(session, str(now.call_id)))
                taken: TakenState = now.taken or "added"  # type: ignore[assignment]
                return Attempt(taken=taken, report=report)
        return None

    def _put_back(self, job: JobRow, error: Exception) -> None:
        """Let a job wait, longer every time; it is not the recording's fault."""
        seconds = self._timing.pause_seconds(job.setbacks)
        _log.error("job %s is tried again in %.0f s: %s", job.id, seconds, error)
        while True:
            try:
                with self._store.database.writing() as session:
                    put_back(
                        session,
                        owner=self._owner,
                        job_id=job.id,
                        pause=timedelta(seconds=seconds),
                    )
                    state = states_of(session, [job.id]).get(job.id)
                if state in ENDED:  # it was stored, and only the answer was lost
                    self._store.incoming.delete(job.id)
                return
            except (StoreError, SQLAlchemyError):
                _log.error("job %s cannot be put back yet", job.id)
            if self._stopping.wait(self._timing.retry_seconds):
                return  # free again when its lease is over
