"""The settings of training runs and of what is made of them, apart from the code that trains."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
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
    left_out : tuple of str
        Sources of ordinary speech that are not learnt from, so that they can judge.
    ordinary_teaches_heads_alone : bool
        Windows of ordinary speech move the heads and leave the encoder as it is.
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
        Copies of each training clip to draw from, in the order of ``TRAINING_COPIES``,
        where they are prepared; ``training.gpu`` makes them afresh.
    """

    whisper: str = "base"
    width: int = 512
    layers: int = 3
    seed: int = 1
    head_epochs: int = 1
    epochs: int = 4
    batch_size: int = 32
    ordinary_per_batch: int = 0
    left_out: tuple[str, ...] = ()
    ordinary_teaches_heads_alone: bool = False
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

    def __post_init__(self) -> None:
        """Take the sources from a list, too: JSON knows no tuples."""
        object.__setattr__(self, "left_out", tuple(self.left_out))

    @property
    def all_epochs(self) -> int:
        """Epochs until it has ended."""
        return self.head_epochs + self.epochs

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values for JSON."""
        return {**asdict(self), "left_out": list(self.left_out)}


TRUNK = Recipe(epochs=20, encoder_rate=5e-5, average_momentum=0.998)
"""What all members go on from: acted speech alone, for as long as strangers gain by it."""

MEMBER = Recipe(
    seed=11, head_epochs=0, epochs=8, ordinary_per_batch=6, left_out=("calls",), head_rate=5e-4,
    encoder_rate=3e-5, layer_decay=0.9, average_momentum=0.998,
)  # fmt: skip
"""A member of the shipped network's average: it hears ordinary speech last, and briefly."""

MEMBERS = (
    MEMBER,
    replace(MEMBER, seed=12, ordinary_teaches_heads_alone=True),
    replace(MEMBER, seed=13, ordinary_teaches_heads_alone=True, left_out=()),
    replace(MEMBER, seed=14, left_out=("calls", "commands")),
    replace(MEMBER, seed=15, left_out=("calls", "demos")),
    replace(MEMBER, seed=16),
)
"""All of them. The people of a call centre (``calls``), lively and calm at once, cost natural
anger, so one alone hears them; each source has members that can be judged by it."""


def with_ordinary_early(trunk: Recipe) -> Recipe:
    """Return the recipe of a network that hears ordinary speech from its first step.

    Alone it is too calm; a little of it keeps a customer who is at most annoyed from being
    heard as one who escalates.
    """
    return replace(trunk, head_epochs=0, ordinary_per_batch=8, left_out=("calls",))


EARLY = with_ordinary_early(TRUNK)


CROSS_VALIDATED = Recipe(epochs=3, copies=7)
"""The trunk's kind of recipe, shortened: it is trained five times."""


@dataclass(frozen=True, kw_only=True)
class Stages:
    """What is trained one after another, and what is averaged into the network that ships.

    Attributes
    ----------
    trunk : Recipe
        Of the trunks. Their heads are trained once, for its ``head_epochs``, because
        networks that are to be averaged have to begin alike.
    trunks : int
        How many go on from these heads; their seeds count up from the trunk's.
    members : tuple of Recipe
        Of those that go on from the average of the trunks.
    early : Recipe
        Of the one that goes on from the trunks' heads, as they do, with ordinary speech.
    early_share : float
        Its weight beside the members in what ships, 0–1; at 0 it is not trained.
    """

    trunk: Recipe = TRUNK
    trunks: int = 2
    members: tuple[Recipe, ...] = MEMBERS
    early: Recipe = EARLY
    early_share: float = 1.0 / 6.0

    def to_dict(self) -> dict[str, Any]:
        """Return the stages as plain values, as ``recipe.json`` holds them."""
        return {
            "trunk": self.trunk.to_dict(),
            "trunks": self.trunks,
            "members": [member.to_dict() for member in self.members],
            "early": self.early.to_dict() if self.early_share > 0.0 else None,
            "early_share": self.early_share,
        }
