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
# Voices and moods of a call: so many groups of windows, each with a share of them.
_MOST_GROUPS, _LEAST_SHARE, _MOST_CLUSTERS = 4, 0.06, 24
# One person's moods follow one another; two people take turns in every part of a call. So
# groups are joined to two voices in the way that leaves both in every quarter of it.
_PARTS, _LEAST_PART, _GOOD_PART = 4, 0.05, 0.25
# By how much windows of one voice are more alike than those of two. Natural speech of one
# person cut in two has 0.03–0.10, acted speech up to 0.19; two people 0.14–0.36. Below the
# first it is taken for one person, from the second on for two.
_LEAST_MARGIN, _TELLING_MARGIN = 0.11, 0.13
# Margin and a share of how unlike the two are: at the first as likely as not one person.
_LIKENESS_WEIGHT, _DOUBTFUL, _CLEAR = 0.3, 0.06, 0.22
_LEAST_CHANGES = 6
_ROUNDS = 3
# A change of voice within a stretch of speech, and between two, against the similarity.
_SIMILARITY_UNIT = 0.025
_CHANGE_WITHIN, _CHANGE_BETWEEN = 3.0, 0.7

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class TwoVoices:
    """Who speaks when.

    Attributes
    ----------
    masks : tuple of two arrays of bool
        One value per 10 ms for each voice; no moment belongs to both.
    margin : float
        By how much windows of one voice are more alike than those of two, above 0.
    likeness : float
        Of the two voices, -1 to 1.
    """

    masks: tuple[Mask, Mask]
    margin: float
    likeness: float

    @property
    def doubt(self) -> float:
        """How likely it is that they are not two people, 0–0.5; 1 where nobody can tell."""
        if self.margin < _TELLING_MARGIN:
            return 1.0
        evidence = self.margin - _LIKENESS_WEIGHT * self.likeness
        return float(0.5 * np.clip((_CLEAR - evidence) / (_CLEAR - _DOUBTFUL), 0.0, 1.0))


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

    Windows of a second and a half are placed among voices and fall into a few groups:
    voices, and moods of voices. Of all ways to join these to two people the one is taken
    that makes them unlike each other and lets both speak in every part of the call. Then
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
    groups = _groups(points[[window.telling for window in windows]])
    ways = [] if groups is None else _ways_to_join(points, groups, windows)
    if not ways:
        return None
    labels = max(ways, key=lambda way: (_least_part(way) >= _LEAST_PART, _contrast(points, way)))
    labels = _refined(points, labels, windows)
    margin = _margin(points, labels)
    if (
        margin < _LEAST_MARGIN
        or _least_part(labels) < _LEAST_PART
        or np.count_nonzero(np.diff(labels)) < _LEAST_CHANGES
    ):
        return None
    second = _spread(labels, windows, size=mask.size) == 1
    return TwoVoices(
        masks=(mask & ~second, mask & second), margin=margin, likeness=_likeness(points, labels)
    )


def _groups(points: FloatArray) -> FloatArray | None:
    """Return the centres of two to ``_MOST_GROUPS`` groups of windows, or None."""
    tree = linkage(points, method="average", metric="cosine")
    least = max(_LEAST_WINDOWS - 1, _LEAST_SHARE * len(points))
    found: list[FloatArray] = []
    for count in range(2, _MOST_CLUSTERS + 1):
        labels = fcluster(tree, count, criterion="maxclust")
        names, sizes = np.unique(labels, return_counts=True)
        centres = [_unit(points[labels == name].mean(axis=0)) for name in names[sizes >= least]]
        if len(centres) > max(len(found), 1):
            found = centres
        if len(found) >= _MOST_GROUPS:
            break
    return np.stack(found[:_MOST_GROUPS]) if found else None


def _ways_to_join(points: FloatArray, groups: FloatArray, windows: list[_Window]) -> list[Labels]:
    similarity = points @ groups.T
    ways = []
    for number in range(1, 2 ** (len(groups) - 1)):
        second = (number >> np.arange(len(groups))) & 1 == 1
        nearest = [similarity[:, side].max(axis=1) for side in (~second, second)]
        labels = _path(np.stack(nearest, axis=1), windows)
        if _smaller(labels) >= _LEAST_WINDOWS:
            ways.append(labels)
    return ways


def _refined(points: FloatArray, labels: Labels, windows: list[_Window]) -> Labels:
    """Give every window to the nearer of the two voices, as long as both stay everywhere."""
    for _ in range(_ROUNDS):
        nearer = _path(points @ _voices(points, labels).T, windows)
        if _smaller(nearer) < _LEAST_WINDOWS or _least_part(nearer) < _LEAST_PART:
            break
        labels = nearer
    return labels


def _smaller(labels: Labels) -> int:
    return int(min(np.sum(labels == 0), np.sum(labels == 1)))


def _least_part(labels: Labels) -> float:
    """Return the smaller voice's share in that part of the call where it is least."""
    return min(_smaller(part) / max(len(part), 1) for part in np.array_split(labels, _PARTS))


def _contrast(points: FloatArray, labels: Labels) -> float:
    share = _smaller(labels) / len(labels)
    return share - _likeness(points, labels) + min(_least_part(labels), _GOOD_PART)


def _voices(points: FloatArray, labels: Labels) -> FloatArray:
    return np.stack([_unit(points[labels == voice].mean(axis=0)) for voice in (0, 1)])


def _likeness(points: FloatArray, labels: Labels) -> float:
    first, second = _voices(points, labels)
    return float(first @ second)


def _margin(points: FloatArray, labels: Labels) -> float:
    likeness = points @ points.T
    pairs = np.triu_indices(len(points), 1)
    same = (labels[:, None] == labels[None])[pairs]
    return float(likeness[pairs][same].mean() - likeness[pairs][~same].mean())


def _spread(labels: Labels, windows: list[_Window], *, size: int) -> Labels:
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


def _unit(point: FloatArray) -> FloatArray:
    return np.asarray(point / np.linalg.norm(point), dtype=np.float32)


def _path(similarity: FloatArray, windows: list[_Window]) -> Labels:
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
