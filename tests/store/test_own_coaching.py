"""What an agent reaches of the store: their shared sessions, and nothing by any other number."""

from __future__ import annotations

import pytest
from made_calls import with_made_words
from shared_sessions import drafted_session, remarks, shared_session
from stored_calls import add, make_report, recording_of

from calmscore.errors import NotStoredError
from calmscore.store import audit
from calmscore.store.calls import CallDetails
from calmscore.store.coaching import add_note, set_tags
from calmscore.store.own_coaching import OwnCoaching
from calmscore.store.reviews import assign

DANA, BEN = "Dana Okafor", "Ben"
PERSON = "Dana Okafor (dana@example.com)"


@pytest.fixture
def own(store) -> OwnCoaching:
    return OwnCoaching(store, agent=DANA, person=PERSON)


@pytest.fixture
def hers(store) -> str:
    return add(store, "hers.wav", agent=DANA, customer="4711")


@pytest.fixture
def his(store) -> str:
    return add(store, "his.wav", agent=BEN)


def refused(own: OwnCoaching, number: int, call_id: str) -> bool:
    """Tell whether every way to a call by a session is closed."""
    ways = (
        lambda: own.call(number, call_id),
        lambda: own.open_audio(number, call_id),
        lambda: own.answer(number, kind="acknowledged", call_id=call_id),
        lambda: own.answer(number, kind="contested", call_id=call_id, text="No."),
    )
    for way in ways:
        with pytest.raises(NotStoredError):
            way()
    return True


def test_a_shared_session_is_read_heard_and_answered(store, own, hers):
    number = shared_session(store, DANA, hers)
    with store.database.writing() as session:
        add_note(session, hers, text="Calm voice.", author="Sam", at_seconds=7.0)
    (row,) = own.sessions()
    assert [(item.call.file_name, item.note) for item in row.items] == [("hers.wav", "Well asked.")]
    call = own.call(number, hers)
    assert call.document["score"]["value"] == call.row.score
    assert [note.text for note in call.notes] == ["Calm voice."]
    assert own.open_audio(number, hers).read_bytes() == recording_of("hers.wav")
    own.answer(number, kind="contested", call_id=hers, text="No.")
    assert [(one.author, one.text) for one in remarks(store, number)] == [(PERSON, "No.")]
    with store.database.reading() as session:
        opened = [one for one in audit.list_events(session) if one.action == "recording opened"]
    assert [line.actor for line in opened] == [f"agent of session {number}"]


def test_a_draft_is_not_there(store, own, hers):
    number = drafted_session(store, DANA, hers)
    assert own.sessions() == []
    with pytest.raises(NotStoredError):
        own.session(number)
    with pytest.raises(NotStoredError):
        own.answer(number, kind="acknowledged")
    assert refused(own, number, hers)


def test_another_agents_session_is_not_there(store, own, hers, his):
    number = shared_session(store, BEN, his, hers)
    assert own.sessions() == []
    with pytest.raises(NotStoredError):
        own.session(number)
    assert refused(own, number, his)
    assert refused(own, number, hers)


def test_a_call_outside_of_the_playlist_is_not_there(store, own, hers, his):
    number = shared_session(store, DANA, hers)
    not_listed = add(store, "not listed.wav", agent=DANA)
    for call_id in (his, not_listed, "a" * 64, "", "../x"):
        assert refused(own, number, call_id)


def test_a_call_that_is_another_agents_is_left_out_of_their_own_session(store, own, hers, his):
    number = shared_session(store, DANA, hers, his)
    assert [call.id for call in own.session(number).calls] == [hers]
    assert refused(own, number, his)
    own.answer(number, kind="acknowledged", call_id=hers)
    store.change_details(hers, CallDetails(agent=BEN), actor="Sam")
    assert own.session(number).calls == ()
    assert own.session(number).remarks == ()
    assert refused(own, number, hers)


def test_what_was_said_in_a_shared_call_is_read_and_in_no_other(store, own, hers):
    said = with_made_words(make_report("said.wav"))
    call_id = add(store, "said.wav", said, agent=DANA)
    number = shared_session(store, DANA, call_id)
    turns = own.call(number, call_id).document["words"]["turns"]
    assert [(turn["speaker"], turn["text"]) for turn in turns] == [
        ("agent", "How can I help you?"), ("customer", "Nobody ever calls back!"),
    ]  # fmt: skip
    # Nothing is ever read from the agent's own words.
    assert (turns[0]["emotions"], turns[0]["sentiment"]) == (None, None)
    draft = drafted_session(store, DANA, call_id)
    assert refused(own, draft, call_id)
    assert own.call(shared_session(store, DANA, hers), hers).document["words"] is None


def test_what_is_for_supervisors_alone_is_left_out(store, own, hers):
    number = shared_session(store, DANA, hers)
    with store.database.writing() as session:
        set_tags(session, hers, ["difficult"])
        assign(session, [hers], reviewer="Ada", actor="Sam")
    for row in (own.call(number, hers).row, own.session(number).items[0].call):
        assert (row.customer, row.tags, row.status, row.reviewer) == (None, (), "new", None)


def test_a_deleted_session_or_call_is_gone_at_once(store, own, hers):
    other = add(store, "other.wav", agent=DANA)
    number = shared_session(store, DANA, hers, other)
    store.delete_call(hers, actor="Sam")
    assert refused(own, number, hers)
    store.delete_session(number, actor="Sam")
    assert own.sessions() == []
    assert refused(own, number, other)
