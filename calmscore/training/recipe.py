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
        Acted clips per step.
    ordinary_per_batch : int
        Windows of ordinary speech per step; they teach what is heard alone.
    left_out : str
        Source of ordinary speech that is not learnt from, so that it can judge.
    meant_share : float
        Weight of what was meant in the loss, 0–1; the rest is what was heard.
    label_smoothing : float
        Share of the label of what was meant that is spread over all emotions.
    head_rate, encoder_rate : float
        Peak learning rates.
    layer_decay : float
        Factor of the learning rate from one block to the one below, 0–1.
    head_dropout : float
        Share of pooled features dropped.
    average_momentum : float
        Momentum of the moving average of the weights, 0–1.
    mixed_precision : bool
        Compute in bfloat16; weights stay in float32.
    copies : int
        Copies of each training clip to draw from, in the order of ``TRAINING_COPIES``.
    drawn_copies : tuple of int
        Places among these to draw from, one that stands twice twice as often; all alike
        where there are none.
    """

    whisper: str = "base"
    width: int = 512
    layers: int = 3
    seed: int = 1
    head_epochs: int = 1
    epochs: int = 4
    batch_size: int = 32
    ordinary_per_batch: int = 0
    left_out: str = ""
    meant_share: float = 0.6
    label_smoothing: float = 0.1
    head_rate: float = 1e-3
    encoder_rate: float = 6e-5
    layer_decay: float = 0.8
    weight_decay: float = 0.01
    head_dropout: float = 0.5
    average_momentum: float = 0.997
    mixed_precision: bool = True
    copies: int = 8
    drawn_copies: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Take the places from a list, too: JSON knows no tuples."""
        object.__setattr__(self, "drawn_copies", tuple(self.drawn_copies))

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values for JSON."""
        return {**asdict(self), "drawn_copies": list(self.drawn_copies)}


TRUNK = Recipe()
"""What all members go on from: acted speech alone."""

MEMBER = Recipe(seed=12, head_epochs=0, epochs=3, ordinary_per_batch=8, encoder_rate=5e-5)
"""A member of the shipped network's average; each leaves one source of ordinary speech out."""

FINAL = Recipe(
    seed=32, head_epochs=0, epochs=14, ordinary_per_batch=8, encoder_rate=7e-5, layer_decay=0.9
)
"""How the members' average goes on: with every source, longer and faster."""

ONWARD = Recipe(
    seed=61, head_epochs=0, epochs=3, ordinary_per_batch=8, left_out="calls", meant_share=0.5,
    head_rate=5e-4, encoder_rate=4e-5, layer_decay=0.9, average_momentum=0.99,
    drawn_copies=(0, 1, 3, 3, 4, 5, 6),
)  # fmt: skip
"""How the network half way between both goes on: without the people of a call centre, whose
calm voices cost natural anger, and on plainer copies."""

CROSS_VALIDATED = Recipe(epochs=3, copies=7)
"""The trunk's recipe, shortened: it is trained five times."""
