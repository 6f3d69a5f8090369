"""What the customer's words of a call express, and which of them weigh."""

from __future__ import annotations

from dataclasses import replace

from calmscore.analysis.report import Speakers, Words
from calmscore.errors import ArtifactError, Notice
from calmscore.locations import shipped
from calmscore.words.text_emotion import load_text_classifier

READ_LANGUAGE = "en"
"""The one language that the model of words reads."""


def read_emotions(words: Words, speakers: Speakers) -> tuple[Words, tuple[Notice, ...]]:
    """Return words with what they express, and why they have not, where that is so.

    Nothing is read where nobody knows who the customer is.
    """
    if speakers.customer_from is None:
        return words, ()  # they may be the agent's
    try:
        return with_emotions(words), ()
    except ArtifactError as error:
        return words, (
            Notice(
                code="words_not_read",
                message=f"What the words express could not be read: {error}.",
            ),
        )


def with_emotions(words: Words) -> Words:
    """Return words with what those of the customer express, and which of them weigh.

    Nothing is read from the agent's words, nor from words of nobody in particular: they
    may be the agent's. The model reads English alone.

    Raises
    ------
    ArtifactError
        If the shipped model of words cannot be loaded.
    """
    places = [place for place, turn in enumerate(words.turns) if turn.speaker == "customer"]
    if words.language != READ_LANGUAGE or not places:
        return words
    classifier = load_text_classifier(shipped("artifacts"))
    turns = list(words.turns)
    shares = classifier.predict_proba([turns[place].text for place in places])
    levels = classifier.distress(shares)
    for place, share, sentiment, distress in zip(
        places, shares, classifier.sentiment(shares), levels, strict=True
    ):
        turn = turns[place]
        weights = classifier.word_weights(turn.text, [word.text for word in turn.words])
        turns[place] = replace(
            turn,
            emotions=tuple(float(value) for value in share),
            sentiment=sentiment,
            distress=round(float(distress), 4),
            words=tuple(
                replace(word, weight=round(float(weight), 4))
                for word, weight in zip(turn.words, weights, strict=True)
            ),
        )
    return replace(words, turns=tuple(turns))
