"""Delete calls, on request and when their days are over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.orm import Session

from calmscore.errors import ClockJumpedError, NotStoredError, ParameterError
from calmscore.store import audit
from calmscore.store.audio_files import AudioFiles
from calmscore.store.calls import find_call, forget_idle_agents
from calmscore.store.database import Database
from calmscore.store.file_names import details_from_name
from calmscore.store.incoming import IncomingFiles
from calmscore.store.remarks import has_open_contest
from calmscore.store.schema import (
    AuditEvent,
    Call,
    CallWords,
    CoachingSession,
    Delivery,
    Installation,
    Job,
)
from calmscore.store.settings import read_settings
from calmscore.store.words import forget_deleted

RETENTION_ACTOR = "retention"
_LONGEST_JUMP = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Expired:
    """What a run of the retention deleted."""

    recordings: int
    calls: int


@dataclass(frozen=True, kw_only=True)
class StoredFiles:
    """What a store keeps beside its database."""

    audio: AudioFiles
    incoming: IncomingFiles


def delete_call(database: Database, files: StoredFiles, call_id: str, *, actor: str) -> None:
    """Delete a call: recording, words, reports, moments, notes, tags, corrections, alerts, jobs.

    What its agent answered goes as well, and what was decided about its score. A job that
    would bring the same recording in is deleted too, also one that is being worked at. One
    audit line stays: who, when, and the call's number, which says nothing about anybody. An
    agent without another call goes too.

    Parameters
    ----------
    call_id : str
        SHA-256 of the recording.

    Raises
    ------
    NotStoredError
        If there is no such call, nor a job that would bring it.
    """
    with database.writing() as session:
        jobs = _delete_jobs(session, files, Job.call_id == call_id)
        try:
            call = find_call(session, call_id)
        except NotStoredError:
            if not jobs:
                raise
        else:
            _delete(session, files, [call], actor=actor, action="call deleted")
        # Before the end of the transaction: if this breaks off, the call can be deleted again.
        files.audio.delete(call_id)
    database.wipe()


def delete_uploads(
    database: Database, files: StoredFiles, job_ids: Sequence[str], *, actor: str
) -> None:
    """Delete uploads that wait, are being analysed or failed, and all that was said of them."""
    with database.writing() as session:
        for _ in range(_delete_jobs(session, files, Job.id.in_(job_ids))):
            audit.record(session, actor=actor, action="upload deleted")
    database.wipe()


def delete_session(database: Database, session_id: int, *, actor: str) -> None:
    """Delete a coaching session with its playlist and all that was said of it.

    The calls stay, and so do decisions about their scores.

    Raises
    ------
    ParameterError
        If its agent contests something and nobody replied: a contest is not deleted away.
    """
    with database.writing() as session:
        if has_open_contest(session, session_id):
            raise ParameterError("the agent contests something here; reply before you delete it")
        session.execute(delete(CoachingSession).where(CoachingSession.id == session_id))
        audit.record(session, actor=actor, action="session deleted")
    database.wipe()


def delete_sessions_of(database: Database, agent: str, *, actor: str) -> int:
    """Delete all coaching sessions of an agent, whatever is open; return how many."""
    with database.writing() as session:
        found = delete(CoachingSession).where(CoachingSession.agent == agent)
        deleted = list(session.scalars(found.returning(CoachingSession.id)))
        for _ in deleted:
            audit.record(session, actor=actor, action="session deleted")
    database.wipe()
    return len(deleted)


def uploads_of(
    session: Session, *, agent: str | None = None, customer: str | None = None
) -> dict[str, str]:
    """Return the file names of uploads, by job, that led to no call and tell of somebody.

    Parameters
    ----------
    agent, customer : str, optional
        As said with the upload, or as its file name says by the settings' pattern.
    """
    settings = read_settings(session)
    found = {}
    for job in session.scalars(select(Job).where(Job.kind == "call", Job.state != "done")):
        said, file_name = job.parameters, str(job.parameters.get("file_name", ""))
        named = details_from_name(file_name, settings)
        for wanted, names in (
            (agent, (said.get("agent"), named.agent)),
            (customer, (said.get("customer"), named.customer)),
        ):
            if wanted is not None and wanted in names:
                found[job.id] = file_name
    return found


def apply_retention(
    database: Database,
    files: StoredFiles,
    *,
    now: datetime | None = None,
    clock_is_right: bool = False,
) -> Expired:
    """Delete what is past its days: recordings, calls, coaching, messages, jobs; broken remains.

    The job of an upload that failed goes after the days for recordings.

    Parameters
    ----------
    clock_is_right : bool
        Whether somebody said so.

    Returns
    -------
    Expired
        How many were deleted.

    Raises
    ------
    ClockJumpedError
        If the clock shows more than 30 days after the last time that was seen, and nobody
        said that it is right; nothing is deleted then.
    """
    now = now or datetime.now(UTC)
    with database.writing() as session:
        _check_clock(session, now, clock_is_right=clock_is_right)
        settings = read_settings(session)
        oldest = now - timedelta(days=settings.report_days)
        calls = list(session.scalars(select(Call).where(Call.added_at < oldest)))
        _delete(session, files, calls, actor=RETENTION_ACTOR, action="call expired")
        session.execute(delete(CoachingSession).where(CoachingSession.created_at < oldest))
        session.execute(delete(Delivery).where(Delivery.created_at < oldest))
        failed_before = now - timedelta(days=settings.audio_days)
        _delete_jobs(
            session,
            files,
            or_(
                Job.finished_at < oldest,
                and_(Job.finished_at < failed_before, Job.state == "failed", Job.kind == "call"),
            ),
        )
        silent = list(session.scalars(select(Call).where(Call.audio_until < now)))
        for call in silent:
            call.audio_until = None
            session.execute(delete(CallWords).where(CallWords.call_number == call.number))
            audit.record(
                session, actor=RETENTION_ACTOR, action="audio expired", call_number=call.number
            )
        if silent:
            forget_deleted(session)
        for call in (*calls, *silent):
            files.audio.delete(call.id)
    delete_left(database, files)
    database.wipe()
    return Expired(recordings=len(silent), calls=len(calls))


def delete_left(database: Database, files: StoredFiles) -> int:
    """Delete what broken runs left an hour ago: recordings of no call, and parts of files.

    Return how many files were deleted.
    """
    with database.reading() as session:
        kept = set(session.scalars(select(Call.id).where(Call.audio_until.is_not(None))))
    left = files.audio.left(kept=kept)
    for path in left:
        path.unlink(missing_ok=True)
    return len(left) + files.incoming.delete_left()


def _check_clock(session: Session, now: datetime, *, clock_is_right: bool) -> None:
    installation = session.get_one(Installation, 1)
    # Before the first run, the last deed stands for it.
    seen = installation.clock_seen_at or session.scalar(
        select(AuditEvent.at).order_by(AuditEvent.at.desc()).limit(1)
    )
    if seen is not None and now > seen + _LONGEST_JUMP and not clock_is_right:
        raise ClockJumpedError(
            f"the clock shows {now:%Y-%m-%d %H:%M} UTC, {(now - seen).days} days after the last "
            f"time that was seen ({seen:%Y-%m-%d %H:%M}); nothing was deleted. If the clock is "
            "right, run: calmscore retention --clock-is-right"
        )
    installation.clock_seen_at = now


def _delete(
    session: Session,
    files: StoredFiles,
    calls: Sequence[Call],
    *,
    actor: str,
    action: audit.Action,
) -> None:
    for call in calls:
        _delete_jobs(session, files, Job.call_id == call.id)
        # What hangs on the call goes with it by the database's own rule.
        session.execute(delete(Call).where(Call.number == call.number))
        audit.record(session, actor=actor, action=action, call_number=call.number)
    forget_idle_agents(session, [call.agent_id for call in calls])
    if calls:
        forget_deleted(session)


def _delete_jobs(session: Session, files: StoredFiles, which: ColumnElement[bool]) -> int:
    job_ids = list(session.scalars(delete(Job).where(which).returning(Job.id)))
    files.incoming.delete(*job_ids)
    return len(job_ids)
