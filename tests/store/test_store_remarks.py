"""Answers of agents, replies, and what becomes of a contested score."""

from __future__ import annotations

import pytest
from shared_sessions import SUPERVISOR, drafted_session, read_session, remarks, shared_session
from stored_calls import add, make_report

from calmscore.errors import NotStoredError, ParameterError
from calmscore.store import audit
from calmscore.store.calls import CallFilter, count_calls, list_calls, read_call
from calmscore.store.remarks import answer, open_contests, reply
from calmscore.store.sessions import remove_item

AGENT = "Dana Okafor (dana@example.com)"


def said(store, number: int, kind: str, **more) -> int:
    with store.database.writing() as session:
        return answer(session, number, kind=kind, author=AGENT, **more)


def replied(store, remark: int, text: str = "I heard it again.", **more) -> None:
    with store.database.writing() as session:
        reply(session, remark, text=text, author=SUPERVISOR, **more)


def standing(store, call_id: str) -> str | None:
    with store.database.reading() as session:
        return read_call(session, call_id).standing


def waiting(store) -> list[tuple[str, str | None]]:
    with store.database.reading() as session:
        return [(one.agent, one.remark.file_name) for one in open_contests(session)]


def audited(store) -> list[tuple[str, str, bool]]:
    with store.database.reading() as session:
        lines = audit.list_events(session)
    return [
        (line.actor, line.action, line.call_number is not None)
        for line in reversed(lines)
        if line.action != "call added"
    ]


@pytest.fixture
def call_id(store) -> str:
    return add(store, "a.wav", agent="Dana Okafor")


@pytest.fixture
def number(store, call_id) -> int:
    return shared_session(store, "Dana Okafor", call_id)


def test_a_session_is_acknowledged_and_replied_to(store, number):
    first = said(store, number, "acknowledged")
    replied(store, first, " Thank you. ")
    answered, reply_ = remarks(store, number)
    assert (answered.kind, answered.author, answered.text) == ("acknowledged", AGENT, "")
    assert (reply_.kind, reply_.reply_to, reply_.author) == ("reply", first, SUPERVISOR)
    assert (reply_.text, reply_.decision) == ("Thank you.", None)
    assert answered.created_at <= reply_.created_at
    assert waiting(store) == []


@pytest.mark.parametrize(("decision", "stands"), [("upheld", "set aside"), ("kept", None)])
def test_a_contested_score_is_marked_until_it_is_decided_and_never_changed(
    store, number, call_id, decision, stands
):
    with store.database.reading() as session:
        before = read_call(session, call_id)
    contest = said(store, number, "contested", call_id=call_id, text="That was the line.")
    assert standing(store, call_id) == "contested"
    assert waiting(store) == [("Dana Okafor", "a.wav")]
    assert read_session(store, number).is_contested
    replied(store, contest, decision=decision)
    assert standing(store, call_id) == stands
    assert waiting(store) == []
    with store.database.reading() as session:
        after = read_call(session, call_id)
    assert (after.score, after.outcome, after.interval) == (
        before.score, before.outcome, before.interval,
    )  # fmt: skip


def test_the_newest_decision_counts(store, number, call_id):
    contest = said(store, number, "contested", call_id=call_id, text="No.")
    replied(store, contest, decision="upheld")
    replied(store, contest, "On second thought.", decision="kept")
    assert standing(store, call_id) is None
    again = said(store, number, "contested", call_id=call_id, text="Still no.")
    assert standing(store, call_id) == "contested"
    replied(store, again, decision="upheld")
    assert standing(store, call_id) == "set aside"
    assert [one.decision for one in remarks(store, number)] == [
        None, "upheld", "kept", None, "upheld",
    ]  # fmt: skip


def test_the_whole_exchange_is_audited_and_names_the_agent_by_the_session_alone(
    store, number, call_id
):
    contest = said(store, number, "contested", call_id=call_id, text="No.")
    replied(store, contest, decision="upheld")
    said(store, number, "acknowledged", text="Thanks.")
    agent = f"agent of session {number}"
    assert audited(store) == [
        (SUPERVISOR, "session shared", False),
        (agent, "coaching contested", True),
        (SUPERVISOR, "coaching replied", True),
        (SUPERVISOR, "score set aside", True),
        (agent, "coaching acknowledged", False),
    ]


