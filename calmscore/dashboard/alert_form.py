"""The form of an alert rule: which calls, who is told, and how much of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import streamlit as st

from calmscore.analysis.call_score import ESCALATED, OUTCOMES
from calmscore.dashboard.desk import User
from calmscore.dashboard.outcomes import outcome_label
from calmscore.dashboard.plain_text import plain
from calmscore.errors import CalmscoreError
from calmscore.outputs.alert_channels import check_allowed
from calmscore.settings import Environment, read_environment
from calmscore.store import Store, audit
from calmscore.store.alert_rules import AlertRule, StoredRule, add_rule, change_rule, read_secret
from calmscore.store.calls import list_agents
from calmscore.store.settings import read_settings

_NEW = AlertRule(name="New rule", outcomes=(ESCALATED,))


def ask_for_rule(store: Store, user: User, stored: StoredRule | None) -> str | None:
    """Show the form, filled in, and keep what was saved.

    Parameters
    ----------
    user : User
        Who changes them.
    stored : StoredRule or None
        The rule to change; None makes a new one.

    Returns
    -------
    str or None
        Once it is saved, the secret of its webhook where that is new, else an empty text.
    """
    rule = _NEW if stored is None else stored.rule
    environment = read_environment()
    with store.database.reading() as session:
        agents, settings = list_agents(session), read_settings(session)
    with st.form("alert-rule", border=False):
        name = st.text_input("Name", "" if stored is None else rule.name, max_chars=200)
        st.markdown("**Which calls** · all that you choose has to hold")
        outcomes = st.multiselect(
            "Outcome is one of", OUTCOMES, rule.outcomes, format_func=outcome_label,
            placeholder="Any",
        )  # fmt: skip
        left, right = st.columns(2, vertical_alignment="bottom")
        highest = left.number_input(
            "Score at or below", 1.0, 10.0, rule.highest_score, 0.5, format="%.1f",
            placeholder="Any",
        )  # fmt: skip
        in_doubt = right.checkbox(
            "In doubt", rule.in_doubt,
            help="Too little evidence, a wide interval, or unclear who is the customer.",
        )  # fmt: skip
        phrases = st.multiselect(
            "One of these is said", list(dict.fromkeys((*settings.watched_phrases, *rule.phrases))),
            rule.phrases, placeholder="Any words",
            help="The phrases that the settings watch for.",
        )  # fmt: skip
        chosen = st.multiselect("Agent is one of", agents, rule.agents or (), placeholder="Anybody")
        st.markdown("**What happens**")
        to_queue = st.checkbox("To the top of “To listen to”", rule.to_queue)
        addresses, url, tells_customer = _destinations(rule, environment)
        saved = st.form_submit_button("Save", type="primary")
    if not saved:
        return None
    try:
        wanted = AlertRule(
            name=name, outcomes=tuple(outcomes), highest_score=highest, phrases=tuple(phrases),
            in_doubt=in_doubt, agents=_agents(chosen, rule), to_queue=to_queue,
            addresses=tuple(part for part in re.split(r"[\s,;]+", addresses) if part),
            url=url.strip(), tells_customer=tells_customer,
        )  # fmt: skip
        for channel, recipient in wanted.destinations:
            check_allowed(channel, recipient, environment)
        return _save(store, wanted, stored, user)
    except CalmscoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None


def _agents(chosen: Sequence[str], rule: AlertRule) -> tuple[str, ...] | None:
    # A rule whose agents are gone does not become one about everybody.
    return tuple(chosen) or (() if rule.agents == () else None)


def _destinations(rule: AlertRule, environment: Environment) -> tuple[str, str, bool]:
    may_send = bool(environment.allowed_hosts)
    off = "" if may_send else "Off; see above"
    addresses = st.text_input(
        "E-mail to", ", ".join(rule.addresses), placeholder=off or "ada@example.com, ben@…",
        disabled=not ((may_send and environment.smtp_host) or rule.addresses),
    )  # fmt: skip
    url = st.text_input(
        "Webhook to", rule.url, placeholder=off or "https://host/path",
        disabled=not (may_send or rule.url), help="A signed POST with JSON.",
    )  # fmt: skip
    tells_customer = st.checkbox(
        "Also tell the customer's reference, the file's name and which phrases were said",
        rule.tells_customer, disabled=not may_send,
    )  # fmt: skip
    return addresses, url, tells_customer


def _save(store: Store, wanted: AlertRule, stored: StoredRule | None, user: User) -> str:
    with store.database.writing() as session:
        if stored is None:
            rule_id = add_rule(session, wanted).id
        else:
            rule_id = stored.id
            change_rule(session, rule_id, wanted)
        audit.record(session, actor=user.name, action="alert rule changed")
        new = bool(wanted.url) and (stored is None or not stored.rule.url)
        return read_secret(session, rule_id) if new else ""
