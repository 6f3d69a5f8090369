"""What each person of a call says, written down on the call's clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from calmscore.analysis.call import Progress
from calmscore.analysis.call_channels import customer_samples
from calmscore.analysis.report import (
    CustomerChannel,
    Speaker,
    SpeakersHow,
    SpokenWord,
    Talk,
    Turn,
    Words,
    WordsTurn,
)
from calmscore.audio.recording import Recording
from calmscore.audio.voice_activity import MASK_RATE_HZ, speech_mask, stretches
from calmscore.errors import Notice
from calmscore.words.masking import masked
from calmscore.words.transcriber import HeardWord, Language
from calmscore.words.windows import Window, pack

# Below it the language is a guess, and so would every word be.
_LEAST_LANGUAGE_PROBABILITY = 0.5
# A pause within what one person says that is longer starts a new turn of words.
_LONGEST_BREATH_SECONDS = 0.6
# Fewer seconds of speech tell no language.
_LEAST_SPEECH_SECONDS = 0.3


class Listener(Protocol):
    """What writes words down; `transcriber.Transcriber` by default."""

    @property
    def name(self) -> str:
        """For reports."""

    def language_of(self, windows: Sequence[Window]) -> Language:
        """Tell the language of some speech."""

    def listen(self, windows: Sequence[Window], *, language: str) -> Iterable[list[HeardWord]]:
        """Give the words of each window in turn."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One person's turns, packed.

    Attributes
    ----------
    speaker : {"customer", "agent"} or None
        None where nobody knows who it is.
    turns : tuple of tuple of float
        Start and end of each, in seconds.
    windows : tuple of Window
        What the transcriber listens to.
    """

    speaker: Speaker | None
    turns: tuple[tuple[float, float], ...]
    windows: tuple[Window, ...]


def write_down(
    sides: Sequence[Side], *, transcriber: Listener, progress: Progress | None = None
) -> tuple[Words | None, tuple[Notice, ...]]:
    """Write down what the people of a call say.

    Numbers that identify people are masked; see `masking.masked`.

    Parameters
    ----------
    sides : sequence of Side
        As `sides_of` gives them: what the analysis took for speech. Over music, ringing
        and noise nothing is written.
    transcriber : Listener
        What listens.
    progress : callable, optional
        Called as ``progress(completed, total)``.

    Returns
    -------
    words : Words or None
        None where nobody speaks, or the language cannot be told.
    notices : tuple of Notice
        What a reader must know of the words.
    """
    sides = [side for side in sides if side.windows]
    windows = [window for side in sides for window in side.windows]
    if sum(window.speech_seconds for window in windows) < _LEAST_SPEECH_SECONDS:
        return None, (_NO_SPEECH,)
    language = transcriber.language_of(_telling(sides))
    if language.probability < _LEAST_LANGUAGE_PROBABILITY:
        return None, (_unknown_language(language),)
    heard: list[list[HeardWord]] = []
    for words in transcriber.listen(windows, language=language.code):
        heard.append(words)
        if progress is not None:
            progress(len(heard), len(windows))
    turns: list[WordsTurn] = []
    for side in sides:
        count = len(side.windows)
        turns += _turns(side, heard[:count])
        heard = heard[count:]
    if not turns:
        return None, (_NO_SPEECH,)
    turns.sort(key=lambda turn: (turn.start_seconds, turn.speaker or ""))
    return (
        Words(language=language.code, model=transcriber.name, turns=masked(turns)),
        (),
    )


_NO_SPEECH = Notice(
    code="words_no_speech", message="No words were heard in this call, so none are written down."
)


def _unknown_language(language: Language) -> Notice:
    return Notice(
        code="words_language",
        message="The language of this call could not be told, so no words are written down "
        f"(nearest: {language.code}, {language.probability:.0%} sure).",
    )


def _telling(sides: Sequence[Side]) -> list[Window]:
    """Return the window of each side that holds most speech."""
    return [max(side.windows, key=lambda window: window.speech_seconds) for side in sides]


def sides_of(
    recording: Recording,
    talk: Talk,
    *,
    how: SpeakersHow,
    customer_channel: CustomerChannel,
) -> list[Side]:
    """Return what each person says, packed for the transcriber.

    Parameters
    ----------
    recording : Recording
        The call.
    talk : Talk
        Who speaks when; without turns, all speech is nobody's in particular.
    how : {"channels", "separated", "mixed"}
        How the two were told apart.
    customer_channel : {"left", "right", "mixed", "1", …, "8"}
        Where the customer is.
    """
    if how == "mixed":
        sound = customer_samples(recording, customer_channel)
        return [_side(None, sound, _spoken(sound))]
    places: dict[Speaker, CustomerChannel] = {"agent": "mixed", "customer": "mixed"}
    if how == "channels":
        # Of a conference, everybody else.
        other = _OTHER.get(customer_channel, "mixed")
        places = {"agent": other, "customer": customer_channel}
    return [
        _side(speaker, customer_samples(recording, place), _turns_of(talk.turns, speaker))
        for speaker, place in places.items()
    ]


_OTHER: dict[CustomerChannel, CustomerChannel] = {
    "left": "right", "right": "left",
}  # fmt: skip


def _turns_of(turns: Sequence[Turn], speaker: Speaker) -> list[tuple[float, float]]:
    return [(turn.start_seconds, turn.end_seconds) for turn in turns if turn.speaker == speaker]


def _spoken(sound: npt.NDArray[np.float16]) -> list[tuple[float, float]]:
    breath = int(_LONGEST_BREATH_SECONDS * MASK_RATE_HZ)
    return [
        (first / MASK_RATE_HZ, last / MASK_RATE_HZ)
        for first, last in stretches(speech_mask(sound), breath=breath)
    ]


def _side(
    speaker: Speaker | None,
    sound: npt.NDArray[np.float16],
    turns: Sequence[tuple[float, float]],
) -> Side:
    return Side(speaker=speaker, turns=tuple(turns), windows=tuple(pack(sound, turns)))


def _turns(side: Side, heard: Sequence[Sequence[HeardWord]]) -> Iterator[WordsTurn]:
    by_turn: dict[int, list[SpokenWord]] = {}
    for window, words in zip(side.windows, heard, strict=True):
        for word in words:
            piece = window.piece_at((word.start_seconds + word.end_seconds) / 2.0)
            by_turn.setdefault(piece.turn, []).append(
                SpokenWord(
                    text=word.text,
                    start_seconds=round(piece.in_call(word.start_seconds), 2),
                    end_seconds=round(piece.in_call(word.end_seconds), 2),
                )
            )
    for turn, spoken in sorted(by_turn.items()):
        start, end = side.turns[turn]
        yield WordsTurn(
            speaker=side.speaker,
            start_seconds=start,
            end_seconds=end,
            text=" ".join(word.text for word in spoken),
            words=tuple(spoken),
        )
