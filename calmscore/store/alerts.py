"""What the rules for alerts find: each of them holds against a call once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from calmscore.analysis.call_score import INSUFFICIENT_EVIDENCE
from calmscore.analysis.report import CallReport
from calmscore.store.alert_rules import rule_of
from calmscore.store.deliveries import queue_delivery
from calmscore.store.listening import DOUBTFUL, WIDE_INTERVAL
from calmscore.store.schema import Alert, Call, CallWords, Report, Rule, RuleAgent
from calmscore.store.words import count_phrases


def tells_news(session: Session, report: CallReport) -> bool:
    """Tell whether a report is a call's first score, or its first with this customer.

    A new model alarms nobody about old calls.

    Parameters
    ----------
    session : Session
        One in which the report is not saved yet.
    """
    query = (
        select(Call.score, Report.customer_channel)
        .join(Report, Report.id == Call.report_id)
        .where(Call.id == report.call.id)
    )
    stored = session.execute(query).one_or_none()
    return (
        stored is None
        or stored.score is None
        or stored.customer_channel != report.call.customer_channel
    )


def raise_alerts(session: Session, call: Call, *, now: datetime | None = None) -> int:
    """Hold all rules against a call, once it is scored and again once its words are known.

    A rule finds a call once, however often it is asked, and only calls that came after it.

    Parameters
    ----------
    session : Session
        The writing one that stores the score or the words: both are done, or neither.
    call : Call
        As it is stored.

    Returns
    -------
    int
        How many rules found it just now.
    """
    rules = list(session.scalars(select(Rule).where(Rule.created_at <= call.added_at)))
    if not rules:
        return 0
    # Whoever else asks about this call waits here, and then finds what was found.
    session.execute(select(Call.number).where(Call.number == call.number).with_for_update())
    known = set(
        session.scalars(select(Alert.rule_id).where(Alert.call_number == call.number))
    )  # fmt: skip
    now, count = now or datetime.now(UTC), 0
    for rule in rules:
        if rule.id in known or not _finds(session, rule, call):
            continue
        session.add(Alert(rule_id=rule.id, call_number=call.number, raised_at=now))
        for channel, recipient in rule_of(rule).destinations:
            queue_delivery(
                session, rule_id=rule.id, call_number=call.number, channel=channel,
                recipient=recipient, now=now,
            )  # fmt: skip
        count += 1
    session.flush()
    return count


def _finds(session: Session, rule: Rule, call: Call) -> bool:
    if rule.outcomes and call.outcome not in rule.outcomes:
        return False
    if rule.highest_score is not None and (
        call.score is None or round(call.score, 1) > rule.highest_score
    ):
        return False
    if rule.in_doubt and not _is_in_doubt(call):
        return False
    if not rule.any_agent and not _is_of_its_agents(session, rule, call):
        return False
    return not rule.phrases or bool(said_phrases(session, call.number, rule.phrases))


def _is_in_doubt(call: Call) -> bool:
    if call.outcome == INSUFFICIENT_EVIDENCE or (call.doubt or 0.0) > DOUBTFUL:
        return True
    low, high = call.score_low, call.score_high
    return low is not None and high is not None and high - low > WIDE_INTERVAL


def _is_of_its_agents(session: Session, rule: Rule, call: Call) -> bool:
    return (
        call.agent_id is not None and session.get(RuleAgent, (rule.id, call.agent_id)) is not None
    )


def said_phrases(session: Session, call_number: int, phrases: Sequence[str]) -> dict[str, int]:
    """Return how often each phrase is said in a call, as far as its words are known."""
    text = session.scalar(select(CallWords.text).where(CallWords.call_number == call_number))
    return count_phrases((text or "").split("\n"), phrases)
