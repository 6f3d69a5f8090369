"""Make written comments look like a transcript of speech."""

from __future__ import annotations

import re

import numpy as np

_PLACEHOLDER = re.compile(r"\[([A-Z]+)\]")
_NAMES = ("john", "mary", "david", "linda", "mike", "anna", "chris", "maria", "sam", "he", "she")
_NOT_SPOKEN = re.compile(r"[^a-z0-9' ]+")
_FILLERS = ("uh", "um", "er", "like", "you know", "i mean", "well", "so", "okay", "yeah")
_FILLERS_BETWEEN = 0.06
"""Share of the gaps between words that get a filler."""
# What a caller says around a complaint or a matter of fact changes neither.
_POLITE_STARTS = (
    "thank you but", "thanks but", "thank you for that but", "sorry but", "i appreciate that but",
    "thanks for your help but", "that's nice but", "okay thank you but", "with all due respect",
)  # fmt: skip
_NEUTRAL_STARTS = ("hi", "hello", "good morning", "hi there", "thanks for taking my call")
_NEUTRAL_ENDS = ("please", "thank you", "thanks", "bye", "if you could", "okay")
_POLITE_SHARE = 0.1


def without_placeholders(text: str, generator: np.random.Generator) -> str:
    """Put names where the corpus has ``[NAME]``, and words for its other placeholders."""

    def spoken(found: re.Match[str]) -> str:
        return str(generator.choice(_NAMES)) if found[1] == "NAME" else found[1].lower()

    return _PLACEHOLDER.sub(spoken, text)


def as_spoken(text: str, generator: np.random.Generator, *, negative: bool, neutral: bool) -> str:
    """Return a text without case and punctuation, with fillers, now and then with politeness.

    Parameters
    ----------
    text : str
        A comment.
    generator : numpy.random.Generator
        Decides what is put where.
    negative, neutral : bool
        Whether the comment is negative, or neutral alone: then a polite phrase may stand
        around it, and its label still holds.
    """
    words = _NOT_SPOKEN.sub(" ", text.lower().replace("’", "'")).split()
    parts: list[str] = []
    if generator.random() < _POLITE_SHARE and (negative or neutral):
        parts.append(str(generator.choice(_POLITE_STARTS if negative else _NEUTRAL_STARTS)))
    for word in words:
        if generator.random() < _FILLERS_BETWEEN:
            parts.append(str(generator.choice(_FILLERS)))
        parts.append(word)
    if neutral and generator.random() < _POLITE_SHARE:
        parts.append(str(generator.choice(_NEUTRAL_ENDS)))
    return " ".join(parts)
