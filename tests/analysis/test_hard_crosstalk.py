"""Recordings in which each person is heard on the other's side too, softer."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from test_hard_recordings import (
    AGENT,
    CUSTOMER,
    RATE_HZ,
    Change,
    Sound,
    call_of,
    clean,
    codes,
    dimmed,
    filtered,
    gain,
    late,
    mixed_twice,
    noisy,
)

from calmscore.analysis import segments
from calmscore.analysis.segments import SegmentedCall
from calmscore.analysis.voices import TwoVoices
from calmscore.audio.channels import Stretch
from calmscore.audio.crosstalk import louder_sides
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, speech_mask

LINE_HZ = (300.0, 3400.0)


def leaking(sound: Sound, decibels: float, change: Change = lambda side: side) -> Sound:
    """Lay each side over the other, softer by so much and changed by the way there."""
    return sound + np.stack([change(side) for side in sound[::-1]]) * gain(-decibels)


CROSSTALK: dict[str, Change] = {
    "3 dB": lambda sound: dimmed(sound, 3),
    "5 dB": lambda sound: dimmed(sound, 5),
    "7 dB": lambda sound: dimmed(sound, 7),
    "3 dB, 40 ms late": lambda sound: leaking(sound, 3, lambda side: late(side, 0.04)),
    "8 dB, 5 ms late": lambda sound: leaking(sound, 8, lambda side: late(side, 0.005)),
    "8 dB, inverted and 20 ms late": lambda s: leaking(s, 8, lambda side: -late(side, 0.02)),
    "6 dB, filtered, noisy and 10 ms late": lambda sound: noisy(
        leaking(sound, 6, lambda side: filtered(late(side, 0.01), LINE_HZ)), 0.0005
    ),
    "8 dB, the customer's side softer": lambda s: dimmed(s, 8) * np.array([[gain(-14)], [1.0]]),
    "8 dB, the agent's side softer": lambda s: dimmed(s, 8) * np.array([[1.0], [gain(-14)]]),
    "8 dB, all of it soft": lambda sound: dimmed(sound, 8) * gain(-30),
}


@lru_cache
def truth() -> tuple[Mask, Mask]:
    customer, agent = (speech_mask(side) for side in clean())
    return customer & ~agent, agent & ~customer


def said(call: SegmentedCall, speaker: str) -> Mask:
    mask = np.zeros(truth()[0].size, dtype=np.bool_)
    for turn in call.talk.turns:
        if turn.speaker == speaker:
            first, last = turn.start_seconds, turn.end_seconds
            mask[round(first * MASK_RATE_HZ) : round(last * MASK_RATE_HZ)] = True
    return mask


@pytest.mark.parametrize("name", CROSSTALK)
def test_each_person_is_told_by_the_side_on_which_they_are_louder(name):
    call = call_of(CROSSTALK[name](clean()))
    assert (call.customer_channel, call.speakers.how) == ("left", "channels")
    assert "crosstalk" in codes(call)
    assert not codes(call) & {"voices_mixed", "voices_separated", "voices_not_apart"}
    customer, agent = truth()
    told = said(call, "customer")
    assert np.mean(told[customer]) > 0.85
    assert np.mean((told & ~said(call, "agent"))[agent]) < 0.08
    for segment in call.judged:
        first, last = segment.start_seconds, segment.end_seconds
        own = speech_mask(clean()[CUSTOMER])[int(first * MASK_RATE_HZ) : int(last * MASK_RATE_HZ)]
        assert own.sum() > 0.2 * MASK_RATE_HZ


ONE_WAY: dict[str, tuple[Change, str]] = {
    "the agent hardly softer": (lambda s: onto(s, CUSTOMER, 1), "left"),
    "the agent 3 dB softer": (lambda s: onto(s, CUSTOMER, 3), "left"),
    "the agent louder than on their own side": (lambda s: onto(s, CUSTOMER, -3), "left"),
    "the agent 30 ms late": (lambda s: onto(s, CUSTOMER, 0, lambda side: late(side, 0.03)), "left"),
    "the agent 3 dB softer and half a second late": (
        lambda s: onto(s, CUSTOMER, 3, lambda side: late(side, 0.5)), "left"
    ),
    "the customer 2 dB softer": (lambda s: onto(s, AGENT, 2), "left"),
    "the customer alone where the agent should be": (
        lambda s: np.stack([s.sum(axis=0), s[CUSTOMER]]), "right"
    ),
}  # fmt: skip


def onto(sound: Sound, side: int, decibels: float, change: Change = lambda other: other) -> Sound:
    """Lay the other side over one of the two, softer by so much."""
    both = sound.copy()
    both[side] += change(sound[1 - side]) * gain(-decibels)
    return both


@pytest.mark.parametrize("name", ONE_WAY)
def test_where_one_side_alone_holds_both_people_each_is_told_by_the_other_side(name):
    change, customers = ONE_WAY[name]
    call = call_of(change(clean()))
    assert (call.customer_channel, call.speakers.how) == (customers, "channels")
    assert "crosstalk" in codes(call) and "voices_not_apart" not in codes(call)
    customer, agent = truth()
    assert np.mean(said(call, "customer")[customer]) > 0.85
    assert np.mean((said(call, "customer") & ~said(call, "agent"))[agent]) < 0.08


def test_the_side_that_holds_both_people_is_named():
    call = call_of(onto(clean(), CUSTOMER, 1))
    (notice,) = [notice for notice in call.warnings if notice.code == "crosstalk"]
    assert notice.message.startswith("The left channel holds both people")


@pytest.mark.parametrize("decibels", [10, 12, 15])
def test_softer_crosstalk_changes_nothing_of_who_is_heard(decibels):
    call = call_of(leaking(clean(), decibels, lambda side: late(side, 0.02)))
    assert (call.customer_channel, call.speakers.how) == ("left", "channels")
    assert np.mean(said(call, "customer")[truth()[0]]) > 0.85
    assert np.mean(said(call, "customer")[truth()[1]]) < 0.08


def test_a_part_in_which_neither_side_is_louder_is_told_with_its_time_and_not_scored():
    sound = dimmed(clean(), 6)
    half = 20 * RATE_HZ
    sound[:, -half:] = clean()[:, -half:].sum(axis=0)
    call = call_of(sound)
    assert "crosstalk" in codes(call)
    notice = next(notice for notice in call.warnings if notice.code == "voices_not_apart")
    assert notice.at_seconds is not None and 20.0 <= notice.at_seconds <= 40.0
    assert all(segment.start_seconds < 42.0 for segment in call.judged)


@pytest.mark.parametrize("side", [CUSTOMER, AGENT])
def test_one_person_on_both_sides_is_one_voice(side):
    one = clean()[side]
    call = call_of(np.stack([one, one * gain(-8)]))
    assert call.speakers.how == "mixed"
    assert "voices_mixed" in codes(call) and call.withheld_because is None
    assert call.judged
    # Later and softer it is an echo: nobody knows whose line is the silent one.
    echoed = call_of(np.stack([one, late(one, 0.01) * gain(-8)]))
    assert "one_side_silent" in codes(echoed) and not echoed.judged


UNTOLD: dict[str, Change] = {
    "mono": lambda sound: sound.sum(axis=0, keepdims=True),
    "the same on both sides": mixed_twice(lambda mix: late(mix, 0.01)),
}


@pytest.mark.parametrize("name", UNTOLD)
def test_two_voices_that_cannot_be_told_apart_have_no_score_in_mono_and_stereo(name, monkeypatch):
    def alike(samples: Sound, mask: Mask) -> TwoVoices:
        return TwoVoices(masks=(mask, ~mask), evidence=-0.04)

    monkeypatch.setattr(segments, "two_voices", alike)
    call = call_of(UNTOLD[name](clean()))
    assert call.speakers.how == "mixed"
    assert call.withheld_because is not None and "two people" in call.withheld_because


WHOLE = [Stretch(0.0, 50.0)]


@pytest.mark.parametrize("decibels", [3, 6, 10])
def test_by_how_much_each_person_is_louder_is_measured_whatever_the_sides_gains(decibels):
    sound = dimmed(clean(), decibels) * np.array([[1.0], [gain(-9)]])
    heard = (speech_mask(sound[0]), speech_mask(sound[1]))
    told = louder_sides(sound, heard, within=WHOLE)
    assert told is not None
    assert told.separation_db == pytest.approx(decibels, abs=1.0)


NOT_TOLD: dict[str, Change] = {
    "the same": mixed_twice(lambda mix: mix),
    "softer": mixed_twice(lambda mix: mix * gain(-10)),
    "noisy": mixed_twice(lambda mix: noisy(mix, 0.003)),
    "filtered": mixed_twice(lambda mix: filtered(mix, (500.0, 2500.0))),
    "a second late": mixed_twice(lambda mix: late(mix, 1.0)),
    "louder from the middle on": lambda s: np.stack(
        [s.sum(axis=0), s.sum(axis=0) * np.where(np.arange(s.shape[1]) < s.shape[1] // 2, 1, 3)]
    ),
    "nobody": lambda sound: 0.0 * sound,
}


@pytest.mark.parametrize("name", NOT_TOLD)
def test_one_mix_on_both_sides_is_not_told_apart_by_level(name):
    sound = NOT_TOLD[name](clean())
    heard = (speech_mask(sound[0]), speech_mask(sound[1]))
    assert louder_sides(sound, heard, within=WHOLE) is None
