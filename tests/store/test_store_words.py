"""The words of calls: kept with the recording, searched, counted, deleted with it."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stored_calls import add, call_id_of, make_report, recording_of

from calmscore.analysis.report import CallReport, SpokenWord, Words, WordsTurn
from calmscore.store.calls import CallFilter, count_calls, find_call, list_calls
from calmscore.store.reports import read_report, read_reports
from calmscore.store.settings import Settings, write_settings
from calmscore.store.words import (
    SaidLine,
    claim_waiting,
    count_phrases,
    finish_words,
    lines_of_calls,
    phrases_of_calls,
    words_state,
)
from calmscore.words.masking import MASK, masked

SAID = ("Thank you for calling.", "I want to CANCEL it, don't you see?", "Third time, cancel!")


@pytest.fixture(autouse=True)
def words_on(monkeypatch):
    monkeypatch.delenv("CALMSCORE_TRANSCRIBER", raising=False)


def spoken(*texts: str) -> Words:
    turns = tuple(
        WordsTurn(
            speaker="customer" if place % 2 else "agent",
            start_seconds=float(place),
            end_seconds=place + 0.9,
            text=text,
            words=tuple(
                SpokenWord(
                    text=word,
                    start_seconds=place + 0.15 * number,
                    end_seconds=place + 0.15 * number + 0.1,
                )
                for number, word in enumerate(text.split())
            ),
        )
        for place, text in enumerate(texts)
    )
    return Words(language="en", model="parrot", turns=turns)


def saying(name: str, *texts: str, channel: str = "left") -> CallReport:
    report = make_report(name, customer_channel=channel)
    return CallReport(**{**vars(report), "words": spoken(*texts)})


def texts_of(store, name: str) -> list[str] | None:
    with store.database.reading() as session:
        words = CallReport.from_dict(read_report(session, call_id_of(name))).words
    return None if words is None else [turn.text for turn in words.turns]


def found(store, wanted: str) -> list[str]:
    with store.database.reading() as session:
        return [row.file_name for row in list_calls(session, CallFilter(words=wanted))]


def test_words_come_back_with_the_report_and_are_found(store):
    add(store, "a.wav", saying("a.wav", *SAID))
    add(store, "b.wav", saying("b.wav", "All is well.", "Time for the third."))
    add(store, "c.wav")
    assert texts_of(store, "a.wav") == list(SAID)
    assert texts_of(store, "c.wav") is None
    with store.database.reading() as session:
        documents = [document for _, document in read_reports(session)]
    assert [bool(document["words"]) for document in documents] == [True, True, False]
    assert found(store, "cancel") == ["a.wav"]
    assert sorted(found(store, "third TIME")) == ["a.wav", "b.wav"]
    assert found(store, '"third time"') == ["a.wav"]
    assert found(store, "don't") == ["a.wav"]
    assert found(store, "supervisor") == []
    # What is no word finds nothing, and breaks nothing.
    for odd in ('"', "'; DROP TABLE calls", "* OR NEAR(", "!!", '"a" AND', "-cancel OR x"):
        assert found(store, odd) in ([], ["a.wav"])


def lines(store, wanted: str, **options):
    with store.database.reading() as session:
        numbers = {row.number: row.file_name for row in list_calls(session)}
        found = lines_of_calls(session, list(numbers), wanted, **options)
    return {numbers[number]: some for number, some in found.items()}


def test_a_line_tells_who_said_it_when_and_with_what_around_it(store):
    add(store, "a.wav", saying("a.wav", *SAID))
    add(store, "b.wav", saying("b.wav", "All is well."))
    add(store, "c.wav")
    ((line,),) = lines(store, "cancel").values()
    # The word itself, not the turn in which it is said.
    assert line == SaidLine(
        at_seconds=pytest.approx(1.45), speaker="customer",
        before="I want to", said="CANCEL", after="it, don't you see?",
    )  # fmt: skip
    found = lines(store, 'calling "third time" well')
    assert {name: [line.said for line in some] for name, some in found.items()} == {
        "a.wav": ["calling.", "Third time,"], "b.wav": ["well."],
    }  # fmt: skip
    assert [line.said for line in lines(store, "calling cancel", most=1)["a.wav"]] == ["calling."]
    for nothing in ("", "!", "supervisor", '"time third"'):
        assert lines(store, nothing) == {}


def test_one_line_answers_for_all_that_is_said_in_it(store):
    add(store, "a.wav", saying("a.wav", "I want to cancel and to leave.", "Cancel what?"))
    assert [line.said for line in lines(store, "cancel leave")["a.wav"]] == ["cancel"]


def test_numbers_stay_masked_in_what_is_found(store):
    words = spoken("My number is 0151 234 5678, call me.")
    words = replace(words, turns=masked(words.turns))
    report = CallReport(**{**vars(make_report("a.wav")), "words": words})
    add(store, "a.wav", report)
    ((line,),) = lines(store, "number").values()
    assert line.after == f"is {MASK * 4} {MASK * 3} {MASK * 4}, call me."
    assert found(store, "0151") == found(store, '"234 5678"') == []


def test_calls_are_found_by_any_of_some_phrases(store):
    add(store, "a.wav", saying("a.wav", *SAID))
    add(store, "b.wav", saying("b.wav", "Let me speak to your supervisor!"))
    add(store, "c.wav", saying("c.wav", "All is well. Time for the third."))

    def found_by(*phrases: str, **others) -> list[str]:
        with store.database.reading() as session:
            wanted = CallFilter(phrases=phrases, **others)
            rows = list_calls(session, wanted, order="file_name", descending=False)
            assert count_calls(session, wanted) == len(rows)
        return [row.file_name for row in rows]

    assert found_by("third time") == ["a.wav"]
    assert found_by("Third time!", "supervisor") == ["a.wav", "b.wav"]
    assert found_by("time", "supervisor", words="well") == ["c.wav"]
    assert found_by("refund") == found_by("!") == []
    assert found_by("don't", '" OR "') == ["a.wav"]
    with store.database.reading() as session:
        rows = list_calls(session)
        counts = phrases_of_calls(
            session, [row.number for row in rows], ["cancel", "third time", "supervisor"]
        )
    assert {row.file_name: counts.get(row.number) for row in rows} == {
        "a.wav": {"cancel": 2, "third time": 1}, "b.wav": {"supervisor": 1}, "c.wav": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("phrase", "count"),
    [("ha ha", 2), ("HA", 3), ("h", 0), ("", 0), ("don't", 1), ("don’t", 1), ("ha", 3)],
)
def test_phrases_are_counted_as_they_are_said(phrase, count):
    assert count_phrases(["Ha, ha ha!", "I don't."], [phrase]).get(phrase, 0) == count


def test_words_are_kept_as_long_as_the_recording(store):
    add(store, "a.wav", saying("a.wav", *SAID))
    store.apply_retention(now=datetime.now(UTC) + timedelta(days=31), clock_is_right=True)
    assert texts_of(store, "a.wav") is None
    assert found(store, "cancel") == []
    with store.database.reading() as session:
        assert read_report(session, call_id_of("a.wav"))["score"]["value"] is not None


def test_without_a_recording_no_words_are_kept(store):
    with store.database.writing() as session:
        write_settings(session, Settings(audio_days=0))
    add(store, "a.wav", saying("a.wav", *SAID))
    assert texts_of(store, "a.wav") is None


def bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_deleted_words_are_in_no_byte_of_the_store(store, tmp_path):
    add(store, "a.wav", saying("a.wav", "My name is Xanthippe Quillfeather."))
    for number in range(20):
        add(store, f"{number}.wav", saying(f"{number}.wav", *SAID))
    assert found(store, "quillfeather") == ["a.wav"]
    if store.database.is_sqlite:
        assert b"quillfeather" in bytes_in(tmp_path)
    store.delete_call(call_id_of("a.wav"), actor="tester")
    assert found(store, "quillfeather") == []
    assert len(found(store, "cancel")) == 20
    if store.database.is_sqlite:
        for part in (b"uillfeather", b"anthippe"):
            assert part not in bytes_in(tmp_path)


def wanting(store, name: str, *, channel: str = "left") -> str:
    store.add_call(
        make_report(name, customer_channel=channel), io.BytesIO(recording_of(name)), actor="tester"
    )
    return call_id_of(name)


def state(store, call_id: str) -> str | None:
    with store.database.reading() as session:
        return words_state(session, call_id)


def claim(store, **options) -> str | None:
    with store.database.writing() as session:
        return claim_waiting(session, **options)


def finish(store, call_id: str, *, channel: str = "left") -> bool:
    with store.database.writing() as session:
        words = saying("x", *SAID).to_dict()["words"]
        return finish_words(session, call_id, customer_channel=channel, words=words)


def test_a_call_waits_for_its_words_and_is_taken_by_one(store):
    first, second = wanting(store, "a.wav"), wanting(store, "b.wav")
    add(store, "c.wav", with_audio=False)
    assert state(store, first) == "waiting" and state(store, call_id_of("c.wav")) is None
    assert [claim(store), claim(store), claim(store)] == [first, second, None]
    # Whoever took it may have ended.
    later = datetime.now(UTC) + timedelta(minutes=16)
    assert claim(store, now=later) == first
    assert finish(store, first)
    assert state(store, first) == "done"
    assert texts_of(store, "a.wav") == list(SAID)
    # The same call once more does not write them down again.
    wanting(store, "a.wav")
    assert state(store, first) == "done"


def test_a_claim_that_a_wrong_clock_wrote_does_not_hold_for_ever(store):
    call = wanting(store, "a.wav")
    assert claim(store, now=datetime.now(UTC) + timedelta(days=365)) == call
    assert claim(store) == call
    assert claim(store) is None


def test_words_follow_the_report_of_the_other_channel(store):
    call = wanting(store, "a.wav")
    assert finish(store, call)
    wanting(store, "a.wav", channel="right")
    assert state(store, call) == "waiting"
    assert not finish(store, call, channel="left")
    assert finish(store, call, channel="right")
    assert texts_of(store, "a.wav") == list(SAID)


def test_words_of_a_call_that_was_deleted_meanwhile_are_not_kept(store):
    call = wanting(store, "a.wav")
    assert claim(store) == call
    store.delete_call(call, actor="tester")
    assert not finish(store, call)
    call = wanting(store, "b.wav")
    assert claim(store) == call
    store.apply_retention(now=datetime.now(UTC) + timedelta(days=31), clock_is_right=True)
    assert not finish(store, call)
    with store.database.reading() as session:
        assert find_call(session, call).audio_until is None


def test_nothing_waits_where_words_are_off_or_not_wanted(store, monkeypatch):
    store.add_call(
        make_report("a.wav"), io.BytesIO(recording_of("a.wav")), actor="tester", words=False
    )
    monkeypatch.setenv("CALMSCORE_TRANSCRIBER", "off")
    wanting(store, "b.wav")
    assert claim(store) is None
