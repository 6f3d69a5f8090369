"""Coaching, settings and export, as scripts, on a store made in memory."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from desk_pages import read
from made_calls import RESCUED, made_recording, made_report
from streamlit.testing.v1 import AppTest

from calmscore.dashboard import desk
from calmscore.dashboard.page_files import page_file
from calmscore.store import Store, audit
from calmscore.store.calls import CallDetails, read_call
from calmscore.store.coaching import (
    add_note,
    correct_emotion,
    list_corrections,
    list_notes,
    set_tags,
)
from calmscore.store.sessions import list_sessions, plan_session, write_down
from calmscore.store.settings import Settings, read_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def call_id(store) -> str:
    recording = made_recording(1, seconds=30)
    report = made_report(RESCUED, file_name="20251120-140500_Ann_4711.wav", recording=recording)
    store.add_call(
        report, io.BytesIO(recording), actor="test",
        details=CallDetails(agent="Ann", called_at=datetime(2025, 11, 20, 14, 5, tzinfo=UTC)),
    )  # fmt: skip
    return report.call.id


def opened(name: str, **query: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    for key, value in query.items():
        page.query_params[key] = value
    page = page.switch_page(page_file(name)).run()
    assert not page.exception
    return page


def named(elements, label: str):
    return next(element for element in elements if element.label == label)


def actions(store: Store) -> list[str]:
    with store.database.reading() as session:
        return [event.action for event in audit.list_events(session)]


def test_a_note_with_a_moment_is_a_bookmark_and_can_be_deleted(store, call_id):
    page = opened("call", call=call_id)
    named(page.text_area, "New note").set_value("Well asked.")
    named(page.text_input, "At (minutes:seconds)").set_value("0:04")
    named(page.button, "Add note").click().run()
    assert not page.exception
    with store.database.reading() as session:
        (note,) = list_notes(session, call_id)
    assert (note.text, note.at_seconds, note.author) == ("Well asked.", 4.0, "local user")
    assert "Well asked." in [text.value for text in page.text]
    named(page.button, "Delete note").click().run()
    with store.database.reading() as session:
        assert list_notes(session, call_id) == []


@pytest.mark.parametrize(
    ("text", "moment", "reason"),
    [("Fine.", "soon", "not a moment"), ("Fine.", "9:59:59", "the call lasts"),
     ("", "0:04", "1 to 4000 characters")],
)  # fmt: skip
def test_a_note_that_cannot_be_kept_says_why(store, call_id, text, moment, reason):
    page = opened("call", call=call_id)
    named(page.text_area, "New note").set_value(text)
    named(page.text_input, "At (minutes:seconds)").set_value(moment)
    named(page.button, "Add note").click().run()
    assert reason in page.error[0].value.replace("\\", "")
    with store.database.reading() as session:
        assert list_notes(session, call_id) == []


def test_tags_are_kept_as_they_are_chosen(store, call_id):
    with store.database.writing() as session:
        set_tags(session, call_id, ["billing"])
    page = opened("call", call=call_id)
    tags = named(page.multiselect, "Tags")
    assert tags.value == ["billing"]
    tags.set_value([]).run()
    assert not page.exception
    with store.database.reading() as session:
        assert read_call(session, call_id).tags == ()


def test_a_corrected_emotion_is_kept_and_taken_back(store, call_id):
    page = opened("call", call=call_id)
    named(page.selectbox, "You hear").set_value("sad").run()
    named(page.button, "Save").click().run()
    with store.database.reading() as session:
        (correction,) = list_corrections(session, call_id)
    assert (correction.emotion, correction.start_seconds, correction.end_seconds) == ("sad", 0, 3)
    assert named(page.selectbox, "You hear").value == "sad"
    named(page.selectbox, "You hear").set_value("as the model heard it").run()
    named(page.button, "Save").click().run()
    with store.database.reading() as session:
        assert list_corrections(session, call_id) == []


def test_a_viewer_reads_notes_and_writes_none(store, call_id, viewer):
    with store.database.writing() as session:
        add_note(session, call_id, text="Well asked.", author="Ann")
    page = opened("call", call=call_id)
    assert "Well asked." in [text.value for text in page.text]
    assert not page.text_area and not page.multiselect
    assert "Delete note" not in [button.label for button in page.button]


def test_coaching_shows_notes_and_corrections_of_all_calls(store, call_id):
    assert "No notes yet" in opened("coaching_page").info[0].value
    with store.database.writing() as session:
        add_note(session, call_id, text="Well asked.", author="Ann", at_seconds=4.0)
        correct_emotion(
            session, call_id, start_seconds=3.0, end_seconds=6.0, emotion="sad", author="Ben"
        )
        set_tags(session, call_id, ["billing"])
    page = opened("coaching_page")
    assert [text.value for text in page.text] == ["Well asked."]
    assert any("**sad**" in element.value for element in page.markdown)
    named(page.multiselect, "Written by").set_value(["Ben"]).run()
    assert not page.text
    named(page.multiselect, "Written by").set_value([]).run()
    named(page.multiselect, "Calls tagged").set_value(["billing"]).run()
    assert [text.value for text in page.text] == ["Well asked."]


def test_settings_are_saved_with_an_audit_line(store):
    page = opened("settings")
    assert named(page.button, "Save").disabled
    named(page.number_input, "Recordings, days").set_value(7).run()
    named(page.selectbox, "Customer's channel").set_value("right").run()
    named(page.button, "Save").click().run()
    assert page.success[0].value == "Saved."
    with store.database.reading() as session:
        assert read_settings(session) == Settings(audio_days=7, customer_channel="right")
    assert actions(store) == ["settings changed"]


def test_what_scores_are_made_of_is_chosen_and_it_is_said_what_that_changes(store):
    page = opened("settings")
    assert "calls that are here keep their score" in " ".join(c.value for c in page.caption)
    named(page.radio, "What scores are made of").set_value("voice_and_words").run()
    named(page.button, "Save").click().run()
    with store.database.reading() as session:
        assert read_settings(session).score_from == "voice_and_words"


def test_settings_that_contradict_each_other_are_not_saved(store):
    page = opened("settings")
    named(page.number_input, "Calls and reports, days").set_value(3).run()
    assert "cannot be kept longer" in page.error[0].value.replace("\\", "")
    assert named(page.button, "Save").disabled
    page = opened("settings")
    named(page.text_input, "Pattern").set_value("(?P<agent").run()
    assert "cannot be read" in page.error[0].value.replace("\\", "")


def test_a_pattern_shows_at_once_what_it_reads(store, call_id):
    page = opened("settings")
    named(page.text_input, "Pattern").set_value(
        r"(?P<time>\d{8}-\d{6})_(?P<agent>[^_]+)_(?P<customer>[^_.]+)"
    ).run()
    named(page.text_input, "Try a file name").set_value("holiday.wav").run()
    preview = page.table[0].value.map(read)
    assert list(preview["File"]) == ["holiday.wav", "20251120-140500_Ann_4711.wav"]
    assert list(preview["Agent"]) == ["no match", "Ann"]
    assert list(preview["Customer"]) == ["", "4711"]
    assert preview["Time"][1].startswith("20 Nov 2025")


def test_retention_is_asked_about_first(store, call_id):
    page = opened("settings")
    named(page.button, "Apply retention now").click().run()
    assert "Delete now" in [button.label for button in page.button]
    assert "call expired" not in actions(store)


def test_only_admins_change_settings(store, monkeypatch):
    user = desk.User(name="Sue", role="supervisor")
    monkeypatch.setattr(desk, "current_user", lambda: user)
    page = opened("settings")
    assert "Only administrators" in page.info[0].value
    assert [button.label for button in page.button] == ["Sign out"]
    assert not page.table


def test_export_counts_what_matches(store, call_id):
    page = opened("export")
    assert "**1** call" in [element.value for element in page.markdown]
    assert actions(store) == ["call added"]
    named(page.multiselect, "Outcomes").set_value(["escalated"]).run()
    assert "nothing to export" in page.info[0].value


@pytest.mark.parametrize("kind", ["calls", "segments", "reports", "corrections"])
def test_every_export_is_made_from_the_store(store, call_id, kind):
    from calmscore.dashboard.export import _KINDS
    from calmscore.store.calls import CallFilter

    file_name, _, _, make = next(value for value in _KINDS.values() if value[0].startswith(kind))
    text = make(store, CallFilter())
    assert file_name.startswith(kind)
    assert kind == "corrections" or "20251120-140500_Ann_4711.wav" in text


def test_a_session_is_planned_filled_from_a_note_and_written_down(store, call_id):
    with store.database.writing() as session:
        add_note(session, call_id, text="Well asked.", author="Ann", at_seconds=4.0)
    page = opened("coaching_page")
    assert named(page.button, "Plan a session").disabled
    named(page.selectbox, "Agent").set_value("Ann").run()
    named(page.button, "Plan a session").click().run()
    listen = named(page.selectbox, "Listen to")
    listen.set_value(listen.options[0])
    named(page.button, "Add to the playlist").click().run()
    named(page.text_area, "What we agreed").set_value("Name the problem sooner.")
    named(page.date_input, "Talked about on").set_value(date(2026, 3, 2))
    named(page.button, "Save").click().run()
    assert not page.exception
    with store.database.reading() as session:
        (row,) = list_sessions(session, agent="Ann")
    assert [(item.at_seconds, item.note) for item in row.items] == [(4.0, "Well asked.")]
    assert (row.held_on, row.agreed) == (date(2026, 3, 2), "Name the problem sooner.")
    assert "talked about on 2 Mar 2026" in page.expander[0].label


def test_a_viewer_reads_sessions_and_plans_none(store, call_id, viewer):
    with store.database.writing() as session:
        planned = plan_session(session, agent="Ann", author="Sue")
        write_down(session, planned, held_on=None, agreed="Name the problem sooner.")
    page = opened("coaching_page")
    assert "Name the problem sooner." in [text.value for text in page.text]
    assert [button.label for button in page.button] == ["Sign out"]
