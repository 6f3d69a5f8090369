"""What a supervisor does with a call on its own page."""

from __future__ import annotations

import pytest
from desk_pages import add, as_viewer, button, labels, opened, texts
from made_calls import WORSE

from calmscore.dashboard.page_files import page_file
from calmscore.store.calls import read_call
from calmscore.store.coaching import add_note
from calmscore.store.sessions import SessionRow, list_sessions, plan_session, share_session

CALL = page_file("call")


def sessions(store) -> list[SessionRow]:
    with store.database.reading() as session:
        return list_sessions(session, agent="Dana")


def put_on_a_session(call_id: str) -> None:
    page = opened(CALL, call=call_id)
    next(box for box in page.text_input if box.label == "Why").set_value("The pause")
    button(page, "Add to the session").click().run()
    assert not page.exception


@pytest.fixture
def call_id(store) -> str:
    return add(store, WORSE, "worse.wav", agent="Dana")


def test_a_call_that_was_heard_is_marked_where_it_was_heard(store, call_id):
    page = opened(CALL, call=call_id)
    button(page, "Reviewed").click().run()
    assert not page.exception
    assert "Reviewed: local user" in texts(page)
    assert "Reviewed" not in labels(page)
    with store.database.reading() as session:
        assert read_call(session, call_id).status == "reviewed"


def test_a_call_is_put_on_a_new_session_with_its_agent(store, call_id):
    put_on_a_session(call_id)
    (row,) = sessions(store)
    assert [(item.call.id, item.at_seconds, item.note) for item in row.items] == [
        (call_id, None, "The pause")
    ]
    assert row.shared_at is None


def test_the_draft_that_is_there_is_filled_before_a_new_one(store, call_id):
    with store.database.writing() as session:
        draft = plan_session(session, agent="Dana", author="tester")
        add_note(session, call_id, text="Listen", author="tester", at_seconds=4.0)
    put_on_a_session(call_id)
    (row,) = sessions(store)
    assert (row.id, len(row.items)) == (draft, 1)
    with store.database.writing() as session:
        share_session(session, draft, actor="tester")
    put_on_a_session(call_id)
    # What the agent sees already is left as it is.
    assert [len(one.items) for one in sessions(store)] == [1, 1]


def test_a_call_of_nobody_asks_first_whose_it_is(store):
    page = opened(CALL, call=add(store, WORSE, "nobody.wav"))
    assert "whose call this is" in texts(page)
    assert "Add to the session" not in labels(page)


def test_who_only_reads_is_offered_none_of_it(store, call_id, monkeypatch):
    as_viewer(monkeypatch)
    offered = set(labels(opened(CALL, call=call_id)))
    assert not {"Reviewed", "Assign", "Add to the session", "Delete"} & offered
