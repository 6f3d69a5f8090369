"""The Keras networks: the shipped one, started from Whisper's encoder.

Every layer is registered, so that a saved model loads wherever this module
has been imported, with no ``custom_objects``.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from calmscore.audio.log_mel import LogMelSettings
from calmscore.emotions import EMOTIONS
from calmscore.network.whisper_weights import EncoderWeights

PACKAGE = "calmscore"


class HalfPrecisionStorage(keras.layers.Layer):  # type: ignore[misc]
    """Base of layers whose weights are stored with 16 bits and used with 32.

    It halves the artifact. Whisper's own weights are published with 16 bits.
    """

    def save_own_variables(self, store: Any) -> None:
        """Write the weights to ``store`` as float16."""
        for index, variable in enumerate(self._trainable_variables):
            store[str(index)] = ops.convert_to_numpy(variable).astype(np.float16)


@keras.saving.register_keras_serializable(package=PACKAGE)
class StoredConv1D(HalfPrecisionStorage, keras.layers.Conv1D):  # type: ignore[misc]
    """``keras.layers.Conv1D`` stored in half precision."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class StoredDense(HalfPrecisionStorage, keras.layers.Dense):  # type: ignore[misc]
    """``keras.layers.Dense`` stored in half precision."""


@keras.saving.register_keras_serializable(package=PACKAGE)
class PositionEncoding(HalfPrecisionStorage):
    """Add one learned vector per time step.

    Parameters
    ----------
    **kwargs
        Forwarded to ``keras.layers.Layer``.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the table, of shape (steps, width)."""
        self.encoding = self.add_weight(
            name="encoding", shape=input_shape[1:], initializer="zeros", trainable=True
        )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the inputs with their positions added."""
        return inputs + ops.cast(self.encoding, inputs.dtype)


@keras.saving.register_keras_serializable(package=PACKAGE)
class TransformerBlock(keras.layers.Layer):  # type: ignore[misc]
    """Pre-norm transformer encoder block with a fused query-key-value layer.

    Parameters
    ----------
    heads : int
        Number of attention heads; divides the width of the input.
    feed_forward_width : int
        Width of the hidden layer.
    **kwargs
        Forwarded to ``keras.layers.Layer``.

    References
    ----------
    Vaswani et al. (2017), "Attention Is All You Need"; layer order as in
    Radford et al. (2023).
    """

    def __init__(self, heads: int, feed_forward_width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.feed_forward_width = feed_forward_width

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the sub-layers for the width of the input."""
        width = input_shape[-1]
        if width is None or width % self.heads:
            raise ValueError(f"width {width} cannot be split over {self.heads} heads")
        self.width = width
        policy = self.dtype_policy
        self.attention_norm = keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=policy, name="attention_norm"
        )
        self.query_key_value = StoredDense(3 * width, dtype=policy, name="query_key_value")
        self.attention_output = StoredDense(width, dtype=policy, name="attention_output")
        self.feed_forward_norm = keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=policy, name="feed_forward_norm"
        )
        self.expand = StoredDense(self.feed_forward_width, dtype=policy, name="expand")
        self.contract = StoredDense(width, dtype=policy, name="contract")
        for layer in (self.attention_norm, self.query_key_value, self.attention_output):
            layer.build((*input_shape[:-1], width))
        for layer in (self.feed_forward_norm, self.expand):
            layer.build((*input_shape[:-1], width))
        self.contract.build((*input_shape[:-1], self.feed_forward_width))
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Return the block's output, of the input's shape (batch, steps, width)."""
        hidden = inputs + self.attention_output(self._attend(self.attention_norm(inputs)))
        expanded = _exact_gelu(self.expand(self.feed_forward_norm(hidden)))
        return hidden + self.contract(expanded)

    def _attend(self, inputs: Any) -> Any:
        size = self.width // self.heads
        steps = ops.shape(inputs)[1]
        fused = ops.reshape(self.query_key_value(inputs), (-1, steps, 3, self.heads, size))
        query, key, value = (ops.transpose(fused[:, :, i], (0, 2, 1, 3)) for i in range(3))
        logits = ops.matmul(query * size**-0.5, ops.transpose(key, (0, 1, 3, 2)))
        mixed = ops.matmul(ops.softmax(logits, axis=-1), value)
        return ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, steps, self.width))

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made again."""
        config: dict[str, Any] = super().get_config()
        config.update(heads=self.heads, feed_forward_width=self.feed_forward_width)
        return config


