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
_INBOUND: Mapping[Direction, float] = {"inbound": 0.99, "unknown": 0.6, "outbound": 0.01}
# Every so often a turn is as long as it likes; hellos and greetings are formulas, and less free.
_ANY_LENGTH: Length = (2.5, 1.2)
_ANY_LENGTH_SHARES = (0.08, 0.15, 0.15)
# A recording that begins so soon with speech may have missed up to so much before: recorders are
# slower than people who take a call. Others are cut where the first word begins.
_MOST_MISSED_SECONDS, _CUT_OFF_SHARE = 2.0, 0.5
# Or it begins in the middle of the call, where either speaks for as long as they like.
_MIDWAY_SHARE, _MIDWAY_LENGTH = 0.2, (4.0, 1.0)


def agent_opens(
    lengths: Sequence[float], *, direction: Direction, begun: bool, missed_seconds: float = 0.0
) -> float:
    """Return the probability that the first of the turns is the agent's.

    Parameters
    ----------
    lengths : sequence of float
        How long the first turns last, in seconds: two or three, of two people in turn.
    direction : {"inbound", "outbound", "unknown"}
        Who called whom.
    begun : bool
        Whether the recording begins amid speech.
    missed_seconds : float
        How much of the beginning of the first turn may not have been heard, at the most.
    """
    inbound = _INBOUND[direction]
    first_density: Density = partial(_density_heard, missed=missed_seconds)
    if begun:
        first_density = partial(_density_cut_off, density=first_density)
    densities: tuple[Density, ...] = (first_density, _density, _density)
    likelihoods = {True: 0.0, False: 0.0}
    for opening in _OPENINGS:
        share = inbound * opening.inbound + (1.0 - inbound) * opening.outbound
        for seconds, length, free, density in zip(
            lengths, opening.lengths, _ANY_LENGTH_SHARES, densities, strict=False
        ):
            share *= (1.0 - free) * density(seconds, length) + free * density(seconds, _ANY_LENGTH)
        likelihoods[opening.agent_first] += share
    if begun:
        midway = _MIDWAY_SHARE
        for seconds in lengths:
            midway *= _density(seconds, _MIDWAY_LENGTH)
        likelihoods = {first: share + midway for first, share in likelihoods.items()}
    return likelihoods[True] / (likelihoods[True] + likelihoods[False])


def _density(seconds: float, length: Length) -> float:
    """Return the density of a turn's length, over the logarithm of the length."""
    middle, spread = length
    deviation = math.log(seconds / middle) / spread
    return math.exp(-0.5 * deviation**2) / (spread * math.sqrt(2.0 * math.pi))


def _density_heard(seconds: float, length: Length, *, missed: float) -> float:
    """Return the density of what is heard of a turn, of which up to so many seconds are not."""
    if not missed:
        return _density(seconds, length)
    middle, spread = length
    longest, shortest = (
        0.5 * math.erfc(-math.log(whole / middle) / (spread * math.sqrt(2.0)))
        for whole in (seconds + missed, seconds)
    )
    return seconds * (longest - shortest) / missed


def _density_cut_off(seconds: float, length: Length, *, density: Density) -> float:
    """Return the density of what a recording has of a turn that may have begun before it."""
    rest = _density_heard(seconds, length, missed=_MOST_MISSED_SECONDS)
    return _CUT_OFF_SHARE * rest + (1.0 - _CUT_OFF_SHARE) * density(seconds, length)
