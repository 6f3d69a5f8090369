"""A transcriber without a model: each piece of speech is one line of a known conversation."""

from __future__ import annotations

from collections.abc import Sequence

from calmscore.words.transcriber import HeardWord, Language
from calmscore.words.windows import Window

AGENT_LINES = ("Thank you for calling Acme, how can I help you?", "Let me look into that.")
CUSTOMER_LINES = ("My parcel has not come.", "Then cancel the order, this is the third time!")
_WORD_SECONDS = 0.2


class StubTranscriber:
    """Hears the agent's lines on the first side that it is given, the customer's on the other."""

    name = "stub"

    def language_of(self, windows: Sequence[Window]) -> Language:
        return Language(code="en", probability=1.0)

    def listen(self, windows: Sequence[Window], *, language: str) -> list[list[HeardWord]]:
        half = (len(windows) + 1) // 2
        return [
            self._heard(window, AGENT_LINES if place < half else CUSTOMER_LINES)
            for place, window in enumerate(windows)
        ]

    def _heard(self, window: Window, lines: Sequence[str]) -> list[HeardWord]:
        heard: list[HeardWord] = []
        for number, piece in enumerate(window.pieces):
            for place, word in enumerate(lines[number % len(lines)].split()):
                start = piece.in_window_seconds + 0.05 + place * _WORD_SECONDS
                if start + _WORD_SECONDS > piece.in_window_seconds + piece.seconds:
                    break
                heard.append(
                    HeardWord(text=word, start_seconds=start, end_seconds=start + _WORD_SECONDS)
                )
        return heard


def stub_transcriber() -> StubTranscriber:
    """Return one; called as `words.transcriber.load_transcriber` is."""
    return StubTranscriber()
