"""Somebody who is not heard any more, though the other one goes on talking to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from calmscore.audio.channels import Stretch
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, mask_seconds, stretches

# Who explains at length, or comes back from a search, is answered by the third time they pause.
_LEAST_SECONDS, _LEAST_OTHER_SPEECH_SECONDS, _LEAST_TURNS = 30.0, 10.0, 4
_PAUSE_SECONDS, _SHORTEST_TURN_SECONDS = 1.5, 0.5


def unanswered_ends(
    masks: Mapping[int, Mask], dead: Mapping[int, Sequence[Stretch]]
) -> dict[int, list[Stretch]]:
    """Return from where on one of two sides is not heard any more, to the end of the call.

    A line that has failed may still hold noise, so that only the talk tells.

    Parameters
    ----------
    masks : mapping of int to array of bool
        Where each side speaks.
    dead : mapping of int to sequence of Stretch
        Where each side's line holds nothing at all, which is told by itself.

    Returns
    -------
    dict of int to list of Stretch
        By side, one each; without those that answer to the end, and those that never speak.
    """
    found: dict[int, list[Stretch]] = {}
    if len(masks) != 2:
        return found
    for (side, mask), other in zip(masks.items(), [*masks.values()][::-1], strict=True):
        spoken = np.flatnonzero(mask)
        if not spoken.size:
            continue
        part = Stretch((spoken[-1] + 1) / MASK_RATE_HZ, mask.size / MASK_RATE_HZ)
        known = any(one.end_seconds > part.start_seconds for one in dead[side])
        if not known and _goes_on_alone(other[spoken[-1] + 1 :]):
            found[side] = [part]
    return found


def _goes_on_alone(rest: Mask) -> bool:
    """Tell whether somebody talks to another one for long, without being answered."""
    turns = [
        part
        for part in stretches(rest, breath=int(_PAUSE_SECONDS * MASK_RATE_HZ))
        if mask_seconds(rest[slice(*part)]) >= _SHORTEST_TURN_SECONDS
    ]
    return (
        len(turns) >= _LEAST_TURNS
        and mask_seconds(rest) >= _LEAST_OTHER_SPEECH_SECONDS
        and rest.size >= _LEAST_SECONDS * MASK_RATE_HZ
    )
