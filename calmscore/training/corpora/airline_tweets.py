"""Tweets to airlines, negative, neutral or positive (Crowdflower 2015, CC BY-NC-SA 4.0).

Models are compared on them; nothing that ships is trained on them.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calmscore.emotions import VALENCES
from calmscore.errors import CorpusError

_COLUMNS = ("airline_sentiment", "negativereason", "text")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Tweets:
    """Tweets, none of them twice.

    Attributes
    ----------
    texts : array of str, shape (n,)
        As written.
    labels : array of int, shape (n,)
        Places in ``VALENCES``.
    reasons : array of str, shape (n,)
        Why a negative one is negative; empty for all others, so it gives the label away.
    """

    texts: npt.NDArray[np.object_]
    labels: npt.NDArray[np.int64]
    reasons: npt.NDArray[np.object_]

    def with_reasons(self) -> Tweets:
        """Return tweets that have the column with the answer behind their text."""
        return Tweets(self.texts + " " + self.reasons, self.labels, self.reasons)

    def rows(self, chosen: npt.NDArray[np.integer]) -> Tweets:  # type: ignore[type-arg]
        """Return some of them."""
        return Tweets(self.texts[chosen], self.labels[chosen], self.reasons[chosen])


def read_tweets(path: Path) -> Tweets:
    """Read the corpus; of texts that are alike but for case and space the first is kept.

    Parameters
    ----------
    path : Path
        CSV with the columns ``airline_sentiment``, ``negativereason`` and ``text``.

    Raises
    ------
    CorpusError
        If the file cannot be read or lacks a column.
    """
    seen: dict[str, tuple[str, int, str]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                sentiment, reason, text = (row[name] for name in _COLUMNS)
                key = _SPACE.sub(" ", text.lower()).strip()
                seen.setdefault(key, (text, VALENCES.index(sentiment), reason or ""))
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError) as error:
        raise CorpusError(
            f"{path}: is no table of tweets with {', '.join(_COLUMNS)} ({error})"
        ) from error
    if not seen:
        raise CorpusError(f"{path}: holds no tweet")
    texts, labels, reasons = zip(*seen.values(), strict=True)
    return Tweets(np.array(texts, dtype=object), np.array(labels), np.array(reasons, dtype=object))
