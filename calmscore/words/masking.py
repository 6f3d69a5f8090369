"""Numbers and addresses that identify people are not written down.

A dot stands for every character of a card number, a telephone number or an address of
e-mail; the address of a web site tells of nobody and stays. Digits of one person are put
together across words and turns: a card's number is read out in groups, with the other
one's "yes" between them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from calmscore.analysis.report import SpokenWord, WordsTurn

MASK = "\N{BULLET}"

# A number of at least so many digits identifies somebody: a telephone number without its area.
_LEAST_DIGITS = 7
# What may stand between the digits of one number.
_FILLERS = frozenset({"uh", "um", "er", "erm", "hmm", "mm", "dash", "hyphen", "space", "then",
                      "double", "triple", "plus", "hundred"})  # fmt: skip
_DIGIT_WORDS = frozenset({
    "zero", "oh", "nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
})  # fmt: skip
_DIGITS = re.compile(r"\d")
# A large amount is no identity: 1,250,000.
_AMOUNT = re.compile(r"[$£€]?\d{1,3}(?:,\d{3})+(?:\.\d+)?[.,;?!]?")
_NUMBER = re.compile(r"[+(–-]*\d[\d().,/–-]*[?!;:]?")
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*", re.IGNORECASE)
# As it is said: ann dot bell at example dot com.
_NAME = r"[\w+-]+"
_ENDING = "(?:com|net|org|edu|gov|info|biz|io|co|uk|ie|us|ca|au|nz|eu|de|fr|es|nl|ch|se|pl)"
_DOMAIN = rf"{_NAME}(?:(?:\.| dot ){_NAME})*(?:\.| dot ){_ENDING}\b"
_SPOKEN_ADDRESS = re.compile(
    rf"(?P<person>(?:{_NAME} (?:dot|underscore|dash|hyphen) )*(?:[\w+-]+['’])?{_NAME})"
    rf" (?:at|@) {_DOMAIN}",
    re.IGNORECASE,
)
# What is said before a web site's "at example dot com", and is hardly somebody's name.
_BEFORE_A_SITE = frozenset({
    "account", "again", "anything", "anytime", "app", "apply", "are", "available", "back", "be",
    "blog", "bought", "buy", "check", "checked", "described", "details", "everything", "find",
    "form", "forms", "found", "her", "here", "him", "homepage", "in", "information", "internet",
    "is", "it", "link", "listed", "look", "looked", "looking", "looks", "me", "more", "now",
    "on", "online", "order", "ordered", "ordering", "orders", "out", "over", "page", "pages",
    "paid", "pay", "portal", "posted", "published", "purchase", "purchased", "read", "register",
    "registered", "see", "shop", "shopped", "shopping", "shown", "site", "sites", "sold",
    "something", "store", "subscribe", "subscribed", "that", "them", "there", "these", "this",
    "those", "today", "up", "us", "visit", "was", "web", "webpage", "website", "websites",
    "were", "work", "worked", "working", "works", "you",
})  # fmt: skip
_SHORTENED = re.compile(r".*(?:['’](?:s|re|m|ve|ll|d)|n['’]t)", re.IGNORECASE)
_PUNCTUATION = ".,;:?!\"'…"


def masked(turns: Sequence[WordsTurn]) -> tuple[WordsTurn, ...]:
    """Return turns without numbers and addresses that identify people.

    Parameters
    ----------
    turns : sequence of WordsTurn
        Of one call, in order.

    Returns
    -------
    tuple of WordsTurn
        The same words; a dot stands for every masked letter and digit.
    """
    words = [list(turn.words) for turn in turns]
    for speaker in {turn.speaker for turn in turns}:
        own = [place for place, turn in enumerate(turns) if turn.speaker == speaker]
        places = [(turn, index) for turn in own for index in range(len(words[turn]))]
        texts = [words[turn][index].text for turn, index in places]
        for number in _numbers(texts) | _addresses(texts):
            turn, index = places[number]
            words[turn][index] = _hidden(words[turn][index])
    return tuple(
        replace(turn, text=" ".join(word.text for word in own), words=tuple(own))
        if own != list(turn.words)
        else turn
        for turn, own in zip(turns, words, strict=True)
    )


def _hidden(word: SpokenWord) -> SpokenWord:
    bare = word.text.rstrip(_PUNCTUATION)
    return replace(word, text=re.sub(r"[^\W_]", MASK, bare) + word.text[len(bare) :])


def _numbers(texts: Sequence[str]) -> set[int]:
    """Return which words are parts of a long number."""
    found: set[int] = set()
    run: list[int] = []
    digits = 0
    for place, text in enumerate([*texts, "end"]):
        bare = text.strip(_PUNCTUATION).lower()
        count = _digits_of(text, bare)
        if count:
            run.append(place)
            digits += count
        elif bare not in _FILLERS:
            if digits >= _LEAST_DIGITS:
                found.update(run)
            run, digits = [], 0
    return found


def _digits_of(text: str, bare: str) -> int:
    if _AMOUNT.fullmatch(text):
        return 0
    if _NUMBER.fullmatch(text):
        return len(_DIGITS.findall(text))
    return 1 if bare in _DIGIT_WORDS else 0


def _addresses(texts: Sequence[str]) -> set[int]:
    joined = " ".join(texts)
    bounds = [0]
    for text in texts:
        bounds.append(bounds[-1] + len(text) + 1)
    matches = [*_ADDRESS.finditer(joined), *_SPOKEN_ADDRESS.finditer(joined)]
    return {
        place
        for match in matches
        if not _is_of_a_site(match)
        for place in range(len(texts))
        if bounds[place] < match.end() and match.start() < bounds[place + 1] - 1
    }


def _is_of_a_site(match: re.Match[str]) -> bool:
    """Tell whether what looks like a spoken address is "our website at example.com"."""
    person = match.groupdict().get("person", "").lower()
    if "@" in match[0]:
        return False
    return person in _BEFORE_A_SITE or bool(_SHORTENED.fullmatch(person))
