"""Coaching sessions: plan, fill, write down, and what deletion leaves of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from stored_calls import add

from calmscore.errors import NotStoredError, ParameterError
from calmscore.store import audit
from calmscore.store.sessions import (
    add_item,
    list_sessions,
    plan_session,
    remove_item,
    share_session,
    write_down,
)


def sessions(store, **wanted):
    with store.database.reading() as session:
        return list_sessions(session, **wanted)


@pytest.fixture
def planned(store) -> int:
    with store.database.writing() as session:
        return plan_session(session, agent=" Dana  Okafor ", author="Ada")


def test_a_session_is_planned_filled_and_written_down(store, planned):
    call_id = add(store, "a.wav")
    with store.database.writing() as session:
        add_item(session, planned, call_id, at_seconds=4.0, note=" Well asked. ")
        add_item(session, planned, call_id)
        write_down(session, planned, held_on=date(2026, 3, 2), agreed="Name the problem sooner.")
    (row,) = sessions(store)
    assert (row.agent, row.author) == ("Dana Okafor", "Ada")
    assert [(item.call.id, item.at_seconds, item.note) for item in row.items] == [
        (call_id, 4.0, "Well asked."), (call_id, None, ""),
    ]  # fmt: skip
    assert (row.held_on, row.agreed) == (date(2026, 3, 2), "Name the problem sooner.")
    with store.database.writing() as session:
        remove_item(session, row.items[0].id)
    assert len(sessions(store)[0].items) == 1


def test_sessions_are_found_by_agent_the_newest_first(store, planned):
    with store.database.writing() as session:
        plan_session(session, agent="Ben", author="Ada")
    assert [row.agent for row in sessions(store)] == ["Ben", "Dana Okafor"]
    assert [row.id for row in sessions(store, agent="Dana Okafor")] == [planned]


def test_a_deleted_call_leaves_the_playlist_and_a_session_goes_whole(store, planned):
    call_id = add(store, "a.wav")
    with store.database.writing() as session:
        add_item(session, planned, call_id)
    store.delete_call(call_id, actor="Ada")
    assert sessions(store)[0].items == ()
    store.delete_session(planned, actor="Ada")
    assert sessions(store) == []


def test_a_session_is_a_draft_until_it_is_shared(store, planned):
    with store.database.writing() as session, pytest.raises(ParameterError, match="is empty"):
        share_session(session, planned, actor="Ada")
    call_id = add(store, "a.wav")
    with store.database.writing() as session:
        add_item(session, planned, call_id)
    assert sessions(store, shared=True) == []
    with store.database.writing() as session:
        share_session(session, planned, actor="Ada")
    (row,) = sessions(store, shared=True)
    assert row.shared_by == "Ada"
    with store.database.writing() as session:
        share_session(session, planned, actor="Ben")  # it is shared already
    assert sessions(store) == [row]
    with store.database.reading() as session:
        shared = [line for line in audit.list_events(session) if line.action == "session shared"]
    assert [line.actor for line in shared] == ["Ada"]


def test_a_session_is_kept_no_longer_than_reports(store, planned):
    store.apply_retention(now=datetime.now(UTC) + timedelta(days=366), clock_is_right=True)
    assert sessions(store) == []


def test_what_cannot_be_kept_says_why(store, planned):
    call_id = add(store, "a.wav")
    with store.database.writing() as session:
        with pytest.raises(ParameterError, match="agent is"):
            plan_session(session, agent=" ", author="Ada")
        with pytest.raises(ParameterError, match="4000"):
            add_item(session, planned, call_id, note="x" * 4001)
        with pytest.raises(NotStoredError):
            add_item(session, planned + 1, call_id)
        with pytest.raises(NotStoredError):
            write_down(session, planned + 1, held_on=None, agreed="")
