"""Fine-tune a Whisper-initialised network: head first, then all of it.

The heads are trained on frozen features, because their first random gradients would
otherwise wreck the encoder. Then everything is trained, with a learning rate that
falls from the last block down to the first convolution. What is trained one after
another, and averaged, is in ``stages``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.special import softmax
from tqdm import tqdm

from calmscore.emotions import EMOTIONS
from calmscore.errors import ParameterError, PretrainedWeightsError
from calmscore.network.layers import (
    HEARD,
    MEANT,
    VOICE,
    TransformerBlock,
    build_emotion_network,
    set_whisper_weights,
)
from calmscore.network.whisper_weights import locate_whisper, read_encoder
from calmscore.training.corpora.ordinary import learnt_windows, source_shares
from calmscore.training.metrics import HeardFigures, Metrics, measure, measure_heard
from calmscore.training.recipe import Recipe
from calmscore.training.trained_network import (
    AVERAGE_FILE,
    CHECKPOINT_FILE,
    LOG_FILE,
    FloatArray,
    predict,
    store_epoch,
    stored_epoch,
)
from calmscore.training.training_sets import TrainingSet


class FineTuning:
    """One training run, resumable after any epoch.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    train, validation : TrainingSet
        Sets with disjoint speakers; the validation set's copies are (clean, telephone).
    ordinary : TrainingSet, optional
        Ordinary speech; needed where the recipe's ``ordinary_per_batch`` is above 0.
    whisper : Path, optional
        Whisper's ``model.bin``; downloaded by the recipe's name where there is none.
    folder : Path
        Gets ``checkpoint.npz``, ``average.weights.h5`` and ``log.jsonl``.
    start : Path, optional
        Weights of a trained network of the same shape, to go on from instead of Whisper's.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        train: TrainingSet,
        validation: TrainingSet,
        folder: Path,
        ordinary: TrainingSet | None = None,
        whisper: Path | None = None,
        start: Path | None = None,
    ) -> None:
        if recipe.ordinary_per_batch > 0 and ordinary is None:
            raise ParameterError(
                f"ordinary_per_batch is {recipe.ordinary_per_batch}, but no ordinary speech was "
                "prepared; run train_data_preprocessing.py with --ordinary"
            )
        for prepared in filter(None, (train, ordinary)):
            if recipe.copies > len(prepared.log_mel):
                raise ParameterError(
                    f"copies is {recipe.copies}, but the training set holds "
                    f"{len(prepared.log_mel)}; run train_data_preprocessing.py again"
                )
        self.whisper, self.start = whisper, start
        self.recipe, self.train_set, self.validation_set = recipe, train, validation
        self.ordinary = ordinary if recipe.ordinary_per_batch > 0 else None
        if self.ordinary is not None:
            self.allowed = learnt_windows(self.ordinary.sources, left_out=recipe.left_out)
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(recipe.seed)
        keras.config.set_dtype_policy("mixed_bfloat16" if recipe.mixed_precision else "float32")
        try:
            self.model = build_emotion_network(
                width=recipe.width, layers=recipe.layers, head_dropout=recipe.head_dropout
            )
        finally:
            keras.config.set_dtype_policy("float32")
        self.encoder = keras.Model(self.model.input, self.model.output[VOICE])
        self.variables = self.model.trainable_variables
        self.groups = self._optimizer_groups()
        self.averages = [tf.Variable(v.value, trainable=False) for v in self.variables]
        self.steps = tf.Variable(0.0, trainable=False)
        self.epoch = 0
        self._head_step = tf.function(lambda *batch: self._step(*batch, head_only=True))
        self._full_step = tf.function(lambda *batch: self._step(*batch, head_only=False))

    def run(self, *, report: Callable[[str], None] = print) -> Path:
        """Train to the end, from the last checkpoint if there is one.

        Returns
        -------
        Path
            The moving average of the weights after the last epoch.
        """
        if not self._restore():
            load_start(self.model, self.recipe, start=self.start, whisper=self.whisper)
            for average, variable in zip(self.averages, self.variables, strict=True):
                average.assign(variable.value)
        total = self.recipe.all_epochs
        while self.epoch < total:
            started = time.monotonic()
            loss = self._train_epoch()
            self.epoch += 1
            figures = self._validate()
            row = {
                "epoch": self.epoch,
                "loss": round(loss, 4),
                **{line: {"meant": meant.to_dict(), "heard": heard.to_dict()}
                   for line, (meant, heard) in figures.items()},
                "seconds": round(time.monotonic() - started, 1),
            }  # fmt: skip
            with (self.folder / LOG_FILE).open("a") as log:
                log.write(json.dumps(row) + "\n")
            (clean, _), (telephone, heard) = figures.values()
            report(
                f"epoch {self.epoch}/{total}  loss {loss:.3f}  UAR clean {clean.uar:.3f}  "
                f"telephone {telephone.uar:.3f}  heard: divergence {heard.divergence:.3f}  "
                f"distress r {heard.distress_correlation:.3f}  {row['seconds']} s"
            )
            self._save()
        return self.folder / AVERAGE_FILE

    def _optimizer_groups(self) -> list[tuple[list[int], keras.optimizers.Optimizer]]:
        recipe = self.recipe
        blocks = [layer for layer in self.model.layers if isinstance(layer, TransformerBlock)]
        stem = [self.model.get_layer(name) for name in ("conv1", "conv2", "positions")]
        depth = len(blocks)
        rated: list[tuple[list[keras.layers.Layer], float, int]] = [
            ([self.model.get_layer(name) for name in (HEARD, MEANT)], recipe.head_rate, 0),
            (stem, recipe.encoder_rate * recipe.layer_decay**depth, recipe.head_epochs),
        ]
        for index, block in enumerate(blocks):
            factor = recipe.layer_decay ** (depth - 1 - index)
            rated.append(([block], recipe.encoder_rate * factor, recipe.head_epochs))
        place = {id(variable): index for index, variable in enumerate(self.variables)}
        steps = max(len(self.train_set.labels) // recipe.batch_size, 1)
        groups = []
        for layers, rate, first_epoch in rated:
            members = [place[id(v)] for layer in layers for v in layer.trainable_variables]
            length = (recipe.all_epochs - first_epoch) * steps
            schedule = keras.optimizers.schedules.CosineDecay(
                0.0, max(length - steps, 1), warmup_target=rate, warmup_steps=steps // 2
            )
            optimizer = keras.optimizers.AdamW(
                schedule, weight_decay=recipe.weight_decay, clipnorm=1.0
            )
            optimizer.build([self.variables[i] for i in members])
            groups.append((members, optimizer))
        return groups

    def _step(self, inputs: Any, meant: Any, heard: Any, *, head_only: bool) -> Any:
        groups = self.groups[:1] if head_only else self.groups
        wanted = [self.variables[i] for members, _ in groups for i in members]
        share = self.recipe.meant_share
        with tf.GradientTape() as tape:
            # Nobody meant anything in ordinary speech: its rows come last and have no label.
            acted = tf.shape(meant)[0]
            outputs = self._answers(inputs, acted=acted)
            loss = share * _mean_cross_entropy(meant, outputs[MEANT][:acted]) + (
                1.0 - share
            ) * _mean_cross_entropy(heard, outputs[HEARD])
        gradients = iter(tape.gradient(loss, wanted))
        for members, optimizer in groups:
            optimizer.apply(
                [next(gradients) for _ in members], [self.variables[i] for i in members]
            )
        # A young average would remember the random head it started from.
        self.steps.assign_add(1.0)
        momentum = tf.minimum(self.recipe.average_momentum, self.steps / (self.steps + 9.0))
        for average, variable in zip(self.averages, self.variables, strict=True):
            average.assign(momentum * average + (1.0 - momentum) * variable.value)
        return loss

    def _answers(self, inputs: Any, *, acted: Any) -> dict[str, Any]:
        voice = self.encoder(inputs, training=True)
        if self.recipe.ordinary_teaches_heads_alone:
            voice = tf.concat([voice[:acted], tf.stop_gradient(voice[acted:])], axis=0)
        kept = self.model.get_layer("head_dropout")(voice, training=True)
        return {name: self.model.get_layer(name)(kept) for name in (HEARD, MEANT)}

    def _train_epoch(self) -> float:
        step = self._head_step if self.epoch < self.recipe.head_epochs else self._full_step
        losses = [float(step(*batch)) for batch in self._batches()]
        return float(np.mean(losses))

    def _batches(self) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
        # A generator of its own per epoch: a resumed run sees the same batches.
        generator = np.random.default_rng((self.recipe.seed, self.epoch))
        copies = self.recipe.copies
        count = len(self.train_set.labels)
        order = generator.permutation(count)
        size = self.recipe.batch_size
        smoothing = self.recipe.label_smoothing
        one_hot = np.eye(len(EMOTIONS), dtype=np.float32) * (1.0 - smoothing)
        labels = one_hot + np.float32(smoothing / len(EMOTIONS))
        starts = range(0, count - size + 1, size) if count >= size else range(1)
        for start in tqdm(starts, desc=f"epoch {self.epoch + 1}", leave=False, disable=None):
            rows = np.sort(order[start : start + size])
            chosen = generator.integers(copies, size=len(rows))
            inputs = [self.train_set.log_mel[chosen, rows]]
            heard = [self.train_set.votes[chosen, rows]]
            for prepared, windows in self._ordinary_rows(generator):
                ways = generator.integers(copies, size=len(windows))
                inputs.append(prepared.log_mel[ways, windows])
                heard.append(prepared.votes[ways, windows])
            masked = mask_spectrogram(np.concatenate(inputs).astype(np.float32), generator)
            yield masked, labels[self.train_set.labels[rows]], np.concatenate(heard)

    def _ordinary_rows(
        self, generator: np.random.Generator
    ) -> list[tuple[TrainingSet, npt.NDArray[np.int64]]]:
        if self.ordinary is None:
            return []
        shares = source_shares(self.ordinary.sources[self.allowed])
        rows = generator.choice(self.allowed, size=self.recipe.ordinary_per_batch, p=shares)
        return [(self.ordinary, np.sort(rows))]

    def _validate(self) -> dict[str, tuple[Metrics, HeardFigures]]:
        trained = [v.numpy() for v in self.variables]
        for variable, average in zip(self.variables, self.averages, strict=True):
            variable.assign(average)
        figures = {}
        validation = self.validation_set
        for line, inputs, votes in zip(
            ("clean", "telephone"), validation.log_mel, validation.votes, strict=True
        ):
            outputs = predict(self.model, inputs)
            figures[line] = (
                measure(softmax(outputs[MEANT], axis=1), validation.labels),
                measure_heard(softmax(outputs[HEARD], axis=1), votes),
            )
        self.model.save_weights(self.folder / AVERAGE_FILE)
        for variable, value in zip(self.variables, trained, strict=True):
            variable.assign(value)
        return figures

    def _state(self) -> list[Any]:
        optimizer_state = [v for _, optimizer in self.groups for v in optimizer.variables]
        return [*self.model.variables, *self.averages, self.steps, *optimizer_state]

    def _save(self) -> None:
        arrays = {str(index): np.asarray(v) for index, v in enumerate(self._state())}
        store_epoch(self.folder, self.recipe, epoch=self.epoch, **arrays)

    def _restore(self) -> bool:
        self.epoch = stored_epoch(self.folder, self.recipe)
        if self.epoch == 0:
            return False
        if self.epoch == self.recipe.all_epochs:
            # It has ended, here or on a GPU: its average is all that is wanted of it.
            self.model.load_weights(self.folder / AVERAGE_FILE)
            return True
        with np.load(self.folder / CHECKPOINT_FILE) as stored:
            for index, variable in enumerate(self._state()):
                variable.assign(stored[str(index)])
        # An epoch that was logged but not saved is trained, and logged, again.
        log = self.folder / LOG_FILE
        log.write_text("".join(log.read_text().splitlines(keepends=True)[: self.epoch]))
        return True


def _mean_cross_entropy(labels: Any, logits: Any) -> Any:
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, logits))


