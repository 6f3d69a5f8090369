"""The picture of a voice."""

from __future__ import annotations

import numpy as np
import pytest

from calmscore.audio.playback import encode_playback
from calmscore.audio.spectrogram import spectrogram
from calmscore.errors import ParameterError

RATE_HZ = 16_000


def tone(hertz: float, seconds: float = 3.0, rate_hz: int = RATE_HZ) -> bytes:
    time = np.arange(int(seconds * rate_hz)) / rate_hz
    sound = sum(np.sin(2 * np.pi * hertz * over * time) / over for over in (1, 2, 3))
    both = np.stack([0.2 * sound, np.zeros_like(sound)]).astype(np.float16)
    return encode_playback(both, sample_rate_hz=rate_hz)


# A call is played at 8 to 16 kHz; its picture is the same.
@pytest.mark.parametrize("rate_hz", [8000, 11_025, 16_000])
def test_a_tone_is_a_line_at_its_height_and_its_pitch_is_found(rate_hz):
    sound = tone(200.0, rate_hz=rate_hz)
    picture = spectrogram(sound, channel=0, start_seconds=0.5, end_seconds=2.5)
    levels = np.frombuffer(picture.levels, np.uint8).reshape(picture.bands, -1)
    loudest = int(levels.mean(axis=1).argmax())
    pitches = [row for row in picture.pitch_bands if row is not None]
    assert levels.shape[1] == pytest.approx(501, abs=2)
    assert len(pitches) > 0.8 * levels.shape[1]
    assert np.median(pitches) * picture.bands == pytest.approx(loudest, abs=2.5)
    assert picture.end_seconds == pytest.approx(2.5)


def test_the_other_channel_is_another_picture():
    picture = spectrogram(tone(200.0), channel=1, start_seconds=0.0, end_seconds=2.0)
    assert [row for row in picture.pitch_bands if row is not None] == []


@pytest.mark.parametrize(("start", "end"), [(2.0, 2.0), (-1.0, 1.0), (0.0, 700.0), (9.0, 10.0)])
def test_a_stretch_that_is_none_is_refused(start, end):
    with pytest.raises(ParameterError):
        spectrogram(tone(200.0), channel=0, start_seconds=start, end_seconds=end)
