"""The one queue of calls: what is accepted is on disk and in the store until it is done.

The page and the HTTP service put uploads in, and workers of any process on the same
store take them out. What fails because of the store or the disk is tried again without
end; only a recording's own fault ends its job.
"""

from __future__ import annotations

import errno
import logging
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Literal

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from calmscore.analysis.call import Progress
from calmscore.analysis.report import CallReport
from calmscore.audio.recording import hash_recording, open_recording
from calmscore.errors import (
    ArtifactError,
    CallFileError,
    DeletedMeanwhileError,
    Fault,
    LeaseLostError,
    NotStoredError,
    QueueFullError,
    StoreError,
    fault_of,
)
from calmscore.intake.take_in import TakenState, take_in
from calmscore.network.classifier import EmotionClassifier
from calmscore.settings import PREFIX
from calmscore.store import Store
from calmscore.store.calls import CallDetails, read_report
from calmscore.store.jobs import (
    LONGEST_PAUSE,
    JobKind,
    JobRow,
    JobState,
    add_job,
    count_open_jobs,
    fail_job,
    finish_job,
    has_free_job,
    put_back,
    read_job,
    renew_leases,
    states_of,
    take_job,
)

KIND: JobKind = "call"
EXIT_TRY_AGAIN = os.EX_TEMPFAIL
ALONE_COMMAND = (sys.executable, "-m", "calmscore.intake.alone")
QueuedState = Literal["waiting", "reading", "listening", "failed"] | TakenState

# Begun and broken off this often, a recording is analysed in a process of its own.
_SUSPECT_AFTER = 2
_TRIES_ALONE = 2
_FIRST_PAUSE_SECONDS = 1.0
_RETRY_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 2.0
_STOP_SECONDS = 20.0
_BEAT_SECONDS = 5.0
_LATE_SECONDS = 15.0
# What a killed service left of a call that is done goes within the minute that is promised.
_TIDY_EVERY_SECONDS = 30.0
_PROBE = b"\0" * (1 << 16)
# Of the machine, not of what a file holds.
_PASSING_ERRORS = frozenset(
    {
        errno.EACCES, errno.EAGAIN, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE,
        errno.ENODEV, errno.ENOLCK, errno.ENOMEM, errno.ENOSPC, errno.ENOTCONN, errno.EPERM,
        errno.EROFS, errno.ESTALE, errno.ETIMEDOUT,
    }
)  # fmt: skip

_log = logging.getLogger("calmscore.queue")


@dataclass(kw_only=True)
class QueuedCall:
    """One upload and what became of it, for the page.

    Attributes
    ----------
    job_id, file_name : str
    state : str
        ``renewed`` is a call that an earlier model had analysed.
    completed, total : int
        Segments listened to, and of how many, where this process analyses it.
    report : CallReport or None
        Once it is in the store.
    message : str
        Why it failed, or what else to know.
    """

    job_id: str
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


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """How one attempt at a job ended.

    Attributes
    ----------
    taken : TakenState or None
        Where the call is in the store.
    report : CallReport or None
        The same, if this process analysed it.
    fault : Fault or None
        Where the recording failed for good.
    """

    taken: TakenState | None = None
    report: CallReport | None = None
    fault: Fault | None = None


