"""One of an agent's coaching sessions, by ``?session=``: what to hear, and their answer."""

from __future__ import annotations

import streamlit as st

from calmscore.analysis.formats import format_clock
from calmscore.dashboard.desk import own_coaching
from calmscore.dashboard.outcomes import outcome_label
from calmscore.dashboard.own_pages import (
    STANDS,
    answers,
    asked_session,
    not_shared,
    own_link,
    shared_when,
    when,
)
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.stored_call import hearing_icon
from calmscore.errors import NotStoredError
from calmscore.store.calls import CallRow
from calmscore.store.own_coaching import OwnCoaching
from calmscore.store.sessions import SessionRow


def _session(own: OwnCoaching, row: SessionRow) -> None:
    own_link("my_coaching", "My coaching", "arrow_back")
    st.title("A coaching session", anchor=False)
    st.markdown(shared_when(row))
    for call in row.calls:
        with st.container(border=True, key=f"own-{call.number}"):
            _listed_call(row, call)
    if row.agreed:
        st.subheader("What we agreed")
        st.text(row.agreed)
    st.subheader("Your answer to the session")
    answers(own, row, None)


def _listed_call(row: SessionRow, call: CallRow) -> None:
    score = "no score" if call.score is None else f"{call.score:.1f}"
    st.markdown(f"**{score}** · {outcome_label(call.outcome)} · {plain(call.file_name)}")
    st.caption(when(call))
    if call.standing is not None:
        st.caption(f":material/gavel: {STANDS[call.standing]}")
    for item in row.items:
        if item.call.number != call.number:
            continue
        query, label = {"session": str(row.id), "call": call.id}, "The whole call"
        if item.at_seconds is not None:
            query["at"] = f"{item.at_seconds:.1f}"
            label = f"At {format_clock(item.at_seconds)}"
        own_link("my_call", label, hearing_icon(call), **query)
        if item.note:
            st.text(item.note)


coaching = own_coaching()
try:
    found = coaching.session(asked_session())
except NotStoredError:
    not_shared()
else:
    _session(coaching, found)
