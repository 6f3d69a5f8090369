import librosa
import numpy as np
import pytest
import scipy.signal

from calmscore.audio.log_mel import LogMelSettings, log_mel, mel_filters
from calmscore.training.augmentation import (
    add_noise,
    change_gain,
    change_speed,
    coloured_noise,
    reverberate,
    telephone_line,
)

RATE_HZ = 16_000
CODECS = ("mu-law", "a-law", "gsm")


def tone(*, hz=1000.0, seconds=2.0, rate_hz=RATE_HZ, amplitude=0.3) -> np.ndarray:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def noise(*, seconds=2.0, seed=0, deviation=0.1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (deviation * generator.standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


def power(sound: np.ndarray) -> float:
    return float(np.mean(np.square(sound, dtype=np.float64)))


def decibels(ratio: float) -> float:
    return 10.0 * np.log10(ratio)


def band_level_db(sound: np.ndarray, low_hz: float, high_hz: float) -> float:
    """Mean power density from one frequency to another, in decibels."""
    frequencies, density = scipy.signal.welch(sound, RATE_HZ, nperseg=2048)
    return decibels(density[(frequencies >= low_hz) & (frequencies <= high_hz)].mean())


def tone_to_rest_db(sound: np.ndarray, hz: float, rate_hz: int) -> float:
    """Power of one tone against all that is not that tone, away from the edges."""
    middle = sound[rate_hz // 10 : -rate_hz // 10].astype(np.float64)
    phase = 2 * np.pi * hz * np.arange(middle.size) / rate_hz
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    part = basis @ np.linalg.lstsq(basis, middle, rcond=None)[0]
    return decibels(power(part) / power(middle - part))


def whisper_reference(sound: np.ndarray) -> np.ndarray:
    """Whisper's features as its paper and code define them, from librosa's spectrogram."""
    padded = np.zeros(48_000, dtype=np.float32)
    padded[: sound.size] = sound[:48_000]
    mel = librosa.feature.melspectrogram(
        y=padded, sr=RATE_HZ, n_fft=400, hop_length=160, n_mels=80, power=2.0,
        center=True, pad_mode="reflect",
    )[:, :-1]  # fmt: skip
    bands = np.log10(np.maximum(mel, 1e-10))
    return ((np.maximum(bands, bands.max() - 8.0) + 4.0) / 4.0).T


@pytest.mark.parametrize(("rate_hz", "window", "bands"), [(16_000, 400, 80), (8_000, 256, 40)])
def test_mel_filters_are_librosas(rate_hz, window, bands):
    settings = LogMelSettings(sample_rate_hz=rate_hz, window_samples=window, mel_bands=bands)
    expected = librosa.filters.mel(sr=rate_hz, n_fft=window, n_mels=bands)
    # The same steps in the same order; a libm of another machine may round a logarithm otherwise.
    np.testing.assert_allclose(mel_filters(settings), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "sound",
    [noise(seconds=3.0), noise(seconds=0.7), tone(hz=440.0, seconds=3.0), tone(seconds=1.0),
     np.r_[noise(seconds=0.5, deviation=1e-4), tone(seconds=0.5, amplitude=0.9)],
     np.zeros(RATE_HZ, dtype=np.float32)],
    ids=["noise", "short noise", "tone", "short tone", "soft then loud", "silence"],
)  # fmt: skip
def test_features_are_whispers(sound):
    np.testing.assert_allclose(log_mel([sound])[0], whisper_reference(sound), atol=2e-4)


@pytest.mark.parametrize("samples", [0, 1, 159, 8_000, 48_000, 48_001, 160_000])
def test_a_sound_of_any_length_fills_one_input(samples):
    features = log_mel([noise(seconds=10.0)[:samples]])
    assert features.shape == (1, 300, 80)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_no_sounds_give_no_inputs():
    assert log_mel([]).shape == (0, 300, 80)


def test_padding_with_silence_is_the_same_as_being_short():
    short = noise(seconds=1.0)
    padded = np.pad(short, (0, 32_000))
    np.testing.assert_array_equal(log_mel([short]), log_mel([padded]))


def test_what_lies_behind_the_input_is_cut_off():
    long = noise(seconds=5.0)
    np.testing.assert_array_equal(log_mel([long]), log_mel([long[:48_000]]))


@pytest.mark.parametrize("gain", [0.1, 0.5, 3.0])
def test_a_gain_shifts_all_features_alike(gain):
    sound = noise(seconds=3.0)
    shift = log_mel([np.float32(gain) * sound]) - log_mel([sound])
    np.testing.assert_allclose(shift, 2.0 * np.log10(gain) / 4.0, atol=1e-4)


def test_features_span_at_most_two():
    features = log_mel([np.r_[tone(seconds=0.5), np.zeros(16_000, np.float32)]])
    assert features.max() - features.min() == pytest.approx(2.0, abs=1e-6)


def test_silence_is_the_lowest_value_everywhere():
    np.testing.assert_allclose(log_mel([np.zeros(48_000)]), -1.5, atol=1e-6)


def test_a_sound_has_the_same_features_alone_and_among_others():
    sounds = [noise(seed=seed, deviation=10.0**-seed) for seed in range(4)]
    together = log_mel(sounds)
    for sound, row in zip(sounds, together, strict=True):
        # A matrix product may add in another order for another batch: the last bits of
        # 32-bit numbers of about 1 differ.
        np.testing.assert_allclose(log_mel([sound])[0], row, atol=2e-6)


def test_other_settings_are_obeyed():
    settings = LogMelSettings(mel_bands=40, frames=100)
    assert settings.samples == 16_000
    assert LogMelSettings(**settings.to_dict()) == settings
    assert log_mel([noise()], settings=settings).shape == (1, 100, 40)


@pytest.mark.parametrize("codec", CODECS)
def test_a_telephone_line_passes_300_to_3400_hz_only(codec):
    sound = telephone_line(
        noise(seconds=8.0), sample_rate_hz=RATE_HZ, generator=np.random.default_rng(0),
        codec=codec, snr_db=(60.0, 60.0),
    )  # fmt: skip
    passed = band_level_db(sound, 500.0, 2500.0)
    floor = 10.0 if codec == "gsm" else 30.0  # GSM 06.10 adds much noise of its own
    assert passed - band_level_db(sound, 20.0, 100.0) > floor
    assert passed - band_level_db(sound, 3850.0, 3950.0) > 10.0
    assert passed - band_level_db(sound, 4200.0, 8000.0) > 50.0


@pytest.mark.parametrize(
    ("hz", "passes"),
    [(60, False), (120, False), (500, True), (1000, True), (3000, True), (3900, False),
     (5000, False)],
)  # fmt: skip
def test_a_tone_passes_the_line_only_inside_its_band(hz, passes):
    sent = tone(hz=hz)
    heard = telephone_line(
        sent, sample_rate_hz=RATE_HZ, generator=np.random.default_rng(0), snr_db=(60.0, 60.0)
    )
    change_db = decibels(power(heard) / power(sent))
    assert abs(change_db) < 2.0 if passes else change_db < -20.0


@pytest.mark.parametrize("snr_db", [5.0, 15.0, 25.0])
def test_a_telephone_line_has_the_signal_to_noise_ratio_that_was_asked_for(snr_db):
    heard = telephone_line(
        tone(seconds=4.0, rate_hz=8_000), sample_rate_hz=8_000,
        generator=np.random.default_rng(1), snr_db=(snr_db, snr_db),
    )  # fmt: skip
    assert tone_to_rest_db(heard, 1000.0, 8_000) == pytest.approx(snr_db, abs=1.0)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 1.0])
def test_lost_packets_are_silent_and_as_many_as_asked_for(share):
    heard = telephone_line(
        tone(seconds=20.0, rate_hz=8_000), sample_rate_hz=8_000,
        generator=np.random.default_rng(2), packet_loss=share,
    )  # fmt: skip
    lost = ~heard.reshape(-1, 160).any(axis=1)
    assert lost.mean() == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("samples", [0, 1, 999, 16_001])
def test_a_telephone_line_keeps_the_length(samples, rate_hz, codec):
    sound = tone(seconds=3.0, rate_hz=rate_hz)[:samples]
    heard = telephone_line(
        sound, sample_rate_hz=rate_hz, generator=np.random.default_rng(0), codec=codec
    )
    assert heard.shape == sound.shape
    assert heard.dtype == np.float32
    assert np.isfinite(heard).all()


@pytest.mark.parametrize("codec", CODECS)
def test_a_voice_is_still_itself_behind_the_line(codec):
    # A buzz with the band's harmonics, swelling like syllables.
    time = np.arange(3 * RATE_HZ) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * 150.0 * k * time) / k for k in range(3, 20))
    voice = (0.2 * buzz * np.sin(2 * np.pi * 2.0 * time) ** 2).astype(np.float32)
    heard = telephone_line(
        voice, sample_rate_hz=RATE_HZ, generator=np.random.default_rng(0), codec=codec
    )
    spectra = [scipy.signal.welch(sound, RATE_HZ, nperseg=1024)[1] for sound in (voice, heard)]
    assert np.corrcoef(*spectra)[0, 1] > 0.9


