import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.special

from calmscore.audio.log_mel import LogMelSettings, log_mel
from calmscore.errors import PretrainedWeightsError
from calmscore.network.layers import (
    PositionEncoding,
    StoredConv1D,
    StoredDense,
    TransformerBlock,
    VoiceCoordinates,
    VoicedFrames,
    VoicedStatistics,
    build_emotion_network,
    set_whisper_weights,
)
from calmscore.network.whisper_weights import locate_whisper, read_encoder

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 16_000


def inputs(*seconds: float) -> np.ndarray:
    generator = np.random.default_rng(0)
    return log_mel([0.1 * generator.standard_normal(round(s * RATE_HZ)) for s in seconds])


def answers(model, features) -> dict[str, np.ndarray]:
    outputs = model(features, training=False)
    return {name: keras.ops.convert_to_numpy(rows) for name, rows in outputs.items()}


def logits(model, features) -> np.ndarray:
    return answers(model, features)["heard"]


@pytest.fixture(scope="module")
def model():
    """Give a small network with no weight left at its initial value."""
    keras.utils.set_random_seed(3)
    network = build_emotion_network(width=128, layers=2)
    generator = np.random.default_rng(3)
    for variable in network.trainable_variables:
        variable.assign(variable + 0.05 * generator.standard_normal(variable.shape))
    return network


@pytest.fixture
def whisper_file(tmp_path, whisper_arrays, write_whisper):
    return write_whisper(tmp_path / "model.bin", whisper_arrays(width=64, layers=2))


@pytest.mark.parametrize(("width", "layers", "heads"), [(64, 2, 1), (128, 3, 2)])
def test_the_network_gives_six_logits_per_input_and_question(width, layers, heads):
    network = build_emotion_network(width=width, layers=layers)
    assert network.input_shape == (None, 300, 80)
    rows = answers(network, inputs(3.0, 1.0, 0.5))
    shapes = {name: table.shape for name, table in rows.items()}
    assert shapes == {"heard": (3, 6), "meant": (3, 6), "voice": (3, 4 * width)}
    assert all(np.isfinite(table).all() for table in rows.values())
    assert np.abs(rows["heard"] - rows["meant"]).max() > 1e-3
    blocks = [layer for layer in network.layers if isinstance(layer, TransformerBlock)]
    assert [block.heads for block in blocks] == [heads] * layers


def test_other_front_ends_are_taken():
    settings = LogMelSettings(frames=100, mel_bands=40)
    network = build_emotion_network(width=64, layers=2, settings=settings)
    assert logits(network, np.zeros((2, 100, 40), dtype=np.float32)).shape == (2, 6)


