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
# What a caller says around a text changes nothing in it. Each stands around texts of every
# class: words that only ever came before complaints would announce one.
_STARTS = (
    "thank you but", "thanks but", "thank you for that but", "sorry but", "i appreciate that but",
    "thanks for your help but", "that's nice but", "okay thank you but", "with all due respect",
    "i'm sorry but", "sorry", "excuse me", "no", "no no", "yeah no", "no thank you",
    "hi", "hello", "good morning", "hi there", "thanks for taking my call", "okay thank you",
)  # fmt: skip
_ENDS = ("please", "thank you", "thanks", "bye", "if you could", "okay", "that's all")
_POLITE_SHARE = 0.15


def without_placeholders(text: str, generator: np.random.Generator) -> str:
    """Put names where the corpus has ``[NAME]``, and words for its other placeholders."""

    def spoken(found: re.Match[str]) -> str:
        return str(generator.choice(_NAMES)) if found[1] == "NAME" else found[1].lower()

    return _PLACEHOLDER.sub(spoken, text)


def as_spoken(text: str, generator: np.random.Generator, *, polite: bool) -> str:
    """Return a text without case and punctuation, with fillers, now and then with politeness.

    Parameters
    ----------
    text : str
        A comment.
    generator : numpy.random.Generator
        Decides what is put where.
    polite : bool
        Whether a polite phrase may stand around it; the comment's label holds all the same.
    """
    words = _NOT_SPOKEN.sub(" ", text.lower().replace("’", "'")).split()
    parts: list[str] = []
    if generator.random() < _POLITE_SHARE and polite:
        parts.append(str(generator.choice(_STARTS)))
    for word in words:
        if generator.random() < _FILLERS_BETWEEN:
            parts.append(str(generator.choice(_FILLERS)))
        parts.append(word)
    if polite and generator.random() < _POLITE_SHARE:
        parts.append(str(generator.choice(_ENDS)))
    return " ".join(parts)
