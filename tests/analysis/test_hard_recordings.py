"""Recordings as telephone systems spoil them: the right person, all of the sound, nothing invented.

Each member of the table is made here, from a sample call, and stands for its kind.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile
import soxr

from calmscore.analysis.call import score_given_the_call
from calmscore.analysis.segments import SegmentedCall, segment_call
from calmscore.analysis.unanswered import unanswered_ends
from calmscore.audio.channels import stretches_together
from calmscore.audio.crosstalk import louder_sides
from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording, read_recording
from calmscore.audio.voice_activity import speech_mask
from calmscore.emotions import EMOTIONS
from calmscore.errors import CallFileError

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
RATE_HZ = ANALYSIS_RATE_HZ
CUSTOMER, AGENT = 0, 1

Sound = np.ndarray
Change = Callable[[Sound], Sound]


@lru_cache
def clean(seconds: int = 50) -> Sound:
    """Return the beginning of a call, shape (2, n): customer left, agent right."""
    samples, rate_hz = soundfile.read(SAMPLES / "calms_down.wav", frames=seconds * 8000)
    return np.asarray(soxr.resample(samples, rate_hz, RATE_HZ)).T


def call_of(sound: Sound, **options) -> SegmentedCall:
    recording = Recording(
        file_name="call.wav", sha256="0" * 64, sample_rate_hz=8000,
        duration_seconds=sound.shape[1] / RATE_HZ,
        samples=np.clip(sound, -1.0, 1.0).astype(np.float16), warnings=(),
    )  # fmt: skip
    return segment_call(recording, **options)


@lru_cache
def expected() -> SegmentedCall:
    return call_of(clean())


def codes(call: SegmentedCall) -> set[str]:
    return {notice.code for notice in call.warnings}


def gain(decibels: float) -> float:
    return float(10.0 ** (decibels / 20.0))


def late(sound: Sound, seconds: float) -> Sound:
    return np.concatenate([np.zeros(round(seconds * RATE_HZ)), sound])[: sound.size]


def filtered(sound: Sound, band_hz: tuple[float, float]) -> Sound:
    sections = scipy.signal.butter(2, band_hz, btype="bandpass", fs=RATE_HZ, output="sos")
    return np.asarray(scipy.signal.sosfilt(sections, sound))


def noisy(sound: Sound, level: float, seed: int = 0) -> Sound:
    return sound + level * np.random.default_rng(seed).standard_normal(sound.shape)


def dimmed(sound: Sound, decibels: float) -> Sound:
    """Lay each side over the other, softer by so much."""
    return sound + sound[::-1] * gain(-decibels)


def mixed_twice(change: Change) -> Change:
    def make(sound: Sound) -> Sound:
        mix = sound.sum(axis=0)
        return np.stack([mix, change(mix)])

    return make


def until(sound: Sound, seconds: float, side: int) -> Sound:
    cut = sound.copy()
    cut[side, round(seconds * RATE_HZ) :] = 0.0
    return cut


def only(sound: Sound, first_seconds: float, last_seconds: float) -> Sound:
    """Keep so much of a side, and nothing before and after."""
    kept = np.zeros_like(sound)
    part = slice(round(first_seconds * RATE_HZ), round(last_seconds * RATE_HZ))
    kept[part] = sound[part]
    return kept


HARMLESS: dict[str, Change] = {
    "much softer": lambda sound: sound * gain(-27),
    "softer than the noise of most files": lambda sound: sound * gain(-45),
    "louder": lambda sound: sound * gain(6),
    "direct current on the customer": lambda sound: sound + np.array([[0.05], [0.0]]),
    "direct current on the agent": lambda sound: sound + np.array([[0.0], [-0.1]]),
    "direct current on both": lambda sound: sound * 0.6 + 0.3,
    "direct current of both signs": lambda sound: sound * 0.6 + np.array([[-0.2], [0.2]]),
    "direct current that drifts": lambda sound: sound * 0.6 + np.linspace(0, 0.3, sound.shape[1]),
    "inverted": lambda sound: -sound,
    "one side inverted": lambda sound: sound * np.array([[1.0], [-1.0]]),
    "sides of unequal level": lambda sound: sound * np.array([[gain(-20)], [1.0]]),
    "sides of unequal level the other way": lambda sound: sound * np.array([[1.0], [gain(-20)]]),
    "a leak 20 dB down": lambda sound: dimmed(sound, 20),
    "noise on both": lambda sound: noisy(sound, 0.0005),
    "hum of the mains": lambda sound: (
        sound + 0.01 * np.sin(2 * np.pi * 50 * np.arange(sound.shape[1]) / RATE_HZ)
    ),
    "silence before": lambda sound: np.concatenate([np.zeros((2, 3 * RATE_HZ)), sound], axis=1),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_no_harm_changes_nothing_of_who_is_heard(name):
    call = call_of(HARMLESS[name](clean()))
    assert call.customer_channel == "left"
    assert call.talk.customer_seconds == pytest.approx(
        expected().talk.customer_seconds, rel=0.2, abs=1.0
    )
    assert not codes(call) & {
        "voices_mixed", "voices_not_apart", "one_side_silent", "side_silent", "side_late",
        "side_unheard",
        "customer_unclear", "other_voice", "sides_exchanged", "perhaps_other_voice",
        "wrong_speed", "loud_background",
    }  # fmt: skip


@pytest.mark.parametrize("softer_db", [0, 20, 40])
def test_shouting_that_clipped_and_was_made_softer_is_told_as_well(tmp_path, softer_db):
    samples, rate_hz = soundfile.read(SAMPLES / "calms_down.wav", frames=50 * 8000)
    cut_off = np.clip(samples * gain(20), -1.0, 1.0) * gain(-softer_db)
    soundfile.write(tmp_path / "call.wav", cut_off, rate_hz)
    assert "overdriven" in codes(segment_call(read_recording(tmp_path / "call.wav")))


@pytest.mark.parametrize("decibels", [14, 17, 20, 30])
def test_shouting_that_clips_is_judged_and_told(decibels):
    call = call_of(clean() * gain(decibels))
    assert call.customer_channel == "left"
    assert "overdriven" in codes(call)
    judged, usual = len(call.judged), len(expected().judged)
    assert judged >= usual - 1


NOT_APART: dict[str, Change] = {
    "the same": mixed_twice(lambda mix: mix),
    "a sample late": mixed_twice(lambda mix: late(mix, 1 / 8000)),
    "a millisecond late": mixed_twice(lambda mix: late(mix, 0.001)),
    "20 ms late": mixed_twice(lambda mix: late(mix, 0.02)),
    "a second late": mixed_twice(lambda mix: late(mix, 1.0)),
    "three seconds late": mixed_twice(lambda mix: late(mix, 3.0)),
    "inverted and seven seconds late": mixed_twice(lambda mix: -late(mix, 7.0)),
    "inverted": mixed_twice(lambda mix: -mix),
    "inverted and late": mixed_twice(lambda mix: -late(mix, 0.02)),
    "softer": mixed_twice(lambda mix: mix * gain(-10)),
    "filtered": mixed_twice(lambda mix: filtered(mix, (500.0, 2500.0))),
    "noisy": mixed_twice(lambda mix: noisy(mix, 0.003)),
    "filtered, noisy, inverted and late": mixed_twice(
        lambda mix: -noisy(filtered(late(mix, 0.3), (400.0, 3000.0)), 0.002)
    ),
}


@pytest.mark.parametrize("name", NOT_APART)
def test_voices_that_are_not_apart_are_a_mix_and_it_is_said(name):
    call = call_of(NOT_APART[name](clean()))
    assert call.customer_channel == "mixed"
    assert call.speakers.how in ("separated", "mixed")
    assert f"voices_{call.speakers.how}" in codes(call)
    # Nothing is lost by cancelling, nothing doubled by adding.
    assert call.talk.customer_seconds + (call.talk.agent_seconds or 0.0) > 15.0


def joined_by(sound: Sound, stranger: Sound, *, from_seconds: float) -> Sound:
    """Lay another voice, with the noise of its line, over the customer's side."""
    joined = sound.copy()
    first = round(from_seconds * RATE_HZ)
    joined[CUSTOMER, first:] += stranger[: sound.shape[1] - first]
    return joined


