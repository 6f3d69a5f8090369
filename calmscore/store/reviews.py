"""Who listens to which calls: new, assigned, reviewed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from calmscore.errors import ParameterError
from calmscore.store.calls import ReviewStatus, find_call
from calmscore.store.schema import NAME_LENGTH, Call, Review


def assign(
    session: Session,
    call_ids: Iterable[str],
    *,
    reviewer: str,
    due_on: date | None = None,
    actor: str,
) -> None:
    """Ask somebody to listen to calls.

    Parameters
    ----------
    call_ids : iterable of str
        SHA-256 of the recordings.
    reviewer : str
        Who is to listen; 1–200 characters.
    due_on : date, optional
        Until when.
    actor : str
        Who asks.

    Raises
    ------
    NotStoredError
        If one of the calls is not here.
    ParameterError
        If the reviewer's name is empty or too long.
    """
    name = " ".join(reviewer.split())
    if not 1 <= len(name) <= NAME_LENGTH:
        raise ParameterError(
            f"reviewer is {reviewer[:20]!r}; write a name of 1 to {NAME_LENGTH} characters"
        )
    for call_id in call_ids:
        _write(session, call_id, "assigned", actor=actor, reviewer=name, due_on=due_on)


def mark_reviewed(session: Session, call_ids: Iterable[str], *, actor: str) -> None:
    """Say that ``actor`` has listened to calls.

    Raises
    ------
    NotStoredError
        If one of the calls is not here.
    """
    for call_id in call_ids:
        _write(session, call_id, "reviewed", actor=actor, reviewer=actor, due_on=None)


def skip(session: Session, call_id: str, *, actor: str) -> None:
    """Take a call off the list without having heard it; its status stays new.

    Raises
    ------
    NotStoredError
        If the call is not here.
    """
    _write(
        session, call_id, "new", actor=actor, reviewer=None, due_on=None,
        skipped_at=datetime.now(UTC),
    )  # fmt: skip


def reopen(session: Session, call_id: str) -> None:
    """Make a call new again.

    Raises
    ------
    NotStoredError
        If the call is not here.
    """
    call = find_call(session, call_id)
    session.execute(delete(Review).where(Review.call_number == call.number))


def is_dealt_with() -> ColumnElement[bool]:
    """Return the condition that somebody reviewed a call, took it over or skipped it."""
    reviewed = select(Review.call_number).where(Review.call_number == Call.number)
    return (
        reviewed.where((Review.status != "new") | Review.skipped_at.is_not(None))
        .correlate(Call)
        .exists()
    )


def list_reviewers(session: Session) -> list[str]:
    """Return everybody who was asked to listen, or did."""
    query = select(Review.reviewer).where(Review.reviewer.is_not(None)).distinct()
    return sorted(name for name in session.scalars(query) if name)


def _write(
    session: Session, call_id: str, status: ReviewStatus, *, actor: str, **values: Any
) -> None:
    call = find_call(session, call_id)
    review = session.get(Review, call.number)
    if review is None:
        review = Review(call_number=call.number)
        session.add(review)
    fields = {"skipped_at": None, **values}
    for name, value in fields.items():
        setattr(review, name, value)
    review.status, review.changed_by, review.changed_at = status, actor, datetime.now(UTC)
    session.flush()
