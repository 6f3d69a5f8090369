"""Write a trained text network as ONNX: its weights are stored and multiplied with 8 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from calmscore.network.text_network import NORM_EPSILON, TextTransformerBlock
from calmscore.training.onnx_graph import OnnxGraph, eight_bits, write_model


def export_text_network(model: keras.Model, path: Path) -> None:
    """Write a network as ONNX.

    Parameters
    ----------
    model : keras.Model
        From `build_text_network`, trained.
    path : Path
        Gets a graph from ``pieces``, int64 (batch, pieces), 0 for padding, to ``logits``.
    """
    graph = OnnxGraph(stored_bits=8, products_of_8_bits="row")
    real = graph.floats(graph.add("Greater", "pieces", graph.array(0, np.int64)))
    hidden = _embed(graph, model.get_layer("embedding"))
    # 0 where a piece is real, far below any logit where there is padding.
    away = graph.add("Mul", graph.add("Sub", real, graph.array(1.0)), graph.array(1e4))
    away = graph.add("Unsqueeze", away, graph.axes(1, 2))
    for layer in model.layers:
        if isinstance(layer, TextTransformerBlock):
            hidden = _block(graph, layer, hidden, away)
    weights = graph.add("Unsqueeze", real, graph.axes(2))
    axis = graph.axes(1)
    total = graph.add("ReduceSum", graph.add("Mul", hidden, weights), axis, keepdims=0)
    count = graph.add("ReduceSum", weights, axis, keepdims=0)
    mean = graph.add("Div", total, graph.add("Max", count, graph.array(1.0)))
    kernel, bias = model.get_layer("head").get_weights()
    product = graph.add("MatMul", mean, graph.array(kernel))
    graph.add("Add", product, graph.array(bias), output="logits")
    whole = graph.model(
        "text_emotion",
        inputs={"pieces": (np.int64, ("batch", "steps"))},
        outputs={"logits": ("batch", len(bias))},
    )
    write_model(whole, path)


def _embed(graph: OnnxGraph, layer: Any) -> str:
    pieces, places, *norm = layer.get_weights()
    numbers, scale = eight_bits(pieces, axis=1)
    # Looked up first, then made floats: the table itself stays small in memory too.
    found = graph.floats(graph.add("Gather", graph.array(numbers, np.int8), "pieces"))
    found = graph.add("Mul", found, graph.add("Gather", graph.array(scale), "pieces"))
    steps = graph.add("Shape", "pieces", start=1, end=2)
    zero = graph.axes(0)
    used = graph.add("Slice", graph.array(places), zero, steps, zero)
    return graph.norm(graph.add("Add", found, used), norm, epsilon=NORM_EPSILON)


def _block(graph: OnnxGraph, block: TextTransformerBlock, hidden: str, away: str) -> str:
    def norm(inputs: str, layer: Any) -> str:
        return graph.norm(inputs, layer.get_weights(), epsilon=NORM_EPSILON)

    mixed = graph.attention(
        hidden, block.query_key_value.get_weights(), heads=block.heads, away=away
    )
    attended = graph.dense(mixed, block.attention_output.get_weights())
    hidden = norm(graph.add("Add", hidden, attended), block.attention_norm)
    expanded = graph.add("Gelu", graph.dense(hidden, block.expand.get_weights()))
    contracted = graph.dense(expanded, block.contract.get_weights())
    return norm(graph.add("Add", hidden, contracted), block.feed_forward_norm)