def test_codecs_differ():
    heard = [
        telephone_line(
            noise(), sample_rate_hz=RATE_HZ, generator=np.random.default_rng(0), codec=codec
        )
        for codec in CODECS
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(heard[one] - heard[other]).max() > 1e-4


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 12.0, 40.0])
@pytest.mark.parametrize("seconds", [0.3, 2.0, 5.0])
def test_noise_is_mixed_in_at_the_ratio_asked_for(seconds, snr_db):
    sound = tone()
    mix = add_noise(sound, noise(seconds=seconds, deviation=0.7), snr_db=snr_db)
    assert mix.shape == sound.shape
    assert decibels(power(sound) / power(mix - sound)) == pytest.approx(snr_db, abs=0.05)


@pytest.mark.parametrize(
    ("sound", "added"),
    [(tone(), np.zeros(100, np.float32)), (np.zeros(100, np.float32), noise()),
     (tone(), np.zeros(0, np.float32)), (np.zeros(0, np.float32), noise())],
    ids=["silent noise", "silent sound", "no noise", "no sound"],
)  # fmt: skip
def test_nothing_is_mixed_where_either_is_silent(sound, added):
    np.testing.assert_array_equal(add_noise(sound, added, snr_db=10.0), sound)


@pytest.mark.parametrize(("exponent", "slope_db"), [(0.0, 0.0), (1.0, -10.0), (2.0, -20.0)])
def test_coloured_noise_falls_as_asked_for(exponent, slope_db):
    sound = coloured_noise(1 << 17, exponent=exponent, generator=np.random.default_rng(3))
    assert sound.std() == pytest.approx(1.0, abs=1e-3)
    levels = [band_level_db(sound, hz * 0.9, hz * 1.1) for hz in (300.0, 3000.0)]
    assert levels[1] - levels[0] == pytest.approx(slope_db, abs=1.5)


