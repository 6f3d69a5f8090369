"""Coaching sessions on the page: plan, fill, share, reply, print, write down what was agreed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from calmscore.analysis.formats import format_clock
from calmscore.dashboard.changing import changing, done_or_told
from calmscore.dashboard.desk import User, agents_who_sign_in
from calmscore.dashboard.local_time import format_date, format_day, format_moment, local_zone
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.replying import answers
from calmscore.dashboard.stored_call import hearing_icon
from calmscore.outputs.exports import record_export
from calmscore.outputs.session_pdf import session_pdf
from calmscore.store import Store
from calmscore.store.calls import CallFilter, list_agents, list_calls
from calmscore.store.coaching import find_notes
from calmscore.store.keys import allows
from calmscore.store.remarks import LONGEST_TEXT
from calmscore.store.sessions import (
    SessionItem,
    SessionRow,
    add_item,
    list_sessions,
    plan_session,
    remove_item,
    share_session,
    write_down,
)

_OFFERED = 40


@dataclass(frozen=True)
class _Choice:
    """A call that may be listened to, or a moment of it with the note on that moment."""

    label: str
    call_id: str
    at_seconds: float | None = None
    note: str = ""


def sessions_section(store: Store, user: User) -> None:
    """Show the sessions, of one agent or of all; supervisors plan, fill and share them."""
    may_write = allows(user.role, "supervisor")
    st.subheader("Sessions")
    with store.database.reading() as session:
        agents = list_agents(session)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        agent = st.selectbox(
            "Agent", agents, None, placeholder="All agents", key="sessions-agent", width=320
        )
        if may_write and st.button(
            "Plan a session", icon=":material/add:", disabled=agent is None,
            help="Choose an agent first.",
        ):  # fmt: skip
            with store.database.writing() as session:
                plan_session(session, agent=agent or "", author=user.name)
            st.rerun()
    with store.database.reading() as session:
        found = list_sessions(session, agent=agent)
    if not found:
        st.caption("No sessions yet. Choose an agent and plan one.")
    opened = _opened(found)
    for row in found:
        with st.expander(_heading(row), expanded=row.id == opened):
            _session(store, row, user)


def _opened(found: Sequence[SessionRow]) -> int | None:
    """Return the session that was asked for, else one that waits for a reply, else the newest."""
    asked = st.query_params.get("session")
    if asked is not None:
        return int(asked) if asked.isdecimal() else None
    first = next((row for row in found if row.is_contested), found[0] if found else None)
    return None if first is None else first.id


def _heading(row: SessionRow) -> str:
    if row.held_on is not None:
        state = f"talked about on {format_date(row.held_on)}"
    elif row.shared_at is not None:
        state = f"shared on {format_day(row.shared_at)}"
    else:
        state = "draft"
    moments = "1 moment" if len(row.items) == 1 else f"{len(row.items)} moments"
    contested = " · **contested: reply**" if row.is_contested else ""
    return f"{plain(row.agent)} · {state} · {moments}{contested}"


def _session(store: Store, row: SessionRow, user: User) -> None:
    may_write = allows(user.role, "supervisor")
    st.caption(f"Planned by {plain(row.author)} on {format_day(row.created_at)}. {_seen_by(row)}")
    for item in row.items:
        _item(store, item, may_write=may_write)
    if not row.items:
        st.caption("Nothing to listen to yet.")
    answers(store, row, user)
    if may_write:
        _add(store, row)
        _outcome(store, row)
        _last_buttons(store, row, user)
    elif row.agreed:
        st.markdown("**What we agreed**")
        st.text(row.agreed)


def _seen_by(row: SessionRow) -> str:
    if row.shared_at is None:
        return f"A draft: {plain(row.agent)} does not see it."
    return f"Shared by {plain(row.shared_by or '')} on {format_day(row.shared_at)}."


def _item(store: Store, item: SessionItem, *, may_write: bool) -> None:
    query = {"call": item.call.id}
    label = plain(item.call.file_name)
    if item.at_seconds is not None:
        query["at"] = f"{item.at_seconds:.1f}"
        label = f"{label}, at {format_clock(item.at_seconds)}"
    if item.call.standing is not None:
        label = f"{label} (score {item.call.standing})"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            page_file("call"), label=label, icon=f":material/{hearing_icon(item.call)}:",
            query_params=query,
        )  # fmt: skip
        removed = may_write and st.button("Remove", key=f"remove-{item.id}", type="tertiary")
    if item.note:
        st.text(item.note)
    if removed:
        with changing(store) as session:
            remove_item(session, item.id)


def _add(store: Store, row: SessionRow) -> None:
    choices = _choices(store, row)
    with st.form(f"add-{row.id}", clear_on_submit=True, border=False):
        chosen = st.selectbox(
            "Listen to", choices, None, placeholder="A note, or one of the newest calls",
            format_func=lambda choice: choice.label,
        )  # fmt: skip
        note = st.text_input("Why", placeholder="As the note says", max_chars=LONGEST_TEXT)
        added = st.form_submit_button("Add to the playlist", icon=":material/playlist_add:")
    if not added or chosen is None:
        return
    with changing(store) as session:
        add_item(
            session, row.id, chosen.call_id, at_seconds=chosen.at_seconds,
            note=note or chosen.note,
        )  # fmt: skip


def _choices(store: Store, row: SessionRow) -> list[_Choice]:
    """Return what may be listened to with the agent: notes on their calls, then the calls."""
    with store.database.reading() as session:
        calls = list_calls(session, CallFilter(agents=[row.agent]), limit=_OFFERED)
        notes = find_notes(session, limit=_OFFERED)
    theirs = {call.id for call in calls}
    found = []
    for one in notes:
        if one.call_id in theirs:
            at_seconds = one.note.at_seconds
            where = "" if at_seconds is None else f", at {format_clock(at_seconds)}"
            label = f"Note: {one.note.text[:60]} ({one.file_name}{where})"
            found.append(_Choice(label, one.call_id, at_seconds, one.note.text))
    for call in calls:
        score = "no score" if call.score is None else f"{call.score:.1f}"
        label = f"{call.file_name} · {format_moment(call.called_at)} · {score}, {call.outcome}"
        found.append(_Choice(label, call.id))
    return found


def _outcome(store: Store, row: SessionRow) -> None:
    with st.form(f"outcome-{row.id}", border=False):
        held_on = st.date_input("Talked about on", row.held_on, format="DD/MM/YYYY")
        agreed = st.text_area(
            "What we agreed", row.agreed, max_chars=LONGEST_TEXT, height=80,
            placeholder="What goes well, what to try next time",
        )  # fmt: skip
        saved = st.form_submit_button("Save", icon=":material/check:")
    if saved:
        with store.database.writing() as session:
            write_down(session, row.id, held_on=held_on, agreed=agreed)
        st.rerun()


def _last_buttons(store: Store, row: SessionRow, user: User) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if row.shared_at is None and st.button(
            f"Share with {plain(row.agent)}", key=f"share-{row.id}", icon=":material/share:",
            type="primary", disabled=not row.items, help="Add something to listen to first.",
        ):  # fmt: skip
            _ask_to_share(store, row, user)
        _print(store, row, user)
        why_not = "Reply first: what an agent contests is not deleted."
        if st.button(
            "Delete this session", key=f"delete-{row.id}", type="tertiary",
            disabled=row.is_contested, help=why_not if row.is_contested else None,
        ):  # fmt: skip
            _ask_to_delete(store, row, user)


@st.dialog("Delete this session?")
def _ask_to_delete(store: Store, row: SessionRow, user: User) -> None:
    st.markdown(
        f"The playlist, what was agreed with {plain(row.agent)} and what they answered are deleted "
        "for good. The calls and their notes stay."
    )
    with st.container(horizontal=True):
        deleted = st.button("Delete for good", type="primary", icon=":material/delete:")
        if st.button("Keep it"):
            st.rerun()
    if not deleted:
        return
    with done_or_told():
        store.delete_session(row.id, actor=user.name)


@st.dialog("Share this session?")
def _ask_to_share(store: Store, row: SessionRow, user: User) -> None:
    name = plain(row.agent)
    st.markdown(
        f"{name} will see the calls of the playlist that are theirs, with score, timeline and "
        "recording, **all notes on these calls** and what you agreed; nothing else. They can "
        "acknowledge it or contest it, as a whole and each call."
    )
    if row.agent not in agents_who_sign_in():
        st.warning(
            f"{name} cannot sign in yet: no account is bound to this name. Until then, print it.",
            icon=":material/info:",
        )
    with st.container(horizontal=True):
        shared = st.button("Share", type="primary", icon=":material/share:")
        if st.button("Not yet"):
            st.rerun()
    if not shared:
        return
    with changing(store) as session:
        share_session(session, row.id, actor=user.name)


def _print(store: Store, row: SessionRow, user: User) -> None:
    # Made on the click; it leaves a line in the audit for each call.
    def made() -> bytes:
        record_export(store, actor=user.name, call_numbers=[call.number for call in row.calls])
        return session_pdf(row, zone=local_zone())

    st.download_button(
        "One page (PDF)", made, f"coaching-{row.id}.pdf", "application/pdf", on_click="ignore",
        key=f"print-{row.id}", icon=":material/picture_as_pdf:",
    )  # fmt: skip
