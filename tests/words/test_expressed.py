"""What the customer's words express, and whose words are not read."""

from __future__ import annotations

import pytest

from calmscore.analysis.report import SpokenWord, Words, WordsTurn
from calmscore.words.expressed import with_emotions


def saying(text: str, *, speaker: str = "customer", language: str = "en") -> Words:
    words = tuple(
        SpokenWord(text=word, start_seconds=float(place), end_seconds=place + 0.5)
        for place, word in enumerate(text.split())
    )
    turn = WordsTurn(speaker=speaker, start_seconds=0.0, end_seconds=9.0, text=text, words=words)
    return Words(language=language, model="parrot", turns=(turn,))


def test_the_customers_words_tell_what_they_express_and_which_weigh():
    (turn,) = with_emotions(saying("this is terrible and I am furious about it")).turns
    assert sum(turn.emotions) == pytest.approx(1.0, abs=1e-3)
    assert turn.sentiment == "negative"
    weights = {word.text: word.weight or 0.0 for word in turn.words}
    assert max(weights, key=lambda text: weights[text]) in ("furious", "terrible")
    (turn,) = with_emotions(saying("thank you so much that is wonderful")).turns
    assert turn.sentiment == "positive"


@pytest.mark.parametrize("told", [{"speaker": "agent"}, {"speaker": None}, {"language": "de"}])
def test_nothing_is_read_from_the_agents_words_or_what_it_cannot_read(told):
    words = saying("this is terrible and I am furious about it", **told)
    assert with_emotions(words) == words
