"""Where another voice than the customer's is on the customer's side, and what to say of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import numpy as np

from calmscore.analysis.formats import format_clock
from calmscore.analysis.strangers import find_stranger
from calmscore.analysis.voice_windows import place_voices
from calmscore.analysis.voices import exchanged_at
from calmscore.audio.channels import HalfArray
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, mask_seconds
from calmscore.errors import Notice


def other_voice_on(
    samples: HalfArray, masks: Mapping[int, Mask], customer: int
) -> tuple[Mask, tuple[Notice, ...]]:
    """Return where another voice is on the customer's side, and what to say of it."""
    mask = masks[customer]
    voices = place_voices(samples[customer], mask)
    others = [side for side in masks if side != customer]
    step = None
    # Of three people and more, nobody knows who should be exchanged with whom.
    if voices.windows and len(others) == 1:
        step = exchanged_at((voices, place_voices(samples[others[0]], masks[others[0]])))
    if step is not None:
        return mask & (np.arange(mask.size) >= step), (
            Notice(
                code="sides_exchanged",
                message=f"From {format_clock(step / MASK_RATE_HZ)} on the two people seem to be on "
                "each other's side. That part is not scored.",
                at_seconds=step / MASK_RATE_HZ,
            ),
        )
    agents = reduce(np.logical_or, [masks[side] for side in others])
    stranger = find_stranger(samples[customer], voices, mask, other_mask=agents)
    if stranger is None:
        return np.zeros_like(mask), ()
    at_seconds = float(np.argmax(stranger.mask)) / MASK_RATE_HZ
    seconds = round(mask_seconds(stranger.mask))
    if not stranger.certain:
        return np.zeros_like(mask), (
            Notice(
                code="perhaps_other_voice",
                message="More than one voice may be on the customer's side: from "
                f"{format_clock(at_seconds)} on somebody else may speak for {seconds} s. All of "
                "it is scored as the customer's. Listen whether that is right.",
                at_seconds=at_seconds,
            ),
        )
    return stranger.mask, (
        Notice(
            code="other_voice",
            message=f"Another voice speaks on the customer's side for {seconds} s, "
            f"first at {format_clock(at_seconds)}: somebody who took over, or an announcement. It "
            "is not scored. Listen whether that is right.",
            at_seconds=at_seconds,
        ),
    )
