"""What an agent and their supervisors said of a session, as both read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from calmscore.dashboard.local_time import format_moment
from calmscore.dashboard.plain_text import plain
from calmscore.store.remarks import Decision, RemarkRow

_DID = {"acknowledged": "acknowledged", "contested": "contests"}
DECIDED: dict[Decision, str] = {"upheld": "The score is set aside.", "kept": "The score stays."}


def exchange(
    remarks: Sequence[RemarkRow], *, below: Callable[[RemarkRow, bool], None] | None = None
) -> None:
    """Show answers, each with its replies.

    Parameters
    ----------
    remarks : sequence of RemarkRow
        In the order in which they were said.
    below : callable, optional
        Draws what stands under an answer; told the answer, and whether it was replied to.
    """
    for one in remarks:
        if one.kind == "reply":
            continue
        replies = [other for other in remarks if other.reply_to == one.id]
        with st.container(border=True, key=f"remark-{one.id}"):
            _answer(one)
            for other in replies:
                _reply(other)
            if one.kind == "contested" and not replies:
                st.caption(":material/hourglass_empty: The reply is still to come.")
            if below is not None:
                below(one, bool(replies))


def _answer(remark: RemarkRow) -> None:
    what = "the session" if remark.file_name is None else plain(remark.file_name)
    st.markdown(f"**{plain(remark.author)}** {_DID[remark.kind]} **{what}**")
    st.caption(format_moment(remark.created_at))
    if remark.text:
        st.text(remark.text)


def _reply(remark: RemarkRow) -> None:
    decided = "" if remark.decision is None else f": **{DECIDED[remark.decision]}**"
    st.markdown(f":material/reply: {plain(remark.author)} replied{decided}")
    st.caption(format_moment(remark.created_at))
    st.text(remark.text)
