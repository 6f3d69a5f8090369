"""Sound that is no speech, however loud, takes nothing away from the speech of its channel."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.audio.voice_activity import (
    MASK_RATE_HZ,
    Mask,
    speech_mask,
    step_levels_db,
    widened,
)
from calmscore.training.non_speech import non_speech_sounds

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
RATE_HZ = ANALYSIS_RATE_HZ
TIME = np.arange(20 * RATE_HZ) / RATE_HZ
MADE = non_speech_sounds(40.0, sample_rate_hz=RATE_HZ)
STEP = RATE_HZ // MASK_RATE_HZ

Sound = np.ndarray


@lru_cache
def customer() -> Sound:
    samples, rate_hz = soundfile.read(SAMPLES / "calms_down.wav", frames=50 * 8000)
    return np.asarray(soxr.resample(samples[:, 0], rate_hz, RATE_HZ))


@lru_cache
def alone() -> Mask:
    """Return where the customer speaks; the echo of the agent is 30 dB softer."""
    mask = speech_mask(customer().astype(np.float16))
    levels = step_levels_db(customer(), 0, mask.size)
    loud = levels > np.percentile(levels[mask], 90) - 25.0
    return mask & widened(loud, 25)


def tones(*frequencies_hz: float) -> Sound:
    return np.sum([np.sin(2 * np.pi * hz * TIME) for hz in frequencies_hz], axis=0)


def on_and_off(on: float, off: float) -> Sound:
    return TIME % (on + off) < on


def information_tones() -> Sound:
    """Return the three tones that tell of a number that is not in use, over and over."""
    part = np.floor(TIME * 3 % 6)
    return sum(
        (part == place) * np.sin(2 * np.pi * hz * TIME)
        for place, hz in enumerate((950.0, 1400.0, 1800.0))
    )


NOISE = np.random.default_rng(0).standard_normal(TIME.size)
CLICKS = np.convolve(np.random.default_rng(1).random(TIME.size) < 1e-4, np.ones(30))[: TIME.size]
LOW_NOISE = np.convolve(NOISE, np.hanning(15), "same")


def held_keys(on: float, off: float) -> Sound:
    """Return keys of a telephone, one after the other, each held for so many seconds."""
    number = np.floor(TIME / (on + off)).astype(int)
    row, column = np.random.default_rng(3).integers(0, 3, (2, number.max() + 1))[:, number]
    rows_hz, columns_hz = np.array([697, 770, 852]), np.array([1209, 1336, 1477])
    return on_and_off(on, off) * (
        np.sin(2 * np.pi * rows_hz[row] * TIME) + np.sin(2 * np.pi * columns_hz[column] * TIME)
    )


# The sound, how loud it is against the speech, and where it stands: after so many seconds.
LOUD: dict[str, tuple[Sound, float, float]] = {
    "music as loud as speech": (MADE["chords"], 0, 25),
    "louder music": (MADE["chords"], 10, 25),
    "music at full level": (MADE["chords"], 20, 25),
    "music at full level before all speech": (MADE["chords"], 20, 0),
    "keys": (MADE["dialled keys"][: 15 * RATE_HZ], 20, 25),
    "keys before all speech": (MADE["dialled keys"][: 15 * RATE_HZ], 10, 0),
    "hum": (MADE["mains hum"], 20, 25),
    "European ringing": (MADE["ringing tone"], 20, 25),
    "ringing of the United States": (tones(440, 480) * on_and_off(2, 4), 20, 25),
    "ringing of the United Kingdom": (
        tones(400, 450) * (on_and_off(0.4, 2.6) | np.roll(on_and_off(0.4, 2.6), 9600)), 20, 25,
    ),
    "Japanese ringing": (
        tones(400) * (1 + 0.8 * np.sin(2 * np.pi * 16 * TIME)) * on_and_off(1, 2), 20, 25,
    ),
    "busy": (tones(480, 620) * on_and_off(0.5, 0.5), 10, 25),
    "busy at full level": (tones(480, 620) * on_and_off(0.5, 0.5), 20, 25),
    "busy at full level before all speech": (tones(480, 620) * on_and_off(0.5, 0.5), 20, 0),
    "no line is free": (tones(480, 620) * on_and_off(0.25, 0.25), 20, 25),
    "a number that is not in use": (information_tones(), 20, 25),
    "fax": (tones(1100) * on_and_off(0.5, 3), 20, 25),
    "modem": (tones(2100), 20, 25),
    "a burst of noise": (NOISE * (TIME < 3), 20, 25),
    "noise at intervals": (NOISE * on_and_off(1, 3), 20, 25),
    "clicks": (CLICKS, 20, 25),
    "an alarm": (np.sign(tones(900)) * on_and_off(0.25, 0.25), 20, 25),
    "ringing of Australia": (
        tones(400, 425, 450) * (on_and_off(0.4, 2.6) | np.roll(on_and_off(0.4, 2.6), 9600)), 20, 0,
    ),
    "Indian ringing": (
        tones(400) * (1 + 0.8 * np.sin(2 * np.pi * 25 * TIME)) * on_and_off(0.4, 0.2), 20, 0,
    ),
    **{
        f"{name}, {louder_db} dB louder, before all speech": (sound, louder_db, 0)
        for louder_db in (-10, 0, 10, 20)
        for name, sound in (
            ("keys", held_keys(0.12, 0.13)),
            ("short keys", held_keys(0.08, 0.1)),
            ("the answer of a fax", tones(2100)),
            ("a modem", np.convolve(NOISE, np.ones(3), "same") * tones(1800) + 0.3 * tones(2100)),
            ("the dialling tone", tones(350, 440)),
            ("comfort noise", LOW_NOISE),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", LOUD)
def test_loud_sound_takes_nothing_away_and_is_no_speech(name):
    sound, louder_db, at_seconds = LOUD[name]
    sound = sound[: sound.size // STEP * STEP]
    speech = customer()[: alone().size * STEP][np.repeat(alone(), STEP)[: customer().size]]
    level = np.sqrt(np.mean(speech**2) / np.mean(sound[sound != 0] ** 2)) * 10 ** (louder_db / 20)
    first = round(at_seconds * RATE_HZ)
    joined = np.concatenate([customer()[:first], level * sound, customer()[first:]])
    mask = speech_mask(np.clip(joined, -1.0, 1.0).astype(np.float16))
    start, stop = first // STEP, (first + sound.size) // STEP
    kept = np.concatenate([mask[:start], mask[stop:]])
    assert np.mean(kept[alone()]) > 0.9
    assert mask[start:stop].sum() < 1.0 * MASK_RATE_HZ


def test_a_channel_of_loud_sound_alone_holds_no_speech():
    for name in ("chords", "dialled keys", "ringing tone", "white noise"):
        assert speech_mask(MADE[name].astype(np.float16)).sum() < 0.5 * MASK_RATE_HZ


@pytest.mark.parametrize("seconds", [0.3, 0.5, 0.7, 3.5])
def test_speech_that_is_shorter_than_what_is_looked_at_around_it_is_heard(seconds):
    samples, rate_hz = soundfile.read(SAMPLES / "gets_worse.wav")
    sound = soxr.resample(samples[:, 0], rate_hz, RATE_HZ).astype(np.float16)
    # A second after its beginning, this customer is amid a word.
    first = int(np.flatnonzero(speech_mask(sound))[MASK_RATE_HZ]) * STEP
    mask = speech_mask(sound[first : first + round(seconds * RATE_HZ)])
    assert mask.size == round(seconds * MASK_RATE_HZ)
    assert mask.mean() > 0.5
