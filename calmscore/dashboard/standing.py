"""What stands against the score of a call, where supervisors see that score."""

from __future__ import annotations

import streamlit as st

from calmscore.dashboard.local_time import format_day
from calmscore.dashboard.page_files import page_file
from calmscore.dashboard.plain_text import plain
from calmscore.store import Store
from calmscore.store.calls import CallRow
from calmscore.store.remarks import OpenContest, open_contests
from calmscore.store.standings import read_set_aside


def standing_notice(store: Store, row: CallRow) -> None:
    """Say above a score that it is contested, or set aside, and why; nothing otherwise."""
    if row.standing == "contested":
        st.warning(
            "The agent contests this score. Until somebody replies, do not rest anything on it.",
            icon=":material/gavel:",
        )
        with store.database.reading() as session:
            waiting = open_contests(session, call_id=row.id)
        for contest in waiting:
            _reply_link(contest, "Read it and reply")
    elif row.standing == "set aside":
        with store.database.reading() as session:
            decision = read_set_aside(session, row.number)
        if decision is not None:
            st.warning(
                f"This score is set aside and not to be used. {plain(decision.decided_by)}, "
                f"{format_day(decision.decided_at)}: {plain(decision.reason)}",
                icon=":material/block:",
            )


def contests_to_answer(store: Store) -> None:
    """List what agents contest and nobody replied to, the longest waiting first."""
    with store.database.reading() as session:
        waiting = open_contests(session)
    for contest in waiting:
        remark = contest.remark
        what = "the session" if remark.file_name is None else plain(remark.file_name)
        with st.container(border=True, key=f"contest-{remark.id}"):
            st.markdown(f"**Contested: reply** · {plain(contest.agent)} contests {what}")
            st.text(remark.text)
            _reply_link(contest, "Reply")


def _reply_link(contest: OpenContest, label: str) -> None:
    st.page_link(
        page_file("coaching_page"), label=label, icon=":material/reply:",
        query_params={"session": str(contest.remark.session_id)},
    )  # fmt: skip
