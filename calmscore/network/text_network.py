"""The Keras network that reads words: a BERT-like encoder, started from MiniLM's.

Every layer is registered, so that a saved model loads wherever this module has been
imported, with no ``custom_objects``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from calmscore.errors import PretrainedWeightsError
from calmscore.network.layers import PACKAGE, StoredDense

NORM_EPSILON = 1e-12


@keras.saving.register_keras_serializable(package=PACKAGE)
class TokenEmbedding(keras.layers.Layer):  # type: ignore[misc]
    """Look up word pieces, add their places, normalise.

    Parameters
    ----------
    vocabulary_size : int
        Number of word pieces.
    width : int
        Length of a vector.
    longest : int
        Most pieces of a text.
    **kwargs
        Forwarded to ``keras.layers.Layer``.
    """

    def __init__(self, vocabulary_size: int, width: int, longest: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size, self.width, self.longest = vocabulary_size, width, longest

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create both tables and the normalisation."""
        normal = keras.initializers.RandomNormal(stddev=0.02)
        self.pieces = self.add_weight(
            name="pieces", shape=(self.vocabulary_size, self.width), initializer=normal
        )
        self.places = self.add_weight(
            name="places", shape=(self.longest, self.width), initializer=normal
        )
        self.norm = keras.layers.LayerNormalization(
            epsilon=NORM_EPSILON, dtype=self.dtype_policy, name="norm"
        )
        self.norm.build((*input_shape, self.width))
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return shape (batch, pieces, width) for piece numbers of shape (batch, pieces)."""
        found = ops.take(self.pieces, inputs, axis=0) + self.places[: ops.shape(inputs)[1]]
        return self.norm(found)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, pieces, width)."""
        return (*input_shape, self.width)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made again."""
        config: dict[str, Any] = super().get_config()
        config.update(vocabulary_size=self.vocabulary_size, width=self.width, longest=self.longest)
        return config


@keras.saving.register_keras_serializable(package=PACKAGE)
class TextTransformerBlock(keras.layers.Layer):  # type: ignore[misc]
    """Post-norm transformer encoder block that leaves padding unattended.

    Parameters
    ----------
    heads : int
        Number of attention heads; divides the width of the input.
    feed_forward_width : int
        Width of the hidden layer.
    dropout : float
        Share of both branches' outputs dropped in training.
    **kwargs
        Forwarded to ``keras.layers.Layer``.

    References
    ----------
    Devlin et al. (2019), "BERT".
    """

    def __init__(
        self, heads: int, feed_forward_width: int, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.heads, self.feed_forward_width, self.dropout = heads, feed_forward_width, dropout

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        """Create the sub-layers for the width of the input."""
        shape = input_shape[0]
        width = shape[-1]
        if width is None or width % self.heads:
            raise ValueError(f"width {width} cannot be split over {self.heads} heads")
        self.width = width
        policy = self.dtype_policy
        self.query_key_value = StoredDense(3 * width, dtype=policy, name="query_key_value")
        self.attention_output = StoredDense(width, dtype=policy, name="attention_output")
        self.expand = StoredDense(self.feed_forward_width, dtype=policy, name="expand")
        self.contract = StoredDense(width, dtype=policy, name="contract")
        self.attention_norm, self.feed_forward_norm = (
            keras.layers.LayerNormalization(epsilon=NORM_EPSILON, dtype=policy, name=name)
            for name in ("attention_norm", "feed_forward_norm")
        )
        self.drop = keras.layers.Dropout(self.dropout, dtype=policy, name="drop")
        for layer in (
            self.query_key_value, self.attention_output, self.expand,
            self.attention_norm, self.feed_forward_norm,
        ):  # fmt: skip
            layer.build(shape)
        self.contract.build((*shape[:-1], self.feed_forward_width))
        super().build(input_shape)

    def call(self, inputs: list[Any], training: bool = False) -> Any:
        """Return shape (batch, pieces, width) for that shape and (batch, pieces), 1 where real."""
        hidden, real = inputs
        attended = self.attention_output(self._attend(hidden, real))
        hidden = self.attention_norm(hidden + self.drop(attended, training=training))
        expanded = ops.gelu(self.expand(hidden), approximate=False)
        contracted = self.contract(expanded)
        return self.feed_forward_norm(hidden + self.drop(contracted, training=training))

    def _attend(self, inputs: Any, real: Any) -> Any:
        size = self.width // self.heads
        steps = ops.shape(inputs)[1]
        fused = ops.reshape(self.query_key_value(inputs), (-1, steps, 3, self.heads, size))
        query, key, value = (ops.transpose(fused[:, :, i], (0, 2, 1, 3)) for i in range(3))
        logits = ops.matmul(query * size**-0.5, ops.transpose(key, (0, 1, 3, 2)))
        logits = logits - ops.cast(1.0 - real, logits.dtype)[:, None, None] * 1e4
        mixed = ops.matmul(ops.softmax(logits, axis=-1), value)
        return ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, steps, self.width))

    def compute_output_shape(
        self, input_shape: list[tuple[int | None, ...]]
    ) -> tuple[int | None, ...]:
        """Return the shape of the first input."""
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made again."""
        config: dict[str, Any] = super().get_config()
        config.update(
            heads=self.heads, feed_forward_width=self.feed_forward_width, dropout=self.dropout
        )
        return config


@keras.saving.register_keras_serializable(package=PACKAGE)
class RealPieces(keras.layers.Layer):  # type: ignore[misc]
    """Tell word pieces from padding, which is piece number 0."""

    def call(self, inputs: Any) -> Any:
        """Return 1 for pieces and 0 for padding, of the input's shape."""
        return ops.cast(inputs > 0, "float32")

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return a 32-bit table of the input's shape."""
        return keras.KerasTensor(inputs.shape, dtype="float32")


