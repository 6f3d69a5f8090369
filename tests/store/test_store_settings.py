"""Settings of an installation, and what file names say by them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_calls import add

from calmscore.errors import ParameterError
from calmscore.store import name_pattern
from calmscore.store.calls import CallDetails, find_call
from calmscore.store.file_names import details_from_name
from calmscore.store.schema import Setting
from calmscore.store.settings import Settings, read_settings, write_settings

PATTERN = r"(?P<agent>[^_]+)_(?P<customer>[^_]+)_(?P<time>[\d-]+)"
NAMED = Settings(file_name_pattern=PATTERN)
CHANGED = Settings(
    audio_days=0,
    report_days=90,
    customer_channel="right",
    file_name_pattern=PATTERN,
    time_format="%d.%m.%Y %z",
    score_from="voice_and_words",
    good_score=8.0,
    poor_score=3.5,
)


def kept(store) -> Settings:
    with store.database.reading() as session:
        return read_settings(session)


def write(store, settings: Settings) -> None:
    with store.database.writing() as session:
        write_settings(session, settings)


def test_a_new_installation_has_the_defaults(store):
    assert kept(store) == Settings()


def test_settings_come_back_as_they_were_written(store):
    for settings in (CHANGED, replace(CHANGED, audio_days=1), Settings()):
        write(store, settings)
        assert kept(store) == settings


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"audio_days": -1}, "audio_days is -1"),
        ({"audio_days": 1.5}, "audio_days is 1.5"),
        ({"report_days": 0}, "report_days is 0"),
        ({"report_days": 3651}, "report_days is 3651"),
        ({"audio_days": 31, "report_days": 30}, "cannot be kept longer than its report"),
        ({"customer_channel": "middle"}, "'middle'; choose one of auto"),
        ({"score_from": "words"}, "'words'; choose voice or voice_and_words"),
        ({"good_score": 4.5}, "poor_score < good_score"),
        ({"good_score": 10.1}, "10.1"),
        ({"poor_score": 0.9}, "0.9"),
        ({"poor_score": float("nan")}, "nan"),
        ({"file_name_pattern": "(?P<agent>"}, "cannot be read"),
        ({"file_name_pattern": "a{99999999999}"}, "use"),
        ({"file_name_pattern": "(" * 400}, "cannot be read"),
        ({"file_name_pattern": "(" * 20_000}, "20000 characters; write it in 500"),
        ({"file_name_pattern": r"(?P<agent>a)(?=_)"}, "look-around"),
        ({"file_name_pattern": r"(?P<agent>a)(?P=agent)"}, "references back"),
        ({"file_name_pattern": r"(?P<agent>((a{99}){99}){99})"}, "cannot be read"),
        ({"file_name_pattern": r"(?P<agent>\w{1,500}\w{1,500})"}, "too much memory; repeat less"),
        ({"file_name_pattern": r"(?P<agent>[\W]+)"}, "stands in brackets"),
        ({"file_name_pattern": r"(\w+)"}, r"use \(\?P<agent>…\)"),
        ({"file_name_pattern": r"(?P<agnet>\w+)"}, "agnet"),
        ({"time_format": "%Q"}, "time_format '%Q'"),
        ({"time_format": "%Y%Y"}, "time_format '%Y%Y'"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, reason):
    with pytest.raises(ParameterError, match=reason):
        Settings(**change)


def test_fewer_days_hold_for_the_recordings_that_are_here(store):
    call_id = add(store)
    write(store, Settings(audio_days=365))
    write(store, Settings(audio_days=5))
    with store.database.reading() as session:
        until = find_call(session, call_id).audio_until
    assert until <= datetime.now(UTC) + timedelta(days=5)
    write(store, Settings(audio_days=0))
    assert store.apply_retention(now=datetime.now(UTC)).recordings == 1
    assert not store.audio.holds(call_id)


def test_a_name_tells_agent_customer_and_time():
    found = details_from_name("Ben Best_0151-234_20260302-141500.wav", NAMED)
    assert (found.agent, found.customer) == ("Ben Best", "0151-234")
    assert found.called_at == datetime(2026, 3, 2, 14, 15).astimezone()


def test_a_name_with_a_time_zone_tells_the_moment():
    settings = Settings(file_name_pattern=r"(?P<time>\S+)\.wav", time_format="%Y%m%dT%H%M%z")
    found = details_from_name("20260302T1415+0530.wav", settings)
    assert found.called_at == datetime(2026, 3, 2, 8, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("settings", "file_name"),
    [
        (Settings(), "Ben_Iris_20260302-141500.wav"),
        (NAMED, "call.wav"),
        (NAMED, ""),
        (Settings(file_name_pattern=r"(?P<agent>\s+)"), "a b.wav"),
        (Settings(file_name_pattern=r"(?P<agent>x)?call"), "call.wav"),
    ],
)
def test_a_name_that_says_nothing_gives_nothing(settings, file_name):
    assert details_from_name(file_name, settings) == CallDetails()


@pytest.mark.parametrize("moment", ["20261302-141500", "9", "00010101-000000"])
def test_a_moment_that_cannot_be_stays_unknown(moment):
    found = details_from_name(f"Ben_Iris_{moment}.wav", NAMED)
    assert found.agent == "Ben"
    assert found.called_at is None or found.called_at.year == 1


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?P<agent>(\w+)+)$",
        r"(?P<agent>(\w|\w\w)*)!",
        r"(?P<agent>.*.*.*.*.*.*=.*)$",
        # Minutes on the whole of such a name, also where time grows with its length alone.
        "(?P<agent>" + "(a?){30}" * 20 + "a{600})!",
        "(?P<agent>" + "(a?){900}" * 4 + "a{900})!",
        r"(?P<agent>" + r"(x|y|\w)*" * 40 + ")!",
    ],
)
@pytest.mark.parametrize("name", ["a" * 1_000_000, "ab_" * 300_000, "é" * 500_000 + " "])
def test_no_pattern_and_no_name_holds_anything_up(pattern, name):
    assert details_from_name(name, Settings(file_name_pattern=pattern)).customer is None


def test_a_pattern_is_tried_on_hard_names_before_it_is_kept(store, monkeypatch):
    with store.database.writing() as session:
        write_settings(session, NAMED)
    # As if this machine were so slow that no name is read in time.
    monkeypatch.setattr(name_pattern, "_MOST_SECONDS", -1.0)
    with (
        pytest.raises(ParameterError, match=r"takes too long .* repeat less"),
        store.database.writing() as session,
    ):
        write_settings(session, Settings(file_name_pattern=r"(?P<agent>\w+)"))
    with store.database.reading() as session:
        assert read_settings(session).file_name_pattern == PATTERN


@pytest.mark.parametrize(
    ("pattern", "agent"),
    [
        (r"(?P<agent>\w+)_\d", "Jürgen"),
        (r"(?P<agent>[\w-]+)_\d", "Jürgen"),
        (r"(?P<agent>[^\W_]+)", "Jürgen"),
        (r"(?P<agent>[^\W\d_]+)_", "Jürgen"),
        (r"_(?P<agent>[]\w]+)", "4711"),
        (r"(?P<agent>\W+)_", None),
    ],
)
def test_letters_are_those_of_every_language(pattern, agent):
    settings = Settings(file_name_pattern=pattern)
    assert details_from_name("Jürgen_4711.wav", settings).agent == agent


def test_a_stored_pattern_that_is_no_longer_known_stops_nothing(store, caplog):
    with store.database.writing() as session:
        session.add(Setting(name="file_name_pattern", value="(?P<agent>a)(?=_)"))
    assert kept(store) == Settings()
    assert "look-around" in caplog.text


def test_folders_are_no_part_of_a_name():
    assert details_from_name("Ben_Iris_/../x.wav", NAMED) == CallDetails()


@given(
    st.one_of(
        st.text(),
        st.from_regex(re.compile(PATTERN, re.ASCII)),
        st.binary().map(lambda b: b.decode("latin-1")),
    ),
    st.sampled_from(["%Y%m%d-%H%M%S", "%Y-%m-%d", "%H%M", "%j", ""]),
)
def test_no_name_is_ever_refused(file_name, time_format):
    found = details_from_name(file_name, replace(NAMED, time_format=time_format))
    assert found.called_at is None or found.called_at.tzinfo is not None


@given(st.text(max_size=30), st.text(max_size=8))
def test_no_pattern_or_format_that_settings_accept_ever_fails(pattern, time_format):
    try:
        settings = Settings(file_name_pattern=f"(?P<time>{pattern})", time_format=time_format)
    except ParameterError:
        return
    assert isinstance(details_from_name("Ben_Iris_20260302-141500.wav", settings), CallDetails)