def load_start(
    model: keras.Model, recipe: Recipe, *, start: Path | None, whisper: Path | None
) -> None:
    """Give a model the weights from which a recipe goes on.

    Parameters
    ----------
    model : keras.Model
        Of the recipe's shape.
    start : Path, optional
        Weights of a trained network; Whisper's without.
    whisper : Path, optional
        Whisper's ``model.bin``; downloaded by the recipe's name where there is none.

    Raises
    ------
    PretrainedWeightsError
        If they are of another shape.
    """
    path = start or whisper or locate_whisper(recipe.whisper)
    try:
        if start is not None:
            model.load_weights(path)
        else:
            set_whisper_weights(model, read_encoder(path))
    except (KeyError, ValueError) as error:
        raise PretrainedWeightsError(
            f"{path}: does not fit width {recipe.width} and {recipe.layers} layers ({error})"
        ) from error


def mask_spectrogram(
    inputs: FloatArray, generator: np.random.Generator, *, bands: int = 12, frames: int = 30
) -> FloatArray:
    """Hide a stretch of bands and a stretch of frames of each input.

    Parameters
    ----------
    inputs : array of float32, shape (batch, frames, bands)
        Changed in place.
    generator : numpy.random.Generator
        Source of places and widths.
    bands, frames : int
        Largest widths.

    Returns
    -------
    array of float32
        The inputs.

    References
    ----------
    Park et al. (2019), "SpecAugment"; kept light, one mask each.
    """
    for spectrogram in inputs:
        fill = spectrogram.mean()
        for axis, widest in ((0, frames), (1, bands)):
            width = int(generator.integers(0, widest + 1))
            start = int(generator.integers(0, spectrogram.shape[axis] - width + 1))
            spectrogram[(slice(None),) * axis + (slice(start, start + width),)] = fill
    return inputs
