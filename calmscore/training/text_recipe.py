"""The settings of a training run on words, apart from the code that needs TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TextRecipe:
    """Everything that decides a training run.

    Attributes
    ----------
    seed : int
        Fixes initial head weights, order, spoken copies and dropout.
    epochs : int
        Each draws every text as often as ``draws`` says, on average.
    batch_size : int
        Texts per step.
    frozen_blocks : int
        Lowest blocks that are not trained, nor the table of word pieces.
    head_rate, encoder_rate : float
        Peak learning rates.
    layer_decay : float
        Factor of the rate from one block to the one below, 0–1.
    weight_decay : float
        Decoupled weight decay.
    warm_up : float
        Share of all steps in which the rates rise, 0–1; then they fall to nothing.
    dropout : float
        In the blocks and before the head.
    spoken_share : float
        Share of the texts that are learnt as if they were spoken.
    longest : int
        Most word pieces of a text.
    draws : tuple of float
        How often a text is drawn in an epoch, by its rarest class, in the order of ``EKMAN``.
    taught_copies : int
        Copies of every taught phrase among the texts; see `taught_phrases`.
    mixed_precision : bool
        Compute in bfloat16; weights stay in float32.
    """

    seed: int = 1
    epochs: int = 6
    batch_size: int = 32
    frozen_blocks: int = 3
    head_rate: float = 1e-3
    encoder_rate: float = 1.5e-4
    layer_decay: float = 0.9
    weight_decay: float = 0.01
    warm_up: float = 0.08
    dropout: float = 0.1
    spoken_share: float = 0.5
    longest: int = 40
    draws: tuple[float, ...] = (0.4, 1.0, 1.0, 0.18, 0.25, 0.5, 0.4)
    taught_copies: int = 4
    mixed_precision: bool = True
