"""A transcriber that hears the same text everywhere."""

from __future__ import annotations

from collections.abc import Sequence

from calmscore.words.transcriber import HeardWord, Language
from calmscore.words.windows import Window


class FixedTranscriber:
    """Hears a text in each window, in a language that it is more or less sure of."""

    name = "fixed"

    def __init__(self, text: str = "hello", *, language: str = "en", sure: float = 1.0) -> None:
        self.text, self.language, self.sure, self.listened = text, language, sure, 0

    def language_of(self, windows: Sequence[Window]) -> Language:
        return Language(code=self.language, probability=self.sure)

    def listen(self, windows: Sequence[Window], *, language: str) -> list[list[HeardWord]]:
        self.listened += len(windows)
        return [
            [HeardWord(text=word, start_seconds=0.1, end_seconds=0.4) for word in self.text.split()]
            for _ in windows
        ]
