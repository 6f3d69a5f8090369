"""Voice and words side by side: where they disagree, and what the score of both holds to."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from said_calls import MATTER_OF_FACT, leaning, said_call

from calmscore.analysis.call_score import INSUFFICIENT_EVIDENCE, CallScore
from calmscore.analysis.report import SEGMENT_COLUMNS, CallReport, segment_rows, turn_rows
from calmscore.analysis.scoring import WIDEST_INTERVAL, score_probabilities
from calmscore.analysis.voice_and_words import (
    DISAGREEMENT_CODE,
    WHAT_DISAGREES,
    beside_the_voice,
    disagreement_of_moments,
    disagreements,
    joined_probabilities,
    joined_score,
    of_voice_alone,
    voice_alone,
)
from calmscore.emotions import DISTRESS_WEIGHTS, EMOTIONS

WEIGHTS = np.array(DISTRESS_WEIGHTS)
CALM, ANGRY, FRIENDLY = leaning("neutral"), leaning("anger"), leaning("happy")


@st.composite
def calls(draw, min_rows=4, max_rows=16):
    """Random probabilities of voice and words, with words in some segments; random speech."""
    count = draw(st.integers(min_rows, max_rows))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sureness = draw(st.sampled_from((0.1, 0.5, 2.0)))
    voice, words = generator.dirichlet(np.full(len(EMOTIONS), sureness), size=(2, count))
    said = generator.random(count) < 0.7
    said[0] = True
    return voice, [row if there else None for row, there in zip(words, said, strict=True)]


def both(voice, words, **options) -> CallReport:
    return joined_score(said_call(voice, words, **options), matter_of_fact=MATTER_OF_FACT)


def unheld(score: CallScore) -> float:
    return score.start_value + sum(change.points for change in score.transitions)


def calmer(row: np.ndarray, strength: float) -> np.ndarray:
    """Make each emotion the less likely the more it distresses."""
    tilted = row * np.exp(-strength * WEIGHTS)
    return tilted / tilted.sum()


@given(calls())
def test_the_value_is_within_bounds_and_the_same_every_time(call):
    report = both(*call)
    assert 1.0 <= report.score.low <= report.score.value <= report.score.high <= 10.0
    assert report == both(*call)
    assert report.score.score_from == "voice_and_words"
    for segment in report.segments:
        assert sum(segment.probabilities) == pytest.approx(1.0)
        assert 0.0 <= segment.distress <= 1.0


@given(calls())
def test_the_voice_alone_stands_beside_it_and_can_be_had_back(call):
    alone = said_call(*call)
    report = both(*call)
    told = report.score.voice_alone
    assert (told.value, told.low, told.high) == (
        alone.score.value, alone.score.low, alone.score.high,
    )  # fmt: skip
    assert voice_alone(report).score == alone.score
    assert voice_alone(report).segments == alone.segments
    # Joined again, it is joined once.
    assert joined_score(report, matter_of_fact=MATTER_OF_FACT) == report


@given(calls())
def test_matter_of_fact_words_move_nothing(call):
    voice, words = call
    plain = [None if row is None else np.array(MATTER_OF_FACT) for row in words]
    report = both(voice, plain)
    assert report.score.value == pytest.approx(said_call(voice, plain).score.value, abs=1e-9)


@given(calls())
def test_words_weigh_only_where_there_are_words(call):
    voice, words = call
    alone, report = said_call(voice, words), both(voice, words)
    for before, after, row in zip(alone.segments, report.segments, words, strict=True):
        if row is None:
            assert after.probabilities == before.probabilities
    silent = both(voice, [None] * len(voice))
    assert silent.score.score_from == "voice" and silent.score.voice_alone is None


@given(calls(), st.sampled_from(["agent", None]))
def test_nobody_elses_words_weigh(call, speaker):
    alone = said_call(*call, speaker=speaker)
    assert joined_score(alone, matter_of_fact=MATTER_OF_FACT) == alone
    beside = beside_the_voice(alone)
    assert beside.words.segments == () and beside.warnings == ()


@given(calls(), st.floats(0.0, 5.0), st.data())
def test_calmer_words_or_a_calmer_voice_in_the_last_third_never_lower_the_score(
    call, strength, data
):
    voice, words = call
    count = len(voice)
    place = data.draw(st.integers(-(-2 * count // 3), count - 1))
    words[place] = data.draw(st.sampled_from([CALM, ANGRY, FRIENDLY, leaning("sad", 0.5)]))
    # The probabilities that the pooling gets: inertia would spread a change to neighbours.
    table = np.array([segment.probabilities for segment in said_call(voice, words).segments])
    said = np.array([row is not None for row in words], dtype=float)
    spoken = np.array([CALM if row is None else row for row in words])

    def level(voices, texts):
        rows = joined_probabilities(voices, texts, matter_of_fact=MATTER_OF_FACT, shares=said)
        return float(rows[place] @ WEIGHTS)

    changed = spoken.copy()
    changed[place] = calmer(spoken[place], strength)
    # What is rarer than one in a hundred counts as one in a hundred: hence the tolerance.
    assert level(table, changed) <= level(table, spoken) + 0.01
    softer = table.copy()
    softer[place] = calmer(table[place], strength)
    assert level(softer, spoken) <= level(table, spoken) + 1e-9
    gentle = [
        calmer(row, strength) if index == place and row is not None else row
        for index, row in enumerate(words)
    ]
    assert both(voice, gentle).score.value >= both(voice, words).score.value - 0.05


@given(calls())
def test_what_is_said_at_the_end_counts_more_than_at_the_beginning(call):
    voice = [CALM] * len(call[0])
    effects = []
    for place in (0, -1):
        words = [ANGRY if index == place % len(voice) else None for index in range(len(voice))]
        report = both(voice, words)
        effects.append(abs(unheld(report.score) - unheld(said_call(voice, words).score)))
    assert effects[1] > effects[0] > 0.0


@given(calls(max_rows=10))
def test_doubling_every_segment_keeps_the_score(call):
    # Inertia knows seconds, so the probabilities are doubled as they are pooled.
    voice, words = call
    report = both(voice, words)
    rows = np.repeat([segment.probabilities for segment in report.segments], 2, axis=0)
    doubled = score_probabilities(rows, speech_seconds=np.full(len(rows), 3.0))
    assert doubled.value == pytest.approx(report.score.value, abs=0.3)


@given(calls())
def test_silence_at_either_end_changes_nothing(call):
    voice, words = list(call[0]), list(call[1])
    spoken = both(voice, words).score
    silent = both([None, *voice, None, None], [None, *words, None, None]).score
    assert silent.value == pytest.approx(spoken.value, abs=1e-9)
    assert (silent.low, silent.high) == pytest.approx((spoken.low, spoken.high), abs=1e-9)
    assert silent.outcome == spoken.outcome and silent.coverage == spoken.coverage


@given(calls())
def test_words_make_nobody_surer_of_the_voice(call):
    score = both(*call).score
    alone = score.voice_alone
    assert score.value - score.low >= min(alone.value - alone.low, score.value - 1.0) - 1e-9
    assert score.high - score.value >= min(alone.high - alone.value, 10.0 - score.value) - 1e-9
    assert (score.outcome == INSUFFICIENT_EVIDENCE) == (score.high - score.low > WIDEST_INTERVAL)


@given(calls(min_rows=1, max_rows=3))
def test_words_make_no_score_where_there_is_none(call):
    report = both(*call)
    assert (report.score.value, report.score.score_from) == (None, "voice")


def test_words_count_as_much_as_they_fill_the_speech():
    row = joined_probabilities(
        [CALM] * 3, [ANGRY] * 3, matter_of_fact=MATTER_OF_FACT, shares=[0.0, 0.5, 1.0]
    )
    levels = row @ WEIGHTS
    assert row[0] == pytest.approx(CALM)
    assert levels[0] < levels[1] < levels[2]


def test_angry_words_in_a_calm_voice_are_named():
    report = beside_the_voice(said_call([CALM] * 8, [None] * 4 + [ANGRY] * 2 + [CALM] * 2))
    assert [row.disagreement for row in report.words.segments] == [
        "voice_calm", "voice_calm", None, None,
    ]  # fmt: skip
    assert disagreements(report) == [(12.0, 18.0, "voice_calm")]
    (notice,) = report.warnings
    assert (notice.code, notice.at_seconds) == (DISAGREEMENT_CODE, 12.0)
    assert notice.message == "At 0:12: the voice sounded calm, the words did not: listen."
    assert beside_the_voice(report) == report


def test_friendly_words_in_an_angry_voice_are_named_and_matter_of_fact_ones_are_not():
    friendly = beside_the_voice(
        said_call([ANGRY] * 6, [FRIENDLY, None, FRIENDLY, None, CALM, CALM])
    )
    assert [row.disagreement for row in friendly.words.segments] == [
        "voice_distressed", "voice_distressed", None, None,
    ]  # fmt: skip
    (notice,) = friendly.warnings
    assert notice.message.startswith("At 0:00 and in 1 more place: the words were friendly")


def test_a_moment_says_that_voice_and_words_disagree():
    voice = [ANGRY] * 5 + [CALM] * 5
    report = beside_the_voice(said_call(voice, [None] * 7 + [ANGRY] * 2 + [None]))
    assert disagreement_of_moments(report) == [WHAT_DISAGREES["voice_calm"]]
    quiet = beside_the_voice(said_call(voice, [None] * 7 + [CALM] * 3))
    assert disagreement_of_moments(quiet) == [""]


def test_only_the_moments_within_a_disagreement_say_so():
    voice = [ANGRY] * 5 + [CALM] * 5 + [ANGRY] * 5 + [CALM] * 5
    report = beside_the_voice(said_call(voice, [None] * 7 + [ANGRY] * 2 + [None] * 11))
    told = disagreement_of_moments(report)
    assert len(told) == len(report.score.transitions) > 2
    assert told.count(WHAT_DISAGREES["voice_calm"]) == 1
    assert told.count("") == len(told) - 1


def test_the_voice_is_compared_also_where_the_score_is_made_of_both():
    voice, words = [CALM] * 8, [ANGRY] * 8
    report = beside_the_voice(both(voice, words))
    expected = said_call(voice, words).segments
    for row, segment in zip(report.words.segments, expected, strict=True):
        assert row.voice_distress == segment.smoothed_distress
    assert report.segments[0].distress > expected[0].distress


def test_a_report_of_both_survives_json_and_has_its_columns():
    report = beside_the_voice(both([CALM] * 8, [ANGRY] * 4 + [None] * 4))
    document = json.loads(json.dumps(report.to_dict()))
    assert document["score"]["from"] == "voice_and_words"
    assert document["score"]["voice_alone"]["outcome"] == "calm throughout"
    assert CallReport.from_dict(document) == report
    rows = segment_rows(report)
    assert set(rows[0]) == {"file_name", "score", "outcome", *SEGMENT_COLUMNS}
    assert rows[0]["words_distress"] > 0.5 > rows[0]["voice_distress"]
    assert rows[0]["disagreement"] == "voice_calm"
    assert rows[-1]["words_distress"] is None
    assert turn_rows(report)[0]["distress"] > 0.5


def test_a_report_of_the_voice_has_no_field_of_both():
    document = said_call([CALM] * 4, [None] * 4).to_dict()
    assert not {"from", "voice_alone"} & set(document["score"])
    report = CallReport.from_dict(document)
    assert report.score.score_from == "voice"
    assert replace(report, words=None) == beside_the_voice(replace(report, words=None))


def test_the_voice_alone_is_told_in_one_line():
    score = both([CALM] * 8, [ANGRY] * 8).score.voice_alone
    line = of_voice_alone(score)
    assert line.startswith(f"by the voice alone {score.value:.1f} (")
    assert line.endswith("calm throughout")
