"""Calls in the store: saved once, found by every filter, read in pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_calls import (
    CALM,
    MODEL,
    NEWER_MODEL,
    TOO_SHORT,
    add,
    call_id_of,
    make_report,
    scored_report,
)

from calmscore.analysis.call_score import (
    CALM_THROUGHOUT,
    DE_ESCALATED,
    ESCALATED,
    INSUFFICIENT_EVIDENCE,
    UNRESOLVED,
)
from calmscore.analysis.report import CallReport
from calmscore.errors import NotStoredError
from calmscore.store import audit, coaching
from calmscore.store.calls import (
    CallDetails,
    CallFilter,
    count_calls,
    find_call,
    list_agents,
    list_calls,
    list_tags,
    read_call,
    set_details,
)
from calmscore.store.reports import has_current_report, list_reports, read_report

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def names(store, wanted: CallFilter | None = None, **options) -> list[str]:
    with store.database.reading() as session:
        rows = list_calls(session, wanted, **options)
        if "limit" not in options and "offset" not in options:
            assert count_calls(session, wanted) == len(rows)
        return [row.file_name for row in rows]


def read(store, call_id):
    with store.database.reading() as session:
        return read_call(session, call_id)


@pytest.fixture
def five_calls(store):
    """Five calls, a day apart: two agents, one call of nobody, one without a score."""
    for day, (name, agent, customer, value, outcome) in enumerate(
        (
            ("a.wav", "Ben", "Iris", 9.0, DE_ESCALATED),
            ("b.wav", "Amira", "100 %", 2.0, ESCALATED),
            ("c.wav", "Ben", "one_two", 4.0, UNRESOLVED),
            ("d.wav", None, None, 7.0, CALM_THROUGHOUT),
            ("e.wav", "Amira", "Iris", None, INSUFFICIENT_EVIDENCE),
        )
    ):
        report = scored_report(name, value, outcome)
        called_at = NEW_YEAR + timedelta(days=day)
        add(store, name, report, agent=agent, customer=customer, called_at=called_at)
    with store.database.writing() as session:
        coaching.set_tags(session, call_id_of("a.wav"), ["praise", "billing"])
        coaching.set_tags(session, call_id_of("c.wav"), ["billing"])
    return store


def test_a_call_comes_back_as_it_was_stored(store):
    report = make_report("call.wav")
    call_id = add(store, agent="Ben", customer="Iris", called_at=NEW_YEAR)
    row = read(store, call_id)
    assert (row.file_name, row.agent, row.customer) == ("call.wav", "Ben", "Iris")
    assert (row.called_at, row.duration_seconds) == (NEW_YEAR, report.call.duration_seconds)
    assert (row.score, row.outcome) == (report.score.value, report.score.outcome)
    assert row.has_audio
    with store.database.reading() as session:
        assert CallReport.from_dict(read_report(session, call_id)) == report


def test_the_same_recording_twice_is_one_call(store):
    numbers = {store.add_call(make_report(), actor="tester") for _ in range(2)}
    assert len(numbers) == 1
    assert names(store) == ["call.wav"]
    with store.database.reading() as session:
        assert len(list_reports(session, call_id_of("call.wav"))) == 1


def test_a_recording_under_another_name_is_the_same_call_with_the_later_name(store):
    call_id = add(store)
    add(store, report=make_report(file_name="renamed.wav"))
    assert names(store) == ["renamed.wav"]
    assert read(store, call_id).file_name == "renamed.wav"


def test_a_newer_model_adds_a_report_and_keeps_the_old_one(store):
    call_id = add(store)
    newer = make_report(emotions=CALM, model=NEWER_MODEL)
    add(store, report=newer)
    with store.database.reading() as session:
        rows = list_reports(session, call_id)
        assert [(row.model_version, row.current) for row in rows] == [("2", True), ("1", False)]
        assert read_report(session, call_id) == newer.to_dict()
        old = read_report(session, call_id, model_sha256=MODEL.sha256)
        assert old == make_report().to_dict()
        assert has_current_report(session, call_id, model_sha256=NEWER_MODEL.sha256)
        assert not has_current_report(session, call_id, model_sha256=MODEL.sha256)
    row = read(store, call_id)
    assert (row.score, row.outcome) == (newer.score.value, newer.score.outcome)


def test_another_channel_adds_a_report_and_becomes_the_current_one(store):
    call_id = add(store)
    add(store, report=make_report(customer_channel="right"))
    current = {"model_sha256": MODEL.sha256}
    with store.database.reading() as session:
        assert len(list_reports(session, call_id)) == 2
        assert has_current_report(session, call_id, **current, customer_channel="right")
        assert not has_current_report(session, call_id, **current, customer_channel="left")


def test_a_report_that_comes_again_takes_the_earlier_ones_place(store):
    call_id = add(store)
    again = make_report(emotions=CALM)
    add(store, report=again)
    with store.database.reading() as session:
        assert len(list_reports(session, call_id)) == 1
        assert read_report(session, call_id) == again.to_dict()


def test_details_that_are_unknown_leave_what_is_stored(store):
    call_id = add(store, agent="Ben", customer="Iris", called_at=NEW_YEAR)
    add(store)
    row = read(store, call_id)
    assert (row.agent, row.customer, row.called_at) == ("Ben", "Iris", NEW_YEAR)
    add(store, customer="Ivo")
    row = read(store, call_id)
    assert (row.agent, row.customer) == ("Ben", "Ivo")


def test_a_blank_detail_empties_what_is_stored(store):
    call_id = add(store, agent="Ben", customer="Iris")
    with store.database.writing() as session:
        set_details(session, find_call(session, call_id), CallDetails(agent=" ", customer=""))
    row = read(store, call_id)
    assert (row.agent, row.customer) == (None, None)
    with store.database.reading() as session:
        assert list_agents(session) == []


def test_a_call_of_unknown_time_was_made_when_it_arrived(store):
    row = read(store, add(store))
    assert row.called_at == row.added_at


def test_names_are_cut_to_what_is_stored_and_freed_of_extra_spaces(store):
    call_id = add(
        store, report=make_report(file_name="f" * 600), agent=" Ben \n  Best ", customer="c" * 300
    )
    row = read(store, call_id)
    assert (row.agent, row.file_name, row.customer) == ("Ben Best", "f" * 500, "c" * 200)


def test_an_agent_without_a_call_is_forgotten(store):
    call_id = add(store, agent="Bne")
    add(store, "other.wav", agent="Amira")
    with store.database.writing() as session:
        set_details(session, find_call(session, call_id), CallDetails(agent="Ben"))
    with store.database.reading() as session:
        assert list_agents(session) == ["Amira", "Ben"]
    add(store, "other.wav", agent="Ben")
    with store.database.reading() as session:
        assert list_agents(session) == ["Ben"]


def test_the_trend_has_at_most_24_points_between_0_and_1(store):
    short = read(store, add(store, "short.wav", make_report("short.wav", emotions=TOO_SHORT)))
    long = make_report("long.wav", emotions=("anger",) * 70 + ("neutral",) * 70)
    trend = read(store, add(store, "long.wav", long)).trend
    assert len(short.trend) == len(TOO_SHORT)
    assert len(trend) == 24
    assert 1.0 >= trend[0] > 0.9 > 0.1 > trend[-1] >= 0.0


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, "abcde"),
        ({"agents": ["Ben"]}, "ac"),
        ({"agents": ["Ben", "Amira", "nobody"]}, "abce"),
        ({"outcomes": [ESCALATED, UNRESOLVED]}, "bc"),
        ({"since": NEW_YEAR + timedelta(days=3)}, "de"),
        ({"until": NEW_YEAR + timedelta(days=1)}, "a"),
        ({"lowest_score": 4.0}, "acd"),
        ({"highest_score": 4.0}, "bc"),
        ({"lowest_score": 4.0, "highest_score": 7.0}, "cd"),
        ({"tag": "billing"}, "ac"),
        ({"tag": "bill"}, ""),
        ({"text": "B.WAV"}, "b"),
        ({"text": "ami"}, "be"),
        ({"text": "iris"}, "ae"),
        ({"text": "%"}, "b"),
        ({"text": "0 %"}, "b"),
        ({"text": "_"}, "c"),
        ({"text": "e_t"}, "c"),
        ({"text": "/"}, ""),
        ({"text": "%" * 600}, ""),
        ({"agents": ["Ben"], "tag": "billing", "lowest_score": 5.0}, "a"),
    ],
)
def test_each_filter_finds_its_calls(five_calls, wanted, expected):
    found = names(five_calls, CallFilter(**wanted), order="file_name", descending=False)
    assert "".join(name[0] for name in found) == expected


@pytest.mark.parametrize(
    ("order", "upwards", "downwards"),
    [
        ("called_at", "abcde", "edcba"),
        ("file_name", "abcde", "edcba"),
        # The latest first where they are equal; those without a value last, both ways.
        ("agent", "ebcad", "caebd"),
        ("score", "bcdae", "adcbe"),
        ("outcome", "dabec", "cebad"),
        ("duration_seconds", "edcba", "edcba"),
    ],
)
def test_each_order_sorts_both_ways(five_calls, order, upwards, downwards):
    for descending, expected in ((False, upwards), (True, downwards)):
        found = names(five_calls, order=order, descending=descending)
        assert "".join(name[0] for name in found) == expected


def test_pages_follow_one_another_without_gap_or_repeat(five_calls):
    pages = [names(five_calls, order="agent", limit=2, offset=start) for start in (0, 2, 4, 6)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert [name for page in pages for name in page] == names(five_calls, order="agent")


def test_agents_and_tags_are_listed_by_name(five_calls):
    with five_calls.database.reading() as session:
        assert list_agents(session) == ["Amira", "Ben"]
        assert list_tags(session) == ["billing", "praise"]
        (row,) = list_calls(session, CallFilter(tag="praise"))
    assert row.tags == ("billing", "praise")


def test_what_is_not_stored_is_told(store):
    call_id = add(store)
    with store.database.reading() as session:
        for ask in (read_call, find_call, read_report):
            with pytest.raises(NotStoredError, match="may have been deleted"):
                ask(session, call_id_of("other.wav"))
        with pytest.raises(NotStoredError):
            read_report(session, call_id, model_sha256=NEWER_MODEL.sha256)
        assert list_reports(session, call_id_of("other.wav")) == []


def test_every_addition_leaves_an_audit_line(store):
    number = store.add_call(make_report(), actor="Sam")
    store.add_call(make_report(), actor="Kim")
    with store.database.reading() as session:
        lines = audit.list_events(session)
        assert audit.list_events(session, limit=1, offset=1) == lines[1:]
    assert [(line.actor, line.action) for line in lines] == [
        ("Kim", "call analysed again"), ("Sam", "call added"),
    ]  # fmt: skip
    assert {line.call_number for line in lines} == {number}


def test_changed_details_leave_an_audit_line(store):
    number = store.add_call(make_report(), actor="Sam")
    call_id = make_report().call.id
    store.change_details(call_id, CallDetails(agent="Dana"), actor="Kim")
    store.change_details(call_id, CallDetails(agent="Dana"), actor="nothing new")
    with store.database.reading() as session:
        line = audit.list_events(session, limit=1)[0]
        assert read_call(session, call_id).agent == "Dana"
    assert (line.actor, line.action, line.call_number) == ("Kim", "details changed", number)


@given(
    emotions=st.lists(
        st.sampled_from(["anger", "disgust", "fear", "happy", "neutral", "sad"]), max_size=40
    ),
    channel=st.sampled_from(["left", "right", "mixed"]),
    file_name=st.text(max_size=60),
)
def test_a_report_is_the_same_after_it_was_written_and_read(emotions, channel, file_name):
    report = make_report(emotions=tuple(emotions), customer_channel=channel, file_name=file_name)
    assert CallReport.from_dict(report.to_dict()) == report
