"""Two stored calls side by side, by ``?call=…&call=…``."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from calmscore.analysis.report import CallReport
from calmscore.dashboard import call_view
from calmscore.dashboard.console.component import compared_lanes
from calmscore.dashboard.desk import open_store
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.stored_call import find_stored, whereabouts
from calmscore.store.calls import CallRow

_LONGEST_HEADING = 28


def _cards(calls: list[tuple[CallRow, CallReport]]) -> None:
    for column, (row, report) in zip(st.columns(2, gap="large"), calls, strict=True):
        with column:
            call_view.score_card(report)
            st.caption(whereabouts(row))
            # Below it: both scores stand on one line.
            if row.standing is not None:
                st.warning(f"The score is {row.standing}.", icon=":material/gavel:")


def _lanes(calls: list[tuple[CallRow, CallReport]]) -> None:
    st.subheader("How each of them went")
    st.caption(
        "Both on one time axis: zoom one, and the other follows. A click opens the call and plays "
        "from there."
    )
    axis_seconds = max(report.call.duration_seconds for _, report in calls)
    for row, report in calls:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{plain(row.file_name)}**", width="content")
            st.page_link(
                page_file("call"), label="Open this call", icon=":material/open_in_full:",
                query_params={"call": row.id},
            )  # fmt: skip
        at_seconds = compared_lanes(report, axis_seconds=axis_seconds)
        if at_seconds is not None:
            st.switch_page(
                page_file("call"), query_params={"call": row.id, "at": f"{at_seconds:.1f}"}
            )


def _figures(report: CallReport) -> dict[str, str]:
    score = report.score
    shares = {
        "Distress at the start": score.start_distress,
        "Distress at the end": score.end_distress,
        "Highest distress": score.peak_distress,
    }
    told = {label: "–" if share is None else f"{share:.0%}" for label, share in shares.items()}
    return call_view.talk_figures(report) | told


def _talk(calls: list[tuple[CallRow, CallReport]]) -> None:
    st.subheader("Who spoke, and how it went")
    table = pd.DataFrame({place: _figures(report) for place, (_, report) in enumerate(calls)})
    names = [_shortened(row.file_name) for row, _ in calls]
    if names[0] == names[1]:
        names = [
            f"{name} ({place})" for place, name in zip(("first", "second"), names, strict=True)
        ]
    st.table(table.fillna("–").set_axis([plain(name) for name in names], axis="columns"))


def _shortened(name: str) -> str:
    """Return a file's name with its middle left out where it would make a table too wide."""
    if len(name) <= _LONGEST_HEADING:
        return name
    half = _LONGEST_HEADING // 2
    return f"{name[:half]}…{name[-half:]}"


def _compare(calls: list[tuple[CallRow, CallReport]]) -> None:
    _cards(calls)
    _lanes(calls)
    _talk(calls)
    call_view.not_a_verdict()


st.page_link(page_file("calls"), label="All calls", icon=":material/arrow_back:")
st.title("Two calls compared")
wanted = st.query_params.get_all("call")
if len(wanted) != 2:
    st.info("Tick two calls in the list and press “Compare”.", icon=":material/compare:")
else:
    desk_store = open_store()
    found = [find_stored(desk_store, call_id) for call_id in wanted]
    calls = [pair for pair in found if pair is not None]
    if len(calls) == 2:
        _compare(calls)