def test_somebody_who_joins_on_the_customers_side_is_told_of():
    worse, rate_hz = soundfile.read(SAMPLES / "gets_worse.wav")
    other = np.asarray(soxr.resample(worse[:, AGENT], rate_hz, RATE_HZ))
    sound = clean(109)
    call = call_of(joined_by(sound, other, from_seconds=sound.shape[1] / RATE_HZ / 2))
    (notice,) = [n for n in call.warnings if n.code in ("other_voice", "perhaps_other_voice")]
    assert notice.at_seconds == pytest.approx(54.0, abs=6.0)


def test_mono_from_the_middle_on_is_told_with_its_time_and_not_scored_as_one_person():
    sound = clean().copy()
    half = 20 * RATE_HZ
    sound[:, -half:] = sound[:, -half:].sum(axis=0)
    call = call_of(sound)
    notice = next(notice for notice in call.warnings if notice.code == "voices_not_apart")
    assert notice.at_seconds is not None and 20.0 <= notice.at_seconds <= 40.0
    late_segments = [s for s in call.segments if s.start_seconds >= 42.0 and s.speech_seconds > 1]
    assert all(segment.status == "low_information" for segment in late_segments)


MONO_PARTS: dict[str, tuple[float, float, float]] = {
    "at the end": (76.0, 109.0, 0.0),
    "at the beginning": (0.0, 33.0, 0.0),
    "late on one side": (65.0, 109.0, 0.08),
    "in the middle": (44.0, 66.0, 0.0),
}


