"""Which calls are worth a supervisor's ear today, each with the reason why."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from calmscore.analysis.call_score import DE_ESCALATED, ESCALATED, INSUFFICIENT_EVIDENCE
from calmscore.store.calls import CallRow, read_rows
from calmscore.store.reviews import is_dealt_with
from calmscore.store.schema import Alert, Call, Moment, Review, Rule

Reason = Literal["assigned", "alert", "escalated", "rescue", "doubt", "lot"]

MOST_CALLS = 10
LISTENING_DAYS = 14
_MOST_ALERTS, _MOST_ESCALATED, _MOST_DOUBTS = 5, 4, 2
# Without a cue who is the customer the doubt is a half.
DOUBTFUL = 0.4
WIDE_INTERVAL = 2.0
_NOBODY = 0
# What can be heard comes first.
_SILENT = Call.audio_until.is_(None)


@dataclass(frozen=True, kw_only=True)
class ToListenTo:
    """A call of today's list.

    Attributes
    ----------
    reason : {"assigned", "alert", "escalated", "rescue", "doubt", "lot"}
        Why it is there.
    rules : mapping
        The names of the rules that put it there and that nobody acknowledged, by their number.
    unclear_customer : bool
        Whether it is in doubt who is the customer.
    interval : tuple of float, or None
        Between which bounds the score lies in 80 of 100 calls.
    """

    row: CallRow
    reason: Reason
    rules: Mapping[int, str]
    unclear_customer: bool
    interval: tuple[float, float] | None


def to_listen_to(
    session: Session,
    *,
    day: date,
    reviewer: str | None,
    now: datetime | None = None,
    limit: int = MOST_CALLS,
) -> list[ToListenTo]:
    """Return the calls that are worth listening to, the most pressing first.

    First what is assigned to the reader, then calls of the last 14 days that nobody
    reviewed, took over or skipped: what the rules for alerts put here and nobody
    acknowledged, the latest of it first, escalated ones, the biggest rescue, calls in doubt,
    and for each agent (and for nobody known) one that is drawn by lot, the same one all day.

    Parameters
    ----------
    day : date
        Today where the reader is; it decides the lot.
    reviewer : str or None
        Whose assigned calls are shown; None shows everybody's.
    """
    since = (now or datetime.now(UTC)) - timedelta(days=LISTENING_DAYS)
    chosen: dict[int, Reason] = {}
    for number, reason in _candidates(session, since=since, day=day, reviewer=reviewer):
        chosen.setdefault(number, reason)
        if len(chosen) == limit:
            break
    calls = {call.number: call for call in session.scalars(_calls(list(chosen)))}
    rows = {row.number: row for row in read_rows(session, list(chosen))}
    rules = _rules_of(session, list(chosen))
    return [
        _entry(rows[number], calls[number], reason, rules.get(number, {}))
        for number, reason in chosen.items()
        if number in rows
    ]


def _calls(numbers: list[int]) -> Any:
    return select(Call).where(Call.number.in_(numbers))


def _rules_of(session: Session, numbers: list[int]) -> dict[int, dict[int, str]]:
    query = (
        select(Alert.call_number, Rule.id, Rule.name)
        .join(Rule, Rule.id == Alert.rule_id)
        .where(Rule.to_queue, Alert.acknowledged_at.is_(None), Alert.call_number.in_(numbers))
        .order_by(Rule.id)
    )
    names: dict[int, dict[int, str]] = {}
    for number, rule_id, name in session.execute(query):
        names.setdefault(number, {})[rule_id] = name
    return names


def _entry(row: CallRow, call: Call, reason: Reason, rules: Mapping[int, str]) -> ToListenTo:
    known = call.score_low is not None and call.score_high is not None
    return ToListenTo(
        row=row,
        reason=reason,
        rules=rules,
        unclear_customer=call.doubt is not None and call.doubt > DOUBTFUL,
        interval=(call.score_low, call.score_high) if known else None,  # type: ignore[arg-type]
    )


def _candidates(
    session: Session, *, since: datetime, day: date, reviewer: str | None
) -> Iterator[tuple[int, Reason]]:
    for number in session.scalars(_assigned(reviewer)):
        yield number, "assigned"
    fresh = (Call.added_at >= since, ~is_dealt_with())
    alerts = (
        select(Call.number)
        .join(Alert, Alert.call_number == Call.number)
        .join(Rule, Rule.id == Alert.rule_id)
        .where(*fresh, Rule.to_queue, Alert.acknowledged_at.is_(None))
        .group_by(Call.number)
        .order_by(func.max(Alert.raised_at).desc(), Call.number.desc())
        .limit(_MOST_ALERTS)
    )
    for number in session.scalars(alerts):
        yield number, "alert"
    escalated = (
        select(Call.number)
        .where(*fresh, Call.outcome == ESCALATED)
        .order_by(_SILENT, Call.score.asc().nulls_last(), Call.number.desc())
        .limit(_MOST_ESCALATED)
    )
    for number in session.scalars(escalated):
        yield number, "escalated"
    earned = (
        select(func.sum(Moment.points)).where(Moment.call_number == Call.number).scalar_subquery()
    )
    rescue = (
        select(Call.number)
        .where(*fresh, Call.outcome == DE_ESCALATED)
        .order_by(_SILENT, earned.desc().nulls_last(), Call.number.desc())
        .limit(1)
    )
    for number in session.scalars(rescue):
        yield number, "rescue"
    in_doubt = (
        select(Call.number)
        .where(
            *fresh,
            (Call.doubt > DOUBTFUL) | (Call.score_high - Call.score_low > WIDE_INTERVAL),
        )
        .order_by(_SILENT, Call.doubt.desc().nulls_last(), Call.number.desc())
        .limit(_MOST_DOUBTS)
    )
    for number in session.scalars(in_doubt):
        yield number, "doubt"
    for number in _by_lot(session, since=since, day=day):
        yield number, "lot"


def _assigned(reviewer: str | None) -> Any:
    query = select(Review.call_number).where(Review.status == "assigned")
    if reviewer is not None:
        query = query.where(Review.reviewer == reviewer)
    return query.order_by(Review.due_on.asc().nulls_last(), Review.call_number)


def _by_lot(session: Session, *, since: datetime, day: date) -> Iterator[int]:
    """Draw a call of each agent; one that was dealt with today is not made up for."""
    query = (
        select(
            Call.number,
            Call.agent_id,
            _SILENT,
            Review.status,
            Review.skipped_at,
            Review.changed_at,
        )
        .outerjoin(Review, Review.call_number == Call.number)
        .where(
            Call.added_at >= since,
            Call.outcome != INSUFFICIENT_EVIDENCE,
        )
    )
    drawn: dict[int, tuple[bool, bytes, int, bool]] = {}
    for number, agent_id, silent, status, skipped_at, changed_at in session.execute(query).tuples():
        seen = status in ("assigned", "reviewed") or skipped_at is not None
        if seen and changed_at is not None and changed_at.date() < day:
            continue
        lot = (silent, _lot(day, number), number, seen)
        whose = agent_id or _NOBODY
        drawn[whose] = min(drawn.get(whose, lot), lot)
    agents = sorted(drawn, key=lambda agent_id: _lot(day, -agent_id))
    for agent_id in agents:
        _, _, number, seen = drawn[agent_id]
        if not seen:
            yield number


def _lot(day: date, number: int) -> bytes:
    return hashlib.sha256(f"{day.isoformat()} {number}".encode()).digest()


def count_open(session: Session, *, now: datetime | None = None) -> int:
    """Return how many calls of the last 14 days nobody has dealt with yet."""
    since = (now or datetime.now(UTC)) - timedelta(days=LISTENING_DAYS)
    query = select(func.count(Call.number)).where(Call.added_at >= since, ~is_dealt_with())
    return int(session.scalar(query) or 0)
