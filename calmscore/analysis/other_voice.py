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
    if agents_words.any():
        left = {**masks, customer: masks[customer] & ~agents_words}
        other, notices = _other_voice(samples, left, customer)
        return agents_words | other, (_agent_overheard(agents_words), *notices)
    return _other_voice(samples, masks, customer)


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


def announcement_heard(mask: Mask) -> Notice:
    """Say that an announcement comes before the talk on the customer's side."""
    at_seconds = float(np.argmax(mask)) / MASK_RATE_HZ
    return Notice(
        code="other_voice",
        message=f"Before the talk another voice is on the customer's side for "
        f"{round(mask_seconds(mask))} s, first at {format_clock(at_seconds)}: an announcement, or "
        "somebody who took the call before. It is not scored. Listen whether that is right.",
        at_seconds=at_seconds,
    )


def _agent_overheard(mask: Mask) -> Notice:
    at_seconds = float(np.argmax(mask)) / MASK_RATE_HZ
    return Notice(
        code="other_voice",
        message="While the agent's line is dead, a voice like the agent's is on the customer's "
        f"side for {round(mask_seconds(mask))} s, first at {format_clock(at_seconds)}. It is "
        "not scored. Listen whether that is right.",
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
