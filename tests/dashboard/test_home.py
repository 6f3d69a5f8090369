"""Home, as a script: what waits to be listened to, and what can be done with it."""

from __future__ import annotations

from datetime import date

import pytest
from desk_pages import add, button, labels, opened, texts
from made_calls import RESCUED, WORSE, made_recording

from calmscore.dashboard.page_files import page_file
from calmscore.store import Store
from calmscore.store.calls import read_call
from calmscore.store.reviews import assign

HOME = page_file("home")


def review(store: Store, call_id: str) -> tuple[str, str | None]:
    with store.database.reading() as session:
        row = read_call(session, call_id)
    return row.status, row.reviewer


@pytest.fixture
def worse(store) -> str:
    return add(store, WORSE, "worse.wav", content=made_recording(seconds=30.0), agent="Ben")


def test_an_empty_store_is_welcomed_with_what_to_do(store):
    page = opened(HOME)
    assert not page.exception
    assert "what escalated" in texts(page)
    assert page.expander[0].proto.expanded


def test_each_call_comes_with_its_reason(store, worse):
    add(store, RESCUED, "rescued.wav", agent="Dana")
    page = opened(HOME)
    assert not page.exception
    assert "ended more distressed than they began" in texts(page)
    assert "The biggest rescue" in texts(page)
    assert "2 of 2 calls" in texts(page)


def test_a_call_is_played_in_place_from_before_its_moment(store, worse):
    page = opened(HOME)
    assert not page.get("audio")
    button(page, "Play").click().run()
    assert not page.exception
    (player,) = page.get("audio")
    assert player.proto.autoplay
    assert 0 < player.proto.start_time < 15


def test_what_was_reviewed_leaves_and_can_be_taken_back(store, worse):
    page = opened(HOME)
    button(page, "Reviewed").click().run()
    assert review(store, worse) == ("reviewed", "local user")
    assert "Nothing waits" in page.success[0].value
    button(page, "Undo").click().run()
    assert review(store, worse) == ("new", None)
    assert "Reviewed" in labels(page)


def test_what_is_skipped_leaves_and_stays_new(store, worse):
    page = opened(HOME)
    button(page, "Skip").click().run()
    assert review(store, worse) == ("new", None)
    assert "Reviewed" not in labels(page)


def test_assigned_calls_come_first_and_others_are_asked_about(store, worse):
    other = add(store, RESCUED, "rescued.wav", agent="Dana")
    with store.database.writing() as session:
        assign(session, [other], reviewer="Ada", due_on=date(2026, 3, 2), actor="Ben")
    page = opened(HOME)
    first, _ = (part.body for part in page.html if 'class="listen"' in part.body)
    assert "Assigned to Ada, due 2 Mar 2026" in first
    [one for one in page.button if one.label == "Assign"][1].click().run()
    assert not page.exception
    assert next(box for box in page.selectbox if box.label == "Who").options == [
        "Ada",
        "local user",
    ]


def test_a_viewer_listens_and_decides_nothing(store, worse, viewer):
    page = opened(HOME)
    assert labels(page) == ["Sign out", "Play"]
