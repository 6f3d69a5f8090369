"""How well turns on one channel are told apart, without what is scored of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calmscore.analysis.report import Speaker, Talk
from calmscore.analysis.segments import segment_call
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, speech_mask
from calmscore.training.corpora.composed import Conversation, on_one_channel, same_sex

Figures = dict[str, Any]

LARGE_ERROR = 0.2
NOTICED_DOUBT = 0.3
"""From here on the notice says that the voices are hardly apart."""


@dataclass(frozen=True, kw_only=True)
class ToldTurns:
    """Who speaks when on a composed mono call, against the truth.

    Attributes
    ----------
    customer, agent, trajectory : str
        How it was composed.
    same_sex : bool or None
        Whether both people are of one sex; None where nobody knows.
    told_apart : bool
        Whether the two people were told apart.
    doubt : float
        Of the report, 0–1: of the voices, or of who is the customer.
    speaker_error : float
        Share of the speech of one person alone that was given to the other, whoever of
        the two was taken for the customer.
    """

    customer: str
    agent: str
    trajectory: str
    same_sex: bool | None
    told_apart: bool
    doubt: float
    speaker_error: float


def told_turns(calls: Iterable[Conversation], *, sexes: dict[str, str]) -> Iterator[ToldTurns]:
    """Tell the turns of composed calls apart in mono.

    Parameters
    ----------
    calls : iterable of Conversation
        The calls.
    sexes : dict of str to str
        By name of the speaker; may be empty.

    Yields
    ------
    ToldTurns
    """
    for call in calls:
        customer, agent = (speech_mask(side) for side in call.recording.samples)
        mono = segment_call(on_one_channel(call.recording))
        wrong = share_wrong(mono.talk, (customer, agent))
        yield ToldTurns(
            customer=call.customer,
            agent=call.agent,
            trajectory=call.trajectory,
            same_sex=same_sex(sexes, call.customer, call.agent),
            told_apart=mono.speakers.how == "separated",
            doubt=mono.speakers.doubt,
            speaker_error=min(wrong, 1.0 - wrong),
        )


def share_wrong(talk: Talk, truth: tuple[Mask, Mask]) -> float:
    """Return how much of the speech of one person alone was given to the other, 0–1.

    Parameters
    ----------
    talk : Talk
        With turns.
    truth : tuple of two arrays of bool
        Where the customer speaks and where the agent does.
    """
    size = truth[0].size
    customer, agent = (spoken(talk, name, size=size) for name in ("customer", "agent"))
    alone, told = truth[0] ^ truth[1], customer ^ agent
    both = alone & told
    return float(np.mean(customer[both] != truth[0][both])) if both.any() else 0.0


def spoken(talk: Talk, speaker: Speaker, *, size: int) -> Mask:
    """Return where somebody speaks by a report's turns, a value for each 10 ms of ``size``."""
    mask = np.zeros(size, dtype=np.bool_)
    for turn in talk.turns:
        if turn.speaker == speaker:
            first, last = turn.start_seconds * MASK_RATE_HZ, turn.end_seconds * MASK_RATE_HZ
            mask[round(first) : round(last)] = True
    return mask


def turn_figures(calls: Sequence[ToldTurns]) -> Figures:
    """Sum up.

    Parameters
    ----------
    calls : sequence of ToldTurns
        One or more.

    Returns
    -------
    dict
        Number of calls; share told apart; of these mean, median and largest speaker error,
        how many are above a fifth, also without a doubt above 0.3; and how many of the
        others have such a doubt.
    """
    apart = [call for call in calls if call.told_apart]
    errors = np.array([call.speaker_error for call in apart])
    large = [call for call in apart if call.speaker_error > LARGE_ERROR]
    return {
        "calls": len(calls),
        "told_apart": len(apart) / len(calls),
        "speaker_error": float(errors.mean()) if apart else None,
        "median_speaker_error": float(np.median(errors)) if apart else None,
        "largest_speaker_error": float(errors.max(initial=0.0)),
        "large_errors": len(large),
        "large_errors_without_notice": sum(call.doubt <= NOTICED_DOUBT for call in large),
        "small_errors_with_notice": sum(
            call.doubt > NOTICED_DOUBT and call.speaker_error <= LARGE_ERROR for call in apart
        ),
    }
