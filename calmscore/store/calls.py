"""Calls and their reports: save, find, read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args

import numpy as np
from sqlalchemy import ColumnElement, delete, exists, func, select, tuple_
from sqlalchemy.orm import Session

from calmscore.analysis.conversation import conversation_of
from calmscore.analysis.report import CallReport
from calmscore.errors import NotStoredError
from calmscore.store import audit
from calmscore.store.schema import (
    FILE_NAME_LENGTH,
    NAME_LENGTH,
    Agent,
    Call,
    Moment,
    Report,
    Review,
    Tag,
)
from calmscore.store.standings import Standing, read_standings, stands
from calmscore.store.words import move_words, says, says_any, with_stored_words

CallOrder = Literal[
    "called_at", "agent", "duration_seconds", "score", "outcome", "file_name",
    "agent_share", "interruptions", "pauses",
]  # fmt: skip
ReviewStatus = Literal["new", "assigned", "reviewed"]
REVIEW_STATUSES: tuple[ReviewStatus, ...] = get_args(ReviewStatus)

_TREND_POINTS = 24
# PostgreSQL sorts by a column's index only if nothing is said of missing values.
_MAY_BE_MISSING = ("agent", "score", "agent_share", "interruptions", "pauses")


@dataclass(frozen=True, kw_only=True)
class CallDetails:
    """What is known of a call beside its sound; all of it may be unknown."""

    agent: str | None = None
    customer: str | None = None
    called_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class CallFilter:
    """Which calls are wanted; None means any.

    Attributes
    ----------
    ids, agents, outcomes : sequence of str
        Any of these; empty means any.
    since, until : datetime, optional
        Calls made at or after the first and before the second.
    lowest_score, highest_score : float, optional
        Both included; a call without a score is then left out.
    tag : str, optional
        A tag that the call carries.
    statuses : sequence of {"new", "assigned", "reviewed"}
        Any of these; empty means any.
    standings : sequence of {"contested", "set aside"}
        Any of these stands against the score; empty means any call.
    playable : bool
        Only calls whose recording is kept.
    text : str, optional
        A part of the file name, the agent's or the customer's name.
    words : str, optional
        What is said in the call; see `store.words.says`.
    phrases : sequence of str
        Any of these is said; empty means any call.
    """

    ids: Sequence[str] = ()
    agents: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    lowest_score: float | None = None
    highest_score: float | None = None
    tag: str | None = None
    statuses: Sequence[ReviewStatus] = ()
    standings: Sequence[Standing] = ()
    playable: bool = False
    text: str | None = None
    words: str | None = None
    phrases: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class CallRow:
    """A stored call as lists show it.

    ``trend`` is smoothed distress, 0–1, over the call; ``agent_share``, ``interruptions`` and
    ``pauses`` are as in `analysis.conversation`; ``reviewer`` and ``due_on`` say who listens
    to it, or did, and until when; ``standing`` what stands against its score, and ``interval``
    between which bounds that lies in 80 of 100 calls.
    """

    number: int
    id: str
    file_name: str
    agent: str | None
    customer: str | None
    called_at: datetime
    added_at: datetime
    duration_seconds: float
    score: float | None
    outcome: str
    trend: tuple[float, ...]
    has_audio: bool
    agent_share: float | None = None
    interruptions: int | None = None
    pauses: int | None = None
    tags: tuple[str, ...] = field(default=())
    status: ReviewStatus = "new"
    reviewer: str | None = None
    due_on: date | None = None
    standing: Standing | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class ReportRow:
    """One of the reports of a call."""

    model_version: str
    model_sha256: str
    customer_channel: str
    created_at: datetime
    current: bool


def save_report(
    session: Session, report: CallReport, *, details: CallDetails | None = None
) -> Call:
    """Save a report; it becomes the call's current one.

    The same recording is one call, however often it comes. A report of another
    model or channel is kept beside the earlier ones; one of the same model and
    channel takes the earlier one's place.

    Parameters
    ----------
    session : Session
        A writing one.
    report : CallReport
        A finished analysis.
    details : CallDetails, optional
        Fields that are None leave what is stored.

    Returns
    -------
    Call
        The stored call.
    """
    details = details or CallDetails()
    now = datetime.now(UTC)
    # Locked, so that reports of two models at once do not mix their moments.
    call = session.scalar(select(Call).where(Call.id == report.call.id).with_for_update())
    if call is None:
        call = Call(id=report.call.id, added_at=now, called_at=details.called_at or now)
        session.add(call)
    call.file_name = report.call.file_name[:FILE_NAME_LENGTH]
    call.duration_seconds = report.call.duration_seconds
    call.score, call.outcome = report.score.value, report.score.outcome
    call.score_low, call.score_high = report.score.low, report.score.high
    call.doubt = report.speakers.doubt
    call.trend = _trend(report)
    talk = conversation_of(report)
    call.agent_share, call.interruptions = talk.agent_share, talk.interruptions
    call.pauses = talk.pauses
    set_details(session, call, details)
    session.flush()
    stored = session.scalar(
        select(Report).where(
            Report.call_number == call.number,
            Report.model_sha256 == report.model.sha256,
            Report.customer_channel == report.call.customer_channel,
        )
    )
    if stored is None:
        stored = Report(
            call_number=call.number,
            model_sha256=report.model.sha256,
            customer_channel=report.call.customer_channel,
        )
        session.add(stored)
    stored.model_version, stored.created_at = report.model.version, now
    # Words are kept apart: as long as the recording, not as the report.
    stored.document = {**report.to_dict(), "words": None}
    session.execute(delete(Moment).where(Moment.call_number == call.number))
    session.add_all(
        Moment(
            call_number=call.number,
            at_seconds=change.at_seconds,
            from_emotion=change.from_emotion,
            to_emotion=change.to_emotion,
            points=change.points,
        )
        for change in report.score.transitions
    )
    session.flush()
    call.report_id = stored.id
    session.flush()
    return call


def take_place_of(session: Session, report: CallReport, before: CallReport) -> bool:
    """Save a report in the place of the current one, and tell whether that was still there.

    Parameters
    ----------
    session : Session
        A writing one.
    report : CallReport
        Of the same call, whose words changed who is the customer, or the score.
    before : CallReport
        The report that is to go. The call may have been deleted meanwhile, or somebody chose
        a side.
    """
    stored = session.scalar(
        select(Report)
        .join(Call, Call.report_id == Report.id)
        .where(
            Call.id == before.call.id,
            Report.customer_channel == before.call.customer_channel,
            Report.model_sha256 == before.model.sha256,
        )
        .with_for_update()
    )
    if stored is None:
        return False
    if stored.document["speakers"]["customer_from"] == "chosen" != before.speakers.customer_from:
        return False
    call = save_report(session, report)
    if call.report_id != stored.id:
        session.delete(stored)
    move_words(session, call.number, customer_channel=report.call.customer_channel)
    audit.record(session, actor="words", action="call analysed again", call_number=call.number)
    session.flush()
    return True


def set_details(session: Session, call: Call, details: CallDetails) -> None:
    """Change agent, customer or time of a stored call.

    None leaves a field as it is, a blank text empties it. Names are cut to 200
    characters. An agent who has no call any more is forgotten.
    """
    if details.agent is not None:
        name, earlier = _name(details.agent), call.agent_id
        call.agent_id = _agent(session, name).id if name else None
        if earlier not in (None, call.agent_id):
            session.flush()
            forget_idle_agents(session, [earlier])
    if details.customer is not None:
        call.customer = _name(details.customer) or None
    if details.called_at is not None:
        call.called_at = details.called_at


def forget_idle_agents(session: Session, agent_ids: Iterable[int | None]) -> None:
    """Delete those of these agents who have no call."""
    for agent_id in sorted({number for number in agent_ids if number is not None}):
        # Locked first, so that a call that is being added to the agent is seen.
        session.execute(select(Agent.id).where(Agent.id == agent_id).with_for_update())
        session.execute(
            delete(Agent).where(Agent.id == agent_id, ~exists().where(Call.agent_id == agent_id))
        )


def _name(text: str) -> str:
    return " ".join(text.split())[:NAME_LENGTH]


def _agent(session: Session, name: str) -> Agent:
    agent = session.scalar(select(Agent).where(Agent.name == name))
    if agent is None:
        agent = Agent(name=name)
        session.add(agent)
        session.flush()
    return agent


def _trend(report: CallReport) -> list[float]:
    values = [s.smoothed_distress for s in report.segments if s.smoothed_distress is not None]
    if len(values) <= _TREND_POINTS:
        return [round(value, 3) for value in values]
    groups = np.array_split(np.array(values), _TREND_POINTS)
    return [round(float(group.mean()), 3) for group in groups]


def list_calls(
    session: Session,
    wanted: CallFilter | None = None,
    *,
    order: CallOrder = "called_at",
    descending: bool = True,
    limit: int = 100,
    offset: int = 0,
) -> list[CallRow]:
    """Return a page of calls.

    Parameters
    ----------
    session : Session
        A reading one.
    wanted : CallFilter, optional
        All calls by default.
    order : {"called_at", "agent", "duration_seconds", "score", …}
        Column to sort by; calls without a value come last.
    descending : bool
        Largest or latest first.
    limit, offset : int
        Size of the page, and calls to skip before it.

    Returns
    -------
    list of CallRow
    """
    column: Any = {"agent": Agent.name}.get(order) or getattr(Call, order)
    direction = column.desc() if descending else column.asc()
    if order in _MAY_BE_MISSING:
        direction = direction.nulls_last()
    query = (
        _matching(select(Call, Agent.name), wanted or CallFilter())
        .order_by(direction, Call.number.desc())
        .limit(limit)
        .offset(offset)
    )
    return _rows(session, query)


def read_rows(session: Session, numbers: Sequence[int]) -> list[CallRow]:
    """Return the calls of these numbers, in any order."""
    return _rows(session, select(Call, Agent.name).outerjoin(Agent).where(Call.number.in_(numbers)))


def count_calls(session: Session, wanted: CallFilter | None = None) -> int:
    """Return how many calls match."""
    query = _matching(select(func.count(Call.number)), wanted or CallFilter())
    return int(session.scalar(query) or 0)


def next_call(session: Session, row: CallRow) -> str | None:
    """Return the id of the call that follows in the list, the latest first; None at its end."""
    here = (row.called_at, row.number)
    return session.scalar(
        select(Call.id)
        .where(tuple_(Call.called_at, Call.number) < here)
        .order_by(Call.called_at.desc(), Call.number.desc())
        .limit(1)
    )


def read_call(session: Session, call_id: str) -> CallRow:
    """Return a call by its id.

    Raises
    ------
    NotStoredError
        If there is no such call.
    """
    query = select(Call, Agent.name).outerjoin(Agent).where(Call.id == call_id)
    rows = _rows(session, query)
    if not rows:
        raise _not_stored(call_id)
    return rows[0]


def has_call(session: Session, call_id: str) -> bool:
    """Tell whether a call is stored."""
    return session.scalar(select(Call.number).where(Call.id == call_id)) is not None


def find_call(session: Session, call_id: str) -> Call:
    """Return the stored call by its id, to be changed.

    Raises
    ------
    NotStoredError
        If there is no such call.
    """
    call = session.scalar(select(Call).where(Call.id == call_id))
    if call is None:
        raise _not_stored(call_id)
    return call


def read_report(
    session: Session, call_id: str, *, model_sha256: str | None = None
) -> dict[str, Any]:
    """Return a report of a call as ``CallReport.to_dict`` wrote it.

    Parameters
    ----------
    session : Session
        A reading one.
    call_id : str
        SHA-256 of the recording.
    model_sha256 : str, optional
        The newest report of this model; the call's current report by default.

    Raises
    ------
    NotStoredError
        If there is no such call or report.
    """
    query = select(Call.number, Report.document).join_from(Report, Call).where(Call.id == call_id)
    if model_sha256 is None:
        query = query.where(Report.id == Call.report_id)
    else:
        query = query.where(Report.model_sha256 == model_sha256)
    found = session.execute(query.order_by(Report.created_at.desc()).limit(1)).one_or_none()
    if found is None:
        raise _not_stored(call_id)
    number, document = found
    return with_stored_words(session, number, document)


def read_reports(
    session: Session,
    wanted: CallFilter | None = None,
    *,
    after_number: int = 0,
    limit: int = 100,
) -> list[tuple[CallRow, dict[str, Any]]]:
    """Return calls with their current reports, in the order in which they were added.

    Parameters
    ----------
    session : Session
        A reading one.
    wanted : CallFilter, optional
        All calls by default.
    after_number : int
        Number of the last call that was read before; 0 begins.
    limit : int
        Most calls to return.
    """
    query = (
        _matching(select(Call, Agent.name, Report.document), wanted or CallFilter())
        .join(Report, Report.id == Call.report_id)
        .where(Call.number > after_number)
        .order_by(Call.number)
        .limit(limit)
    )
    found = list(session.execute(query))
    rows = _call_rows(session, [(call, agent) for call, agent, _ in found])
    return [
        (row, with_stored_words(session, row.number, document))
        for row, (_, _, document) in zip(rows, found, strict=True)
    ]


def list_reports(session: Session, call_id: str) -> list[ReportRow]:
    """Return all reports of a call, the newest first."""
    query = select(Report, Call.report_id).join(Call).where(Call.id == call_id)
    return [
        ReportRow(
            model_version=stored.model_version,
            model_sha256=stored.model_sha256,
            customer_channel=stored.customer_channel,
            created_at=stored.created_at,
            current=stored.id == current,
        )
        for stored, current in session.execute(query.order_by(Report.created_at.desc()))
    ]


def has_current_report(
    session: Session, call_id: str, *, model_sha256: str, customer_channel: str | None = None
) -> bool:
    """Tell whether a call's current report is one of this model (and this channel)."""
    query = select(Report.id).join(Call).where(
        Call.id == call_id, Report.id == Call.report_id, Report.model_sha256 == model_sha256
    )  # fmt: skip
    if customer_channel is not None:
        query = query.where(Report.customer_channel == customer_channel)
    return session.scalar(query.limit(1)) is not None