def test_a_set_aside_score_outlasts_its_session_and_a_new_report(store, number, call_id):
    contest = said(store, number, "contested", call_id=call_id, text="No.")
    with pytest.raises(ParameterError, match="reply before"):
        store.delete_session(number, actor=SUPERVISOR)
    replied(store, contest, decision="upheld")
    store.delete_session(number, actor=SUPERVISOR)
    add(store, "a.wav", make_report("a.wav", customer_channel="right"))
    assert standing(store, call_id) == "set aside"


def test_a_contested_session_marks_no_score(store, number, call_id):
    contest = said(store, number, "contested", text="We never talked.")
    assert standing(store, call_id) is None
    assert waiting(store) == [("Dana Okafor", None)]
    with pytest.raises(ParameterError, match="decide nothing"):
        replied(store, contest, decision="kept")
    replied(store, contest)
    assert waiting(store) == []


def test_the_marks_are_in_lists_too(store, number, call_id):
    add(store, "b.wav")
    said(store, number, "contested", call_id=call_id, text="No.")
    with store.database.reading() as session:
        found = {row.file_name: row.standing for row in list_calls(session)}
    assert found == {"a.wav": "contested", "b.wav": None}


def test_calls_are_found_by_what_stands_against_their_score(store, number, call_id):
    other = add(store, "b.wav", agent="Dana Okafor")
    add(store, "c.wav", agent="Dana Okafor")
    both = shared_session(store, "Dana Okafor", other)

    def names(*standings) -> set[str]:
        with store.database.reading() as session:
            wanted = CallFilter(standings=standings)
            found = {row.file_name for row in list_calls(session, wanted)}
            assert count_calls(session, wanted) == len(found)
        return found

    assert names("contested", "set aside") == set()
    first = said(store, number, "contested", call_id=call_id, text="No.")
    second = said(store, both, "contested", call_id=other, text="No.")
    # To contest a session says nothing of a score.
    said(store, both, "contested", text="We never talked.")
    assert names("contested") == {"a.wav", "b.wav"}
    replied(store, first, decision="upheld")
    replied(store, second, decision="kept")
    assert (names("contested"), names("set aside")) == (set(), {"a.wav"})
    said(store, number, "contested", call_id=call_id, text="Still no.")
    said(store, both, "contested", call_id=other, text="Still no.")
    # As it is shown: what is set aside is told as that, however often it is contested.
    assert (names("contested"), names("set aside")) == ({"b.wav"}, {"a.wav"})
    assert names("contested", "set aside") == {"a.wav", "b.wav"}
    assert names() == {"a.wav", "b.wav", "c.wav"}


def test_an_answer_keeps_its_call_on_the_playlist(store, number, call_id):
    said(store, number, "acknowledged", call_id=call_id)
    (item,) = read_session(store, number).items
    with store.database.writing() as session, pytest.raises(ParameterError, match="answered"):
        remove_item(session, item.id)


def test_what_cannot_be_said_tells_why(store, number, call_id):
    other = add(store, "other.wav", agent="Dana Okafor")
    draft = drafted_session(store, "Dana Okafor", call_id)
    with pytest.raises(ParameterError, match="draft"):
        said(store, draft, "acknowledged")
    with pytest.raises(ParameterError, match="is empty"):
        said(store, number, "contested", text=" ")
    with pytest.raises(ParameterError, match="4000"):
        said(store, number, "acknowledged", text="x" * 4001)
    with pytest.raises(NotStoredError, match="playlist"):
        said(store, number, "acknowledged", call_id=other)
    with pytest.raises(NotStoredError):
        said(store, number + 9, "acknowledged")
    contest = said(store, number, "contested", call_id=call_id, text="No.")
    with pytest.raises(ParameterError, match="contested already"):
        said(store, number, "contested", call_id=call_id, text="No!")
    with pytest.raises(ParameterError, match="set aside or kept"):
        replied(store, contest)
    with pytest.raises(ParameterError, match="is empty"):
        replied(store, contest, " ", decision="kept")
    replied(store, contest, decision="kept")
    with pytest.raises(NotStoredError):  # a reply is no answer
        replied(store, remarks(store, number)[-1].id)
