"""The desk's pages, as scripts, on a store made in memory."""

from __future__ import annotations

import html
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import soundfile
import streamlit as st
from desk_pages import add, button, drawn, labels, opened, read, texts
from made_calls import CALM, RATE_HZ, RESCUED, SHORT, WORSE, made_recording, made_report
from sqlalchemy import select
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.testing.v1 import AppTest
from waiting import until
from waiting_uploads import waiting_upload

from calmscore.analysis.report import CallReport
from calmscore.audio.playback import prepare_playback
from calmscore.dashboard import stored_call
from calmscore.dashboard.console import component
from calmscore.dashboard.console.view import console_view
from calmscore.dashboard.page_files import page_file
from calmscore.store import Store, audit
from calmscore.store.calls import (
    CallDetails,
    find_call,
    list_agents,
    list_calls,
    read_call,
    set_details,
)
from calmscore.store.coaching import set_tags
from calmscore.store.reports import list_reports, read_report
from calmscore.store.reviews import assign, mark_reviewed
from calmscore.store.schema import Agent
from calmscore.store.settings import Settings, write_settings

ROOT = Path(__file__).resolve().parents[2]
CALLS, CALL, COMPARE, AGENTS = (page_file(name) for name in ("calls", "call", "compare", "agents"))
NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)


def shown_console(page: AppTest) -> dict:
    (shown,) = drawn(page, "calmscore_console")
    return shown


def shown_outline(page: AppTest) -> dict:
    """Return the outline of the sound that the page hands to its console."""
    [found] = [part.body for part in page.html if "data-outline" in part.body]
    return dict(json.loads(html.unescape(found.split("'")[1])))


@pytest.fixture
def four(store) -> dict[str, str]:
    """Four calls of two agents, a day apart."""
    made = {
        "rescued": add(store, RESCUED, "rescued.wav", agent="Dana", called_at=NOON),
        "worse": add(store, WORSE, "worse.wav", agent="Ben", called_at=NOON + timedelta(days=1)),
        "calm": add(store, CALM, "calm.wav", agent="Dana", called_at=NOON + timedelta(days=2)),
        "short": add(store, SHORT, "short.wav", called_at=NOON + timedelta(days=3)),
    }
    with store.database.writing() as session:
        set_tags(session, made["worse"], ["refund"])
    return made


def tables(page: AppTest) -> list[dict]:
    return drawn(page, "calmscore_calls")


def rows(page: AppTest) -> list[dict]:
    return tables(page)[0]["rows"] if tables(page) else []


def column_names(page: AppTest) -> list[str]:
    return [column["name"] for column in tables(page)[0]["columns"]]


def files(page: AppTest) -> list[str]:
    return [row["file"] for row in rows(page)]


# Calls


def test_an_empty_store_says_what_to_do(store):
    page = opened(CALLS)
    assert not page.exception
    assert "No calls yet" in page.info[0].value
    assert page.expander[0].proto.expanded
    assert not rows(page)


def test_calls_are_listed_newest_first_with_what_matters(store, four):
    page = opened(CALLS)
    assert not page.exception
    assert files(page) == ["short.wav", "calm.wav", "worse.wav", "rescued.wav"]
    row = rows(page)[2]
    assert (row["agent"], row["outcome"], row["length"]) == ("Ben", "Escalated", "0:30")
    assert float(row["score"]) < 3
    assert row["tags"] == ["refund"]
    assert row["href"] == f"call?call={four['worse']}"
    assert row["trend"].startswith("data:image/svg+xml,")
    assert "**4** calls" in texts(page)


@pytest.mark.parametrize(
    ("order", "first"),
    [
        ("Oldest first", "rescued.wav"),
        ("Lowest score first", "worse.wav"),
        ("Highest score first", "rescued.wav"),
        ("Shortest first", "short.wav"),
        ("Agent, A to Z", "worse.wav"),
        ("File name, A to Z", "calm.wav"),
    ],
)
def test_sorting(store, four, order, first):
    page = opened(CALLS)
    page.selectbox(key="calls-order").set_value(order).run()
    assert files(page)[0] == first


