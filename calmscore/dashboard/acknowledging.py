"""Who took note of an alert: the button, on the list and on the page of alerts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

import streamlit as st

from calmscore.dashboard.desk import User
from calmscore.dashboard.local_time import format_moment
from calmscore.dashboard.outcomes import outcome_label
from calmscore.dashboard.plain_text import plain
from calmscore.errors import CalmscoreError
from calmscore.store import Store
from calmscore.store.keys import allows
from calmscore.store.raised_alerts import AlertRow, acknowledge_alert, count_alerts, list_alerts

_TOLD = "acknowledging-told"
_MOST_SHOWN = 10
_HELP = "You took note. The alert no longer puts its call on the list; the call stays as it is."


def acknowledge_button(
    store: Store, rule_ids: Iterable[int], call_id: str, user: User, *, file_name: str, key: str
) -> None:
    """Offer to acknowledge what these rules found in a call."""
    st.button(
        "Acknowledge", key=key, icon=":material/notifications_off:", help=_HELP,
        # Also where the alert went away meanwhile, and its button with it.
        on_click=_acknowledge, args=(store, tuple(rule_ids), call_id, file_name, user.name),
    )  # fmt: skip


def _acknowledge(
    store: Store, rule_ids: Sequence[int], call_id: str, file_name: str, actor: str
) -> None:
    told = f"The alert on {file_name} is acknowledged."
    try:
        with store.database.writing() as session:
            for rule_id in rule_ids:
                acknowledge_alert(session, rule_id=rule_id, call_id=call_id, actor=actor)
    except CalmscoreError as error:
        told = f"Nothing was acknowledged: {error}."
    st.session_state[_TOLD] = told


def acknowledged_line() -> None:
    """Say what was just acknowledged, once."""
    told = st.session_state.pop(_TOLD, None)
    if told is not None:
        st.markdown(f":material/notifications_off: {plain(told)}")


def open_alerts(store: Store, user: User) -> None:
    """List the alerts that nobody took note of yet, the newest first."""
    with store.database.reading() as session:
        rows = list_alerts(session, status="open", limit=_MOST_SHOWN)
        waiting = count_alerts(session, status="open")
    acknowledged_line()
    if not rows:
        st.caption("No alert waits for anybody.")
    for row in rows:
        _alert(store, row, user)
    if waiting > len(rows):
        st.caption(f"The newest {len(rows)} of {waiting:,}.")


def _alert(store: Store, row: AlertRow, user: User) -> None:
    told = (
        outcome_label(row.outcome),
        "no score" if row.score is None else f"score {row.score:.1f}",
        row.agent or "agent unknown",
        format_moment(row.called_at),
    )
    place = f"alert-{row.rule_id}-{row.call_id[:12]}"
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", wrap=False, key=place
    ):
        st.html(
            f'<div class="rule"><b>{html.escape(row.rule_name)}</b>: '
            f'<a href="call?call={row.call_id}">{html.escape(row.file_name)}</a>'
            f'<div class="quiet">{html.escape(" · ".join(told))}</div></div>',
            width="stretch",
        )
        if allows(user.role, "supervisor"):
            acknowledge_button(
                store,
                [row.rule_id],
                row.call_id,
                user,
                file_name=row.file_name,
                key=f"{place}-noted",
            )
