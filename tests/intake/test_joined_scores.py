"""A score of voice and words: made when the words come, if the settings say so."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from fixed_transcriber import FixedTranscriber
from made_calls import CALM, made_recording, made_report
from waiting import PATIENCE_SECONDS

from calmscore.analysis.report import CallReport, Turn
from calmscore.intake.words_writer import PassingWords, WordsWriter
from calmscore.store import Store
from calmscore.store.calls import list_calls
from calmscore.store.settings import Settings, write_settings
from calmscore.words.transcriber import HeardWord
from intake.test_words_writer import stored

pytestmark = pytest.mark.usefixtures("words_on")

SAID = ["i", "hate", "this", "i", "am", "so", "angry", "with", "you"]


class Complaining(FixedTranscriber):
    def listen(self, windows, *, language):
        return [
            [
                HeardWord(text=word, start_seconds=0.2 * place, end_seconds=0.2 * place + 0.15)
                for place, word in enumerate(SAID)
            ]
            for _ in windows
        ]


def calm_call(number: int = 0) -> CallReport:
    report = made_report(CALM, recording=made_recording(number))
    segments = tuple(replace(segment, heard=segment.probabilities) for segment in report.segments)
    turns = (Turn(speaker="customer", start_seconds=0.0, end_seconds=2.0),)
    return replace(report, segments=segments, talk=replace(report.talk, turns=turns))


def add(store: Store, number: int = 0) -> str:
    report = calm_call(number)
    store.add_call(report, io.BytesIO(made_recording(number)), actor="tester")
    return report.call.id


def set_to(store: Store, source: str) -> None:
    with store.database.writing() as session:
        write_settings(session, Settings(score_from=source))


def write(store: Store) -> int:
    return WordsWriter(store, load=Complaining).write_waiting()


def test_the_score_stays_the_voices_unless_the_settings_say_otherwise(store):
    call_id = add(store)
    assert write(store) == 1
    report = stored(store, call_id)
    assert report.score == calm_call().score
    (row,) = report.words.segments
    assert (row.index, row.disagreement) == (0, "voice_calm")
    assert [notice.code for notice in report.warnings] == ["voice_and_words_disagree"]


def test_a_score_of_both_takes_the_voices_place_and_keeps_it_beside(store):
    set_to(store, "voice_and_words")
    call_id = add(store)
    assert write(store) == 1
    report, alone = stored(store, call_id), calm_call().score
    assert report.score.score_from == "voice_and_words"
    assert report.score.voice_alone.value == alone.value != report.score.value
    assert [notice.code for notice in report.warnings] == ["voice_and_words_disagree"]
    with store.database.reading() as session:
        (row,) = list_calls(session)
    assert row.score == report.score.value
    assert report.segments[0].distress > calm_call().segments[0].distress
    assert report.segments[5].probabilities == calm_call().segments[5].probabilities


def test_calls_that_are_here_keep_their_score_when_the_setting_changes(store):
    first = add(store, 0)
    write(store)
    set_to(store, "voice_and_words")
    second = add(store, 1)
    write(store)
    assert stored(store, first).score.score_from == "voice"
    assert stored(store, second).score.score_from == "voice_and_words"


def test_a_call_analysed_again_waits_for_its_words_again(store):
    set_to(store, "voice_and_words")
    call_id = add(store)
    write(store)
    add(store)
    assert stored(store, call_id).score.score_from == "voice"
    assert write(store) == 1
    assert stored(store, call_id).score.score_from == "voice_and_words"


def test_a_side_that_somebody_chose_is_scored_by_both_too(store):
    set_to(store, "voice_and_words")
    report = calm_call()
    report = replace(report, speakers=replace(report.speakers, customer_from="chosen"))
    store.add_call(report, io.BytesIO(made_recording(0)), actor="tester")
    write(store)
    assert stored(store, report.call.id).score.score_from == "voice_and_words"


@pytest.mark.parametrize("source", ["voice", "voice_and_words"])
def test_a_call_that_nobody_keeps_follows_the_choice(source):
    under_way = PassingWords(load=Complaining).begin(
        calm_call(), io.BytesIO(made_recording(0)), score_from=source
    )
    assert under_way.report.result(PATIENCE_SECONDS).score.score_from == source


def test_the_environment_says_it_where_the_settings_do_not(store, monkeypatch):
    monkeypatch.setenv("CALMSCORE_SCORE_FROM", "voice_and_words")
    call_id = add(store)
    write(store)
    assert stored(store, call_id).score.score_from == "voice_and_words"
    set_to(store, "voice")
    other = add(store, 1)
    write(store)
    assert stored(store, other).score.score_from == "voice"
