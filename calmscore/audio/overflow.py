"""Sound that is too loud for its numbers: what goes beyond the highest comes back as the lowest."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

# Of the peak: a jump, and what the wave does before and behind one that is no leap of the sound.
_LEAST_JUMP, _LEAST_STEP, _LARGEST_STEP = 1.2, 0.05, 0.6
# Jumps that are such leaps do not happen in sound that was cut off, however often that jumps.
_LEAST_COUNT, _LEAST_SHARE = 3, 0.33
LEAST_SECONDS = 3
"""So many seconds that overflow are no chance: sound that was cut off had one in 300 at most."""


def overflows(side: npt.NDArray[np.floating[Any]]) -> bool:
    """Tell whether a second of one channel, shape (n,), has samples that overflowed.

    A wave that rises beyond the highest number goes on to rise from the lowest. Where it really
    falls as far from one sample to the next, it falls before or behind, too.
    """
    peak = max(float(side.max(initial=0.0)), -float(side.min(initial=0.0)))
    if peak <= 0.0 or side.size < 4:
        return False
    steps = np.diff(side.astype(np.float32)) / np.float32(peak)
    places = np.flatnonzero(np.abs(steps[1:-1]) > _LEAST_JUMP) + 1
    if places.size < _LEAST_COUNT:
        return False
    jumps, before, behind = steps[places], steps[places - 1], steps[places + 1]
    # The step that the wave made, if it overflowed.
    made = jumps - 2.0 * np.sign(jumps)
    around = np.abs([before, behind])
    goes_on = (np.sign(made) == np.sign(before)) & (np.sign(made) == np.sign(behind))
    small = (around > _LEAST_STEP).all(axis=0) & (around < _LARGEST_STEP).all(axis=0)
    overflowed = goes_on & small & (np.abs(made) < _LARGEST_STEP)
    natural = ~goes_on | (around < _LEAST_STEP).any(axis=0)
    count = int(overflowed.sum())
    return count >= _LEAST_COUNT and count > _LEAST_SHARE * int(natural.sum())
