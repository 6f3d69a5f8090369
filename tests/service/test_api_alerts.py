"""Alerts over HTTP: listed by status, acknowledged once, off the list then."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from stored_calls import add, call_id_of, scored_report

from calmscore.store import audit
from calmscore.store.alert_rules import AlertRule, add_rule
from calmscore.store.listening import to_listen_to
from calmscore.store.reviews import assign, mark_reviewed, reopen, skip

NAMES = ("a.wav", "b.wav")


@pytest.fixture
def rule(store) -> int:
    """Give a rule that found two calls."""
    with store.database.writing() as session:
        number = add_rule(session, AlertRule(name="Low", highest_score=4.0)).id
    for name in NAMES:
        add(store, name, scored_report(name, 2.0, "unresolved"), agent="Dana")
    add(store, "fine.wav", scored_report("fine.wav", 8.0, "de-escalated"))
    return number


def listed(client, keys, **params) -> list[tuple[str, str, str | None]]:
    page = client.get("/v1/alerts", params=params, headers=keys.viewer).json()
    return [
        (alert["file_name"], alert["status"], alert["acknowledged_by"]) for alert in page["alerts"]
    ]


def acknowledge(client, rule, name, *, headers):
    path = f"/v1/alerts/{rule}/{call_id_of(name)}/acknowledge"
    return client.post(path, headers=headers)


def on_the_list(store) -> set[str]:
    with store.database.reading() as session:
        entries = to_listen_to(session, day=datetime.now(UTC).date(), reviewer=None)
    return {entry.row.file_name for entry in entries if entry.reason == "alert"}


def test_alerts_are_listed_with_what_they_found(client, store, keys, rule):
    page = client.get("/v1/alerts", headers=keys.viewer).json()
    assert page["total"] == 2
    newest = page["alerts"][0]
    assert (newest["rule_id"], newest["rule_name"]) == (rule, "Low")
    assert (newest["call_id"], newest["agent"], newest["score"]) == (
        call_id_of("b.wav"), "Dana", 2.0,
    )  # fmt: skip
    assert (newest["status"], newest["acknowledged_at"]) == ("open", None)
    second = client.get("/v1/alerts", params={"limit": 1, "offset": 1}, headers=keys.viewer).json()
    assert [alert["file_name"] for alert in second["alerts"]] == ["a.wav"]
    assert second["total"] == 2


def test_an_acknowledged_alert_is_off_the_list_and_the_first_who_did_so_stays(
    client, store, keys, rule
):
    assert on_the_list(store) == set(NAMES)
    answer = acknowledge(client, rule, "a.wav", headers=keys.supervisor)
    assert answer.status_code == 200
    assert answer.json()["status"] == "acknowledged"
    again = acknowledge(client, rule, "a.wav", headers=keys.admin)
    assert again.json() == answer.json()
    assert on_the_list(store) == {"b.wav"}
    assert listed(client, keys, status="open") == [("b.wav", "open", None)]
    done = [("a.wav", "acknowledged", "the supervisor")]
    assert listed(client, keys, status="acknowledged") == done
    with store.database.reading() as session:
        lines = [line for line in audit.list_events(session) if line.action == "alert acknowledged"]
    assert [(line.actor, line.call_number is not None) for line in lines] == [
        ("the supervisor", True)
    ]


def test_whoever_deals_with_the_call_on_the_page_acknowledges_its_alerts(client, store, keys, rule):
    ids = [call_id_of("a.wav")]
    deeds = (
        lambda session: mark_reviewed(session, ids, actor="Ada"),
        lambda session: assign(session, ids, reviewer="Ben", actor="Ada"),
        lambda session: skip(session, ids[0], actor="Ada"),
    )
    for deed in deeds:
        with store.database.writing() as session:
            deed(session)
        assert listed(client, keys, status="acknowledged") == [("a.wav", "acknowledged", "Ada")]
        with store.database.writing() as session:
            reopen(session, ids[0])
        assert listed(client, keys, status="acknowledged") == []


def test_viewers_look_and_supervisors_acknowledge(client, keys, rule):
    refused = acknowledge(client, rule, "a.wav", headers=keys.viewer)
    assert (refused.status_code, refused.json()["code"]) == (403, "role_too_low")
    assert acknowledge(client, rule, "a.wav", headers={}).status_code == 401
    assert client.get("/v1/alerts").status_code == 401
    assert listed(client, keys, status="acknowledged") == []


def test_what_is_no_alert_is_not_found(client, store, keys, rule):
    for number, name in ((rule, "fine.wav"), (rule + 1, "a.wav"), (rule, "nowhere.wav")):
        answer = acknowledge(client, number, name, headers=keys.supervisor)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    store.delete_call(call_id_of("a.wav"), actor="Ada")
    assert acknowledge(client, rule, "a.wav", headers=keys.supervisor).status_code == 404
    assert client.get("/v1/alerts", params={"status": "loud"}, headers=keys.viewer).status_code == (
        422
    )
