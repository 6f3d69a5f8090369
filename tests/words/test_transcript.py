"""A report and the words of its call: what they change in it, and what goes wrong."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from heard_calls import ENGLISH, SAMPLE, Parrot, scored
from stub_classifier import stub_classifier

from calmscore.analysis.call import analyze_recording
from calmscore.analysis.report import CallReport
from calmscore.audio.recording import Recording
from calmscore.errors import ArtifactError, TranscriberError
from calmscore.words import transcript
from calmscore.words.transcriber import HeardWord, Language
from calmscore.words.transcript import with_words
from calmscore.words.windows import Window


def test_the_report_with_words_is_read_back_the_same(sample):
    report = with_words(*sample, load=lambda: ENGLISH)
    assert report.words.turns and report.words.language == "en"
    assert CallReport.from_dict(report.to_dict()) == report


GREETS = "Thank you for calling Acme how can I help you"
COMPLAINS = "I'm calling because my order never came and I want to cancel it"


class Saying(Parrot):
    """Says one text on the agent's side and another one on the customer's, by the report."""

    def __init__(self, agent: str, customer: str) -> None:
        super().__init__(Language(code="en", probability=1.0))
        self.texts = (agent, customer)

    def listen(self, windows: Sequence[Window], *, language: str) -> list[list[HeardWord]]:
        # The agent's windows come first, the customer's last.
        places = {0: self.texts[0], len(windows) - 1: self.texts[1]}
        return [
            [
                HeardWord(
                    text=word,
                    start_seconds=window.pieces[0].in_window_seconds + 0.1,
                    end_seconds=window.pieces[0].in_window_seconds + 0.2,
                )
                for word in places.get(place, "").split()
            ]
            for place, window in enumerate(windows)
        ]


class Analyses:
    """Analyses with the stub, and counts how often it is asked to."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, recording, **how) -> CallReport:
        self.count += 1
        return analyze_recording(recording, classifier=stub_classifier(), **how)


def codes(report: CallReport) -> list[str]:
    return [notice.code for notice in report.warnings]


def said_by(report: CallReport, speaker: str) -> str:
    return " ".join(turn.text for turn in report.words.turns if turn.speaker == speaker)


def test_whoever_was_taken_for_the_customer_and_speaks_like_an_agent_is_not_scored(sample):
    report, recording = sample
    analyse = Analyses()
    told = with_words(
        report, recording, load=lambda: Saying(agent=COMPLAINS, customer=GREETS), analyse=analyse
    )
    assert analyse.count == 1
    assert (report.call.customer_channel, told.call.customer_channel) == ("left", "right")
    assert told.speakers.customer_from == "words" and told.speakers.doubt < 0.3
    assert "customer_by_words" in codes(told) and "customer_channel_guessed" not in codes(told)
    assert told.score != report.score
    # The words stand under the names that they give.
    assert said_by(told, "agent") == GREETS and said_by(told, "customer") == COMPLAINS
    assert all((turn.emotions is None) == (turn.speaker == "agent") for turn in told.words.turns)
    # Once is enough.
    again = with_words(
        told, recording, load=lambda: Saying(agent=GREETS, customer=COMPLAINS), analyse=analyse
    )
    assert analyse.count == 1 and again.call == told.call


def test_words_that_agree_lower_the_doubt_and_nothing_is_analysed_again(sample):
    report, recording = sample
    analyse = Analyses()
    told = with_words(
        report, recording, load=lambda: Saying(agent=GREETS, customer=COMPLAINS), analyse=analyse
    )
    assert analyse.count == 0
    assert told.speakers.doubt < report.speakers.doubt
    assert told.score == report.score and codes(told) == codes(report)


