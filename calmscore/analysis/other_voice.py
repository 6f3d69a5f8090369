"""Where another voice than the customer's is on the customer's side, and what to say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from calmscore.analysis.agent_overheard import agent_while_dead
from calmscore.analysis.formats import format_clock
from calmscore.analysis.strangers import find_stranger
from calmscore.analysis.voice_windows import place_voices
from calmscore.analysis.voices import exchanged_part
from calmscore.audio.channels import HalfArray, Stretch
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, mask_seconds
from calmscore.errors import Notice


def other_voice_on(
    samples: HalfArray, masks: Mapping[int, Mask], customer: int,
    dead: Mapping[int, Sequence[Stretch]],
) -> tuple[Mask, tuple[Notice, ...]]:  # fmt: skip
    """Return where another voice is on the customer's side, and what to say of it.

    ``dead`` is where each side's line is.
    """
    agents_words = agent_while_dead(samples, masks, customer, dead)
    left = {**masks, customer: masks[customer] & ~agents_words}
    other, notices = _other_voice(samples, left, customer)
    if agents_words.any():
        overheard = "While the agent's line is dead, a voice like the agent's is"
        notices = (_not_scored(agents_words, overheard), *notices)
    return agents_words | other, notices


def _other_voice(
    samples: HalfArray, masks: Mapping[int, Mask], customer: int
) -> tuple[Mask, tuple[Notice, ...]]:
    mask = masks[customer]
    voices = place_voices(samples[customer], mask)
    others = [side for side in masks if side != customer]
    part = None
    # Of three people and more, nobody knows who should be exchanged with whom.
    if voices.windows and len(others) == 1:
        part = exchanged_part((voices, place_voices(samples[others[0]], masks[others[0]])))
    if part is not None:
        first, last = part
        steps = np.arange(mask.size)
        return mask & (steps >= first) & (steps < (last or mask.size)), (_exchanged(first, last),)
    agents = reduce(np.logical_or, [masks[side] for side in others])
    stranger = find_stranger(samples[customer], voices, mask, other_mask=agents)
    if stranger is None:
        return np.zeros_like(mask), ()
    if not stranger.certain:
        at_seconds = float(np.argmax(stranger.mask)) / MASK_RATE_HZ
        seconds = round(mask_seconds(stranger.mask))
        return np.zeros_like(mask), (
            Notice(
                code="perhaps_other_voice",
                message="More than one voice may be on the customer's side: from "
                f"{format_clock(at_seconds)} on somebody else may speak for {seconds} s. All of "
                "it is scored as the customer's. Listen whether that is right.",
                at_seconds=at_seconds,
            ),
        )
    took_over = ": somebody who took over, or an announcement"
    return stranger.mask, (_not_scored(stranger.mask, "Another voice speaks", took_over),)


def announcement_heard(mask: Mask) -> Notice:
    """Say that an announcement comes before the talk on the customer's side."""
    return _not_scored(
        mask, "Before the talk another voice is",
        ": an announcement, or somebody who took the call before",
    )  # fmt: skip


def _not_scored(mask: Mask, who: str, why: str = "") -> Notice:
    at_seconds = float(np.argmax(mask)) / MASK_RATE_HZ
    return Notice(
        code="other_voice",
        message=f"{who} on the customer's side for {round(mask_seconds(mask))} s, first at "
        f"{format_clock(at_seconds)}{why}. It is not scored. Listen whether that is right.",
        at_seconds=at_seconds,
    )


def _exchanged(first: int, last: int | None) -> Notice:
    begin = format_clock(first / MASK_RATE_HZ)
    when = f"{begin} on" if last is None else f"{begin} to {format_clock(last / MASK_RATE_HZ)}"
    return Notice(
        code="sides_exchanged",
        message=f"From {when} the two people seem to be on each other's side. "
        "That part is not scored.",
        at_seconds=first / MASK_RATE_HZ,
    )
