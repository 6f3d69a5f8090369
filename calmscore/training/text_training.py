"""Fine-tune MiniLM on GoEmotions: what a text's words express.

The word pieces and the lowest blocks stay as published: they know words already, and
half of the work is saved. Rare classes are drawn more often; the calibration gives their
true shares back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tokenizers import Tokenizer

from calmscore.errors import ParameterError
from calmscore.network.text_network import TextTransformerBlock
from calmscore.training.corpora.go_emotions import LabelledTexts
from calmscore.training.minilm import make_tokenizer
from calmscore.training.spoken_style import as_spoken, without_placeholders
from calmscore.training.text_recipe import TextRecipe
from calmscore.training.text_start import Start

FloatArray = npt.NDArray[np.float32]

CHECKPOINT_FILE, WEIGHTS_FILE, TOKENIZER_FILE = "state.npz", "model.weights.h5", "tokenizer.json"
LOG_FILE = "log.jsonl"
_BATCHES_SORTED = 40
"""Texts of about the same length come together: so many batches are sorted at once."""


def encode(tokenizer: Tokenizer, texts: Sequence[str], *, longest: int) -> list[list[int]]:
    """Cut texts into the numbers of their word pieces, at most ``longest`` of each."""
    rows = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    # The last piece marks the end, also of a text that is cut.
    return [row if len(row) <= longest else [*row[: longest - 1], row[-1]] for row in rows]


def padded(rows: Sequence[Sequence[int]]) -> npt.NDArray[np.int32]:
    """Lay piece numbers out as a table, short rows filled with padding."""
    table = np.zeros((len(rows), max(map(len, rows))), dtype=np.int32)
    for row, numbers in zip(table, rows, strict=True):
        row[: len(numbers)] = numbers
    return table


def predict_logits(
    model: keras.Model, rows: Sequence[Sequence[int]], *, batch_size: int = 128
) -> FloatArray:
    """Run a network over many texts.

    Parameters
    ----------
    model : keras.Model
        From `build_text_network`.
    rows : sequence of sequence of int
        From `encode`.
    batch_size : int
        Texts at once.

    Returns
    -------
    array of float32, shape (n, classes)
    """
    run = _compiled(model)
    order = np.argsort([len(row) for row in rows], kind="stable")
    logits = np.zeros((len(rows), model.output_shape[-1]), dtype=np.float32)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        logits[chosen] = run(tf.constant(padded([rows[index] for index in chosen])))
    return logits


@lru_cache(maxsize=2)
def _compiled(model: keras.Model) -> Any:
    signature = [tf.TensorSpec((None, None), tf.int32)]
    return tf.function(lambda pieces: model(pieces, training=False), input_signature=signature)


class TextTraining:
    """One training run, resumable after any epoch.

    Parameters
    ----------
    recipe : TextRecipe
        What to do.
    train, dev : LabelledTexts
        Texts to learn from, and to report on after each epoch.
    start : callable
        Makes the network as it is before the first step; see `text_start`.
    folder : Path
        Gets checkpoint, weights, tokenizer and ``log.jsonl``.

    Raises
    ------
    ParameterError
        If the folder holds a run of another recipe.
    """

    def __init__(
        self,
        recipe: TextRecipe,
        *,
        train: LabelledTexts,
        dev: LabelledTexts,
        start: Start,
        folder: Path,
    ) -> None:
        self.recipe, self.train_set, self.dev_set, self.folder = recipe, train, dev, folder
        folder.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(recipe.seed)
        keras.config.set_dtype_policy("mixed_bfloat16" if recipe.mixed_precision else "float32")
        try:
            self.model, self.tokenizer_settings = start(recipe, train)
        finally:
            keras.config.set_dtype_policy("float32")
        self.tokenizer = make_tokenizer(self.tokenizer_settings)
        self._start_weights = self.model.get_weights()
        # Each epoch's draw has another length; the schedule needs one number.
        self.steps_per_epoch = int(self._draws().sum() // recipe.batch_size)
        self.groups = self._optimizer_groups()
        self.epoch = 0
        signature = [
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None, train.labels.shape[1]), tf.float32),
        ]
        self._compiled_step = tf.function(self._step, input_signature=signature)

    def run(self, *, stop_after: int | None = None, report: Callable[[str], None] = print) -> None:
        """Train to the end, from the last checkpoint if there is one.

        Parameters
        ----------
        stop_after : int, optional
            Epochs after which to stop already.
        report : callable, optional
            Gets a line now and then.
        """
        self._restore()
        (self.folder / TOKENIZER_FILE).write_text(json.dumps(self.tokenizer_settings))
        last = self.recipe.epochs if stop_after is None else stop_after
        while self.epoch < min(last, self.recipe.epochs):
            started = time.monotonic()
            losses = []
            for number, batch in enumerate(self._batches(), start=1):
                losses.append(float(self._compiled_step(*map(tf.constant, batch))))
                if number % 50 == 0:
                    report(
                        f"epoch {self.epoch + 1}  step {number}/{self.steps_per_epoch}  "
                        f"loss {np.mean(losses[-50:]):.3f}  {time.monotonic() - started:.0f} s"
                    )
            self.epoch += 1
            right = self._share_right(self.dev_logits())
            row = {
                "epoch": self.epoch,
                "loss": round(float(np.mean(losses)), 4),
                "dev_share_right": round(right, 4),
                "seconds": round(time.monotonic() - started, 1),
            }
            with (self.folder / LOG_FILE).open("a") as log:
                log.write(json.dumps(row) + "\n")
            report(str(row))
            self._save()

    @property
    def seconds(self) -> float:
        """What all epochs took, those before a run was cut off too."""
        rows = (self.folder / LOG_FILE).read_text(encoding="utf-8").splitlines()
        return sum(float(json.loads(row)["seconds"]) for row in rows)

    def go_back(self, way: float) -> None:
        """Go a part of the way from the trained weights back to those of the start.

        Parameters
        ----------
        way : float
            0 stays, 1 is the start.

        References
        ----------
        Wortsman et al. (2022), "Robust fine-tuning of zero-shot models": what was known
        before and what was learnt are both kept better between the two.
        """
        pairs = zip(self._start_weights, self.model.get_weights(), strict=True)
        self.model.set_weights([way * start + (1.0 - way) * now for start, now in pairs])

    def dev_logits(self) -> FloatArray:
        """Return the network's logits for the dev part, shape (n, classes)."""
        texts = clean_texts(self.dev_set.texts)
        rows = encode(self.tokenizer, texts, longest=self.recipe.longest)
        return predict_logits(self.model, rows)

    def _share_right(self, logits: FloatArray) -> float:
        labels = self.dev_set.labels
        return float(labels[np.arange(len(labels)), logits.argmax(axis=1)].mean())

    def _draws(self) -> npt.NDArray[np.float64]:
        # The rarest class is the one that is drawn most often.
        return np.asarray((self.train_set.labels * np.array(self.recipe.draws)).max(axis=1))

    def _batches(self) -> Iterator[tuple[npt.NDArray[np.int32], FloatArray]]:
        # A generator of its own per epoch: a resumed run sees the same batches.
        generator = np.random.default_rng((self.recipe.seed, self.epoch))
        draws = self._draws()
        copies = np.floor(draws + generator.random(len(draws))).astype(int)
        chosen = generator.permutation(np.repeat(np.arange(len(draws)), copies))
        size = self.recipe.batch_size
        shares = self.train_set.shares
        for start in range(0, len(chosen), size * _BATCHES_SORTED):
            part = chosen[start : start + size * _BATCHES_SORTED]
            rows = encode(
                self.tokenizer,
                [self._copy(index, generator) for index in part],
                longest=self.recipe.longest,
            )
            order = np.argsort([len(row) for row in rows], kind="stable")
            firsts = np.arange(0, len(part), size)
            for first in generator.permutation(firsts):
                places = order[first : first + size]
                yield padded([rows[place] for place in places]), shares[part[places]]

    def _copy(self, index: int, generator: np.random.Generator) -> str:
        text = without_placeholders(self.train_set.texts[index], generator)
        if generator.random() >= self.recipe.spoken_share:
            return text
        return as_spoken(text, generator, polite=True)

    def _optimizer_groups(self) -> list[tuple[list[Any], keras.optimizers.Optimizer]]:
        recipe = self.recipe
        blocks = [layer for layer in self.model.layers if isinstance(layer, TextTransformerBlock)]
        rated = [(self.model.get_layer("head"), recipe.head_rate)]
        for above, block in enumerate(reversed(blocks[recipe.frozen_blocks :])):
            rated.append((block, recipe.encoder_rate * recipe.layer_decay**above))
        steps = max(recipe.epochs * self.steps_per_epoch, 1)
        warm = int(recipe.warm_up * steps)
        groups = []
        for layer, rate in rated:
            schedule = keras.optimizers.schedules.CosineDecay(
                0.0, max(steps - warm, 1), warmup_target=rate, warmup_steps=warm
            )
            optimizer = keras.optimizers.AdamW(
                schedule, weight_decay=recipe.weight_decay, clipnorm=1.0
            )
            optimizer.build(layer.trainable_variables)
            groups.append((layer.trainable_variables, optimizer))
        return groups

    def _step(self, pieces: Any, shares: Any) -> Any:
        wanted = [variable for variables, _ in self.groups for variable in variables]
        with tf.GradientTape() as tape:
            logits = self.model(pieces, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(shares, logits))
        gradients = iter(tape.gradient(loss, wanted))
        for variables, optimizer in self.groups:
            optimizer.apply([next(gradients) for _ in variables], variables)
        return loss

    def _state(self) -> list[Any]:
        trained = [
            variable
            for variables, optimizer in self.groups
            for variable in (*variables, *optimizer.variables)
        ]
        return trained + [v for v in self.model.variables if "seed_generator" in v.path]

    def _save(self) -> None:
        # Weights first: a checkpoint never names an epoch whose weights are not there.
        self.model.save_weights(self.folder / WEIGHTS_FILE)
        arrays = {str(index): np.asarray(value) for index, value in enumerate(self._state())}
        arrays["epoch"] = np.array(self.epoch)
        arrays["recipe"] = np.array(json.dumps(asdict(self.recipe)))
        written = self.folder / "state.part.npz"
        np.savez(written, allow_pickle=False, **arrays)
        written.replace(self.folder / CHECKPOINT_FILE)

    def _restore(self) -> None:
        path = self.folder / CHECKPOINT_FILE
        if not path.is_file():
            return
        stored = np.load(path)
        if json.loads(str(stored["recipe"])) != json.loads(json.dumps(asdict(self.recipe))):
            raise ParameterError(f"{path}: made by another recipe; choose another run folder")
        for index, variable in enumerate(self._state()):
            variable.assign(stored[str(index)])
        self.epoch = int(stored["epoch"])


def clean_texts(texts: Sequence[str]) -> list[str]:
    """Return texts as they are judged: as written, a name in each placeholder's stead."""
    generator = np.random.default_rng(0)
    return [without_placeholders(text, generator) for text in texts]
