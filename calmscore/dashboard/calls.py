"""Calls: find them, open one, compare two, add more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from calmscore.analysis.scoring import OUTCOMES
from calmscore.dashboard.adding import add_calls
from calmscore.dashboard.charts import clock
from calmscore.dashboard.desk import current_user, open_store
from calmscore.dashboard.local_time import day_end, day_start, format_day, local_zone
from calmscore.dashboard.outcomes import OUTCOME_CHIPS, outcome_label
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.store import Store
from calmscore.store.calls import (
    CallFilter,
    CallOrder,
    CallRow,
    count_calls,
    list_agents,
    list_calls,
    list_tags,
)
from calmscore.store.keys import allows
from calmscore.store.settings import Settings, read_settings

_ROWS = 25
_ORDERS: dict[str, tuple[CallOrder, bool]] = {
    "Newest first": ("called_at", True),
    "Oldest first": ("called_at", False),
    "Lowest score first": ("score", False),
    "Highest score first": ("score", True),
    "Longest first": ("duration_seconds", True),
    "Shortest first": ("duration_seconds", False),
    "Agent, A to Z": ("agent", False),
    "Outcome": ("outcome", False),
    "File name": ("file_name", False),
}
_NO_FILTER: dict[str, Any] = {
    "calls-text": "",
    "calls-agents": [],
    "calls-outcomes": [],
    "calls-from": None,
    "calls-to": None,
    "calls-lowest": None,
    "calls-highest": None,
    "calls-tag": None,
}
_OPEN = "calls-open"
_GOOD_TINT = "background-color: rgba(0, 158, 115, 0.18)"
_POOR_TINT = "background-color: rgba(213, 94, 0, 0.18)"


def _clear_filters() -> None:
    st.session_state.update(_NO_FILTER)


def _wanted(store: Store) -> tuple[CallFilter, CallOrder, bool]:
    """Ask what is looked for, and in which order."""
    with store.database.reading() as session:
        agents, tags = list_agents(session), list_tags(session)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Search", placeholder="File, agent or customer", icon=":material/search:", width=320,
            key="calls-text", persist_state="session",
        )  # fmt: skip
        order = st.selectbox(
            "Sort by", list(_ORDERS), width=220,
            key="calls-order", persist_state="session",
        )  # fmt: skip
        with st.popover("Filter", icon=":material/filter_list:"):
            wanted = _filter(agents, tags)
    active = _described(wanted)
    if active:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Only {active}.", width="content")
            st.button("Clear filters", on_click=_clear_filters, type="tertiary")
    return wanted, *_ORDERS[order]


def _filter(agents: Sequence[str], tags: Sequence[str]) -> CallFilter:
    chosen_agents = st.multiselect(
        "Agents", agents, placeholder="Any",
        key="calls-agents", persist_state="session",
    )  # fmt: skip
    outcomes = st.multiselect(
        "Outcomes", OUTCOMES, format_func=outcome_label, placeholder="Any",
        key="calls-outcomes", persist_state="session",
    )  # fmt: skip
    left, right = st.columns(2, wrap=False)
    first, last = (
        column.date_input(
            label, None, format="DD/MM/YYYY", key=key, persist_state="session",
        )
        for column, label, key in ((left, "From", "calls-from"), (right, "To", "calls-to"))
    )  # fmt: skip
    lowest, highest = (
        column.number_input(
            label, 1.0, 10.0, None, 0.5, format="%.1f", placeholder=placeholder, key=key,
            persist_state="session",
        )
        for column, label, placeholder, key in (
            (left, "Score from", "1.0", "calls-lowest"),
            (right, "Score to", "10.0", "calls-highest"),
        )
    )  # fmt: skip
    tag = st.selectbox(
        "Tag", tags, None, placeholder="Any" if tags else "No tags yet", disabled=not tags,
        key="calls-tag", persist_state="session",
    )  # fmt: skip
    return CallFilter(
        text=str(st.session_state["calls-text"]).strip() or None,
        agents=tuple(chosen_agents),
        outcomes=tuple(outcomes),
        since=None if first is None else day_start(first),
        until=None if last is None else day_end(last),
        lowest_score=lowest,
        highest_score=highest,
        tag=tag,
    )


def _described(wanted: CallFilter) -> str:
    """Return the filters in words, empty without any."""
    parts = []
    if wanted.text:
        parts.append(f"with “{plain(wanted.text)}”")
    if wanted.agents:
        parts.append("of " + " or ".join(plain(name) for name in wanted.agents))
    if wanted.outcomes:
        parts.append(" or ".join(wanted.outcomes))
    if wanted.since is not None:
        parts.append(f"from {format_day(wanted.since)}")
    if st.session_state["calls-to"] is not None:
        parts.append(f"until {format_day(day_start(st.session_state['calls-to']))}")
    if wanted.lowest_score is not None:
        parts.append(f"scored {wanted.lowest_score:.1f} or more")
    if wanted.highest_score is not None:
        parts.append(f"scored {wanted.highest_score:.1f} or less")
    if wanted.tag is not None:
        parts.append(f"tagged “{plain(wanted.tag)}”")
    return ", ".join(parts)


def _table(rows: Sequence[CallRow], settings: Settings) -> list[CallRow]:
    """Show a page of calls; open the one that is wanted, return those that are ticked."""
    zone = local_zone()
    table = pd.DataFrame(
        {
            "Open": ["Open"] * len(rows),
            "Time": [row.called_at.astimezone(zone).replace(tzinfo=None) for row in rows],
            "Score": [row.score for row in rows],
            "Outcome": [[outcome_label(row.outcome)] for row in rows],
            "Agent": [row.agent for row in rows],
            "Distress": [row.trend for row in rows],
            "Length": [clock(round(row.duration_seconds)) for row in rows],
            "File": [row.file_name for row in rows],
            "Tags": [list(row.tags) for row in rows],
        }
    ).astype({"Score": "float64"})

    def tint(score: Any) -> str:
        if score >= settings.good_score:
            return _GOOD_TINT
        return _POOR_TINT if score <= settings.poor_score else ""

    chosen = st.dataframe(
        table.style.map(tint, subset=["Score"]),
        # Other rows are another table, in which nothing is ticked.
        key=f"calls-{hash(tuple(row.id for row in rows))}",
        height="content",
        hide_index=True,
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        alt="Calls",
        column_config={
            "Open": st.column_config.ButtonColumn("", width=65, key=_OPEN),
            "Time": st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm", width=140),
            "Agent": st.column_config.TextColumn(width=130),
            "Score": st.column_config.NumberColumn(format="%.1f", width=60),
            "Outcome": st.column_config.MultiselectColumn(
                options=[outcome_label(name) for name in OUTCOMES],
                color=[OUTCOME_CHIPS[name] for name in OUTCOMES],
                width=155,
            ),
            "Distress": st.column_config.AreaChartColumn(
                y_min=0.0, y_max=1.0, color="#7A6BB0", width=120,
                help="The customer's distress from the beginning to the end of the call.",
            ),
            "Length": st.column_config.TextColumn(width=60, alignment="right"),
            "File": st.column_config.TextColumn(width=185),
            "Tags": st.column_config.ListColumn(width=140),
        },
    )  # fmt: skip
    click = st.session_state.get(_OPEN)
    if click is not None:
        _open(rows[click["row"]])
    return [rows[index] for index in chosen.selection.rows]


def _open(row: CallRow) -> None:
    st.switch_page(page_file("call"), query_params={"call": row.id})


def _actions(ticked: Sequence[CallRow], matching: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{matching:,}** call{'' if matching == 1 else 's'}", width="content")
        if st.button("Compare", disabled=len(ticked) != 2, icon=":material/compare:"):
            st.switch_page(page_file("compare"), query_params={"call": [row.id for row in ticked]})
        st.caption("Tick two calls to compare them.", width="content")


def _nothing_kept(may_add: bool) -> None:
    if not may_add:
        st.info("No calls yet. They appear here once a supervisor adds them.")
        return
    st.info(
        "No calls yet. Add recordings here, or score one on the page “Score a call” and press "
        "“Keep this call”.",
        icon=":material/inbox:",
    )


def _browse(store: Store) -> None:
    wanted, order, descending = _wanted(store)
    # Another search begins at its first page.
    paging = f"calls-page-{hash((wanted, order, descending))}"
    actions, body = st.container(), st.container()
    with store.database.reading() as session:
        matching = count_calls(session, wanted)
        pages = max(-(-matching // _ROWS), 1)
        if st.session_state.get(paging, 1) > pages:
            del st.session_state[paging]
        page = st.session_state.get(paging, 1)
        rows = list_calls(
            session,
            wanted,
            order=order,
            descending=descending,
            limit=_ROWS,
            offset=(page - 1) * _ROWS,
        )
        settings = read_settings(session)
    if not rows:
        st.info("No call matches. Clear a filter, or search for less.")
        return
    with body:
        ticked = _table(rows, settings)
    with actions:
        _actions(ticked, matching)
    if pages > 1:
        with st.container(horizontal_alignment="center"):
            st.pagination(pages, key=paging, persist_state="session")


st.title("Calls")
deleted = st.session_state.pop("call-deleted", None)
if deleted is not None:
    st.success(f"{plain(deleted)} was deleted.", icon=":material/check_circle:")
desk_store = open_store()
may_add = allows(current_user().role, "supervisor")
with desk_store.database.reading() as reading:
    empty = not count_calls(reading)
if empty:
    _nothing_kept(may_add)
if may_add:
    add_calls(desk_store, actor=current_user().name, expanded=empty)
if not empty:
    _browse(desk_store)
