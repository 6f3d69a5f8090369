"""Words of stored calls: written down in the background, whatever happens to their call."""

from __future__ import annotations

import io
import time

import pytest
from made_calls import WORSE, made_recording, made_report

from calmscore.analysis.report import CallReport
from calmscore.errors import TranscriberError
from calmscore.intake.words_writer import PassingWords, WordsWriter
from calmscore.store import Store
from calmscore.store.calls import read_report
from calmscore.store.words import words_state
from calmscore.words.transcriber import HeardWord, Language


class Parrot:
    name = "parrot"

    def language_of(self, windows):
        return Language(code="en", probability=1.0)

    def listen(self, windows, *, language):
        word = HeardWord(text="hello", start_seconds=0.1, end_seconds=0.4)
        return [[word] for _ in windows]


@pytest.fixture(autouse=True)
def words_on(monkeypatch):
    monkeypatch.delenv("CALMSCORE_TRANSCRIBER", raising=False)


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path)
    yield opened
    opened.close()


def add(store: Store, number: int = 0, recording: bytes | None = None) -> str:
    recording = made_recording(number) if recording is None else recording
    report = made_report(WORSE, recording=recording)
    turn = {"speaker": "customer", "start_seconds": 0.0, "end_seconds": 2.0}
    document = report.to_dict()
    document["talk"]["turns"] = [turn]
    store.add_call(CallReport.from_dict(document), io.BytesIO(recording), actor="tester")
    return report.call.id


def stored(store: Store, call_id: str) -> CallReport:
    with store.database.reading() as session:
        return CallReport.from_dict(read_report(session, call_id))


def test_all_that_waits_is_written_down(store):
    calls = [add(store, number) for number in range(3)]
    writer = WordsWriter(store, load=Parrot)
    assert writer.write_waiting() == 3
    assert writer.write_waiting() == 0
    for call_id in calls:
        assert [turn.text for turn in stored(store, call_id).words.turns] == ["hello"]
        assert writer.progress_of(call_id) is None


def test_in_the_background_it_comes_by_itself(store, monkeypatch):
    monkeypatch.setattr("calmscore.intake.words_writer._LOOK_EVERY_SECONDS", 0.02)
    writer = WordsWriter(store, load=Parrot)
    writer.start()
    writer.start()
    call_id = add(store)
    until = time.monotonic() + 60
    while stored(store, call_id).words is None and time.monotonic() < until:
        time.sleep(0.02)
    writer.stop()
    assert stored(store, call_id).words is not None


def test_where_words_are_off_calls_go_on_waiting(store, monkeypatch):
    call_id = add(store)
    monkeypatch.setenv("CALMSCORE_TRANSCRIBER", "off")
    assert WordsWriter(store, load=Parrot).write_waiting() == 0
    monkeypatch.delenv("CALMSCORE_TRANSCRIBER")
    assert WordsWriter(store, load=Parrot).write_waiting() == 1
    assert stored(store, call_id).words is not None


def test_what_nobody_keeps_is_written_down_too(store):
    report = stored(store, add(store))
    under_way = PassingWords(load=Parrot).begin(report, io.BytesIO(made_recording(0)))
    told = under_way.report.result(timeout=60)
    assert [turn.text for turn in told.words.turns] == ["hello"]
    assert under_way.share == 1.0
    broken = PassingWords(load=Parrot).begin(report, io.BytesIO(b"RIFF"))
    assert broken.report.result(timeout=60).warnings[-1].code == "words_missing"


def refuse():
    raise TranscriberError("the transcriber /x cannot be loaded; set CALMSCORE_TRANSCRIBER")


def test_what_cannot_be_written_down_is_told_and_the_score_stays(store):
    call_id = add(store)
    before = stored(store, call_id)
    assert WordsWriter(store, load=refuse).write_waiting() == 1
    after = stored(store, call_id)
    assert after.words is None and after.score == before.score
    assert [notice.code for notice in after.warnings] == ["words_missing"]
    assert "/x" in after.warnings[-1].message
    with store.database.reading() as session:
        assert words_state(session, call_id) == "done"


def test_a_recording_that_cannot_be_read_is_told(store):
    recording = b"RIFF, but no sound"
    call_id = add(store, recording=recording)
    assert WordsWriter(store, load=Parrot).write_waiting() == 1
    assert [notice.code for notice in stored(store, call_id).warnings] == ["words_missing"]


def test_a_call_that_is_deleted_meanwhile_ends_nothing(store):
    first, second = add(store, 0), add(store, 1)

    class Deleting(Parrot):
        def listen(self, windows, *, language):
            with store.database.reading() as session:
                there = words_state(session, first)
            if there:
                store.delete_call(first, actor="tester")
            return super().listen(windows, language=language)

    assert WordsWriter(store, load=Deleting).write_waiting() == 2
    assert stored(store, second).words is not None