@keras.saving.register_keras_serializable(package=PACKAGE)
class VoicedFrames(keras.layers.Layer):  # type: ignore[misc]
    """Mark the encoder steps that hold sound, from the log-mel frames.

    A step counts if its mean level is within ``range_decades`` of the loudest
    one; padding and pauses fall below.

    Parameters
    ----------
    range_decades : float
        Width of the accepted range, in decades of power.
    **kwargs
        Forwarded to ``keras.layers.Layer``.
    """

    def __init__(self, range_decades: float = 3.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.range_decades = range_decades

    def call(self, inputs: Any) -> Any:
        """Return 1 for voiced and 0 for other steps, shape (batch, frames / 2)."""
        frames = ops.shape(inputs)[1]
        level = ops.mean(ops.reshape(inputs, (-1, frames // 2, 2 * inputs.shape[-1])), axis=-1)
        # One unit of the input is four decades of power.
        threshold = ops.max(level, axis=1, keepdims=True) - self.range_decades / 4.0
        return ops.cast(level >= threshold, "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, frames / 2)."""
        frames = input_shape[1]
        return (input_shape[0], None if frames is None else frames // 2)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made again."""
        config: dict[str, Any] = super().get_config()
        config.update(range_decades=self.range_decades)
        return config


@keras.saving.register_keras_serializable(package=PACKAGE)
class VoicedStatistics(keras.layers.Layer):  # type: ignore[misc]
    """Pool steps into their mean and standard deviation over the voiced ones."""

    def call(self, inputs: list[Any]) -> Any:
        """Return shape (batch, 2 × width) for inputs (batch, steps, width), (batch, steps)."""
        hidden, voiced = ops.cast(inputs[0], "float32"), inputs[1]
        weights = (voiced / ops.maximum(ops.sum(voiced, axis=1, keepdims=True), 1.0))[..., None]
        mean = ops.sum(weights * hidden, axis=1)
        variance = ops.sum(weights * ops.square(hidden - mean[:, None]), axis=1)
        return ops.concatenate([mean, ops.sqrt(ops.maximum(variance, 1e-6))], axis=-1)

    def compute_output_shape(
        self, input_shape: list[tuple[int | None, ...]]
    ) -> tuple[int | None, ...]:
        """Return (batch, 2 × width)."""
        width = input_shape[0][-1]
        return (input_shape[0][0], None if width is None else 2 * width)


@keras.saving.register_keras_serializable(package=PACKAGE)
class VoiceCoordinates(keras.layers.Layer):  # type: ignore[misc]
    """Place pooled features among the voices of training.

    The coordinates are those along the directions in which the voices of training
    differ most, and one for all that lies outside of these directions; each has a mean
    of 0 and a mean square of 1 over the voices of training.

    Parameters
    ----------
    directions : int
        Number of directions.
    **kwargs
        Forwarded to ``keras.layers.Layer``.
    """

    def __init__(self, directions: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.directions = directions

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the basis, of unit vectors, and the location and scale of coordinates."""
        width, count = input_shape[-1], self.directions
        self.basis = self._fixed("basis", (width, count))
        self.location = self._fixed("location", (count + 1,))
        self.scale = self._fixed("scale", (count + 1,))
        super().build(input_shape)

    def _fixed(self, name: str, shape: tuple[int | None, ...]) -> Any:
        return self.add_weight(name=name, shape=shape, initializer="ones", trainable=False)

    def call(self, inputs: Any) -> Any:
        """Return shape (batch, directions + 1)."""
        inside = ops.matmul(inputs, self.basis)
        outside = ops.sum(ops.square(inputs), axis=-1) - ops.sum(ops.square(inside), axis=-1)
        outside = ops.sqrt(ops.maximum(outside, 0.0))[:, None]
        return (ops.concatenate([inside, outside], axis=-1) - self.location) / self.scale

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, directions + 1)."""
        return (input_shape[0], self.directions + 1)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration from which the layer can be made again."""
        config: dict[str, Any] = super().get_config()
        config.update(directions=self.directions)
        return config


HEARD, MEANT, VOICE = "heard", "meant", "voice"
"""Names of the network's outputs: two tables of logits, and the pooled features."""


def build_emotion_network(
    *,
    width: int,
    layers: int,
    settings: LogMelSettings | None = None,
    head_dropout: float = 0.5,
) -> keras.Model:
    """Build the shipped network, not yet trained: one encoder, two questions.

    Whisper's convolutions and its first transformer blocks; mean and deviation of the
    last two blocks over voiced steps, each brought to zero mean and unit variance; one
    linear layer for what listeners *heard*, one for what the speaker *meant*. Dropout
    is in the heads alone: Whisper was trained without, and dropout inside its blocks
    harms the features.

    Parameters
    ----------
    width : int
        Width of the encoder: 384 for Whisper tiny, 512 for base.
    layers : int
        Number of transformer blocks kept, from 2.
    settings : LogMelSettings, optional
        Front end that will feed the model.
    head_dropout : float
        Share of pooled features dropped in training, 0–1.

    Returns
    -------
    keras.Model
        From log-mel (batch, frames, bands) to a dict: ``heard`` and ``meant``, logits
        (batch, 6) in the order of ``emotions.EMOTIONS``, and ``voice``, the
        standardised pooled features (batch, 4 × width).
    """
    settings = settings or LogMelSettings()
    inputs = keras.Input((settings.frames, settings.mel_bands), name="log_mel")
    voiced = VoicedFrames(name="voiced", dtype="float32")(inputs)
    # Padding is written out: "same" would pad the strided layer on one side only.
    hidden = keras.layers.ZeroPadding1D(1, name="pad1")(inputs)
    hidden = StoredConv1D(width, 3, activation=_exact_gelu, name="conv1")(hidden)
    hidden = keras.layers.ZeroPadding1D(1, name="pad2")(hidden)
    hidden = StoredConv1D(width, 3, strides=2, activation=_exact_gelu, name="conv2")(hidden)
    hidden = PositionEncoding(name="positions")(hidden)
    outputs = []
    for index in range(layers):
        block = TransformerBlock(width // 64, 4 * width, name=f"block{index + 1}")
        hidden = block(hidden)
        outputs.append(hidden)
    pooled = [
        VoicedStatistics(name=f"pooling{layers - 1 + index}", dtype="float32")([output, voiced])
        for index, output in enumerate(outputs[-2:])
    ]
    voice = keras.layers.Concatenate(name="pooled", dtype="float32")(pooled)
    voice = keras.layers.BatchNormalization(
        momentum=0.95, center=False, scale=False, name=VOICE, dtype="float32"
    )(voice)
    kept = keras.layers.Dropout(head_dropout, name="head_dropout", dtype="float32")(voice)
    heads = {
        name: keras.layers.Dense(len(EMOTIONS), name=name, dtype="float32")(kept)
        for name in (HEARD, MEANT)
    }
    return keras.Model(inputs, {**heads, VOICE: voice}, name="whisper_emotion")


@keras.saving.register_keras_serializable(package=PACKAGE, name="exact_gelu")  # type: ignore[untyped-decorator]
def _exact_gelu(values: Any) -> Any:
    # In 32 bits: TensorFlow's error function takes twice as long with 16.
    exact = keras.activations.gelu(ops.cast(values, "float32"), approximate=False)
    return ops.cast(exact, values.dtype)


def set_whisper_weights(model: keras.Model, weights: EncoderWeights) -> None:
    """Copy Whisper's encoder weights into a model of the same width.

    Parameters
    ----------
    model : keras.Model
        From `build_emotion_network`.
    weights : dict of str to array
        From `whisper_weights.read_encoder`.

    Raises
    ------
    ValueError
        If a weight has another shape than the model's.
    """
    for name in ("conv1", "conv2"):
        kernel = weights[f"{name}/weight"].transpose(2, 1, 0)
        model.get_layer(name).set_weights([kernel, weights[f"{name}/bias"]])
    positions = model.get_layer("positions")
    steps = positions.weights[0].shape[0]
    positions.set_weights([weights["position_encodings/encodings"][:steps]])
    blocks = [layer for layer in model.layers if isinstance(layer, TransformerBlock)]
    for index, block in enumerate(blocks):
        _set_block_weights(block, weights, f"layer_{index}")


def _set_block_weights(block: TransformerBlock, weights: EncoderWeights, prefix: str) -> None:
    attention, feed_forward = f"{prefix}/self_attention", f"{prefix}/ffn"
    for layer, name in (
        (block.attention_norm, f"{attention}/layer_norm"),
        (block.feed_forward_norm, f"{feed_forward}/layer_norm"),
    ):
        layer.set_weights([weights[f"{name}/gamma"], weights[f"{name}/beta"]])
    for layer, name in (
        (block.query_key_value, f"{attention}/linear_0"),
        (block.attention_output, f"{attention}/linear_1"),
        (block.expand, f"{feed_forward}/linear_0"),
        (block.contract, f"{feed_forward}/linear_1"),
    ):
        layer.set_weights([weights[f"{name}/weight"].T, weights[f"{name}/bias"]])
