"""What is said, in windows of a second and a half, each placed among voices."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.analysis.voice_borders import Labels, averaged_cepstra
from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, stretches
from calmscore.network.speaker_embedding import (
    BANDS,
    WINDOW_FRAMES,
    filterbank,
    load_speaker_embedding,
)

FloatArray = npt.NDArray[np.float32]

WINDOW_SECONDS = WINDOW_FRAMES / MASK_RATE_HZ
"""Length of a window."""
HOP_SECONDS = 0.75
"""From the beginning of a window to that of the next, unless there would be too many."""
MOST_WINDOWS = 220
"""Of a call; a window takes 12 ms on two processors."""
LEAST_WINDOWS = 4
"""Fewer of one voice tell nothing of it."""

_STEP = ANALYSIS_RATE_HZ // MASK_RATE_HZ
# A frame of 25 ms begins every 10 ms.
_FRAME_OVERHANG = int(0.015 * ANALYSIS_RATE_HZ)
# A breath within what somebody says does not end it.
_LONGEST_BREATH_SECONDS = 0.3
_MOST_SIDE_WINDOWS = 60
# What is shorter says little of whose it is, and follows the rest.
_TELLING_SECONDS = 0.8


@dataclass(frozen=True)
class Window:
    """A second and a half of speech, by steps of a mask, and the stretch that it lies in."""

    stretch: int
    first: int
    last: int

    @property
    def telling(self) -> bool:
        """Whether it is long enough to say whose voice it is."""
        return self.last - self.first >= _TELLING_SECONDS * MASK_RATE_HZ

    @property
    def middle(self) -> float:
        """In steps of the mask."""
        return (self.first + self.last) / 2.0


@dataclass(frozen=True)
class Voices:
    """Windows of speech of one side, and their places among voices, shape (windows, 192)."""

    windows: list[Window]
    points: FloatArray


def place_voices(
    samples: npt.NDArray[np.floating[Any]], mask: Mask, *, most: int = _MOST_SIDE_WINDOWS
) -> Voices:
    """Place what is said on one side among voices.

    Parameters
    ----------
    samples : array of float, shape (n,)
        At 16 kHz.
    mask : array of bool
        Where somebody speaks.
    most : int
        The most windows that are looked at, spread over the call.

    Returns
    -------
    Voices
        None of them where there is too little speech to tell.
    """
    windows = windows_of(whole_stretches_of(mask), most=most)
    if len(windows) > most:
        places = np.linspace(0, len(windows) - 1, most).astype(int)
        windows = [windows[place] for place in places.tolist()]
    return placed_windows(samples, windows)


def placed_windows(
    samples: npt.NDArray[np.floating[Any]],
    windows: list[Window],
    whole_stretches: list[tuple[int, int]] | None = None,
    *,
    frames: FloatArray | None = None,
) -> Voices:
    """Place windows of speech among voices.

    Parameters
    ----------
    samples : array of float, shape (n,)
        At 16 kHz.
    windows : list of Window
        In their order.
    whole_stretches : list of tuple of int, optional
        The stretches that they lie in, whose sound is looked at as a whole.
    frames : array of float32, shape (steps, CEPSTRA), optional
        Gets the averaged cepstra of whole stretches.

    Returns
    -------
    Voices
        None of them where there is too little speech to tell.
    """
    if sum(window.telling for window in windows) < 2 * LEAST_WINDOWS:
        return Voices([], np.zeros((0, 1), dtype=np.float32))
    features = _features(samples, windows, whole_stretches, frames)
    return Voices(windows, load_speaker_embedding().embed(features))


def whole_stretches_of(mask: Mask) -> list[tuple[int, int]]:
    """Return where speech goes on but for a breath: first step, and the one after the last."""
    return stretches(mask, breath=int(_LONGEST_BREATH_SECONDS * MASK_RATE_HZ))


def windows_of(bounds: list[tuple[int, int]], *, most: int) -> list[Window]:
    """Return the windows of stretches of speech, further apart where there would be too many."""
    hop = int(HOP_SECONDS * MASK_RATE_HZ)
    total = sum(last - first for first, last in bounds)
    hop = max(hop, total // most)
    windows = []
    for number, (first, last) in enumerate(bounds):
        starts = list(range(first, max(last - WINDOW_FRAMES, first) + 1, hop))
        windows += [Window(number, start, min(start + WINDOW_FRAMES, last)) for start in starts]
        if starts[-1] + WINDOW_FRAMES + hop // 2 < last:
            windows.append(Window(number, last - WINDOW_FRAMES, last))
    return windows


def spread_labels(labels: Labels, windows: list[Window], *, size: int) -> Labels:
    """Give every 10 ms the label of the window whose middle is nearest."""
    middles = np.array([window.middle for window in windows])
    borders = (middles[1:] + middles[:-1]) / 2.0
    return labels[np.searchsorted(borders, np.arange(size))]


def _features(
    samples: npt.NDArray[np.floating[Any]],
    windows: list[Window],
    whole_stretches: list[tuple[int, int]] | None,
    frames: FloatArray | None,
) -> FloatArray:
    """Return the windows' filter banks, and leave the cepstra of whole stretches in ``frames``."""
    rows: list[FloatArray] = []
    # By stretches, so that an hour's frames are never in memory at once.
    for number, stretch in itertools.groupby(windows, key=lambda window: window.stretch):
        members = list(stretch)
        begin, end = (
            whole_stretches[number] if whole_stretches else (members[0].first, members[-1].last)
        )
        bank = filterbank(samples[begin * _STEP : end * _STEP + _FRAME_OVERHANG])
        for window in members:
            part = bank[window.first - begin : window.last - begin]
            # What is shorter is repeated, so that nobody else's voice comes in.
            rows.append(np.resize(part if len(part) else bank[-1:], (WINDOW_FRAMES, BANDS)))
        if frames is not None:
            steps = np.minimum(np.arange(end - begin), len(bank) - 1)
            frames[begin:end] = averaged_cepstra(bank)[steps]
    return np.stack(rows)
