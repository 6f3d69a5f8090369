"""Calls before which something is announced, on either side."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import soundfile
import soxr
from test_hard_recordings import AGENT, CUSTOMER, RATE_HZ, SAMPLES, Sound, call_of, clean, codes

from calmscore.audio.voice_activity import MASK_RATE_HZ, speech_mask, stretches

ANNOUNCED_SECONDS = 13


@lru_cache
def announced() -> Sound:
    """Return what a third person says in one go, deeper than they speak."""
    samples, rate_hz = soundfile.read(SAMPLES / "gets_worse.wav")
    agent = soxr.resample(samples[:, AGENT], rate_hz, RATE_HZ)
    step = RATE_HZ // MASK_RATE_HZ
    spoken = stretches(speech_mask(agent), breath=MASK_RATE_HZ // 2)
    talk = np.concatenate([agent[first * step : last * step] for first, last in spoken])
    return np.asarray(soxr.resample(talk, 4, 5))[: ANNOUNCED_SECONDS * RATE_HZ]


def with_announcement(side: int, voice: Sound) -> Sound:
    before = np.zeros((2, voice.size + 3 * RATE_HZ))
    before[side, RATE_HZ : RATE_HZ + voice.size] = voice
    sound = np.concatenate([before, clean()], axis=1)
    return sound + 0.0004 * np.random.default_rng(0).standard_normal(sound.shape)


@pytest.mark.parametrize("side", [CUSTOMER, AGENT])
def test_an_announcement_on_either_side_does_not_tell_who_is_the_customer(side):
    call = call_of(with_announcement(side, announced()))
    assert call.customer_channel == "left" and call.speakers.doubt < 0.25
    assert ("other_voice" in codes(call)) == (side == CUSTOMER)
    assert call.judged
    assert all(segment.start_seconds > ANNOUNCED_SECONDS for segment in call.judged)


def test_what_the_agent_says_at_length_before_anybody_answers_is_no_announcement():
    step = RATE_HZ // MASK_RATE_HZ
    agent = clean(100)[AGENT]
    spoken = stretches(speech_mask(agent), breath=MASK_RATE_HZ // 2)
    talk = np.concatenate([agent[first * step : last * step] for first, last in spoken])
    call = call_of(with_announcement(AGENT, talk[: ANNOUNCED_SECONDS * RATE_HZ]))
    assert call.customer_channel == "left" and "other_voice" not in codes(call)
    assert call.talk.agent_seconds is not None and call.talk.agent_seconds > ANNOUNCED_SECONDS