def list_agents(session: Session) -> list[str]:
    """Return the names of all agents who have a call."""
    query = select(Agent.name).where(exists().where(Call.agent_id == Agent.id))
    return list(session.scalars(query.order_by(Agent.name)))


def list_tags(session: Session) -> list[str]:
    """Return every tag in use."""
    return list(session.scalars(select(Tag.name).distinct().order_by(Tag.name)))


def _matching(query: Any, wanted: CallFilter) -> Any:
    return query.select_from(Call).outerjoin(Agent).where(*_conditions(wanted))


def _conditions(wanted: CallFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.ids:
        conditions.append(Call.id.in_(wanted.ids))
    if wanted.agents:
        conditions.append(Agent.name.in_(wanted.agents))
    if wanted.outcomes:
        conditions.append(Call.outcome.in_(wanted.outcomes))
    if wanted.since is not None:
        conditions.append(Call.called_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(Call.called_at < wanted.until)
    if wanted.lowest_score is not None:
        conditions.append(Call.score >= wanted.lowest_score)
    if wanted.highest_score is not None:
        conditions.append(Call.score <= wanted.highest_score)
    if wanted.tag is not None:
        conditions.append(exists().where(Tag.call_number == Call.number, Tag.name == wanted.tag))
    if wanted.statuses:
        conditions.append(_status(wanted.statuses))
    if wanted.standings:
        conditions.append(stands(wanted.standings))
    if wanted.playable:
        conditions.append(Call.audio_until.is_not(None))
    if wanted.text:
        conditions.append(
            Call.file_name.icontains(wanted.text, autoescape=True)
            | Agent.name.icontains(wanted.text, autoescape=True)
            | Call.customer.icontains(wanted.text, autoescape=True)
        )
    if wanted.words:
        conditions.append(says(wanted.words))
    if wanted.phrases:
        conditions.append(says_any(wanted.phrases))
    return conditions


def _status(statuses: Sequence[ReviewStatus]) -> ColumnElement[bool]:
    reviewed = exists().where(Review.call_number == Call.number)
    wanted = reviewed.where(Review.status.in_(statuses))
    return wanted | ~reviewed if "new" in statuses else wanted


def _rows(session: Session, query: Any) -> list[CallRow]:
    return _call_rows(session, list(session.execute(query)))


def _call_rows(session: Session, found: Sequence[Any]) -> list[CallRow]:
    numbers = [call.number for call, _ in found]
    tags: dict[int, list[str]] = {}
    # Sorted below: asked to sort, SQLite goes through every tag of every call.
    for number, name in session.execute(
        select(Tag.call_number, Tag.name).where(Tag.call_number.in_(numbers))
    ):
        tags.setdefault(number, []).append(name)
    reviews = {
        review.call_number: review
        for review in session.scalars(select(Review).where(Review.call_number.in_(numbers)))
    }
    standings = read_standings(session, numbers)
    return [
        CallRow(
            number=call.number,
            id=call.id,
            file_name=call.file_name,
            agent=agent,
            customer=call.customer,
            called_at=call.called_at,
            added_at=call.added_at,
            duration_seconds=call.duration_seconds,
            score=call.score,
            outcome=call.outcome,
            trend=tuple(call.trend),
            has_audio=call.audio_until is not None,
            agent_share=call.agent_share,
            interruptions=call.interruptions,
            pauses=call.pauses,
            tags=tuple(sorted(tags.get(call.number, ()))),
            standing=standings.get(call.number),
            interval=_interval(call),
            **_review(reviews.get(call.number)),
        )
        for call, agent in found
    ]


def _interval(call: Call) -> tuple[float, float] | None:
    if call.score_low is None or call.score_high is None:
        return None
    return call.score_low, call.score_high


def _review(review: Review | None) -> dict[str, Any]:
    if review is None:
        return {}
    return {"status": review.status, "reviewer": review.reviewer, "due_on": review.due_on}


def _not_stored(call_id: str) -> NotStoredError:
    return NotStoredError(f"there is no call {call_id[:12]!r} here; it may have been deleted")
