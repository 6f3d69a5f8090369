"""Delete calls, on request and when their days are over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from calmscore.store import audit
from calmscore.store.audio_files import AudioFiles
from calmscore.store.calls import find_call, forget_idle_agents
from calmscore.store.database import Database
from calmscore.store.schema import Call, Job
from calmscore.store.settings import read_settings

RETENTION_ACTOR = "retention"


@dataclass(frozen=True, kw_only=True)
class Expired:
    """What a run of the retention deleted."""

    recordings: int
    calls: int


def delete_call(database: Database, audio: AudioFiles, call_id: str, *, actor: str) -> None:
    """Delete a call: recording, reports, moments, notes, tags, corrections, jobs.

    One audit line stays: who, when, and the call's number, which says nothing about
    anybody. An agent without another call goes too.

    Parameters
    ----------
    database : Database
    audio : AudioFiles
    call_id : str
        SHA-256 of the recording.
    actor : str
        Who deletes it.

    Raises
    ------
    NotStoredError
        If there is no such call.
    """
    with database.writing() as session:
        _delete(session, [find_call(session, call_id)], actor=actor, action="call deleted")
        # Before the end of the transaction: if this breaks off, the call can be deleted again.
        audio.delete(call_id)
    _wipe(database)


def apply_retention(
    database: Database, audio: AudioFiles, *, now: datetime | None = None
) -> Expired:
    """Delete recordings, calls and finished jobs whose days are over.

    Parameters
    ----------
    database : Database
    audio : AudioFiles
    now : datetime, optional
        The present by default.

    Returns
    -------
    Expired
        How many were deleted.
    """
    now = now or datetime.now(UTC)
    with database.writing() as session:
        oldest = now - timedelta(days=read_settings(session).report_days)
        calls = list(session.scalars(select(Call).where(Call.added_at < oldest)))
        _delete(session, calls, actor=RETENTION_ACTOR, action="call expired")
        session.execute(delete(Job).where(Job.finished_at < oldest))
        silent = list(session.scalars(select(Call).where(Call.audio_until < now)))
        for call in silent:
            call.audio_until = None
            audit.record(
                session, actor=RETENTION_ACTOR, action="audio expired", call_number=call.number
            )
        for call in (*calls, *silent):
            audio.delete(call.id)
    _wipe(database)
    return Expired(recordings=len(silent), calls=len(calls))


def delete_orphans(database: Database, audio: AudioFiles) -> int:
    """Delete what a broken run may have left: recordings of no call, whole or in part.

    Return how many were deleted.

    To be called when nothing is being added.
    """
    with database.reading() as session:
        kept = set(session.scalars(select(Call.id).where(Call.audio_until.is_not(None))))
    orphans = sum(audio.delete(call_id) for call_id in audio.ids() if call_id not in kept)
    return orphans + audio.delete_parts()


def _delete(session: Session, calls: Sequence[Call], *, actor: str, action: audit.Action) -> None:
    for call in calls:
        session.execute(delete(Job).where(Job.call_id == call.id))
        # What hangs on the call goes with it by the database's own rule.
        session.execute(delete(Call).where(Call.number == call.number))
        audit.record(session, actor=actor, action=action, call_number=call.number)
    forget_idle_agents(session, [call.agent_id for call in calls])


def _wipe(database: Database) -> None:
    # Deleted rows are overwritten in the file itself (secure_delete), but linger in the
    # write-ahead log until it is emptied.
    if database.is_sqlite:
        with database.engine.connect() as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
