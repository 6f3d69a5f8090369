"""The network that reads words: BERT's arithmetic, padding, saving and loading."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from made_minilm import WIDTH, made_minilm
from scipy.special import erf, softmax

from calmscore.errors import PretrainedWeightsError
from calmscore.network.text_network import build_text_network, set_minilm_weights, shape_of

LONGEST = 16
PIECES = np.array([[3, 60, 70, 65, 78, 4], [3, 74, 4, 0, 0, 0]])


@pytest.fixture(scope="module")
def weights():
    return made_minilm()[0]


@pytest.fixture(scope="module")
def model(weights):
    keras.utils.set_random_seed(0)
    rows = len(weights["embeddings.word_embeddings.weight"])
    network = build_text_network(
        vocabulary_size=rows, classes=7, longest=LONGEST, **shape_of(weights)
    )
    set_minilm_weights(network, weights)
    return network


def normalised(values, weights, name):
    centred = values - values.mean(axis=-1, keepdims=True)
    deviation = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + 1e-12)
    return centred / deviation * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def bert(pieces, weights):
    """Run BERT's encoder as the paper has it, a text at a time and a head at a time."""

    def dense(values, name):
        return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    hidden = weights["embeddings.word_embeddings.weight"][pieces]
    hidden = hidden + weights["embeddings.position_embeddings.weight"][: len(pieces)]
    hidden = hidden + weights["embeddings.token_type_embeddings.weight"][0]
    hidden = normalised(hidden, weights, "embeddings.LayerNorm")
    for layer in range(shape_of(weights)["layers"]):
        prefix = f"encoder.layer.{layer}."
        query, key, value = (
            dense(hidden, f"{prefix}attention.self.{name}") for name in ("query", "key", "value")
        )
        heads = []
        for start in range(0, WIDTH, 32):
            part = slice(start, start + 32)
            attention = softmax(query[:, part] @ key[:, part].T / np.sqrt(32), axis=-1)
            heads.append(attention @ value[:, part])
        attended = dense(np.concatenate(heads, axis=-1), f"{prefix}attention.output.dense")
        hidden = normalised(hidden + attended, weights, f"{prefix}attention.output.LayerNorm")
        inner = dense(hidden, f"{prefix}intermediate.dense")
        inner = inner * 0.5 * (1.0 + erf(inner / np.sqrt(2.0)))
        hidden = hidden + dense(inner, f"{prefix}output.dense")
        hidden = normalised(hidden, weights, f"{prefix}output.LayerNorm")
    return hidden


def test_the_encoder_is_berts(model, weights):
    means = keras.Model(model.input, model.get_layer("mean").output)(PIECES).numpy()
    for row, pieces in zip(means, PIECES, strict=True):
        assert row == pytest.approx(bert(pieces[pieces > 0], weights).mean(axis=0), abs=1e-3)


def test_padding_changes_nothing(model):
    alone = model(PIECES[1:, :3]).numpy()
    assert model(PIECES).numpy()[1] == pytest.approx(alone[0], abs=1e-5)


def test_a_saved_network_loads_in_a_fresh_process(model, tmp_path):
    path = tmp_path / "network.keras"
    model.save(path)
    program = (
        "import keras, numpy, sys, calmscore.network.text_network\n"
        f"model = keras.models.load_model({str(path)!r})\n"
        f"numpy.save({str(tmp_path / 'logits.npy')!r}, model(numpy.array({PIECES.tolist()})))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    # Weights are stored with 16 bits.
    assert np.load(tmp_path / "logits.npy") == pytest.approx(model(PIECES).numpy(), abs=1e-2)


def test_weights_of_another_shape_are_refused(model, weights):
    wider = {name: np.repeat(value, 2, axis=-1) for name, value in weights.items()}
    with pytest.raises(PretrainedWeightsError, match="do not fit"):
        set_minilm_weights(model, wider)
