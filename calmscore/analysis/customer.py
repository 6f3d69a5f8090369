"""Who of those who speak is the customer, by more than one cue, and how doubtful that is.

Whoever takes a call greets, at some length; whoever is called says hello and is then told who
calls. So the lengths of the first three turns tell much, and with the call's direction nearly
everything. Later, agents ask and customers answer. Once the words are there, they join in.
Nobody's emotion, and nobody's voice, plays a part.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.analysis.call_openings import agent_opens
from calmscore.analysis.report import Direction
from calmscore.analysis.spoken_cues import Said, agent_signs
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, mask_seconds, stretches

Shares = npt.NDArray[np.float64]

# From the first on, the doubt is spoken of; from the second on, somebody has to say who is the
# customer before anything is scored, in stereo and in mono alike.
WORTH_SAYING_DOUBT, UNCLEAR_DOUBT = 0.25, 0.3
# How late a line is can be told to a second only, and so is who begins; where both people are on
# both lines at first, nobody knows.
LATE_LINE_ORDER_DOUBT, UNKNOWN_ORDER_DOUBT = 0.25, 0.5

_BREATH_SECONDS = 0.6
# What is shorter is a click or a cough.
_SHORTEST_TURN_SECONDS = 0.25
# So little, while somebody else speaks, takes nobody's turn: "mhm".
_LONGEST_MHM_SECONDS = 1.0
# So little, without a pause before and after it, is a slip in telling two voices apart.
_LONGEST_SLIP_SECONDS, _NO_PAUSE_SECONDS = 1.2, 0.15
# Where the beginning of the first turn is among so little that sounds least like its voice, it may
# be the other's: in 2 of 24 composed calls of one channel.
_TELLING_SECONDS, _LEAST_LIKE_ITS_VOICE, _UNLIKE_ORDER_DOUBT = 1.5, 0.1, 0.25
# Of two who begin to talk within so short a time, neither speaks first.
_CLEAR_LEAD_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class CustomerGuess:
    """Who is taken for the customer.

    Attributes
    ----------
    voice : int
        Place among the voices.
    doubt : float
        How likely it is somebody else, 0–1.
    first : int or None
        Who speaks first, None where that is not clear.
    opens_with_hello : bool
        Whether who speaks first is taken for the one who was called.
    doubt_without_words : float
        The doubt that this very voice had before anybody knew what is said; as ``doubt``
        where no words are known.
    """

    voice: int
    doubt: float
    first: int | None = None
    opens_with_hello: bool = False
    doubt_without_words: float


# Who puts a call on hold brings the silence to an end ("Thank you for waiting"), and that is the
# agent; customers ask whether anybody is there. Agents have the last long word, too, before short
# goodbyes: a recording that ends with a long word ends before these, and tells nothing.
_LONG_SILENCE_SECONDS = 8.0
_MOST_SILENCES = 3
_AGENT_ENDS_SILENCE = math.log(2.0)
_CLOSING_SECONDS = 1.5
_AGENT_CLOSES = math.log(1.3)
# Agents ask, and customers answer in a word or two; both also say "okay".
_ANSWER_SECONDS, _ASKED_LONGER = 1.0, 1.5
_MOST_ANSWERS = 3
_AGENT_IS_ANSWERED = math.log(1.3)
_NOBODY_KNOWS_DOUBT = 0.5


@dataclass(frozen=True)
class _Turn:
    voice: int
    first: int
    last: int
    speech_seconds: float

    @property
    def seconds(self) -> float:
        """How long it lasts, breaths and words that are too soft to be heard included."""
        return (self.last - self.first) / MASK_RATE_HZ


def guess_customer(
    masks: Sequence[Mask],
    *,
    direction: Direction = "unknown",
    said: Sequence[Said] = (),
    order_doubt: float = 0.0,
    missed_seconds: float = 0.0,
) -> CustomerGuess:
    """Guess who is the customer.

    Words are one more cue among the others. Where they contradict all of them, and leave it
    unclear, nobody knows; nor where they contradict a direction that is known: then two
    sources differ, one of which a person gave.

    Parameters
    ----------
    masks : sequence of array of bool
        Where each voice speaks; two voices or more. Those that never speak are not taken.
    direction : {"inbound", "outbound", "unknown"}
        Who called whom.
    said : sequence of Said
        What the voices say, where that is known; places are those of the voices.
    order_doubt : float
        How likely it is that not who seems to begin does, 0–0.5.
    missed_seconds : float
        How much of the beginning of the first turn may not have been heard, at the most.

    Returns
    -------
    CustomerGuess
        The first voice, with a doubt of one half, where nothing tells.
    """
    turns = _turns(masks)
    order = list(dict.fromkeys(turn.voice for turn in turns))
    if len(order) < 2:
        return CustomerGuess(
            voice=0, doubt=_NOBODY_KNOWS_DOUBT, doubt_without_words=_NOBODY_KNOWS_DOUBT
        )
    first = order[0]
    agent_first = _agent_speaks_first(turns, direction, missed_seconds)
    agent_first += order_doubt * (1.0 - 2.0 * agent_first)
    # Who else is in the call longest is the one whom colleagues join and leave.
    chances = np.array([_presence(mask) for mask in masks])
    chances[first] = 0.0
    chances *= agent_first / chances.sum()
    chances[first] = 1.0 - agent_first
    without = _normalised(chances * np.exp(-_agent_signs(turns, len(masks))))
    chances = _normalised(without * np.exp(-agent_signs(said, len(masks))))
    voice = int(np.argmax(chances))
    doubt = float(1.0 - chances[voice])
    if voice != int(np.argmax(without)) and (direction != "unknown" or doubt >= UNCLEAR_DOUBT):
        doubt = _NOBODY_KNOWS_DOUBT
    return CustomerGuess(
        voice=voice,
        doubt=doubt,
        first=None if agent_first == 0.5 else first,
        opens_with_hello=voice == first,
        doubt_without_words=float(1.0 - without[voice]),
    )


def doubt_given_words(doubt: float, said: Sequence[Said], *, customer: int) -> float:
    """Return the doubt of a guess between two people, once it is known what they say.

    Parameters
    ----------
    doubt : float
        Without words, 0–1.
    said : sequence of Said
        What both say.
    customer : int
        Place of who was taken for the customer.
    """
    signs = agent_signs(said, 2)
    right = (1.0 - doubt) * math.exp(-signs[customer])
    wrong = doubt * math.exp(-signs[1 - customer])
    return wrong / (right + wrong)


def order_doubt_of(masks: Sequence[Mask], leaning: npt.NDArray[np.floating[Any]]) -> float:
    """Return how likely it is that not who seems to begin does, of two voices on one channel.

    Parameters
    ----------
    masks : sequence of two arrays of bool
        Where each voice speaks.
    leaning : array of float
        By how much each step speaks for the second voice, as of `voices.TwoVoices`.

    Returns
    -------
    float
        0.25 where the beginning is among what sounds least like its voice: a hello may be too
        short, or too near to what is answered, to tell whose it is. 0 elsewhere.
    """
    turns = _turns(masks)
    if not turns:
        return 0.0
    first = turns[0]
    last = min(first.last, first.first + int(_TELLING_SECONDS * MASK_RATE_HZ))
    own = np.where(masks[1], leaning, -leaning)
    beginning = leaning[first.first : last].mean() * (1.0 if first.voice == 1 else -1.0)
    less_like_it = np.mean(own[masks[0] | masks[1]] < beginning)
    return _UNLIKE_ORDER_DOUBT if less_like_it < _LEAST_LIKE_ITS_VOICE else 0.0


def without_slips(masks: Sequence[Mask]) -> list[Mask]:
    """Give back what was given to the wrong one of two voices for a moment.

    Parameters
    ----------
    masks : sequence of two arrays of bool
        Where each of two voices on one channel speaks.

    Returns
    -------
    list of array of bool
        A word that follows what the other one says without any pause, and is followed by it
        in the same way, is the other one's: people who answer wait for a moment.
    """
    clean = [mask.copy() for mask in masks]
    longest, pause = (int(s * MASK_RATE_HZ) for s in (_LONGEST_SLIP_SECONDS, _NO_PAUSE_SECONDS))
    for voice, mask in enumerate(masks):
        other = masks[1 - voice]
        for first, last in stretches(mask, breath=pause):
            before, after = other[max(first - pause, 0) : first], other[last : last + pause]
            if last - first <= longest and before.any() and after.any():
                clean[voice][first:last] = False
                clean[1 - voice][first:last] |= mask[first:last]
    return clean


def _normalised(weights: Shares) -> Shares:
    return np.asarray(weights / weights.sum())


def _presence(mask: Mask) -> float:
    """Return how much of the call lies between somebody's first and last word, squared."""
    spoken = np.flatnonzero(mask)
    if not spoken.size:
        return 0.0
    return float(((spoken[-1] + 1 - spoken[0]) / mask.size) ** 2)


