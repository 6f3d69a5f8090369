"""Two people on one channel: who speaks when, by their voices alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage

from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, stretches
from calmscore.network.speaker_embedding import (
    BANDS,
    WINDOW_FRAMES,
    filterbank,
    load_speaker_embedding,
)

FloatArray = npt.NDArray[np.float32]

_STEP = ANALYSIS_RATE_HZ // MASK_RATE_HZ
# A frame of 25 ms begins every 10 ms.
_FRAME_OVERHANG = int(0.015 * ANALYSIS_RATE_HZ)
# A breath within what somebody says does not end it.
_LONGEST_BREATH_SECONDS = 0.3
_HOP_SECONDS = 0.75
# A window takes 12 ms on two processors.
_MOST_WINDOWS, _MOST_SIDE_WINDOWS = 260, 60
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
# By how much the sides must be more alike crosswise, before and after, than each with itself:
# -0.51 or less in 21 calls, 0.08 or more in the same calls exchanged midway.
_LEAST_EXCHANGE = 0.0
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
class Window:
    """A second and a half of speech, by steps of a mask, and the stretch that it lies in."""

    stretch: int
    first: int
    last: int

    @property
    def telling(self) -> bool:
        """Whether it is long enough to say whose voice it is."""
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
    placed = _placed(samples, _windows(mask, most=_MOST_WINDOWS))
    windows, points = placed.windows, placed.points
    groups = group_centres(points[[window.telling for window in windows]])
    ways = [] if groups is None else ways_to_join(points, groups, windows)
    if not ways:
        return None
    labels = max(ways, key=lambda way: (_least_part(way) >= _LEAST_PART, _contrast(points, way)))
    labels = _refined(points, labels, windows)
    margin = margin_of(points, labels)
    if (
        margin < _LEAST_MARGIN
        or _least_part(labels) < _LEAST_PART
        or np.count_nonzero(np.diff(labels)) < _LEAST_CHANGES
    ):
        return None
    second = spread_labels(labels, windows, size=mask.size) == 1
    return TwoVoices(
        masks=(mask & ~second, mask & second), margin=margin, likeness=likeness_of(points, labels)
    )


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
    windows = _windows(mask, most=most)
    if len(windows) > most:
        places = np.linspace(0, len(windows) - 1, most).astype(int)
        windows = [windows[place] for place in places.tolist()]
    return _placed(samples, windows)


def _placed(samples: npt.NDArray[np.floating[Any]], windows: list[Window]) -> Voices:
    if sum(window.telling for window in windows) < 2 * _LEAST_WINDOWS:
        return Voices([], np.zeros((0, 1), dtype=np.float32))
    return Voices(windows, load_speaker_embedding().embed(_features(samples, windows)))


def exchanged_at(sides: tuple[Voices, Voices]) -> int | None:
    """Return the step of a mask from which each voice is on the other's side, or None."""
    if not (sides[0].windows and sides[1].windows):
        return None
    starts = [np.array([window.first for window in side.windows]) for side in sides]
    best, found = _LEAST_EXCHANGE, None
    for step in np.unique(np.concatenate(starts)).tolist():
        halves = [(side.points[at < step], side.points[at >= step])
                  for side, at in zip(sides, starts, strict=True)]  # fmt: skip
        if min(len(half) for pair in halves for half in pair) < _LEAST_WINDOWS:
            continue
        (left, left_after), (right, right_after) = (
            [_unit(half.mean(axis=0)) for half in pair] for pair in halves
        )
        crossed = min(left @ right_after, right @ left_after)
        gain = float(2.0 * crossed - left @ left_after - right @ right_after)
        if gain > best:
            best, found = gain, step
    return found


def group_centres(points: FloatArray) -> FloatArray | None:
    """Return the centres of two to ``_MOST_GROUPS`` groups of windows, of unit length, or None."""
    if len(points) < 2:
        return None
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


