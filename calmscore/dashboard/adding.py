"""Add calls: several files at once, with a line of progress for each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

import streamlit as st

from calmscore.analysis.call_channels import ChannelChoice
from calmscore.analysis.report import Direction
from calmscore.audio.av_sound import RECORDING_SUFFIXES
from calmscore.dashboard.bare_samples import choose_raw_format
from calmscore.dashboard.outcomes import outcome_label
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.dashboard.shared_model import call_queue
from calmscore.errors import CalmscoreError, StoreError
from calmscore.intake.queued_call import QueuedCall
from calmscore.store import Store
from calmscore.store.calls import list_agents

ADDING_KEY = "add-calls"
Height = int | Literal["content"]
_REFRESH_SECONDS = 0.5
_LINES_WITHOUT_SCROLLING = 8
_SCROLLED_HEIGHT = 420
_CHANNELS: dict[str, ChannelChoice | None] = {
    "As in the settings": None,
    "Left channel": "left",
    "Right channel": "right",
    "Channel 3": "3",
    "Channel 4": "4",
    "Channel 5": "5",
    "Channel 6": "6",
    "Channel 7": "7",
    "Channel 8": "8",
}
_DIRECTIONS: dict[str, Direction | None] = {
    "As the file names say": None,
    "Inbound: customers called": "inbound",
    "Outbound: we called": "outbound",
}


def add_calls(store: Store, *, actor: str, expanded: bool) -> None:
    """Show the form, and what became of the files of this session.

    Parameters
    ----------
    expanded : bool
        Whether the form is open to begin with.
    """
    uploads: list[QueuedCall] = st.session_state.setdefault("uploads", [])
    call_queue()  # takes up what an earlier dashboard left
    with st.expander("Add calls", expanded=expanded, icon=":material/upload:", key=ADDING_KEY):
        _form(store, actor)
    if uploads:
        refresh = None if _all_finished(uploads) else _REFRESH_SECONDS
        st.fragment(_progress, run_every=refresh)(uploads, refreshing=refresh is not None)


def _form(store: Store, actor: str) -> None:
    with store.database.reading() as session:
        agents = list_agents(session)
    with st.form("adding", clear_on_submit=True, border=False):
        files = st.file_uploader(
            "Recordings", type=RECORDING_SUFFIXES, accept_multiple_files=True,
            help="Best in stereo, one person per channel.",
        )  # fmt: skip
        left, middle, right, last = st.columns(4)
        agent = left.selectbox(
            "Agent of all these calls", agents, None, accept_new_options=True,
            placeholder="As the file names say",
            help="Choose a name or type a new one. Left empty, it is whom the file name tells, "
            "or unknown.",
        )  # fmt: skip
        channel = middle.selectbox("The customer is on the", list(_CHANNELS))
        direction = right.selectbox(
            "Who called whom", list(_DIRECTIONS),
            help="Helps to tell the customer from the agent.",
        )  # fmt: skip
        raw_format = choose_raw_format(
            last, "Files without a header hold", unsaid="As the file names say"
        )
        submitted = st.form_submit_button("Add", type="primary", icon=":material/add:")
    if not submitted:
        return
    if not files:
        st.warning("Choose one or more recordings first.", icon=":material/info:")
        return
    queue = call_queue()
    details = {
        "agent": (agent or "").strip(),
        "customer_channel": _CHANNELS[channel],
        "direction": _DIRECTIONS[direction],
        "raw_format": raw_format,
    }
    given = {name: value for name, value in details.items() if value}
    try:
        for file in files:
            job = queue.add_stream(
                file, parameters={"file_name": file.name, "actor": actor, **given}
            )
            st.session_state["uploads"].append(QueuedCall(job_id=job.id, file_name=file.name))
    except CalmscoreError as error:
        st.error(plain(f"{file.name} was not taken: {error}"), icon=":material/error:")


def _all_finished(uploads: Sequence[QueuedCall]) -> bool:
    with suppress(StoreError):  # they stay as they are until the store answers again
        call_queue().refresh(uploads)
    return all(upload.finished for upload in uploads)


def _progress(items: list[QueuedCall], *, refreshing: bool) -> None:
    finished = _all_finished(items)
    height: Height = "content" if len(items) <= _LINES_WITHOUT_SCROLLING else _SCROLLED_HEIGHT
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{_summary(items)}**")
            if not refreshing and st.button("Clear this list", type="tertiary"):
                st.session_state["uploads"] = []
                st.rerun()
        with st.container(height=height, border=False, gap="xsmall"):
            for item in items:
                _line(item)
        if refreshing:
            st.caption("This goes on if you open another page, or close this one.")
    if refreshing and finished:
        # All are in: the table shows them, and the lines stand still.
        st.rerun()


def _summary(items: Sequence[QueuedCall]) -> str:
    counts = {
        "added": "added",
        "renewed": "analysed again",
        "known": "here already",
        "failed": "not added",
    }
    parts = [f"{sum(item.finished for item in items)} of {len(items)} done"]
    for state, words in counts.items():
        count = sum(item.state == state for item in items)
        if count:
            parts.append(f"{count} {words}")
    return " · ".join(parts)


def _line(item: QueuedCall) -> None:
    name = plain(item.file_name)
    if item.state == "failed":
        st.error(plain(item.message), icon=":material/error:")
    elif item.report is not None and item.finished:
        score = item.report.score
        value = "no score" if score.value is None else f"{score.value:.1f}"
        parts = [name, f"{value}, {outcome_label(score.outcome)}"]
        if item.state == "renewed":
            parts.append("was here, analysed again by the present model")
        elif item.state == "known":
            parts.append("here already" + (f": {plain(item.message)}" if item.message else ""))
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
            st.markdown(f":material/check_circle: {' · '.join(parts)}")
            st.page_link(
                page_file("call"), label="Open", query_params={"call": item.report.call.id}
            )
    elif item.state == "listening":
        st.progress(item.share, f"{name}: {item.completed} of {item.total} segments")
    else:
        st.progress(0.0, f"{name}: {'reading' if item.state == 'reading' else 'waiting'}")
