"""The alerts that were raised, and which of them somebody took note of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from calmscore.errors import NotStoredError
from calmscore.store import audit
from calmscore.store.reviews import is_dealt_with
from calmscore.store.schema import Agent, Alert, Call, Review, Rule

AlertStatus = Literal["open", "acknowledged"]


@dataclass(frozen=True, kw_only=True)
class AlertRow:
    """That a rule found a call, and whether somebody took note.

    An alert is open until somebody acknowledges it, or reviews its call, takes that over or
    skips it; ``acknowledged_by`` and ``acknowledged_at`` tell who did, and when.
    """

    rule_id: int
    rule_name: str
    call_id: str
    file_name: str
    agent: str | None
    called_at: datetime
    score: float | None
    outcome: str
    raised_at: datetime
    status: AlertStatus
    acknowledged_by: str | None
    acknowledged_at: datetime | None


def list_alerts(
    session: Session, *, status: AlertStatus | None = None, limit: int = 100, offset: int = 0
) -> list[AlertRow]:
    """Return a page of alerts, the newest first; of any status by default."""
    query = (
        _alerts()
        .where(*_conditions(status))
        .order_by(Alert.raised_at.desc(), Alert.call_number.desc(), Alert.rule_id)
    )
    return _rows(session, query.limit(limit).offset(offset))


def count_alerts(session: Session, *, status: AlertStatus | None = None) -> int:
    """Return how many alerts have this status; all of them by default."""
    query = select(func.count(Alert.call_number)).join(Call).where(*_conditions(status))
    return session.scalar(query) or 0


def acknowledge_alert(session: Session, *, rule_id: int, call_id: str, actor: str) -> AlertRow:
    """Say that ``actor`` took note of an alert; whoever did so first stays.

    The alert no longer puts its call on the list "To listen to"; other reasons may.

    Raises
    ------
    NotStoredError
        If the rule did not find the call, or one of them was deleted.
    """
    query = select(Alert).join(Call).where(Alert.rule_id == rule_id, Call.id == call_id)
    alert = session.scalar(query.with_for_update(of=Alert))
    if alert is None:
        raise NotStoredError(
            f"there is no alert of rule {rule_id} on call {call_id[:12]!r}; the rule or the call "
            "may have been deleted"
        )
    if alert.acknowledged_at is None:
        alert.acknowledged_by, alert.acknowledged_at = actor, datetime.now(UTC)
        audit.record(
            session, actor=actor, action="alert acknowledged", call_number=alert.call_number
        )
        session.flush()
    (row,) = _rows(session, _alerts().where(Alert.rule_id == rule_id, Call.id == call_id))
    return row


def _alerts() -> Any:
    return (
        select(Alert, Rule.name, Call, Agent.name, Review, is_dealt_with())
        .join(Rule, Rule.id == Alert.rule_id)
        .join(Call, Call.number == Alert.call_number)
        .outerjoin(Agent, Agent.id == Call.agent_id)
        .outerjoin(Review, Review.call_number == Call.number)
    )


def _conditions(status: AlertStatus | None) -> list[ColumnElement[bool]]:
    if status is None:
        return []
    acknowledged = Alert.acknowledged_at.is_not(None) | is_dealt_with()
    return [acknowledged if status == "acknowledged" else ~acknowledged]


def _rows(session: Session, query: Any) -> list[AlertRow]:
    rows = []
    for alert, rule_name, call, agent, review, dealt_with in session.execute(query):
        by, at = alert.acknowledged_by, alert.acknowledged_at
        if at is None and dealt_with:
            by, at = review.changed_by, review.changed_at
        rows.append(
            AlertRow(
                rule_id=alert.rule_id, rule_name=rule_name, call_id=call.id,
                file_name=call.file_name, agent=agent, called_at=call.called_at, score=call.score,
                outcome=call.outcome, raised_at=alert.raised_at,
                status="open" if at is None else "acknowledged",
                acknowledged_by=by, acknowledged_at=at,
            )
        )  # fmt: skip
    return rows