def _turns(masks: Sequence[Mask]) -> list[_Turn]:
    """Return what the voices say in one go, in order; coughs and "mhm" take no turn."""
    breath = int(_BREATH_SECONDS * MASK_RATE_HZ)
    parts = [
        _Turn(voice, first, last, mask_seconds(mask[first:last]))
        for voice, mask in enumerate(masks)
        for first, last in stretches(mask, breath=breath)
    ]
    turns: list[_Turn] = []
    for part in sorted(parts, key=lambda part: part.first):
        if part.speech_seconds < _SHORTEST_TURN_SECONDS or _only_accompanies(part, parts):
            continue
        if turns and turns[-1].voice == part.voice and not _waited(turns[-1], part):
            before = turns.pop()
            spoken = before.speech_seconds + part.speech_seconds
            part = _Turn(part.voice, before.first, part.last, spoken)
        turns.append(part)
    return turns


def _waited(before: _Turn, later: _Turn) -> bool:
    """Tell whether there is a long silence between two turns: people wait, or are put on hold."""
    return later.first - before.last >= _LONG_SILENCE_SECONDS * MASK_RATE_HZ


def _only_accompanies(part: _Turn, parts: Sequence[_Turn]) -> bool:
    return part.speech_seconds <= _LONGEST_MHM_SECONDS and any(
        other.first <= part.first
        and part.last <= other.last
        and other.speech_seconds > part.speech_seconds
        for other in parts
        if other.voice != part.voice
    )


