"""Composed calls and the error of their score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calmscore.emotions import EMOTIONS
from calmscore.training.call_evaluation import SMOOTHINGS, ClassifiedCall, centred, compare
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.composed import TRAJECTORIES, compose_calls, emotion_sequence


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


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_a_call_in_which_no_speech_was_found_has_no_score_and_no_error(calls, smoothing):
    silent = ClassifiedCall(
        call=calls[0],
        indices=np.zeros(0, int),
        speech_seconds=np.zeros(0),
        probabilities={"as recorded": np.zeros((0, len(EMOTIONS)))},
    )
    heard = [classified(call, np.eye(len(EMOTIONS))[[EMOTIONS.index(e) for e in call.emotions]])
             for call in calls[:2]]  # fmt: skip
    row = compare([silent, *heard], "as recorded", SMOOTHINGS[smoothing])
    assert (row["calls"], row["without_score"]) == (2, 1)


def classified(call, probabilities) -> ClassifiedCall:
    count = len(call.emotions)
    return ClassifiedCall(
        call=call,
        indices=np.arange(count),
        speech_seconds=np.full(count, 3.0),
        probabilities={"as recorded": probabilities},
    )


def test_centring_moves_a_speakers_mean_and_not_the_differences():
    logits = np.random.default_rng(0).normal(size=(20, 6)) + np.arange(6)
    rows = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(centred(rows, share=0.0), rows)
    moved = np.log(centred(rows, share=1.0))
    odds, before = moved[:, 0] - moved[:, 5], logits[:, 0] - logits[:, 5]
    assert odds.mean() == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(odds - odds.mean(), before - before.mean())


def test_centring_hides_that_somebody_is_always_angry():
    angry = np.full((10, 6), 0.02) + np.eye(6)[0] * 0.88
    np.testing.assert_allclose(centred(angry, share=1.0), 1 / 6)


def test_a_perfect_classifier_has_no_error(calls):
    perfect = [
        classified(call, np.eye(6)[[EMOTIONS.index(name) for name in call.emotions]])
        for call in calls
    ]
    figures = compare(perfect, "as recorded", lambda rows, _: rows)
    assert figures["calls"] == len(TRAJECTORIES)
    assert figures["mean_absolute_error"] == pytest.approx(0.0, abs=1e-9)
    assert figures["rank_correlation"] == pytest.approx(1.0)
    assert figures["segment_accuracy"] == figures["same_outcome"] == 1.0


def test_a_classifier_that_always_says_neutral_errs_by_the_distance_from_seven(calls):
    always = [classified(call, np.eye(6)[[4] * len(call.emotions)]) for call in calls]
    figures = compare(always, "as recorded", lambda rows, _: rows)
    assert figures["by_trajectory"]["neutral throughout"] == pytest.approx(0.0, abs=1e-9)
    assert figures["by_trajectory"]["anger throughout"] == pytest.approx(3.3, abs=0.01)
