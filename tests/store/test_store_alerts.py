"""Rules for alerts: what they find, once for each call, and what goes with a deletion."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from stored_calls import CALMED_DOWN, NEWER_MODEL, add, call_id_of, make_report, scored_report

from calmscore.errors import NotStoredError, ParameterError
from calmscore.store import Store
from calmscore.store.alert_rules import (
    AlertRule,
    add_rule,
    ask_for_test,
    change_rule,
    delete_rule,
    list_rules,
    read_rule,
    read_secret,
    renew_secret,
)
from calmscore.store.alerts import raise_alerts
from calmscore.store.calls import find_call
from calmscore.store.deliveries import list_deliveries
from calmscore.store.listening import to_listen_to
from calmscore.store.reviews import mark_reviewed
from calmscore.store.schema import Alert
from calmscore.store.words import finish_words, want_words

HOOK = "https://hooks.example.com/calm"
ESCALATED = AlertRule(name="Escalated", outcomes=("escalated",), url=HOOK)


def keep(store: Store, rule: AlertRule) -> int:
    with store.database.writing() as session:
        return add_rule(session, rule).id


def found(store: Store) -> list[tuple[int, int]]:
    """Return the rule and the call of every alert."""
    with store.database.reading() as session:
        return sorted((one.rule_id, one.call_number) for one in session.query(Alert))


def messages(store: Store) -> list[tuple[str, str]]:
    with store.database.reading() as session:
        return sorted((row.rule_name, row.recipient) for row in list_deliveries(session))


def add_scored(store: Store, name: str, value: float | None, outcome: str, **details) -> str:
    return add(store, name, scored_report(name, value, outcome), **details)


def say(store: Store, call_id: str, *texts: str) -> None:
    """Write down what is said in a call, as the writer of words does."""
    turns = [
        {"speaker": "customer", "start_seconds": 0.0, "end_seconds": 1.0, "text": text}
        for text in texts
    ]
    with store.database.writing() as session:
        call = find_call(session, call_id)
        want_words(session, call, customer_channel="left")
        session.flush()
        assert finish_words(session, call_id, customer_channel="left", words={"turns": turns})
        raise_alerts(session, call)


@pytest.mark.parametrize(
    ("asked", "value", "outcome", "finds"),
    [
        ({"outcomes": ("escalated", "unresolved")}, 3.0, "unresolved", True),
        ({"outcomes": ("escalated",)}, 3.0, "unresolved", False),
        ({"highest_score": 4.5}, 4.54, "unresolved", True),
        ({"highest_score": 4.5}, 4.56, "unresolved", False),
        ({"highest_score": 4.5}, None, "insufficient evidence", False),
        ({"in_doubt": True}, None, "insufficient evidence", True),
        ({"in_doubt": True}, 3.0, "escalated", False),
        ({"outcomes": ("escalated",), "highest_score": 2.0}, 3.0, "escalated", False),
        ({"outcomes": ("escalated",), "agents": ("Ben",)}, 3.0, "escalated", True),
        ({"outcomes": ("escalated",), "agents": ("Ann",)}, 3.0, "escalated", False),
    ],
)
def test_all_that_a_rule_asks_for_has_to_hold(store, asked, value, outcome, finds):
    for agent in ("Ann", "Ben"):  # they have calls when the rule is made
        add_scored(store, f"{agent}.wav", 7.0, "calm throughout", agent=agent)
    keep(store, AlertRule(name="Some", **asked))
    add_scored(store, "call.wav", value, outcome, agent="Ben")
    assert bool(found(store)) is finds


@pytest.mark.parametrize("fields", [{"doubt": 0.5}, {"low": 3.0, "high": 5.5}])
def test_an_unclear_customer_and_a_wide_interval_are_doubt(store, fields):
    keep(store, AlertRule(name="Doubt", in_doubt=True))
    report = make_report(emotions=CALMED_DOWN)
    doubtful = replace(report.speakers, **{k: v for k, v in fields.items() if k == "doubt"})
    wide = replace(report.score, **{k: v for k, v in fields.items() if k != "doubt"})
    add(store, report=replace(report, speakers=doubtful, score=wide))
    assert len(found(store)) == 1


def test_phrases_are_found_once_the_words_are_known(store):
    keep(store, AlertRule(name="Threat", phrases=("Cancel", "third time"), highest_score=9.0))
    keep(store, AlertRule(name="Other", phrases=("supervisor",)))
    call_id = add_scored(store, "call.wav", 3.0, "unresolved")
    assert found(store) == []
    say(store, call_id, "Hello.", "I want to CANCEL it!")
    assert len(found(store)) == 1
    say(store, call_id, "I want to cancel it.", "cancel")
    assert len(found(store)) == 1


def test_a_call_is_told_of_once_however_often_it_is_analysed(store):
    keep(store, ESCALATED)
    for model in ("1", "2", "3"):
        report = scored_report("call.wav", 2.0, "escalated")
        newer = replace(NEWER_MODEL, version=model, sha256=model * 64)
        add(store, report=replace(report, model=newer))
        add(store, report=replace(report, model=newer))
    say(store, call_id_of("call.wav"), "Hello")
    assert len(found(store)) == len(messages(store)) == 1


def test_services_that_ask_at_once_tell_of_a_call_once(store, store_url):
    call_id = add_scored(store, "call.wav", 2.0, "escalated")
    keep(store, ESCALATED)
    stores = [Store(store.folder, url=store_url) for _ in range(4)]
    barrier = threading.Barrier(len(stores))

    def ask(opened: Store) -> None:
        barrier.wait(60)
        with opened.database.writing() as session:
            call = find_call(session, call_id)
            call.added_at = datetime.now(UTC)
            raise_alerts(session, call)
        opened.close()

    threads = [threading.Thread(target=ask, args=(opened,)) for opened in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found(store)) == len(messages(store)) == 1


def test_calls_that_were_here_before_a_rule_are_left_in_peace(store):
    add_scored(store, "call.wav", 2.0, "escalated")
    keep(store, ESCALATED)
    other = replace(scored_report("call.wav", 2.0, "escalated"), model=NEWER_MODEL)
    add(store, report=other)
    say(store, call_id_of("call.wav"), "Hello")
    assert found(store) == []


def test_a_new_model_alarms_nobody_about_old_calls_but_the_other_side_does(store):
    keep(store, ESCALATED)
    add_scored(store, "call.wav", 7.0, "calm throughout")
    escalated = scored_report("call.wav", 2.0, "escalated")
    add(store, report=replace(escalated, model=NEWER_MODEL))
    assert found(store) == []
    right = replace(escalated, call=replace(escalated.call, customer_channel="right"))
    add(store, report=right)
    assert len(found(store)) == 1


def test_a_first_score_after_none_is_news(store):
    keep(store, ESCALATED)
    add_scored(store, "call.wav", None, "insufficient evidence")
    add_scored(store, "call.wav", 2.0, "escalated")
    assert len(found(store)) == 1


def test_a_rule_puts_its_calls_on_the_list_until_somebody_deals_with_them(store):
    keep(store, AlertRule(name="Low", highest_score=8.0))
    keep(store, AlertRule(name="Calm", outcomes=("calm throughout",)))
    keep(store, AlertRule(name="Elsewhere", highest_score=9.0, to_queue=False, url=HOOK))
    call_id = add_scored(store, "call.wav", 7.0, "calm throughout")

    def listed() -> list[tuple[str, tuple[str, ...]]]:
        with store.database.reading() as session:
            entries = to_listen_to(session, day=date(2026, 3, 2), reviewer=None)
        return [(entry.reason, tuple(entry.rules.values())) for entry in entries]

    assert listed() == [("alert", ("Low", "Calm"))]
    with store.database.writing() as session:
        mark_reviewed(session, [call_id], actor="Sam")
    assert listed() == []


def test_each_address_gets_its_own_message(store):
    rule = replace(ESCALATED, addresses=("ada@example.com", "ben@example.com"))
    rule_id = keep(store, rule)
    add_scored(store, "call.wav", 2.0, "escalated")
    told = [("Escalated", one) for one in ("ada@example.com", "ben@example.com", HOOK)]
    assert messages(store) == told
    with store.database.writing() as session:
        change_rule(session, rule_id, replace(rule, addresses=("ada@example.com",)))
    assert messages(store) == [told[0], told[2]]
    with store.database.writing() as session:
        ask_for_test(session, rule_id)
    assert messages(store) == [told[0], told[0], told[2], told[2]]


def test_rules_are_read_back_changed_and_deleted(store):
    add(store, agent="Ben")
    first = keep(store, replace(ESCALATED, agents=("Ben",), phrases=("cancel",)))
    second = keep(store, AlertRule(name="  Two \n words ", in_doubt=True))
    with store.database.writing() as session:
        assert read_rule(session, first) == replace(ESCALATED, agents=("Ben",), phrases=("cancel",))
        assert [stored.rule.name for stored in list_rules(session)] == ["Escalated", "Two words"]
        secret = read_secret(session, first)
        assert secret != read_secret(session, second)
        assert renew_secret(session, first) == read_secret(session, first) != secret
        delete_rule(session, first)
        assert [stored.id for stored in list_rules(session)] == [second]
        for ask in (read_rule, read_secret, renew_secret, delete_rule, ask_for_test):
            with pytest.raises(NotStoredError, match="no alert rule"):
                ask(session, first)


def test_a_deleted_call_takes_its_alerts_and_messages_along(store):
    keep(store, ESCALATED)
    call_id = add_scored(store, "call.wav", 2.0, "escalated")
    add_scored(store, "other.wav", 2.0, "escalated")
    assert len(found(store)) == len(messages(store)) == 2
    store.delete_call(call_id, actor="Sam")
    assert len(found(store)) == len(messages(store)) == 1


def test_a_rule_forgets_an_agent_who_is_forgotten_and_then_finds_nobody(store):
    call_id = add_scored(store, "first.wav", 7.0, "calm throughout", agent="Ben")
    rule_id = keep(store, replace(ESCALATED, agents=("Ben",)))
    store.delete_call(call_id, actor="Sam")
    with store.database.reading() as session:
        assert read_rule(session, rule_id).agents == ()
    add_scored(store, "call.wav", 2.0, "escalated", agent="Ann")
    assert found(store) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": " "}, "name of a rule"),
        ({"outcomes": ("angry",)}, "'angry'"),
        ({"outcomes": (), "highest_score": 0.5}, "choose 1 to 10"),
        ({"outcomes": ()}, "finds every call"),
        ({"to_queue": False, "url": ""}, "does nothing"),
        ({"addresses": ("ada",)}, "no e-mail address"),
        ({"addresses": ("ada@example.com\nBcc: b@example.com",)}, "no e-mail address"),
        ({"addresses": ("a@b.c",) * 21}, "at most 20"),
        ({"url": "http://hooks.example.com/"}, "not encrypted"),
        ({"url": "ftp://hooks.example.com/"}, "not encrypted"),
        ({"url": "https://me:pass@hooks.example.com/"}, "name or password"),
        ({"url": "https:///path"}, "cannot be read"),
        ({"url": "https://host:port/"}, "cannot be read"),
        ({"url": "https://host/a b"}, "cannot be read"),
        ({"url": "https://host/\r\nX: y"}, "cannot be read"),
    ],
)
def test_what_a_rule_cannot_be_is_told(changes, reason):
    with pytest.raises(ParameterError, match=reason):
        replace(ESCALATED, **changes)
