"""What a text network is before the first step: MiniLM as published, or an exported one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from calmscore.errors import ArtifactError
from calmscore.network.text_network import (
    HEAD_WIDTH,
    TextTransformerBlock,
    build_text_network,
    set_minilm_weights,
    shape_of,
)
from calmscore.training.corpora.go_emotions import LabelledTexts
from calmscore.training.minilm import prune_vocabulary
from calmscore.training.text_recipe import TextRecipe
from calmscore.words.text_emotion import MODEL_FILE, TOKENIZER_FILE

Start = Callable[[TextRecipe, LabelledTexts], tuple[keras.Model, dict[str, Any]]]
"""Makes the network for a recipe and the texts to learn from, and returns its tokenizer's
settings too. Made under the dtype policy that holds when it is called."""

_Arrays = Iterator[npt.NDArray[Any]]


def from_minilm(weights: dict[str, npt.NDArray[np.float32]], tokenizer: dict[str, Any]) -> Start:
    """Start from what `read_minilm` returned, with the word pieces that the texts need."""

    def start(recipe: TextRecipe, train: LabelledTexts) -> tuple[keras.Model, dict[str, Any]]:
        settings, kept = prune_vocabulary(tokenizer, train.texts)
        model = build_text_network(
            vocabulary_size=len(kept),
            classes=train.labels.shape[1],
            **shape_of(weights),
            longest=recipe.longest,
            dropout=recipe.dropout,
        )
        set_minilm_weights(model, weights, kept_pieces=kept)
        return model, settings

    return start


def from_artifact(folder: Path) -> Start:
    """Start from an exported network and its word pieces: train a shipped one further.

    Parameters
    ----------
    folder : Path
        With the files of the artifact.

    Raises
    ------
    ArtifactError
        When the network is made, if they are missing or not from `export_text_network`.
    """

    def start(recipe: TextRecipe, train: LabelledTexts) -> tuple[keras.Model, dict[str, Any]]:
        try:
            settings = json.loads((folder / TOKENIZER_FILE).read_text(encoding="utf-8"))
            model = _imported(folder / MODEL_FILE, recipe.dropout)
        except Exception as error:  # ONNX and protobuf have errors of their own
            raise ArtifactError(
                f"{folder}: holds no network to start from ({error}); take the folder that "
                "train-words wrote"
            ) from error
        if model.output_shape[-1] != train.labels.shape[1]:
            raise ArtifactError(
                f"{folder}: its network tells {model.output_shape[-1]} classes, the texts have "
                f"{train.labels.shape[1]}; take texts with the same classes"
            )
        return model, settings

    return start


def _imported(path: Path, dropout: float) -> keras.Model:
    """Read a network back from what `export_text_network` wrote, in the order of writing."""
    arrays = _written(path)
    pieces, places, *norm = _matrix(arrays), next(arrays), next(arrays), next(arrays)
    blocks: list[list[Any]] = []
    # Only the head's kernel is a matrix of floats.
    while isinstance(first := next(arrays), np.ndarray) and first.dtype == np.int8:
        blocks.append(_block(arrays, first))
    head = [first, next(arrays)]
    width = pieces.shape[1]
    model = build_text_network(
        vocabulary_size=len(pieces),
        classes=head[0].shape[1],
        width=width,
        layers=len(blocks),
        heads=width // HEAD_WIDTH,
        feed_forward_width=blocks[0][3][0].shape[1],
        longest=len(places),
        dropout=dropout,
    )
    model.get_layer("embedding").set_weights([pieces, places, *norm])
    model.get_layer("head").set_weights(head)
    layers = [layer for layer in model.layers if isinstance(layer, TextTransformerBlock)]
    for layer, (fused, attended, attention_norm, expand, contract, last_norm) in zip(
        layers, blocks, strict=True
    ):
        layer.query_key_value.set_weights(fused)
        layer.attention_output.set_weights(attended)
        layer.attention_norm.set_weights(attention_norm)
        layer.expand.set_weights(expand)
        layer.contract.set_weights(contract)
        layer.feed_forward_norm.set_weights(last_norm)
    return model


def _written(path: Path) -> _Arrays:
    import onnx
    from onnx import numpy_helper

    for stored in onnx.load(str(path)).graph.initializer:
        array = numpy_helper.to_array(stored)
        # What is no weight is a single number or counts something.
        if array.ndim and array.dtype in (np.int8, np.float32):
            yield array


def _matrix(arrays: _Arrays, numbers: npt.NDArray[Any] | None = None) -> npt.NDArray[np.float32]:
    numbers = next(arrays) if numbers is None else numbers
    return np.asarray(numbers * next(arrays), dtype=np.float32)


def _block(arrays: _Arrays, first: npt.NDArray[Any]) -> list[Any]:
    query = [_matrix(arrays, first), next(arrays)]
    key, value = ([_matrix(arrays), next(arrays)] for _ in range(2))
    # The export puts the logits' scale into the queries.
    query = [part * np.sqrt(HEAD_WIDTH) for part in query]
    fused = [np.concatenate(parts, axis=-1) for parts in zip(query, key, value, strict=True)]
    attended = [_matrix(arrays), next(arrays)]
    attention_norm = [next(arrays), next(arrays)]
    expand, contract = ([_matrix(arrays), next(arrays)] for _ in range(2))
    return [fused, attended, attention_norm, expand, contract, [next(arrays), next(arrays)]]
