"""Who speaks like an agent and who like a customer, by what they say.

Agents greet for a company, offer help, ask for names and numbers and look things up; customers
say why they call, speak of what is theirs and of what went wrong. Each kind of phrase has a
weight, the logarithm of how much likelier it is from an agent: these are set by hand, not
fitted, and each kind counts a few times at most, because who says a thing says it again.
English alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Words alone make nothing surer than this.
_MOST_SIGNS = 6.0
_QUESTION_SIGN, _MOST_QUESTION_SIGNS = 0.15, 0.6
# So many turns of a person are their opening.
_OPENING_TURNS = 2
_THINGS = (
    "(?:account|appointment|balance|bill|booking|card|claim|contract|delivery|details|flight|"
    "insurance|invoice|luggage|meter|order|package|parcel|payment|plan|policy|postcode|purchase|"
    "refund|reservation|subscription|ticket|tracking number|warranty)"
)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one person says in one go.

    Attributes
    ----------
    place : int
        Of the person's channel, from 0; where two voices are on one channel, 0 for who
        speaks first.
    text : str
    """

    place: int
    text: str


@dataclass(frozen=True, kw_only=True)
class _Phrases:
    """A kind of phrase; below 0 the sign is a customer's."""

    pattern: str
    sign: float
    most: int = 1
    opening: bool = False


