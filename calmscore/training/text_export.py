"""Write a trained text network as ONNX, its weights stored with 8 bits.

Only storage is of 8 bits: ONNX Runtime makes floats of the weights once, when it loads
them, so that answers are the same on every processor and in every batch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from calmscore.network.text_network import NORM_EPSILON, TextTransformerBlock

_OPSET = 17


class _Graph:
    """Nodes and arrays of an ONNX graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []

    def add(self, operation: str, *inputs: str, output: str | None = None, **options: Any) -> str:
        from onnx import helper

        name = output or f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [name], **options))
        return name

    def array(self, value: Any, dtype: type = np.float32) -> str:
        from onnx import numpy_helper

        name = f"array_{len(self.arrays)}"
        self.arrays.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def stored(self, matrix: npt.NDArray[np.floating[Any]]) -> str:
        """Store a matrix with 8 bits; a float again once the model is loaded."""
        numbers, scale = eight_bits(matrix, axis=0)
        floats = self.add("Cast", self.array(numbers, np.int8), to=1)
        return self.add("Mul", floats, self.array(scale))

    def dense(self, inputs: str, weights: list[Any]) -> str:
        kernel, bias = weights
        return self.add("Add", self.add("MatMul", inputs, self.stored(kernel)), self.array(bias))

    def norm(self, inputs: str, weights: list[Any]) -> str:
        gamma, beta = map(self.array, weights)
        return self.add("LayerNormalization", inputs, gamma, beta, axis=-1, epsilon=NORM_EPSILON)

    def gelu(self, inputs: str) -> str:
        inner = self.add("Erf", self.add("Div", inputs, self.array(np.sqrt(2.0))))
        half = self.add("Mul", inputs, self.array(0.5))
        return self.add("Mul", half, self.add("Add", inner, self.array(1.0)))


def eight_bits(
    matrix: npt.NDArray[np.floating[Any]], *, axis: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Round a matrix to 8 bits.

    Parameters
    ----------
    matrix : array of float, shape (rows, columns)
        Weights.
    axis : int
        Along which all share a scale: 0 for a scale a column, 1 for a scale a row.

    Returns
    -------
    numbers : array of int8
        Of the matrix' shape.
    scale : array of float32
        What a number is multiplied by; broadcasts over the matrix.
    """
    scale = np.maximum(np.abs(matrix).max(axis=axis, keepdims=True) / 127.0, 1e-12)
    numbers = np.clip(np.round(matrix / scale), -127, 127).astype(np.int8)
    return numbers, scale.astype(np.float32)


def export_text_network(model: keras.Model, path: Path) -> None:
    """Write a network as ONNX.

    Parameters
    ----------
    model : keras.Model
        From `build_text_network`, trained.
    path : Path
        Gets a graph from ``pieces``, int64 (batch, pieces), 0 for padding, to ``logits``.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = _Graph()
    real = graph.add("Cast", graph.add("Greater", "pieces", graph.array(0, np.int64)), to=1)
    hidden = _embed(graph, model.get_layer("embedding"))
    # 0 where a piece is real, far below any logit where there is padding.
    away = graph.add("Mul", graph.add("Sub", real, graph.array(1.0)), graph.array(1e4))
    away = graph.add("Unsqueeze", away, graph.array([1, 2], np.int64))
    for layer in model.layers:
        if isinstance(layer, TextTransformerBlock):
            hidden = _block(graph, layer, hidden, away)
    weights = graph.add("Unsqueeze", real, graph.array([2], np.int64))
    axis = graph.array([1], np.int64)
    total = graph.add("ReduceSum", graph.add("Mul", hidden, weights), axis, keepdims=0)
    count = graph.add("ReduceSum", weights, axis, keepdims=0)
    mean = graph.add("Div", total, graph.add("Max", count, graph.array(1.0)))
    kernel, bias = model.get_layer("head").get_weights()
    product = graph.add("MatMul", mean, graph.array(kernel))
    graph.add("Add", product, graph.array(bias), output="logits")
    whole = helper.make_graph(
        graph.nodes,
        "text_emotion",
        [helper.make_tensor_value_info("pieces", TensorProto.INT64, ["batch", "steps"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(bias)])],
        graph.arrays,
    )
    proto = helper.make_model(whole, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)
    onnx.checker.check_model(proto)
    onnx.save(proto, str(path))


def _embed(graph: _Graph, layer: Any) -> str:
    pieces, places, *norm = layer.get_weights()
    numbers, scale = eight_bits(pieces, axis=1)
    # Looked up first, then made floats: the table itself stays small in memory too.
    found = graph.add("Cast", graph.add("Gather", graph.array(numbers, np.int8), "pieces"), to=1)
    found = graph.add("Mul", found, graph.add("Gather", graph.array(scale), "pieces"))
    steps = graph.add("Shape", "pieces", start=1, end=2)
    zero = graph.array([0], np.int64)
    used = graph.add("Slice", graph.array(places), zero, steps, zero)
    return graph.norm(graph.add("Add", found, used), norm)


def _block(graph: _Graph, block: TextTransformerBlock, hidden: str, away: str) -> str:
    size = block.width // block.heads
    split = graph.array([0, 0, block.heads, size], np.int64)
    kernel, bias = block.query_key_value.get_weights()
    parts = []
    for index in range(3):
        columns = slice(index * block.width, (index + 1) * block.width)
        # The logits' scale goes into the queries.
        factor = size**-0.5 if index == 0 else 1.0
        flat = graph.dense(hidden, [kernel[:, columns] * factor, bias[columns] * factor])
        order = [0, 2, 3, 1] if index == 1 else [0, 2, 1, 3]
        parts.append(graph.add("Transpose", graph.add("Reshape", flat, split), perm=order))
    query, key, value = parts
    logits = graph.add("Add", graph.add("MatMul", query, key), away)
    mixed = graph.add("MatMul", graph.add("Softmax", logits, axis=-1), value)
    mixed = graph.add("Transpose", mixed, perm=[0, 2, 1, 3])
    mixed = graph.add("Reshape", mixed, graph.array([0, 0, block.width], np.int64))
    attended = graph.dense(mixed, block.attention_output.get_weights())
    hidden = graph.norm(graph.add("Add", hidden, attended), block.attention_norm.get_weights())
    expanded = graph.gelu(graph.dense(hidden, block.expand.get_weights()))
    contracted = graph.dense(expanded, block.contract.get_weights())
    return graph.norm(graph.add("Add", hidden, contracted), block.feed_forward_norm.get_weights())