LAYERS = [
    StoredConv1D(8, 3, strides=2, activation="relu"),
    StoredDense(8),
    PositionEncoding(),
    TransformerBlock(2, 32),
    VoicedFrames(range_decades=2.5),
    VoicedStatistics(),
    VoiceCoordinates(3),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_a_layer_is_made_again_from_its_configuration(layer):
    stored = keras.saving.serialize_keras_object(layer)
    assert stored["registered_name"] == f"calmscore>{type(layer).__name__}"
    again = keras.saving.deserialize_keras_object(stored)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


def test_a_saved_model_loads_in_a_fresh_process_and_gives_the_same_logits(model, tmp_path):
    features = inputs(3.0, 1.3)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "inputs.npy", features)
    program = (
        "import keras, numpy\n"
        "from calmscore.network import layers\n"
        "model = keras.models.load_model('model.keras')\n"
        "numpy.save('logits.npy', model.predict(numpy.load('inputs.npy'), verbose=0)['heard'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    rows = logits(model, features)
    assert np.ptp(rows) > 0.1
    np.testing.assert_allclose(np.load(tmp_path / "logits.npy"), rows, atol=1e-2)


def test_weights_are_stored_with_16_bits(model, tmp_path):
    model.save_weights(tmp_path / "all.weights.h5")
    count = model.count_params()
    assert 2 * count < (tmp_path / "all.weights.h5").stat().st_size < 3 * count


def test_dropout_works_in_training_alone(model):
    features = inputs(2.0, 1.0)
    # Threads may add in another order.
    np.testing.assert_allclose(logits(model, features), logits(model, features), atol=1e-5)
    one, other = (
        keras.ops.convert_to_numpy(model(features, training=True)["heard"]) for _ in range(2)
    )
    assert np.abs(one - other).max() > 1e-3


def test_a_batch_gives_what_its_inputs_give_alone(model):
    features = inputs(3.0, 1.0, 2.0)
    alone = np.concatenate([logits(model, row[None]) for row in features])
    np.testing.assert_allclose(logits(model, features), alone, atol=1e-4)


@pytest.mark.parametrize("longer", [320, 600, 1000])
def test_longer_padding_does_not_change_which_steps_hold_sound(longer):
    sound = [0.1 * np.random.default_rng(1).standard_normal(RATE_HZ)]
    short, long = (
        np.asarray(VoicedFrames()(log_mel(sound, settings=LogMelSettings(frames=frames))))[0]
        for frames in (300, longer)
    )
    assert (short.shape, long.shape) == ((150,), (longer // 2,))
    np.testing.assert_array_equal(long[:150], short)
    assert short[:50].all()
    assert not short[52:].any() and not long[52:].any()


@pytest.mark.parametrize(("below_db", "kept"), [(10.0, True), (25.0, True), (60.0, False)])
def test_a_softer_stretch_counts_within_the_accepted_range(below_db, kept):
    sound = 0.1 * np.random.default_rng(2).standard_normal(3 * RATE_HZ)
    sound[RATE_HZ : 2 * RATE_HZ] *= 10 ** (-below_db / 20)
    (steps,) = np.asarray(VoicedFrames()(log_mel([sound])))
    assert steps[:50].all() and steps[101:].all()
    assert steps[52:98].all() == steps[52:98].any() == kept


def test_pooling_takes_mean_and_deviation_of_the_steps_that_hold_sound():
    hidden = np.random.default_rng(0).standard_normal((2, 10, 8)).astype(np.float32)
    voiced = np.ones((2, 10), dtype=np.float32)
    voiced[0, 4:] = 0.0
    pooled = np.asarray(VoicedStatistics()([hidden, voiced]))
    for row, steps in ((0, hidden[0, :4]), (1, hidden[1])):
        expected = np.concatenate([steps.mean(axis=0), steps.std(axis=0)])
        np.testing.assert_allclose(pooled[row], expected, atol=1e-4)


def test_coordinates_tell_what_lies_along_the_directions_and_outside_of_them():
    layer = VoiceCoordinates(2)
    layer.build((None, 3))
    basis = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    layer.set_weights([basis, np.array([1.0, 0.0, 0.0]), np.array([2.0, 1.0, 0.5])])
    (row,) = np.asarray(layer(np.array([[3.0, -4.0, 5.0]], dtype=np.float32)))
    np.testing.assert_allclose(row, [(3.0 - 1.0) / 2.0, -4.0, 5.0 / 0.5], atol=1e-4)


def test_a_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="heads"):
        TransformerBlock(3, 32).build((None, 10, 64))


def gelu(values):
    return values * scipy.special.ndtr(values)


def convolved(frames, weight, bias, *, stride):
    padded = np.pad(frames, ((1, 1), (0, 0)))
    windows = np.stack([padded[i : i + 3] for i in range(0, len(frames), stride)])
    return gelu(np.einsum("tki,oik->to", windows, weight) + bias)


def normed(hidden, weights, name):
    scaled = (hidden - hidden.mean(-1, keepdims=True)) / np.sqrt(hidden.var(-1)[:, None] + 1e-5)
    return scaled * weights[f"{name}/layer_norm/gamma"] + weights[f"{name}/layer_norm/beta"]


def linear(hidden, weights, name):
    return hidden @ weights[f"{name}/weight"].T + weights[f"{name}/bias"]


def whisper_block(hidden, weights, layer):
    """One block of Whisper's encoder, head by head, as its paper defines it."""
    name = f"layer_{layer}/self_attention"
    fused = linear(normed(hidden, weights, name), weights, f"{name}/linear_0")
    query, key, value = np.split(fused, 3, axis=1)
    heads = [slice(start, start + 64) for start in range(0, hidden.shape[1], 64)]
    mixed = [
        scipy.special.softmax(query[:, h] @ key[:, h].T / 8.0, axis=1) @ value[:, h] for h in heads
    ]
    hidden = hidden + linear(np.concatenate(mixed, axis=1), weights, f"{name}/linear_1")
    name = f"layer_{layer}/ffn"
    wide = gelu(linear(normed(hidden, weights, name), weights, f"{name}/linear_0"))
    return hidden + linear(wide, weights, f"{name}/linear_1")


def test_with_whispers_weights_the_blocks_compute_whispers_encoder(
    tmp_path, whisper_arrays, write_whisper
):
    arrays = whisper_arrays(width=128, layers=2)
    weights = read_encoder(write_whisper(tmp_path / "model.bin", arrays))
    network = build_emotion_network(width=128, layers=2)
    set_whisper_weights(network, weights)
    blocks = [layer.output for layer in network.layers if isinstance(layer, TransformerBlock)]
    features = inputs(2.5)
    outputs = keras.Model(network.input, blocks)(features, training=False)

    hidden = convolved(
        features[0].astype(np.float64), weights["conv1/weight"], weights["conv1/bias"], stride=1
    )
    hidden = convolved(hidden, weights["conv2/weight"], weights["conv2/bias"], stride=2)
    hidden = hidden + weights["position_encodings/encodings"][:150]
    for layer, output in enumerate(outputs):
        hidden = whisper_block(hidden, weights, layer)
        np.testing.assert_allclose(np.asarray(output)[0], hidden, atol=1e-4)


def test_the_encoder_is_read_without_the_decoder(whisper_file, whisper_arrays):
    written = whisper_arrays(width=64, layers=2)
    weights = read_encoder(whisper_file)
    assert set(weights) == {
        name.removeprefix("encoder/") for name in written if name.startswith("encoder/")
    }
    for name, array in weights.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, written[f"encoder/{name}"].astype(np.float32))


def test_weights_of_another_width_are_refused(whisper_file):
    with pytest.raises(ValueError):
        set_whisper_weights(build_emotion_network(width=128, layers=2), read_encoder(whisper_file))


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF\x24\0\0\0WAVEfmt ", b"<!DOCTYPE html><html>not found</html>", bytes(1000),
     bytes(range(256)) * 10],
    ids=["empty", "a sound file", "a web page", "zeros", "counting"],
)  # fmt: skip
def test_what_is_no_model_file_is_refused(tmp_path, content):
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    with pytest.raises(PretrainedWeightsError, match=r"model\.bin"):
        read_encoder(path)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.999])
