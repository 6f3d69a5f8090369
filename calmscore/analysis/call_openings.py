"""The ways in which calls begin, and what the lengths of the first turns tell of who begins.

Whoever takes a call greets, at some length; whoever is called says hello and is then told who
calls. See `customer` for what else tells who is the customer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from calmscore.analysis.report import Direction

Length = tuple[float, float]
Density = Callable[[float, Length], float]


@dataclass(frozen=True, kw_only=True)
class _Opening:
    """A way in which calls begin.

    How often it is so (by the call's direction), who of the two speaks first, and how long
    the first three turns last: the middle of the lengths in seconds, and their spread as the
    deviation of the logarithm.
    """

    inbound: float
    outbound: float
    agent_first: bool
    lengths: tuple[Length, Length, Length]


_OPENINGS = (
    # "Acme, my name is Ada, what can I do for you?" – what happened – what to do about it.
    _Opening(inbound=0.7, outbound=0.0, agent_first=True,
             lengths=((4.0, 0.45), (7.0, 0.9), (3.0, 0.8))),
    # "This call is recorded. For orders press one …", which is heard where the agent is.
    _Opening(inbound=0.05, outbound=0.0, agent_first=True,
             lengths=((10.0, 0.6), (7.0, 0.9), (3.0, 0.8))),
    # "Support, Ada." – what happened – what to do about it.
    _Opening(inbound=0.15, outbound=0.0, agent_first=True,
             lengths=((1.2, 0.4), (7.0, 0.9), (3.0, 0.8))),
    # "Hello?" – "Acme, …" – what happened.
    _Opening(inbound=0.1, outbound=0.0, agent_first=False,
             lengths=((0.7, 0.6), (4.0, 0.6), (5.0, 0.9))),
    # "Hello?" – "This is Ada of Acme, I am calling about …" – "Yes?"
    _Opening(inbound=0.0, outbound=0.65, agent_first=False,
             lengths=((0.9, 0.7), (4.0, 0.7), (1.2, 0.8))),
    # "Smith speaking, good morning." – "This is Ada of Acme, …" – "Yes?"
    _Opening(inbound=0.0, outbound=0.2, agent_first=False,
             lengths=((2.2, 0.35), (4.0, 0.7), (1.2, 0.8))),
    # "Hello, is that Mr Smith?" – "Yes?" – "This is Ada of Acme, …"; or the hello that came
    # before was said too softly, or the recorder had not begun.
    _Opening(inbound=0.0, outbound=0.15, agent_first=True,
             lengths=((3.5, 0.7), (1.2, 0.8), (4.0, 0.8))),
)  # fmt: skip
# Directions that somebody said are nearly always right; most calls to a customer service
# come in.
_INBOUND: Mapping[Direction, float] = {"inbound": 0.99, "unknown": 0.65, "outbound": 0.01}
# Every so often a turn is as long as it likes; hellos and greetings are formulas, and less free.
_ANY_LENGTH: Length = (2.5, 1.2)
_ANY_LENGTH_SHARES = (0.08, 0.15, 0.15, 0.0)
# "All our lines are busy" may be recorded on either side and greets nobody: then the call begins
# with who speaks next.
_ANNOUNCED_SHARE, _ANNOUNCED_LENGTH = 0.02, (15.0, 0.3)
# How long somebody waits after that, and before an answer, on average.
_WAIT_SECONDS, _ANSWER_SECONDS = 4.0, 1.0
# A recording that begins so soon with speech may have missed up to so much before: recorders are
# slower than people who take a call. Others are cut where the first word begins.
_BEGUN_SECONDS, _MOST_MISSED_SECONDS, _CUT_OFF_SHARE = 0.05, 2.0, 0.5
# Or it begins in the middle of the call, where either speaks for as long as they like: so often
# against beginnings where somebody speaks at once, and hardly ever where nobody does for longer
# than people pause.
_MIDWAY_SHARE, _MIDWAY_LENGTH, _PAUSE_SECONDS = 0.4, (4.5, 0.7), 0.8


def agent_opens(
    lengths: Sequence[float],
    *,
    direction: Direction,
    silent_seconds: float,
    pause_seconds: float,
    missed_seconds: float = 0.0,
) -> float:
    """Return the probability that the first of the turns is the agent's.

    Parameters
    ----------
    lengths : sequence of float
        How long the first turns last, in seconds: two to four, of two people in turn.
    direction : {"inbound", "outbound", "unknown"}
        Who called whom.
    silent_seconds : float
        How long nobody speaks before the first of them.
    pause_seconds : float
        How long nobody speaks after it.
    missed_seconds : float
        How much of the beginning of the first turn may not have been heard, at the most.
    """
    inbound = _INBOUND[direction]
    heard: Density = partial(_density_heard, missed=missed_seconds)
    at_once = silent_seconds <= _BEGUN_SECONDS
    first_density = partial(_density_cut_off, density=heard) if at_once else heard
    agents, others = _likelihoods(lengths, inbound=inbound, first_density=first_density)
    announced = _ANNOUNCED_SHARE * _density(lengths[0], _ANNOUNCED_LENGTH)
    announced *= _rather_waited(pause_seconds)
    agent_next, other_next = _likelihoods(lengths[1:], inbound=inbound, first_density=heard)
    midway = _MIDWAY_SHARE * math.exp(-((silent_seconds / _PAUSE_SECONDS) ** 4))
    midway *= _density_left_over(lengths[0], _MIDWAY_LENGTH)
    midway *= math.prod(_density(seconds, _MIDWAY_LENGTH) for seconds in lengths[1:])
    agents += announced * other_next + 0.5 * midway
    others += announced * agent_next + 0.5 * midway
    return agents / (agents + others)


def _likelihoods(
    lengths: Sequence[float], *, inbound: float, first_density: Density
) -> tuple[float, float]:
    """Return how likely the lengths are if the agent begins, and if the other does."""
    likelihoods = {True: 0.0, False: 0.0}
    densities: tuple[Density, ...] = (first_density, _density, _density, _density)
    for opening in _OPENINGS:
        share = inbound * opening.inbound + (1.0 - inbound) * opening.outbound
        for seconds, length, free, density in zip(
            lengths, (*opening.lengths, _MIDWAY_LENGTH), _ANY_LENGTH_SHARES, densities, strict=False
        ):
            share *= (1.0 - free) * density(seconds, length) + free * density(seconds, _ANY_LENGTH)
        likelihoods[opening.agent_first] += share
    return likelihoods[True], likelihoods[False]


def _rather_waited(seconds: float) -> float:
    """Return how much likelier a pause is between a recording and a person than between two."""
    waited, answered = (
        math.exp(-max(seconds, 0.0) / mean) / mean for mean in (_WAIT_SECONDS, _ANSWER_SECONDS)
    )
    return waited / answered


def _density(seconds: float, length: Length) -> float:
    """Return the density of a turn's length, over the logarithm of the length."""
    middle, spread = length
    deviation = math.log(seconds / middle) / spread
    return math.exp(-0.5 * deviation**2) / (spread * math.sqrt(2.0 * math.pi))


def _density_heard(seconds: float, length: Length, *, missed: float) -> float:
    """Return the density of what is heard of a turn, of which up to so many seconds are not."""
    if not missed:
        return _density(seconds, length)
    return seconds * (_longer(seconds, length) - _longer(seconds + missed, length)) / missed


def _density_cut_off(seconds: float, length: Length, *, density: Density) -> float:
    """Return the density of what a recording has of a turn that may have begun before it."""
    rest = _density_heard(seconds, length, missed=_MOST_MISSED_SECONDS)
    return _CUT_OFF_SHARE * rest + (1.0 - _CUT_OFF_SHARE) * density(seconds, length)


def _density_left_over(seconds: float, length: Length) -> float:
    """Return the density of what a recording has of a turn that may have begun at any time."""
    middle, spread = length
    mean_seconds = middle * math.exp(0.5 * spread**2)
    rest = seconds * _longer(seconds, length) / mean_seconds
    return _CUT_OFF_SHARE * rest + (1.0 - _CUT_OFF_SHARE) * _density(seconds, length)


def _longer(seconds: float, length: Length) -> float:
    """Return the probability that a turn is longer."""
    middle, spread = length
    return 0.5 * math.erfc(math.log(seconds / middle) / (spread * math.sqrt(2.0)))
