"""Who takes the call, by what is said: agents greet for a company and offer help.

It is read from the transcript, so it comes after the score: where it contradicts the
side that was taken for the customer's, the report says so, and nothing is scored anew
until somebody chooses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from calmscore.analysis.report import Speaker, WordsTurn

_AGENT_SAYS = re.compile(
    r"thank(?:s| you) for (?:calling|holding|waiting|your patience)|"
    r"(?:how|what) (?:can|may) i (?:help|do for)|how (?:can|may) i (?:assist|be of)|"
    r"may i have your|can i (?:have|get|take) your (?:name|account|order|number|address|date)|"
    r"(?:anything|something) else (?:that )?(?:i|we) can|my name is \w+ (?:how|and how)|"
    r"(?:let me|i will|i'll) (?:check|look that up|look into|pull up)|"
    r"bear with me|(?:please )?hold (?:on )?(?:for|the line)|welcome to|"
    r"you are speaking (?:to|with)|you're speaking (?:to|with)",
)
_LEAST_LEAD = 2


def agent_by_words(turns: Sequence[WordsTurn]) -> Speaker | None:
    """Tell who of the two speaks like an agent.

    Parameters
    ----------
    turns : sequence of WordsTurn
        Of one call, in English.

    Returns
    -------
    {"customer", "agent"} or None
        The side, as the report names it, that says at least two more of an agent's
        phrases than the other; None where neither does.
    """
    counts: dict[Speaker, int] = {"customer": 0, "agent": 0}
    for turn in turns:
        if turn.speaker is not None:
            counts[turn.speaker] += len(_AGENT_SAYS.findall(_plain(turn.text)))
    lead = counts["agent"] - counts["customer"]
    if abs(lead) < _LEAST_LEAD:
        return None
    return "agent" if lead > 0 else "customer"


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", text.lower().replace("’", "'")))
