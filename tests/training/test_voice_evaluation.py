"""Composed conversations, and how well their two people are told apart."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from made_calls import made_report

from calmscore.analysis.report import CallReport, Speakers, Turn
from calmscore.audio.voice_activity import MASK_RATE_HZ
from calmscore.emotions import EMOTIONS
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.composed import (
    TRAJECTORIES,
    Conversation,
    compose_conversations,
    on_one_channel,
)
from calmscore.training.turn_evaluation import ToldTurns, share_wrong, turn_figures
from calmscore.training.voice_evaluation import MonoCall, figures

STEP = 16_000 // MASK_RATE_HZ


def clips() -> list[Clip]:
    return [
        Clip(
            path=Path(f"{speaker}_{name}.wav"), corpus="crema-d", speaker=f"crema-d/{speaker}",
            emotion=name, original_emotion=name, valence="neutral", intensity=None, sentence=None,
        )
        for speaker in ("1015", "1020", "1021")
        for name in EMOTIONS
    ]  # fmt: skip


def tone(path: Path) -> np.ndarray:
    """Two seconds in the middle of three; each speaker has another pitch."""
    time = np.arange(16_000 * 2) / 16_000
    sound = 0.2 * np.sin(2 * np.pi * (400 + 10 * (int(path.stem[:4]) - 1015)) * time)
    return np.pad(sound, 8_000).astype(np.float32)


@pytest.fixture(scope="module")
def conversations() -> list[Conversation]:
    composed = compose_conversations(clips(), read_clip=tone, customer_clips=(6, 8))
    return list(islice(composed, len(TRAJECTORIES)))


def spoken(conversation: Conversation) -> np.ndarray:
    sides = conversation.recording.samples.astype(np.float32)
    count = sides.shape[1] // STEP
    power = np.square(sides[:, : count * STEP].reshape(2, count, STEP)).mean(axis=2)
    return np.sqrt(power) > 0.04


def test_two_people_take_turns_and_the_agent_is_first(conversations):
    assert [call.trajectory for call in conversations] == list(TRAJECTORIES)
    for call in conversations:
        customer, agent = spoken(call)
        assert call.customer != call.agent
        assert np.argmax(agent) < np.argmax(customer)
        assert min(customer.sum(), agent.sum()) > 5 * MASK_RATE_HZ


def test_levels_and_overtalk_are_those_that_are_told(conversations):
    for call in conversations:
        sides, speech = call.recording.samples.astype(np.float64), spoken(call)
        customer, agent = (
            np.square(side[: mask.size * STEP].reshape(-1, STEP)[mask]).mean()
            for side, mask in zip(sides, speech, strict=True)
        )
        assert 10 * np.log10(customer / agent) == pytest.approx(call.level_difference_db, abs=1.0)
        both = (speech[0] & speech[1]).sum() / (speech[0] | speech[1]).sum()
        assert both == pytest.approx(call.overtalk, abs=0.03)
    assert any(call.overtalk > 0.01 for call in conversations)


def test_one_channel_holds_both(conversations):
    recording = conversations[0].recording
    mono = on_one_channel(recording)
    assert mono.samples.shape == (1, recording.samples.shape[1])
    np.testing.assert_allclose(mono.samples[0], recording.samples.mean(axis=0), atol=1e-3)


def told(turns: list[tuple[str, float, float]], *, how: str = "separated") -> CallReport:
    report = made_report(["anger"] * 4 + ["neutral"] * 4)
    return replace(
        report,
        speakers=Speakers(how=how, customer_from="greeting", doubt=0.2),
        talk=replace(
            report.talk,
            turns=tuple(
                Turn(speaker=name, start_seconds=start, end_seconds=end)
                for name, start, end in turns
            ),
        ),
    )


def test_the_error_is_the_speech_of_one_that_was_given_to_the_other():
    customer, agent = np.zeros(1000, dtype=bool), np.zeros(1000, dtype=bool)
    customer[:500], agent[400:1000] = True, True
    # Speech of both, and what nobody was given, does not count.
    right = told([("customer", 0.0, 5.0), ("agent", 5.0, 9.0)])
    assert share_wrong(right.talk, (customer, agent)) == 0.0
    wrong = told([("agent", 0.0, 1.0), ("customer", 1.0, 4.0), ("agent", 5.0, 9.0)])
    assert share_wrong(wrong.talk, (customer, agent)) == pytest.approx(100 / 800)


def test_figures_count_what_a_supervisor_would_not_notice(conversations):
    def call(error: float, *, doubt: float = 0.2, how: str = "separated") -> MonoCall:
        report = told([], how=how)
        return MonoCall(
            call=conversations[0], same_sex=True, speaker_error=error, exchanged=False,
            mono=replace(report, speakers=replace(report.speakers, doubt=doubt)), stereo=report,
        )  # fmt: skip

    calls = [call(0.02), call(0.3), call(0.3, doubt=0.5), call(0.5, how="mixed")]
    row = figures(calls)
    assert row["calls"] == 4 and row["told_apart"] == 0.75
    assert row["large_errors"] == 2 and row["large_errors_without_notice"] == 1
    assert row["speaker_error"] == pytest.approx(0.62 / 3)
    assert row["score_difference"] == 0.0 and row["same_outcome"] == 1.0


def test_turns_alone_are_counted_without_a_score():
    def turns(error: float, doubt: float = 0.1, *, apart: bool = True) -> ToldTurns:
        return ToldTurns(
            customer="a", agent="b", trajectory="anger throughout", same_sex=True,
            told_apart=apart, doubt=doubt, speaker_error=error,
        )  # fmt: skip

    calls = [turns(0.0), turns(0.02, 0.4), turns(0.25), turns(0.33, 0.4), turns(0.5, apart=False)]
    row = turn_figures(calls)
    assert (row["calls"], row["told_apart"]) == (5, 0.8)
    assert row["speaker_error"] == pytest.approx(0.15)
    assert row["large_errors"] == 2 and row["large_errors_without_notice"] == 1
    assert row["small_errors_with_notice"] == 1
    assert turn_figures(calls[-1:])["speaker_error"] is None
