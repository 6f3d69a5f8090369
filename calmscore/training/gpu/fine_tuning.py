"""Fine-tune the emotion network by a `Recipe` on a GPU, on copies made afresh for every step.

What a run leaves behind is what ``training.fine_tuning`` leaves of one that has ended.
"""

from __future__ import annotations

import importlib
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from calmscore.emotions import EMOTIONS
from calmscore.network.layers import HEARD, MEANT, build_emotion_network
from calmscore.training.corpora.ordinary import learnt_windows, source_shares
from calmscore.training.fine_tuning import load_start
from calmscore.training.gpu.copies import Sounds, training_copies
from calmscore.training.gpu.front_end import Draws, hide_stretches, log_mel
from calmscore.training.gpu.network import (
    Weights,
    answers,
    set_weights,
    voice_features,
    weights_of,
)
from calmscore.training.recipe import Recipe
from calmscore.training.trained_network import AVERAGE_FILE, LOG_FILE, store_epoch, stored_epoch

torch: Any = importlib.import_module("torch")
functional = torch.nn.functional

Tensor = Any

_LARGEST_GRADIENT = 1.0


@dataclass(frozen=True, kw_only=True)
class Speech:
    """Clips or windows to learn from, on a device.

    Attributes
    ----------
    sounds : Sounds
        Their sound.
    partners : tensor of int, shape (n,)
        What may be joined to each.
    heard : tensor of float32, shape (n, 6)
        Shares of the listeners' votes.
    labels : tensor of int, shape (n,)
        Index of the intended emotion; −1 where nobody acted.
    sources : array of str, shape (n,)
        The corpus of each.
    """

    sounds: Sounds
    partners: Tensor
    heard: Tensor
    labels: Tensor
    sources: npt.NDArray[np.str_]

    def copies(self, rows: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Return inputs of copies, not yet masked, and how listeners would hear them."""
        partners = self.partners[rows]
        waves, joined = training_copies(self.sounds, rows, partners, draws)
        heard = self.heard[rows]
        both = (heard + self.heard[partners]) / 2.0
        return log_mel(waves), torch.where(joined[:, None], both, heard)


def fine_tune(
    recipe: Recipe,
    *,
    acted: Speech,
    ordinary: Speech,
    folder: Path,
    device: str,
    whisper: Path | None = None,
    start: Path | None = None,
) -> Path:
    """Train by a recipe, unless that has been done.

    Parameters
    ----------
    recipe : Recipe
        What to do; its ``copies`` mean nothing here.
    acted, ordinary : Speech
        What is learnt from, on the device.
    folder : Path
        Gets ``average.weights.h5``, ``checkpoint.npz`` and ``log.jsonl``.
    device : str
        As PyTorch calls it.
    whisper, start : Path, optional
        As in `fine_tuning.FineTuning`.

    Returns
    -------
    Path
        The moving average of the weights after the last epoch.
    """
    average = folder / AVERAGE_FILE
    if stored_epoch(folder, recipe) == recipe.all_epochs:
        return average
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(recipe.seed)
    torch.manual_seed(recipe.seed)
    model = build_emotion_network(width=recipe.width, layers=recipe.layers)
    load_start(model, recipe, start=start, whisper=whisper)
    training = _Training(recipe, weights_of(model, device=device), acted, ordinary, device)
    lines = []
    for epoch in range(1, recipe.all_epochs + 1):
        started = time.monotonic()
        loss = training.epoch(epoch)
        seconds = round(time.monotonic() - started, 1)
        lines.append(json.dumps({"epoch": epoch, "loss": round(loss, 4), "seconds": seconds}))
        print(f"epoch {epoch}/{recipe.all_epochs}  loss {loss:.3f}  {seconds} s", flush=True)
    (folder / LOG_FILE).write_text("\n".join(lines) + "\n")
    set_weights(model, training.average)
    model.save_weights(average)
    store_epoch(folder, recipe, epoch=recipe.all_epochs)
    return average


class _Training:
    """Weights on their way, and the moving average of them."""

    def __init__(
        self, recipe: Recipe, weights: Weights, acted: Speech, ordinary: Speech, device: str
    ) -> None:
        self.recipe, self.weights, self.device = recipe, weights, device
        self.acted, self.ordinary = acted, ordinary
        self.average = {name: weight.clone() for name, weight in weights.items()}
        self.draws = Draws(seed=recipe.seed, device=device)
        self.generator = np.random.default_rng(recipe.seed)
        self.steps_per_epoch = max(len(acted.labels) // recipe.batch_size, 1)
        self.step = 0
        if recipe.ordinary_per_batch > 0:
            self.allowed = learnt_windows(ordinary.sources, left_out=recipe.left_out)
            self.shares = source_shares(ordinary.sources[self.allowed])

    def epoch(self, number: int) -> float:
        """Train for an epoch and return its mean loss."""
        heads_alone = number <= self.recipe.head_epochs
        epochs = self.recipe.head_epochs if heads_alone else self.recipe.epochs
        if number in (1, self.recipe.head_epochs + 1):
            self._begin(heads_alone=heads_alone, steps=epochs * self.steps_per_epoch)
        losses = [self._step(rows) for rows in self._batches()]
        return float(torch.stack(losses).mean())

    def _begin(self, *, heads_alone: bool, steps: int) -> None:
        groups = [
            group for group in _rated(self.weights, self.recipe) if group["head"] or not heads_alone
        ]
        for weight in self.weights.values():
            weight.requires_grad_(False)
        self.learning = [weight for group in groups for weight in group["params"]]
        for weight in self.learning:
            weight.requires_grad_(True)
        self.optimizer = torch.optim.AdamW(groups, eps=1e-7, weight_decay=self.recipe.weight_decay)
        warm_up = self.steps_per_epoch / 2

        def factor(step: int) -> float:
            done = max(0.0, step + 1 - warm_up) / max(1.0, steps - warm_up)
            return min(1.0, (step + 1) / warm_up) * 0.5 * (1.0 + math.cos(math.pi * done))

        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, factor)

    def _batches(self) -> Iterator[Tensor]:
        size, order = self.recipe.batch_size, self.generator.permutation(len(self.acted.labels))
        rows = torch.tensor(order, device=self.device)
        for number in tqdm(range(self.steps_per_epoch), leave=False, disable=None):
            yield rows[number * size : (number + 1) * size]

    def _step(self, rows: Tensor) -> Tensor:
        with torch.no_grad():
            inputs, heard = self._inputs(rows)
            smoothing = self.recipe.label_smoothing
            meant = functional.one_hot(self.acted.labels[rows], len(EMOTIONS)).float()
            meant = meant * (1.0 - smoothing) + smoothing / len(EMOTIONS)
        logits = self._answers(inputs, acted=len(rows))
        share = self.recipe.meant_share
        loss = share * functional.cross_entropy(logits[MEANT][: len(rows)], meant) + (
            1.0 - share
        ) * functional.cross_entropy(logits[HEARD], heard)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.learning, _LARGEST_GRADIENT)
        self.optimizer.step()
        self.schedule.step()
        self._move_average()
        return loss.detach()

    def _inputs(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        inputs, heard = self.acted.copies(rows, self.draws)
        if self.recipe.ordinary_per_batch > 0:
            drawn = self.generator.choice(
                self.allowed, size=self.recipe.ordinary_per_batch, p=self.shares
            )
            windows, as_heard = self.ordinary.copies(
                torch.tensor(drawn, device=self.device), self.draws
            )
            inputs, heard = torch.cat([inputs, windows]), torch.cat([heard, as_heard])
        return hide_stretches(inputs, self.draws), heard

    def _answers(self, inputs: Tensor, *, acted: int) -> dict[str, Tensor]:
        mixed = self.recipe.mixed_precision and self.device.startswith("cuda")
        voice = voice_features(self.weights, inputs, learning=True, mixed_precision=mixed)
        if self.recipe.ordinary_teaches_heads_alone:
            voice = torch.cat([voice[:acted], voice[acted:].detach()])
        return answers(self.weights, functional.dropout(voice, self.recipe.head_dropout))

    def _move_average(self) -> None:
        # A young average would remember the random heads it started from.
        self.step += 1
        momentum = min(self.recipe.average_momentum, self.step / (self.step + 9.0))
        for name, average in self.average.items():
            average.lerp_(self.weights[name].detach(), 1.0 - momentum)


def _rated(weights: Weights, recipe: Recipe) -> list[dict[str, Any]]:
    """Group what is trained by its learning rate, which falls from the last block down."""

    def group(rate: float, *layers: str, head: bool = False) -> dict[str, Any]:
        members = [weight for name, weight in weights.items() if name.split("/")[0] in layers]
        return {"params": members, "lr": rate, "head": head}

    lowest = recipe.encoder_rate * recipe.layer_decay**recipe.layers
    return [
        group(recipe.head_rate, HEARD, MEANT, head=True),
        group(lowest, "conv1", "conv2", "positions"),
        *(
            group(lowest / recipe.layer_decay**number, f"block{number}")
            for number in range(1, recipe.layers + 1)
        ),
    ]
