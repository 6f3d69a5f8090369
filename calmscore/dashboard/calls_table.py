"""The table of calls: a row opens its call, by mouse or keyboard; headings sort on the server.

Where words were looked for, their lines stand below the call, and open it there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from calmscore.analysis.formats import format_clock
from calmscore.dashboard.local_time import format_date, format_moment
from calmscore.dashboard.outcomes import (
    BETTER_COLOUR,
    OUTCOME_COLOURS,
    WORSE_COLOUR,
    outcome_label,
)
from calmscore.dashboard.page_component import PageComponent
from calmscore.dashboard.trend import trend_source
from calmscore.store.calls import CallOrder, CallRow
from calmscore.store.settings import Settings, band
from calmscore.store.words import SaidLine

_KEY = "calls-table"
_FOLDER = Path(__file__).parent
_HTML = """
<div class="frame"><table>
  <caption>Calls; choose one to open it</caption>
  <thead><tr></tr></thead><tbody></tbody>
</table></div>
"""


@dataclass(frozen=True)
class _Column:
    """What a column is called, and what the server sorts by; None where it sorts by nothing."""

    label: str
    order: CallOrder | None = None
    explained: str = ""


_COLUMNS: Mapping[str, _Column] = {
    "time": _Column("Time", "called_at"),
    "score": _Column("Score", "score"),
    "outcome": _Column("Outcome", "outcome"),
    "agent": _Column("Agent", "agent"),
    "trend": _Column("Distress"),
    "length": _Column("Length", "duration_seconds"),
    "share": _Column("Agent talks", "agent_share", "The agent's share of what both say, by time"),
    "interruptions": _Column(
        "Interruptions", "interruptions", "How often one of the two takes the word from the other"
    ),
    "pauses": _Column("Pauses", "pauses", "Silences of 3 seconds or more"),
    "file": _Column("File", "file_name"),
    "watched": _Column("Watched", None, "Watched phrases that are said"),
    "status": _Column("Status"),
    "tags": _Column("Tags"),
}
CHOSEN_COLUMNS: Mapping[str, str] = {
    name: _COLUMNS[name].label for name in ("share", "interruptions", "pauses")
}
"""Columns that are shown where somebody wants them, with their headings."""
_SORTS: Mapping[str, CallOrder] = {
    name: column.order for name, column in _COLUMNS.items() if column.order
}
# So much around a word that is found tells what it is about.
_CHARACTERS_BEFORE, _CHARACTERS_AFTER = 70, 110

CALLS_TABLE = PageComponent(
    "calmscore_calls",
    modules=[_FOLDER / "calls_table.js"],
    html=_HTML,
    css=(_FOLDER / "calls_table.css").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, kw_only=True)
class AskedCall:
    """The call that somebody chose to open, and from where they want to hear it."""

    id: str
    at_seconds: float | None
    at_moment: bool


def asked_call() -> AskedCall | None:
    """Return the call that was just chosen in the table; None where none was.

    It is known before the table is drawn anew, which is not worth waiting for.
    """
    asked = getattr(st.session_state.get(_KEY), "open", None)
    if not asked:
        return None
    return AskedCall(
        id=str(asked.get("id", "")),
        at_seconds=asked.get("at"),
        at_moment=bool(asked.get("moment")),
    )


def calls_table(
    rows: Sequence[CallRow],
    settings: Settings,
    *,
    order: CallOrder,
    descending: bool,
    on_sort: Callable[[CallOrder], None],
    watched: Mapping[int, Mapping[str, int]],
    lines: Mapping[int, Sequence[SaidLine]],
    columns: Collection[str] = (),
) -> tuple[CallRow, ...]:
    """Show a page of calls; return those that are ticked.

    Parameters
    ----------
    rows : sequence of CallRow
        As the server sorted them.
    settings : Settings
        Whose score bands are tinted.
    order, descending : str, bool
        How they are sorted; shown in the heading.
    on_sort : callable
        Called with the column when somebody asks for another order.
    watched : mapping
        By the call's number, how often each watched phrase is said.
    lines : mapping
        By the call's number, the lines in which something is said that was looked for; they
        are shown below the call, and open it there.
    columns : collection of str
        Those of ``CHOSEN_COLUMNS`` that are shown.
    """
    state = st.session_state.get(_KEY)
    by_id = {row.id: row for row in rows}

    def sort() -> None:
        if (name := st.session_state[_KEY].sort) in _SORTS:
            on_sort(_SORTS[name])

    left_out = CHOSEN_COLUMNS.keys() - set(columns) | _empty(rows, watched)
    result = CALLS_TABLE(
        key=_KEY,
        data={
            "columns": list(_columns(order, descending=descending, left_out=left_out)),
            "rows": [
                _cells(row, settings)
                | {
                    "watched": [_times(*one) for one in watched.get(row.number, {}).items()],
                    "said": [_said(row, line) for line in lines.get(row.number, ())],
                }
                for row in rows
            ],
            "colours": {"better": BETTER_COLOUR, "worse": WORSE_COLOUR},
            "ticked": [one for one in (state and state.ticked) or () if one in by_id],
        },
        on_sort_change=sort,
        on_open_change=lambda: None,
        on_ticked_change=lambda: None,
    )
    return tuple(by_id[one] for one in result.ticked or () if one in by_id)


def _empty(rows: Sequence[CallRow], watched: Mapping[int, Mapping[str, int]]) -> set[str]:
    """Return the columns in which nothing would stand, and that nobody sorts by."""
    filled = {
        "watched": any(watched.values()),
        "status": any(row.status != "new" for row in rows),
        "tags": any(row.tags for row in rows),
    }
    return {name for name, is_filled in filled.items() if not is_filled}


def _columns(
    order: CallOrder, *, descending: bool, left_out: Collection[str]
) -> Sequence[dict[str, Any]]:
    direction = "descending" if descending else "ascending"
    return [
        {
            "name": name,
            "label": column.label,
            "explained": column.explained,
            "sorts": column.order is not None,
            "chosen": name in CHOSEN_COLUMNS,
            "direction": direction if column.order == order else None,
        }
        for name, column in _COLUMNS.items()
        if name not in left_out
    ]


def _times(phrase: str, count: int) -> str:
    return f"{phrase} {count}×" if count > 1 else phrase


def _said(row: CallRow, line: SaidLine) -> dict[str, Any]:
    return {
        "href": _address(row, at_seconds=line.at_seconds),
        "at": line.at_seconds,
        "clock": format_clock(line.at_seconds),
        "who": (line.speaker or "somebody").capitalize(),
        "before": _shortened_before(line.before),
        "said": line.said,
        "after": _shortened_after(line.after),
    }


def _shortened_before(text: str) -> str:
    if len(text) <= _CHARACTERS_BEFORE:
        return text
    return f"… {text[-_CHARACTERS_BEFORE:].partition(' ')[2]}"


def _shortened_after(text: str) -> str:
    if len(text) <= _CHARACTERS_AFTER:
        return text
    return f"{text[:_CHARACTERS_AFTER].rpartition(' ')[0]} …"


def _address(row: CallRow, *, at_seconds: float | None = None) -> str:
    at = {} if at_seconds is None else {"at": f"{at_seconds:g}"}
    return f"call?{urlencode({'call': row.id, **at})}"


def _cells(row: CallRow, settings: Settings) -> dict[str, Any]:
    return {
        "id": row.id,
        "href": _address(row),
        "time": format_moment(row.called_at),
        "score": "–" if row.score is None else f"{row.score:.1f}",
        "band": _band(row, settings),
        "outcome": outcome_label(row.outcome),
        "standing": "" if row.standing is None else f"score {row.standing}",
        "colour": OUTCOME_COLOURS[row.outcome],
        "agent": row.agent or "",
        "trend": trend_source(row.trend),
        "length": format_clock(round(row.duration_seconds)),
        "share": "–" if row.agent_share is None else f"{row.agent_share:.0%}",
        "interruptions": "–" if row.interruptions is None else str(row.interruptions),
        "pauses": "–" if row.pauses is None else str(row.pauses),
        "file": row.file_name,
        "playable": row.has_audio,
        "status": status_text(row),
        "tags": list(row.tags),
    }


def _band(row: CallRow, settings: Settings) -> str:
    if row.score is None or row.standing == "set aside":
        return "none"
    return band(row.score, settings)


def status_text(row: CallRow) -> str:
    """Return what became of a call on the desk, empty for a new one."""
    if row.status == "new":
        return ""
    told = f"{row.status.capitalize()}: {row.reviewer}"
    return told if row.due_on is None else f"{told}, due {format_date(row.due_on)}"
