"""Speech packed into the half minutes that Whisper listens to, and the way back.

Whisper takes as long for half a minute of silence as for one full of speech. So what
one person says is laid end to end, with a pause between two turns; a place in a window
leads back to the place in the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.audio.recording import ANALYSIS_RATE_HZ

FloatArray = npt.NDArray[np.float32]

WINDOW_SECONDS = 29.0
EXCERPT_SECONDS = 10.0
_PAUSE_SECONDS = 0.5
_PAUSE_SIZE = int(_PAUSE_SECONDS * ANALYSIS_RATE_HZ)
# Kept around a turn: the onset of a word is softer than speech is found.
_MARGIN_SECONDS = 0.15
# A turn is cut only where this much of a window is still free, at the softest place there.
_LEAST_ROOM_SECONDS = 10.0
_CUT_WITHIN_SECONDS = 5.0
_CUT_STEP_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of the call within a window.

    Attributes
    ----------
    turn : int
        Place of its turn among those that were packed.
    in_window_seconds, in_call_seconds : float
        Where it begins.
    seconds : float
        How long it is.
    """

    turn: int
    in_window_seconds: float
    in_call_seconds: float
    seconds: float

    def in_call(self, window_seconds: float) -> float:
        """Return the place in the call, within this piece, of a place in the window."""
        offset = min(max(window_seconds - self.in_window_seconds, 0.0), self.seconds)
        return self.in_call_seconds + offset


@dataclass(frozen=True, kw_only=True)
class Window:
    """At most half a minute of one person's speech.

    Attributes
    ----------
    sound : array of float32, shape (n,)
        At 16 kHz.
    pieces : tuple of Piece
        Where it comes from, in order.
    """

    sound: FloatArray
    pieces: tuple[Piece, ...]

    @property
    def speech_seconds(self) -> float:
        """How much of it is not pause."""
        return sum(piece.seconds for piece in self.pieces)

    def piece_at(self, window_seconds: float) -> Piece:
        """Return the piece that is nearest to a place in the window."""
        return min(self.pieces, key=lambda piece: _distance(piece, window_seconds))


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """Some pieces of windows, laid end to end once more.

    Attributes
    ----------
    window : Window
        What is listened to.
    sources : tuple of tuple
        Of each of its pieces the place of the window that it was taken from, and the piece
        there.
    """

    window: Window
    sources: tuple[tuple[int, Piece], ...]

    def source_at(self, seconds: float) -> tuple[int, float]:
        """Return where a place in this window was taken from.

        Returns
        -------
        place : int
            Of the window.
        shift_seconds : float
            What is added to times in this window to get those in that one.
        """
        piece = self.window.piece_at(seconds)
        place, source = self.sources[self.window.pieces.index(piece)]
        return place, source.in_window_seconds - piece.in_window_seconds


def excerpts(windows: Sequence[Window], wanted: Sequence[Sequence[Piece]]) -> list[Excerpt]:
    """Lay some pieces of windows end to end again, a few in each new window.

    Parameters
    ----------
    windows : sequence of Window
        From `pack`.
    wanted : sequence of sequence of Piece
        Of each window, those of its pieces that are taken.

    Returns
    -------
    list of Excerpt
        Each lasts ``EXCERPT_SECONDS`` at most, or holds one piece.
    """
    found: list[Excerpt] = []
    sources: list[tuple[int, Piece]] = []
    for place, pieces in enumerate(wanted):
        for piece in pieces:
            seconds = sum(source.seconds + _PAUSE_SECONDS for _, source in sources)
            if sources and seconds + piece.seconds > EXCERPT_SECONDS:
                found.append(_excerpt(windows, sources))
                sources = []
            sources.append((place, piece))
    return [*found, _excerpt(windows, sources)] if sources else found