@pytest.mark.parametrize("name", MONO_PARTS)
def test_where_a_part_in_mono_begins_and_ends_is_told_within_seconds(name):
    first, last, seconds_late = MONO_PARTS[name]
    part = slice(round(first * RATE_HZ), round(last * RATE_HZ))
    sound, mix = clean(109).copy(), clean(109).sum(axis=0)
    sound[0, part], sound[1, part] = mix[part], late(mix, seconds_late)[part]
    masks = (speech_mask(sound[0]), speech_mask(sound[1]))
    (found,) = stretches_together(sound.astype(np.float16), masks)
    assert found.start_seconds == pytest.approx(first, abs=4.0)
    assert found.end_seconds == pytest.approx(last, abs=4.0)
    assert louder_sides(sound, masks, within=[found]) is None


def test_mono_from_early_on_is_no_one_persons_call():
    sound = clean().copy()
    sound[:, 15 * RATE_HZ :] = sound[:, 15 * RATE_HZ :].sum(axis=0)
    call = call_of(sound)
    assert codes(call) & {"voices_mixed", "voices_separated"}
    assert call.speakers.how == "separated" or call.withheld_because is not None


@pytest.mark.parametrize(("side", "told"), [(CUSTOMER, True), (AGENT, False)])
def test_noise_nearly_as_loud_as_the_customer_is_told(side, told):
    sound = clean().copy()
    sound[side] = noisy(sound[side], 0.05)
    call = call_of(sound)
    assert call.customer_channel == "left"
    assert ("loud_background" in codes(call)) == told


@pytest.mark.parametrize("late_seconds", [0.3, 0.5, 1.2])
def test_a_mix_that_is_late_on_one_side_is_no_crosstalk_of_two_people(late_seconds):
    samples, rate_hz = soundfile.read(SAMPLES / "gets_worse.wav")
    mix = np.asarray(soxr.resample(samples.sum(axis=1), rate_hz, RATE_HZ))
    call = call_of(np.stack([mix, late(mix, late_seconds)]))
    assert call.speakers.how == "separated"
    assert "crosstalk" not in codes(call)
    told = next(notice for notice in call.warnings if notice.code == "voices_separated")
    assert "holds both people on each channel" in told.message


