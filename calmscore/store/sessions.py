"""Coaching sessions: what a supervisor and an agent listen to together, and what they agree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from calmscore.errors import NotStoredError, ParameterError
from calmscore.store import audit
from calmscore.store.calls import CallRow, find_call, read_rows
from calmscore.store.remarks import LONGEST_TEXT, RemarkRow, has_remarks, read_remarks
from calmscore.store.schema import NAME_LENGTH, CoachingItem, CoachingSession


@dataclass(frozen=True, kw_only=True)
class SessionItem:
    """A moment to listen to; ``at_seconds`` is None where it is the whole call."""

    id: int
    call: CallRow
    at_seconds: float | None
    note: str


@dataclass(frozen=True, kw_only=True)
class SessionRow:
    """A session.

    ``held_on`` is None until it was talked about, ``shared_at`` as long as it is a draft
    that its agent does not see. ``remarks`` are what both said of it.
    """

    id: int
    agent: str
    author: str
    created_at: datetime
    held_on: date | None
    agreed: str
    shared_at: datetime | None
    shared_by: str | None
    items: tuple[SessionItem, ...]
    remarks: tuple[RemarkRow, ...]

    @property
    def calls(self) -> tuple[CallRow, ...]:
        """The calls of the playlist, each once."""
        return tuple({item.call.number: item.call for item in self.items}.values())

    @property
    def is_contested(self) -> bool:
        """Whether something of it is contested and not replied to."""
        replied = {one.reply_to for one in self.remarks}
        return any(one.kind == "contested" and one.id not in replied for one in self.remarks)


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
    """Take something off a playlist.

    Raises
    ------
    ParameterError
        If the agent answered on the call: an answer does not vanish with its occasion.
    """
    item = session.get(CoachingItem, item_id)
    if item is None:
        return
    if has_remarks(session, item.session_id, item.call_number):
        raise ParameterError("the agent answered on this call; it stays on the playlist")
    session.delete(item)
    session.flush()


def share_session(session: Session, session_id: int, *, actor: str) -> None:
    """Let the agent of a session see it; the audit says who did so.

    Raises
    ------
    NotStoredError
        If there is no such session.
    ParameterError
        If there is nothing to listen to yet.
    """
    stored = _find(session, session_id)
    if stored.shared_at is not None:
        return
    listed = select(CoachingItem.id).where(CoachingItem.session_id == session_id)
    if session.scalar(listed.limit(1)) is None:
        raise ParameterError("the playlist is empty; add what you want to talk about first")
    stored.shared_at, stored.shared_by = datetime.now(UTC), actor
    audit.record(session, actor=actor, action="session shared")
    session.flush()


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


def list_sessions(
    session: Session,
    *,
    agent: str | None = None,
    shared: bool = False,
    session_id: int | None = None,
    limit: int = 50,
) -> list[SessionRow]:
    """Return sessions with their playlists and remarks, the newest first.

    Parameters
    ----------
    agent : str, optional
        With this agent; with anybody by default.
    shared : bool
        Only those that their agent may see.
    session_id : int, optional
        This one alone.
    limit : int
        Most sessions to return.
    """
    query = select(CoachingSession).order_by(CoachingSession.id.desc()).limit(limit)
    if agent is not None:
        query = query.where(CoachingSession.agent == agent)
    if shared:
        query = query.where(CoachingSession.shared_at.is_not(None))
    if session_id is not None:
        query = query.where(CoachingSession.id == session_id)
    found = list(session.scalars(query))
    items = _playlists(session, [one.id for one in found])
    remarks = read_remarks(session, [one.id for one in found])
    return [
        SessionRow(
            id=one.id, agent=one.agent, author=one.author, created_at=one.created_at,
            held_on=one.held_on, agreed=one.agreed, shared_at=one.shared_at,
            shared_by=one.shared_by, items=tuple(items.get(one.id, ())),
            remarks=tuple(remarks.get(one.id, ())),
        )
        for one in found
    ]  # fmt: skip


def count_sessions(session: Session, *, agent: str) -> int:
    """Return how many sessions there are with an agent."""
    query = select(func.count(CoachingSession.id)).where(CoachingSession.agent == agent)
    return int(session.scalar(query) or 0)


def _playlists(session: Session, session_ids: list[int]) -> dict[int, list[SessionItem]]:
    query = select(CoachingItem).where(CoachingItem.session_id.in_(session_ids))
    found = list(session.scalars(query.order_by(CoachingItem.id)))
    calls = {row.number: row for row in read_rows(session, [one.call_number for one in found])}
    items: dict[int, list[SessionItem]] = {}
    for one in found:
        items.setdefault(one.session_id, []).append(
            SessionItem(
                id=one.id, call=calls[one.call_number], at_seconds=one.at_seconds, note=one.note
            )
        )
    return items


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
