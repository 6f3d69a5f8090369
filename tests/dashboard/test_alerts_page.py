"""The page of alerts, as a script: rules, what may leave the machine, and messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk_pages import add, as_viewer, button, desk_store, labels, opened, texts
from made_calls import WORSE
from streamlit.testing.v1 import AppTest

from calmscore.dashboard.page_files import page_file
from calmscore.store import Store, audit
from calmscore.store.alert_rules import AlertRule, add_rule, list_rules, read_secret
from calmscore.store.deliveries import mark_failed, take_delivery

ALERTS = page_file("alerts")
HOOK = "https://hooks.example.com/calm"


@pytest.fixture
def store(tmp_path, monkeypatch) -> Iterator[Store]:
    # The tests send nothing; what waits stays as it is.
    monkeypatch.setattr("calmscore.outputs.alert_sender.AlertSender.start", lambda sender: None)
    monkeypatch.delenv("CALMSCORE_ALERT_HOSTS", raising=False)
    with desk_store(tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def allowed(monkeypatch) -> None:
    monkeypatch.setenv("CALMSCORE_ALERT_HOSTS", "hooks.example.com, example.com")
    monkeypatch.setenv("CALMSCORE_SMTP_HOST", "mail.example.com")


def field(elements, label: str):
    return next(one for one in elements if one.label == label)


def rules(store: Store) -> list[AlertRule]:
    with store.database.reading() as session:
        return [stored.rule for stored in list_rules(session)]


def actions(store: Store) -> list[str]:
    with store.database.reading() as session:
        return [line.action for line in audit.list_events(session)]


def keep(store: Store, **fields) -> int:
    with store.database.writing() as session:
        return add_rule(session, AlertRule(name="Low", highest_score=4.0, **fields)).id


def test_by_default_the_page_says_that_nothing_is_sent(store):
    page = opened(ALERTS)
    assert not page.exception
    assert "Nothing is sent from here" in texts(page)
    assert "CALMSCORE_" not in texts(page)
    button(page, "New rule").click().run()
    assert field(page.text_input, "E-mail to").disabled
    assert field(page.text_input, "Webhook to").disabled


def form_alone() -> None:
    """Show the form of the first rule, or of a new one, without the dialog around it."""
    import streamlit as st

    from calmscore.dashboard.alert_form import ask_for_rule
    from calmscore.dashboard.desk import current_user, open_store
    from calmscore.store.alert_rules import list_rules

    store = open_store()
    with store.database.reading() as session:
        stored = next(iter(list_rules(session)), None)
    secret = ask_for_rule(store, current_user(), stored)
    if secret is not None:
        st.code(secret or "kept")


def form() -> AppTest:
    return AppTest.from_function(form_alone, default_timeout=180).run()


def test_a_rule_is_made_and_puts_calls_on_the_list(store):
    page = form()
    field(page.text_input, "Name").set_value("Worse")
    field(page.number_input, "Score at or below").set_value(5.0)
    button(page, "Save").click().run()
    assert not page.exception
    wanted = AlertRule(name="Worse", outcomes=("escalated",), highest_score=5.0)
    assert rules(store) == [wanted]
    assert [one.value for one in page.code] == ["kept"]
    assert actions(store) == ["alert rule changed"]
    assert "Escalated, and a score of 5.0 or less" in texts(opened(ALERTS))
    add(store, WORSE, "worse.wav")
    assert "Alert: Worse" in texts(opened(page_file("home")))


def test_what_a_rule_cannot_be_is_told_and_nothing_is_kept(store, allowed):
    page = form()
    field(page.text_input, "Name").set_value("Out")
    for url, reason in (
        ("http://hooks.example.com/", "not encrypted"),
        ("https://elsewhere.example.org/", "not among the hosts"),
    ):
        field(page.text_input, "Webhook to").set_value(url)
        button(page, "Save").click().run()
        assert reason in texts(page)
    field(page.text_input, "Webhook to").set_value("")
    field(page.text_input, "E-mail to").set_value("ada@elsewhere.org")
    button(page, "Save").click().run()
    assert "elsewhere.org is not among" in texts(page)
    assert rules(store) == []
    assert actions(store) == []


def test_a_secret_is_told_when_a_webhook_is_new_and_not_again(store, allowed):
    page = form()
    field(page.text_input, "Name").set_value("Out")
    field(page.text_input, "Webhook to").set_value(HOOK)
    field(page.text_input, "E-mail to").set_value("ada@example.com, ben@example.com")
    button(page, "Save").click().run()
    with store.database.reading() as session:
        secret = read_secret(session, 1)
    assert [one.value for one in page.code] == [secret]
    assert rules(store)[0].addresses == ("ada@example.com", "ben@example.com")
    page = form()
    field(page.text_input, "Name").set_value("Further out")
    button(page, "Save").click().run()
    assert [one.value for one in page.code] == ["kept"]
    assert [rule.name for rule in rules(store)] == ["Further out"]


def test_a_renewed_secret_is_shown_until_somebody_has_it(store, allowed):
    keep(store, url=HOOK)
    page = opened(ALERTS)
    button(page, "New secret").click().run()
    with store.database.reading() as session:
        secret = read_secret(session, 1)
    assert [one.value for one in page.code] == [secret]
    button(page, "I have it").click().run()
    assert not page.code
    assert not opened(ALERTS).code


def test_a_test_is_asked_for_and_messages_are_listed(store, allowed):
    keep(store, url=HOOK)
    page = opened(ALERTS)
    button(page, "Send a test").click().run()
    assert "on its way" in texts(page)
    with store.database.writing() as session:
        taken = take_delivery(session, owner="one")
        mark_failed(session, taken, owner="one", error="hooks.example.com answered 500")
    told = texts(opened(ALERTS))
    assert f"</b>: test of Low, to {HOOK}" in told
    assert "<b>Again at " in told
    assert "1 attempt: hooks.example.com answered 500" in told
    assert "given up after 24 hours" in told


def test_a_rule_is_asked_about_before_it_is_deleted(store, allowed):
    keep(store, url=HOOK)
    page = opened(ALERTS)
    button(page, "Delete").click().run()
    assert "Delete the rule" in labels(page)
    assert len(rules(store)) == 1


def test_a_rule_whose_agents_are_gone_says_so_and_is_not_one_about_everybody(store):
    keep(store, agents=("Nobody here",))
    assert "None of its agents has a call" in texts(opened(ALERTS))
    button(form(), "Save").click().run()
    assert rules(store)[0].agents == ()


def test_a_rule_that_sends_can_be_switched_to_the_list_where_sending_is_off(store):
    keep(store, url=HOOK)
    page = form()
    field(page.text_input, "Webhook to").set_value("")
    button(page, "Save").click().run()
    assert rules(store)[0].url == ""


def test_only_administrators_see_rules(store, monkeypatch):
    keep(store, url=HOOK)
    add(store, WORSE, "worse.wav")
    as_viewer(monkeypatch)
    page = opened(ALERTS)
    assert "Only administrators" in texts(page)
    assert "worse.wav" in texts(page)
    assert HOOK not in texts(page)
    assert labels(page) == ["Sign out"]
