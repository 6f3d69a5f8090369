"""Fine-tune a Whisper-initialised network: head first, then all of it.

The heads are trained on frozen features, because their first random gradients would
otherwise wreck the encoder. Then everything is trained, with a learning rate that
falls from the last block down to the first convolution. Members that go on from one
trunk, each without one source of ordinary speech, are averaged weight by weight.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
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
    VoiceCoordinates,
    build_emotion_network,
    set_whisper_weights,
)
from calmscore.network.whisper_weights import locate_whisper, read_encoder
from calmscore.training.corpora.ordinary import source_shares
from calmscore.training.metrics import (
    HeardFigures,
    Metrics,
    fit_distress_scale,
    fit_heard_calibration,
    fit_temperature,
    measure,
    measure_heard,
)
from calmscore.training.recipe import Recipe
from calmscore.training.training_sets import TrainingSet

FloatArray = npt.NDArray[np.float32]

_BATCH = 64


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
        if max(recipe.drawn_copies, default=0) >= recipe.copies:
            raise ParameterError(
                f"drawn_copies is {recipe.drawn_copies}, but copies is {recipe.copies}; "
                "places are counted from 0"
            )
        self.whisper, self.start = whisper, start
        self.recipe, self.train_set, self.validation_set = recipe, train, validation
        self.ordinary = ordinary
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
            self._load_start()
            for average, variable in zip(self.averages, self.variables, strict=True):
                average.assign(variable.value)
        total = self.recipe.head_epochs + self.recipe.epochs
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
            with (self.folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(row) + "\n")
            (clean, _), (telephone, heard) = figures.values()
            report(
                f"epoch {self.epoch}/{total}  loss {loss:.3f}  UAR clean {clean.uar:.3f}  "
                f"telephone {telephone.uar:.3f}  heard: divergence {heard.divergence:.3f}  "
                f"distress r {heard.distress_correlation:.3f}  {row['seconds']} s"
            )
            self._save()
        return self.folder / "average.weights.h5"

    def _load_start(self) -> None:
        path = self.start or self.whisper or locate_whisper(self.recipe.whisper)
        try:
            if self.start is not None:
                self.model.load_weights(path)
            else:
                set_whisper_weights(self.model, read_encoder(path))
        except (KeyError, ValueError) as error:
            raise PretrainedWeightsError(
                f"{path}: does not fit width {self.recipe.width} and "
                f"{self.recipe.layers} layers ({error})"
            ) from error

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
            length = (recipe.head_epochs + recipe.epochs - first_epoch) * steps
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
            outputs = self.model(inputs, training=True)
            # Nobody meant anything in ordinary speech: its rows come last and have no label.
            acted = outputs[MEANT][: tf.shape(meant)[0]]
            loss = share * tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(meant, acted)) + (
                1.0 - share
            ) * tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(heard, outputs[HEARD]))
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

    def _train_epoch(self) -> float:
        step = self._head_step if self.epoch < self.recipe.head_epochs else self._full_step
        losses = [float(step(*batch)) for batch in self._batches()]
        return float(np.mean(losses))

    def _batches(self) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
        # A generator of its own per epoch: a resumed run sees the same batches.
        generator = np.random.default_rng((self.recipe.seed, self.epoch))
        drawn = np.array(self.recipe.drawn_copies or range(self.recipe.copies))
        count = len(self.train_set.labels)
        order = generator.permutation(count)
        size = self.recipe.batch_size
        smoothing = self.recipe.label_smoothing
        one_hot = np.eye(len(EMOTIONS), dtype=np.float32) * (1.0 - smoothing)
        labels = one_hot + np.float32(smoothing / len(EMOTIONS))
        starts = range(0, count - size + 1, size) if count >= size else range(1)
        for start in tqdm(starts, desc=f"epoch {self.epoch + 1}", leave=False, disable=None):
            rows = np.sort(order[start : start + size])
            chosen = generator.choice(drawn, size=len(rows))
            inputs = [self.train_set.log_mel[chosen, rows]]
            heard = [self.train_set.votes[chosen, rows]]
            for prepared, windows in self._ordinary_rows(generator):
                ways = generator.choice(drawn, size=len(windows))
                inputs.append(prepared.log_mel[ways, windows])
                heard.append(prepared.votes[ways, windows])
            masked = mask_spectrogram(np.concatenate(inputs).astype(np.float32), generator)
            yield masked, labels[self.train_set.labels[rows]], np.concatenate(heard)

    def _ordinary_rows(
        self, generator: np.random.Generator
    ) -> list[tuple[TrainingSet, npt.NDArray[np.int64]]]:
        if self.ordinary is None or self.recipe.ordinary_per_batch == 0:
            return []
        allowed = np.flatnonzero(self.ordinary.sources != self.recipe.left_out)
        shares = source_shares(self.ordinary.sources[allowed])
        rows = generator.choice(allowed, size=self.recipe.ordinary_per_batch, p=shares)
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
        self.model.save_weights(self.folder / "average.weights.h5")
        for variable, value in zip(self.variables, trained, strict=True):
            variable.assign(value)
        return figures

    def _state(self) -> list[Any]:
        optimizer_state = [v for _, optimizer in self.groups for v in optimizer.variables]
        return [*self.model.variables, *self.averages, self.steps, *optimizer_state]

    def _save(self) -> None:
        arrays = {str(index): np.asarray(v) for index, v in enumerate(self._state())}
        written = self.folder / "checkpoint.part.npz"
        recipe = json.dumps(self.recipe.to_dict())
        arrays.update(epoch=np.array(self.epoch), recipe=np.array(recipe))
        np.savez(written, allow_pickle=False, **arrays)
        written.replace(self.folder / "checkpoint.npz")

    def _restore(self) -> bool:
        path = self.folder / "checkpoint.npz"
        if not path.is_file():
            return False
        stored = np.load(path)
        if json.loads(str(stored["recipe"])) != self.recipe.to_dict():
            raise ParameterError(f"{path}: made by another recipe; choose another run folder")
        for index, variable in enumerate(self._state()):
            variable.assign(stored[str(index)])
        self.epoch = int(stored["epoch"])
        # An epoch that was logged but not saved is trained, and logged, again.
        log = self.folder / "log.jsonl"
        log.write_text("".join(log.read_text().splitlines(keepends=True)[: self.epoch]))
        return True


def predict(model: keras.Model, inputs: npt.NDArray[np.floating[Any]]) -> dict[str, FloatArray]:
    """Run a network over many inputs.

    Parameters
    ----------
    model : keras.Model
        From `networks.build_emotion_network`.
    inputs : array of float, shape (n, frames, bands)
        Log-mel frames.

    Returns
    -------
    dict of str to array of float32, each of shape (n, …)
        By output.
    """
    run = tf.function(lambda x: model(x, training=False), reduce_retracing=True)
    parts = [
        run(tf.constant(np.asarray(inputs[start : start + _BATCH], dtype=np.float32)))
        for start in range(0, len(inputs), _BATCH)
    ]
    return {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}


def member_network(folder: Path) -> keras.Model:
    """Load the network of a run that has ended.

    Parameters
    ----------
    folder : Path
        Of a `FineTuning`.

    Returns
    -------
    keras.Model
        In 32-bit arithmetic. Its pooled features stand where the shipped network has
        the coordinates of the voice; distances of voices mean nothing here.
    """
    recipe = Recipe(**json.loads(str(np.load(folder / "checkpoint.npz")["recipe"])))
    model = build_emotion_network(width=recipe.width, layers=recipe.layers)
    model.load_weights(folder / "average.weights.h5")
    return model


def average_members(
    members: Sequence[Path],
    *,
    recipe: Recipe,
    shares: Sequence[float] | None = None,
    standardise_on: npt.NDArray[np.floating[Any]] | None = None,
) -> keras.Model:
    """Average trained networks weight by weight.

    They went on from one trunk, so the average of the weights does at least as well as
    the average of the answers, in the time of one network.

    Parameters
    ----------
    members : sequence of Path
        What `FineTuning.run` returned for each.
    recipe : Recipe
        Their shape.
    shares : sequence of float, optional
        How much each counts; all alike by default.
    standardise_on : array of float, shape (n, frames, bands), optional
        Inputs over which the pooled features get zero mean and unit variance anew:
        those of an average are not the average of those.

    Returns
    -------
    keras.Model
        In 32-bit arithmetic.

    References
    ----------
    Wortsman et al. (2022), "Model soups".
    """
    model = build_emotion_network(width=recipe.width, layers=recipe.layers)
    tables = []
    for path in members:
        model.load_weights(path)
        tables.append(model.get_weights())
    model.set_weights(
        [np.average(values, axis=0, weights=shares) for values in zip(*tables, strict=True)]
    )
    if standardise_on is not None:
        _standardise(model, standardise_on)
    return model


def _standardise(model: keras.Model, inputs: npt.NDArray[np.floating[Any]]) -> None:
    layer = model.get_layer(VOICE)
    features = predict(keras.Model(model.input, {VOICE: layer.input}), inputs)[VOICE]
    layer.set_weights([features.mean(axis=0), features.var(axis=0)])


def package(
    model: keras.Model, *, validation: TrainingSet, voices: Sequence[TrainingSet] = ()
) -> tuple[keras.Model, dict[str, Any], dict[str, Any]]:
    """Turn a trained network into a model to ship, calibrated and measured.

    Parameters
    ----------
    model : keras.Model
        From `average_members`, or trained weights in a network of their shape.
    validation : TrainingSet
        Clips of speakers that were not trained on; copies are (clean, telephone).
    voices : sequence of TrainingSet
        What the network was trained on, to tell a strange voice from those; without any,
        no voice is called strange.

    Returns
    -------
    model : keras.Model
        With the output ``voice`` as coordinates among the voices of training.
    settings : dict
        The fields of `classifier.ArtifactSettings` that were fitted here, on the
        telephone copies, as calls come.
    metrics : dict
        Figures under ``clean`` and ``telephone``, the temperatures, and the scale of
        distress that these speakers would give.
    """
    outputs = [predict(model, copy) for copy in validation.log_mel]
    votes = validation.votes[-1]
    temperature, bias = fit_heard_calibration(outputs[-1][HEARD], votes)
    settings: dict[str, Any] = {
        "heard_temperature": temperature,
        "heard_bias": tuple(round(float(value), 4) for value in bias),
        "meant_temperature": fit_temperature(outputs[-1][MEANT], validation.labels),
    }
    metrics: dict[str, Any] = dict(settings)
    for line, answers in zip(("clean", "telephone"), outputs, strict=True):
        heard = softmax(answers[HEARD] / temperature + bias, axis=1)
        meant = softmax(answers[MEANT] / settings["meant_temperature"], axis=1)
        metrics[line] = {
            "meant": measure(meant, validation.labels).to_dict(),
            "heard": measure_heard(heard, votes).to_dict(),
        }
    midpoint, slope = fit_distress_scale(heard, votes)
    metrics["distress_scale"] = {"midpoint": midpoint, "slope": slope}
    with_voices, limit = _with_voice_coordinates(model, voices)
    return with_voices, {**settings, "voice_distance_limit": limit}, metrics


_VOICE_DIRECTIONS = 32
# Of the voices of training, so many in a hundred are called strange.
_STRANGE_PERCENTILE = 99.5


def _with_voice_coordinates(
    model: keras.Model, voices: Sequence[TrainingSet]
) -> tuple[keras.Model, float]:
    count = min(_VOICE_DIRECTIONS, model.output[VOICE].shape[-1])
    layer = VoiceCoordinates(count, name="voice_coordinates", dtype="float32")
    placed = keras.Model(
        model.input,
        {HEARD: model.output[HEARD], MEANT: model.output[MEANT], VOICE: layer(model.output[VOICE])},
        name=model.name,
    )
    if not voices:
        return placed, float("inf")
    names = np.concatenate([prepared.speakers for prepared in voices])
    features = np.concatenate(
        [predict(model, prepared.log_mel[_TELEPHONE_COPY])[VOICE] for prepared in voices]
    )
    means = _means_by_name(features, names)
    basis = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)[2][:count].T
    basis = np.pad(basis, ((0, 0), (0, count - basis.shape[1])))
    layer.set_weights([basis, np.zeros(count + 1), np.ones(count + 1)])
    raw = _means_by_name(np.asarray(layer(features)), names)
    layer.set_weights([basis, raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-3)])
    coordinates = _means_by_name(np.asarray(layer(features)), names)
    distances = np.sqrt(np.mean(np.square(coordinates), axis=1))
    return placed, float(np.percentile(distances, _STRANGE_PERCENTILE))


# The plain telephone copy: calls come over a line.
_TELEPHONE_COPY = 3


def _means_by_name(rows: FloatArray, names: npt.NDArray[np.str_]) -> FloatArray:
    return np.stack([rows[names == name].mean(axis=0) for name in np.unique(names)])


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
