"""Export: calls, segments and corrections as CSV, reports as JSON."""

from __future__ import annotations

import io
from collections.abc import Callable

import streamlit as st

from calmscore.analysis.call_score import OUTCOMES
from calmscore.dashboard.desk import User, current_user, open_store
from calmscore.dashboard.local_time import day_end, day_start
from calmscore.dashboard.outcomes import outcome_label
from calmscore.outputs import exports
from calmscore.store import Store
from calmscore.store.calls import CallFilter, count_calls, list_agents, list_tags


def _wanted(store: Store) -> CallFilter:
    with store.database.reading() as session:
        agents, tags = list_agents(session), list_tags(session)
    # Row by row: on a phone they stand one below the other in this order.
    left, right = st.columns(2)
    first = left.date_input("From", None, format="DD/MM/YYYY")
    last = right.date_input("To", None, format="DD/MM/YYYY")
    left, right = st.columns(2)
    chosen_agents = left.multiselect("Agents", agents, placeholder="Any")
    outcomes = right.multiselect("Outcomes", OUTCOMES, format_func=outcome_label, placeholder="Any")
    left, _ = st.columns(2)
    tag = left.selectbox("Tag", tags, None, placeholder="Any" if tags else "No tags yet")
    return CallFilter(
        agents=tuple(chosen_agents),
        outcomes=tuple(outcomes),
        tag=tag,
        since=None if first is None else day_start(first),
        until=None if last is None else day_end(last),
    )


def _calls_csv(store: Store, wanted: CallFilter) -> str:
    text = io.StringIO(newline="")
    with store.database.reading() as session:
        exports.write_csv([exports.calls_table(session, wanted)], text)
    return text.getvalue()


def _segments_csv(store: Store, wanted: CallFilter) -> str:
    text = io.StringIO(newline="")
    with store.database.reading() as session:
        exports.write_csv(exports.segment_pages(session, wanted), text)
    return text.getvalue()


def _reports_json(store: Store, wanted: CallFilter) -> str:
    with store.database.reading() as session:
        return exports.calls_json(session, wanted)


def _corrections_csv(store: Store, wanted: CallFilter) -> str:
    text = io.StringIO(newline="")
    with store.database.reading() as session:
        exports.write_csv([exports.corrections_table(session)], text)
    return text.getvalue()


_KINDS: dict[str, tuple[str, str, str, Callable[[Store, CallFilter], str]]] = {
    "Calls (CSV)": ("calls.csv", "text/csv", "One row per call.", _calls_csv),
    "Segments (CSV)": (
        "segments.csv", "text/csv", "One row per 3-second segment.", _segments_csv,
    ),
    "Reports (JSON)": (
        "reports.json", "application/json", "Everything, for other programs.", _reports_json,
    ),
    "Corrections (CSV)": (
        "corrections.csv", "text/csv", "Every corrected segment, whatever the filter.",
        _corrections_csv,
    ),
}  # fmt: skip


def _offer(store: Store, wanted: CallFilter, user: User) -> None:
    kind = st.segmented_control("What", list(_KINDS), default="Calls (CSV)", required=True)
    file_name, mime_type, explanation, make = _KINDS[kind or "Calls (CSV)"]
    st.caption(explanation)

    # Made on the click, so that nothing is read, or noted in the audit, before.
    def made() -> str:
        exports.record_export(store, actor=user.name)
        return make(store, wanted)

    st.download_button(
        "Download", made, file_name, mime_type, on_click="ignore", type="primary",
        icon=":material/download:",
    )  # fmt: skip


st.title("Export")
desk_store = open_store()
filtered = _wanted(desk_store)
with desk_store.database.reading() as reading:
    matching = count_calls(reading, filtered)
st.markdown(f"**{matching:,}** call{'' if matching == 1 else 's'}")
if matching:
    _offer(desk_store, filtered, current_user())
else:
    st.info("No call matches, so there is nothing to export.")
st.caption("Every export leaves a line in the audit. A one-page PDF is on each call's own page.")
