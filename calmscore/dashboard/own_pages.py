"""What the pages of an agent share: what was asked for, links, how they answer."""

from __future__ import annotations

import streamlit as st

from calmscore.analysis.formats import format_duration
from calmscore.dashboard.changing import done_or_told
from calmscore.dashboard.exchange import exchange
from calmscore.dashboard.local_time import format_date, format_day, format_moment
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.store.calls import CallRow
from calmscore.store.own_coaching import OwnCoaching
from calmscore.store.remarks import LONGEST_TEXT, AnswerKind
from calmscore.store.sessions import SessionRow
from calmscore.store.standings import Standing

STANDS: dict[Standing, str] = {
    "contested": "You contest this score; the reply is still to come.",
    "set aside": "This score is set aside: nobody uses it.",
}


def asked_session() -> int:
    """Return the number of the session that the address asks for; 0 where it is none."""
    text = st.query_params.get("session", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def own_link(page: str, label: str, icon: str, **query: str) -> None:
    """Link to one of the agent's pages."""
    st.page_link(page_file(page), label=label, icon=f":material/{icon}:", query_params=query)


def not_shared() -> None:
    """Say that what the address asks for is not there for the agent."""
    st.title("My coaching")
    st.warning("This is not among what was shared with you.", icon=":material/search_off:")
    own_link("my_coaching", "My coaching", "arrow_back")


def shared_when(row: SessionRow) -> str:
    """Return who shared a session and when, as one line of Markdown."""
    assert row.shared_at is not None
    shared = f"Shared by {plain(row.shared_by or row.author)} on {format_day(row.shared_at)}"
    return shared if row.held_on is None else f"{shared}, talked about {format_date(row.held_on)}"


def when(call: CallRow) -> str:
    """Return time and length of a call."""
    return f"{format_moment(call.called_at)} · {format_duration(call.duration_seconds)}"


def answers(own: OwnCoaching, row: SessionRow, call: CallRow | None) -> None:
    """Show what was said of a session, or of a call of it, and let the agent answer.

    Parameters
    ----------
    own : OwnCoaching
    row : SessionRow
        One of their sessions.
    call : CallRow or None
        A call of it; None shows what was said of anything, and answers to the session.
    """
    call_id = None if call is None else call.id
    said = [one for one in row.remarks if call is None or one.call_id == call_id]
    exchange(said)
    replied = {one.reply_to for one in said}
    here = [one for one in said if one.call_id == call_id]
    if any(one.kind == "contested" and one.id not in replied for one in here):
        return
    with st.form(f"answer-{row.id}-{call_id}", clear_on_submit=True, border=False):
        text = st.text_area(
            "In your words", max_chars=LONGEST_TEXT, height=90,
            placeholder="Needed to contest: what is wrong, and what happened from your side",
        )  # fmt: skip
        with st.container(horizontal=True):
            acknowledged = st.form_submit_button("Acknowledge", icon=":material/check:")
            contested = st.form_submit_button("Contest", icon=":material/gavel:")
    if acknowledged or contested:
        kind: AnswerKind = "contested" if contested else "acknowledged"
        with done_or_told():
            own.answer(row.id, kind=kind, call_id=call_id, text=text)
