"""My coaching: the sessions that were shared with an agent."""

from __future__ import annotations

import streamlit as st

from calmscore.dashboard.desk import own_coaching
from calmscore.dashboard.own_pages import own_link, shared_when
from calmscore.store.own_coaching import OwnCoaching
from calmscore.store.sessions import SessionRow


def _all(own: OwnCoaching) -> None:
    st.title("My coaching")
    st.markdown(
        "What your supervisors shared with you: listen, read their notes, and answer. Scores say "
        "how the **customer's** distress moved, and can be wrong. Your voice is never scored, and "
        "nobody is ranked."
    )
    sessions = own.sessions()
    if not sessions:
        st.info("Nothing is shared with you yet.", icon=":material/inbox:")
    for row in sessions:
        with st.container(border=True):
            st.markdown(f"**{shared_when(row)}**")
            st.caption(f"{_counted(row)} · {_state(row)}")
            own_link("my_session", "Open", "arrow_forward", session=str(row.id))


def _counted(row: SessionRow) -> str:
    return "1 call" if len(row.calls) == 1 else f"{len(row.calls)} calls"


def _state(row: SessionRow) -> str:
    """Return how far the exchange is, in words."""
    replied = {one.reply_to for one in row.remarks}
    answers = [one for one in row.remarks if one.kind != "reply"]
    if not answers:
        return "waits for your answer"
    if row.is_contested:
        return "contested, the reply is still to come"
    return "replied" if answers[-1].id in replied else "acknowledged"


_all(own_coaching())
