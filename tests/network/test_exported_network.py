"""Calls are judged by the model's export; Keras itself stands in where that does not belong."""

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_emotion_network import made_network, write_artifact

from calmscore.analysis.segments import segment_call
from calmscore.audio.recording import ANALYSIS_RATE_HZ, read_recording
from calmscore.errors import ParameterError
from calmscore.network.classifier import MODEL_FILE, EmotionClassifier, load_classifier
from calmscore.network.exported_network import EXPORTED_FILE
from calmscore.training.emotion_export import emotion_graph, export_emotion_network
from calmscore.training.onnx_graph import write_model

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "calms_down.wav"
# The export multiplies 8-bit numbers: a probability moves by 0.003 on average, by up to 0.03
# on speech, and coordinates of the voice, which reach 10, by up to 0.2.
PROBABILITIES, MEAN_PROBABILITIES, COORDINATES = 0.08, 0.01, 0.6
# The same sums of whole numbers, whatever else is asked.
SAME = 1e-6


def spoken() -> list[np.ndarray]:
    """Return sounds of all kinds: speech over a line and on, loud, soft, cut, and none."""
    call = segment_call(read_recording(SAMPLE))
    speech = [s.samples.astype(np.float32) for s in call.segments if s.samples is not None]
    generator = np.random.default_rng(0)
    return [
        *speech,
        np.concatenate(speech[:4]),
        np.clip(30.0 * speech[0], -1.0, 1.0),
        1e-4 * speech[1],
        speech[2][:1600],
        speech[3][::-1] + 0.02 * generator.standard_normal(speech[3].size).astype(np.float32),
        np.zeros(ANALYSIS_RATE_HZ, dtype=np.float32),
        np.zeros(0, dtype=np.float32),
        speech[4][:1],
    ]


Pair = tuple[EmotionClassifier, EmotionClassifier]


def assert_alike(pair: Pair, sounds: list[np.ndarray], *, rate_hz: int) -> None:
    one, other = (classifier.listen(sounds, sample_rate_hz=rate_hz) for classifier in pair)
    for answers, others in ((one.heard, other.heard), (one.intended, other.intended)):
        np.testing.assert_allclose(answers, others, atol=PROBABILITIES)
        assert np.abs(answers - others).mean() < MEAN_PROBABILITIES
    np.testing.assert_allclose(one.voices, other.voices, atol=COORDINATES, rtol=0.02)


@pytest.fixture(scope="module")
def shipped() -> Pair:
    return load_classifier(), load_classifier(runtime="keras")


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_the_shipped_export_answers_as_the_shipped_keras_model(shipped, rate_hz):
    assert_alike(shipped, spoken(), rate_hz=rate_hz)


def test_both_are_the_same_model(shipped):
    exported, keras = shipped
    assert exported.sha256 == keras.sha256
    assert exported.settings == keras.settings


def test_a_sound_gets_the_same_answer_alone_and_among_others(shipped):
    exported, _ = shipped
    sounds = spoken()
    together = exported.listen(sounds, sample_rate_hz=ANALYSIS_RATE_HZ)
    for index, sound in enumerate(sounds):
        alone = exported.listen([sound], sample_rate_hz=ANALYSIS_RATE_HZ)
        np.testing.assert_allclose(alone.heard[0], together.heard[index], atol=SAME)


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    folder = write_artifact(tmp_path_factory.mktemp("exported") / "model")
    export_emotion_network(folder)
    return folder


@pytest.fixture
def artifact(exported, tmp_path) -> Path:
    """Give a copy of a small artifact with its export."""
    for file in exported.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def runs_on_keras(folder: Path, caplog, **options) -> bool:
    """Tell what runs a model: Keras says something where it stands in."""
    with caplog.at_level(logging.WARNING, logger="calmscore.network"):
        load_classifier(folder, **options)
    return any(str(folder / EXPORTED_FILE) in record.getMessage() for record in caplog.records)


def test_an_export_that_belongs_is_used_without_a_word(artifact, caplog):
    assert not runs_on_keras(artifact, caplog)
    assert not caplog.records


def _missing(folder):
    (folder / EXPORTED_FILE).unlink()


def _empty(folder):
    (folder / EXPORTED_FILE).write_bytes(b"")


def _damaged(folder):
    whole = (folder / EXPORTED_FILE).read_bytes()
    (folder / EXPORTED_FILE).write_bytes(whole[: len(whole) // 2])


def _stale(folder):
    made_network(seed=1).save(folder / MODEL_FILE)


def _unmarked(folder):
    write_model(emotion_graph(made_network(), keras_sha256=""), folder / EXPORTED_FILE)


def _another_network(folder):
    other = ROOT / "artifacts" / "text_emotion.onnx"
    (folder / EXPORTED_FILE).write_bytes(other.read_bytes())


@pytest.mark.parametrize("spoil", [_missing, _empty, _damaged, _stale, _unmarked, _another_network])
def test_keras_stands_in_for_an_export_that_does_not_belong_and_says_so(artifact, spoil, caplog):
    spoil(artifact)
    assert runs_on_keras(artifact, caplog)
    (record,) = caplog.records
    assert "model.py export" in record.getMessage()
    pair = load_classifier(artifact), load_classifier(artifact, runtime="keras")
    assert_alike(pair, spoken()[-8:], rate_hz=8_000)


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_keras_can_be_asked_for(artifact, caplog, monkeypatch, by):
    _damaged(artifact)
    if by == "variable":
        monkeypatch.setenv("CALMSCORE_RUNTIME", "keras")
    assert not runs_on_keras(artifact, caplog, **({"runtime": "keras"} if by == "argument" else {}))


def test_a_runtime_that_is_none_is_named(artifact, monkeypatch):
    monkeypatch.setenv("CALMSCORE_RUNTIME", "torch")
    with pytest.raises(ParameterError, match="CALMSCORE_RUNTIME is 'torch'"):
        load_classifier(artifact)


def test_a_call_is_judged_without_tensorflow_keras_or_librosa(tmp_path):
    speech, rate_hz = soundfile.read(SAMPLE)
    soundfile.write(tmp_path / "call.wav", speech[: 40 * rate_hz], rate_hz)
    script = (
        "import sys, inference\n"
        "report = inference.analyze_call(sys.argv[1])\n"
        "assert any(segment.emotion for segment in report.segments)\n"
        "slow = {'tensorflow', 'keras', 'librosa', 'scipy.signal', 'calmscore.training'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "call.wav")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
