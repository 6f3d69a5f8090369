import io

import numpy as np
import pytest
import soundfile

from calmscore.audio.playback import PLAYBACK_MIME_TYPE, encode_playback, prepare_playback
from calmscore.errors import ParameterError


@pytest.mark.parametrize("rate_hz", [8000, 16_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_comes_back_as_it_was(channels, rate_hz):
    generator = np.random.default_rng(0)
    samples = generator.uniform(-0.9, 0.9, (channels, 23 * rate_hz + 7)).astype(np.float16)
    data = encode_playback(samples, sample_rate_hz=rate_hz)
    sound, rate = soundfile.read(io.BytesIO(data), always_2d=True)
    assert rate == rate_hz
    assert sound.T.shape == samples.shape
    assert np.abs(sound.T - samples.astype(np.float64)).max() < 2 / 32768


def test_type_is_that_of_the_bytes():
    data = encode_playback(np.zeros((1, 100), dtype=np.float16))
    assert PLAYBACK_MIME_TYPE == "audio/flac"
    assert data.startswith(b"fLaC")


def test_everybody_on_a_conference_is_heard():
    samples = np.repeat([[0.1], [0.2], [0.0], [0.3]], 100, axis=1).astype(np.float16)
    sound, _ = soundfile.read(io.BytesIO(encode_playback(samples)))
    assert sound.shape == (100,)
    assert sound == pytest.approx(0.6, abs=1e-3)


def test_overshoot_is_clipped_not_wrapped():
    samples = np.array([[1.5, -1.5] * 500], dtype=np.float16)
    sound, _ = soundfile.read(io.BytesIO(encode_playback(samples)))
    assert sound[::2].min() > 0.99
    assert sound[1::2].max() < -0.99


@pytest.mark.parametrize("shape", [(0, 5), (2, 0), (5,)])
def test_other_shapes_are_refused_with_their_shape(shape):
    with pytest.raises(ParameterError, match="shape"):
        encode_playback(np.zeros(shape, dtype=np.float16))


def test_the_outline_is_the_loudest_of_each_stretch():
    samples = np.zeros((2, 16_000), dtype=np.float16)
    samples[0, 4_000], samples[1, 12_000] = -0.5, 0.25
    playback = prepare_playback(samples)
    assert playback.peaks_per_second == 25.0
    first, second = playback.peaks
    assert (len(first), first.index(255), max(first)) == (25, 6, 255)
    assert (len(second), second.index(127), max(second)) == (25, 18, 127)


def test_the_outline_of_an_hour_is_small():
    playback = prepare_playback(np.zeros((1, 3600 * 1_000), dtype=np.float16), sample_rate_hz=1_000)
    assert len(playback.peaks[0]) <= 36_100
