import json
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from calmscore.audio.log_mel import LogMelSettings, log_mel
from calmscore.emotions import EMOTIONS
from calmscore.errors import ArtifactError, ParameterError
from calmscore.network.classifier import (
    MODEL_FILE,
    SETTINGS_FILE,
    ArtifactSettings,
    EmotionClassifier,
    load_classifier,
)

RATE_HZ = 16_000
SETTINGS = ArtifactSettings(
    name="stub", version="0", heard_temperature=1.0, meant_temperature=1.0, heard_bias=(0.0,) * 6,
    voice_distance_limit=2.5, speech_level_db=-26.0, log_mel=LogMelSettings(),
)  # fmt: skip
WEIGHTS = np.random.default_rng(0).standard_normal((80, 6))


def stub_logits(inputs: np.ndarray) -> np.ndarray:
    """Weigh the mean of each band; no two sounds give the same."""
    return inputs.mean(axis=1) @ WEIGHTS


def stub_network(inputs: np.ndarray) -> dict[str, np.ndarray]:
    logits = stub_logits(inputs)
    return {"heard": logits, "meant": -logits, "voice": logits[:, :2]}


def classifier(*, network=stub_network, **settings) -> EmotionClassifier:
    changed = ArtifactSettings(**{**vars(SETTINGS), **settings})
    return EmotionClassifier(network, settings=changed, sha256="0" * 64)


