"""Work that was asked for and is done later; it survives the end of a process.

Any number of services may work on one database. A worker takes a job with a lease and
renews it while it lives; the job of one that died is free again when its lease is over.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from calmscore.errors import NotStoredError
from calmscore.store.leases import has_come
from calmscore.store.schema import Job

JobKind = Literal["call", "training"]
JobState = Literal["queued", "running", "done", "failed"]

LEASE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=5)
CALL: JobKind = "call"
ENDED: tuple[JobState, ...] = ("done", "failed")
_OPEN = ("queued", "running")


@dataclass(frozen=True, kw_only=True)
class JobRow:
    """One piece of work; the columns are those of `schema.Job`."""

    id: str
    kind: JobKind
    state: JobState
    parameters: dict[str, Any]
    call_id: str | None
    error_code: str | None
    error_message: str | None
    created_at: datetime
    finished_at: datetime | None
    starts: int
    setbacks: int
    taken: str | None


def add_job(
    session: Session,
    *,
    kind: JobKind,
    parameters: dict[str, Any],
    job_id: str | None = None,
    call_id: str | None = None,
) -> JobRow:
    """Put work in the queue, under a new id unless one is given."""
    job = Job(
        id=job_id or uuid.uuid4().hex, kind=kind, state="queued", parameters=parameters,
        call_id=call_id, created_at=datetime.now(UTC), starts=0, setbacks=0,
    )  # fmt: skip
    session.add(job)
    session.flush()
    return _row(job)


def take_job(session: Session, *, kind: JobKind, owner: str | None = None) -> JobRow | None:
    """Take the oldest work that is free, so that nobody else does; None if there is none.

    Parameters
    ----------
    kind : {"call", "training"}
    owner : str, optional
        Who takes it, with a lease; without one, it is nobody else's for ever.
    """
    now = _now(session)
    job = session.scalar(
        select(Job)
        .where(Job.kind == kind, _is_free(now))
        .order_by(Job.created_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if job is None:
        return None
    job.state = "running"
    job.starts += 1
    job.owner = owner
    job.lease_until = None if owner is None else now + LEASE
    session.flush()
    return _row(job)


def _is_free(now: datetime) -> ColumnElement[bool]:
    due = Job.not_before.is_(None) | has_come(Job.not_before, now, furthest=LONGEST_PAUSE)
    lapsed = has_come(Job.lease_until, now, furthest=2 * LEASE)
    return ((Job.state == "queued") & due) | ((Job.state == "running") & lapsed)


def renew_leases(session: Session, job_ids: Collection[str], *, owner: str) -> None:
    """Hold these jobs of this owner for another while."""
    session.execute(
        update(Job)
        .where(Job.owner == owner, Job.state == "running", Job.id.in_(job_ids))
        .values(lease_until=_now(session) + LEASE)
    )


def put_back(
    session: Session,
    *,
    owner: str,
    job_id: str | None = None,
    pause: timedelta | None = None,
) -> None:
    """Give a job, or all jobs, of this owner back to the queue; that is no fault of theirs.

    Parameters
    ----------
    owner : str
        Who took it.
    job_id : str, optional
        Which one; all of this owner by default.
    pause : timedelta, optional
        How long nobody takes it; it then counts as a setback.
    """
    values: dict[str, Any] = {"state": "queued", "owner": None, "lease_until": None}
    if pause is not None:
        values |= {"not_before": _now(session) + pause, "setbacks": Job.setbacks + 1}
    query = update(Job).where(Job.owner == owner, Job.state == "running")
    if job_id is not None:
        query = query.where(Job.id == job_id)
    session.execute(query.values(starts=Job.starts - 1, **values))


def finish_job(
    session: Session,
    job_id: str,
    *,
    call_id: str | None = None,
    owner: str | None = None,
    taken: str | None = None,
) -> bool:
    """Say that work is done; tell whether it was still this owner's to end."""
    return _end(session, job_id, owner, state="done", call_id=call_id, taken=taken)


def fail_job(
    session: Session, job_id: str, *, code: str, message: str, owner: str | None = None
) -> bool:
    """Say why work could not be done; tell whether it was still this owner's to end."""
    return _end(session, job_id, owner, state="failed", error_code=code, error_message=message)


def open_job_ids(session: Session, *, kind: JobKind) -> list[str]:
    """Return the ids of all work that has not ended, the oldest first."""
    query = select(Job.id).where(Job.kind == kind, Job.state.in_(_OPEN))
    return list(session.scalars(query.order_by(Job.created_at, Job.id)))


def count_open_jobs(session: Session, *, kind: JobKind) -> int:
    """Return how much work has not ended."""
    query = select(func.count(Job.id)).where(Job.kind == kind, Job.state.in_(_OPEN))
    return session.scalar(query) or 0


def has_free_job(session: Session, *, kind: JobKind) -> bool:
    """Tell whether there is work to take."""
    query = select(Job.id).where(Job.kind == kind, _is_free(_now(session)))
    return session.scalar(query.limit(1)) is not None


def states_of(session: Session, job_ids: Sequence[str]) -> dict[str, JobState]:
    """Return the states of those of these jobs that there are."""
    rows = session.execute(select(Job.id, Job.state).where(Job.id.in_(job_ids)))
    return {job_id: state for job_id, state in rows}  # type: ignore[misc]


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


def _end(session: Session, job_id: str, owner: str | None, **values: Any) -> bool:
    ended = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.owner == owner, Job.finished_at.is_(None))
        .values(finished_at=datetime.now(UTC), owner=None, lease_until=None, **values)
    )
    return bool(ended.rowcount)  # type: ignore[attr-defined]


def _now(session: Session) -> datetime:
    """Return the time of the one clock that all who share this database go by."""
    if session.get_bind().dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = session.scalar(select(func.clock_timestamp()))  # type: ignore[assignment]
    return now


def _row(job: Job) -> JobRow:
    kind: JobKind = job.kind  # type: ignore[assignment]
    state: JobState = job.state  # type: ignore[assignment]
    return JobRow(
        id=job.id, kind=kind, state=state, parameters=job.parameters, call_id=job.call_id,
        error_code=job.error_code, error_message=job.error_message, created_at=job.created_at,
        finished_at=job.finished_at, starts=job.starts, setbacks=job.setbacks, taken=job.taken,
    )  # fmt: skip
