"""What the score of a call tells: its value, its outcome and the evidence for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field

from calmscore.analysis.transitions import Transition

LOWEST_VALUE, HIGHEST_VALUE = 1.0, 10.0

Outcome = Literal[
    "de-escalated",
    "partly de-escalated",
    "unresolved",
    "escalated",
    "calm throughout",
    "insufficient evidence",
]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
(
    DE_ESCALATED,
    PARTLY_DE_ESCALATED,
    UNRESOLVED,
    ESCALATED,
    CALM_THROUGHOUT,
    INSUFFICIENT_EVIDENCE,
) = OUTCOMES


ScoreFrom = Literal["voice", "voice_and_words"]
"""What a score is made of."""
VOICE, VOICE_AND_WORDS = get_args(ScoreFrom)


@dataclass(frozen=True, kw_only=True)
class VoiceScore:
    """What the voice alone gives, beside a score of voice and words; as in `CallScore`."""

    value: float
    low: float | None
    high: float | None
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class CallScore:
    """The score of a call and the evidence for it.

    Attributes
    ----------
    value : float or None
        1.0–10.0; None where too few segments or too small a share of the speech could be
        judged. Where the interval alone is too wide, the outcome is ``insufficient
        evidence`` and the value is its middle and no more.
    low, high : float or None
        The interval that holds the score of what listeners would have heard in 80 % of
        calls.
    coverage : float or None
        Share of the customer's speech that was judged, 0–1; None without any speech.
    outcome : str
        One of ``OUTCOMES``.
    summary : str
        One plain sentence.
    start_value : float or None
        Where the score starts, given how the customer opened. Start value plus
        the points of all transitions is the value, before it is held to 1–10.
    start_distress, end_distress, peak_distress : float or None
        Mean over the first and the last fifth of the speech, and the highest
        smoothed value, 0–1.
    peak_at_seconds : float or None
        Start of the segment with the highest smoothed distress.
    seconds_to_calm : float or None
        From the first distress to the calm that lasts to the end; None without either.
    relapses : int
        How often distress came back after calm.
    transitions : tuple of Transition
        In the order of the call.
    score_from : {"voice", "voice_and_words"}
        What it is made of.
    voice_alone : VoiceScore or None
        What the voice alone gives; None where the score is made of nothing else.
    distress, smoothed_distress : tuple of (float or None)
        One value per segment, 0–1; None where nothing was scored.
    """

    value: Annotated[float | None, Field(ge=LOWEST_VALUE, le=HIGHEST_VALUE)]
    outcome: Outcome
    summary: str
    low: float | None = None
    high: float | None = None
    coverage: float | None = None
    start_value: float | None = None
    start_distress: float | None = None
    end_distress: float | None = None
    peak_distress: float | None = None
    peak_at_seconds: float | None = None
    seconds_to_calm: float | None = None
    relapses: int = 0
    transitions: Annotated[tuple[Transition, ...], Field(alias="moments")] = ()
    score_from: Annotated[ScoreFrom, Field(alias="from")] = "voice"
    voice_alone: VoiceScore | None = None
    # Per segment, these stand with the segments of a report.
    distress: Annotated[tuple[float | None, ...], Field(exclude=True)] = ()
    smoothed_distress: Annotated[tuple[float | None, ...], Field(exclude=True)] = ()

    # A report also tells the transitions under the name of schema 1.
    __pydantic_config__ = ConfigDict(extra="ignore", populate_by_name=True)
