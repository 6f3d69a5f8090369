"""The agent on the customer's side, while the agent's own line is dead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from calmscore.analysis.voice_ways import middle_of, whose_windows
from calmscore.analysis.voice_windows import LEAST_WINDOWS, place_voices, spread_labels
from calmscore.audio.channels import HalfArray, Stretch, inside_stretches
from calmscore.audio.voice_activity import Mask

# Of what is nearer to the agent's voice than to the customer's: how alike it has to be to the
# agent's, against the agent's own words. In 16 calls the agent's had 0.67 or more, and what
# customers said in another mood than before 0.65 or less.
_LEAST_LIKE_AGENT = 0.6


def agent_while_dead(
    samples: HalfArray, masks: Mapping[int, Mask], customer: int,
    dead: Mapping[int, Sequence[Stretch]],
) -> Mask:  # fmt: skip
    """Return where the agent speaks on the customer's side because their own line is dead.

    Where a line dies midway, some recorders write both people on the other one.

    Parameters
    ----------
    samples : array of float16, shape (channels, n)
        At 16 kHz.
    masks : dict of int to array of bool
        Where each side speaks.
    customer : int
        The customer's side.
    dead : dict of int to sequence of Stretch
        Where each side's line is dead.
    """
    found = np.zeros_like(masks[customer])
    for agent, parts in dead.items():
        if agent != customer and parts:
            found |= _like_agent(samples, masks, customer, agent, parts)
    return found


def _like_agent(
    samples: HalfArray, masks: Mapping[int, Mask], customer: int, agent: int,
    parts: Sequence[Stretch],
) -> Mask:  # fmt: skip
    own = masks[customer]
    inside = inside_stretches(parts, size=own.size)
    heard = place_voices(samples[customer], own & inside)
    before = [place_voices(samples[side], masks[side] & ~inside) for side in (customer, agent)]
    nobody = np.zeros_like(own)
    if not (heard.windows and all(voices.windows for voices in before)):
        return nobody
    middles = np.stack([middle_of(voices.points) for voices in before])
    likeness = heard.points @ middles.T
    labels = whose_windows(likeness, heard.windows)
    if labels.sum() < LEAST_WINDOWS:
        return nobody
    usual = float((before[1].points @ middles[1]).mean())
    if likeness[labels == 1, 1].mean() < _LEAST_LIKE_AGENT * usual:
        return nobody
    told = spread_labels(labels, heard.windows, size=own.size) == 1
    return np.asarray(own & inside & told)
