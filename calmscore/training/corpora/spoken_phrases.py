"""Short phrases as callers say them, with the sentiment that people read in them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from calmscore.emotions import VALENCES, Valence
from calmscore.errors import CorpusError

_COLUMNS = ["family", "sentiment", "phrase"]


@dataclass(frozen=True, kw_only=True)
class Phrase:
    """A phrase.

    Attributes
    ----------
    text : str
        As a transcript has it: no case, no punctuation.
    family : str
        What makes it hard to read.
    sentiments : tuple of {"negative", "neutral", "positive"}
        Every one that is right: "not bad" may be neutral or positive.
    """

    text: str
    family: str
    sentiments: tuple[Valence, ...]


def read_phrases(path: Path) -> list[Phrase]:
    """Read phrases.

    Parameters
    ----------
    path : Path
        Tab-separated, the first line names the columns; several sentiments with ``/``.

    Raises
    ------
    CorpusError
        If the file cannot be read or has a line of another form.
    """
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            head, *rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise CorpusError(f"{path}: cannot be read ({error})") from error
    if head != _COLUMNS:
        raise CorpusError(f"{path}: has the columns {head}, not {_COLUMNS}")
    return [_phrase(row, f"{path}: line {number}") for number, row in enumerate(rows, start=2)]


def _phrase(row: list[str], place: str) -> Phrase:
    try:
        family, names, text = row
    except ValueError as error:
        raise CorpusError(f"{place} has {len(row)} columns, not {len(_COLUMNS)}") from error
    sentiments = tuple(name for name in VALENCES if name in names.split("/"))
    if not sentiments or len(sentiments) != len(names.split("/")):
        raise CorpusError(f"{place}: {names!r} names no sentiments; use {', '.join(VALENCES)}")
    return Phrase(text=text, family=family, sentiments=sentiments)
