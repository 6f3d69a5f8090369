"""A second voice on the customer's side: left out, told of, or one person in two moods."""

from __future__ import annotations

import numpy as np
import pytest
from made_voices import people, side_of

from calmscore.analysis.strangers import Stranger, find_stranger
from calmscore.analysis.voice_windows import Voices
from calmscore.audio.recording import ANALYSIS_RATE_HZ

Sound = np.ndarray


def buzz(seconds: float, pitch_hz: float = 150.0) -> Sound:
    """Return what has a pitch, as a voice does."""
    time = np.arange(round(seconds * ANALYSIS_RATE_HZ)) / ANALYSIS_RATE_HZ
    return np.sign(np.sin(2 * np.pi * pitch_hz * time)) * 0.1


def found(side: Voices, sound: Sound | None = None, *, other: Sound | None = None):
    seconds = 3.0 * len(side.windows)
    mask = np.ones(round(100 * seconds), dtype=bool)
    return find_stranger(
        buzz(seconds) if sound is None else sound, side, mask,
        other_mask=mask if other is None else other,
    )  # fmt: skip


def two(likeness: float, first: int, second: int) -> Voices:
    customer, other = people(likeness)
    return side_of(np.stack([customer] * first + [other] * second))


@pytest.mark.parametrize(
    ("likeness", "strange", "told"),
    [
        (-0.2, 15, "excluded"), (-0.2, 7, "excluded"), (0.0, 15, "excluded"),
        (0.3, 15, "perhaps"), (-0.2, 5, "nothing"), (0.42, 15, "nothing"),
    ],
)  # fmt: skip
def test_a_stranger_is_who_is_clearly_another_and_speaks_less(likeness, strange, told):
    stranger = found(two(likeness, 20, strange))
    assert outcome(stranger) == told
    if stranger is not None:
        assert not stranger.mask[: 300 * 19].any()
        assert stranger.mask[300 * 21 :].all()


def outcome(stranger: Stranger | None) -> str:
    if stranger is None:
        return "nothing"
    return "excluded" if stranger.certain else "perhaps"


@pytest.mark.parametrize(
    ("likeness", "raised", "told"),
    [
        (0.15, 1.0, "excluded"),
        (0.15, 2.0, "perhaps"),
        (0.34, 1.0, "perhaps"),
        (0.28, 2.1, "nothing"),
    ],
)
def test_a_voice_that_is_raised_may_be_less_like_itself(likeness, raised, told):
    side = two(likeness, 20, 15)
    sound = np.concatenate([buzz(60), buzz(45, 150.0 * raised)])
    assert outcome(found(side, sound)) == told


@pytest.mark.parametrize(
    ("louder", "told"), [(1.0, "nothing"), (1.05, "nothing"), (1.4, "perhaps")]
)
def test_a_line_that_changes_with_the_voice_is_somebody_elses(louder, told):
    side = two(0.4, 20, 15)
    noise = 0.001 * np.random.default_rng(0).standard_normal(105 * ANALYSIS_RATE_HZ)
    noise[60 * ANALYSIS_RATE_HZ :] *= louder
    spoken = np.concatenate([np.r_[buzz(1.48), np.zeros(24_320)] for _ in range(35)])
    assert outcome(found(side, spoken + noise)) == told


def test_a_line_that_changes_while_the_voice_stays_is_nobody_elses():
    side = two(0.9, 20, 15)
    noise = 0.001 * np.random.default_rng(0).standard_normal(105 * ANALYSIS_RATE_HZ)
    noise[60 * ANALYSIS_RATE_HZ :] *= 2.0
    spoken = np.concatenate([np.r_[buzz(1.48), np.zeros(24_320)] for _ in range(35)])
    assert found(side, spoken + noise) is None


def test_an_announcement_that_nobody_answers_is_the_stranger_however_long():
    customer, announcement = people(-0.2)
    side = side_of(np.stack([announcement] * 20 + [customer] * 15))
    agent = np.arange(300 * 35) > 300 * 21
    stranger = found(side, other=agent)
    assert stranger is not None
    assert stranger.mask[: 300 * 19].all()
    assert not stranger.mask[300 * 21 :].any()


def test_too_little_speech_tells_nothing():
    assert found(two(-0.5, 2, 1)) is None
    assert found(side_of(np.zeros((0, 2))), np.zeros(100)) is None
