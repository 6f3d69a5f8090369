"""Several recordings at once: each becomes a call, is told as known, or fails by name."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from made_calls import made_recording
from stub_classifier import stub_classifier

from calmscore.intake import take_in
from calmscore.intake.analysis_throttle import AnalysisThrottle
from calmscore.intake.queue import CallQueue
from calmscore.store import Store
from calmscore.store.calls import CallDetails, count_calls, list_calls

PATIENCE_SECONDS = 60


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.close()


@pytest.fixture
def queue(store) -> CallQueue:
    return CallQueue(store, analyses=AnalysisThrottle(stub_classifier()), actor="tester")


def add(queue: CallQueue, content: bytes, name: str, **options):
    return queue.add(io.BytesIO(content), file_name=name, **options)


def calls(store: Store):
    with store.database.reading() as session:
        return list_calls(session)


def test_the_good_ones_are_kept_and_the_broken_one_is_named(queue, store):
    good = [add(queue, made_recording(number), f"{number}.wav") for number in range(3)]
    bad = add(queue, b"Dear customer", "letter.wav")
    assert queue.wait(PATIENCE_SECONDS)
    assert [upload.state for upload in good] == ["added"] * 3
    assert (bad.state, bad.report) == ("failed", None)
    assert "letter.wav" in bad.message
    assert sorted(row.file_name for row in calls(store)) == ["0.wav", "1.wav", "2.wav"]
    assert all(row.has_audio for row in calls(store))


def test_a_recording_that_is_here_is_told_as_such(queue, store):
    add(queue, made_recording(), "first.wav")
    assert queue.wait(PATIENCE_SECONDS)
    again = add(queue, made_recording(), "second.wav")
    assert queue.wait(PATIENCE_SECONDS)
    assert again.state == "known"
    assert "first.wav" in again.message
    assert len(calls(store)) == 1


def test_the_same_recording_twice_in_one_go_is_one_call(queue, store):
    pair = [add(queue, made_recording(), name) for name in ("a.wav", "b.wav")]
    assert queue.wait(PATIENCE_SECONDS)
    assert sorted(upload.state for upload in pair) == ["added", "known"]
    assert len(calls(store)) == 1


def test_a_call_of_an_earlier_model_is_analysed_again(queue, store):
    add(queue, made_recording(), "a.wav")
    assert queue.wait(PATIENCE_SECONDS)
    newer = stub_classifier()
    newer.sha256 = "1" * 64
    later = CallQueue(store, analyses=AnalysisThrottle(newer), actor="tester")
    renewed = add(later, made_recording(), "a.wav")
    assert later.wait(PATIENCE_SECONDS)
    assert renewed.state == "renewed"
    assert len(calls(store)) == 1


def test_a_fault_of_one_is_told_without_its_details_and_stops_no_other(queue, store, monkeypatch):
    really = take_in.analyze_recording

    def broken(recording, **options):
        if recording.file_name == "broken.wav":
            raise RuntimeError("secret detail")
        return really(recording, **options)

    monkeypatch.setattr(take_in, "analyze_recording", broken)
    bad = add(queue, made_recording(0), "broken.wav")
    good = add(queue, made_recording(1), "good.wav")
    assert queue.wait(PATIENCE_SECONDS)
    assert (bad.state, good.state) == ("failed", "added")
    assert "fault in Calmscore" in bad.message
    assert "secret" not in bad.message


def test_the_agent_goes_with_the_call(queue, store):
    add(queue, made_recording(), "a.wav", details=CallDetails(agent="Dana"))
    assert queue.wait(PATIENCE_SECONDS)
    assert calls(store)[0].agent == "Dana"


def test_what_is_finished_can_be_forgotten(queue, store):
    add(queue, made_recording(), "a.wav")
    assert queue.wait(PATIENCE_SECONDS)
    assert not queue.running
    queue.clear()
    assert queue.items == []
    with store.database.reading() as session:
        assert count_calls(session) == 1
