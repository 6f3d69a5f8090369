"""Reading many sounds between their samples at once, in PyTorch's tensors."""

from __future__ import annotations

from typing import Any

Tensor = Any
"""A ``torch.Tensor``; PyTorch is not among what the product needs."""


def read_between(samples: Tensor, places: Tensor, *, starts: Tensor, lengths: Tensor) -> Tensor:
    """Read sounds that lie one after another by cubic interpolation; zero outside of each.

    Parameters
    ----------
    samples : tensor, shape (total,)
        All sounds.
    places : tensor, shape (batch, n)
        In samples from the start of each sound.
    starts, lengths : tensor of int, shape (batch,)
        Where each begins among all samples, and how long it is.

    Returns
    -------
    tensor of float32, shape (batch, n)
    """
    index = places.floor().long()
    share = (places - index).float()
    starts, lengths = starts[:, None], lengths[:, None]

    def at(step: int) -> Tensor:
        place = index + step
        within = (place >= 0) & (place < lengths)
        return samples[starts + place.clamp(min=0).minimum(lengths - 1)].float() * within

    before, left, right, after = (at(step) for step in (-1, 0, 1, 2))
    bend = 2.0 * before - 5.0 * left + 4.0 * right - after
    bend = bend + share * (3.0 * (left - right) + after - before)
    return left + 0.5 * share * (right - before + share * bend)
