"""The network in PyTorch is the network in Keras; these tests run where PyTorch is installed."""

import importlib

import numpy as np
import pytest

from calmscore.audio import log_mel
from calmscore.network.layers import build_emotion_network

torch = pytest.importorskip("torch")
front_end = importlib.import_module("calmscore.training.gpu.front_end")
network = importlib.import_module("calmscore.training.gpu.network")


@pytest.fixture(scope="module")
def model():
    """Make a small network whose weights are all of them other than at the start."""
    model = build_emotion_network(width=64, layers=3)
    generator = np.random.default_rng(0)
    model.set_weights(
        [np.abs(w + 0.05 * generator.standard_normal(w.shape)) for w in model.get_weights()]
    )
    return model


@pytest.fixture(scope="module")
def inputs():
    return np.random.default_rng(1).standard_normal((3, 300, 80)).astype(np.float32)


def test_both_give_the_same_answers_and_features(model, inputs):
    weights = network.weights_of(model, device="cpu")
    with torch.no_grad():
        voice = network.voice_features(weights, torch.tensor(inputs))
        given = {**network.answers(weights, voice), "voice": voice}
    expected = model(inputs, training=False)
    assert given.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(given[name].numpy(), values, atol=1e-3, err_msg=name)


def test_both_standardise_alike_while_they_learn(model, inputs):
    weights = network.weights_of(model, device="cpu")
    voice = network.voice_features(weights, torch.tensor(inputs), learning=True)
    before = model.get_weights()
    expected = model(inputs, training=True)["voice"]
    np.testing.assert_allclose(voice.numpy(), expected, atol=1e-3)
    layer = model.get_layer("voice")
    for name, values in zip(("mean", "variance"), layer.get_weights(), strict=True):
        np.testing.assert_allclose(weights[f"voice/moving_{name}"], values, atol=1e-4)
    model.set_weights(before)


def test_weights_go_there_and_back(model):
    before = model.get_weights()
    weights = network.weights_of(model, device="cpu")
    other = build_emotion_network(width=64, layers=3)
    network.set_weights(other, weights)
    for weight, expected in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_both_front_ends_hear_the_same():
    sounds = 0.1 * np.random.default_rng(2).standard_normal((2, 48_000)).astype(np.float32)
    sounds[1, 20_000:] = 0.0
    np.testing.assert_allclose(
        front_end.log_mel(torch.tensor(sounds)).numpy(), log_mel.log_mel(sounds), atol=1e-3
    )


def test_a_mask_hides_one_stretch_of_bands_and_one_of_frames():
    inputs = np.random.default_rng(3).standard_normal((20, 300, 80)).astype(np.float32)
    draws = front_end.Draws(seed=0, device="cpu")
    masked = front_end.hide_stretches(torch.tensor(inputs), draws).numpy()
    hidden = masked != inputs
    for axis, widest in ((1, 30), (2, 12)):
        counts = hidden.all(axis=3 - axis).sum(axis=1)
        assert counts.max() <= widest
        assert len(set(counts)) > 3
    assert hidden.any(axis=(1, 2)).sum() > 15
