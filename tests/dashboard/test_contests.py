"""A contested score as supervisors see it: where it is marked, replied to and decided."""

from __future__ import annotations

import pytest
from desk_pages import add, as_viewer, button, labels, opened, texts
from made_calls import WORSE
from shared_sessions import drafted_session, read_session, remarks, shared_session

from calmscore.dashboard.page_files import page_file
from calmscore.store import Store, audit
from calmscore.store.calls import read_call
from calmscore.store.remarks import answer

COACHING, HOME, CALLS, CALL, AGENTS = (
    page_file(name) for name in ("coaching_page", "home", "calls", "call", "agents")
)


@pytest.fixture
def call_id(store) -> str:
    return add(store, WORSE, "a.wav", agent="Dana")


@pytest.fixture
def number(store, call_id) -> int:
    """Give a session whose call is contested."""
    shared = shared_session(store, "Dana", call_id)
    with store.database.writing() as session:
        answer(
            session, shared, kind="contested", author="Dana (dana@example.com)", call_id=call_id,
            text="A bad line.",
        )  # fmt: skip
    return shared


def standing(store: Store, call_id: str) -> str | None:
    with store.database.reading() as session:
        return read_call(session, call_id).standing


def told(page) -> str:
    return texts(page) + "".join(text.value for text in page.text)


def test_before_a_session_is_shared_it_is_said_what_is_seen(store, call_id):
    number = drafted_session(store, "Dana", call_id)
    page = opened(COACHING)
    assert "A draft: Dana does not see it" in texts(page)
    button(page, "Share with Dana").click().run()
    assert "all notes on these calls" in texts(page)
    assert "Dana cannot sign in yet" in texts(page)
    assert read_session(store, number).shared_at is None


def test_home_begins_with_what_is_contested(store, number):
    page = opened(HOME)
    assert "Contested: reply" in texts(page) and "A bad line." in told(page)
    links = "".join(str(link.proto) for link in page.get("page_link"))
    assert f"session={number}" in links
    assert "score contested" in texts(page)


@pytest.mark.parametrize(
    ("choice", "stands"),
    [("Set the score aside: it is not to be used", "set aside"),
     ("Keep the score, for the reason below", None)],
)  # fmt: skip
def test_a_supervisor_decides_and_replies(store, number, call_id, choice, stands):
    page = opened(COACHING, session=str(number))
    assert "contested: reply" in page.expander[0].label
    button(page, "Send").click().run()
    assert "set aside or kept" in texts(page)
    page.radio[0].set_value(choice)
    next(area for area in page.text_area if area.label == "Reply").set_value("I heard it again.")
    button(page, "Send").click().run()
    assert not page.exception
    assert remarks(store, number)[-1].text == "I heard it again."
    assert standing(store, call_id) == stands
    page = opened(HOME)
    assert "Contested: reply" not in texts(page)
    page = opened(CALL, call=call_id)
    assert ("set aside and not to be used" in texts(page)) is (stands is not None)
    page = opened(AGENTS)
    assert ("1 call is left out" in texts(page)) is (stands is not None)


def test_the_page_of_the_call_marks_it(store, number, call_id):
    assert "The agent contests this score" in texts(opened(CALL, call=call_id))


def test_a_session_with_an_open_contest_is_not_deleted(store, number):
    page = opened(COACHING)
    delete = button(page, "Delete this session")
    assert delete.disabled
    assert "Reply first" in delete.help
    assert read_session(store, number).is_contested


def test_a_printed_session_leaves_a_line_in_the_audit_for_its_call(store, number):
    page = opened(COACHING)
    assert "One page (PDF)" in [item.label for item in page.get("download_button")]
    with store.database.reading() as session:
        assert "exported" not in {line.action for line in audit.list_events(session)}


def test_a_viewer_reads_the_exchange_and_replies_nothing(store, number, monkeypatch):
    as_viewer(monkeypatch)
    page = opened(COACHING)
    assert "A bad line." in told(page)
    assert not {"Send", "Share with Dana", "Delete this session"} & set(labels(page))
    assert "Contested: reply" not in texts(opened(HOME))


def test_a_chip_finds_the_calls_whose_score_is_contested(store, number, call_id):
    add(store, WORSE, "b.wav", agent="Dana")
    page = opened(CALLS)
    page.button_group(key="calls-standings").set_value(["contested"]).run()
    assert not page.exception
    assert "**1** call" in [element.value for element in page.markdown]
    page.button_group(key="calls-standings").set_value(["set aside"]).run()
    assert "No call matches" in texts(page)
    button(page, "Clear filters").click().run()
    assert "**2** calls" in [element.value for element in page.markdown]
