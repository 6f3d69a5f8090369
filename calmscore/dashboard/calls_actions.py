"""What can be done with ticked calls at once: compare, review, assign, name, tag, export."""

from __future__ import annotations

import io
from collections.abc import Sequence

import streamlit as st

from calmscore.dashboard.changing import changing
from calmscore.dashboard.desk import User
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.reviewing import ask_to_assign
from calmscore.outputs import exports
from calmscore.store import Store
from calmscore.store.calls import CallDetails, CallFilter, CallRow, list_agents, list_tags
from calmscore.store.coaching import set_tags
from calmscore.store.keys import allows
from calmscore.store.reviews import mark_reviewed

_LONGEST_TAG = 60


def actions(store: Store, ticked: Sequence[CallRow], user: User) -> None:
    """Show the buttons; without ticked calls they say what they wait for."""
    if not ticked:
        st.caption("Tick calls to compare, review, tag or export them.", width="content")
        return
    st.markdown(f"**{len(ticked)} ticked**", width="content")
    if len(ticked) == 2 and st.button("Compare", icon=":material/compare:"):
        st.switch_page(page_file("compare"), query_params={"call": [row.id for row in ticked]})
    if allows(user.role, "supervisor"):
        if st.button("Reviewed", icon=":material/check:"):
            with store.database.writing() as session:
                mark_reviewed(session, [row.id for row in ticked], actor=user.name)
            st.rerun()
        if st.button("Assign", icon=":material/person_add:"):
            ask_to_assign(store, ticked, user)
        if st.button("Agent", icon=":material/support_agent:"):
            _ask_for_agent(store, ticked, user)
        if st.button("Tag", icon=":material/label:"):
            _ask_for_tags(store, ticked)
    _export(store, ticked, user)


def _export(store: Store, ticked: Sequence[CallRow], user: User) -> None:
    # Made on the click, so that nothing is noted in the audit before.
    def made() -> str:
        exports.record_export(
            store, actor=user.name, call_numbers=[row.number for row in ticked]
        )  # fmt: skip
        text = io.StringIO(newline="")
        wanted = CallFilter(ids=tuple(row.id for row in ticked))
        with store.database.reading() as session:
            exports.write_csv([exports.calls_table(session, wanted)], text)
        return text.getvalue()

    st.download_button(
        "Export", made, "calls.csv", "text/csv", on_click="ignore", icon=":material/download:",
        help="One row per ticked call; leaves a line in the audit for each.",
    )  # fmt: skip


@st.dialog("Whose calls are these?")
def _ask_for_agent(store: Store, ticked: Sequence[CallRow], user: User) -> None:
    with store.database.reading() as session:
        agents = list_agents(session)
    st.markdown(_named(ticked))
    agent = st.selectbox(
        "Agent", agents, None, accept_new_options=True, placeholder="Choose or type a name"
    )
    if st.button("Save", type="primary", disabled=not (agent or "").strip()):
        for row in ticked:
            store.change_details(row.id, CallDetails(agent=(agent or "")[:200]), actor=user.name)
        st.rerun()


@st.dialog("Tag these calls")
def _ask_for_tags(store: Store, ticked: Sequence[CallRow]) -> None:
    with store.database.reading() as session:
        known = list_tags(session)
    st.markdown(_named(ticked))
    chosen = st.multiselect(
        "Tags", known, accept_new_options=True, placeholder="Choose a tag or type a new one"
    )
    if not st.button("Add tags", type="primary", disabled=not chosen):
        return
    with changing(store) as session:
        for row in ticked:
            set_tags(session, row.id, [*row.tags, *(tag[:_LONGEST_TAG] for tag in chosen)])


def _named(ticked: Sequence[CallRow]) -> str:
    return plain(ticked[0].file_name) if len(ticked) == 1 else f"{len(ticked)} calls"
