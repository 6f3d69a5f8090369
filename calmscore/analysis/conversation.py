"""How a conversation went, by who spoke when: shares, interruptions, pauses.

These describe a call, for those who look for a kind of it. They judge nobody: who talks much
may explain much, and who is silent may be looking something up.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from calmscore.analysis.report import CallReport, Speaker, Turn

# In a shorter silence somebody only takes breath, or thinks.
PAUSE_SECONDS = 3.0
# Who has just begun is not cut short, and a word too early is no interruption, nor is "mhm".
_BEGUN_SECONDS = 1.0
_LEAST_OVERTALK_SECONDS = 0.5
_LONGEST_MHM_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Figures of one call; all of them None where the two people were not told apart.

    Attributes
    ----------
    agent_share : float or None
        Of what both say, how much the agent says, by time, 0–1; None where nobody knows who
        is the agent.
    agent_interruptions, customer_interruptions : int or None
        How often this one takes the word from the other, who is still speaking; None where
        nobody knows who is who.
    interruptions : int or None
        How often either does.
    pauses : int or None
        Silences of at least ``PAUSE_SECONDS`` between what is said.
    """

    agent_share: float | None = None
    agent_interruptions: int | None = None
    customer_interruptions: int | None = None
    interruptions: int | None = None
    pauses: int | None = None


def conversation_of(report: CallReport) -> Conversation:
    """Return how a conversation went."""
    talk = report.talk
    if not talk.turns or talk.agent_seconds is None:
        return Conversation()
    counts = {speaker: _interruptions(talk.turns, by=speaker) for speaker in get_args(Speaker)}
    either, pauses = sum(counts.values()), _pauses(talk.turns)
    if report.speakers.customer_from is None:
        return Conversation(interruptions=either, pauses=pauses)
    spoken = talk.agent_seconds + talk.customer_seconds
    return Conversation(
        agent_share=talk.agent_seconds / spoken if spoken else None,
        agent_interruptions=counts["agent"],
        customer_interruptions=counts["customer"],
        interruptions=either,
        pauses=pauses,
    )


def _interruptions(turns: Sequence[Turn], *, by: Speaker) -> int:
    """Count how often one of the two takes the word from the other, who is still speaking."""
    ordered = sorted(turns, key=lambda turn: turn.start_seconds)
    others = [turn for turn in ordered if turn.speaker != by]
    # When what the other one has begun will end, the first to end first.
    ends: list[float] = []
    begun = count = 0
    for turn in ordered:
        if turn.speaker != by:
            continue
        while (
            begun < len(others)
            and others[begun].start_seconds + _BEGUN_SECONDS <= turn.start_seconds
        ):
            heapq.heappush(ends, others[begun].end_seconds)
            begun += 1
        while ends and ends[0] < turn.start_seconds + _LEAST_OVERTALK_SECONDS:
            heapq.heappop(ends)
        is_mhm = turn.end_seconds - turn.start_seconds < _LONGEST_MHM_SECONDS
        count += not is_mhm and bool(ends) and ends[0] < turn.end_seconds
    return count


def _pauses(turns: Sequence[Turn]) -> int:
    ordered = sorted(turns, key=lambda turn: turn.start_seconds)
    # Whoever ends last ends the talk so far.
    ends = itertools.accumulate((turn.end_seconds for turn in ordered), max)
    return sum(
        following.start_seconds - end >= PAUSE_SECONDS
        for end, following in zip(ends, ordered[1:], strict=False)
    )
