"""Alerts: those that wait, the rules that raise them, and what became of their messages."""

from __future__ import annotations

import html

import streamlit as st

from calmscore.dashboard.acknowledging import open_alerts
from calmscore.dashboard.alert_form import ask_for_rule
from calmscore.dashboard.desk import User, current_user, open_store
from calmscore.dashboard.local_time import format_moment, local_zone
from calmscore.dashboard.outcomes import outcome_label
from calmscore.dashboard.plain_text import plain
from calmscore.settings import Environment, read_environment
from calmscore.store import Store, audit
from calmscore.store.alert_rules import (
    AlertRule,
    StoredRule,
    ask_for_test,
    delete_rule,
    list_rules,
    renew_secret,
)
from calmscore.store.deliveries import GIVEN_UP_AFTER, DeliveryRow, list_deliveries
from calmscore.store.keys import allows

_SECRET = "alert-secret"  # nosec B105
_TOLD = "alert-told"
_REFRESH_SECONDS = 3.0
_ROWS = 50
_STYLE = """
<style>
.rule, .messages { overflow-wrap: anywhere; line-height: 1.6; }
.rule .quiet, .messages .quiet { opacity: 0.8; font-size: 0.9rem; }
.rule a { color: inherit; }
[class*="st-key-alert-"] .stHtml { min-width: 0; }
@media (max-width: 640px) { [class*="st-key-alert-"] { flex-wrap: wrap !important; } }
ul.messages { padding: 0 !important; margin: 0; list-style: none; }
.messages li { padding: 0.4rem 0; margin: 0 !important; }
.messages a { color: inherit; }
.messages li { border-top: 1px solid rgb(128 128 128 / 0.3); }
</style>
"""
_GIVEN_UP_HOURS = int(GIVEN_UP_AFTER.total_seconds() // 3600)


def _what_leaves(environment: Environment) -> None:
    """Say whether anything leaves the machine, and where it may go."""
    if not environment.allowed_hosts:
        st.info(
            "Nothing is sent from here: alerts go to the list “To listen to” alone. E-mail and "
            "webhooks are possible once whoever looks after Calmscore has said who may be told.",
            icon=":material/lock:",
        )
        return
    hosts = ", ".join(plain(host) for host in environment.allowed_hosts)
    mail = (
        f"E-mail goes through {plain(environment.smtp_host)}."
        if environment.smtp_host
        else "E-mail is off: no server is named here that takes it."
    )
    st.info(
        f"Webhooks and e-mail may go to {hosts}, and leave this machine then. {mail} They hold the "
        "call's score, outcome, agent and link; the customer and what was said only where a rule "
        "says so.",
        icon=":material/outgoing_mail:",
    )


def conditions(rule: AlertRule) -> str:
    """Return in words which calls a rule finds."""
    parts = []
    if rule.outcomes:
        parts.append(" or ".join(rule.outcomes))
    if rule.highest_score is not None:
        parts.append(f"a score of {rule.highest_score:.1f} or less")
    if rule.phrases:
        parts.append("said: " + " or ".join(f"“{phrase}”" for phrase in rule.phrases))
    if rule.in_doubt:
        parts.append("in doubt")
    if rule.agents:
        parts.append("a call of " + " or ".join(rule.agents))
    return outcome_label(", and ".join(parts))


def actions(rule: AlertRule) -> str:
    """Return in words what a rule does."""
    parts = ["the list “To listen to”"] if rule.to_queue else []
    parts += [f"e-mail to {address}" for address in rule.addresses]
    if rule.url:
        parts.append(f"webhook to {rule.url}")
    more = ", with the customer and what was said" if rule.tells_customer else ""
    return " · ".join(parts) + more


def _rule(store: Store, stored: StoredRule, user: User) -> None:
    rule = stored.rule
    with st.container(border=True, key=f"rule-{stored.id}"):
        st.html(
            f"""
            <div class="rule"><b>{html.escape(rule.name)}</b>
            <div>{html.escape(conditions(rule))}</div>
            <div class="quiet">→ {html.escape(actions(rule))}</div></div>
            """
        )
        if rule.agents == ():
            st.warning(
                "None of its agents has a call any more, so it finds nothing. Choose others.",
                icon=":material/info:",
            )
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if st.button("Edit", key=f"edit-{stored.id}", icon=":material/edit:"):
                _ask(store, user, stored)
            if rule.destinations and st.button(
                "Send a test", key=f"test-{stored.id}", icon=":material/send:",
                help="A made-up call goes to every address of this rule.",
            ):  # fmt: skip
                _test(store, stored)
            if rule.url and st.button(
                "New secret", key=f"secret-{stored.id}", icon=":material/key:",
                help="What webhooks are signed with; the present one ends.",
            ):  # fmt: skip
                _renew(store, stored, user)
            if st.button(
                "Delete", key=f"delete-{stored.id}", icon=":material/delete:", type="tertiary"
            ):
                _ask_to_delete(store, stored, user)


def _test(store: Store, stored: StoredRule) -> None:
    with store.database.writing() as session:
        ask_for_test(session, stored.id)
    st.session_state[_TOLD] = "A test is on its way; the table below says when it arrived."
    st.rerun()


def _renew(store: Store, stored: StoredRule, user: User) -> None:
    with store.database.writing() as session:
        st.session_state[_SECRET] = renew_secret(session, stored.id)
        audit.record(session, actor=user.name, action="alert rule changed")
    st.rerun()


@st.dialog("Delete this rule?")
def _ask_to_delete(store: Store, stored: StoredRule, user: User) -> None:
    st.markdown(f"**{plain(stored.rule.name)}** and its messages are deleted; calls stay.")
    if st.button("Delete the rule", type="primary", icon=":material/delete:"):
        with store.database.writing() as session:
            delete_rule(session, stored.id)
            audit.record(session, actor=user.name, action="alert rule deleted")
        st.rerun()


@st.dialog("Alert rule", width="medium")
def _ask(store: Store, user: User, stored: StoredRule | None = None) -> None:
    secret = ask_for_rule(store, user, stored)
    if secret is None:
        return
    if secret:
        st.session_state[_SECRET] = secret
    st.rerun()


def _secret() -> None:
    """Show a new secret until somebody says that they have it."""
    secret = st.session_state.get(_SECRET)
    if secret is None:
        return
    with st.container(border=True):
        st.markdown(
            "The webhook is signed with this secret. It is shown **this once**: give it to whoever "
            "receives the webhook."
        )
        st.code(secret, language=None)
        if st.button("I have it", type="primary"):
            del st.session_state[_SECRET]
            st.rerun()


@st.fragment(run_every=_REFRESH_SECONDS)
def _deliveries(store: Store) -> None:
    with store.database.reading() as session:
        rows = list_deliveries(session, limit=_ROWS)
    if not rows:
        st.caption("No messages yet.")
        return
    st.html(f'<ul class="messages">{"".join(map(_line, rows))}</ul>')


def _line(row: DeliveryRow) -> str:
    what = "test of " if row.call_number is None else ""
    told = [format_moment(row.created_at)]
    if row.call_id is not None:
        told.append(f'<a href="call?call={row.call_id}">call {row.call_number}</a>')
    if row.last_error is not None:
        attempts = f"{row.attempts} attempt{'' if row.attempts == 1 else 's'}"
        told.append(f"{attempts}: {html.escape(row.last_error)}")
    return (
        f"<li><b>{_state(row)}</b>: {what}{html.escape(row.rule_name)}, "
        f"to {html.escape(row.recipient)}"
        f'<div class="quiet">{" · ".join(told)}</div></li>'
    )


def _state(row: DeliveryRow) -> str:
    if row.state == "waiting" and row.attempts:
        return f"Again at {row.not_before.astimezone(local_zone()):%H:%M:%S}"
    return outcome_label(row.state)


def _rules(store: Store, user: User) -> None:
    st.subheader("Rules")
    st.markdown(
        "A rule looks at every call that comes in from now on: when it is scored, and again when "
        "its words are known. It tells of a call once."
    )
    _what_leaves(read_environment())
    told = st.session_state.pop(_TOLD, None)
    if told is not None:
        st.success(told, icon=":material/send:")
    _secret()
    with store.database.reading() as session:
        rules = list_rules(session)
    if not rules:
        st.caption("No rules yet.")
    for stored in rules:
        _rule(store, stored, user)
    if st.button("New rule", type="primary", icon=":material/add:"):
        _ask(store, user)
    st.subheader("Messages")
    st.caption(
        "What does not arrive is tried again, after 10 seconds at first and every hour at last, "
        f"and given up after {_GIVEN_UP_HOURS} hours. A call that is deleted takes its messages "
        "along; what was sent is out of reach."
    )
    _deliveries(store)


st.title("Alerts")
whoever = current_user()
desk_store = open_store()
st.html(_STYLE)
st.caption("What the rules found and nobody took note of yet, reviewed, took over or skipped.")
open_alerts(desk_store, whoever)
if allows(whoever.role, "admin"):
    _rules(desk_store, whoever)
else:
    st.info("Only administrators see and change the rules.")
