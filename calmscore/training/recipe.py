"""The settings of a training run, apart from the code that needs TensorFlow."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a training run.

    Attributes
    ----------
    whisper : str
        Published name of the Whisper model to start from.
    width, layers : int
        Encoder width (384 tiny, 512 base) and blocks kept.
    seed : int
        Fixes initial head weights, order of clips, choice of copies and dropout.
    head_epochs, epochs : int
        Epochs on the frozen encoder, then epochs on everything.
    batch_size : int
        Clips per step.
    head_rate, encoder_rate : float
        Peak learning rates.
    layer_decay : float
        Factor of the learning rate from one block to the one below, 0–1.
    weight_decay : float
        Decoupled weight decay.
    vote_share : float
        Share of the listeners' votes in the label, 0–1; the rest is the intended emotion.
    head_dropout : float
        Share of pooled features dropped.
    average_momentum : float
        Momentum of the moving average of the weights, 0–1.
    mixed_precision : bool
        Compute in bfloat16; weights stay in float32.
    copies : int
        Copies of each training clip to draw from, in the order of ``TRAINING_COPIES``.
    mixup : float
        Two clips of a batch are mixed in a proportion drawn from Beta(mixup, mixup);
        0 mixes none (Zhang et al., 2018).
    teacher_share : float
        Share of the teachers' answer in the label, 0–1. Above 0 the networks of
        ``TEACHERS`` are trained first, and training goes on from the first one's
        weights (Hinton et al., 2015; Furlanello et al., 2018).
    """

    whisper: str = "tiny.en"
    width: int = 384
    layers: int = 3
    seed: int = 1
    head_epochs: int = 2
    epochs: int = 12
    batch_size: int = 32
    head_rate: float = 1e-3
    encoder_rate: float = 5e-5
    layer_decay: float = 0.8
    weight_decay: float = 0.01
    vote_share: float = 0.2
    head_dropout: float = 0.5
    average_momentum: float = 0.998
    mixed_precision: bool = True
    copies: int = 6
    mixup: float = 0.0
    teacher_share: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values for JSON."""
        return asdict(self)


TEACHERS = (
    Recipe(),
    Recipe(
        whisper="base",
        width=512,
        head_epochs=1,
        epochs=9,
        encoder_rate=7e-5,
        average_momentum=0.997,
    ),
)
"""The networks whose averaged answers the shipped one learns from."""

SHIPPED = Recipe(
    whisper="base",
    width=512,
    seed=2,
    head_epochs=0,
    epochs=8,
    head_rate=5e-4,
    copies=8,
    mixup=0.2,
    teacher_share=0.7,
)
"""The recipe of the shipped network."""

CROSS_VALIDATED = Recipe(head_epochs=1, epochs=4, encoder_rate=7e-5)
"""The first teacher's recipe, shortened: it is trained five times."""