def ways_to_join(points: FloatArray, groups: FloatArray, windows: list[Window]) -> list[Labels]:
    """Return the ways in which groups of windows may be two people's: a label a window."""
    similarity = points @ groups.T
    ways = []
    for number in range(1, 2 ** (len(groups) - 1)):
        second = (number >> np.arange(len(groups))) & 1 == 1
        nearest = [similarity[:, side].max(axis=1) for side in (~second, second)]
        labels = _path(np.stack(nearest, axis=1), windows)
        if smaller_count(labels) >= _LEAST_WINDOWS:
            ways.append(labels)
    return ways


def _refined(points: FloatArray, labels: Labels, windows: list[Window]) -> Labels:
    """Give every window to the nearer of the two voices, as long as both stay everywhere."""
    for _ in range(_ROUNDS):
        nearer = _path(points @ _voices(points, labels).T, windows)
        if smaller_count(nearer) < _LEAST_WINDOWS or _least_part(nearer) < _LEAST_PART:
            break
        labels = nearer
    return labels


def smaller_count(labels: Labels) -> int:
    """Return how many windows the one of two voices has that has fewer."""
    return int(min(np.sum(labels == 0), np.sum(labels == 1)))


def _least_part(labels: Labels) -> float:
    """Return the smaller voice's share in that part of the call where it is least."""
    return min(smaller_count(part) / max(len(part), 1) for part in np.array_split(labels, _PARTS))


def _contrast(points: FloatArray, labels: Labels) -> float:
    share = smaller_count(labels) / len(labels)
    return share - likeness_of(points, labels) + min(_least_part(labels), _GOOD_PART)


def _voices(points: FloatArray, labels: Labels) -> FloatArray:
    return np.stack([_unit(points[labels == voice].mean(axis=0)) for voice in (0, 1)])


def likeness_of(points: FloatArray, labels: Labels) -> float:
    """Return how like each other the means of two voices are, -1 to 1."""
    first, second = _voices(points, labels)
    return float(first @ second)


def margin_of(points: FloatArray, labels: Labels) -> float:
    """Return by how much windows of one voice are more alike than those of two."""
    likeness = points @ points.T
    pairs = np.triu_indices(len(points), 1)
    same = (labels[:, None] == labels[None])[pairs]
    return float(likeness[pairs][same].mean() - likeness[pairs][~same].mean())


def spread_labels(labels: Labels, windows: list[Window], *, size: int) -> Labels:
    """Give every 10 ms the label of the window whose middle is nearest."""
    middles = np.array([(window.first + window.last) / 2.0 for window in windows])
    borders = (middles[1:] + middles[:-1]) / 2.0
    return labels[np.searchsorted(borders, np.arange(size))]


def _windows(mask: Mask, *, most: int) -> list[Window]:
    bounds = stretches(mask, breath=int(_LONGEST_BREATH_SECONDS * MASK_RATE_HZ))
    hop = int(_HOP_SECONDS * MASK_RATE_HZ)
    total = sum(last - first for first, last in bounds)
    hop = max(hop, total // most)
    windows = []
    for number, (first, last) in enumerate(bounds):
        starts = list(range(first, max(last - WINDOW_FRAMES, first) + 1, hop))
        windows += [Window(number, start, min(start + WINDOW_FRAMES, last)) for start in starts]
        if starts[-1] + WINDOW_FRAMES + hop // 2 < last:
            windows.append(Window(number, last - WINDOW_FRAMES, last))
    return windows


def _features(samples: npt.NDArray[np.floating[Any]], windows: list[Window]) -> FloatArray:
    rows: list[FloatArray] = []
    # By stretches, so that an hour's frames are never in memory at once.
    for _, stretch in itertools.groupby(windows, key=lambda window: window.stretch):
        members = list(stretch)
        begin, end = members[0].first, members[-1].last
        frames = filterbank(samples[begin * _STEP : end * _STEP + _FRAME_OVERHANG])
        for window in members:
            part = frames[window.first - begin : window.last - begin]
            # What is shorter is repeated, so that nobody else's voice comes in.
            rows.append(np.resize(part if len(part) else frames[-1:], (WINDOW_FRAMES, BANDS)))
    return np.stack(rows)


def _unit(point: FloatArray) -> FloatArray:
    return np.asarray(point / np.linalg.norm(point), dtype=np.float32)


def _path(similarity: FloatArray, windows: list[Window]) -> Labels:
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
