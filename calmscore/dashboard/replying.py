"""What an agent answered to a session, for supervisors: to read, to reply, to decide."""

from __future__ import annotations

import streamlit as st

from calmscore.dashboard.changing import changing
from calmscore.dashboard.desk import User
from calmscore.dashboard.exchange import exchange
from calmscore.dashboard.plain_text import plain
from calmscore.store import Store
from calmscore.store.keys import allows
from calmscore.store.remarks import LONGEST_TEXT, Decision, RemarkRow, reply
from calmscore.store.sessions import SessionRow

_DECISIONS: dict[str, Decision] = {
    "Set the score aside: it is not to be used": "upheld",
    "Keep the score, for the reason below": "kept",
}


def answers(store: Store, row: SessionRow, user: User) -> None:
    """Show what was said of a session; supervisors reply."""
    if not row.remarks:
        return
    st.markdown(f"**What {plain(row.agent)} answered**")

    def below(remark: RemarkRow, replied: bool) -> None:
        if not replied and remark.kind == "contested":
            _form(store, remark, user)
        else:
            with st.popover("Reply" if not replied else "Reply again", icon=":material/reply:"):
                _form(store, remark, user)

    exchange(row.remarks, below=below if allows(user.role, "supervisor") else None)


def _form(store: Store, remark: RemarkRow, user: User) -> None:
    decides = remark.kind == "contested" and remark.call_id is not None
    with st.form(f"reply-{remark.id}", clear_on_submit=True, border=False):
        chosen = None
        if decides:
            chosen = st.radio("Your decision", list(_DECISIONS), None, key=f"decision-{remark.id}")
        text = st.text_area("Reply", max_chars=LONGEST_TEXT, height=80, key=f"text-{remark.id}")
        sent = st.form_submit_button("Send", icon=":material/send:")
    if not sent:
        return
    with changing(store) as session:
        reply(
            session, remark.id, text=text, author=user.name,
            decision=None if chosen is None else _DECISIONS[chosen],
        )  # fmt: skip