_PHRASES = (
    # Agents
    _Phrases(
        pattern=r"thank(?:s| you)(?: very much| so much)? for (?:calling|phoning|ringing|contacting"
        r"|your call|choosing)(?! (?:me|back|us back))",
        sign=3.0, opening=True,
    ),
    _Phrases(
        pattern=r"(?:how|what) (?:can|may|could) (?:i|we) (?:help|assist|do for|be of|get for)",
        sign=3.0,
    ),
    _Phrases(
        pattern=r"you(?:'re| are) (?:now )?(?:through to|speaking (?:to|with))|welcome to|"
        r"you(?:'ve| have) reached|(?:call|line) (?:is|may be|will be) (?:being )?(?:recorded"
        r"|monitored)",
        sign=2.5,
    ),
    _Phrases(
        pattern=r"(?:is|was) there anything else|(?:anything|something) else (?:that )?(?:i|we) "
        r"(?:can|could|may)|anything else (?:today|for you)",
        sign=2.5,
    ),
    _Phrases(
        pattern=r"(?:may|can|could) i (?:just )?(?:please )?(?:have|get|take|ask (?:you )?for|"
        r"confirm) (?:your|the)|(?:can|could|would) you (?:please )?(?:just )?(?:please )?"
        r"(?:confirm|verify|spell|give me|tell me|provide|state) (?:me )?(?:your|the)|"
        rf"what(?:'s| is) your (?:\w+ )?(?:name|number|address|postcode|date|{_THINGS})|"
        r"for (?:security|verification|data protection)",
        sign=2.0, most=2,
    ),
    _Phrases(
        pattern=r"(?:let me|i'll|i will|i can|i'm going to|i'm gonna) (?:just )?(?:check|look|pull|"
        r"see what|transfer|put you|go ahead|arrange|send you|walk you|book you)|bear with me|"
        r"(?:transfer|put) you (?:through|on hold|over)|(?:one|a) moment (?:please|while)|"
        r"i(?:'m| am) just (?:looking|pulling|checking|entering|processing)",
        sign=1.5, most=2,
    ),
    _Phrases(
        pattern=r"thank(?:s| you) for (?:holding|waiting|your patience|bearing|confirming|letting"
        r" us know|your loyalty)|sorry (?:to hear|about that|for the (?:inconvenience|trouble|wait"
        r"|delay))|apologi[sz]e|i (?:completely |totally )?understand (?:your|how|that (?:you"
        r"|this))|(?:glad|happy) to (?:help|assist|walk)",
        sign=1.2, most=2,
    ),
    _Phrases(pattern=rf"your (?:\w+ )?{_THINGS}", sign=0.6, most=3),
    # Agents who call
    _Phrases(
        pattern=r"(?:this is|my name is) (?:\w+ ){1,3}(?:(?:and )?(?:i'm )?calling )?"
        r"(?:from|on behalf of|with|at) (?!my\b|the number)",
        sign=1.5, opening=True,
    ),
    _Phrases(
        pattern=r"am i speaking (?:to|with)|is (?:that|this) (?:mr|mrs|ms|miss|mister)\b|"
        r"calling (?:you )?(?:on behalf of|from)|(?:is (?:now|this) a good|do you have a (?:few )?)"
        r" ?(?:time|minutes?|moment)|(?:could|can|may) i speak (?:to|with) (?:mr|mrs|ms|miss)\b",
        sign=2.0, opening=True,
    ),
    # Customers
    _Phrases(
        pattern=r"i(?:'m| am|'ve been| was) (?:just )?(?:calling|ringing|phoning)(?: you)? (?:up )?"
        r"(?:because|about (?:my|a|an|the)|to (?:see|find|ask|cancel|complain|check|report|get|"
        r"change|book|make)|regarding (?:my|a|an|the)|in regards|cos|cause)",
        sign=-2.0,
    ),
    _Phrases(pattern=rf"(?:my|our) (?:\w+ )?{_THINGS}", sign=-1.0, most=2),
    _Phrases(
        pattern=r"i(?:'d| would)? (?:like|want|need|wanted|love) (?:to|my|a|an|you to) (?:\w+ )?"
        r"(?:cancel|return|speak|talk|complain|complaint|change|book|order|know|report|claim|"
        r"refund|money|replacement|find|make|pay|manager|supervisor|dispute|switch)",
        sign=-2.0,
    ),
    _Phrases(
        pattern=r"(?:speak|talk) (?:to|with) (?:a|your|the|someone|somebody)\b|get me (?:a|your)",
        sign=-1.2,
    ),
    _Phrases(
        pattern=r"i(?:'ve| have) (?:been (?:waiting|on hold|trying|charged|told|with)|already|not "
        r"(?:had|got|received)|never|tried|called|had (?:this|it|no))|i (?:haven't|still haven't|"
        r"ordered|bought|paid|called|never got)|(?:nobody|no one) (?:has|calls|called|answers|"
        r"knows|told)|you (?:guys|people)\b|(?:isn't|is not|not|stopped|doesn't|won't) work",
        sign=-0.8, most=3,
    ),
    _Phrases(
        pattern=r"do you (?:guys |still )?(?:have|do|offer|sell|deliver|accept)\b|can you (?:please"
        r" )?(?:help me|explain)|thank(?:s| you)(?: so much| very much)? for (?:your|all your|the) "
        r"help",
        sign=-0.8, most=2,
    ),
)  # fmt: skip
_COMPILED = tuple((re.compile(rf"\b(?:{kind.pattern})"), kind) for kind in _PHRASES)


def agent_signs(said: Sequence[Said], places: int) -> npt.NDArray[np.float64]:
    """Return how much more likely the words make each person the agent, as logarithms.

    Parameters
    ----------
    said : sequence of Said
        In the order in which it is said.
    places : int
        How many people there are.

    Returns
    -------
    array of float64, shape (places,)
        Within ±6; below 0 speaks like a customer.
    """
    signs = np.zeros(places)
    questions = np.zeros(places)
    for place in range(places):
        texts = [one.text for one in said if one.place == place]
        questions[place] = sum(text.count("?") for text in texts)
        signs[place] = _signs([_plain(text) for text in texts])
    # Agents ask, customers answer.
    asked = _QUESTION_SIGN * (questions - questions.mean())
    signs += np.clip(asked, -_MOST_QUESTION_SIGNS, _MOST_QUESTION_SIGNS)
    return np.asarray(np.clip(signs, -_MOST_SIGNS, _MOST_SIGNS))


def _signs(texts: Sequence[str]) -> float:
    whole, opening = " | ".join(texts), " | ".join(texts[:_OPENING_TURNS])
    return sum(
        kind.sign * min(len(pattern.findall(opening if kind.opening else whole)), kind.most)
        for pattern, kind in _COMPILED
    )


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", text.lower().replace("’", "'")))
