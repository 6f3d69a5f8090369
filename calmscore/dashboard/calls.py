"""Calls: find them, open one, compare two, add more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from calmscore.analysis.call_score import OUTCOMES
from calmscore.dashboard.adding import add_calls
from calmscore.dashboard.calls_actions import actions
from calmscore.dashboard.calls_table import CHOSEN_COLUMNS, asked_call, calls_table
from calmscore.dashboard.desk import User, current_user, open_store
from calmscore.dashboard.local_time import day_end, day_start, format_date
from calmscore.dashboard.outcomes import outcome_label
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.stored_call import moment_seconds
from calmscore.errors import NotStoredError
from calmscore.store import Store
from calmscore.store.calls import (
    REVIEW_STATUSES,
    CallFilter,
    CallOrder,
    count_calls,
    list_agents,
    list_calls,
    list_tags,
)
from calmscore.store.keys import allows
from calmscore.store.settings import read_settings
from calmscore.store.standings import STANDINGS
from calmscore.store.words import lines_of_calls, phrases_of_calls

_ROWS = 25
_ORDERS: dict[str, tuple[CallOrder, bool]] = {
    "Newest first": ("called_at", True),
    "Oldest first": ("called_at", False),
    "Lowest score first": ("score", False),
    "Highest score first": ("score", True),
    "Longest first": ("duration_seconds", True),
    "Shortest first": ("duration_seconds", False),
    "Agent, A to Z": ("agent", False),
    "Agent, Z to A": ("agent", True),
    "Outcome": ("outcome", False),
    "Agent talks most": ("agent_share", True),
    "Agent talks least": ("agent_share", False),
    "Most interruptions": ("interruptions", True),
    "Fewest interruptions": ("interruptions", False),
    "Most pauses": ("pauses", True),
    "Fewest pauses": ("pauses", False),
    "File name, A to Z": ("file_name", False),
    "File name, Z to A": ("file_name", True),
}
_NO_FILTER: dict[str, Any] = {
    "calls-text": "",
    "calls-outcomes": [],
    "calls-statuses": [],
    "calls-standings": [],
    "calls-playable": False,
    "calls-agents": [],
    "calls-from": None,
    "calls-to": None,
    "calls-lowest": None,
    "calls-highest": None,
    "calls-tag": None,
    "calls-words": "",
    "calls-phrases": [],
}
# What is narrowed by these can be seen where they are.
_SEEN = (
    "calls-outcomes", "calls-statuses", "calls-standings", "calls-playable", "calls-phrases",
)  # fmt: skip
# On a phone the fields stand two in a row, so that the first calls are seen.
_STYLE = """
<style>
@media (max-width: 640px) {
  .st-key-calls-asked { gap: 0.5rem; }
  .st-key-calls-asked > .stElementContainer:has(> :is(.stTextInput, .stSelectbox)) {
    width: calc(44% - 0.25rem); flex: none;
  }
  .st-key-calls-asked > .st-key-calls-text.st-key-calls-text { width: calc(56% - 0.25rem); }
  .st-key-calls-asked > .stElementContainer:has(> .stSelectbox) { width: 100%; }
}
</style>
"""
# More would push the table out of sight.
_MOST_CHIPS = 12


def _clear(*keys: str) -> None:
    st.session_state.update({key: _NO_FILTER[key] for key in keys or _NO_FILTER})


def _sort(order: CallOrder) -> None:
    """Sort by a column; by one that is sorted already, the other way round."""
    labels = [label for label, (column, _) in _ORDERS.items() if column == order]
    now = st.session_state.get("calls-order")
    following = labels.index(now) + 1 if now in labels else 0
    st.session_state["calls-order"] = labels[following % len(labels)]


def _wanted(store: Store) -> tuple[CallFilter, CallOrder, bool]:
    """Ask what is looked for, and in which order."""
    with store.database.reading() as session:
        agents, tags = list_agents(session), list_tags(session)
        phrases = read_settings(session).watched_phrases
    st.html(_STYLE)
    with st.container(horizontal=True, vertical_alignment="bottom", key="calls-asked"):
        st.text_input(
            "Search", placeholder="File, agent or customer", icon=":material/search:", width=250,
            key="calls-text", persist_state="session",
        )  # fmt: skip
        st.text_input(
            "Said in the call", placeholder="Any words", icon=":material/forum:", width=250,
            key="calls-words", persist_state="session",
            help="Words in any order; those in double quotes one after another.",
        )  # fmt: skip
        order = st.selectbox(
            "Sort by", list(_ORDERS), width=220,
            key="calls-order", persist_state="session",
        )  # fmt: skip
        with st.popover("More filters", icon=":material/filter_list:"):
            _ask_more(agents, tags)
        with st.popover("Columns", icon=":material/view_column:"):
            st.pills(
                "Also show", list(CHOSEN_COLUMNS), selection_mode="multi",
                format_func=CHOSEN_COLUMNS.__getitem__, key="calls-columns",
                persist_state="session", wrap=True,
                help="They describe a call; they are no measure of an agent.",
            )  # fmt: skip
    _chips()
    _ask_phrases(phrases)
    _told()
    return _filter(), *_ORDERS[order]


def _chips() -> None:
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key="scrolling-chips"
    ):
        st.pills(
            "Outcome", OUTCOMES, selection_mode="multi", format_func=outcome_label,
            key="calls-outcomes", label_visibility="collapsed", persist_state="session", wrap=True,
        )  # fmt: skip
        st.pills(
            "Status", REVIEW_STATUSES, selection_mode="multi", format_func=outcome_label,
            key="calls-statuses", label_visibility="collapsed", persist_state="session", wrap=True,
        )  # fmt: skip
        st.pills(
            "Standing", STANDINGS, selection_mode="multi", format_func="Score {}".format,
            key="calls-standings", label_visibility="collapsed", persist_state="session", wrap=True,
        )  # fmt: skip
        st.toggle("Can be played", key="calls-playable", persist_state="session")


def _ask_phrases(phrases: Sequence[str]) -> None:
    """Ask which watched phrases are to be said: as chips, or in a list where they are many."""
    # What was watched for when it was chosen may be watched for no more.
    chosen = [one for one in st.session_state.get("calls-phrases") or () if one in phrases]
    st.session_state["calls-phrases"] = chosen
    options: dict[str, Any] = {
        "key": "calls-phrases", "label_visibility": "collapsed", "persist_state": "session",
    }  # fmt: skip
    if len(phrases) > _MOST_CHIPS:
        st.multiselect("Watched phrases", phrases, placeholder="Watched phrases", **options)
    elif phrases:
        st.pills(
            "Watched phrases", phrases, selection_mode="multi", wrap=True,
            format_func=lambda phrase: f"“{plain(phrase)}”", **options,
        )  # fmt: skip


def _ask_more(agents: Sequence[str], tags: Sequence[str]) -> None:
    st.multiselect(
        "Agents", agents, placeholder="Any",
        key="calls-agents", persist_state="session",
    )  # fmt: skip
    left, right = st.columns(2, wrap=False)
    for column, label, key in ((left, "From", "calls-from"), (right, "To", "calls-to")):
        column.date_input(label, None, format="DD/MM/YYYY", key=key, persist_state="session")
    for column, label, placeholder, key in (
        (left, "Score from", "1.0", "calls-lowest"),
        (right, "Score to", "10.0", "calls-highest"),
    ):
        column.number_input(
            label, 1.0, 10.0, None, 0.5, format="%.1f", placeholder=placeholder, key=key,
            persist_state="session",
        )  # fmt: skip
    st.selectbox(
        "Tag", tags, None, placeholder="Any" if tags else "No tags yet",
        key="calls-tag", persist_state="session",
    )  # fmt: skip


def _filter() -> CallFilter:
    state = st.session_state
    first, last = state["calls-from"], state["calls-to"]
    return CallFilter(
        text=str(state["calls-text"]).strip() or None,
        words=str(state["calls-words"]).strip() or None,
        agents=tuple(state["calls-agents"]),
        outcomes=tuple(state["calls-outcomes"]),
        statuses=tuple(state["calls-statuses"]),
        standings=tuple(state["calls-standings"]),
        has_audio=True if state["calls-playable"] else None,
        since=None if first is None else day_start(first),
        until=None if last is None else day_end(last),
        lowest_score=state["calls-lowest"],
        highest_score=state["calls-highest"],
        tag=state["calls-tag"],
        phrases=tuple(state["calls-phrases"]),
    )


def _told() -> None:
    """Show what narrows the list out of sight as chips; one goes by a click on it."""
    state, told = st.session_state, {}
    if text := str(state["calls-text"]).strip():
        told["calls-text"] = f"with “{text}”"
    if said := str(state["calls-words"]).strip():
        told["calls-words"] = f"says “{said}”"
    if state["calls-agents"]:
        told["calls-agents"] = "of " + " or ".join(state["calls-agents"])
    for key, word in (("calls-from", "from"), ("calls-to", "until")):
        if state[key] is not None:
            told[key] = f"{word} {format_date(state[key])}"
    for key, word in (("calls-lowest", "or more"), ("calls-highest", "or less")):
        if state[key] is not None:
            told[key] = f"scored {state[key]:.1f} {word}"
    if state["calls-tag"] is not None:
        told["calls-tag"] = f"tagged “{state['calls-tag']}”"
    seen = any(state[key] for key in _SEEN)
    if not told and not seen:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for key, words in told.items():
            st.button(
                plain(words), key=f"clear-{key}", icon=":material/close:", on_click=_clear,
                args=(key,), help="Take this filter away",
            )  # fmt: skip
        st.button("Clear filters", on_click=_clear, type="tertiary")


def _nothing_kept(may_add: bool) -> None:
    if not may_add:
        st.info("No calls yet. They appear here once a supervisor adds them.")
        return
    st.info(
        "No calls yet. Add recordings here, or score one on the page “Score a call” and press "
        "“Keep this call”.",
        icon=":material/inbox:",
    )


def _browse(store: Store, user: User) -> None:
    wanted, order, descending = _wanted(store)
    # Another search begins at its first page.
    paging = f"calls-page-{hash((wanted, order, descending))}"
    bar, body = st.container(), st.container()
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
        numbers = [row.number for row in rows]
        watched = phrases_of_calls(session, numbers, settings.watched_phrases)
        lines = lines_of_calls(session, numbers, wanted.words or "")
    if not rows:
        st.info("No call matches. Clear a filter, or search for less.")
        return
    with body:
        ticked = calls_table(
            rows, settings, order=order, descending=descending, on_sort=_sort, watched=watched,
            lines=lines, columns=st.session_state.get("calls-columns") or (),
        )  # fmt: skip
    with bar, st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{matching:,}** call{'' if matching == 1 else 's'}", width="content")
        actions(store, ticked, user)
    if pages > 1:
        with st.container(horizontal_alignment="center"):
            st.pagination(pages, key=paging, persist_state="session")


def _open_what_was_asked_for(store: Store) -> None:
    asked = asked_call()
    if asked is None:
        return
    start = asked.at_seconds
    if asked.at_moment:
        try:
            start = moment_seconds(store, asked.id)
        except NotStoredError:
            return  # Deleted meanwhile: the list that follows shows that.
    at = {} if start is None else {"at": f"{start:g}"}
    st.switch_page(page_file("call"), query_params={"call": asked.id, **at})


desk_store = open_store()
_open_what_was_asked_for(desk_store)
st.title("Calls")
deleted = st.session_state.pop("call-deleted", None)
if deleted is not None:
    st.success(f"{plain(deleted)} was deleted.", icon=":material/check_circle:")
may_add = allows(current_user().role, "supervisor")
with desk_store.database.reading() as reading:
    empty = not count_calls(reading)
if empty:
    _nothing_kept(may_add)
if may_add:
    add_calls(desk_store, actor=current_user().name, expanded=empty)
if not empty:
    _browse(desk_store, current_user())
