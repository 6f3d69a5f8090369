"""Numbers and addresses that identify people are masked; all else stays as it was said."""

import pytest

from calmscore.analysis.report import SpokenWord, WordsTurn
from calmscore.words.masking import MASK, masked


def said(*texts: str, speakers: str = "c") -> list[WordsTurn]:
    """Return turns; ``speakers`` has a letter for each, c or a."""
    people = {"c": "customer", "a": "agent"}
    letters = speakers * len(texts) if len(speakers) == 1 else speakers
    return [
        WordsTurn(
            speaker=people[letter],
            start_seconds=float(place),
            end_seconds=place + 1.0,
            text=text,
            words=tuple(
                SpokenWord(text=word, start_seconds=float(place), end_seconds=place + 0.5)
                for word in text.split()
            ),
        )
        for place, (text, letter) in enumerate(zip(texts, letters, strict=True))
    ]


def shown(*texts: str, speakers: str = "c") -> list[str]:
    turns = masked(said(*texts, speakers=speakers))
    for turn in turns:
        assert turn.text == " ".join(word.text for word in turn.words)
    return [turn.text for turn in turns]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111.",
        "4111 -1111 -1111 -1111",
        "555-0123 um 99",
        "+44 20 7946 0958,",
        "(555) 123-4567",
        "1-800-555-1234?",
        "0171 uh 2345678",
        "four one one one, one oh two three",
        "3 7 9 2 0 1 4",
        "ann.bell@example.com",
        "ann@example.co.uk.",
        "ann dot bell at example dot com",
        "ann at example.com",
        "jo underscore lee at mail dot example dot org",
        "shop dot here at example dot com",
        "info at example dot com",
        "o'brien at example.com",
        "ann @ example dot com",
        "us@example.com",
    ],
)
def test_it_is_masked_where_it_identifies_somebody(text):
    (told,) = shown(f"It is {text} please")
    assert MASK in told
    assert told.startswith("It is ") and told.endswith(" please")
    hidden = told.removeprefix("It is ").removesuffix(" please")
    fillers = {"um", "uh"}
    assert not [
        word for word in hidden.split() if word not in fillers and any(c.isalnum() for c in word)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "I paid $1,250,000 in 2019.",
        "It was 45 dollars and 20 cents on the 3rd of May.",
        "One of the two of them called three times, oh no.",
        "I am at home, look at it dot by dot",
        "My order is 12345.",
        "Call me at ten.",
        "Check out our website at example.com",
        "Check out our website at example dot com.",
        "You can find us at www.example.co.uk, or look at example dot com",
        "I ordered it at shop.example.com and bought more at example dot net.",
        "It's at example.com, and that’s at example dot org.",
        "Sign up at https://example.com/forms and log in at example.com",
        "example.com",
        "www dot example dot com",
        "",
    ],
)
def test_it_stays_where_it_tells_of_nobody(text):
    assert shown(text) == [" ".join(text.split())]


def test_a_number_is_put_together_over_turns_of_one_person():
    told = shown("It is 4111", "Yes.", "1111", "Go on, 12.", "2222", speakers="cacac")
    assert told == ["It is ••••", "Yes.", "••••", "Go on, 12.", "••••"]
