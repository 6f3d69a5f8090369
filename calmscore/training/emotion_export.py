"""Write the trained emotion network as ONNX beside its Keras file.

The Keras file is the model; calls are judged by its export, which needs no TensorFlow
and multiplies 8-bit numbers in the layers of its blocks, where nearly all of the time
goes. How far that moves its answers is checked here, and stands in ``docs/model-log.md``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from calmscore.audio.log_mel import log_mel
from calmscore.errors import ArtifactError
from calmscore.network.classifier import MODEL_FILE, SETTINGS_FILE, ArtifactSettings
from calmscore.network.exported_network import (
    EXPORTED_FILE,
    INPUT,
    KERAS_SHA256,
    open_exported_network,
)
from calmscore.network.keras_network import load_keras_network
from calmscore.network.layers import HEARD, MEANT, VOICE, TransformerBlock
from calmscore.training.onnx_graph import OnnxGraph, write_model

FloatArray = npt.NDArray[np.float32]

_NORM_EPSILON = 1e-5
# As a share of an output's size, by their root mean squares. The rounding to 8 bits moves
# the shipped network by 5 %; networks that have hardly learnt anything by more.
LARGEST_DIFFERENCE = 0.2


def export_emotion_network(artifacts: Path) -> Path:
    """Export the Keras file of a folder, and check that both answer alike.

    Parameters
    ----------
    artifacts : Path
        Holds the Keras file and its settings; gets the export.

    Returns
    -------
    Path
        The export.

    Raises
    ------
    ArtifactError
        If there is no model, or its export answers otherwise: then none is left behind.
    """
    source, path = artifacts / MODEL_FILE, artifacts / EXPORTED_FILE
    settings = ArtifactSettings.read(artifacts / SETTINGS_FILE)
    model = load_keras_network(source)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    write_model(emotion_graph(model, keras_sha256=digest), path)
    inputs = log_mel(_test_sounds(settings.log_mel.samples), settings=settings.log_mel)
    exported = open_exported_network(path, keras_sha256=digest)
    difference = _largest_difference(model(inputs, training=False), exported(inputs))
    if not difference <= LARGEST_DIFFERENCE:
        path.unlink()
        raise ArtifactError(
            f"{path}: the export differs from {source} by {difference:.0%} of its "
            f"answers, more than {LARGEST_DIFFERENCE:.0%}; calls are judged by Keras, "
            "slowly, until it is mended"
        )
    return path


def emotion_graph(model: keras.Model, *, keras_sha256: str) -> Any:
    """Return the ONNX graph of a network.

    Parameters
    ----------
    model : keras.Model
        From ``trained_network.package``.
    keras_sha256 : str
        Digest of its file, in hex; travels in the graph.

    Returns
    -------
    onnx.ModelProto
        From ``log_mel``, float32 (batch, frames, bands), to ``heard`` and ``meant``,
        logits (batch, 6), and ``voice``, coordinates (batch, m).
    """
    graph = OnnxGraph(stored_bits=16, products_of_8_bits="run")
    _, frames, bands = model.input_shape
    hidden = graph.add("Transpose", INPUT, perm=[0, 2, 1])
    for name in ("conv1", "conv2"):
        hidden = _convolution(graph, hidden, model.get_layer(name))
    hidden = graph.add("Transpose", hidden, perm=[0, 2, 1])
    (positions,) = model.get_layer("positions").get_weights()
    hidden = graph.add("Add", hidden, graph.array(positions))
    outputs = []
    for layer in model.layers:
        if isinstance(layer, TransformerBlock):
            hidden = _block(graph, layer, hidden)
            outputs.append(hidden)
    weights = _voiced_weights(graph, model.get_layer("voiced"), frames=frames, bands=bands)
    pooled = [part for output in outputs[-2:] for part in _statistics(graph, output, weights)]
    voice = _standardised(graph, graph.add("Concat", *pooled, axis=1), model.get_layer(VOICE))
    for name in (HEARD, MEANT):
        kernel, bias = model.get_layer(name).get_weights()
        product = graph.add("MatMul", voice, graph.array(kernel))
        graph.add("Add", product, graph.array(bias), output=name)
    _place_voice(graph, voice, model.get_layer("voice_coordinates"))
    return graph.model(
        "emotion_recognition",
        inputs={INPUT: (np.float32, ("batch", frames, bands))},
        outputs={name: ("batch", made.shape[-1]) for name, made in model.output.items()},
        metadata={KERAS_SHA256: keras_sha256},
    )


def _convolution(graph: OnnxGraph, inputs: str, layer: Any) -> str:
    kernel, bias = layer.get_weights()
    sums = graph.add(
        "Conv", inputs, graph.stored(kernel.transpose(2, 1, 0)), graph.array(bias),
        kernel_shape=[len(kernel)], strides=list(layer.strides), pads=[1, 1],
    )  # fmt: skip
    return graph.add("Gelu", sums)


def _block(graph: OnnxGraph, block: TransformerBlock, inputs: str) -> str:
    def norm(values: str, layer: Any) -> str:
        return graph.norm(values, layer.get_weights(), epsilon=_NORM_EPSILON)

    mixed = graph.attention(
        norm(inputs, block.attention_norm), block.query_key_value.get_weights(), heads=block.heads
    )
    attended = graph.dense(mixed, block.attention_output.get_weights())
    hidden = graph.add("Add", inputs, attended)
    expanded = graph.dense(norm(hidden, block.feed_forward_norm), block.expand.get_weights())
    contracted = graph.dense(graph.add("Gelu", expanded), block.contract.get_weights())
    return graph.add("Add", hidden, contracted)


def _voiced_weights(graph: OnnxGraph, layer: Any, *, frames: int, bands: int) -> str:
    """Give every voiced step the same weight, of a sum of 1; shape (batch, steps, 1)."""
    steps = graph.add("Reshape", INPUT, graph.axes(0, frames // 2, 2 * bands))
    level = graph.add("ReduceMean", steps, graph.axes(2), keepdims=0)
    loudest = graph.add("ReduceMax", level, graph.axes(1), keepdims=1)
    threshold = graph.add("Sub", loudest, graph.array(layer.range_decades / 4.0))
    voiced = graph.floats(graph.add("GreaterOrEqual", level, threshold))
    count = graph.add("ReduceSum", voiced, graph.axes(1), keepdims=1)
    share = graph.add("Div", voiced, graph.add("Max", count, graph.array(1.0)))
    return graph.add("Unsqueeze", share, graph.axes(2))


def _statistics(graph: OnnxGraph, hidden: str, weights: str) -> tuple[str, str]:
    """Return mean and deviation over the steps, each of shape (batch, width)."""

    def weighted(values: str, *, keep: int) -> str:
        return graph.add(
            "ReduceSum", graph.add("Mul", weights, values), graph.axes(1), keepdims=keep
        )

    mean = weighted(hidden, keep=1)
    away = graph.add("Sub", hidden, mean)
    variance = weighted(graph.add("Mul", away, away), keep=0)
    deviation = graph.add("Sqrt", graph.add("Max", variance, graph.array(1e-6)))
    return graph.add("Squeeze", mean, graph.axes(1)), deviation


def _standardised(graph: OnnxGraph, pooled: str, layer: Any) -> str:
    mean, variance = layer.get_weights()
    away = graph.add("Sub", pooled, graph.array(mean))
    return graph.add("Div", away, graph.array(np.sqrt(variance + layer.epsilon)))


def _place_voice(graph: OnnxGraph, voice: str, layer: Any) -> None:
    def square_sum(values: str) -> str:
        return graph.add("ReduceSum", graph.add("Mul", values, values), graph.axes(1), keepdims=1)

    basis, location, scale = layer.get_weights()
    inside = graph.add("MatMul", voice, graph.array(basis))
    outside = graph.add("Sub", square_sum(voice), square_sum(inside))
    outside = graph.add("Sqrt", graph.add("Max", outside, graph.array(0.0)))
    moved = graph.add("Sub", graph.add("Concat", inside, outside, axis=1), graph.array(location))
    graph.add("Div", moved, graph.array(scale), output=VOICE)


def _test_sounds(samples: int) -> list[FloatArray]:
    """Return noises with pauses, of all lengths up to a model's input, and silence."""
    generator = np.random.default_rng(0)
    sounds = [np.zeros(samples, dtype=np.float32)]
    for length in np.linspace(samples // 6, samples, 7).astype(int):
        loud = np.repeat(generator.random(8) > 0.3, -(-length // 8))[:length]
        noise = np.cumsum(generator.standard_normal(length)) * 1e-3
        sounds.append((loud * (noise - noise.mean())).astype(np.float32))
    return sounds


def _largest_difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> float:
    pairs = [(np.asarray(first[name]), np.asarray(second[name])) for name in first]
    return max(float(np.linalg.norm(one - other) / np.linalg.norm(one)) for one, other in pairs)
