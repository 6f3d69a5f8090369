"""The table of calls: a row opens its call, by mouse or keyboard; headings sort on the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from calmscore.dashboard.charts import clock
from calmscore.dashboard.local_time import format_date, format_moment
from calmscore.dashboard.outcomes import OUTCOME_COLOURS, outcome_label
from calmscore.dashboard.trend import trend_source
from calmscore.store.calls import CallOrder, CallRow
from calmscore.store.settings import Settings, band

_KEY = "calls-table"
_FOLDER = Path(__file__).parent
_HTML = """
<div class="frame"><table>
  <caption>Calls; choose one to open it</caption>
  <thead><tr></tr></thead><tbody></tbody>
</table></div>
"""
# Name of the cell, heading, and what the server sorts by.
_COLUMNS: tuple[tuple[str, str, CallOrder | None], ...] = (
    ("time", "Time", "called_at"),
    ("score", "Score", "score"),
    ("outcome", "Outcome", "outcome"),
    ("agent", "Agent", "agent"),
    ("trend", "Distress", None),
    ("length", "Length", "duration_seconds"),
    ("file", "File", "file_name"),
    ("status", "Status", None),
    ("tags", "Tags", None),
)
_SORTS: Mapping[str, CallOrder] = {name: order for name, _, order in _COLUMNS if order}

_component = st.components.v2.component(
    "calmscore_calls",
    html=_HTML,
    css=(_FOLDER / "calls_table.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "calls_table.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What was done with the table: the call to open, and those that are ticked."""

    opened: CallRow | None
    ticked: tuple[CallRow, ...]


def calls_table(
    rows: Sequence[CallRow],
    settings: Settings,
    *,
    order: CallOrder,
    descending: bool,
    on_sort: Callable[[CallOrder], None],
) -> Chosen:
    """Show a page of calls.

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
    """
    state = st.session_state.get(_KEY)
    by_id = {row.id: row for row in rows}

    def sort() -> None:
        if (name := st.session_state[_KEY].sort) in _SORTS:
            on_sort(_SORTS[name])

    result = _component(
        key=_KEY,
        data={
            "columns": list(_columns(order, descending=descending)),
            "rows": [_cells(row, settings) for row in rows],
            "ticked": [one for one in (state and state.ticked) or () if one in by_id],
        },
        on_sort_change=sort,
        on_open_change=lambda: None,
        on_ticked_change=lambda: None,
    )
    return Chosen(
        opened=by_id.get(result.open or ""),
        ticked=tuple(by_id[one] for one in result.ticked or () if one in by_id),
    )


def _columns(order: CallOrder, *, descending: bool) -> Sequence[dict[str, Any]]:
    direction = "descending" if descending else "ascending"
    return [
        {
            "name": name,
            "label": label,
            "sorts": by is not None,
            "direction": direction if by == order else None,
        }
        for name, label, by in _COLUMNS
    ]


def _cells(row: CallRow, settings: Settings) -> dict[str, Any]:
    return {
        "id": row.id,
        "href": f"call?{urlencode({'call': row.id})}",
        "time": format_moment(row.called_at),
        "score": "–" if row.score is None else f"{row.score:.1f}",
        "band": "none" if row.score is None else band(row.score, settings),
        "outcome": outcome_label(row.outcome),
        "colour": OUTCOME_COLOURS[row.outcome],
        "agent": row.agent or "",
        "trend": trend_source(row.trend),
        "length": clock(round(row.duration_seconds)),
        "file": row.file_name,
        "playable": row.has_audio,
        "status": status_text(row),
        "tags": list(row.tags),
    }


def status_text(row: CallRow) -> str:
    """Return what became of a call on the desk, empty for a new one."""
    if row.status == "new":
        return ""
    told = f"{row.status.capitalize()}: {row.reviewer}"
    return told if row.due_on is None else f"{told}, due {format_date(row.due_on)}"