Told = Callable[[Attempt, float], None]


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
    ) -> None:
        self.owner = f"{platform.node()[:20]}-{os.getpid()}-{uuid.uuid4().hex[:16]}"
        self._store = store
        self._load = load
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._turn = turn or nullcontext()
        self._told = told
        self._alone_command = tuple(alone_command)
        self._one_alone = threading.Lock()
        self._progress: dict[str, tuple[int, int]] = {}
        self._ends: dict[str, Future[None]] = {}
        # What this process knows that it took: a job that was taken while the answer of the
        # database was lost is not renewed, and so is free again.
        self._held: set[str] = set()
        self._work = threading.Semaphore(0)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._beaten_at = -float("inf")
        self._trouble = ""

    def start(self) -> None:
        """Take up what was left behind, and start the workers.

        Raises
        ------
        StoreError
            If the folder of uploads cannot be made.
        """
        self._store.incoming.prepare()
        self._stopping.clear()
        self._beaten_at = time.monotonic()
        self._threads = [
            threading.Thread(target=self._run, name=f"analysis {number}", daemon=True)
            for number in range(self._at_once)
        ]
        self._threads.append(threading.Thread(target=self._beat, name="lease", daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the workers finish their calls, for a while; the rest goes back to the queue."""
        self._stopping.set()
        self._work.release(self._at_once)
        deadline = time.monotonic() + _STOP_SECONDS
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
        if count_open_jobs(session, kind=KIND) >= self._most_waiting:
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
                    session, kind=KIND, parameters=parameters, job_id=job_id, call_id=call_id
                )
        except BaseException:
            self._store.incoming.delete(job_id)
            raise
        self._work.release()
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
            return count_open_jobs(session, kind=KIND)

    def end_of(self, job_id: str) -> Future[None]:
        """Return what ends when this process ends the job; others may end it, too."""
        return self._ends.setdefault(job_id, Future())

    def forget_end(self, job_id: str) -> None:
        """Say that nobody waits for a job any more."""
        self._ends.pop(job_id, None)

    @property
    def alive(self) -> bool:
        """Whether every worker runs."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    @property
    def trouble(self) -> str:
        """Why nothing can be stored at present; empty if it can."""
        late = time.monotonic() - self._beaten_at
        if not self._trouble and late > _LATE_SECONDS:
            return f"the store has taken nothing for {late:.0f} s; something holds its lock"
        return self._trouble

    def refresh(self, calls: Sequence[QueuedCall]) -> None:
        """Bring the state of uploads up to date."""
        unfinished = [call for call in calls if not call.finished]
        with self._store.database.reading() as session:
            states = states_of(session, [call.job_id for call in unfinished])
            for call in unfinished:
                self._refresh(session, call, states.get(call.job_id))

    def _refresh(self, session: Session, call: QueuedCall, state: JobState | None) -> None:
        if state is None:
            call.state, call.message = "failed", f"{call.file_name} was deleted"
        elif state == "queued":
            call.state = "waiting"
        elif state == "running":
            call.state = "reading"
            if call.job_id in self._progress:
                call.state = "listening"
                call.completed, call.total = self._progress[call.job_id]
        else:
            _tell_end(session, call)

    # Workers

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                job = self._take()
            except (StoreError, ArtifactError, SQLAlchemyError):
                _log.exception("no call can be taken from the queue")
                self._stopping.wait(_RETRY_SECONDS)
                continue
            if job is None:
                self._work.acquire(timeout=_LOOK_EVERY_SECONDS)
            else:
                self._attempt(job)

    def _take(self) -> JobRow | None:
        with self._store.database.reading() as session:
            if not has_free_job(session, kind=KIND):
                return None
        self._load()
        with self._store.database.writing() as session:
            return take_job(session, kind=KIND, owner=self.owner)

    def _attempt(self, job: JobRow) -> None:
        started = time.perf_counter()
        self._held.add(job.id)
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
            self._progress.pop(job.id, None)
            self._held.discard(job.id)
        if ended is None:
            return
        self._told(ended, time.perf_counter() - started)
        waiting = self._ends.pop(job.id, None)
        # Whoever waited may have gone away.
        if waiting is not None and waiting.set_running_or_notify_cancel():
            waiting.set_result(None)

    def _attempt_here(self, job: JobRow) -> Attempt | None:
        def advance(completed: int, total: int) -> None:
            self._progress[job.id] = (completed, total)

        return attempt(
            job,
            store=self._store,
            classifier=self._load(),
            owner=self.owner,
            progress=advance,
        )

    def _attempt_alone(self, job: JobRow) -> Attempt | None:
        """Analyse a recording that may have taken a service down, where it takes down none."""
        with self._one_alone:
            for _ in range(_TRIES_ALONE):
                code = self._exit_code_alone(job)
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
        return _fail(self._store, job, fault, owner=self.owner) or self._read_end(job)

    def _exit_code_alone(self, job: JobRow) -> int:
        environment = os.environ | {
            f"{PREFIX}DATA_FOLDER": str(self._store.folder),
            f"{PREFIX}DATABASE_URL": self._store.database.engine.url.render_as_string(
                hide_password=False
            ),
        }
        # It ends with this process: then it reads the end of its input.
        with subprocess.Popen(
            [*self._alone_command, job.id, self.owner], stdin=subprocess.PIPE, env=environment
        ) as process:
            while process.poll() is None and not self._stopping.wait(0.1):
                pass
        return process.returncode

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
        seconds = min(
            _FIRST_PAUSE_SECONDS * 2.0 ** min(job.setbacks, 20), LONGEST_PAUSE.total_seconds()
        )
        _log.error("job %s is tried again in %.0f s: %s", job.id, seconds, error)
        while True:
            try:
                with self._store.database.writing() as session:
                    put_back(
                        session,
                        owner=self.owner,
                        job_id=job.id,
                        pause=timedelta(seconds=seconds),
                    )
                    state = states_of(session, [job.id]).get(job.id)
                if state in _ENDED:  # it was stored, and only the answer was lost
                    self._store.incoming.delete(job.id)
                return
            except (StoreError, SQLAlchemyError):
                _log.error("job %s cannot be put back yet", job.id)
            if self._stopping.wait(_RETRY_SECONDS):
                return  # free again when its lease is over

    # Leases, readiness, and what was left

    def _beat(self) -> None:
        tidied_at: float | None = None
        while True:
            now, starting = time.monotonic(), tidied_at is None
            try:
                if tidied_at is None or now - tidied_at > _TIDY_EVERY_SECONDS:
                    tidied_at = now
                    self._tidy(starting=starting)
                self._probe_disk()
                with self._store.database.writing() as session:
                    renew_leases(session, list(self._held), owner=self.owner)
            except Exception as error:  # the next beat may find it mended
                if not self._trouble:
                    _log.exception("nothing can be stored")
                self._trouble = _plain(error)
            else:
                self._trouble, self._beaten_at = "", time.monotonic()
            if self._stopping.wait(_BEAT_SECONDS):
                return

    def _probe_disk(self) -> None:
        with tempfile.TemporaryFile(dir=self._store.incoming.folder) as probe:
            probe.write(_PROBE)
            probe.flush()
            os.fsync(probe.fileno())

    def _tidy(self, *, starting: bool) -> None:
        """Take in uploads without a row, and delete what ended jobs and broken uploads left."""
        incoming = self._store.incoming
        here = incoming.job_ids()
        with self._store.database.reading() as session:
            states = states_of(session, here)
        incoming.delete(*(job_id for job_id, state in states.items() if state in _ENDED))
        for job_id, parameters in incoming.without_row(states).items():
            with open_recording(incoming.path(job_id), file_name=job_id) as upload:
                call_id = hash_recording(upload, file_name=job_id)
            _log.warning("upload %s has no row; it is taken in again", job_id)
            with self._store.database.writing() as session:
                add_job(session, kind=KIND, parameters=parameters, job_id=job_id, call_id=call_id)
        incoming.delete_left()
        if starting:
            self._store.delete_left()
            self._store.database.wipe()


_ENDED = ("done", "failed")


def _tell_end(session: Session, call: QueuedCall) -> None:
    job = read_job(session, call.job_id)
    if job.state == "failed":
        call.state, call.message = "failed", job.error_message or ""
        return
    call.report = CallReport.from_dict(read_report(session, str(job.call_id)))
    stored_as = call.report.call.file_name
    if job.taken == "known" and stored_as != call.file_name:
        call.message = f"the same recording as {stored_as}"
    call.state = job.taken or "added"  # type: ignore[assignment]


def attempt(
    job: JobRow,
    *,
    store: Store,
    classifier: EmotionClassifier,
    owner: str,
    progress: Progress | None = None,
) -> Attempt | None:
    """Analyse a job's recording, and store how it ended.

    Parameters
    ----------
    job : JobRow
        Taken by ``owner``.
    store : Store
    classifier : EmotionClassifier
    owner : str
        Who holds the job.
    progress : callable, optional
        Called as ``progress(completed, total)``.

    Returns
    -------
    Attempt or None
        None where the job is no longer this owner's: deleted, or taken over.

    Raises
    ------
    StoreError, ArtifactError, OSError
        If it is no fault of the recording: the job can be tried again.
    """
    name = str(job.parameters["file_name"])

    def end(session: Session, call_id: str, state: TakenState) -> None:
        if finish_job(session, job.id, call_id=call_id, owner=owner, taken=state):
            return
        try:
            read_job(session, job.id)
        except NotStoredError:
            raise DeletedMeanwhileError(f"{name} was deleted while it was analysed") from None
        raise LeaseLostError(f"another service took over {name}")

    try:
        taken = _analysed(job, store, classifier, end, progress)
    except (DeletedMeanwhileError, LeaseLostError):
        return None
    except Exception as error:
        if _is_passing(error):
            raise
        return _fail(store, job, fault_of(error, file_name=name), owner=owner)
    store.incoming.delete(job.id)
    return Attempt(taken=taken[0], report=taken[1])


def _analysed(
    job: JobRow,
    store: Store,
    classifier: EmotionClassifier,
    end: Callable[[Session, str, TakenState], None],
    progress: Progress | None,
) -> tuple[TakenState, CallReport]:
    parameters = job.parameters
    called_at = parameters.get("called_at")
    path = store.incoming.path(job.id)
    try:
        recording = path.open("rb")
    except FileNotFoundError:
        if not store.has_its_folder:
            raise StoreError(f"{store.folder}: the folder of recordings is not there") from None
        raise CallFileError(
            "upload_lost",
            f"{parameters['file_name']}: its upload is no longer on disk; send it again",
        ) from None
    with recording:
        taken = take_in(
            recording,
            file_name=parameters["file_name"],
            store=store,
            classifier=classifier,
            actor=parameters["actor"],
            customer_channel=parameters.get("customer_channel"),
            direction=parameters.get("direction"),
            details=CallDetails(
                agent=parameters.get("agent"),
                customer=parameters.get("customer"),
                called_at=datetime.fromisoformat(called_at) if called_at else None,
            ),
            progress=progress,
            within=end,
            words=parameters.get("words", True),
        )
    return taken.state, taken.report


def _fail(store: Store, job: JobRow, fault: Fault, *, owner: str) -> Attempt | None:
    with store.database.writing() as session:
        mine = fail_job(session, job.id, code=fault.code, message=fault.message, owner=owner)
    if not mine:
        return None
    store.incoming.delete(job.id)
    return Attempt(fault=fault)


def _is_passing(error: BaseException | None) -> bool:
    """Tell whether an error is the store's, the disk's or the machine's, not the recording's."""
    if isinstance(error, CallFileError):
        return _is_passing(error.__cause__)
    if isinstance(error, OSError):
        return error.errno in _PASSING_ERRORS
    return isinstance(error, StoreError | ArtifactError)


def _plain(error: Exception) -> str:
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return "the disk of the data folder is full; make room"
        return f"the data folder cannot be written ({error.strerror})"
    if isinstance(error, StoreError):
        return str(error)
    return f"the store cannot be used ({type(error).__name__})"
