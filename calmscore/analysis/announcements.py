"""What is announced before two people talk: a voice that is not heard on that side again.

"Thank you for calling, all our lines are busy" may be recorded on either side. It greets nobody,
so it tells nothing of who is the customer, and it is not the customer's voice.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from calmscore.analysis.customer_side import opening_seconds
from calmscore.analysis.voice_ways import middle_of, whose_windows
from calmscore.analysis.voice_windows import place_voices
from calmscore.audio.channels import HalfArray
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, mask_seconds

# Nobody greets for so long.
_LEAST_SECONDS = 8.0
# How alike the first 8 s of speech of a side and the rest are: 0.48 or more for 22 people who
# were angry, calm or both, 0.43 or less for 25 pairs of two people.
_MOST_ALIKE = 0.38


def announcement(samples: HalfArray, masks: Mapping[int, Mask]) -> tuple[int, Mask] | None:
    """Return on which of two sides an announcement comes before the talk, and where; or None.

    Parameters
    ----------
    samples : array of float16, shape (channels, n)
        At 16 kHz.
    masks : dict of int to array of bool
        Where each side speaks.
    """
    opened = {side: opening_seconds(mask) for side, mask in masks.items()}
    begins = {side: seconds for side, seconds in opened.items() if seconds is not None}
    if len(masks) != 2 or len(begins) != 2:
        return None
    side, other = sorted(begins, key=lambda one: begins[one])
    before = masks[side].copy()
    before[int(begins[other] * MASK_RATE_HZ) :] = False
    if mask_seconds(before) < _LEAST_SECONDS:
        return None
    first = place_voices(samples[side], before)
    rest = place_voices(samples[side], masks[side] & ~before)
    if not (first.windows and rest.windows):
        return None
    spoken = np.flatnonzero(before)
    early = spoken[min(int(_LEAST_SECONDS * MASK_RATE_HZ), spoken.size - 1)]
    begun = [window.last <= early for window in first.windows]
    if not any(begun):
        return None
    middles = np.stack([middle_of(first.points[begun]), middle_of(rest.points)])
    if float(middles[0] @ middles[1]) > _MOST_ALIKE:
        return None
    # Who is heard later on that side may greet before anybody answers.
    labels = whose_windows(first.points @ middles.T, first.windows)
    if labels.any():
        before[first.windows[int(labels.argmax())].first :] = False
    return side, before
