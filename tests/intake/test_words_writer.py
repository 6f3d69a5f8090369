"""Words of stored calls: written down in the background, whatever happens to their call."""

from __future__ import annotations

import io

import pytest
from fixed_transcriber import FixedTranscriber
from made_calls import CALM, WORSE, made_recording, made_report
from waiting import PATIENCE_SECONDS, until

from calmscore.analysis.report import CallReport
from calmscore.errors import TranscriberError
from calmscore.intake.words_writer import PassingWords, WordsWriter
from calmscore.store import Store
from calmscore.store.alert_rules import AlertRule, add_rule
from calmscore.store.audit import list_events
from calmscore.store.calls import list_calls
from calmscore.store.reports import list_reports, read_report
from calmscore.store.schema import Alert
from calmscore.store.words import words_state
from calmscore.words.transcriber import HeardWord

pytestmark = pytest.mark.usefixtures("words_on")


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
    writer = WordsWriter(store, load=FixedTranscriber)
    assert writer.write_waiting() == 3
    assert writer.write_waiting() == 0
    for call_id in calls:
        assert [turn.text for turn in stored(store, call_id).words.turns] == ["hello"]
        assert writer.progress_of(call_id) is None


def test_in_the_background_it_comes_by_itself(store, monkeypatch):
    monkeypatch.setattr("calmscore.intake.words_writer._LOOK_EVERY_SECONDS", 0.02)
    writer = WordsWriter(store, load=FixedTranscriber)
    writer.start()
    writer.start()
    call_id = add(store)
    until(lambda: stored(store, call_id).words is not None)
    writer.stop()


def test_where_words_are_off_calls_go_on_waiting(store, monkeypatch):
    call_id = add(store)
    monkeypatch.setenv("CALMSCORE_TRANSCRIBER", "off")
    assert WordsWriter(store, load=FixedTranscriber).write_waiting() == 0
    monkeypatch.delenv("CALMSCORE_TRANSCRIBER")
    assert WordsWriter(store, load=FixedTranscriber).write_waiting() == 1
    assert stored(store, call_id).words is not None


def test_what_nobody_keeps_is_written_down_too(store):
    report = stored(store, add(store))
    under_way = PassingWords(load=FixedTranscriber).begin(report, io.BytesIO(made_recording(0)))
    told = under_way.report.result(PATIENCE_SECONDS)
    assert [turn.text for turn in told.words.turns] == ["hello"]
    assert under_way.share == 1.0
    broken = PassingWords(load=FixedTranscriber).begin(report, io.BytesIO(b"RIFF"))
    assert broken.report.result(PATIENCE_SECONDS).warnings[-1].code == "words_missing"


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
    assert WordsWriter(store, load=FixedTranscriber).write_waiting() == 1
    assert [notice.code for notice in stored(store, call_id).warnings] == ["words_missing"]


def test_a_call_that_is_deleted_meanwhile_ends_nothing(store):
    first, second = add(store, 0), add(store, 1)

    class Deleting(FixedTranscriber):
        def listen(self, windows, *, language):
            with store.database.reading() as session:
                there = words_state(session, first)
            if there:
                store.delete_call(first, actor="tester")
            return super().listen(windows, language=language)

    assert WordsWriter(store, load=Deleting).write_waiting() == 2
    assert stored(store, second).words is not None


GREETS = "Thank you for calling Acme how can I help you"
COMPLAINS = "I'm calling because my order never came"


class Exchanged(FixedTranscriber):
    """Lets whoever the report takes for the customer speak like an agent."""

    def listen(self, windows, *, language):
        # The agent's window comes first.
        return [
            [
                HeardWord(text=word, start_seconds=0.1, end_seconds=0.4)
                for word in (COMPLAINS if place == 0 else GREETS).split()
            ]
            for place, _ in enumerate(windows)
        ]


def talking(number: int, *, channel: str = "left", customer_from: str = "greeting") -> CallReport:
    document = made_report(
        WORSE if channel == "left" else CALM,
        recording=made_recording(number),
        customer_channel=channel,
    ).to_dict()
    document["speakers"]["customer_from"] = customer_from
    document["talk"]["turns"] = [
        {"speaker": "agent", "start_seconds": 0.0, "end_seconds": 2.0},
        {"speaker": "customer", "start_seconds": 2.5, "end_seconds": 4.0},
    ]
    return CallReport.from_dict(document)


def again(recording, **how) -> CallReport:
    """Analyse the call as if its words told that the customer is on the right."""
    return talking(0, channel="right", customer_from="words")


def keep_talking(store: Store, report: CallReport) -> None:
    store.add_call(report, io.BytesIO(made_recording(0)), actor="tester")


def test_a_report_of_the_agents_voice_gives_way_to_one_of_the_customers(store):
    keep_talking(store, talking(0))
    call_id = talking(0).call.id
    assert WordsWriter(store, load=Exchanged, analyse=again).write_waiting() == 1
    after = stored(store, call_id)
    assert (after.call.customer_channel, after.speakers.customer_from) == ("right", "words")
    assert after.score == again(None).score
    said = {turn.speaker: turn.text for turn in after.words.turns}
    assert said == {"agent": GREETS, "customer": COMPLAINS}
    with store.database.reading() as session:
        # Nothing is left of how the agent sounded.
        assert [row.customer_channel for row in list_reports(session, call_id)] == ["right"]
        (row,) = list_calls(session)
        actions = [(event.actor, event.action) for event in list_events(session)]
    assert row.outcome == after.score.outcome
    assert ("words", "call analysed again") in actions
    assert WordsWriter(store, load=Exchanged, analyse=again).write_waiting() == 0


@pytest.mark.parametrize("meanwhile", ["somebody chose a side", "it was deleted"])
def test_what_happened_meanwhile_is_not_undone(store, meanwhile):
    first = talking(0)
    keep_talking(store, first)

    class Meanwhile(Exchanged):
        def listen(self, windows, *, language):
            if meanwhile == "it was deleted":
                store.delete_call(first.call.id, actor="tester")
            else:
                keep_talking(store, talking(0, customer_from="chosen"))
            return super().listen(windows, language=language)

    assert WordsWriter(store, load=Meanwhile, analyse=again).write_waiting() == 1
    with store.database.reading() as session:
        left = [row.customer_channel for row in list_reports(session, first.call.id)]
    if meanwhile == "it was deleted":
        assert left == []
        return
    assert left == ["left"]
    assert stored(store, first.call.id).speakers.customer_from == "chosen"


def test_words_that_agree_lower_the_stored_doubt(store):
    class Agreeing(FixedTranscriber):
        def listen(self, windows, *, language):
            texts = (GREETS, COMPLAINS)
            return [
                [HeardWord(text=word, start_seconds=0.1, end_seconds=0.4) for word in text.split()]
                for text in texts[: len(windows)]
            ]

    keep_talking(store, talking(0))
    assert WordsWriter(store, load=Agreeing, analyse=again).write_waiting() == 1
    after = stored(store, talking(0).call.id)
    assert after.speakers.customer_from == "greeting" and after.speakers.doubt < 0.01
    assert after.score == talking(0).score and after.words.turns


def test_a_rule_for_alerts_is_held_against_words_once_they_are_written(store):
    with store.database.writing() as session:
        add_rule(session, AlertRule(name="Greeted", phrases=("hello",)))
    add(store)

    def found() -> int:
        with store.database.reading() as session:
            return session.query(Alert).count()

    assert found() == 0
    assert WordsWriter(store, load=FixedTranscriber).write_waiting() == 1
    assert found() == 1