@pytest.mark.parametrize(
    ("kind", "key", "value", "expected"),
    [
        ("text_input", "calls-text", "RESC", ["rescued.wav"]),
        ("text_input", "calls-text", "ben", ["worse.wav"]),
        ("multiselect", "calls-agents", ["Dana"], ["calm.wav", "rescued.wav"]),
        ("button_group", "calls-outcomes", ["escalated"], ["worse.wav"]),
        ("date_input", "calls-from", NOON.date() + timedelta(days=2), ["short.wav", "calm.wav"]),
        ("date_input", "calls-to", NOON.date(), ["rescued.wav"]),
        ("number_input", "calls-lowest", 7.5, ["rescued.wav"]),
        ("number_input", "calls-highest", 4.0, ["worse.wav"]),
        ("selectbox", "calls-tag", "refund", ["worse.wav"]),
        ("button_group", "calls-statuses", ["reviewed"], ["calm.wav"]),
        ("toggle", "calls-playable", True, []),
    ],
)
def test_each_filter_narrows_the_list_and_is_told(store, four, kind, key, value, expected):
    with store.database.writing() as session:
        mark_reviewed(session, [four["calm"]], actor="Ada")
    page = opened(CALLS)
    getattr(page, kind)(key=key).set_value(value).run()
    assert not page.exception
    assert files(page) == expected
    button(page, "Clear filters").click().run()
    assert len(files(page)) == 4


def test_no_match_is_no_dead_end(store, four):
    page = opened(CALLS)
    page.text_input(key="calls-text").set_value("nobody").run()
    assert "No call matches" in texts(page)
    button(page, "Clear filters").click().run()
    assert len(files(page)) == 4


def test_filters_are_still_there_on_coming_back(store, four):
    page = opened(CALLS)
    page.multiselect(key="calls-agents").set_value(["Dana"]).run()
    page.switch_page(AGENTS).run()
    page.switch_page(CALLS).run()
    assert files(page) == ["calm.wav", "rescued.wav"]


def test_only_one_page_is_read_and_a_new_search_begins_at_the_first(store):
    for number in range(60):
        add(store, CALM, f"{number:02}.wav", called_at=NOON + timedelta(minutes=number))
    page = opened(CALLS)
    assert files(page) == [f"{number:02}.wav" for number in range(59, 34, -1)]
    page.pagination[0].set_value(3).run()
    assert files(page) == [f"{number:02}.wav" for number in range(9, -1, -1)]
    page.text_input(key="calls-text").set_value(".wav").run()
    assert files(page)[0] == "59.wav"


def test_a_filter_out_of_sight_is_a_chip_that_takes_it_away(store, four):
    page = opened(CALLS)
    page.multiselect(key="calls-agents").set_value(["Dana"]).run()
    page.number_input(key="calls-lowest").set_value(7.5).run()
    assert files(page) == ["rescued.wav"]
    assert "scored 7\\.5 or more" in labels(page)
    button(page, "of Dana").click().run()
    page.number_input(key="calls-lowest").set_value(7.0).run()
    assert files(page) == ["calm.wav", "rescued.wav"]


def test_which_calls_can_be_played_and_who_listens_is_seen(store):
    kept = add(store, WORSE, "kept.wav", content=made_recording(), called_at=NOON)
    add(store, CALM, "silent.wav", called_at=NOON - timedelta(days=1))
    with store.database.writing() as session:
        assign(session, [kept], reviewer="Ada", due_on=NOON.date(), actor="Ben")
    page = opened(CALLS)
    assert [row["playable"] for row in rows(page)] == [True, False]
    assert [row["status"] for row in rows(page)] == ["Assigned: Ada, due 2 Jun 2025", ""]


def test_columns_in_which_nothing_stands_leave_their_room_to_others(store):
    call_id = add(store, WORSE, "one.wav")
    named = ("status", "tags", "watched")
    assert not [name for name in named if name in column_names(opened(CALLS))]
    with store.database.writing() as session:
        set_tags(session, call_id, ["refund"])
        assign(session, [call_id], reviewer="Ada", actor="Ben")
    assert [name for name in named if name in column_names(opened(CALLS))] == ["status", "tags"]


