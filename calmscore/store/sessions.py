"""Coaching sessions: what a supervisor and an agent listen to together, and what they agree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from calmscore.errors import NotStoredError, ParameterError
from calmscore.store.calls import find_call
from calmscore.store.schema import NAME_LENGTH, Call, CoachingItem, CoachingSession

LONGEST_TEXT = 4000


@dataclass(frozen=True, kw_only=True)
class SessionItem:
    """A moment to listen to; ``at_seconds`` is None where it is the whole call."""

    id: int
    call_id: str
    file_name: str
    at_seconds: float | None
    note: str


@dataclass(frozen=True, kw_only=True)
class SessionRow:
    """A session; ``held_on`` is None until it was talked about."""

    id: int
    agent: str
    author: str
    created_at: datetime
    held_on: date | None
    agreed: str
    items: tuple[SessionItem, ...]


def plan_session(session: Session, *, agent: str, author: str) -> int:
    """Plan a session with an agent and return its number.

    Raises
    ------
    ParameterError
        If the agent's name is empty or longer than 200 characters.
    """
    name = " ".join(agent.split())
    if not 1 <= len(name) <= NAME_LENGTH:
        raise ParameterError(f"agent is {agent[:20]!r}; write 1 to {NAME_LENGTH} characters")
    planned = CoachingSession(agent=name, author=author, created_at=datetime.now(UTC), agreed="")
    session.add(planned)
    session.flush()
    return planned.id


def add_item(
    session: Session,
    session_id: int,
    call_id: str,
    *,
    at_seconds: float | None = None,
    note: str = "",
) -> None:
    """Put a call, or a moment of it, on the playlist of a session.

    Raises
    ------
    NotStoredError
        If there is no such session or call.
    ParameterError
        If the note is longer than 4,000 characters.
    """
    _find(session, session_id)
    _check(note)
    session.add(
        CoachingItem(
            session_id=session_id,
            call_number=find_call(session, call_id).number,
            at_seconds=at_seconds,
            note=note.strip(),
        )
    )
    session.flush()


def remove_item(session: Session, item_id: int) -> None:
    """Take something off a playlist."""
    session.execute(delete(CoachingItem).where(CoachingItem.id == item_id))


def write_down(session: Session, session_id: int, *, held_on: date | None, agreed: str) -> None:
    """Keep when a session was held, and what was agreed.

    Raises
    ------
    NotStoredError
        If there is no such session.
    ParameterError
        If the text is longer than 4,000 characters.
    """
    stored = _find(session, session_id)
    _check(agreed)
    stored.held_on, stored.agreed = held_on, agreed.strip()
    session.flush()


def delete_session(session: Session, session_id: int) -> None:
    """Delete a session with its playlist; the calls stay."""
    session.execute(delete(CoachingSession).where(CoachingSession.id == session_id))


def list_sessions(
    session: Session, *, agent: str | None = None, limit: int = 50
) -> list[SessionRow]:
    """Return sessions with their playlists, the newest first; of everybody by default."""
    query = select(CoachingSession).order_by(CoachingSession.id.desc()).limit(limit)
    if agent is not None:
        query = query.where(CoachingSession.agent == agent)
    found = list(session.scalars(query))
    items: dict[int, list[SessionItem]] = {}
    playlists = (
        select(CoachingItem, Call.id, Call.file_name)
        .join(Call, Call.number == CoachingItem.call_number)
        .where(CoachingItem.session_id.in_([one.id for one in found]))
        .order_by(CoachingItem.id)
    )
    for item, call_id, file_name in session.execute(playlists):
        items.setdefault(item.session_id, []).append(
            SessionItem(
                id=item.id, call_id=call_id, file_name=file_name, at_seconds=item.at_seconds,
                note=item.note,
            )
        )  # fmt: skip
    return [
        SessionRow(
            id=one.id, agent=one.agent, author=one.author, created_at=one.created_at,
            held_on=one.held_on, agreed=one.agreed, items=tuple(items.get(one.id, ())),
        )
        for one in found
    ]  # fmt: skip


def _find(session: Session, session_id: int) -> CoachingSession:
    stored = session.get(CoachingSession, session_id)
    if stored is None:
        raise NotStoredError(f"there is no session {session_id}; it may have been deleted")
    return stored


def _check(text: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise ParameterError(
            f"a text has at most {LONGEST_TEXT} characters; this one has {len(text)}"
        )
