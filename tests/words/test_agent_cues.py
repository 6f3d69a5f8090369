"""Who takes the call is told by what is said, or not at all."""

import pytest

from calmscore.analysis.report import WordsTurn
from calmscore.words.agent_cues import agent_by_words


def said(*turns: tuple[str, str]) -> list[WordsTurn]:
    return [
        WordsTurn(
            speaker={"c": "customer", "a": "agent", "?": None}[who],
            start_seconds=float(place), end_seconds=place + 1.0, text=text, words=(),
        )
        for place, (who, text) in enumerate(turns)
    ]  # fmt: skip


GREETING = "Thank you for calling Acme, my name is Ann. How can I help you?"
PARCEL = "My parcel has not come, and nobody calls me back."


@pytest.mark.parametrize(
    ("turns", "agent"),
    [
        ([("a", GREETING), ("c", PARCEL)], "agent"),
        ([("c", GREETING), ("a", PARCEL)], "customer"),
        ([("c", "Thanks for holding."), ("c", "May I have your order number?")], "customer"),
        # One phrase may be anybody's.
        ([("c", "Thank you for your patience"), ("a", PARCEL)], None),
        ([("c", GREETING), ("a", GREETING)], None),
        ([("?", GREETING)], None),
        ([], None),
    ],
)
def test_agents_greet_and_offer_help(turns, agent):
    assert agent_by_words(said(*turns)) == agent