def test_several_files_become_calls_and_the_broken_one_is_named(store):
    page = opened(CALLS)
    page.file_uploader[0].set_value(
        [
            ("one.wav", made_recording(1), "audio/wav"),
            ("two.wav", made_recording(2), "audio/wav"),
            ("letter.wav", b"Dear customer", "audio/wav"),
        ]
    )
    button(page, "Add").click().run()
    until_added(page)
    page.run()
    assert not page.exception
    assert "3 of 3 done · 2 added · 1 not added" in texts(page)
    assert "letter.wav" in page.error[0].value.replace("\\", "")
    assert sorted(files(page)) == ["one.wav", "two.wav"]
    button(page, "Clear this list").click().run()
    assert not page.error


def until_added(page: AppTest) -> None:
    def added() -> bool:
        page.run()
        return all(upload.finished for upload in page.session_state["uploads"])

    until(added)


def test_uploads_of_a_dashboard_that_died_are_taken_up(store):
    waiting_upload(store, made_recording(1), file_name="left.wav")
    opened(CALLS)
    until(lambda: "left.wav" in files(opened(CALLS)))


def test_the_agent_in_the_form_is_that_of_all_files(store):
    add(store, CALM, "earlier.wav", agent="Dana", called_at=NOON)
    page = opened(CALLS)
    page.file_uploader[0].set_value([("one.wav", made_recording(1), "audio/wav")])
    chosen = next(box for box in page.selectbox if box.label == "Agent of all these calls")
    chosen.set_value("Dana")
    button(page, "Add").click().run()
    until_added(page)
    with store.database.reading() as session:
        assert [row.agent for row in list_calls(session)] == ["Dana", "Dana"]


def test_a_file_without_a_header_is_read_as_the_form_says(store):
    file = io.BytesIO()
    samples, _ = soundfile.read(io.BytesIO(made_recording(1)))
    soundfile.write(file, samples, RATE_HZ, format="RAW", subtype="PCM_16")
    page = opened(CALLS)
    page.file_uploader[0].set_value([("bare.raw", file.getvalue(), "audio/basic")])
    chosen = next(box for box in page.selectbox if box.label == "Files without a header hold")
    chosen.set_value("s16le:8000:2")
    button(page, "Add").click().run()
    until_added(page)
    with store.database.reading() as session:
        assert [row.raw_format for row in list_calls(session)] == ["s16le:8000:2"]


def test_a_viewer_finds_calls_but_adds_none(store, four, viewer):
    page = opened(CALLS)
    assert len(files(page)) == 4
    assert not page.file_uploader
    assert "Add" not in labels(page)


def test_a_viewer_of_an_empty_store_is_told_whom_to_ask(store, viewer):
    assert "supervisor" in opened(CALLS).info[0].value


def test_scores_are_tinted_by_the_bands_of_the_settings(store, four):
    with store.database.writing() as session:
        write_settings(session, Settings(good_score=9.9, poor_score=1.0))
    page = opened(CALLS)
    assert {row["band"] for row in rows(page)} == {"middle", "none"}
    with store.database.writing() as session:
        write_settings(session, Settings(good_score=7.5, poor_score=4.5))
    page.run()
    assert [row["band"] for row in rows(page)] == ["none", "middle", "poor", "good"]


# A call


def test_a_call_is_shown_with_its_reasons(store, four):
    page = opened(CALL, call=four["rescued"])
    assert not page.exception
    assert page.title[0].value.replace("\\", "") == "rescued.wav"
    assert "out of 10" in texts(page)
    assert "agent Dana" in texts(page)
    assert len(shown_console(page)["moments"]) == 1
    assert [header.value for header in page.subheader] == ["Coaching", "Who spoke", "Report"]


def test_a_kept_recording_is_played_and_its_reading_leaves_one_line(store):
    call_id = add(store, RESCUED, "a.wav", content=made_recording())
    page = opened(CALL, call=call_id, at="12")
    assert not page.exception
    assert len(page.get("audio")) == 1
    assert shown_console(page)["start"] == 12
    assert len(shown_outline(page)["sides"]) == 2
    page.run()
    with store.database.reading() as session:
        actions = [line.action for line in audit.list_events(session)]
    assert actions.count("recording opened") == 1