def _agent_speaks_first(
    turns: Sequence[_Turn], direction: Direction, missed_seconds: float
) -> float:
    """Return the probability that the first of the turns is the agent's."""
    # After an announcement and a long silence it is the greeting that counts.
    answered = next(place for place, turn in enumerate(turns) if turn.voice != turns[0].voice)
    turns = turns[answered - 1 :]
    first, second = turns[:2]
    together = first.last - second.first >= 0.5 * _CLEAR_LEAD_SECONDS * MASK_RATE_HZ
    if together and second.first - first.first < _CLEAR_LEAD_SECONDS * MASK_RATE_HZ:
        return 0.5
    in_turn = itertools.takewhile(
        lambda turn: turn[1].voice == (first, second)[turn[0] % 2].voice, enumerate(turns[:4])
    )
    lengths = [turn.seconds for _, turn in in_turn]
    return agent_opens(
        lengths, direction=direction, missed_seconds=missed_seconds,
        silent_seconds=first.first / MASK_RATE_HZ,
        pause_seconds=(second.first - first.last) / MASK_RATE_HZ,
    )  # fmt: skip


def _agent_signs(turns: Sequence[_Turn], voices: int) -> Shares:
    """Return how much more likely the rest of the call makes each voice the agent's, as logs."""
    signs = np.zeros(voices)
    silences = [
        later.voice for before, later in itertools.pairwise(turns) if _waited(before, later)
    ]
    for voice in silences[:_MOST_SILENCES]:
        signs[voice] += _AGENT_ENDS_SILENCE
    answered = [
        asking.voice
        for asking, answer in itertools.pairwise(turns[1:])
        if asking.voice != answer.voice
        and answer.seconds <= _ANSWER_SECONDS
        and asking.seconds >= _ASKED_LONGER * answer.seconds
    ]
    for voice in range(voices):
        signs[voice] += _AGENT_IS_ANSWERED * min(answered.count(voice), _MOST_ANSWERS)
    closing = [turn.voice for turn in turns[2:] if turn.speech_seconds >= _CLOSING_SECONDS]
    if closing and turns[-1].speech_seconds < _CLOSING_SECONDS:
        signs[closing[-1]] += _AGENT_CLOSES
    return signs
