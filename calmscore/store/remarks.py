"""What agents answer to their coaching, and what supervisors reply: kept with times and names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from calmscore.errors import NotStoredError, ParameterError
from calmscore.store import audit
from calmscore.store.schema import (
    Call,
    CoachingItem,
    CoachingRemark,
    CoachingSession,
    SetAsideScore,
)
from calmscore.store.standings import is_unanswered

AnswerKind = Literal["acknowledged", "contested"]
RemarkKind = Literal["acknowledged", "contested", "reply"]
Decision = Literal["upheld", "kept"]

LONGEST_TEXT = 4000


@dataclass(frozen=True, kw_only=True)
class RemarkRow:
    """An answer of an agent, or a reply to one.

    Attributes
    ----------
    id, session_id : int
        Its number, and that of its session.
    call_id, file_name : str or None
        The call that it is on; None where it is on the whole session.
    kind : {"acknowledged", "contested", "reply"}
        What it does.
    reply_to : int or None
        The answer that it replies to.
    decision : {"upheld", "kept"} or None
        What a reply to a contested call decides: its score is set aside, or stays.
    text : str
        In the words of its author; an acknowledgement may have none.
    author : str
        By name and account.
    created_at : datetime
        When it was said.
    """

    id: int
    session_id: int
    call_id: str | None
    file_name: str | None
    kind: RemarkKind
    reply_to: int | None
    decision: Decision | None
    text: str
    author: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class OpenContest:
    """Something that an agent contests and that nobody replied to."""

    agent: str
    remark: RemarkRow


def answer(
    session: Session,
    session_id: int,
    *,
    kind: AnswerKind,
    author: str,
    call_id: str | None = None,
    text: str = "",
) -> int:
    """Keep what an agent answers to a session, or to a call on its playlist.

    The audit names the agent by the session's number alone, so that nothing is left of
    them there once the session is gone.

    Parameters
    ----------
    session_id : int
        A session that was shared.
    kind : {"acknowledged", "contested"}
        Whether they took note of it, or disagree.
    author : str
        Who answers, by name and account.
    call_id : str, optional
        SHA-256 of the call's recording; the whole session by default.
    text : str
        At most 4,000 characters; needed to contest.

    Returns
    -------
    int
        The number of the answer.

    Raises
    ------
    NotStoredError
        If there is no such session, or the call is not on its playlist.
    ParameterError
        If the session is not shared, the text is missing or too long, or the same is
        contested already.
    """
    stored = session.get(CoachingSession, session_id)
    if stored is None:
        raise NotStoredError(f"there is no session {session_id}; it may have been deleted")
    if stored.shared_at is None:
        raise ParameterError(f"session {session_id} is a draft; share it first")
    number = None if call_id is None else _number_on_playlist(session, session_id, call_id)
    said = _checked(text, needed=kind == "contested")
    if kind == "contested" and _is_contested(session, session_id, number):
        raise ParameterError("this is contested already; the reply is still to come")
    remark = CoachingRemark(
        session_id=session_id, call_number=number, kind=kind, text=said, author=author,
        created_at=datetime.now(UTC),
    )  # fmt: skip
    session.add(remark)
    session.flush()
    action: audit.Action = "coaching contested" if kind == "contested" else "coaching acknowledged"
    audit.record(session, actor=agent_of(session_id), action=action, call_number=number)
    return remark.id


def agent_of(session_id: int) -> str:
    """Return how the audit names the agent of a session."""
    return f"agent of session {session_id}"


def reply(
    session: Session,
    remark_id: int,
    *,
    text: str,
    author: str,
    decision: Decision | None = None,
) -> None:
    """Reply to an agent's answer; where a call is contested, decide about its score.

    The score itself stays as it is. The newest decision on a call counts.

    Parameters
    ----------
    remark_id : int
        The answer.
    text : str
        1–4,000 characters.
    author : str
        Who replies.
    decision : {"upheld", "kept"}, optional
        Needed where a call is contested, and there alone: its score is set aside, or stays.

    Raises
    ------
    NotStoredError
        If there is no such answer.
    ParameterError
        If the text is missing or too long, or the decision does not fit the answer.
    """
    answered = session.get(CoachingRemark, remark_id)
    if answered is None or answered.kind == "reply":
        raise NotStoredError(f"there is no answer {remark_id}; it may have been deleted")
    number = answered.call_number
    about_score = answered.kind == "contested" and number is not None
    if about_score != (decision is not None):
        wanted = "say whether the score is set aside or kept" if about_score else "decide nothing"
        raise ParameterError(f"decision is {decision!r}; {wanted}")
    said = _checked(text, needed=True)
    now = datetime.now(UTC)
    session.add(
        CoachingRemark(
            session_id=answered.session_id, call_number=number, kind="reply", reply_to=remark_id,
            decision=decision, text=said, author=author, created_at=now,
        )
    )  # fmt: skip
    audit.record(session, actor=author, action="coaching replied", call_number=number)
    if decision is not None and number is not None:
        session.execute(delete(SetAsideScore).where(SetAsideScore.call_number == number))
        if decision == "upheld":
            session.add(
                SetAsideScore(call_number=number, reason=said, decided_by=author, decided_at=now)
            )
        action: audit.Action = "score set aside" if decision == "upheld" else "score kept"
        audit.record(session, actor=author, action=action, call_number=number)
    session.flush()


def read_remarks(session: Session, session_ids: Sequence[int]) -> dict[int, list[RemarkRow]]:
    """Return what was said of these sessions, by session, in the order in which it was said."""
    query = (
        select(CoachingRemark, Call.id, Call.file_name)
        .outerjoin(Call, Call.number == CoachingRemark.call_number)
        .where(CoachingRemark.session_id.in_(session_ids))
        .order_by(CoachingRemark.id)
    )
    found: dict[int, list[RemarkRow]] = {}
    for remark, call_id, file_name in session.execute(query):
        found.setdefault(remark.session_id, []).append(_row(remark, call_id, file_name))
    return found


def open_contests(
    session: Session, *, call_id: str | None = None, limit: int = 10
) -> list[OpenContest]:
    """Return what agents contest and nobody replied to, the longest waiting first.

    Parameters
    ----------
    call_id : str, optional
        Only what is contested of this call.
    limit : int
        At most so many.
    """
    query = (
        select(CoachingRemark, CoachingSession.agent, Call.id, Call.file_name)
        .join(CoachingSession, CoachingSession.id == CoachingRemark.session_id)
        .outerjoin(Call, Call.number == CoachingRemark.call_number)
        .where(is_unanswered())
        .order_by(CoachingRemark.id)
        .limit(limit)
    )
    if call_id is not None:
        query = query.where(Call.id == call_id)
    return [
        OpenContest(agent=agent, remark=_row(remark, call_id, file_name))
        for remark, agent, call_id, file_name in session.execute(query)
    ]


def has_open_contest(session: Session, session_id: int) -> bool:
    """Tell whether anything of a session is contested and not replied to."""
    query = select(CoachingRemark.id).where(
        CoachingRemark.session_id == session_id, is_unanswered()
    )
    return session.scalar(query.limit(1)) is not None


def has_remarks(session: Session, session_id: int, call_number: int) -> bool:
    """Tell whether anything was said of a call in a session."""
    query = select(CoachingRemark.id).where(
        CoachingRemark.session_id == session_id, CoachingRemark.call_number == call_number
    )
    return session.scalar(query.limit(1)) is not None


def _is_contested(session: Session, session_id: int, number: int | None) -> bool:
    query = select(CoachingRemark.id).where(
        CoachingRemark.session_id == session_id,
        CoachingRemark.call_number.is_(None)
        if number is None
        else CoachingRemark.call_number == number,
        is_unanswered(),
    )
    return session.scalar(query.limit(1)) is not None


def _number_on_playlist(session: Session, session_id: int, call_id: str) -> int:
    number = session.scalar(
        select(Call.number).where(
            Call.id == call_id,
            exists().where(
                CoachingItem.call_number == Call.number, CoachingItem.session_id == session_id
            ),
        )
    )
    if number is None:
        raise NotStoredError(f"call {call_id[:12]!r} is not on the playlist of this session")
    return number


def _checked(text: str, *, needed: bool) -> str:
    said = text.strip()
    if len(said) > LONGEST_TEXT:
        raise ParameterError(
            f"a text has at most {LONGEST_TEXT} characters; this one has {len(said)}"
        )
    if needed and not said:
        raise ParameterError("the text is empty; say why, in your own words")
    return said


def _row(remark: CoachingRemark, call_id: str | None, file_name: str | None) -> RemarkRow:
    return RemarkRow(
        id=remark.id, session_id=remark.session_id, call_id=call_id, file_name=file_name,
        kind=remark.kind,  # type: ignore[arg-type]
        reply_to=remark.reply_to,
        decision=remark.decision,  # type: ignore[arg-type]
        text=remark.text, author=remark.author, created_at=remark.created_at,
    )  # fmt: skip
