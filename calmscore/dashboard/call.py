"""One stored call: score, timeline, player, evidence, details; by ``?call=`` and ``&at=``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import streamlit as st

from calmscore.analysis.call_channels import called
from calmscore.analysis.report import CallReport
from calmscore.dashboard import call_view
from calmscore.dashboard.coaching import bookmark_keeper, bookmarks, coaching_panel
from calmscore.dashboard.console.component import console, player
from calmscore.dashboard.desk import User, current_user, open_store
from calmscore.dashboard.handling import handling
from calmscore.dashboard.local_time import format_moment, local_zone
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.shared_model import analyses, words_writer
from calmscore.dashboard.standing import standing_notice
from calmscore.dashboard.stored_call import (
    find_stored,
    playback,
    prepared,
    sound_to_hear,
    start_seconds,
    watched_phrases,
    whereabouts,
    why_unheard,
)
from calmscore.errors import fault_of
from calmscore.outputs.pdf import call_pdf
from calmscore.settings import read_environment
from calmscore.store import Store, audit
from calmscore.store.calls import CallDetails, CallRow, find_call, list_agents, next_call
from calmscore.store.coaching import list_notes
from calmscore.store.keys import allows
from calmscore.store.reports import list_reports
from calmscore.store.words import want_words, words_state


def _header(store: Store, row: CallRow, report: CallReport, user: User) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(plain(row.file_name), anchor=False)
        with st.container(horizontal=True, width="content"):
            _links(store, row)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(whereabouts(row), width="content")
        for tag in row.tags:
            # `st.badge` escapes what is escaped already.
            st.markdown(f":gray-badge[{plain(tag)}]", width="content")
    if not allows(user.role, "supervisor"):
        return
    with st.container(horizontal=True, vertical_alignment="center", key="scrolling-actions"):
        handling(store, row, user)
        if row.has_audio:
            call_view.customer_side(report, key=_channel_key(report), on_change=_swap_requested)
        if st.button("Edit details", icon=":material/edit:"):
            _edit(store, row, user)
        if st.button("Delete", icon=":material/delete:"):
            _delete(store, row, user)


def _links(store: Store, row: CallRow) -> None:
    st.page_link(page_file("calls"), label="All calls", icon=":material/arrow_back:")
    with store.database.reading() as session:
        following = next_call(session, row)
    if following is not None:
        st.page_link(
            page_file("call"), label="Next call", icon=":material/arrow_forward:",
            query_params={"call": following},
        )  # fmt: skip


@st.dialog("Edit details")
def _edit(store: Store, row: CallRow, user: User) -> None:
    with store.database.reading() as session:
        agents = list_agents(session)
    agent = st.selectbox(
        "Agent", agents, agents.index(row.agent) if row.agent else None, accept_new_options=True,
        placeholder="Unknown", help="Choose a name or type a new one.",
    )  # fmt: skip
    customer = st.text_input("Customer", row.customer or "", max_chars=200, placeholder="Unknown")
    local = row.called_at.astimezone(local_zone()).replace(tzinfo=None)
    called_at = st.datetime_input("Time of the call", local, format="DD/MM/YYYY", step=60)
    if st.button("Save", type="primary"):
        store.change_details(
            row.id,
            CallDetails(
                agent=(agent or "").strip()[:200],
                customer=customer.strip(),
                called_at=called_at.replace(tzinfo=local_zone()),
            ),
            actor=user.name,
        )
        st.rerun()


@st.dialog("Delete this call?")
def _delete(store: Store, row: CallRow, user: User) -> None:
    st.markdown(f"**{plain(row.file_name)}**")
    st.markdown(
        "Its recording, all its reports, notes, tags and corrections are deleted for good. "
        "What stays is one line that says who deleted a call and when; it names neither the "
        "file nor any person in it."
    )
    with st.container(horizontal=True):
        if st.button("Delete for good", type="primary", icon=":material/delete:"):
            store.delete_call(row.id, actor=user.name)
            for key in ("playback", "analysis", "kept"):
                st.session_state.pop(key, None)
            st.session_state["call-deleted"] = row.file_name
            st.switch_page(page_file("calls"))
        if st.button("Keep it"):
            st.rerun()


def _swap_requested() -> None:
    st.session_state["swap"] = True


def _channel_key(report: CallReport) -> str:
    # Where the customer is by the report is part of it, so that a new report starts afresh.
    return f"stored-{report.call.customer_channel}-{report.call.id}"


def _swap(store: Store, row: CallRow, report: CallReport, user: User) -> None:
    """Analyse the call again with the customer on the channel that was chosen."""
    if not st.session_state.pop("swap", False):
        return
    channel = st.session_state.get(_channel_key(report))
    known = report.speakers.customer_from is not None
    if channel is None or (known and channel == report.call.customer_channel):
        return
    bar = st.progress(0.0, text="Reading the call again…")

    def advance(completed: int, total: int) -> None:
        bar.progress(completed / max(total, 1), text=f"Listening: {completed} of {total} segments")

    try:
        with store.open_audio(row.id, actor=user.name).open("rb") as source:
            analyses().take_in(
                source,
                file_name=row.file_name,
                store=store,
                actor=user.name,
                customer_channel=channel,
                details=CallDetails(
                    agent=row.agent or "", customer=row.customer or "", called_at=row.called_at
                ),
                progress=advance,
            )
    except Exception as error:
        fault = fault_of(error, file_name=row.file_name)
        st.error(plain(fault.message), icon=":material/error:")
        return
    finally:
        bar.empty()
    st.rerun()


def _reports(store: Store, row: CallRow, shown: CallReport) -> None:
    with store.database.reading() as session:
        reports = list_reports(session, row.id)
    current = next(report for report in reports if report.current)
    if shown.model.sha256 != current.model_sha256:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(
                f"This is an earlier report, by model version {plain(shown.model.version)}.",
                icon=":material/history:",
            )
            st.page_link(
                page_file("call"), label="Show the current report", query_params={"call": row.id}
            )
    if len(reports) == 1:
        return
    with st.expander(f"All {len(reports)} reports of this call", icon=":material/history:"):
        for report in reports:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                side = report.customer_channel
                where = "both on one channel" if side == "mixed" else f"customer on {called(side)}"
                st.markdown(
                    f"{format_moment(report.created_at)} · model {plain(report.model_version)} · "
                    f"{where}{' · **current**' if report.current else ''}",
                    width="content",
                )
                if report.model_sha256 not in (shown.model.sha256, current.model_sha256):
                    st.page_link(
                        page_file("call"), label="Show",
                        query_params={"call": row.id, "model": report.model_sha256},
                    )  # fmt: skip


def _record_export(store: Store, row: CallRow, user: User) -> None:
    with store.database.writing() as session:
        audit.record(session, actor=user.name, action="exported", call_number=row.number)


def _pdf(store: Store, row: CallRow, report: CallReport, user: User) -> None:
    # Made on the click; it takes a moment.
    def made() -> bytes:
        _record_export(store, row, user)
        with store.database.reading() as session:
            notes = list_notes(session, row.id)
        # The page of paper tells the time as this page does.
        local = replace(row, called_at=row.called_at.astimezone(local_zone()))
        return call_pdf(report, notes=notes, details=local)

    st.download_button(
        "One page (PDF)", made, f"{Path(row.file_name).stem}.pdf", "application/pdf",
        on_click="ignore", icon=":material/picture_as_pdf:",
    )  # fmt: skip


def _words(store: Store, row: CallRow, report: CallReport, user: User) -> None:
    """Let what is said be written down, or show how far that is."""
    if report.words is not None:
        return
    with store.database.reading() as session:
        state = words_state(session, row.id)
    if state == "waiting":
        _words_follow(store, row.id)
    elif _may_write_words(row, user) and st.button(
        "Write down what is said", icon=":material/notes:"
    ):
        with store.database.writing() as session:
            call = find_call(session, row.id)
            want_words(session, call, customer_channel=report.call.customer_channel)
        st.rerun()


def _may_write_words(row: CallRow, user: User) -> bool:
    writes_words = read_environment().writes_words
    return row.has_audio and writes_words and allows(user.role, "supervisor")


@st.fragment(run_every=2.0)
def _words_follow(store: Store, call_id: str) -> None:
    with store.database.reading() as session:
        state = words_state(session, call_id)
    if state == "done":
        st.rerun()
    if not read_environment().writes_words:
        st.caption("What is said is not written down: that is turned off here.")
        return
    trouble = words_writer().trouble
    if trouble:
        st.warning(
            f"What is said cannot be kept at present: {plain(trouble)}. It is tried again by "
            "itself; the score does not need it.",
            icon=":material/info:",
        )
        return
    done = words_writer().progress_of(call_id)
    share = 0.0 if done is None else done[0] / max(done[1], 1)
    st.progress(share, text="Writing down what is said…")


def _show(store: Store, row: CallRow, report: CallReport, user: User) -> None:
    _header(store, row, report, user)
    _swap(store, row, report, user)
    standing_notice(store, row)
    call_view.score_card(report, named=False)
    call_view.notices(report)
    # What is told by the report stands there before the recording is ready to be played.
    sound, unheard = prepared(row), why_unheard(row)
    console(
        report, sound, start_seconds=start_seconds(), bookmarks=bookmarks(store, row.id),
        on_bookmark=bookmark_keeper(store, row.id, user), unheard=unheard,
        phrases=watched_phrases(store),
    )  # fmt: skip
    _words(store, row, report, user)
    main, side = st.columns([5, 3], gap="large")
    with main:
        coaching_panel(store, row, report, user)
    with side:
        call_view.who_spoke(report, narrow=True)
        st.subheader("Report")
        call_view.downloads(report, on_click=lambda: _record_export(store, row, user))
        _pdf(store, row, report, user)
        _reports(store, row, report)
        call_view.not_a_verdict()
    if sound is None and not unheard:
        sound = sound_to_hear(row, lambda: playback(store, row, actor=user.name))
    if sound is not None:
        player(report, sound)


desk_store = open_store()
call_id = st.query_params.get("call", "")
found = find_stored(desk_store, call_id, model_sha256=st.query_params.get("model"))
if found is None:
    st.page_link(page_file("calls"), label="All calls", icon=":material/arrow_back:")
else:
    _show(desk_store, *found, current_user())
