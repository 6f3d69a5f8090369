"""Alerts are acknowledged on the list and on the page of alerts, by supervisors alone."""

from __future__ import annotations

import pytest
from desk_pages import add, as_viewer, button, labels, opened, texts
from made_calls import RESCUED, WORSE

from calmscore.dashboard.page_files import page_file
from calmscore.store import Store, audit
from calmscore.store.alert_rules import AlertRule, add_rule, delete_rule
from calmscore.store.raised_alerts import AlertRow, acknowledge_alert, list_alerts

HOME, ALERTS = page_file("home"), page_file("alerts")


@pytest.fixture
def rules(store) -> list[int]:
    """Give two rules that found a rescued call, which stands on the list for no other alert."""
    with store.database.writing() as session:
        numbers = [
            add_rule(session, AlertRule(name=name, highest_score=9.9)).id
            for name in ("Below ten", "Below ten again")
        ]
    add(store, RESCUED, "rescued.wav")
    return numbers


def alerts(store: Store) -> list[AlertRow]:
    with store.database.reading() as session:
        return list_alerts(session)


def noted(store: Store) -> list[str]:
    with store.database.reading() as session:
        lines = audit.list_events(session)
    return [line.actor for line in lines if line.action == "alert acknowledged"]


def test_on_the_list_all_alerts_of_a_call_are_acknowledged_at_once(store, rules):
    page = opened(HOME)
    assert "Alert: Below ten, Below ten again" in texts(page)
    button(page, "Acknowledge").click().run()
    assert not page.exception
    assert {row.acknowledged_by for row in alerts(store)} == {"local user"}
    assert noted(store) == ["local user"] * 2
    # The call stays, for another reason.
    assert "The alert on rescued.wav is acknowledged" in texts(page)
    assert "The biggest rescue" in texts(page)
    assert "Acknowledge" not in labels(page)
    assert "is acknowledged" not in texts(page.run())


def test_a_call_without_an_alert_has_nothing_to_acknowledge(store):
    add(store, WORSE, "worse.wav")
    assert "Acknowledge" not in labels(opened(HOME))


def test_on_the_page_of_alerts_each_is_acknowledged_alone(store, rules):
    page = opened(ALERTS)
    assert labels(page).count("Acknowledge") == 2
    button(page, "Acknowledge").click().run()
    assert sorted(row.status for row in alerts(store)) == ["acknowledged", "open"]
    assert labels(page).count("Acknowledge") == 1
    button(page, "Acknowledge").click().run()
    assert "No alert waits for anybody" in texts(page)


def test_whoever_acknowledged_first_stays(store, rules):
    page = opened(ALERTS)
    (call_id,) = {row.call_id for row in alerts(store)}
    with store.database.writing() as session:
        for rule_id in rules:
            acknowledge_alert(session, rule_id=rule_id, call_id=call_id, actor="Ada")
    button(page, "Acknowledge").click().run()
    assert not page.exception
    assert {row.acknowledged_by for row in alerts(store)} == {"Ada"}


def test_an_alert_whose_rule_is_gone_meanwhile_is_told(store, rules):
    page = opened(ALERTS)
    with store.database.writing() as session:
        for rule_id in rules:
            delete_rule(session, rule_id)
    button(page, "Acknowledge").click().run()
    assert not page.exception
    assert "Nothing was acknowledged: there is no alert" in texts(page)
    assert noted(store) == []


def test_a_viewer_sees_alerts_and_acknowledges_none(store, rules, monkeypatch):
    as_viewer(monkeypatch)
    for view in (HOME, ALERTS):
        page = opened(view)
        assert "Below ten" in texts(page)
        assert "Acknowledge" not in labels(page)
