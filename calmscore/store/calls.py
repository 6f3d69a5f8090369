"""Calls: find, list, change what is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, delete, exists, func, select, tuple_
from sqlalchemy.orm import Session

from calmscore.errors import NotStoredError
from calmscore.store.schema import NAME_LENGTH, Agent, Call, Review, Tag
from calmscore.store.standings import Standing, read_standings, stands
from calmscore.store.words import says, says_any

CallOrder = Literal[
    "called_at", "agent", "duration_seconds", "score", "outcome", "file_name",
    "agent_share", "interruptions", "pauses",
]  # fmt: skip
ReviewStatus = Literal["new", "assigned", "reviewed"]
REVIEW_STATUSES: tuple[ReviewStatus, ...] = get_args(ReviewStatus)
# PostgreSQL sorts by a column's index only if nothing is said of missing values.
_MAY_BE_MISSING = ("agent", "score", "agent_share", "interruptions", "pauses")


@dataclass(frozen=True, kw_only=True)
class CallDetails:
    """What is known of a call beside its sound; all of it may be unknown.

    ``raw_format`` is what a recording without a header holds, as `RawFormat.parse` reads it.
    """

    agent: str | None = None
    customer: str | None = None
    called_at: datetime | None = None
    raw_format: str | None = None


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
    has_audio : bool, optional
        Calls whose recording is kept, or with False those whose recording is not.
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
    has_audio: bool | None = None
    text: str | None = None
    words: str | None = None
    phrases: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class CallRow:
    """A stored call as lists show it.

    ``trend`` is smoothed distress, 0–1, over the call; ``agent_share``, ``interruptions`` and
    ``pauses`` are as in `analysis.conversation`; ``reviewer`` and ``due_on`` say who listens
    to it, or did, and until when; ``standing`` what stands against its score, and ``interval``
    between which bounds that lies in 80 of 100 calls. ``raw_format`` is what its recording holds
    where that has no header.
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
    raw_format: str | None = None


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
    if details.raw_format is not None:
        call.raw_format = details.raw_format


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
    order : {"called_at", "agent", "duration_seconds", "score", …}
        Column to sort by; calls without a value come last.
    descending : bool
        Largest or latest first.
    limit, offset : int
        Size of the page, and calls to skip before it.
    """
    column: Any = {"agent": Agent.name}.get(order) or getattr(Call, order)
    direction = column.desc() if descending else column.asc()
    if order in _MAY_BE_MISSING:
        direction = direction.nulls_last()
    query = (
        matching_calls(select(Call, Agent.name), wanted or CallFilter())
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
    query = matching_calls(select(func.count(Call.number)), wanted or CallFilter())
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
        raise not_stored(call_id)
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
        raise not_stored(call_id)
    return call


def list_agents(session: Session) -> list[str]:
    """Return the names of all agents who have a call."""
    query = select(Agent.name).where(exists().where(Call.agent_id == Agent.id))
    return list(session.scalars(query.order_by(Agent.name)))


def list_tags(session: Session) -> list[str]:
    """Return every tag in use."""
    return list(session.scalars(select(Tag.name).distinct().order_by(Tag.name)))


def matching_calls(query: Any, wanted: CallFilter) -> Any:
    """Return a query of calls and their agents, narrowed to those that are wanted."""
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
    if wanted.has_audio is not None:
        kept = Call.audio_until.is_not(None)
        conditions.append(kept if wanted.has_audio else ~kept)
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
    return call_rows(session, list(session.execute(query)))


def call_rows(session: Session, found: Sequence[Any]) -> list[CallRow]:
    """Return calls that were found, each with its agent's name, as lists show them."""
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
            raw_format=call.raw_format,
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


def not_stored(call_id: str) -> NotStoredError:
    """Return the refusal of an id that no call has."""
    return NotStoredError(f"there is no call {call_id[:12]!r} here; it may have been deleted")
