"""What becomes of a call on its own page: reviewed, assigned, put on the next coaching session."""

from __future__ import annotations

import streamlit as st

from calmscore.analysis.formats import format_clock
from calmscore.dashboard.calls_table import status_text
from calmscore.dashboard.changing import changing
from calmscore.dashboard.desk import User
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.reviewing import ask_to_assign
from calmscore.errors import CalmscoreError
from calmscore.store import Store
from calmscore.store.calls import CallRow
from calmscore.store.coaching import NoteRow, list_notes
from calmscore.store.remarks import LONGEST_TEXT
from calmscore.store.reviews import mark_reviewed
from calmscore.store.sessions import add_item, list_sessions, plan_session

_QUOTED_CHARACTERS = 60


def handling(store: Store, row: CallRow, user: User) -> None:
    """Show what became of a call, and offer a supervisor what may."""
    if row.status != "new":
        st.markdown(f":material/inbox: {plain(status_text(row))}", width="content")
    if row.status != "reviewed" and st.button("Reviewed", icon=":material/check:"):
        with changing(store) as session:
            mark_reviewed(session, [row.id], actor=user.name)
    if st.button("Assign", icon=":material/person_add:"):
        ask_to_assign(store, [row], user)
    with st.popover("Coach", icon=":material/school:"):
        _ask_to_coach(store, row, user)


def _ask_to_coach(store: Store, row: CallRow, user: User) -> None:
    if row.agent is None:
        st.markdown("It is not said yet whose call this is. Name the agent under “Edit details”.")
        return
    with store.database.reading() as session:
        notes = [note for note in list_notes(session, row.id) if note.at_seconds is not None]
    st.markdown(
        f"Put this call on the next session with {plain(row.agent)}, a draft until you share it."
    )
    with st.form(f"coach-{row.number}", border=False):
        moment = st.selectbox("Listen to", [None, *notes], format_func=_moment)
        why = st.text_input("Why", placeholder="What to talk about", max_chars=LONGEST_TEXT)
        added = st.form_submit_button(
            "Add to the session", type="primary", icon=":material/playlist_add:"
        )
    if not added:
        return
    try:
        number = _add_to_draft(store, row, moment, why, user)
    except CalmscoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.switch_page(page_file("coaching_page"), query_params={"session": str(number)})


def _moment(note: NoteRow | None) -> str:
    if note is None or note.at_seconds is None:
        return "The whole call"
    return f"{format_clock(note.at_seconds)}: {note.text[:_QUOTED_CHARACTERS]}"


def _add_to_draft(store: Store, row: CallRow, moment: NoteRow | None, why: str, user: User) -> int:
    assert row.agent is not None
    with store.database.writing() as session:
        planned = list_sessions(session, agent=row.agent)
        drafts = [one.id for one in planned if one.shared_at is None and one.held_on is None]
        number = drafts[0] if drafts else plan_session(session, agent=row.agent, author=user.name)
        at_seconds = None if moment is None else moment.at_seconds
        told = why.strip() or ("" if moment is None else moment.text)
        add_item(session, number, row.id, at_seconds=at_seconds, note=told)
    return number
