"""What stands against the score of a call: it is contested, or set aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session, aliased

from calmscore.store.schema import Call, CoachingRemark, SetAsideScore

Standing = Literal["contested", "set aside"]
STANDINGS: tuple[Standing, ...] = get_args(Standing)


def is_set_aside() -> ColumnElement[bool]:
    """Return the condition that a call's score is not to be used."""
    return exists().where(SetAsideScore.call_number == Call.number)


def is_unanswered() -> ColumnElement[bool]:
    """Return the condition that a remark contests something and nobody replied."""
    reply = aliased(CoachingRemark)
    replied = exists().where(reply.reply_to == CoachingRemark.id)
    return (CoachingRemark.kind == "contested") & ~replied


def stands(standings: Sequence[Standing]) -> ColumnElement[bool]:
    """Return the condition that one of these stands against a call's score.

    A score that is set aside and contested once more counts as set aside, as it is shown.
    """
    contested = exists().where(CoachingRemark.call_number == Call.number, is_unanswered())
    conditions: dict[Standing, ColumnElement[bool]] = {
        "contested": contested & ~is_set_aside(),
        "set aside": is_set_aside(),
    }
    return or_(*(conditions[standing] for standing in standings))


def read_standings(session: Session, numbers: Sequence[int]) -> dict[int, Standing]:
    """Return what stands against the scores of these calls, by number.

    A call against whose score nothing stands is left out.
    """
    contested = select(CoachingRemark.call_number).where(
        CoachingRemark.call_number.in_(numbers), is_unanswered()
    )
    aside = select(SetAsideScore.call_number).where(SetAsideScore.call_number.in_(numbers))
    found: dict[int, Standing] = {
        number: "contested" for number in session.scalars(contested) if number is not None
    }
    found.update(dict.fromkeys(session.scalars(aside), "set aside"))
    return found


def read_set_aside(session: Session, call_number: int) -> SetAsideScore | None:
    """Return the decision that a call's score is not to be used, if there is one."""
    return session.get(SetAsideScore, call_number)
