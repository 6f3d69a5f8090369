"""Coaching sessions that are planned and shared, for the tests."""

from __future__ import annotations

from calmscore.store import Store
from calmscore.store.remarks import RemarkRow
from calmscore.store.sessions import (
    SessionRow,
    add_item,
    list_sessions,
    plan_session,
    share_session,
)

SUPERVISOR = "Sam (sam@example.com)"


def shared_session(store: Store, agent: str, *call_ids: str, note: str = "Well asked.") -> int:
    """Plan a session with calls, from their fourth second on, and share it."""
    number = drafted_session(store, agent, *call_ids, note=note)
    with store.database.writing() as session:
        share_session(session, number, actor=SUPERVISOR)
    return number


def drafted_session(store: Store, agent: str, *call_ids: str, note: str = "Well asked.") -> int:
    """Plan a session with calls, from their fourth second on."""
    with store.database.writing() as session:
        number = plan_session(session, agent=agent, author=SUPERVISOR)
        for call_id in call_ids:
            add_item(session, number, call_id, at_seconds=4.0, note=note)
    return number


def read_session(store: Store, number: int) -> SessionRow:
    """Return a session as it stands."""
    with store.database.reading() as session:
        (row,) = list_sessions(session, session_id=number)
    return row


def remarks(store: Store, number: int) -> tuple[RemarkRow, ...]:
    """Return what was said of a session."""
    return read_session(store, number).remarks
