"""Recordings whose lines change midway: one mix on both for a while, or one of them dead."""

from __future__ import annotations

import numpy as np
import pytest
from test_hard_recordings import AGENT, CUSTOMER, RATE_HZ, Sound, call_of, clean, codes, late

from calmscore.analysis.segments import SegmentedCall
from calmscore.audio.voice_activity import MASK_RATE_HZ, speech_mask

WHOLE_SECONDS = 100


def mixed_between(first_seconds: float, last_seconds: float, late_seconds: float) -> Sound:
    """Put both people on both sides for a part of the call, on one of them late."""
    sound = clean(WHOLE_SECONDS).copy()
    mix = sound.sum(axis=0)
    part = slice(int(first_seconds * RATE_HZ), int(last_seconds * RATE_HZ))
    sound[:, part] = np.stack([mix, late(mix, late_seconds)])[:, part]
    return sound


def agents_segments(call: SegmentedCall) -> int:
    """Return how many judged segments hold the agent's words and none of the customer's."""
    customer, agent = (speech_mask(side) for side in clean(WHOLE_SECONDS))
    count = 0
    for segment in call.judged:
        first, last = (int(s * MASK_RATE_HZ) for s in (segment.start_seconds, segment.end_seconds))
        own = (customer & ~agent)[first:last].sum()
        count += own < 0.25 * MASK_RATE_HZ and agent[first:last].sum() > 0.5 * MASK_RATE_HZ
    return count


@pytest.mark.parametrize("late_seconds", [0.0, 0.08])
def test_a_short_part_in_which_both_sides_hold_one_mix_is_told_and_not_scored(late_seconds):
    call = call_of(mixed_between(43.0, 65.0, late_seconds))
    assert (call.customer_channel, call.speakers.how) == ("left", "channels")
    assert not codes(call) & {"crosstalk", "side_late", "sides_exchanged"}
    (notice,) = [notice for notice in call.warnings if notice.code == "voices_not_apart"]
    assert notice.at_seconds == pytest.approx(43.0, abs=2.0)
    assert not any(44.0 <= segment.start_seconds < 61.0 for segment in call.judged)
    assert agents_segments(call) == 0


def test_where_the_beginning_is_one_mix_nobody_is_sure_who_greets():
    assert call_of(mixed_between(0.0, 25.0, 0.0)).speakers.doubt > 0.2


def dead_from(seconds: float, *, both_on_the_other: bool) -> Sound:
    sound = clean(WHOLE_SECONDS).copy()
    rest = slice(int(seconds * RATE_HZ), None)
    if both_on_the_other:
        sound[CUSTOMER, rest] = sound[:, rest].sum(axis=0)
    sound[AGENT, rest] = 0.0
    return sound


def test_the_agent_is_not_scored_on_the_customers_side_after_their_own_line_died():
    call = call_of(dead_from(60.0, both_on_the_other=True))
    assert {"side_silent", "other_voice"} <= codes(call)
    assert call.customer_channel == "left" and call.judged
    assert agents_segments(call) == 0


def test_the_customer_is_scored_on_while_the_agents_line_is_dead():
    sound = clean(WHOLE_SECONDS)[:, : 65 * RATE_HZ].copy()
    sound[AGENT, 32 * RATE_HZ :] = 0.0
    call = call_of(sound)
    assert "side_silent" in codes(call) and "other_voice" not in codes(call)
    assert any(segment.start_seconds > 40.0 for segment in call.judged)