def test_a_page_is_drawn_once_though_its_recording_is_ready_last(store, monkeypatch):
    # No other page may hold the sound already.
    call_id = add(store, RESCUED, "a.wav", content=made_recording(7))
    drawn = []

    def viewed(report):
        drawn.append("console")
        return console_view(report)

    def prepared(*args, **options):
        drawn.append("sound")
        return prepare_playback(*args, **options)

    monkeypatch.setattr(component, "console_view", viewed)
    monkeypatch.setattr(stored_call, "prepare_playback", prepared)
    page = opened(CALL, call=call_id)
    assert len(page.get("audio")) == 1
    assert drawn == ["console", "sound"]
    page.run()
    assert len(page.get("audio")) == 1
    assert drawn == ["console", "sound", "console"]


@pytest.mark.parametrize("query", [{}, {"call": "x"}, {"call": "0" * 64}])
def test_a_call_that_is_not_there_is_no_fault(store, query):
    page = opened(CALL, **query)
    assert not page.exception
    assert "not here" in page.warning[0].value


@pytest.mark.parametrize("moment", ["soon", "nan", "-3", "inf"])
def test_a_nonsense_moment_in_the_link_is_passed_over(store, moment):
    call_id = add(store, RESCUED, "a.wav", content=made_recording())
    page = opened(CALL, call=call_id, at=moment)
    assert not page.exception
    assert not page.get("audio")[0].proto.autoplay


def test_the_details_to_edit_are_those_of_the_call(store):
    call_id = add(store, RESCUED, "a.wav", agent="Dana", customer="4417", called_at=NOON)
    page = opened(CALL, call=call_id)
    button(page, "Edit details").click().run()
    assert not page.exception
    assert next(box for box in page.selectbox if box.label == "Agent").value == "Dana"
    assert next(box for box in page.text_input if box.label == "Customer").value == "4417"
    assert page.datetime_input[0].value == NOON.replace(tzinfo=None)


def test_details_can_be_changed_and_emptied(store, four):
    with store.database.writing() as session:
        set_details(
            session, find_call(session, four["worse"]), CallDetails(agent="", customer="4417")
        )
    with store.database.reading() as session:
        row = read_call(session, four["worse"])
        assert (row.agent, row.customer) == (None, "4417")
        assert list_agents(session) == ["Dana"]
        assert [agent.name for agent in session.scalars(select(Agent))] == ["Dana"]


def test_a_deletion_is_asked_about_first(store, four):
    page = opened(CALL, call=four["rescued"])
    button(page, "Delete").click().run()
    assert not page.exception
    assert "reports, notes, tags and corrections" in texts(page)
    assert "Delete for good" in labels(page)
    with store.database.reading() as session:
        assert len(list_calls(session)) == 4


def test_a_viewer_can_neither_edit_nor_delete_nor_swap(store, viewer):
    call_id = add(store, RESCUED, "a.wav", content=made_recording())
    page = opened(CALL, call=call_id)
    assert "out of 10" in texts(page)
    assert labels(page) == ["Sign out"]


def test_the_other_channel_analyses_the_call_again_and_keeps_its_details(store):
    content = made_recording(seconds=20.0)
    call_id = add(store, RESCUED, "a.wav", content=content, agent="Dana", called_at=NOON)
    page = opened(CALL, call=call_id)
    button(page, "Yes, the customer is on the right channel").click().run()
    assert not page.exception
    assert not page.error
    assert "The customer is on the right channel (as chosen)" in texts(page)
    with store.database.reading() as session:
        reports = list_reports(session, call_id)
        row = read_call(session, call_id)
    assert {report.customer_channel for report in reports} == {"left", "right"}
    assert (row.agent, row.called_at) == ("Dana", NOON)


