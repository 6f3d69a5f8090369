"""Recordings in which a voice, or a sound, is not the customer's."""

from __future__ import annotations

import numpy as np
import pytest
from test_hard_recordings import RATE_HZ, Sound, call_of, clean, codes

from calmscore.analysis import segments
from calmscore.audio.voice_activity import MASK_RATE_HZ
from calmscore.training.non_speech import non_speech_sounds

TIME = np.arange(20 * RATE_HZ) / RATE_HZ


def tones(*frequencies_hz: float) -> Sound:
    return 0.1 * np.sum([np.sin(2 * np.pi * hz * TIME) for hz in frequencies_hz], axis=0)


def on_and_off(on: float, off: float, *, offset: float = 0.0) -> Sound:
    return (TIME - offset) % (on + off) < on


def trembling(hz: float, by_hz: float) -> Sound:
    return 0.1 * np.sin(2 * np.pi * hz * TIME) * (1.0 + 0.8 * np.sin(2 * np.pi * by_hz * TIME))


TONES: dict[str, Sound] = {
    "Europe, dial": tones(425),
    "Europe, ringing": tones(425) * on_and_off(1, 4),
    "Europe, busy": tones(425) * on_and_off(0.5, 0.5),
    "United States, dial": tones(350, 440),
    "United States, ringing": tones(440, 480) * on_and_off(2, 4),
    "United States, busy": tones(480, 620) * on_and_off(0.5, 0.5),
    "United Kingdom, dial": tones(350, 450),
    "United Kingdom, ringing": tones(400, 450)
    * (on_and_off(0.4, 2.6) | on_and_off(0.4, 2.6, offset=0.6)),
    "United Kingdom, busy": tones(400) * on_and_off(0.375, 0.375),
    "Japan, dial": tones(400),
    "Japan, ringing, 16 Hz": trembling(400, 16) * on_and_off(1, 2),
    "Japan, ringing, 20 Hz": trembling(400, 20) * on_and_off(1, 2),
    "Japan, busy": tones(400) * on_and_off(0.5, 0.5),
    "fax": tones(1100) * on_and_off(0.5, 3),
    "modem": tones(2100) * on_and_off(3.3, 1),
    "chords": non_speech_sounds(20.0, sample_rate_hz=RATE_HZ)["chords"],
    "keys": non_speech_sounds(20.0, sample_rate_hz=RATE_HZ)["dialled keys"],
}


@pytest.mark.parametrize("name", TONES)
def test_tones_and_music_are_nobodys_speech(name):
    noise = 0.0005 * np.random.default_rng(0).standard_normal((2, TIME.size))
    call = call_of(np.stack([TONES[name], 0 * TIME]) + noise, customer_channel="left")
    assert not call.judged
    assert call.talk.customer_seconds < 1.0


def test_music_on_hold_on_both_sides_is_no_sameness():
    sound = clean().copy()
    hold = 0.5 * non_speech_sounds(15.0, sample_rate_hz=RATE_HZ)["chords"]
    held = np.concatenate([sound, np.stack([hold, hold]), sound[:, -10 * RATE_HZ :]], axis=1)
    call = call_of(held)
    assert call.speakers.how == "channels"
    assert not codes(call) & {"voices_mixed", "voices_not_apart"}


# The customer of this call is hardly like before once they have calmed down; the agent is.
@pytest.mark.parametrize("seconds", [30, 54, 72])
def test_sides_that_are_exchanged_midway_are_told_with_the_time(seconds):
    sound = clean(109).copy()
    sound[:, seconds * RATE_HZ :] = sound[::-1, seconds * RATE_HZ :]
    call = call_of(sound, customer_channel="left")
    notice = next(notice for notice in call.warnings if notice.code == "sides_exchanged")
    assert notice.at_seconds == pytest.approx(seconds, abs=8.0)
    after = [s for s in call.segments if s.start_seconds > seconds + 3 and s.speech_seconds == 0.0]
    assert any(segment.status == "other_voice" for segment in after)
    assert all(segment.start_seconds < seconds + 6 for segment in call.judged)


@pytest.mark.parametrize("side", ["left", "right"])
def test_one_person_in_two_moods_is_no_stranger(side):
    call = call_of(clean(100), customer_channel=side)
    assert not codes(call) & {"other_voice", "sides_exchanged"}
    assert all(segment.status != "other_voice" for segment in call.segments)


def test_who_is_on_the_wrong_side_is_not_asked_where_both_sides_hold_both_people(monkeypatch):
    asked = []

    def other_voice_on(samples, masks, customer, dead):
        assert not any(dead.values())
        asked.append([mask[76 * MASK_RATE_HZ :].any() for mask in masks.values()])
        return np.zeros_like(masks[customer]), ()

    monkeypatch.setattr(segments, "other_voice_on", other_voice_on)
    sound = clean(109).copy()
    sound[:, 76 * RATE_HZ :] = sound[:, 76 * RATE_HZ :].sum(axis=0)
    call = call_of(sound, customer_channel="left")
    assert "voices_not_apart" in codes(call)
    assert asked == [[False, False]]
