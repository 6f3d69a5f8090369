"""GoEmotions: comments labelled with Ekman's six emotions and neutral.

References
----------
Demszky et al. (2020), "GoEmotions: A Dataset of Fine-Grained Emotions"; CC BY 4.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calmscore.errors import CorpusError

EKMAN: tuple[str, ...] = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
"""Classes in the order of the corpus's label numbers."""

TRAIN_FILE, DEV_FILE = "goemotions_ekman_train.tsv", "goemotions_ekman_dev.tsv"


@dataclass(frozen=True)
class LabelledTexts:
    """Texts and what people read in them.

    Attributes
    ----------
    texts : tuple of str
        As written.
    labels : array of bool, shape (n, 7)
        One class or several, in the order of ``EKMAN``.
    """

    texts: tuple[str, ...]
    labels: npt.NDArray[np.bool_]

    @property
    def shares(self) -> npt.NDArray[np.float32]:
        """The labels as a distribution: several count for equal parts."""
        counts = self.labels.sum(axis=1, keepdims=True)
        return np.asarray(self.labels / counts, dtype=np.float32)

    def first(self, count: int | None) -> LabelledTexts:
        """Return the first texts, or all where no number is given."""
        return LabelledTexts(self.texts[:count], self.labels[:count])


def read_go_emotions(path: Path) -> LabelledTexts:
    """Read a part of the corpus.

    Parameters
    ----------
    path : Path
        Tab-separated: text, numbers of its labels with commas between, and more.

    Raises
    ------
    CorpusError
        If the file cannot be read, is empty or has a line of another form.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read ({error})") from error
    texts, labels = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = np.zeros(len(EKMAN), dtype=bool)
        try:
            text, numbers, *_ = line.split("\t")
            row[[int(value) for value in numbers.split(",")]] = True
        except (ValueError, IndexError) as error:
            raise CorpusError(
                f"{path}: line {number} is not text, tab, label numbers from 0 to 6 ({error})"
            ) from error
        texts.append(text)
        labels.append(row)
    if not texts:
        raise CorpusError(f"{path}: holds no text")
    return LabelledTexts(tuple(texts), np.stack(labels))
