"""What is heard behind a voice all the time is told from what comes and goes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from calmscore.audio.background import background_below_db
from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.audio.voice_activity import Mask, speech_mask
from calmscore.training.non_speech import non_speech_sounds

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
RATE_HZ = ANALYSIS_RATE_HZ
SECONDS = 40
LEVEL = 0.1
MADE = non_speech_sounds(SECONDS, sample_rate_hz=RATE_HZ)

Sound = np.ndarray


@lru_cache
def voice() -> tuple[Sound, Mask]:
    """Return the customer's side, its voice at ``LEVEL``, and where they speak."""
    samples, rate_hz = soundfile.read(SAMPLES / "gets_worse.wav", frames=SECONDS * 8000)
    sound = np.asarray(soxr.resample(samples[:, 0], rate_hz, RATE_HZ))
    mask = speech_mask(sound.astype(np.float16))
    step = RATE_HZ // 100
    # Without the echo of the agent.
    near = np.convolve(mask, np.ones(41), mode="same") > 0.5
    sound = sound * np.repeat(near, step) + 1e-4 * np.sin(np.arange(sound.size))
    powers = np.mean(sound.reshape(-1, step) ** 2, axis=1)[mask]
    return sound * (LEVEL / np.sqrt(np.percentile(powers, 75))), mask


def within(sound: Sound, seconds: float) -> Sound:
    return sound * (np.arange(sound.size) < seconds * RATE_HZ)


# What is behind the voice, at its level.
BEHIND: dict[str, Callable[[], Sound]] = {
    "noise": lambda: MADE["white noise"],
    "hum": lambda: MADE["mains hum"],
    "music": lambda: MADE["chords"],
}


@pytest.mark.parametrize("name", ["noise", "hum"])
@pytest.mark.parametrize("softer_db", [0, 6, 12])
def test_what_is_there_all_the_time_is_measured(name, softer_db):
    sound, mask = voice()
    found = background_below_db(sound + BEHIND[name]() * 10.0 ** (-softer_db / 20.0), mask)
    assert found == pytest.approx(softer_db + 1.0, abs=3.0)


def test_music_that_never_ends_is_found():
    sound, mask = voice()
    found = background_below_db(sound + BEHIND["music"](), mask)
    assert found is not None and found < 15.0


@pytest.mark.parametrize("name", BEHIND)
def test_what_comes_and_goes_does_not_count(name):
    sound, mask = voice()
    alone = background_below_db(sound, mask)
    assert alone is not None and alone > 25.0
    found = background_below_db(sound + within(BEHIND[name](), 12.0), mask)
    assert found is not None and found > 25.0


def test_an_echo_of_the_other_side_does_not_count():
    sound, mask = voice()
    elsewhere = ~mask
    echo = 0.3 * MADE["white noise"] * np.repeat(elsewhere, RATE_HZ // 100)
    found = background_below_db(sound + echo, mask, others=[elsewhere])
    assert found is None or found > 25.0


def test_too_little_speech_or_too_little_beside_it_tells_nothing():
    sound, mask = voice()
    assert background_below_db(sound, np.zeros_like(mask)) is None
    assert background_below_db(sound, np.ones_like(mask)) is None
