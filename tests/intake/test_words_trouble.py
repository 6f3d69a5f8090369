"""Real recordings through the queue whose words cannot be had: a plain notice, the same score."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fixed_transcriber import FixedTranscriber
from sqlalchemy import event
from stub_classifier import stub_classifier
from waiting import until
from waiting_uploads import until_ended

from calmscore.analysis.report import CallReport
from calmscore.errors import StoreError
from calmscore.intake import words_writer
from calmscore.intake.queue import CallQueue
from calmscore.intake.words_writer import WordsWriter
from calmscore.locations import shipped
from calmscore.store import Store
from calmscore.store.reports import read_report
from calmscore.store.words import words_state
from calmscore.words.transcriber import load_transcriber

pytestmark = pytest.mark.usefixtures("words_on")

SAMPLE = shipped("samples") / "calms_down.wav"
SHIPPED = shipped("artifacts") / "transcriber"
PLAIN_WORDS_FOR_NOTHING = ("Traceback", "Error(", "0x")


@pytest.fixture(scope="module")
def speech() -> bytes:
    """Half a minute of a real call."""
    sound, rate = soundfile.read(SAMPLE, stop=30 * 8_000)
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format="WAV", subtype="ULAW")
    return file.getvalue()


def scored(store: Store, content: bytes, name: str = "call.wav") -> CallReport:
    """Send a recording through the queue and return its stored report."""
    queue = CallQueue(store, load=stub_classifier, at_once=1)
    queue.start()
    try:
        job = queue.add_stream(
            io.BytesIO(content), parameters={"file_name": name, "actor": "tester"}
        )
        (ended,) = until_ended(store, [job.id])
    finally:
        queue.stop()
    assert ended.state == "done", ended.error_message
    return stored(store, str(ended.call_id))


def stored(store: Store, call_id: str) -> CallReport:
    with store.database.reading() as session:
        return CallReport.from_dict(read_report(session, call_id))


def state_of(store: Store, call_id: str) -> str | None:
    with store.database.reading() as session:
        return words_state(session, call_id)


def with_noise_alone() -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).standard_normal((8_000 * 8, 2)) * 0.0005
    soundfile.write(file, noise, 8_000, format="WAV")
    return file.getvalue()


def damaged(folder: Path, name: str, change: Callable[[bytes], bytes]) -> str:
    """Copy the shipped model with one of its files changed."""
    shutil.copytree(SHIPPED, folder)
    (folder / name).write_bytes(change((SHIPPED / name).read_bytes()))
    return str(folder)


def told_without_words(store: Store, before: CallReport, code: str) -> str:
    """Check that a call has its score, no words and one plain notice; return the notice."""
    after = stored(store, before.call.id)
    assert after.words is None and after.score == before.score
    assert after.segments == before.segments
    assert state_of(store, before.call.id) == "done"
    added = [notice for notice in after.warnings if notice not in before.warnings]
    assert [notice.code for notice in added] == [code]
    assert not any(odd in added[0].message for odd in PLAIN_WORDS_FOR_NOTHING)
    assert "\n" not in added[0].message
    return added[0].message


def test_a_recording_without_speech(store):
    before = scored(store, with_noise_alone())
    assert before.score.value is None
    transcriber = FixedTranscriber()
    assert WordsWriter(store, load=lambda: transcriber).write_waiting() == 1
    message = told_without_words(store, before, "words_no_speech")
    assert "No words were heard" in message and transcriber.listened == 0


def test_a_language_that_the_model_does_not_know(store, speech):
    before = scored(store, speech)
    assert before.score.value is not None
    transcriber = FixedTranscriber(language="cy", sure=0.31)
    assert WordsWriter(store, load=lambda: transcriber).write_waiting() == 1
    message = told_without_words(store, before, "words_language")
    assert "31%" in message and transcriber.listened == 0


BROKEN: dict[str, Callable[[Path], str]] = {
    "a path that is not there": lambda folder: str(folder / "nowhere"),
    "a file instead of a folder": lambda folder: (
        damaged(folder, "config.json", bytes) + "/model.bin"
    ),
    "a model cut off in the middle": lambda folder: damaged(
        folder, "model.bin", lambda content: content[: len(content) // 2]
    ),
    "a model of random bytes": lambda folder: damaged(
        folder, "model.bin", lambda content: np.random.default_rng(0).bytes(4096)
    ),
    "an empty model": lambda folder: damaged(folder, "model.bin", lambda content: b""),
    "a tokenizer that is no JSON": lambda folder: damaged(
        folder, "tokenizer.json", lambda content: content[:100]
    ),
    "a configuration that is no JSON": lambda folder: damaged(
        folder, "config.json", lambda content: b"{"
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_model_that_cannot_be_used(store, speech, tmp_path, monkeypatch, caplog, name):
    before = scored(store, speech)
    path = BROKEN[name](tmp_path / "model")
    monkeypatch.setenv("CALMSCORE_TRANSCRIBER", path)
    assert WordsWriter(store, load=load_transcriber).write_waiting() == 1
    message = told_without_words(store, before, "words_missing")
    # The page says whom to ask; what to set is for who reads the log.
    assert path in message and "ask whoever looks after Calmscore" in message
    assert "CALMSCORE_TRANSCRIBER" not in message
    assert "set CALMSCORE_TRANSCRIBER to" in caplog.text
    assert message.endswith("The score does not need them.")


def test_a_disk_without_room_is_waited_out_and_the_work_is_not_done_again(store, speech):
    before = scored(store, speech)
    full = {"pages": 1 << 30}

    @event.listens_for(store.database.engine, "checkout")
    def limit(connection, record, proxy):
        connection.execute(f"PRAGMA max_page_count = {full['pages']}")

    class FillsUp(FixedTranscriber):
        def listen(self, windows, *, language):
            # No page more than there is, and more words than go into them.
            full["pages"] = 1
            return [words * 5_000 for words in super().listen(windows, language=language)]

    transcriber = FillsUp()
    writer = WordsWriter(store, load=lambda: transcriber)
    for _ in range(2):
        with pytest.raises(StoreError, match="disk is not full"):
            writer.write_waiting()
        assert stored(store, before.call.id) == before
        assert state_of(store, before.call.id) == "waiting"
    listened = transcriber.listened
    full["pages"] = 1 << 30
    assert writer.write_waiting() == 1
    assert transcriber.listened == listened
    after = stored(store, before.call.id)
    assert after.words is not None and after.score == before.score
    assert after.warnings == before.warnings


def test_in_the_background_it_says_what_is_wrong_until_it_is_mended(store, speech, monkeypatch):
    before = scored(store, speech)
    for name in ("_LOOK_EVERY_SECONDS", "_RETRY_SECONDS"):
        monkeypatch.setattr(f"calmscore.intake.words_writer.{name}", 0.02)
    broken = {"store": True}
    keep = words_writer.keep_words

    def keeping(*arguments, **options):
        if broken["store"]:
            raise StoreError("the disk of the data folder is full; make room")
        return keep(*arguments, **options)

    monkeypatch.setattr(words_writer, "keep_words", keeping)
    writer = WordsWriter(store, load=FixedTranscriber)
    writer.start()
    try:
        until(lambda: writer.trouble == "the disk of the data folder is full; make room")
        broken["store"] = False
        until(lambda: state_of(store, before.call.id) == "done")
        until(lambda: not writer.trouble)
    finally:
        writer.stop()