@pytest.mark.parametrize("factor", [0.88, 1.0, 1.14])
def test_a_faster_sound_is_shorter_and_higher(factor):
    changed = change_speed(tone(hz=1000.0), factor=factor)
    assert changed.size == pytest.approx(2 * RATE_HZ / factor, abs=2)
    spectrum = np.abs(np.fft.rfft(changed))
    hz = np.fft.rfftfreq(changed.size, 1 / RATE_HZ)[spectrum.argmax()]
    assert hz == pytest.approx(1000.0 * factor, rel=0.002)


@pytest.mark.parametrize("wet", [0.05, 0.5])
def test_a_room_keeps_the_direct_sound_and_adds_the_reflections_asked_for(wet):
    click = np.zeros(RATE_HZ, dtype=np.float32)
    click[0] = 1.0
    room = reverberate(
        click, sample_rate_hz=RATE_HZ, decay_seconds=0.4, wet=wet,
        generator=np.random.default_rng(4),
    )  # fmt: skip
    assert room.shape == click.shape
    assert room[0] == pytest.approx(1.0, abs=1e-5)
    assert float(np.sum(room[1:] ** 2)) == pytest.approx(wet, rel=0.1)
    # 60 dB over the whole decay are 30 dB over its half.
    early, late = power(room[1:801]), power(room[3201:4001])
    assert decibels(early / late) == pytest.approx(30.0, abs=2.5)
    assert np.abs(room[6400:]).max() < 1e-5


def test_gain_is_in_decibels_and_ends_at_full_scale():
    sound = tone(amplitude=0.2)
    np.testing.assert_allclose(change_gain(sound, gain_db=6.0206), 2.0 * sound, rtol=1e-4)
    assert np.abs(change_gain(sound, gain_db=40.0)).max() == 1.0


RANDOM = {
    "telephone": lambda sound, generator: telephone_line(
        sound, sample_rate_hz=RATE_HZ, generator=generator, packet_loss=0.1
    ),
    "room": lambda sound, generator: reverberate(
        sound, sample_rate_hz=RATE_HZ, decay_seconds=0.2, generator=generator
    ),
    "noise": lambda sound, generator: add_noise(
        sound, coloured_noise(sound.size, exponent=1.0, generator=generator), snr_db=10.0
    ),
}


@pytest.mark.parametrize("kind", RANDOM)
def test_the_same_seed_gives_the_same_sound_and_another_one_another(kind):
    first, again, other = (RANDOM[kind](tone(), np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
