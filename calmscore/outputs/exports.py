"""Stored calls as tables, as JSON, and their corrected segments as training clips."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TextIO

import pandas as pd
from sqlalchemy.orm import Session

from calmscore.analysis.report import (
    SEGMENT_COLUMNS,
    TURN_COLUMNS,
    CallReport,
    SegmentReport,
    segment_rows,
    turn_rows,
)
from calmscore.outputs.spreadsheet import safe_cells
from calmscore.store import Store, audit
from calmscore.store.calls import CallFilter, CallRow, read_call
from calmscore.store.coaching import list_corrections
from calmscore.store.reports import read_report, read_reports
from calmscore.store.settings import read_settings
from calmscore.store.words import count_phrases

_PAGE_CALLS = 200

CALL_COLUMNS = (
    "call", "file_name", "agent", "customer", "called_at", "added_at", "duration_seconds",
    "customer_channel", "score", "outcome", "standing", "start_distress", "end_distress",
    "peak_distress", "seconds_to_calm", "relapses", "customer_seconds", "agent_seconds",
    "silence_seconds", "overtalk_seconds", "longest_silence_seconds", "agent_share",
    "interruptions", "pauses", "watched", "tags", "model_version", "warnings",
)  # fmt: skip
SEGMENT_TABLE_COLUMNS = (
    "call", "agent", "called_at", "file_name", "score", "outcome", "standing", *SEGMENT_COLUMNS,
)  # fmt: skip
TURN_TABLE_COLUMNS = (
    "call", "agent", "called_at", "file_name", "score", "outcome", "standing", *TURN_COLUMNS,
)  # fmt: skip
CORRECTION_COLUMNS = (
    "call", "file_name", "agent", "start_seconds", "end_seconds", "emotion", "model_emotion",
    "model_confidence", "author", "corrected_at",
)  # fmt: skip


def record_export(store: Store, *, actor: str, call_numbers: Sequence[int] = ()) -> None:
    """Write the audit lines of an export, to be called with every one.

    Parameters
    ----------
    call_numbers : sequence of int
        The calls, if they are few; a line without a number stands for a list of calls.
    """
    with store.database.writing() as session:
        for number in call_numbers or (None,):
            audit.record(session, actor=actor, action="exported", call_number=number)


def calls_table(session: Session, wanted: CallFilter | None = None) -> pd.DataFrame:
    """Return one row per call, with the columns of ``CALL_COLUMNS``.

    Returns
    -------
    DataFrame
        In the order in which the calls were added; times in UTC. Watched phrases are those of
        the settings that are said, each with how often.
    """
    phrases = read_settings(session).watched_phrases
    rows = [_call_fields(row, document, phrases) for row, document in _read_all(session, wanted)]
    return pd.DataFrame(rows, columns=list(CALL_COLUMNS))


def segment_pages(session: Session, wanted: CallFilter | None = None) -> Iterator[pd.DataFrame]:
    """Yield one row per segment of the calls' current reports, in parts of some hundred calls.

    Yields
    ------
    DataFrame
        Columns of ``SEGMENT_TABLE_COLUMNS``; by call, then by time. One without rows where
        there are none.
    """
    yield from _table_pages(session, wanted, segment_rows, SEGMENT_TABLE_COLUMNS)


def turn_pages(session: Session, wanted: CallFilter | None = None) -> Iterator[pd.DataFrame]:
    """Yield one row per turn of words, in parts; columns of ``TURN_TABLE_COLUMNS``."""
    yield from _table_pages(session, wanted, turn_rows, TURN_TABLE_COLUMNS)


def _table_pages(
    session: Session,
    wanted: CallFilter | None,
    rows_of: Callable[[CallReport], list[dict[str, Any]]],
    columns: Sequence[str],
) -> Iterator[pd.DataFrame]:
    found = False
    for page in _read_pages(session, wanted):
        rows = [
            {
                "call": row.id, "agent": row.agent, "called_at": row.called_at,
                "standing": row.standing, **fields,
            }
            for row, document in page
            for fields in rows_of(CallReport.from_dict(document))
        ]  # fmt: skip
        found = True
        yield pd.DataFrame(rows, columns=list(columns))
    if not found:
        yield pd.DataFrame(columns=list(columns))


def corrections_table(session: Session) -> pd.DataFrame:
    """Return one row per corrected segment, beside what the model heard in it.

    Returns
    -------
    DataFrame
        Columns of ``CORRECTION_COLUMNS``; by call, then by time. The model's emotion is
        that of the current report, missing where it has none for this segment.
    """
    rows = []
    for call_id, corrections in groupby(list_corrections(session), key=lambda row: row.call_id):
        call = read_call(session, call_id)
        report = CallReport.from_dict(read_report(session, call_id))
        for correction in corrections:
            segment = segment_at(report, correction.start_seconds)
            rows.append(
                {
                    "call": call_id,
                    "file_name": call.file_name,
                    "agent": call.agent,
                    "start_seconds": correction.start_seconds,
                    "end_seconds": correction.end_seconds,
                    "emotion": correction.emotion,
                    "model_emotion": segment.emotion if segment else None,
                    "model_confidence": segment.confidence if segment else None,
                    "author": correction.author,
                    "corrected_at": correction.created_at,
                }
            )
    return pd.DataFrame(rows, columns=list(CORRECTION_COLUMNS))


def segment_at(report: CallReport, start_seconds: float) -> SegmentReport | None:
    """Return the segment of a report that starts there, if one does."""
    return next((row for row in report.segments if row.start_seconds == start_seconds), None)


def json_parts(session: Session, wanted: CallFilter | None = None) -> Iterator[str]:
    """Yield `calls_json` in parts of some hundred calls, so that memory stays small."""
    lead = "["
    for page in _read_pages(session, wanted):
        yield lead + ",\n".join(
            json.dumps(_described(row, document), ensure_ascii=False) for row, document in page
        )
        lead = ",\n"
    yield "[]\n" if lead == "[" else "]\n"


def calls_json(session: Session, wanted: CallFilter | None = None) -> str:
    """Return the current reports of calls as a JSON list.

    Returns
    -------
    str
        Each entry is a report (`analysis.report`) with ``stored`` beside it: agent,
        customer, times, tags and what stands against the score.
    """
    return "".join(json_parts(session, wanted))


def write_csv(pages: Iterable[pd.DataFrame], stream: TextIO) -> None:
    """Write tables with the same columns below one another, safe for spreadsheets.

    Parameters
    ----------
    pages : iterable of DataFrame
        At least one; the first gives the columns.
    stream : text file object
        Opened with ``newline=""``.
    """
    for number, page in enumerate(pages):
        safe_cells(page).to_csv(
            stream, index=False, header=number == 0, lineterminator="\r\n",
            quoting=csv.QUOTE_MINIMAL,
        )  # fmt: skip


def _read_pages(
    session: Session, wanted: CallFilter | None
) -> Iterator[list[tuple[CallRow, dict[str, Any]]]]:
    last = 0
    while page := read_reports(session, wanted, after_number=last, limit=_PAGE_CALLS):
        # What was read of one page is not needed for the next.
        session.expunge_all()
        yield page
        last = page[-1][0].number


def _read_all(
    session: Session, wanted: CallFilter | None
) -> Iterator[tuple[CallRow, dict[str, Any]]]:
    for page in _read_pages(session, wanted):
        yield from page


def _call_fields(
    row: CallRow, document: Mapping[str, Any], phrases: Sequence[str]
) -> dict[str, Any]:
    turns = (document.get("words") or {"turns": ()})["turns"]
    watched = count_phrases((turn["text"] for turn in turns), phrases)
    return {
        "call": row.id,
        "file_name": row.file_name,
        "agent": row.agent,
        "customer": row.customer,
        "called_at": row.called_at,
        "added_at": row.added_at,
        "duration_seconds": row.duration_seconds,
        "customer_channel": document["call"]["customer_channel"],
        **{name: document["score"][name] for name in (
            "start_distress", "end_distress", "peak_distress", "seconds_to_calm", "relapses")},
        "score": row.score,
        "outcome": row.outcome,
        "standing": row.standing,
        **{name: document["talk"][name] for name in CALL_COLUMNS if name in document["talk"]},
        "agent_share": row.agent_share,
        "interruptions": row.interruptions,
        "pauses": row.pauses,
        "watched": ", ".join(f"{phrase} {count}" for phrase, count in watched.items()),
        "tags": ", ".join(row.tags),
        "model_version": document["model"]["version"],
        "warnings": ", ".join(notice["code"] for notice in document["warnings"]),
    }  # fmt: skip


def _described(row: CallRow, document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **document,
        "stored": {
            "agent": row.agent,
            "customer": row.customer,
            "called_at": row.called_at.isoformat(),
            "added_at": row.added_at.isoformat(),
            "tags": list(row.tags),
            "standing": row.standing,
        },
    }