def test_reports_of_earlier_models_are_listed_and_can_be_read(store):
    for model, emotions in (("1", WORSE), ("2", RESCUED)):
        report = made_report(emotions, file_name="a.wav", model=model)
        store.add_call(report, actor="tester")
    page = opened(CALL, call=report.call.id)
    assert [expander.label for expander in page.expander] == [
        "Correct what the model heard", "All 2 reports of this call",
    ]  # fmt: skip
    assert "De-escalated" in texts(page)
    earlier = opened(CALL, call=report.call.id, model="1" * 64)
    assert "earlier report" in texts(earlier)
    assert "Escalated" in texts(earlier)


@pytest.fixture
def downloads(monkeypatch):
    """Return what a page offers for download, by file name; each is made when it is called."""
    offered = {}

    def note(manager, made, mimetype, coordinates, file_name=None, **_):
        offered[file_name] = made
        return "0" * 40

    monkeypatch.setattr(MediaFileManager, "add_deferred", note)
    return offered


def test_a_download_is_made_on_the_click_and_leaves_an_audit_line(store, four, downloads):
    def exported() -> int:
        with store.database.reading() as session:
            return [event.action for event in audit.list_events(session)].count("exported")

    opened(CALL, call=four["rescued"])
    assert exported() == 0
    assert json.loads(downloads["rescued.json"]())["call"]["id"] == four["rescued"]
    assert exported() == 1
    assert "rescued.wav" in downloads["rescued.csv"]()
    assert exported() == 2


def test_markup_in_a_name_is_shown_as_it_is(store):
    call_id = add(store, RESCUED, "*a*_[b](http://c).wav", agent="<b>Dana</b>")
    page = opened(CALL, call=call_id)
    assert read(page.title[0].value) == "*a*_[b](http://c).wav"
    assert "<b>Dana" not in "".join(part.body for part in page.html)


# Two calls


def test_both_timelines_have_the_same_scale(store, four):
    page = opened(COMPARE, call=[four["rescued"], four["short"]])
    assert not page.exception
    lanes = drawn(page, "calmscore_console")
    assert [one["axis_seconds"] for one in lanes] == [30.0, 30.0]
    table = page.table[0].value
    assert list(table.index)[:4] == [
        "Customer speaks", "Agent speaks", "Both at once", "Longest silence",
    ]  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 3])
def test_anything_but_two_calls_is_told_how_to_choose(store, four, count):
    page = opened(COMPARE, call=list(four.values())[:count])
    assert not page.exception
    assert "Tick two calls" in page.info[0].value


def test_a_deleted_call_cannot_be_compared(store, four):
    page = opened(COMPARE, call=[four["rescued"], "0" * 64])
    assert not page.exception
    assert "not here" in page.warning[0].value


# Agents


def test_without_calls_the_page_says_what_to_do(store):
    page = opened(AGENTS)
    assert not page.exception
    assert "No calls yet" in texts(page)


