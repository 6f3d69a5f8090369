"""One attempt at a job: its recording is analysed, and how that ended is stored.

What fails because of the store, the disk or the machine can be tried again; only the
recording's own fault ends its job.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from calmscore.analysis.call import Progress
from calmscore.analysis.report import CallReport
from calmscore.errors import (
    ArtifactError,
    CallFileError,
    DeletedMeanwhileError,
    Fault,
    LeaseLostError,
    NotStoredError,
    StoreError,
    fault_of,
)
from calmscore.intake.take_in import TakenState, take_in
from calmscore.network.classifier import EmotionClassifier
from calmscore.store import Store
from calmscore.store.calls import CallDetails
from calmscore.store.jobs import JobRow, fail_job, finish_job, read_job

# Of the machine, not of what a file holds.
_PASSING_ERRORS = frozenset(
    {
        errno.EACCES, errno.EAGAIN, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE,
        errno.ENODEV, errno.ENOLCK, errno.ENOMEM, errno.ENOSPC, errno.ENOTCONN, errno.EPERM,
        errno.EROFS, errno.ESTALE, errno.ETIMEDOUT,
    }
)  # fmt: skip


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
        return fail(store, job, fault_of(error, file_name=name), owner=owner)
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
                raw_format=parameters.get("raw_format"),
            ),
            progress=progress,
            within=end,
            words=parameters.get("words", True),
        )
    return taken.state, taken.report


def fail(store: Store, job: JobRow, fault: Fault, *, owner: str) -> Attempt | None:
    """End a job for its recording's own fault; None where it is no longer this owner's."""
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
