"""Coaching: sessions with agents; notes and corrections across all calls, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from calmscore.analysis.formats import format_clock
from calmscore.dashboard.desk import current_user, open_store
from calmscore.dashboard.local_time import format_moment
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.sessions import sessions_section
from calmscore.emotions import BY_NAME
from calmscore.store import Store
from calmscore.store.coaching import (
    CallCorrection,
    CallNote,
    count_tags,
    find_corrections,
    find_notes,
    list_authors,
)

_ROWS = 50


def _asked(store: Store) -> tuple[Sequence[str], Sequence[str]]:
    with store.database.reading() as session:
        tags, authors = count_tags(session), list_authors(session)
    left, right = st.columns(2)
    chosen_tags = left.multiselect(
        "Calls tagged", list(tags), format_func=lambda name: f"{name} ({tags[name]})",
        placeholder="Any" if tags else "No tags yet", disabled=not tags,
    )  # fmt: skip
    chosen_authors = right.multiselect(
        "Written by", authors, placeholder="Anybody", disabled=not authors
    )
    return chosen_tags, chosen_authors


def _note(found: CallNote) -> None:
    note = found.note
    with st.container(border=True):
        st.caption(f"{plain(note.author)} · {format_moment(note.created_at)}")
        st.text(note.text)
        _link(found.call_id, found.file_name, note.at_seconds)


def _correction(found: CallCorrection) -> None:
    correction = found.correction
    with st.container(border=True):
        st.caption(f"{plain(correction.author)} · {format_moment(correction.created_at)}")
        st.markdown(f"Sounds **{BY_NAME[correction.emotion].heard_as}**")
        _link(correction.call_id, found.file_name, correction.start_seconds)


def _link(call_id: str, file_name: str, at_seconds: float | None) -> None:
    query = {"call": call_id}
    label = plain(file_name)
    if at_seconds is not None:
        query["at"] = f"{at_seconds:.1f}"
        label = f"{label}, at {format_clock(at_seconds)}"
    st.page_link(page_file("call"), label=label, icon=":material/play_arrow:", query_params=query)


st.title("Coaching")
desk_store = open_store()
sessions_section(desk_store, current_user())
st.subheader("On all calls")
wanted_tags, wanted_authors = _asked(desk_store)
with desk_store.database.reading() as reading:
    notes = find_notes(reading, authors=wanted_authors, tags=wanted_tags, limit=_ROWS)
    corrections = find_corrections(reading, authors=wanted_authors, tags=wanted_tags, limit=_ROWS)
notes_tab, corrections_tab = st.tabs(["Notes and bookmarks", "Corrected emotions"])
with notes_tab:
    if not notes:
        st.info("No notes yet. Open a call and write one; a moment makes it a bookmark.")
    for one_note in notes:
        _note(one_note)
with corrections_tab:
    if not corrections:
        st.info("No corrections yet. Open a call and say what you hear in a segment.")
    for one_correction in corrections:
        _correction(one_correction)
    if corrections:
        st.page_link(page_file("export"), label="Export corrections", icon=":material/download:")