def recent(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def test_figures_leave_out_what_was_calm_and_what_was_too_short(store):
    values = []
    for number in range(5):
        emotions = ["anger"] * (5 + number) + ["neutral"] * 5
        values.append(made_report(emotions).score.value)
        add(store, emotions, f"{number}.wav", agent="Dana", called_at=recent(number))
    add(store, CALM, "calm.wav", agent="Dana", called_at=recent(1))
    add(store, SHORT, "short.wav", agent="Dana", called_at=recent(1))
    page = opened(AGENTS)
    assert not page.exception
    row = page.table[0].value.iloc[0]
    assert list(row)[:3] == ["Dana", "7", "5"]
    assert row["Average (95 %)"].startswith(f"{sum(values) / 5:.1f} (")
    row.index = row.index.str.replace("\u00ad", "")  # where a phone may break a heading
    assert (row["Calm throughout"], row["Insufficient evidence"]) == ("1", "1")
    assert "Set aside" not in row  # where nothing was


def five_each(store: Store) -> None:
    for number in range(5):
        add(store, WORSE, f"a{number}.wav", agent="Ann", called_at=recent(number))
        add(store, RESCUED, f"b{number}.wav", agent="Bob", called_at=recent(number))


def test_nobody_is_ranked_and_few_calls_get_no_interval(store):
    five_each(store)
    add(store, RESCUED, "c.wav", agent="Aaron", called_at=recent(1))
    page = opened(AGENTS)
    assert [control.label for control in page.segmented_control] == ["Period"]
    table = page.table[0].value
    assert list(table["Agent"]) == ["Aaron", "Ann", "Bob"]
    assert list(table["Average (95 %)"].str.contains("too few")) == [True, False, False]
    assert "The team, week by week" in [header.value for header in page.subheader]


def test_no_period_reaches_beyond_what_is_kept(store):
    five_each(store)
    with store.database.writing() as session:
        write_settings(session, Settings(audio_days=30, report_days=60))
    (period,) = opened(AGENTS).segmented_control
    assert list(period.options) == ["30 days", "All that is kept (60 days)", "From … to"]


def test_the_use_is_told_on_the_page(store, four):
    assert "Not for pay, ranking, discipline or dismissal" in texts(opened(AGENTS))


def test_the_period_is_kept_to(store):
    add(store, RESCUED, "new.wav", agent="Dana", called_at=recent(3))
    add(store, RESCUED, "old.wav", agent="Ben", called_at=recent(200))
    page = opened(AGENTS)
    assert list(page.table[0].value["Agent"]) == ["Dana"]
    page.segmented_control(key="agents-period").set_value("All that is kept (365 days)").run()
    assert list(page.table[0].value["Agent"]) == ["Ben", "Dana"]
    page.segmented_control(key="agents-period").set_value("From … to").run()
    page.date_input(key="agents-to").set_value(recent(100).date()).run()
    assert list(page.table[0].value["Agent"]) == ["Ben"]


def test_moments_are_links_to_where_they_are(store):
    call_id = add(store, RESCUED, "a.wav", agent="Dana", called_at=recent(1))
    page = opened(AGENTS)
    links = [link.proto for link in page.get("page_link")]
    assert any(call_id in str(link) and "15" in str(link) for link in links)
    assert "Angry → calm" in texts(page)


def test_calls_without_an_agent_are_counted_apart(store):
    add(store, RESCUED, "a.wav", agent="Dana", called_at=recent(1))
    add(store, RESCUED, "b.wav", called_at=recent(1))
    assert "1 call of this period has no agent yet" in texts(opened(AGENTS))


def test_an_agents_calls_are_one_click_away(store):
    five_each(store)
    page = opened(AGENTS)
    page.selectbox(key="agents-agent").set_value("Bob").run()
    button(page, "Show the calls").click().run()
    assert page.title[0].value == "Calls"
    assert {row["agent"] for row in rows(page)} == {"Bob"}


# Score a call


def test_a_scored_call_is_kept_only_when_asked(store):
    page = opened(page_file("score_call"))
    page.file_uploader[0].set_value(("a.wav", made_recording(seconds=20.0), "audio/wav"))
    page.run()
    with store.database.reading() as session:
        assert list_calls(session) == []
    button(page, "Keep this call").click().run()
    assert not page.exception
    assert "This call is kept" in texts(page)
    with store.database.reading() as session:
        rows = list_calls(session)
    assert [(row.file_name, row.has_audio) for row in rows] == [("a.wav", True)]


def test_a_viewer_cannot_keep_a_call(store, viewer):
    page = opened(page_file("score_call"))
    page.file_uploader[0].set_value(("a.wav", made_recording(seconds=20.0), "audio/wav"))
    page.run()
    assert "out of 10" in texts(page) or "Insufficient evidence" in texts(page)
    assert "Keep this call" not in labels(page)


def test_a_store_that_cannot_be_opened_is_named(store, monkeypatch):
    monkeypatch.setenv("CALMSCORE_DATABASE_URL", "nonsense")
    st.cache_resource.clear()
    page = opened(CALLS)
    assert not page.exception
    assert "is not a database URL" in page.error[0].value
    assert "CALMSCORE_" not in page.error[0].value


def test_the_stored_report_is_the_one_shown(store, four):
    with store.database.reading() as session:
        report = CallReport.from_dict(read_report(session, four["rescued"]))
    assert f"{report.score.value:.1f}" in texts(opened(CALL, call=four["rescued"]))
