"""Fine-tune a Whisper-initialised network: head first, then all of it.

The head is trained on frozen features, because its first random gradients would
otherwise wreck the encoder. Then everything is trained, with a learning rate that
falls from the last block down to the first convolution.
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
from calmscore.network.layers import TransformerBlock, build_whisper_classifier, set_whisper_weights
from calmscore.network.whisper_weights import locate_whisper, read_encoder
from calmscore.training.evaluation import Metrics, fit_temperature, measure
from calmscore.training.recipe import Recipe
from calmscore.training.training_sets import TrainingSet

FloatArray = npt.NDArray[np.float32]

HEAD_LAYERS = ("layer_mix", "projection", "pooling", "standardise", "logits")


class FineTuning:
    """One training run, resumable after any epoch.

    Parameters
    ----------
    recipe : Recipe
        What to do.
    train, validation : TrainingSet
        Sets with disjoint speakers; the validation set's copies are (clean, telephone).
    whisper : Path, optional
        Whisper's ``model.bin``; downloaded by the recipe's name where there is none.
    folder : Path
        Gets ``checkpoint.npz``, ``best.weights.h5`` and ``log.jsonl``.
    start : Path, optional
        Weights of a trained network of the same shape, to go on from instead of Whisper's.
    answers : array of float32, shape (copies, clips, 6), optional
        The teachers' probabilities for each copy of each clip (`teachers_answers`);
        needed where the recipe's ``teacher_share`` is above 0.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        train: TrainingSet,
        validation: TrainingSet,
        folder: Path,
        whisper: Path | None = None,
        start: Path | None = None,
        answers: FloatArray | None = None,
    ) -> None:
        if recipe.teacher_share > 0.0 and answers is None:
            raise ParameterError(
                f"teacher_share is {recipe.teacher_share}, but no teacher has answered"
            )
        if recipe.copies > len(train.log_mel):
            raise ParameterError(
                f"copies is {recipe.copies}, but the training set holds {len(train.log_mel)}; "
                "run train_data_preprocessing.py again"
            )
        self.whisper, self.start = whisper, start
        self.recipe, self.train_set, self.validation_set = recipe, train, validation
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(recipe.seed)
        keras.config.set_dtype_policy("mixed_bfloat16" if recipe.mixed_precision else "float32")
        try:
            self.model = build_whisper_classifier(
                width=recipe.width, layers=recipe.layers, head_dropout=recipe.head_dropout
            )
        finally:
            keras.config.set_dtype_policy("float32")
        self.variables = self.model.trainable_variables
        self.groups = self._optimizer_groups()
        self.averages = [tf.Variable(v.value, trainable=False) for v in self.variables]
        self.steps = tf.Variable(0.0, trainable=False)
        self.targets = _targets(recipe, train, answers)
        self.loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        self.epoch, self.best = 0, -1.0
        self._head_step = tf.function(lambda *batch: self._step(*batch, head_only=True))
        self._full_step = tf.function(lambda *batch: self._step(*batch, head_only=False))
        self._logits = tf.function(lambda x: self.model(x, training=False), reduce_retracing=True)

    def run(self, *, report: Callable[[str], None] = print) -> Path:
        """Train to the end, from the last checkpoint if there is one.

        Returns
        -------
        Path
            The weights that did best on the validation speakers.
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
            clean, telephone = self._validate()
            row = {
                "epoch": self.epoch,
                "loss": round(loss, 4),
                "clean": clean.to_dict(),
                "telephone": telephone.to_dict(),
                "seconds": round(time.monotonic() - started, 1),
            }
            with (self.folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(row) + "\n")
            report(
                f"epoch {self.epoch}/{total}  loss {loss:.3f}  UAR clean {clean.uar:.3f}  "
                f"telephone {telephone.uar:.3f}  {row['seconds']} s"
            )
            self._save()
        return self.folder / "best.weights.h5"

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
            ([self.model.get_layer(name) for name in HEAD_LAYERS], recipe.head_rate, 0),
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

    def _step(self, inputs: Any, targets: Any, *, head_only: bool) -> Any:
        groups = self.groups[:1] if head_only else self.groups
        wanted = [self.variables[i] for members, _ in groups for i in members]
        with tf.GradientTape() as tape:
            loss = self.loss(targets, self.model(inputs, training=True))
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

    def _batches(self) -> Iterator[tuple[FloatArray, FloatArray]]:
        # A generator of its own per epoch: a resumed run sees the same batches.
        generator = np.random.default_rng((self.recipe.seed, self.epoch))
        copies, count = self.recipe.copies, len(self.train_set.labels)
        order = generator.permutation(count)
        size = self.recipe.batch_size
        starts = range(0, count - size + 1, size) if count >= size else range(1)
        for start in tqdm(starts, desc=f"epoch {self.epoch + 1}", leave=False, disable=None):
            rows = np.sort(order[start : start + size])
            chosen = generator.integers(copies, size=len(rows))
            inputs = self.train_set.log_mel[chosen, rows].astype(np.float32)
            targets = self.targets[chosen, rows]
            if self.recipe.mixup > 0.0:
                inputs, targets = mix_clips(
                    inputs, targets, generator, concentration=self.recipe.mixup
                )
            yield mask_spectrogram(inputs, generator), targets

    def _validate(self) -> tuple[Metrics, Metrics]:
        trained = [v.numpy() for v in self.variables]
        for variable, average in zip(self.variables, self.averages, strict=True):
            variable.assign(average)
        labels = self.validation_set.labels
        clean, telephone = (
            measure(softmax(self._predict(copy), axis=1), labels)
            for copy in self.validation_set.log_mel
        )
        if (clean.uar + telephone.uar) / 2 > self.best:
            self.best = (clean.uar + telephone.uar) / 2
            self.model.save_weights(self.folder / "best.weights.h5")
        for variable, value in zip(self.variables, trained, strict=True):
            variable.assign(value)
        return clean, telephone

    def _predict(self, inputs: npt.NDArray[np.float16]) -> FloatArray:
        size = 64
        rows = [
            np.asarray(self._logits(tf.constant(inputs[i : i + size].astype(np.float32))))
            for i in range(0, len(inputs), size)
        ]
        return np.concatenate(rows)

    def _state(self) -> list[Any]:
        optimizer_state = [v for _, optimizer in self.groups for v in optimizer.variables]
        return [*self.model.variables, *self.averages, self.steps, *optimizer_state]

    def _save(self) -> None:
        arrays = {str(index): np.asarray(v) for index, v in enumerate(self._state())}
        written = self.folder / "checkpoint.part.npz"
        recipe = json.dumps(self.recipe.to_dict())
        arrays.update(epoch=np.array(self.epoch), best=np.array(self.best), recipe=np.array(recipe))
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
        self.epoch, self.best = int(stored["epoch"]), float(stored["best"])
        # An epoch that was logged but not saved is trained, and logged, again.
        log = self.folder / "log.jsonl"
        log.write_text("".join(log.read_text().splitlines(keepends=True)[: self.epoch]))
        return True


def _targets(recipe: Recipe, train: TrainingSet, answers: FloatArray | None) -> FloatArray:
    one_hot = np.eye(len(EMOTIONS), dtype=np.float32)[train.labels]
    labels = (1 - recipe.vote_share) * one_hot + recipe.vote_share * train.votes
    if answers is None or recipe.teacher_share == 0.0:
        return np.broadcast_to(labels, (recipe.copies, *labels.shape))
    return (1 - recipe.teacher_share) * labels + recipe.teacher_share * answers[: recipe.copies]


def teachers_answers(
    weights: Sequence[Path], recipes: Sequence[Recipe], *, train: TrainingSet, file: Path
) -> FloatArray:
    """Let trained networks say what they hear in every copy of every training clip.

    The networks' logits are averaged. A copy's answer is the mean of what they hear
    in the copy and in the clip as it was recorded (copy 0): in noise or in a part
    of an utterance they hear less than there is.

    Parameters
    ----------
    weights : sequence of Path
        What `FineTuning.run` returned for each teacher.
    recipes : sequence of Recipe
        By which they were trained.
    train : TrainingSet
        The set to answer for.
    file : Path
        Where the answers are kept (.npy); read from there if it exists.

    Returns
    -------
    array of float32, shape (copies, clips, 6)
        Probabilities.
    """
    shape = (*train.log_mel.shape[:2], len(EMOTIONS))
    if file.is_file():
        kept: FloatArray = np.load(file)
        if kept.shape != shape:
            raise ParameterError(
                f"{file}: answers of shape {kept.shape}, but the training set needs {shape}; "
                "choose another run folder"
            )
        return kept
    logits = np.zeros(shape, np.float32)
    for path, recipe in zip(weights, recipes, strict=True):
        model = build_whisper_classifier(width=recipe.width, layers=recipe.layers)
        model.load_weights(path)
        predict = tf.function(model, reduce_retracing=True)
        for copy, rows in enumerate(
            tqdm(train.log_mel, desc=f"{recipe.whisper} answers", disable=None)
        ):
            for start in range(0, len(rows), 64):
                inputs = tf.constant(rows[start : start + 64].astype(np.float32))
                logits[copy, start : start + 64] += np.asarray(predict(inputs)) / len(weights)
    probabilities = softmax(logits, axis=2)
    answers: FloatArray = (probabilities + probabilities[:1]) / 2.0
    part = file.with_suffix(".part.npy")
    np.save(part, answers)
    part.replace(file)
    return answers


def package(
    weights: Path, *, recipe: Recipe, validation: TrainingSet
) -> tuple[keras.Model, float, dict[str, Any]]:
    """Turn trained weights into a model to ship, calibrated and measured.

    Parameters
    ----------
    weights : Path
        What `FineTuning.run` returned.
    recipe : Recipe
        By which they were trained.
    validation : TrainingSet
        Clips of speakers that were not trained on; copies are (clean, telephone).

    Returns
    -------
    model : keras.Model
        In 32-bit arithmetic.
    temperature : float
        Fitted to the telephone copies, as calls come.
    metrics : dict
        Figures under ``clean`` and ``telephone``, and the temperature.
    """
    model = build_whisper_classifier(width=recipe.width, layers=recipe.layers)
    model.load_weights(weights)
    logits = [
        model.predict(copy.astype(np.float32), batch_size=64, verbose=0)
        for copy in validation.log_mel
    ]
    temperature = fit_temperature(logits[-1], validation.labels)
    metrics: dict[str, Any] = {"temperature": temperature}
    for name, rows in zip(("clean", "telephone"), logits, strict=True):
        metrics[name] = measure(softmax(rows / temperature, axis=1), validation.labels).to_dict()
    return model, temperature, metrics


def mix_clips(
    inputs: FloatArray,
    targets: FloatArray,
    generator: np.random.Generator,
    *,
    concentration: float,
) -> tuple[FloatArray, FloatArray]:
    """Mix each clip of a batch with another one, and their labels in the same proportion.

    Parameters
    ----------
    inputs : array of float32, shape (batch, frames, bands)
        Log-mel frames.
    targets : array of float32, shape (batch, 6)
        Labels as probabilities.
    generator : numpy.random.Generator
        Source of pairs and proportions.
    concentration : float
        Proportions are drawn from Beta(concentration, concentration); near 0 most
        clips stay almost as they are.

    Returns
    -------
    tuple of array of float32
        Mixed inputs and mixed targets.

    References
    ----------
    Zhang et al. (2018), "mixup: Beyond Empirical Risk Minimization".
    """
    share = generator.beta(concentration, concentration, size=len(inputs)).astype(np.float32)
    share = np.maximum(share, 1.0 - share)
    partner = generator.permutation(len(inputs))
    wide = share[:, None, None]
    mixed = wide * inputs + (1.0 - wide) * inputs[partner]
    return mixed, share[:, None] * targets + (1.0 - share[:, None]) * targets[partner]


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
