"""What the list and the table of calls share: assign calls, and take a decision back."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from calmscore.dashboard.changing import changing
from calmscore.dashboard.desk import User
from calmscore.dashboard.plain_text import plain
from calmscore.store import Store
from calmscore.store.calls import CallRow
from calmscore.store.reviews import assign, list_reviewers, reopen

_UNDO = "reviewing-undo"


@st.dialog("Who listens?")
def ask_to_assign(store: Store, rows: Sequence[CallRow], user: User) -> None:
    """Ask who is to listen to calls, and until when."""
    with store.database.reading() as session:
        known = sorted({user.name, *list_reviewers(session)})
    st.markdown(plain(rows[0].file_name) if len(rows) == 1 else f"{len(rows)} calls")
    reviewer = st.selectbox(
        "Who", known, known.index(user.name), accept_new_options=True,
        help="Choose a name or type a new one, as the person signs in.",
    )  # fmt: skip
    due_on = st.date_input("Due", None, format="DD/MM/YYYY")
    if not st.button("Assign", type="primary"):
        return
    with changing(store) as session:
        assign(
            session, [row.id for row in rows], reviewer=reviewer or "", due_on=due_on,
            actor=user.name,
        )  # fmt: skip


def undoable(row: CallRow, what: str) -> None:
    """Remember what was just done to a call, so that the next page offers to undo it."""
    st.session_state[_UNDO] = (row.id, f"{row.file_name} {what}.")


def undo_line(store: Store) -> None:
    """Say what was just done, with a button that makes the call new again."""
    done = st.session_state.get(_UNDO)
    if done is None:
        return
    call_id, told = done
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/check_circle: {plain(told)}", width="content")
        if st.button("Undo", type="tertiary", key="reviewing-undo-button"):
            del st.session_state[_UNDO]
            with changing(store) as session:
                reopen(session, call_id)
