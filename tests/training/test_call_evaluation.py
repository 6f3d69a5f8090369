"""Composed calls and the error of their score."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from stub_classifier import stub_classifier

from calmscore.analysis.cutting import Segment
from calmscore.analysis.distress import distress
from calmscore.analysis.report import Speakers, Talk
from calmscore.analysis.scoring import score_emotions
from calmscore.analysis.segments import SegmentedCall
from calmscore.emotions import EMOTIONS
from calmscore.network.classifier import DEFAULT_ARTIFACTS
from calmscore.training.call_evaluation import (
    SHIPPED,
    SMOOTHINGS,
    HeardCall,
    compare,
    hear,
    naming,
    score_with_words,
    shifted_to_usual,
    smoothed_score,
)
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.composed import TRAJECTORIES, compose_calls, emotion_sequence
from calmscore.words.text_emotion import load_text_classifier


def clips_of(speaker: str) -> list[Clip]:
    return [
        Clip(
            path=Path(f"{speaker}_{name}.wav"),
            corpus="crema-d",
            speaker=f"crema-d/{speaker}",
            emotion=name,
            original_emotion=name,
            valence="neutral",
            intensity=None,
            sentence=None,
        )
        for name in EMOTIONS
    ]


def tone_per_emotion(path: Path) -> np.ndarray:
    emotion = path.stem.split("_")[1]
    time = np.arange(16_000 * 2) / 16_000
    return np.float32(0.3) * np.sin(2 * np.pi * 100 * (5 + EMOTIONS.index(emotion)) * time).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def calls():
    return list(compose_calls(clips_of("1015"), read_clip=tone_per_emotion, segments=(8, 10)))


@pytest.mark.parametrize("trajectory", TRAJECTORIES)
def test_a_trajectory_keeps_its_shares_and_order(trajectory):
    emotions = emotion_sequence(trajectory, segments=20)
    expected = [name for name, share in TRAJECTORIES[trajectory] for _ in range(round(share * 20))]
    assert list(emotions) == expected


def test_every_trajectory_becomes_one_stereo_call_with_the_truth_on_its_clock(calls):
    assert [call.trajectory for call in calls] == list(TRAJECTORIES)
    for call in calls:
        assert call.recording.samples.shape == (2, len(call.emotions) * 48_000)
        assert not call.recording.samples[1].any()


def test_each_segment_holds_a_clip_of_its_emotion(calls):
    call = next(call for call in calls if call.trajectory == "neutral to anger")
    for index, emotion in enumerate(call.emotions):
        sound = call.recording.samples[0, index * 48_000 : index * 48_000 + 32_000]
        spectrum = np.abs(np.fft.rfft(sound.astype(np.float32)))
        loudest_hz = spectrum.argmax() * 16_000 / 32_000
        assert loudest_hz == pytest.approx(100 * (5 + EMOTIONS.index(emotion)), abs=2)


def test_the_same_seed_composes_the_same_calls(calls):
    again = list(compose_calls(clips_of("1015"), read_clip=tone_per_emotion, segments=(8, 10)))
    for first, second in zip(calls, again, strict=True):
        assert first.emotions == second.emotions
        np.testing.assert_array_equal(first.recording.samples, second.recording.samples)


def test_a_softer_line_makes_a_softer_call(calls):
    loud, soft = (
        next(compose_calls(clips_of("1015"), read_clip=tone_per_emotion, line_gain_db=(db, db)))
        for db in (0.0, -20.0)
    )
    ratio = np.std(soft.recording.samples[0].astype(float)) / np.std(
        loud.recording.samples[0].astype(float)
    )
    assert ratio == pytest.approx(0.1, rel=0.01)


def test_a_call_knows_the_clip_of_each_segment(calls):
    for call in calls:
        assert [name.split("_")[1] for name in call.clips] == list(call.emotions)


def heard_call(call, heard) -> HeardCall:
    """Return a call whose segments were all judged, and heard so."""
    segments = tuple(
        Segment(
            index=index, start_seconds=3.0 * index, end_seconds=3.0 * index + 3.0,
            speech_seconds=3.0, status="scored", samples=np.zeros(1, np.float16),
        )
        for index in range(len(heard))
    )  # fmt: skip
    segmented = SegmentedCall(
        customer_channel="left",
        speakers=Speakers(how="channels", customer_from="chosen", doubt=0.0),
        segments=segments,
        talk=Talk(
            customer_seconds=1.0, agent_seconds=0.0, silence_seconds=0.0, overtalk_seconds=0.0,
            longest_silence_seconds=0.0,
        ),
        warnings=(),
    )  # fmt: skip
    return HeardCall(
        call=call, segmented=segmented, heard=np.asarray(heard), votes=as_meant(call),
        truth=score_emotions(call.emotions),
    )  # fmt: skip


def as_meant(call) -> np.ndarray:
    return np.eye(len(EMOTIONS))[[EMOTIONS.index(name) for name in call.emotions]]


def test_who_is_heard_as_upset_in_many_ways_is_told_as_upset_not_as_the_likeliest_calm(calls):
    angry = next(call for call in calls if call.trajectory == "anger throughout")
    # Four negative emotions share what is not calm, and none of them leads.
    unsure = np.tile([0.18, 0.17, 0.17, 0.0, 0.32, 0.16], (len(angry.emotions), 1))
    named = naming([heard_call(angry, unsure)])
    assert named["likeliest"] == {"same_majority": 0.0, "same_side": 0.0, "contradicts": 1.0}
    assert named["told"] == {"same_majority": 1.0, "same_side": 1.0, "contradicts": 0.0}


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_a_call_in_which_no_speech_was_found_has_no_score_and_no_error(calls, smoothing):
    silent = heard_call(calls[0], np.zeros((0, len(EMOTIONS))))
    heard = [heard_call(call, as_meant(call)) for call in calls[:2]]
    row = compare([silent, *heard], partial(smoothed_score, smoothing=SMOOTHINGS[smoothing]))
    assert (row["calls"], row["without_score"]) == (2, 1)


def test_a_classifier_that_hears_what_listeners_hear_has_no_error(calls):
    perfect = [heard_call(call, as_meant(call)) for call in calls]
    figures = compare(perfect, partial(smoothed_score, smoothing=SMOOTHINGS["none"]))
    assert figures["calls"] == len(TRAJECTORIES)
    assert figures["mean_absolute_error"] == pytest.approx(0.0, abs=1e-9)
    assert figures["rank_correlation"] == pytest.approx(1.0)
    assert figures["interval_holds"] == figures["same_outcome"] == 1.0


def test_a_classifier_that_always_says_neutral_errs_by_the_distance_from_seven(calls):
    always = [heard_call(call, np.eye(6)[[4] * len(call.emotions)]) for call in calls]
    figures = compare(always, partial(smoothed_score, smoothing=SMOOTHINGS["none"]))
    assert figures["by_trajectory"]["neutral throughout"] == pytest.approx(0.0, abs=1e-9)
    assert figures["by_trajectory"]["anger throughout"] == pytest.approx(3.3, abs=0.01)
    assert figures["interval_holds"] < 0.5


def test_the_truth_of_a_call_is_the_score_of_the_votes_on_its_clips(calls):
    votes = {f"1015_{name}": np.eye(6, dtype=np.float32)[4] for name in EMOTIONS}
    heard = hear(calls[0], stub_classifier(), votes)
    assert heard.truth.value == pytest.approx(7.0)
    assert heard.truth.outcome == "calm throughout"


def test_sentences_that_say_nothing_of_a_mood_move_a_score_little(calls):
    words = load_text_classifier(DEFAULT_ARTIFACTS)
    for call in calls[:3]:
        named = replace(call, clips=("1015_DFA_ANG_XX", "1015_IEO_NEU_XX") * 8)
        heard = heard_call(named, 0.8 * as_meant(call) + 0.2 / len(EMOTIONS))
        alone = smoothed_score(heard, SMOOTHINGS[SHIPPED])
        both = score_with_words(heard, words)
        assert abs(both.value - alone.value) < 1.0
        assert both.high - both.value >= min(alone.high - alone.value, 10.0 - both.value) - 1e-9


@pytest.mark.parametrize(("name", "towards"), [("anger", -1), ("neutral", 1)])
def test_a_usual_voice_shifts_a_call_towards_the_middle_within_its_bound(name, towards):
    rows = np.full((8, len(EMOTIONS)), 0.02)
    rows[:, EMOTIONS.index(name)] = 0.9
    places = np.arange(len(rows))
    levels = [
        distress(shifted_to_usual(rows, places, largest_shift=largest)).mean()
        for largest in (0.0, 0.3, 1.0)
    ]
    assert np.all(np.diff(levels) * towards > 0)
    assert abs(levels[1] - levels[0]) < 0.15
