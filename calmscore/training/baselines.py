"""The simpler models that the shipped network is compared with.

`FAMILY` lists them, from the simplest on. They read either averages over a whole
clip or log-mel frames, see `baseline_inputs`.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.special import softmax
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from calmscore.emotions import EMOTIONS
from calmscore.errors import ParameterError
from calmscore.network.layers import PositionEncoding, TransformerBlock
from calmscore.training.averaged_features import AVERAGED_FEATURES, THIRTY_TWO
from calmscore.training.baseline_inputs import InputKind
from calmscore.training.model_costs import classifier_parameters, network_parameters, stored_bytes

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
StringArray = npt.NDArray[np.str_]
Body = Callable[[Any], Any]

_HELD_OUT_SHARE = 0.1
_PATIENCE = 3
_BATCH_SIZE = 64


@dataclass(frozen=True, kw_only=True)
class TrainedBaseline:
    """A baseline after its training.

    Attributes
    ----------
    predict_proba : callable
        From inputs of shape (n, …) to probabilities of shape (n, 6), in the order of
        ``EMOTIONS``.
    parameters : int
        Number of values that it learnt. In trees: the feature and the threshold of
        each split, the values of each leaf. The scaling of the inputs does not count.
    size_bytes : int
        Size of the stored model, the scaling of its inputs included.
    """

    predict_proba: Callable[[FloatArray], FloatArray]
    parameters: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """One model of the family.

    Attributes
    ----------
    name, title : str
        Short name for the command line; name for readers.
    kind : str
        What it reads: ``averages`` or ``frames``.
    inputs : str
        The same for readers.
    train : callable
        ``train(inputs, labels, *, groups, seed, epochs)`` returns a `TrainedBaseline`;
        ``groups`` names what must not be divided between learning and stopping.
    epochs : int or None
        Most passes over the data; None where a model has none.
    """

    name: str
    title: str
    kind: InputKind
    inputs: str
    train: Callable[..., TrainedBaseline]
    epochs: int | None = None


def groups_set_apart(groups: StringArray, *, seed: int) -> npt.NDArray[np.bool_]:
    """Choose a tenth of the groups, one at least, and tell which rows are theirs.

    Parameters
    ----------
    groups : array of str, shape (n,)
        Group of each row.
    seed : int
        Fixes the choice; the order of the rows does not matter.

    Returns
    -------
    array of bool, shape (n,)

    Raises
    ------
    ParameterError
        If there are fewer than two groups.
    """
    names = np.unique(groups)
    if len(names) < 2:
        raise ParameterError(f"{len(names)} group cannot be divided; two are needed")
    count = max(round(_HELD_OUT_SHARE * len(names)), 1)
    return np.isin(groups, np.random.default_rng(seed).permutation(names)[:count])


def _train_classical(
    make_classifier: Callable[[int], Any],
    inputs: FloatArray,
    labels: IntArray,
    *,
    groups: StringArray,
    seed: int,
    epochs: int | None,
) -> TrainedBaseline:
    pipeline = make_pipeline(StandardScaler(), make_classifier(seed)).fit(inputs, labels)

    def predict_proba(rows: FloatArray) -> FloatArray:
        # A class that was not among the labels gets no probability.
        probabilities = np.zeros((len(rows), len(EMOTIONS)), dtype=np.float32)
        probabilities[:, pipeline.classes_] = pipeline.predict_proba(rows)
        return probabilities

    return TrainedBaseline(
        predict_proba=predict_proba,
        parameters=classifier_parameters(pipeline[-1]),
        size_bytes=len(pickle.dumps(pipeline)),
    )


def _logistic_regression(seed: int) -> Any:
    return LogisticRegression(C=0.1, max_iter=1000)


def _random_forest(seed: int) -> Any:
    return RandomForestClassifier(200, min_samples_leaf=5, n_jobs=2, random_state=seed)


def _gradient_boosting(seed: int) -> Any:
    return GradientBoostingClassifier(
        n_estimators=150, max_depth=4, subsample=0.5, max_features="sqrt", random_state=seed
    )


def _train_network(
    body: Body,
    inputs: FloatArray,
    labels: IntArray,
    *,
    groups: StringArray,
    seed: int,
    epochs: int,
    learning_rate: float = 1e-3,
    columns: Sequence[int] | None = None,
) -> TrainedBaseline:
    """Train until the loss on a tenth of the groups stops falling; keep the best epoch."""
    selected = slice(None) if columns is None else list(columns)
    inputs = inputs[:, selected]
    keras.utils.set_random_seed(seed)
    held_out = groups_set_apart(groups, seed=seed)
    network = _network(body, inputs[~held_out])
    # Of the same layers, so that what is stored holds no state of the optimiser.
    training = keras.Model(network.inputs, network.outputs)
    training.compile(
        keras.optimizers.Adam(learning_rate, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    with tqdm(total=epochs, desc="epochs", leave=False, disable=None) as bar:
        training.fit(
            inputs[~held_out],
            labels[~held_out],
            validation_data=(inputs[held_out], labels[held_out]),
            batch_size=_BATCH_SIZE,
            epochs=epochs,
            callbacks=[
                keras.callbacks.EarlyStopping(patience=_PATIENCE, restore_best_weights=True),
                keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: bar.update()),
            ],
            verbose=0,
        )
    logits = _compiled(network)
    return TrainedBaseline(
        predict_proba=lambda rows: softmax(logits(rows[:, selected]), axis=1),
        parameters=network_parameters(network),
        size_bytes=stored_bytes(network),
    )


def _network(body: Body, examples: FloatArray) -> keras.Model:
    inputs = keras.Input(examples.shape[1:])
    axes = tuple(range(examples.ndim - 1))
    scaled = keras.layers.Normalization(
        mean=examples.mean(axis=axes, dtype=np.float64).astype(np.float32),
        variance=examples.var(axis=axes, dtype=np.float64).astype(np.float32),
    )(inputs)
    return keras.Model(inputs, keras.layers.Dense(len(EMOTIONS))(body(scaled)))


def _compiled(network: keras.Model) -> Callable[[FloatArray], FloatArray]:
    # One signature for any number of rows: no new trace for a smaller last batch.
    signature = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)
    run = tf.function(lambda batch: network(batch, training=False), input_signature=[signature])

    def logits(rows: FloatArray) -> FloatArray:
        starts = range(0, len(rows), _BATCH_SIZE)
        batches = [run(tf.constant(rows[start : start + _BATCH_SIZE])).numpy() for start in starts]
        return np.concatenate(batches)

    return logits


def _dense(hidden: Any) -> Any:
    for units in (256, 128):
        hidden = keras.layers.Dense(units, use_bias=False)(hidden)
        hidden = keras.layers.ReLU()(keras.layers.BatchNormalization()(hidden))
        hidden = keras.layers.Dropout(0.4)(hidden)
    return hidden


def _averages_cnn(hidden: Any) -> Any:
    hidden = _convolutions(keras.layers.Reshape((-1, 1))(hidden), filters=(64, 128))
    hidden = keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(hidden))
    return keras.layers.Dropout(0.4)(hidden)


def _frames_cnn(hidden: Any) -> Any:
    return _pooled(_convolutions(hidden, filters=(64, 128, 128)))


def _cnn_lstm(hidden: Any) -> Any:
    hidden = _convolutions(hidden, filters=(64, 128))
    return _pooled(keras.layers.LSTM(96, return_sequences=True)(hidden))


def _bilstm(hidden: Any) -> Any:
    return _pooled(keras.layers.Bidirectional(keras.layers.LSTM(64, return_sequences=True))(hidden))


def _transformer(hidden: Any) -> Any:
    hidden = PositionEncoding()(keras.layers.Dense(96)(hidden))
    for _ in range(2):
        hidden = TransformerBlock(4, 192)(hidden)
    return _pooled(keras.layers.LayerNormalization()(hidden))


def _convolutions(hidden: Any, *, filters: Sequence[int]) -> Any:
    for width in filters:
        hidden = keras.layers.Conv1D(width, 5, padding="same", use_bias=False)(hidden)
        hidden = keras.layers.ReLU()(keras.layers.BatchNormalization()(hidden))
        hidden = keras.layers.Dropout(0.2)(keras.layers.MaxPooling1D(2)(hidden))
    return hidden


def _pooled(hidden: Any) -> Any:
    # A state at the end would have forgotten a short clip by the end of its padding.
    mean = keras.layers.GlobalAveragePooling1D()(hidden)
    largest = keras.layers.GlobalMaxPooling1D()(hidden)
    return keras.layers.Dropout(0.4)(keras.layers.Concatenate()([mean, largest]))


def _on_averages(name: str, title: str, make_classifier: Callable[[int], Any]) -> Baseline:
    return Baseline(
        name=name, title=title, kind="averages", inputs=f"{AVERAGED_FEATURES} averages",
        train=partial(_train_classical, make_classifier),
    )  # fmt: skip


def _on_frames(name: str, title: str, body: Body, **settings: Any) -> Baseline:
    return Baseline(
        name=name, title=title, kind="frames", inputs="log-mel frames", epochs=15,
        train=partial(_train_network, body, **settings),
    )  # fmt: skip


FAMILY: tuple[Baseline, ...] = (
    _on_averages("logistic-regression", "Logistic regression", _logistic_regression),
    _on_averages("random-forest", "Random forest", _random_forest),
    _on_averages("gradient-boosting", "Gradient boosting", _gradient_boosting),
    Baseline(
        name="dense", title="Dense network, batch-normalised", kind="averages",
        inputs=f"{AVERAGED_FEATURES} averages", epochs=40, train=partial(_train_network, _dense),
    ),
    Baseline(
        name="averages-cnn", title="CNN over averages", kind="averages",
        inputs=f"{len(THIRTY_TWO)} averages", epochs=40,
        train=partial(_train_network, _averages_cnn, columns=THIRTY_TWO),
    ),
    _on_frames("cnn", "1-D CNN", _frames_cnn),
    _on_frames("cnn-lstm", "CNN + LSTM", _cnn_lstm),
    _on_frames("bilstm", "BiLSTM", _bilstm),
    _on_frames("transformer", "Transformer from scratch", _transformer, learning_rate=5e-4),
)  # fmt: skip
"""All baselines, from the simplest on."""
