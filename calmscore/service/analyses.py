"""Calls that wait for their analysis, and the threads that do it.

A job is in the store before its upload is answered, and its file lies under the
job's id until the job has ended. Whatever a process leaves behind when it dies is
taken up by the next one.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy.exc import SQLAlchemyError

from calmscore.analysis.report import CallReport
from calmscore.errors import CallFileError, CalmscoreError, StoreError, fault_of
from calmscore.intake.take_in import take_in
from calmscore.network.classifier import EmotionClassifier
from calmscore.service.loading import LoadingClassifier
from calmscore.service.metrics import ServiceMetrics
from calmscore.service.uploads import Upload
from calmscore.store import Store
from calmscore.store.calls import CallDetails
from calmscore.store.jobs import (
    JobKind,
    JobRow,
    add_job,
    fail_job,
    finish_job,
    open_job_ids,
    requeue_running,
    take_job,
)

_KIND: JobKind = "call"
_STARTS_SUFFIX = ".starts"
# A recording whose analysis took the whole process down this often is given up.
_MOST_STARTS = 3
_RETRY_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 30.0
_STOP_SECONDS = 20.0

_log = logging.getLogger("calmscore.service")


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """How a job ended: with a report, or with the reason why there is none.

    Attributes
    ----------
    report : CallReport or None
        Of this very job.
    new : bool
        Whether the call was not stored before.
    error_code, error_message : str
        Where there is no report.
    """

    report: CallReport | None = None
    new: bool = False
    error_code: str = ""
    error_message: str = ""


class Analyses:
    """The queue of calls of one store, and its workers.

    Parameters
    ----------
    store : Store
        Holds the jobs; uploads are kept in its folder.
    classifier : LoadingClassifier
        The model.
    metrics : ServiceMetrics
        Counts what was analysed.
    at_once : int
        Number of worker threads.
    """

    def __init__(
        self,
        store: Store,
        classifier: LoadingClassifier,
        *,
        metrics: ServiceMetrics,
        at_once: int,
    ) -> None:
        self.folder = store.folder / "incoming"
        self._store = store
        self._classifier = classifier
        self._metrics = metrics
        self._at_once = at_once
        self._lock = FileLock(store.folder / "service.lock")
        self._results: dict[str, Future[JobResult]] = {}
        self._work = threading.Semaphore(0)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Take up what was left behind, and start the workers.

        Raises
        ------
        StoreError
            If another service works in the same folder.
        """
        self.folder.mkdir(mode=0o700, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreError(
                f"{self._store.folder}: another service works in this folder; stop it first, or "
                "set CALMSCORE_DATA_FOLDER to another folder"
            ) from error
        self._take_up()
        self._stopping.clear()
        self._threads = [
            threading.Thread(target=self._run, name=f"analysis {number}", daemon=True)
            for number in range(self._at_once)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the workers finish their calls, for a while; the rest stays in the queue."""
        self._stopping.set()
        self._work.release(self._at_once)
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(deadline - time.monotonic(), 0.0))
        # An orderly end is no fault of the recording that was being analysed.
        for path in self.folder.glob(f"*{_STARTS_SUFFIX}"):
            path.unlink(missing_ok=True)
        self._lock.release()

    def add(
        self, upload: Upload, *, parameters: dict[str, Any]
    ) -> tuple[JobRow, Future[JobResult]]:
        """Put an upload in the queue; its file is moved away.

        Parameters
        ----------
        upload : Upload
            In this object's folder.
        parameters : dict
            ``file_name``, ``actor`` and, where given, ``agent``, ``customer``,
            ``called_at`` and ``customer_channel``, ready for JSON.

        Returns
        -------
        job : JobRow
        result : Future of JobResult
            Ends with the job.
        """
        result: Future[JobResult] = Future()
        kept: Path | None = None
        job: JobRow | None = None
        try:
            with self._store.database.writing() as session:
                job = add_job(session, kind=_KIND, parameters=parameters)
                # Both before the commit: a worker may take the job right after it.
                self._results[job.id] = result
                kept = self._file(job.id)
                os.replace(upload.path, kept)
        except BaseException:
            if kept is not None and job is not None:
                self._results.pop(job.id, None)
                kept.unlink(missing_ok=True)
            raise
        self._work.release()
        return job, result

    def queue_length(self) -> int:
        """Return how many calls wait or are being analysed."""
        with self._store.database.reading() as session:
            return len(open_job_ids(session, kind=_KIND))

    @property
    def alive(self) -> bool:
        """Whether every worker runs."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def _file(self, job_id: str) -> Path:
        return self.folder / job_id

    def _starts(self, job_id: str) -> Path:
        return self.folder / f"{job_id}{_STARTS_SUFFIX}"

    def _take_up(self) -> None:
        with self._store.database.writing() as session:
            requeue_running(session, kind=_KIND)
            wanted = set(open_job_ids(session, kind=_KIND))
        for path in self.folder.iterdir():
            if path.name.removesuffix(_STARTS_SUFFIX) not in wanted:
                path.unlink()

    def _run(self) -> None:
        try:
            classifier = self._classifier.wait()
        except CalmscoreError:
            return  # said by whoever loads; jobs stay in the queue
        while not self._stopping.is_set():
            try:
                with self._store.database.writing() as session:
                    job = take_job(session, kind=_KIND)
            except (StoreError, SQLAlchemyError):
                _log.exception("the queue cannot be read")
                self._stopping.wait(_RETRY_SECONDS)
                continue
            if job is not None:
                self._end(job, self._result(job, classifier))
                continue
            self._work.acquire(timeout=_LOOK_EVERY_SECONDS)

    def _result(self, job: JobRow, classifier: EmotionClassifier) -> JobResult:
        name = str(job.parameters["file_name"])
        started = time.perf_counter()
        try:
            if self._count_start(job.id) > _MOST_STARTS:
                raise CallFileError(
                    "analysis_interrupted",
                    f"{name}: the service ended {_MOST_STARTS} times while it analysed this "
                    "recording, perhaps for want of memory; split the call",
                )
            result = self._analysed(job, classifier)
        except Exception as error:  # one bad call stops no worker
            fault = fault_of(error, file_name=name)
            result = JobResult(error_code=fault.code, error_message=fault.message)
        self._metrics.count_analysis(
            outcome=result.report.score.outcome if result.report else "failed",
            error=result.error_code,
            seconds=time.perf_counter() - started,
        )
        return result

    def _count_start(self, job_id: str) -> int:
        with self._starts(job_id).open("ab") as file:
            file.write(b".")
            return file.tell()

    def _analysed(self, job: JobRow, classifier: EmotionClassifier) -> JobResult:
        parameters = job.parameters
        called_at = parameters.get("called_at")
        with self._file(job.id).open("rb") as recording:
            taken = take_in(
                recording,
                file_name=parameters["file_name"],
                store=self._store,
                classifier=classifier,
                actor=parameters["actor"],
                customer_channel=parameters.get("customer_channel"),
                details=CallDetails(
                    agent=parameters.get("agent"),
                    customer=parameters.get("customer"),
                    called_at=datetime.fromisoformat(called_at) if called_at else None,
                ),
            )
        return JobResult(report=taken.report, new=taken.state == "added")

    def _end(self, job: JobRow, result: JobResult) -> None:
        while not self._written(job.id, result):
            if self._stopping.wait(_RETRY_SECONDS):
                return  # the next process takes the job up again
        self._file(job.id).unlink(missing_ok=True)
        self._starts(job.id).unlink(missing_ok=True)
        waiting = self._results.pop(job.id, None)
        # Whoever waited may have gone away.
        if waiting is not None and waiting.set_running_or_notify_cancel():
            waiting.set_result(result)

    def _written(self, job_id: str, result: JobResult) -> bool:
        try:
            with self._store.database.writing() as session:
                if result.report is not None:
                    finish_job(session, job_id, call_id=result.report.call.id)
                else:
                    fail_job(session, job_id, code=result.error_code, message=result.error_message)
        except (StoreError, SQLAlchemyError):
            _log.exception("job %s: its end cannot be stored", job_id)
            return False
        return True