def test_a_model_file_that_was_cut_off_is_refused(whisper_file, share):
    content = whisper_file.read_bytes()
    whisper_file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(PretrainedWeightsError, match=r"model\.bin"):
        read_encoder(whisper_file)


def test_a_model_file_that_is_missing_is_told(tmp_path):
    with pytest.raises(PretrainedWeightsError, match="nowhere"):
        read_encoder(tmp_path / "nowhere.bin")


@pytest.mark.parametrize(
    ("specification", "prefix"), [("TransformerSpec", "encoder/"), ("WhisperSpec", "other/")]
)
def test_another_kind_of_model_is_refused(
    tmp_path, whisper_arrays, write_whisper, specification, prefix
):
    arrays = {name.replace("encoder/", prefix): a for name, a in whisper_arrays().items()}
    path = write_whisper(tmp_path / "model.bin", arrays, specification=specification)
    with pytest.raises(PretrainedWeightsError, match="not a Whisper model"):
        read_encoder(path)


def test_a_model_is_downloaded_by_its_name(monkeypatch, tmp_path):
    monkeypatch.setattr("faster_whisper.download_model", lambda name: str(tmp_path / name))
    assert locate_whisper("tiny.en") == tmp_path / "tiny.en" / "model.bin"


def test_a_model_that_cannot_be_downloaded_is_told(monkeypatch):
    def refuse(name):
        raise OSError("no way out")

    monkeypatch.setattr("faster_whisper.download_model", refuse)
    with pytest.raises(PretrainedWeightsError, match=r"tiny\.xx.*no way out"):
        locate_whisper("tiny.xx")
