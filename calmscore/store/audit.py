"""Who read, exported or deleted what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from calmscore.store.schema import AuditEvent

Action = Literal[
    "call added",
    "call analysed again",
    "details changed",
    "recording opened",
    "exported",
    "call deleted",
    "audio expired",
    "call expired",
    "upload deleted",
    "settings changed",
    "alert rule changed",
    "alert rule deleted",
    "alert sent",
    "alert acknowledged",
    "key created",
    "key revoked",
    "unknown key shown",
    "training started",
    "session shared",
    "session deleted",
    "coaching acknowledged",
    "coaching contested",
    "coaching replied",
    "score set aside",
    "score kept",
]


@dataclass(frozen=True, kw_only=True)
class AuditLine:
    """One line of the audit."""

    at: datetime
    actor: str
    action: str
    call_number: int | None


def record(session: Session, *, actor: str, action: Action, call_number: int | None = None) -> None:
    """Write an audit line.

    Parameters
    ----------
    session : Session
        The writing session of the deed itself, so that neither is without the other.
    actor : str
        Who did it: the name of a user or key, or ``retention``.
    action : str
        What was done.
    call_number : int, optional
        The call that it was done to.
    """
    session.add(
        AuditEvent(at=datetime.now(UTC), actor=actor, action=action, call_number=call_number)
    )


def list_events(session: Session, *, limit: int = 100, offset: int = 0) -> list[AuditLine]:
    """Return audit lines, the newest first."""
    query = select(AuditEvent).order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
    return [
        AuditLine(at=event.at, actor=event.actor, action=event.action,
                  call_number=event.call_number)
        for event in session.scalars(query.limit(limit).offset(offset))
    ]  # fmt: skip
