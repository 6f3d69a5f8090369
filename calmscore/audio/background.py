"""How loud what is heard behind a voice is: noise of the line, a room, music."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, step_levels_db, widened

# A word fades out into its background within so much.
_FADING_STEPS = 30
_LEAST_SPEECH_SECONDS, _LEAST_BACKGROUND_SECONDS = 3.0, 5.0
# What is there all the time is there in the softest quarter of it, too; a voice is as loud as its
# louder half.
_BACKGROUND_PERCENTILE, _VOICE_PERCENTILE = 25, 75


def background_below_db(
    samples: npt.NDArray[np.floating[Any]], mask: Mask, *, others: Sequence[Mask] = ()
) -> float | None:
    """Return by how much the background of a voice is softer than the voice.

    Parameters
    ----------
    samples : array of float, shape (n,)
        One channel at 16 kHz.
    mask : array of bool
        Where it holds speech.
    others : sequence of array of bool, each like ``mask``
        Where other channels do: their echo is no background.

    Returns
    -------
    float or None
        In dB. Music or noise that is there for some of the time only does not count. None where
        there is too little speech, or too little beside it, to tell.
    """
    beside = ~widened(reduce(np.logical_or, others, mask), _FADING_STEPS)
    if mask.sum() < _LEAST_SPEECH_SECONDS * MASK_RATE_HZ:
        return None
    if beside.sum() < _LEAST_BACKGROUND_SECONDS * MASK_RATE_HZ:
        return None
    levels = step_levels_db(samples, 0, mask.size)
    voice = np.percentile(levels[mask], _VOICE_PERCENTILE)
    return float(voice - np.percentile(levels[beside], _BACKGROUND_PERCENTILE))
