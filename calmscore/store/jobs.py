"""Work that was asked for and is done later; it survives the end of a process."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from calmscore.errors import NotStoredError
from calmscore.store.schema import Job

JobKind = Literal["call", "training"]
JobState = Literal["queued", "running", "done", "failed"]


@dataclass(frozen=True, kw_only=True)
class JobRow:
    """One piece of work."""

    id: str
    kind: JobKind
    state: JobState
    parameters: dict[str, Any]
    call_id: str | None
    error_code: str | None
    error_message: str | None
    created_at: datetime
    finished_at: datetime | None


def add_job(session: Session, *, kind: JobKind, parameters: dict[str, Any]) -> JobRow:
    """Put work in the queue."""
    job = Job(
        id=uuid.uuid4().hex, kind=kind, state="queued", parameters=parameters,
        created_at=datetime.now(UTC),
    )  # fmt: skip
    session.add(job)
    session.flush()
    return _row(job)


def take_job(session: Session, *, kind: JobKind) -> JobRow | None:
    """Take the oldest queued work, so that nobody else does; None if there is none."""
    job = session.scalar(
        select(Job)
        .where(Job.kind == kind, Job.state == "queued")
        .order_by(Job.created_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if job is None:
        return None
    job.state = "running"
    session.flush()
    return _row(job)


def finish_job(session: Session, job_id: str, *, call_id: str | None = None) -> None:
    """Say that work is done."""
    _end(session, job_id, state="done", call_id=call_id)


def fail_job(session: Session, job_id: str, *, code: str, message: str) -> None:
    """Say why work could not be done."""
    _end(session, job_id, state="failed", error_code=code, error_message=message)


def requeue_running(session: Session, *, kind: JobKind) -> int:
    """Queue again what a process left behind when it ended; return how much.

    To be called when no worker runs, before the first one starts.
    """
    result = session.execute(
        update(Job).where(Job.kind == kind, Job.state == "running").values(state="queued")
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def open_job_ids(session: Session, *, kind: JobKind) -> list[str]:
    """Return the ids of all work that has not ended, the oldest first."""
    query = select(Job.id).where(Job.kind == kind, Job.state.in_(("queued", "running")))
    return list(session.scalars(query.order_by(Job.created_at, Job.id)))


def read_job(session: Session, job_id: str) -> JobRow:
    """Return a piece of work.

    Raises
    ------
    NotStoredError
        If there is no such job.
    """
    job = session.get(Job, job_id)
    if job is None:
        raise NotStoredError(f"there is no job {job_id!r}")
    return _row(job)


def _end(session: Session, job_id: str, **values: Any) -> None:
    session.execute(
        update(Job).where(Job.id == job_id).values(finished_at=datetime.now(UTC), **values)
    )


def _row(job: Job) -> JobRow:
    kind: JobKind = job.kind  # type: ignore[assignment]
    state: JobState = job.state  # type: ignore[assignment]
    return JobRow(
        id=job.id, kind=kind, state=state, parameters=job.parameters, call_id=job.call_id,
        error_code=job.error_code, error_message=job.error_message, created_at=job.created_at,
        finished_at=job.finished_at,
    )  # fmt: skip
