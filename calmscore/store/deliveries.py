"""Messages of alerts on their way: each is sent by one service, again where it failed."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from calmscore.store.leases import has_come
from calmscore.store.schema import Call, Delivery, Rule

Channel = Literal["email", "webhook"]
DeliveryState = Literal["waiting", "sent", "given up"]

GIVEN_UP_AFTER = timedelta(hours=24)
LONGEST_PAUSE = timedelta(hours=1)
# Longer than the longest attempt.
LEASE = timedelta(minutes=5)
_FIRST_PAUSE = timedelta(seconds=10)
_PAUSE_GROWS_BY = 3


@dataclass(frozen=True, kw_only=True)
class DeliveryRow:
    """A message and how it stands; the columns are those of `schema.Delivery`."""

    id: str
    rule_id: int
    rule_name: str
    call_number: int | None
    call_id: str | None
    channel: Channel
    recipient: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    not_before: datetime
    ended_at: datetime | None
    last_error: str | None


def queue_delivery(
    session: Session,
    *,
    rule_id: int,
    channel: Channel,
    recipient: str,
    call_number: int | None = None,
    now: datetime | None = None,
) -> None:
    """Let a message wait to be sent; without a call it is a test."""
    now = now or datetime.now(UTC)
    session.add(
        Delivery(
            id=uuid.uuid4().hex, rule_id=rule_id, call_number=call_number, channel=channel,
            recipient=recipient, state="waiting", attempts=0, created_at=now, not_before=now,
        )
    )  # fmt: skip


def drop_waiting(session: Session, rule_id: int, *, but: Collection[str]) -> None:
    """Delete what a rule has yet to send, save to these addresses."""
    session.execute(
        delete(Delivery).where(
            Delivery.rule_id == rule_id,
            Delivery.state == "waiting",
            Delivery.recipient.not_in(but),
        )
    )


def has_due_delivery(session: Session, *, now: datetime | None = None) -> bool:
    """Tell whether there is a message to send."""
    query = select(Delivery.id).where(_is_due(now or datetime.now(UTC)))
    return session.scalar(query.limit(1)) is not None


def take_delivery(
    session: Session, *, owner: str, now: datetime | None = None
) -> DeliveryRow | None:
    """Take the message that waits longest, so that nobody else sends it; None if none is due.

    Parameters
    ----------
    owner : str
        Who takes it, for 5 minutes.
    """
    now = now or datetime.now(UTC)
    taken = session.scalar(
        select(Delivery)
        .where(_is_due(now))
        .order_by(Delivery.not_before, Delivery.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if taken is None:
        return None
    taken.owner, taken.lease_until = owner, now + LEASE
    taken.attempts += 1
    session.flush()
    return _rows(session, Delivery.id == taken.id)[0]


def _is_due(now: datetime) -> ColumnElement[bool]:
    come = has_come(Delivery.not_before, now, furthest=LONGEST_PAUSE)
    lapsed = has_come(Delivery.lease_until, now, furthest=2 * LEASE)
    return (Delivery.state == "waiting") & come & (Delivery.lease_until.is_(None) | lapsed)


def mark_sent(
    session: Session, delivery_id: str, *, owner: str, now: datetime | None = None
) -> bool:
    """Say that a message arrived; tell whether it was still this owner's to end."""
    return _end(
        session, delivery_id, owner, state="sent", ended_at=now or datetime.now(UTC),
        last_error=None,
    )  # fmt: skip


def mark_failed(
    session: Session,
    delivery: DeliveryRow,
    *,
    owner: str,
    error: str,
    for_good: bool = False,
    now: datetime | None = None,
) -> None:
    """Let a message wait longer every time; after a day it is given up.

    What else waits for the same address waits as long: one that does not answer keeps
    nobody else's messages.

    Parameters
    ----------
    delivery : DeliveryRow
        As it was taken.
    owner : str
        Who took it.
    error : str
        Why it failed, for people.
    for_good : bool
        Whether trying again would not help.
    """
    now = now or datetime.now(UTC)
    if for_good or now - delivery.created_at >= GIVEN_UP_AFTER:
        _end(session, delivery.id, owner, state="given up", ended_at=now, last_error=error)
        return
    due = now + pause_after(delivery.attempts)
    if _end(session, delivery.id, owner, not_before=due, last_error=error):
        session.execute(
            update(Delivery)
            .where(
                Delivery.state == "waiting",
                Delivery.recipient == delivery.recipient,
                Delivery.not_before < due,
            )
            .values(not_before=due)
        )


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: 10 s, 30 s, 90 s, … an hour."""
    # Beyond a few the longest pause is reached anyway.
    growth: int = _PAUSE_GROWS_BY ** min(attempts - 1, 10)
    return min(_FIRST_PAUSE * growth, LONGEST_PAUSE)


def _end(session: Session, delivery_id: str, owner: str, **values: object) -> bool:
    ended = session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.owner == owner, Delivery.state == "waiting")
        .values(owner=None, lease_until=None, **values)
    )
    return bool(ended.rowcount)  # type: ignore[attr-defined]


def list_deliveries(session: Session, *, limit: int = 50) -> list[DeliveryRow]:
    """Return messages, the newest first."""
    return _rows(session, limit=limit)


def _rows(
    session: Session, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[DeliveryRow]:
    query = (
        select(Delivery, Rule.name, Call.id)
        .join(Rule, Rule.id == Delivery.rule_id)
        .outerjoin(Call, Call.number == Delivery.call_number)
        .where(*conditions)
        .order_by(Delivery.created_at.desc(), Delivery.id)
        .limit(limit)
    )
    return [_row(*found) for found in session.execute(query).tuples()]


def _row(found: Delivery, rule_name: str, call_id: str | None) -> DeliveryRow:
    channel: Channel = found.channel  # type: ignore[assignment]
    state: DeliveryState = found.state  # type: ignore[assignment]
    return DeliveryRow(
        id=found.id, rule_id=found.rule_id, rule_name=rule_name, call_number=found.call_number,
        call_id=call_id, channel=channel, recipient=found.recipient, state=state,
        attempts=found.attempts, created_at=found.created_at, not_before=found.not_before,
        ended_at=found.ended_at, last_error=found.last_error,
    )  # fmt: skip