def sound(seconds: float, *, seed: int = 0, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Noise below 3 kHz, about as loud as speech."""
    generator = np.random.default_rng(seed)
    low_pass = scipy.signal.butter(8, 3000, fs=rate_hz, output="sos")
    noise = scipy.signal.sosfilt(low_pass, generator.standard_normal(round(seconds * rate_hz)))
    return (0.1 * noise).astype(np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def predict(sounds, *, rate_hz: int = RATE_HZ, **options) -> np.ndarray:
    return classifier(**options).predict_proba(sounds, sample_rate_hz=rate_hz)


def test_rows_are_the_softmax_of_the_networks_logits_in_the_order_of_the_sounds():
    sounds = [sound(seconds, seed=seed) for seed, seconds in enumerate((3.0, 0.5, 2.0))]
    expected = softmax(stub_logits(log_mel(sounds)))
    rows = predict(sounds)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, expected, atol=1e-6)
    np.testing.assert_allclose(predict(sounds[::-1]), expected[::-1], atol=1e-6)


@pytest.mark.parametrize("temperature", [0.5, 2.0, 5.0])
def test_the_temperature_divides_the_logits(temperature):
    sounds = [sound(3.0)]
    expected = softmax(stub_logits(log_mel(sounds)) / temperature)
    rows = predict(sounds, heard_temperature=temperature)
    np.testing.assert_allclose(rows, expected, atol=1e-6)


def test_the_two_questions_have_heads_and_calibrations_of_their_own():
    sounds = [sound(3.0), sound(1.0, seed=1)]
    bias = (0.5, -0.5, 0.0, 0.2, -0.2, 0.0)
    made = classifier(heard_temperature=2.0, heard_bias=bias, meant_temperature=0.5)
    logits = stub_logits(log_mel(sounds))
    hearing = made.listen(sounds, sample_rate_hz=RATE_HZ)
    np.testing.assert_allclose(hearing.heard, softmax(logits / 2.0 + np.array(bias)), atol=1e-6)
    np.testing.assert_allclose(hearing.intended, softmax(-logits / 0.5), atol=1e-6)
    np.testing.assert_allclose(hearing.voices, logits[:, :2], atol=1e-5)
    for predicted, expected in (
        (made.predict_proba, hearing.heard),
        (made.predict_intended_proba, hearing.intended),
    ):
        np.testing.assert_allclose(predicted(sounds, sample_rate_hz=RATE_HZ), expected, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("samples", [0, 1, 2, 100, 24_001, 48_000, 48_001, 160_000])
def test_a_sound_of_any_length_gives_one_row_that_sums_to_one(samples, rate_hz):
    rows = predict([sound(10.0)[:samples]], rate_hz=rate_hz)
    assert rows.shape == (1, 6)
    assert rows.min() >= 0.0
    assert rows.sum() == pytest.approx(1.0, abs=1e-5)


def test_no_sounds_give_no_rows():
    assert predict([]).shape == (0, len(EMOTIONS))


def test_a_sound_without_a_sample_tells_nothing():
    empty = np.zeros(0, dtype=np.float32)
    spoken = sound(2.0)
    rows = predict([empty, spoken, empty])
    np.testing.assert_allclose(rows[[0, 2]], 1 / 6, atol=1e-6)
    # In another batch sums may be taken in another order.
    np.testing.assert_allclose(rows[1], predict([spoken])[0], atol=1e-5)


def test_the_logits_of_a_long_sounds_windows_are_averaged():
    seen = []

    def watching(inputs):
        logits = stub_logits(inputs)
        seen.append(logits)
        return stub_network(inputs)

    (row,) = predict([sound(10.0)], network=watching)
    logits = np.concatenate(seen)
    # Windows of 3 s, at most half of that apart, from 0 s to 7 s.
    assert len(logits) >= 1 + 7.0 / 1.5
    np.testing.assert_allclose(row, softmax(logits.mean(axis=0)), atol=1e-6)


@pytest.mark.parametrize("start", [0.0, 1.2, 2.9, 5.0, 9.8])
def test_every_part_of_a_long_sound_counts(start):
    soft = 0.01 * sound(10.0)
    changed = soft.copy()
    first = round(start * RATE_HZ)
    changed[first : first + RATE_HZ // 5] += sound(0.2, seed=1)
    difference = np.abs(
        predict([soft], heard_temperature=5.0) - predict([changed], heard_temperature=5.0)
    )
    assert difference.max() > 1e-3


def test_a_sound_at_8_khz_is_heard_like_the_same_one_at_16_khz():
    wide = sound(3.0)
    narrow = scipy.signal.resample_poly(wide, 1, 2).astype(np.float32)
    # The bands above 4 kHz are empty either way; the stub must not look at them.
    band = np.r_[np.ones(50), np.zeros(30)]

    def low_bands(inputs):
        logits = (inputs * band).mean(axis=1) @ WEIGHTS
        return {"heard": logits, "meant": logits, "voice": logits}

    rows = [predict([wide], network=low_bands), predict([narrow], rate_hz=8_000, network=low_bands)]
    np.testing.assert_allclose(rows[0], rows[1], atol=0.02)
    wrong = predict([narrow], rate_hz=16_000, network=low_bands)
    assert np.abs(rows[0] - wrong).max() > 0.05


def test_a_sound_gives_the_same_row_alone_and_among_others():
    seconds = np.random.default_rng(1).uniform(0.5, 8.0, size=40)
    sounds = [sound(length, seed=seed) for seed, length in enumerate(seconds)]
    together = predict(sounds)
    alone = np.concatenate([predict([one]) for one in sounds])
    np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("count", [1, 32, 33, 70])
def test_progress_rises_to_the_total(count):
    steps = []
    classifier().predict_proba(
        [sound(0.5)] * count, sample_rate_hz=RATE_HZ,
        progress=lambda completed, total: steps.append((completed, total)),
    )  # fmt: skip
    completed = [step for step, _ in steps]
    assert completed == sorted(set(completed))
    assert steps[-1] == (count, count)
    assert {total for _, total in steps} == {count}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.array([0.0, np.nan, 0.0]), "not finite"),
        (np.array([0.0, np.inf]), "not finite"),
        (np.zeros((2, 100)), "one dimension"),
        (np.float32(0.5), "one dimension"),
    ],
    ids=["nan", "infinite", "two dimensions", "a number"],
)
def test_what_is_no_mono_sound_is_refused_and_named(bad, message):
    with pytest.raises(ParameterError, match=f"segment 1 .*{message}"):
        predict([sound(0.5), bad])


@pytest.mark.parametrize("rate_hz", [0, -8_000])
def test_a_rate_that_is_not_above_zero_is_refused(rate_hz):
    with pytest.raises(ParameterError, match="sample_rate_hz"):
        predict([sound(0.5)], rate_hz=rate_hz)


def settings_fields() -> dict:
    return {
        **vars(SETTINGS),
        "log_mel": SETTINGS.log_mel.to_dict(),
        "heard_bias": list(SETTINGS.heard_bias),
        "emotions": list(EMOTIONS),
    }


def artifact(folder: Path, *, settings: str | None = None, model: bytes | None = None) -> Path:
    folder.mkdir()
    if settings is not None:
        (folder / SETTINGS_FILE).write_text(settings, encoding="utf-8")
    if model is not None:
        (folder / MODEL_FILE).write_bytes(model)
    return folder


def test_settings_survive_the_disk(tmp_path):
    SETTINGS.write(tmp_path / SETTINGS_FILE)
    assert ArtifactSettings.read(tmp_path / SETTINGS_FILE) == SETTINGS
    assert json.loads((tmp_path / SETTINGS_FILE).read_text()) == settings_fields()


GOOD_SETTINGS = json.dumps(settings_fields())
OTHER_EMOTIONS = json.dumps({**settings_fields(), "emotions": list(EMOTIONS[::-1])})
LACKING = json.dumps({k: v for k, v in settings_fields().items() if k != "heard_temperature"})
OTHER_FRONT_END = json.dumps({**settings_fields(), "log_mel": {"bands": 3}})


@pytest.mark.parametrize(
    ("settings", "model", "named"),
    [
        (None, b"x", SETTINGS_FILE),
        ("", b"x", SETTINGS_FILE),
        ("{ not json", b"x", SETTINGS_FILE),
        ("[]", b"x", SETTINGS_FILE),
        (LACKING, b"x", SETTINGS_FILE),
        (OTHER_FRONT_END, b"x", SETTINGS_FILE),
        (GOOD_SETTINGS, None, MODEL_FILE),
        (GOOD_SETTINGS, b"no model at all", MODEL_FILE),
        (GOOD_SETTINGS, b"", MODEL_FILE),
    ],
    ids=["no settings", "empty settings", "no JSON", "a list", "no temperature",
         "other front end", "no model", "damaged model", "empty model"],
)  # fmt: skip
def test_a_missing_or_damaged_artifact_is_told_with_the_file_and_the_remedy(
    tmp_path, settings, model, named
):
    folder = artifact(tmp_path / "model", settings=settings, model=model)
    with pytest.raises(ArtifactError) as failure:
        load_classifier(folder)
    message = str(failure.value)
    assert str(folder / named) in message
    assert "install Calmscore again or train a model" in message
    assert "Traceback" not in message


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ArtifactError, match=r"nowhere.*settings\.json"):
        load_classifier(tmp_path / "nowhere")


def test_a_model_for_other_emotions_is_refused(tmp_path):
    folder = artifact(tmp_path / "model", settings=OTHER_EMOTIONS, model=b"x")
    with pytest.raises(ArtifactError, match="other emotions"):
        load_classifier(folder)


def test_an_artifact_that_was_missing_is_found_once_it_is_there(tmp_path):
    folder = artifact(tmp_path / "model", settings=None, model=b"x")
    with pytest.raises(ArtifactError, match="settings"):
        load_classifier(folder)
    SETTINGS.write(folder / SETTINGS_FILE)
    with pytest.raises(ArtifactError, match="damaged"):
        load_classifier(folder)