def _excerpt(windows: Sequence[Window], sources: Sequence[tuple[int, Piece]]) -> Excerpt:
    pieces: list[Piece] = []
    sounds: list[FloatArray] = []
    filled = 0.0
    for place, source in sources:
        first = round(source.in_window_seconds * ANALYSIS_RATE_HZ)
        sound = windows[place].sound[first : first + round(source.seconds * ANALYSIS_RATE_HZ)]
        pieces.append(replace(source, in_window_seconds=filled))
        sounds += [sound, np.zeros(_PAUSE_SIZE, dtype=np.float32)]
        filled += (sound.size + _PAUSE_SIZE) / ANALYSIS_RATE_HZ
    return Excerpt(
        window=Window(sound=np.concatenate(sounds[:-1]), pieces=tuple(pieces)),
        sources=tuple(sources),
    )


def _distance(piece: Piece, seconds: float) -> float:
    end = piece.in_window_seconds + piece.seconds
    return max(piece.in_window_seconds - seconds, seconds - end, 0.0)


def pack(
    samples: npt.NDArray[np.floating[Any]], turns: Sequence[tuple[float, float]]
) -> list[Window]:
    """Lay what one person says end to end.

    Parameters
    ----------
    samples : array of float, shape (n,)
        The person's channel at 16 kHz.
    turns : sequence of tuple of float
        Start and end of each turn, in seconds, in order.

    Returns
    -------
    list of Window
    """
    windows: list[Window] = []
    pieces: list[Piece] = []
    filled = 0.0
    for turn, (start, end) in enumerate(_with_margins(turns, samples.size / ANALYSIS_RATE_HZ)):
        while end > start:
            room = WINDOW_SECONDS - filled
            if pieces and end - start > room and room < _LEAST_ROOM_SECONDS:
                windows.append(_window(samples, pieces))
                pieces, filled = [], 0.0
                continue
            stop = end if end - start <= room else _softest(samples, start + room)
            pieces.append(
                Piece(
                    turn=turn,
                    in_window_seconds=filled,
                    in_call_seconds=start,
                    seconds=stop - start,
                )
            )
            filled += stop - start + _PAUSE_SECONDS
            start = stop
    return [*windows, _window(samples, pieces)] if pieces else windows


def _with_margins(
    turns: Sequence[tuple[float, float]], duration_seconds: float
) -> Iterator[tuple[float, float]]:
    """Widen turns a little, none of them into its neighbour."""
    for place, (start, end) in enumerate(turns):
        before = turns[place - 1][1] if place else 0.0
        after = turns[place + 1][0] if place + 1 < len(turns) else duration_seconds
        yield (
            max(start - min(_MARGIN_SECONDS, max(start - before, 0.0) / 2.0), 0.0),
            min(end + min(_MARGIN_SECONDS, max(after - end, 0.0) / 2.0), duration_seconds),
        )


def _softest(samples: npt.NDArray[np.floating[Any]], latest: float) -> float:
    """Return the softest place in the last seconds before a place of the call."""
    step = int(_CUT_STEP_SECONDS * ANALYSIS_RATE_HZ)
    last = int(latest * ANALYSIS_RATE_HZ)
    first = last - int(_CUT_WITHIN_SECONDS / _CUT_STEP_SECONDS) * step
    power = np.square(samples[first:last].astype(np.float32)).reshape(-1, step).mean(axis=1)
    return (first + (int(power.argmin()) + 0.5) * step) / ANALYSIS_RATE_HZ


def _window(samples: npt.NDArray[np.floating[Any]], pieces: Sequence[Piece]) -> Window:
    last = pieces[-1]
    size = round((last.in_window_seconds + last.seconds) * ANALYSIS_RATE_HZ)
    sound = np.zeros(size, dtype=np.float32)
    for piece in pieces:
        start = round(piece.in_call_seconds * ANALYSIS_RATE_HZ)
        place = round(piece.in_window_seconds * ANALYSIS_RATE_HZ)
        part = samples[start : start + int(piece.seconds * ANALYSIS_RATE_HZ)]
        part = part[: size - place]
        sound[place : place + part.size] = part
    return Window(sound=sound, pieces=tuple(pieces))