COVERS = {
    "noise": lambda time: np.random.default_rng(2).standard_normal(time.size),
    "a tone": lambda time: np.sqrt(2) * np.sin(2 * np.pi * 2_100 * time),
    "comfort noise": lambda time: 2.0 * np.convolve(
        np.random.default_rng(3).standard_normal(time.size), np.hanning(15) / 4, "same"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COVERS)
def test_a_voice_that_is_covered_all_the_time_gives_no_score(name):
    sound = clean().copy()
    speech = sound[CUSTOMER][speech_mask(sound[CUSTOMER]).repeat(160)[: sound.shape[1]]]
    time = np.arange(sound.shape[1]) / RATE_HZ
    sound[CUSTOMER] += np.sqrt(np.mean(speech**2)) * COVERS[name](time)
    call = call_of(0.3 * sound)
    assert "voice_covered" in codes(call)
    assert call.withheld_because is not None


@pytest.mark.parametrize("noise", [0.0, gain(-65)])
@pytest.mark.parametrize("side", [0, 1])
def test_two_people_on_one_of_two_channels_are_told_apart_as_in_mono(side, noise):
    sound = np.zeros_like(clean(109))
    sound[side] = clean(109).sum(axis=0)
    sound[1 - side] = noisy(sound[1 - side], noise)
    call = call_of(sound)
    assert call.speakers.how == "separated" and call.judged
    assert call.talk.customer_seconds == pytest.approx(
        call_of(clean(109)).talk.customer_seconds, rel=0.2
    )
    (notice,) = [notice for notice in call.warnings if notice.code == "voices_separated"]
    assert f"both people on the {('left', 'right')[side]} channel" in notice.message
    first = call_of(sound, customer_channel="left")
    assert any("points to the other one" in notice.message for notice in first.warnings)


ONE_SIDE: dict[str, tuple[Change, str]] = {
    "the customer's leg is silent": (lambda sound: sound * np.array([[0.0], [1.0]]), "left"),
    "the agent's leg is silent": (lambda sound: sound * np.array([[1.0], [0.0]]), "right"),
    "the customer's leg holds noise": (
        lambda sound: noisy(sound * np.array([[0.0], [1.0]]), 0.0003), "left"
    ),
    "the customer's leg holds an echo alone": (
        lambda sound: np.stack([late(sound[AGENT], 0.08) * gain(-25), sound[AGENT]]), "left"
    ),
    "the customer's leg holds a loud echo": (
        lambda sound: np.stack([late(sound[AGENT], 0.2) * gain(-15), sound[AGENT]]), "left"
    ),
    "the customer's leg holds an inverted echo": (
        lambda sound: np.stack([-late(sound[AGENT], 0.05) * gain(-12), sound[AGENT]]), "left"
    ),
    "the agent's leg holds an echo of the customer": (
        lambda sound: np.stack([sound[CUSTOMER], late(sound[CUSTOMER], 0.1) * gain(-10)]), "right"
    ),
    "the customer's leg holds an echo that is late and soft": (
        lambda sound: noisy(np.stack(
            [filtered(late(sound[AGENT], 0.3), (400.0, 2600.0)) * gain(-18), sound[AGENT]]
        ), 0.0002), "left"
    ),
    "the customer says a word and no more": (
        lambda sound: noisy(np.stack([
            only(clean(109)[CUSTOMER], 9.0, 10.4), clean(109)[AGENT]
        ]), 0.0002), "left"
    ),
    "the sides exchanged, the customer's leg silent": (
        lambda sound: sound[::-1] * np.array([[1.0], [0.0]]), "right"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_SIDE)
def test_a_single_voice_is_not_scored_until_somebody_says_who_it_is(name):
    change, silent = ONE_SIDE[name]
    call = call_of(change(clean()))
    assert call.customer_channel == silent
    assert not call.judged
    assert "one_side_silent" in codes(call)
    assert call.speakers.customer_from is None and call.speakers.doubt >= 0.5


@pytest.mark.parametrize("softer_db", [50, 60])
def test_a_line_so_soft_that_its_pauses_hold_nothing_is_not_dead(softer_db):
    sound = np.round(clean(109) * gain(-softer_db) * 32768.0) / 32768.0
    assert "side_silent" not in codes(call_of(sound))
    sound[AGENT, 50 * RATE_HZ :] = 0.0
    assert "side_silent" in codes(call_of(sound))


@pytest.mark.parametrize("side", [CUSTOMER, AGENT])
def test_a_leg_that_dies_midway_is_told_with_its_time(side):
    call = call_of(until(clean(), 15.0, side))
    notice = next(notice for notice in call.warnings if notice.code == "side_silent")
    assert notice.at_seconds == pytest.approx(15.0, abs=0.5)


@pytest.mark.parametrize("died_after_seconds", [15.0, 25.0])
def test_what_the_customer_says_on_a_line_that_died_is_never_calm(died_after_seconds):
    call = call_of(until(clean(), died_after_seconds, CUSTOMER))
    whole = expected().talk.customer_seconds
    assert call.talk.customer_seconds + call.lost_seconds == pytest.approx(whole, rel=0.4)
    calm = np.eye(len(EMOTIONS))[[EMOTIONS.index("neutral")] * len(call.judged)]
    score = score_given_the_call(call, calm)
    assert score.coverage == pytest.approx(call.talk.customer_seconds / whole, abs=0.2)
    assert score.outcome == "insufficient evidence"


@pytest.mark.parametrize("died_after_seconds", [30.0, 45.0])
def test_a_line_that_failed_and_holds_noise_is_told_by_who_goes_on_talking(died_after_seconds):
    sound = noisy(until(clean(109), died_after_seconds, CUSTOMER), gain(-65))
    call = call_of(sound)
    (notice,) = [notice for notice in call.warnings if notice.code == "side_unheard"]
    assert notice.at_seconds == pytest.approx(died_after_seconds, abs=6.0)
    assert call.lost_seconds > 0.5 * call.talk.customer_seconds


def test_who_hears_an_explanation_to_its_end_has_not_lost_the_line():
    explained = np.zeros(6_000, dtype=np.bool_)
    answered = explained.copy()
    explained[2_000:3_000], explained[3_050:4_200], explained[4_400:5_900] = True, True, True
    answered[500:1_900] = True
    assert unanswered_ends({0: answered, 1: explained}, {0: [], 1: []}) == {}


@pytest.mark.parametrize("died_after_seconds", [15.0, 25.0])
def test_nothing_of_the_customer_is_lost_on_the_agents_line(died_after_seconds):
    assert call_of(until(clean(), died_after_seconds, AGENT)).lost_seconds == 0.0


@pytest.mark.parametrize("dead_seconds", [(30, 60), (90, 109)])
def test_a_line_that_dies_is_not_taken_for_the_line_of_somebody_else(dead_seconds):
    sound = clean(109).copy()
    sound[CUSTOMER, dead_seconds[0] * RATE_HZ : dead_seconds[1] * RATE_HZ] = 0.0
    assert not codes(call_of(sound)) & {"perhaps_other_voice", "other_voice"}


GAPS: dict[str, tuple[int, list[tuple[float, float]]]] = {
    "the customer's, once": (CUSTOMER, [(35.0, 47.0)]),
    "the agent's, twice": (AGENT, [(8.5, 20.0), (25.5, 36.5)]),
    "the agent's, half a minute": (AGENT, [(5.0, 37.0)]),
}


@pytest.mark.parametrize("name", GAPS)
def test_each_gap_in_which_a_line_holds_nothing_is_told_with_its_time(name):
    side, gaps = GAPS[name]
    sound = clean().copy()
    sound[side] -= np.sum([only(sound[side], *gap) for gap in gaps], axis=0)
    told = [n.at_seconds for n in call_of(sound).warnings if n.code == "side_silent"]
    assert told == pytest.approx([first for first, _ in gaps], abs=0.5)


def test_a_line_that_holds_nothing_in_any_pause_is_not_called_silent():
    sound = clean().copy()
    for side in sound:
        spoken = np.convolve(speech_mask(side), np.ones(31), mode="same") > 0.5
        side *= np.repeat(spoken, RATE_HZ // 100)[: side.size]
    assert "side_silent" not in codes(call_of(sound))


LATE: dict[str, tuple[int, float]] = {
    "the agent by three seconds": (AGENT, 3.0),
    "the agent by seven seconds": (AGENT, 7.0),
    "the customer by four seconds": (CUSTOMER, 4.0),
    "the customer by nine seconds": (CUSTOMER, 9.0),
}


@pytest.mark.parametrize("name", LATE)
def test_a_line_that_is_late_is_told_and_nobody_is_surely_taken_for_another(name):
    side, seconds = LATE[name]
    sound = clean(109).copy()
    sound[side] = late(sound[side], seconds)
    call = call_of(sound)
    assert call.customer_channel == "left" or call.speakers.doubt > 0.3
    (notice,) = [notice for notice in call.warnings if notice.code == "side_late"]
    assert notice.message.startswith(f"The {('left', 'right')[side]} channel")
    told = float(notice.message.split("about ")[1].split(" s late")[0])
    assert told == pytest.approx(seconds, abs=1.5)


def test_who_speaks_first_tells_little_where_the_other_line_was_recorded_late():
    sound = clean(109)
    missing = np.zeros(60 * RATE_HZ)
    late_agent = np.stack(
        [np.concatenate([sound[CUSTOMER], missing]), np.concatenate([missing, sound[AGENT]])]
    )
    call = call_of(late_agent)
    told = [(n.code, n.at_seconds) for n in call.warnings if n.code == "side_silent"]
    assert ("side_silent", 0.0) in told
    assert call.customer_channel == "left" or not call.judged


def conference(sound: Sound, *places: int, channels: int) -> Sound:
    """Put customer and agent on two of many channels; the others are silent."""
    wide = np.zeros((channels, sound.shape[1]))
    wide[list(places)] = sound
    return wide


CONFERENCES: dict[str, tuple[Change, str]] = {
    "three channels, the last silent": (lambda s: conference(s, 0, 1, channels=3), "1"),
    "three channels, the first silent": (lambda s: conference(s, 2, 1, channels=3), "3"),
    "four channels of noise, two speak": (
        lambda s: noisy(conference(s, 3, 0, channels=4), 0.0003), "4"
    ),
    "eight channels": (lambda s: conference(s, 5, 2, channels=8), "6"),
    "a third channel holds the mix": (
        lambda s: np.concatenate([s, s.sum(axis=0, keepdims=True)]), "1"
    ),
    "both twice": (lambda s: np.concatenate([s, s]), "1"),
    "each twice, one after the other": (lambda s: s[[0, 0, 1, 1]], "1"),
    "the agent twice": (lambda s: s[[1, 1, 0]], "3"),
    "the agent twice, softer": (lambda s: np.stack([s[1], 0.5 * s[1], s[0]]), "3"),
    "both twice, among silent ones": (
        lambda s: np.concatenate([conference(s, 1, 3, channels=4), s]), "2"
    ),
    "a colleague joins for a while": (
        lambda s: np.concatenate([s, until(late(s[AGENT], 20)[None], 35, 0)]), "1"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFERENCES)
def test_of_many_channels_the_customers_is_taken(name):
    change, customer = CONFERENCES[name]
    call = call_of(change(clean()))
    assert call.customer_channel == customer
    assert call.talk.customer_seconds == pytest.approx(
        expected().talk.customer_seconds, rel=0.2, abs=1.0
    )
    assert call.judged and call.speakers.doubt < 0.45


def test_a_channel_that_is_chosen_by_number_is_taken():
    wide = conference(clean(), 3, 1, channels=4)
    assert call_of(wide, customer_channel="4").speakers.customer_from == "chosen"
    twice = clean()[[0, 1, 0]]
    chosen = call_of(twice, customer_channel="3")
    assert chosen.customer_channel == "3" and chosen.judged
    assert chosen.talk.overtalk_seconds == pytest.approx(expected().talk.overtalk_seconds, abs=0.5)
    call = call_of(wide, customer_channel="3")
    assert call.customer_channel == "3" and not call.judged
    assert call_of(clean(), customer_channel="1").customer_channel == "left"
    with pytest.raises(CallFileError, match="has 4 channels"):
        call_of(wide, customer_channel="5")


def test_two_people_on_one_channel_are_told_apart_and_it_is_said():
    # From where the synthetic customer has calmed down: shouting, it is another voice.
    whole = clean(109)[:, 45 * RATE_HZ :]
    call = call_of(whole.sum(axis=0, keepdims=True))
    assert call.speakers.how == "separated"
    assert "voices_separated" in codes(call)
    assert 0.0 < call.speakers.doubt <= 0.5
    usual = call_of(whole).talk
    assert usual.agent_seconds is not None and call.talk.agent_seconds is not None
    assert call.talk.customer_seconds == pytest.approx(usual.customer_seconds, rel=0.2)
    assert call.talk.agent_seconds == pytest.approx(usual.agent_seconds, rel=0.2)


@pytest.mark.parametrize("side", [CUSTOMER, AGENT])
def test_one_person_on_one_channel_is_not_cut_in_two(side):
    call = call_of(clean()[side : side + 1])
    assert call.speakers.how == "mixed"
    assert "voices_mixed" in codes(call)
