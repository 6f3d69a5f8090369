"""How a stereo call is judged whose two people are heard on each other's side too, softer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from calmscore.analysis.call import analyze_recording
from calmscore.analysis.report import CallReport, Speaker
from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, speech_mask
from calmscore.network.classifier import EmotionClassifier
from calmscore.training.augmentation import telephone_line
from calmscore.training.corpora.composed import Conversation
from calmscore.training.turn_evaluation import spoken

Figures = dict[str, Any]

SEPARATIONS_DB = (3.0, 6.0, 8.0, 10.0, 12.0, 15.0)
DELAYS_SECONDS = (0.0, 0.005, 0.01, 0.02, 0.04)
# A segment in which the customer says less than this is the agent's.
_LEAST_OWN_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class CrosstalkCall:
    """A composed call with crosstalk, and what was found in it.

    Attributes
    ----------
    separation_db, delay_seconds : float
        By how much each person is softer on the other's side, and how much later.
    how : str
        How the two were told apart: ``channels``, ``separated`` or ``mixed``.
    exchanged : bool
        Whether the agent was taken for the customer.
    attributed, given_away : float or None
        Share of what the customer says alone that was given to the customer, and of what
        the agent says alone that was given to the customer; None of a mix.
    agents_segments : int
        Scored segments in which the customer says nothing.
    scores, outcomes : tuple
        With crosstalk, and of the same call without.
    """

    separation_db: float
    delay_seconds: float
    how: str
    exchanged: bool
    attributed: float | None
    given_away: float | None
    agents_segments: int
    scores: tuple[float | None, float | None]
    outcomes: tuple[str, str]


def with_crosstalk(
    recording: Recording,
    *,
    separation_db: float,
    delay_seconds: float,
    generator: np.random.Generator,
) -> Recording:
    """Lay each side of a call over the other one, as it comes through another line.

    Parameters
    ----------
    recording : Recording
        Stereo, one person a side.
    separation_db : float
        By how much each person is softer on the other's side.
    delay_seconds : float
        How much later they are heard there.
    generator : numpy.random.Generator
        Source of the line's noise.
    """
    sides = recording.samples.astype(np.float32)
    late = round(delay_seconds * ANALYSIS_RATE_HZ)
    leaks = [
        telephone_line(
            np.pad(side, (late, 0))[: side.size],
            sample_rate_hz=ANALYSIS_RATE_HZ,
            generator=generator,
        )
        for side in sides
    ]
    dimmed = np.float32(10.0 ** (-separation_db / 20.0)) * np.stack(leaks[::-1])
    samples = np.clip(sides + dimmed, -1.0, 1.0).astype(np.float16)
    return replace(recording, samples=samples)


def analysed_with_crosstalk(
    calls: Iterable[Conversation], classifier: EmotionClassifier, *, seed: int = 0
) -> Iterator[CrosstalkCall]:
    """Analyse composed calls with crosstalk and without, by turns at every separation.

    Parameters
    ----------
    calls : iterable of Conversation
        The customer left.
    seed : int
        Fixes the noise of the lines.

    Yields
    ------
    CrosstalkCall
    """
    generator = np.random.default_rng(seed)
    for number, call in enumerate(calls):
        separation = SEPARATIONS_DB[number % len(SEPARATIONS_DB)]
        delay = DELAYS_SECONDS[number % len(DELAYS_SECONDS)]
        dimmed = with_crosstalk(
            call.recording, separation_db=separation, delay_seconds=delay, generator=generator
        )
        clean = analyze_recording(call.recording, customer_channel="left", classifier=classifier)
        found = analyze_recording(dimmed, classifier=classifier)
        customer, agent = (speech_mask(side) for side in call.recording.samples)
        own = _given_to_customer(found, customer & ~agent)
        given_away = _given_to_customer(found, agent & ~customer)
        yield CrosstalkCall(
            separation_db=separation,
            delay_seconds=delay,
            how=found.speakers.how,
            exchanged=own is not None and given_away is not None and own < given_away,
            attributed=own,
            given_away=given_away,
            agents_segments=_agents_segments(found, customer),
            scores=(found.score.value, clean.score.value),
            outcomes=(found.score.outcome, clean.score.outcome),
        )


def _given_to_customer(report: CallReport, speech: Mask) -> float | None:
    """Return which share of some speech is the customer's alone, of what is one person's."""
    if report.speakers.how == "mixed":
        return None
    customer, agent = (spoken(report.talk, name, size=speech.size) for name in _SPEAKERS)
    told = speech & (customer ^ agent)
    return float((told & customer).sum() / max(told.sum(), 1))


_SPEAKERS: tuple[Speaker, Speaker] = ("customer", "agent")


def _agents_segments(report: CallReport, customer: Mask) -> int:
    if report.score.value is None:
        return 0
    bounds = [
        (round(segment.start_seconds * MASK_RATE_HZ), round(segment.end_seconds * MASK_RATE_HZ))
        for segment in report.segments
        if segment.status == "scored"
    ]
    least = _LEAST_OWN_SECONDS * MASK_RATE_HZ
    return sum(bool(customer[first:last].sum() < least) for first, last in bounds)


def crosstalk_figures(calls: Sequence[CrosstalkCall]) -> dict[str, Figures]:
    """Sum up by separation.

    Parameters
    ----------
    calls : sequence of CrosstalkCall
        Any number.

    Returns
    -------
    dict of dict
        By separation, and ``all``: the number of calls, in how many the two were told apart,
        the shares of both people's speech that were given to the customer there, in how many
        the agent was taken for the customer; how many agent's segments were scored, and in
        how many calls both people were scored as one; the mean difference from the score without
        crosstalk where both have one, and in how many calls the outcome is the same.
    """
    groups = {
        f"{separation:g} dB": [call for call in calls if call.separation_db == separation]
        for separation in SEPARATIONS_DB
    }
    return {name: _figures(group) for name, group in {"all": calls, **groups}.items() if group}


def _figures(calls: Sequence[CrosstalkCall]) -> Figures:
    right = [call for call in calls if call.attributed is not None and not call.exchanged]
    pairs = [(one, other) for one, other in (call.scores for call in calls)
             if one is not None and other is not None]  # fmt: skip
    return {
        "calls": len(calls),
        "told_apart": sum(call.how != "mixed" for call in calls),
        "attributed": _mean([call.attributed for call in right]),
        "least_attributed": min((call.attributed or 0.0 for call in right), default=None),
        "given_away": _mean([call.given_away for call in right]),
        "exchanged": sum(call.exchanged for call in calls),
        "agents_segments": sum(call.agents_segments for call in calls),
        "both_scored_as_one": sum(
            call.how == "mixed" and call.scores[0] is not None for call in calls
        ),
        "scored": sum(call.scores[0] is not None for call in calls),
        "score_difference": _mean([abs(one - other) for one, other in pairs]),
        "same_outcome": sum(one == other for one, other in (call.outcomes for call in calls)),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    return float(np.mean([value for value in values if value is not None])) if values else None
