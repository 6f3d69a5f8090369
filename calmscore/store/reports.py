"""Reports of calls: save, read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from calmscore.analysis.conversation import conversation_of
from calmscore.analysis.report import CallReport
from calmscore.store import audit
from calmscore.store.calls import (
    CallDetails,
    CallFilter,
    CallRow,
    call_rows,
    matching_calls,
    not_stored,
    set_details,
)
from calmscore.store.schema import FILE_NAME_LENGTH, Agent, Call, Moment, Report
from calmscore.store.words import move_words, with_stored_words

_TREND_POINTS = 24


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


def _trend(report: CallReport) -> list[float]:
    values = [s.smoothed_distress for s in report.segments if s.smoothed_distress is not None]
    if len(values) <= _TREND_POINTS:
        return [round(value, 3) for value in values]
    groups = np.array_split(np.array(values), _TREND_POINTS)
    return [round(float(group.mean()), 3) for group in groups]


def read_report(
    session: Session, call_id: str, *, model_sha256: str | None = None
) -> dict[str, Any]:
    """Return a report of a call as ``CallReport.to_dict`` wrote it.

    Parameters
    ----------
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
        raise not_stored(call_id)
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
    after_number : int
        Number of the last call that was read before; 0 begins.
    """
    query = (
        matching_calls(select(Call, Agent.name, Report.document), wanted or CallFilter())
        .join(Report, Report.id == Call.report_id)
        .where(Call.number > after_number)
        .order_by(Call.number)
        .limit(limit)
    )
    found = list(session.execute(query))
    rows = call_rows(session, [(call, agent) for call, agent, _ in found])
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
