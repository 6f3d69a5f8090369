"""Who spoke for how long, and in which turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from calmscore.analysis.report import Speaker, Talk, Turn
from calmscore.audio.channels import Stretch, inside_stretches
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, mask_seconds, stretches

# A breath within what somebody says is no end of a turn.
_LONGEST_BREATH_SECONDS = 0.6


def talk_of(customer: Mask, agent: Mask | None, duration_seconds: float) -> Talk:
    """Return who spoke for how long, by their masks; of a mix only that anybody did."""
    anybody = customer if agent is None else customer | agent
    return Talk(
        customer_seconds=mask_seconds(customer),
        agent_seconds=None if agent is None else mask_seconds(agent),
        silence_seconds=max(duration_seconds - mask_seconds(anybody), 0.0),
        overtalk_seconds=None if agent is None else mask_seconds(customer & agent),
        longest_silence_seconds=_longest_run(~anybody) / MASK_RATE_HZ,
        turns=() if agent is None else _turns({"customer": customer, "agent": agent}),
    )


def lost_seconds(customer: Mask, agent: Mask, dead: Sequence[Stretch]) -> float:
    """Estimate how much the customer said while nothing of their line was recorded.

    Parameters
    ----------
    customer, agent : array of bool
        Where each of them speaks.
    dead : sequence of Stretch
        Where the customer's line holds nothing.

    Returns
    -------
    float
        Beside what the agent says there, as much as beside what the agent says elsewhere;
        0 where the agent speaks nowhere else.
    """
    inside = inside_stretches(dead, size=customer.size)
    elsewhere = mask_seconds(agent & ~inside)
    if not elsewhere:
        return 0.0
    return mask_seconds(customer & ~inside) * mask_seconds(agent & inside) / elsewhere


def _turns(masks: Mapping[Speaker, Mask]) -> tuple[Turn, ...]:
    turns = [
        Turn(
            speaker=speaker,
            start_seconds=first / MASK_RATE_HZ,
            end_seconds=last / MASK_RATE_HZ,
        )
        for speaker, mask in masks.items()
        for first, last in stretches(mask, breath=int(_LONGEST_BREATH_SECONDS * MASK_RATE_HZ))
    ]
    return tuple(sorted(turns, key=lambda turn: (turn.start_seconds, turn.speaker)))


def _longest_run(mask: Mask) -> int:
    return max((last - first for first, last in stretches(mask)), default=0)