def beginning_at_once(report: CallReport, recording: Recording) -> Recording:
    """Let the customer talk while the agent greets, and end a silence, as agents do."""
    own = [turn for turn in report.talk.turns if turn.speaker == "customer"]
    customer, later = own[0], own[len(own) // 2]
    start = round(min(turn.start_seconds for turn in report.talk.turns) * 16_000)
    first, last = (round(at * 16_000) for at in (customer.start_seconds, customer.end_seconds))
    samples = recording.samples.copy()
    samples[0, start : start + last - first] = samples[0, first:last]
    end = round(later.start_seconds * 16_000)
    samples[:, end - 9 * 16_000 : end] = 0.0
    return replace(recording, samples=samples)


def test_where_nothing_else_tells_the_words_decide_and_the_call_is_scored(sample):
    recording = beginning_at_once(*sample)
    report = scored(recording)
    assert report.score.value is None and codes(report) == ["customer_unclear"]
    taken, other = report.call.customer_channel, {"left": "right", "right": "left"}
    for texts, customer in (((GREETS, COMPLAINS), taken), ((COMPLAINS, GREETS), other[taken])):
        told = with_words(report, recording, load=partial(Saying, *texts), analyse=Analyses())
        assert told.call.customer_channel == customer
        assert told.score.value is not None and told.speakers.customer_from == "words"
        assert "customer_by_words" in codes(told) and "customer_unclear" not in codes(told)
        assert said_by(told, "customer") == COMPLAINS
    silent = with_words(report, recording, load=lambda: Saying(agent="yes", customer="no"))
    assert silent.score.value is None and codes(silent) == codes(report)


def with_a_hello(report: CallReport, recording: Recording) -> Recording:
    """Let the customer answer the telephone, as who is called does."""
    own = next(turn for turn in report.talk.turns if turn.speaker == "customer")
    first = round(own.start_seconds * 16_000)
    before = np.zeros((2, 3 * 16_000), dtype=recording.samples.dtype)
    before[0, 16_000:32_000] = recording.samples[0, first : first + 16_000]
    return replace(
        recording, samples=np.concatenate([before, recording.samples], axis=1),
        duration_seconds=recording.duration_seconds + 3.0,
    )  # fmt: skip


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_where_a_direction_was_given_words_that_contradict_it_withhold_the_score(sample, direction):
    recording = sample[1] if direction == "inbound" else with_a_hello(*sample)
    report = analyze_recording(recording, classifier=stub_classifier(), direction=direction)
    assert report.score.value is not None and report.speakers.customer_from == "direction"
    told = with_words(
        report, recording, load=lambda: Saying(agent=COMPLAINS, customer=GREETS),
        analyse=Analyses(),
    )  # fmt: skip
    assert told.score.value is None and told.speakers.customer_from is None
    assert "customer_unclear" in codes(told)
    assert not any(segment.heard for segment in told.segments)
    # Nothing is read from words that may be the agent's.
    assert all(turn.emotions is None for turn in told.words.turns)


def test_a_side_that_somebody_chose_stays_and_a_contradiction_is_told(sample):
    _, recording = sample
    chosen = analyze_recording(recording, classifier=stub_classifier(), customer_channel="left")
    analyse = Analyses()
    told = with_words(
        chosen, recording, load=lambda: Saying(agent=COMPLAINS, customer=GREETS), analyse=analyse
    )
    assert analyse.count == 0 and told.score == chosen.score
    assert told.speakers == chosen.speakers
    assert codes(told) == [*codes(chosen), "words_other_side"]
    agreeing = with_words(chosen, recording, load=lambda: Saying(agent=GREETS, customer=COMPLAINS))
    assert codes(agreeing) == codes(chosen)


def test_a_call_that_cannot_be_analysed_again_keeps_its_report_and_says_so(sample):
    report, recording = sample

    def broken_model(recording, **how):
        raise ArtifactError("model.keras is not there")

    told = with_words(
        report, recording, load=lambda: Saying(agent=COMPLAINS, customer=GREETS),
        analyse=broken_model,
    )  # fmt: skip
    assert told.score == report.score and told.words.turns
    assert "words_other_side" in codes(told)


def test_without_the_model_of_emotions_the_words_are_there(sample, monkeypatch):
    def gone(artifacts):
        raise ArtifactError(f"{artifacts}: text_emotion.onnx is not there")

    monkeypatch.setattr("calmscore.words.expressed.load_text_classifier", gone)
    told = with_words(*sample, load=lambda: ENGLISH)
    assert told.words.turns and told.words.turns[0].emotions is None
    assert told.warnings[-1].code == "words_not_read"
    assert "text_emotion.onnx" in told.warnings[-1].message


def broken():
    raise TranscriberError("the transcriber x cannot be loaded (no); set CALMSCORE_TRANSCRIBER")


def faulty():
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("load", "code"),
    [
        (broken, "words_missing"),
        (faulty, "words_missing"),
        (lambda: Parrot(Language(code="cy", probability=0.3)), "words_language"),
    ],
)
def test_what_goes_wrong_is_a_notice_and_the_score_stays(sample, load, code):
    report, recording = sample
    told = with_words(report, recording, load=load)
    assert told.words is None
    assert [notice.code for notice in told.warnings][-1] == code
    assert told.score == report.score and told.segments == report.segments
    # Asked again, it says so once.
    again = with_words(told, recording, load=load)
    assert [notice.code for notice in again.warnings].count(code) == 1


def test_turned_off_nothing_is_said_about_words(sample, monkeypatch):
    monkeypatch.setenv("CALMSCORE_TRANSCRIBER", "off")
    report, recording = sample
    assert with_words(report, recording) == report


def test_the_command_prints_words(monkeypatch, capsys, tmp_path):
    from calmscore.cli import inference

    monkeypatch.setattr("calmscore.analysis.call.load_classifier", stub_classifier)
    monkeypatch.setattr(transcript, "load_transcriber", lambda: ENGLISH)
    defaults = transcript.with_words.__kwdefaults__ or {}
    monkeypatch.setattr(
        transcript.with_words, "__kwdefaults__", {**defaults, "load": lambda: ENGLISH}
    )
    for options, seen in (([], "  Words (en)"), (["--format", "json"], '"language": "en"')):
        with pytest.raises(SystemExit) as ended:
            inference([str(SAMPLE), "--transcript", *options])
        assert ended.value.code == 0
        assert seen in capsys.readouterr().out
    table = Path(tmp_path / "turns.csv")
    with pytest.raises(SystemExit):
        inference([str(SAMPLE), "--transcript", "--format", "csv", "--output", str(table)])
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert {row["speaker"] for row in rows} == {"agent", "customer"}
    assert {row["text"] for row in rows} == {"word"}
