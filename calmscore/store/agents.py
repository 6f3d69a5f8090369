"""Figures of agents over a period: averages with their uncertainty, outcomes, weeks.

Calls that were calm throughout, and calls with too little speech, are counted apart:
there was nothing to rescue, or nothing to judge by, so their scores are not averaged in.
Scores that were set aside count for nothing but their number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from scipy import stats
from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from calmscore.analysis.call_score import CALM_THROUGHOUT, INSUFFICIENT_EVIDENCE
from calmscore.store.schema import Agent, Call, Moment
from calmscore.store.standings import is_set_aside

NOT_AVERAGED = (CALM_THROUGHOUT, INSUFFICIENT_EVIDENCE)
FEWEST_CALLS_TO_COMPARE = 5
_CONFIDENCE = 0.95
# How far the scores of one person's calls lie apart where little is known yet; it counts
# as much as so many calls.
_USUAL_DEVIATION, _USUAL_CALLS = 2.0, 4


@dataclass(frozen=True, kw_only=True)
class AgentFigures:
    """One agent in one period.

    Attributes
    ----------
    agent : str
        Name.
    calls : int
        All calls of the period.
    scored_calls : int
        Those whose scores are averaged.
    average_score : float or None
        1–10; None without a scored call.
    interval : tuple of float, or None
        95 % confidence interval of the average, within 1–10; None with fewer than five
        scored calls. How far calls lie apart is judged by everybody's calls together, so
        that few calls that happen to agree do not look sure; at either end of the scale it
        reaches the further to the other side. So of two agents, the one with fewer scored
        calls never has the shorter interval.
    outcomes : dict of str to int
        Calls by outcome, but for those whose score was set aside.
    set_aside : int
        Calls whose score was set aside.
    """

    agent: str
    calls: int
    scored_calls: int
    average_score: float | None
    interval: tuple[float, float] | None
    outcomes: dict[str, int]
    set_aside: int = 0

    @property
    def judged_calls(self) -> int:
        """Calls whose outcome counts."""
        return self.calls - self.set_aside


@dataclass(frozen=True, kw_only=True)
class Week:
    """The scored calls of one week, which begins on a Monday (UTC)."""

    monday: datetime
    scored_calls: int
    average_score: float


@dataclass(frozen=True, kw_only=True)
class MomentRow:
    """A change in a call that earned or cost points."""

    call_id: str
    file_name: str
    called_at: datetime
    at_seconds: float
    from_emotion: str
    to_emotion: str
    points: float


# Outcome, calls, sum of their scores, sum of the squares.
_Row = tuple[str, int, float, float]
_SET_ASIDE = "set aside"


@dataclass(frozen=True, kw_only=True)
class _Spread:
    variance: float
    freedom: int


def agent_figures(
    session: Session, *, since: datetime | None = None, until: datetime | None = None
) -> list[AgentFigures]:
    """Return the figures of every agent who has a call in the period, by name.

    Parameters
    ----------
    since, until : datetime, optional
        Calls made at or after the first and before the second.
    """
    outcome_or_aside = case((is_set_aside(), _SET_ASIDE), else_=Call.outcome).label("counted_as")
    query = (
        select(
            Agent.name,
            outcome_or_aside,
            func.count(Call.number),
            func.sum(Call.score),
            func.sum(Call.score * Call.score),
        )
        .join(Agent)
        .where(*_period(since, until))
        .group_by(Agent.name, "counted_as")
        .order_by(Agent.name)
    )
    by_agent: dict[str, list[_Row]] = {}
    for name, outcome, count, total, squares in session.execute(query):
        by_agent.setdefault(name, []).append((outcome, count, total or 0.0, squares or 0.0))
    spread = _spread([_sums(rows) for rows in by_agent.values()])
    return [_figures(name, rows, spread) for name, rows in by_agent.items()]


def _sums(rows: Sequence[_Row]) -> tuple[int, float, float]:
    """Return the number of scored calls, the sum of their scores and of the squares."""
    scored = [row for row in rows if row[0] not in (*NOT_AVERAGED, _SET_ASIDE)]
    return sum(row[1] for row in scored), sum(row[2] for row in scored), sum(r[3] for r in scored)


def _spread(sums: Sequence[tuple[int, float, float]]) -> _Spread:
    freedom = _USUAL_CALLS + sum(max(count - 1, 0) for count, _, _ in sums)
    apart = _USUAL_CALLS * _USUAL_DEVIATION**2 + sum(
        max(squares - total**2 / count, 0.0) for count, total, squares in sums if count
    )
    return _Spread(variance=apart / freedom, freedom=freedom)


def _figures(name: str, rows: Sequence[_Row], spread: _Spread) -> AgentFigures:
    count, total, _ = _sums(rows)
    average = total / count if count else None
    return AgentFigures(
        agent=name,
        calls=sum(row[1] for row in rows),
        scored_calls=count,
        average_score=average,
        interval=None if average is None else _interval(count, average, spread),
        outcomes={row[0]: row[1] for row in rows if row[0] != _SET_ASIDE},
        set_aside=sum(row[1] for row in rows if row[0] == _SET_ASIDE),
    )


def _interval(count: int, average: float, spread: _Spread) -> tuple[float, float] | None:
    if count < FEWEST_CALLS_TO_COMPARE:
        return None
    quantile = float(stats.t.ppf((1 + _CONFIDENCE) / 2, spread.freedom))
    reach = quantile * math.sqrt(spread.variance / count)
    low, high = average - reach, average + reach
    # What lies beyond the scale is added on the other side: a cut bar would look surer.
    beyond = max(1.0 - low, 0.0) - max(high - 10.0, 0.0)
    return max(low + beyond, 1.0), min(high + beyond, 10.0)


def weekly_scores(
    session: Session,
    agent: str | None = None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Week]:
    """Return the average score in each week that has a scored call.

    Parameters
    ----------
    agent : str, optional
        Of this agent's calls; of everybody's, also those without an agent, by default.
    since, until : datetime, optional
        Calls made at or after the first and before the second.
    """
    query = (
        select(Call.called_at, Call.score)
        .outerjoin(Agent)
        .where(
            *([] if agent is None else [Agent.name == agent]),
            Call.score.is_not(None),
            Call.outcome.not_in(NOT_AVERAGED),
            ~is_set_aside(),
            *_period(since, until),
        )
    )
    weeks: dict[datetime, list[float]] = {}
    for called_at, score in session.execute(query).tuples():
        if score is not None:
            weeks.setdefault(_monday(called_at), []).append(score)
    return [
        Week(monday=monday, scored_calls=len(scores), average_score=sum(scores) / len(scores))
        for monday, scores in sorted(weeks.items())
    ]


def _monday(moment: datetime) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def agent_moments(
    session: Session,
    agent: str,
    *,
    best: bool,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 5,
) -> list[MomentRow]:
    """Return the changes that earned an agent's calls the most points, or cost the most."""
    order = Moment.points.desc() if best else Moment.points.asc()
    query = (
        select(Moment, Call.id, Call.file_name, Call.called_at)
        .join(Call, Call.number == Moment.call_number)
        .join(Agent)
        .where(
            Agent.name == agent,
            Moment.points > 0.0 if best else Moment.points < 0.0,
            ~is_set_aside(),
            *_period(since, until),
        )
        .order_by(order, Moment.id)
        .limit(limit)
    )
    return [
        MomentRow(
            call_id=call_id,
            file_name=file_name,
            called_at=called_at,
            at_seconds=moment.at_seconds,
            from_emotion=moment.from_emotion,
            to_emotion=moment.to_emotion,
            points=moment.points,
        )
        for moment, call_id, file_name, called_at in session.execute(query)
    ]


def _period(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if since is not None:
        conditions.append(Call.called_at >= since)
    if until is not None:
        conditions.append(Call.called_at < until)
    return conditions
