"""Two people on one channel: who speaks when, by their voices alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage

from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, stretches
from calmscore.network.speaker_embedding import (
    WINDOW_FRAMES,
    filterbank,
    load_speaker_embedding,
)

FloatArray = npt.NDArray[np.float32]

# A breath within what somebody says does not end it.
_LONGEST_BREATH_SECONDS = 0.3
_HOP_SECONDS = 0.75
_MOST_WINDOWS = 480
# What is shorter says little of whose it is, and follows the rest.
_TELLING_SECONDS = 0.8
_LEAST_WINDOWS = 4
_LEAST_SHARE = 0.08
_MOST_CLUSTERS = 10
# Two people are unlike each other, and both have a good part in the call; one person in two
# moods is like himself, or it is a few words that stand out. So the smaller part's share
# less the likeness of the two (cosine of their means) tells. Composed calls of two people
# had 0.09–0.69, one person alone at most 0.08 (18 and 36 cases): below the first limit it is
# taken for one person, from the second on for two, from the third on without doubt.
_ONE, _LEAST_EVIDENCE, _CLEAR_EVIDENCE = 0.0, 0.09, 0.35
# Two people take turns; one person in two moods changes once or twice.
_LEAST_CHANGES = 6
_ROUNDS = 5
# A change of voice within a stretch of speech, and between two, against the similarity.
_SIMILARITY_UNIT = 0.025
_CHANGE_WITHIN, _CHANGE_BETWEEN = 3.0, 0.7


@dataclass(frozen=True, kw_only=True)
class TwoVoices:
    """Who speaks when.

    Attributes
    ----------
    masks : tuple of two arrays of bool
        One value per 10 ms for each voice; no moment belongs to both.
    evidence : float
        How clearly they are two people, about -1 to 1.
    """

    masks: tuple[Mask, Mask]
    evidence: float

    @property
    def doubt(self) -> float:
        """How likely it is that they are not two people, 0–0.5; 1 where nobody can tell."""
        if self.evidence < _LEAST_EVIDENCE:
            return 1.0
        share = (_CLEAR_EVIDENCE - self.evidence) / (_CLEAR_EVIDENCE - _LEAST_EVIDENCE)
        return float(0.5 * np.clip(share, 0.0, 1.0))


@dataclass(frozen=True)
class _Window:
    stretch: int
    first: int
    last: int

    @property
    def telling(self) -> bool:
        return self.last - self.first >= _TELLING_SECONDS * MASK_RATE_HZ


def two_voices(samples: npt.NDArray[np.floating[Any]], mask: Mask) -> TwoVoices | None:
    """Tell two people on one channel apart.

    Windows of a second and a half are placed among voices; two groups are formed and
    every window goes to the nearer one, with changes rare within a stretch of speech.

    Parameters
    ----------
    samples : array of float, shape (n,)
        At 16 kHz.
    mask : array of bool
        Where somebody speaks.

    Returns
    -------
    TwoVoices or None
        None where there is nothing that speaks for two voices.
    """
    windows = _windows(mask)
    if sum(window.telling for window in windows) < 2 * _LEAST_WINDOWS:
        return None
    points = load_speaker_embedding().embed(_features(filterbank(samples), windows))
    centres = _centres(points[[window.telling for window in windows]])
    if centres is None:
        return None
    labels = np.zeros(len(windows), dtype=np.int64)
    for _ in range(_ROUNDS):
        labels = _path(points @ centres.T, windows)
        if min(np.sum(labels == 0), np.sum(labels == 1)) < _LEAST_WINDOWS:
            return None
        centres = np.stack([_unit(points[labels == voice].mean(axis=0)) for voice in (0, 1)])
    evidence = _evidence(centres, labels)
    if evidence < _ONE or np.count_nonzero(np.diff(labels)) < _LEAST_CHANGES:
        return None
    second = _spread(labels, windows, size=mask.size) == 1
    return TwoVoices(masks=(mask & ~second, mask & second), evidence=evidence)


def _evidence(centres: FloatArray, labels: npt.NDArray[np.int64]) -> float:
    share = float(np.mean(labels))
    return min(share, 1.0 - share) - float(centres[0] @ centres[1])


def _spread(
    labels: npt.NDArray[np.int64], windows: list[_Window], *, size: int
) -> npt.NDArray[np.int64]:
    """Give every 10 ms the label of the window whose middle is nearest."""
    middles = np.array([(window.first + window.last) / 2.0 for window in windows])
    borders = (middles[1:] + middles[:-1]) / 2.0
    return labels[np.searchsorted(borders, np.arange(size))]


def _windows(mask: Mask) -> list[_Window]:
    bounds = stretches(mask, breath=int(_LONGEST_BREATH_SECONDS * MASK_RATE_HZ))
    hop = int(_HOP_SECONDS * MASK_RATE_HZ)
    total = sum(last - first for first, last in bounds)
    hop = max(hop, total // _MOST_WINDOWS)
    windows = []
    for number, (first, last) in enumerate(bounds):
        starts = list(range(first, max(last - WINDOW_FRAMES, first) + 1, hop))
        windows += [_Window(number, start, min(start + WINDOW_FRAMES, last)) for start in starts]
        if starts[-1] + WINDOW_FRAMES + hop // 2 < last:
            windows.append(_Window(number, last - WINDOW_FRAMES, last))
    return windows


def _features(frames: FloatArray, windows: list[_Window]) -> FloatArray:
    rows = []
    for window in windows:
        part = frames[window.first : window.last]
        if not len(part):
            part = frames[-1:]
        # What is shorter is repeated, so that nobody else's voice comes in.
        rows.append(np.resize(part, (WINDOW_FRAMES, frames.shape[1])))
    return np.stack(rows)


def _centres(points: FloatArray) -> FloatArray | None:
    tree = linkage(points, method="average", metric="cosine")
    for count in range(2, _MOST_CLUSTERS + 1):
        labels = fcluster(tree, count, criterion="maxclust")
        names, sizes = np.unique(labels, return_counts=True)
        largest = names[np.argsort(sizes)[::-1][:2]]
        if len(names) > 1 and np.sort(sizes)[-2] >= max(_LEAST_WINDOWS, _LEAST_SHARE * len(points)):
            return np.stack([_unit(points[labels == name].mean(axis=0)) for name in largest])
    return None


def _unit(point: FloatArray) -> FloatArray:
    return np.asarray(point / np.linalg.norm(point), dtype=np.float32)


def _path(similarity: FloatArray, windows: list[_Window]) -> npt.NDArray[np.int64]:
    """Return the likeliest voice of each window, by Viterbi's algorithm."""
    gain = similarity.astype(np.float64) / _SIMILARITY_UNIT
    came_from = np.zeros(gain.shape, dtype=np.int64)
    best = gain[0]
    for index in range(1, len(windows)):
        within = windows[index].stretch == windows[index - 1].stretch
        change = best[::-1] - (_CHANGE_WITHIN if within else _CHANGE_BETWEEN)
        came_from[index] = np.where(change > best, [1, 0], [0, 1])
        best = np.maximum(best, change) + gain[index]
    labels = np.zeros(len(windows), dtype=np.int64)
    labels[-1] = int(np.argmax(best))
    for index in range(len(windows) - 1, 0, -1):
        labels[index - 1] = came_from[index, labels[index]]
    return labels