@keras.saving.register_keras_serializable(package=PACKAGE)
class MeanOfPieces(keras.layers.Layer):  # type: ignore[misc]
    """Average over what is not padding."""

    def call(self, inputs: list[Any]) -> Any:
        """Return shape (batch, width) for inputs (batch, pieces, width), (batch, pieces)."""
        hidden, real = ops.cast(inputs[0], "float32"), inputs[1]
        total = ops.sum(hidden * real[..., None], axis=1)
        return total / ops.maximum(ops.sum(real, axis=1, keepdims=True), 1.0)

    def compute_output_shape(
        self, input_shape: list[tuple[int | None, ...]]
    ) -> tuple[int | None, ...]:
        """Return (batch, width)."""
        return (input_shape[0][0], input_shape[0][-1])


def build_text_network(
    *,
    vocabulary_size: int,
    classes: int,
    width: int = 384,
    layers: int = 6,
    heads: int = 12,
    feed_forward_width: int = 1536,
    longest: int = 64,
    dropout: float = 0.1,
) -> keras.Model:
    """Build the network, not yet trained: MiniLM's encoder, the mean over its pieces, a head.

    Parameters
    ----------
    vocabulary_size : int
        Number of word pieces; number 0 is padding.
    classes : int
        Number of logits.
    width, layers, heads, feed_forward_width : int
        Shape of the encoder; the defaults are MiniLM-L6's.
    longest : int
        Most pieces of a text.
    dropout : float
        In the blocks and before the head.

    Returns
    -------
    keras.Model
        From piece numbers, int32 (batch, pieces), to logits, float32 (batch, classes).
    """
    pieces = keras.Input((None,), dtype="int32", name="pieces")
    real = RealPieces(name="real", dtype="float32")(pieces)
    hidden = TokenEmbedding(vocabulary_size, width, longest, name="embedding")(pieces)
    hidden = keras.layers.Dropout(dropout, name="embedding_drop")(hidden)
    for index in range(layers):
        block = TextTransformerBlock(heads, feed_forward_width, dropout, name=f"block_{index}")
        hidden = block([hidden, real])
    pooled = MeanOfPieces(name="mean", dtype="float32")([hidden, real])
    pooled = keras.layers.Dropout(dropout, name="head_drop", dtype="float32")(pooled)
    logits = keras.layers.Dense(classes, name="head", dtype="float32")(pooled)
    return keras.Model(pieces, logits, name="text_emotion")


HEAD_WIDTH = 32


def shape_of(weights: Mapping[str, npt.NDArray[np.floating[Any]]]) -> dict[str, int]:
    """Return the arguments of `build_text_network` that say a published encoder's shape."""
    feed_forward_width, width = weights["encoder.layer.0.intermediate.dense.weight"].shape
    return {
        "width": width,
        "layers": sum(name.endswith("intermediate.dense.weight") for name in weights),
        "heads": width // HEAD_WIDTH,
        "feed_forward_width": feed_forward_width,
    }


def set_minilm_weights(
    model: keras.Model,
    weights: Mapping[str, npt.NDArray[np.floating[Any]]],
    *,
    kept_pieces: npt.NDArray[np.integer[Any]] | None = None,
) -> None:
    """Start the encoder of a network from MiniLM's.

    Parameters
    ----------
    model : keras.Model
        From `build_text_network`.
    weights : mapping of str to array
        By the names of BERT's checkpoints; blocks above the network's are left out.
    kept_pieces : array of int, shape (vocabulary_size,), optional
        Rows of the published vocabulary that the network's own consists of.

    Raises
    ------
    PretrainedWeightsError
        If an array is missing or has another shape.
    """
    try:
        embedding = model.get_layer("embedding")
        table = weights["embeddings.word_embeddings.weight"]
        # Texts have one part: the vector of the first part is added to every place.
        places = (
            weights["embeddings.position_embeddings.weight"][: embedding.longest]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        norm = [weights[f"embeddings.LayerNorm.{part}"] for part in ("weight", "bias")]
        embedding.set_weights([table if kept_pieces is None else table[kept_pieces], places, *norm])
        for layer in model.layers:
            if isinstance(layer, TextTransformerBlock):
                index = int(layer.name.removeprefix("block_"))
                _set_block(layer, weights, f"encoder.layer.{index}.")
    except (KeyError, ValueError) as error:
        raise PretrainedWeightsError(
            f"the weights do not fit the network ({error}); take MiniLM-L6-H384-uncased"
        ) from error


def _set_block(block: TextTransformerBlock, weights: Mapping[str, Any], prefix: str) -> None:
    def dense(name: str) -> list[Any]:
        return [weights[f"{prefix}{name}.weight"].T, weights[f"{prefix}{name}.bias"]]

    def norm(name: str) -> list[Any]:
        return [weights[f"{prefix}{name}.{part}"] for part in ("weight", "bias")]

    three = [dense(f"attention.self.{name}") for name in ("query", "key", "value")]
    block.query_key_value.set_weights(
        [np.concatenate(part, -1) for part in zip(*three, strict=True)]
    )
    block.attention_output.set_weights(dense("attention.output.dense"))
    block.attention_norm.set_weights(norm("attention.output.LayerNorm"))
    block.expand.set_weights(dense("intermediate.dense"))
    block.contract.set_weights(dense("output.dense"))
    block.feed_forward_norm.set_weights(norm("output.LayerNorm"))
