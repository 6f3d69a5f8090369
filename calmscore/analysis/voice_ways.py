"""The ways in which what is said may be two people's, and the likeliest of them.

Windows fall into a few groups: voices, and moods of voices. For each way to join these to two
people every window goes to the nearer one, with changes rare within a stretch of speech. Of
what comes of that, the one is taken in which the two are least alike, also close in time, both
speak in every part of the call, and neither speaks for long alone.

References
----------
Shi and Malik (2000), "Normalized cuts and image segmentation", section 3: the second smallest
eigenvectors as cuts.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage

from calmscore.analysis.voice_borders import Labels, likeliest_path
from calmscore.analysis.voice_windows import LEAST_WINDOWS, WINDOW_SECONDS, Window
from calmscore.audio.voice_activity import MASK_RATE_HZ

FloatArray = npt.NDArray[np.float32]

# Voices and moods of a call: so many groups of windows, each with a share of them.
_MOST_GROUPS, _LEAST_SHARE, _MOST_CLUSTERS = 4, 0.06, 24
# One person's moods follow one another; two people take turns in every part of a call. So
# groups are joined to two voices in the way that leaves both in every quarter of it.
_PARTS, LEAST_PART, _GOOD_PART = 4, 0.05, 0.25
# Nor does one of two people speak for long alone, and whole turns are like one another: so much
# each counts. From 0.8 to 2, and from 0.75 to 1.25, calls hardly change.
_LONGEST_WEIGHT, _TURNS_WEIGHT = 1.25, 1.25
# A mood lasts longer than a turn: windows within so many seconds of each other tell voices from
# one another, and hardly moods. From 8 to 30, and with a weight of 1 to 4, calls hardly change.
_NEAR_SECONDS, _NEAR_WEIGHT = 15.0, 2.0
# Beside the groups: what lies on either side of the points' middle along so many directions, and
# where windows fall apart that are tied by their likeness, the closer in time the more.
_DIRECTIONS = 3
_TIED_SECONDS, _LOOSELY_TIED = 40.0, 1e-6
# By how much turns of one voice are more alike than those of two, less a share of how alike the
# two voices are, and with one of how evenly both speak.
_LIKENESS_WEIGHT, _EVENNESS_WEIGHT = 0.3, 0.2
# Another way to tell two people apart is nearly as good if it has so little less contrast.
_NEARLY_AS_GOOD = 0.1
_ROUNDS = 3
_TINY = 1e-9
# A change of voice within a stretch of speech, and between two, against the similarity.
SIMILARITY_UNIT = 0.025
_CHANGE_WITHIN, _CHANGE_BETWEEN = 3.0, 0.7


def two_people_ways(points: FloatArray, windows: list[Window]) -> list[Labels]:
    """Return all that two voices may be, each told once."""
    telling = points[[window.telling for window in windows]]
    starts = [
        way for groups in _groupings(telling) for way in ways_to_join(points, groups, windows)
    ]
    if len(telling):
        middle = telling.mean(axis=0)
        directions = np.linalg.svd(telling - middle, full_matrices=False)[2][:_DIRECTIONS]
        along = (points - middle) @ directions.T
        for sides in (along > 0.0, along > np.median(along, axis=0), _cuts(points, windows)):
            starts += list(sides.T.astype(np.int64))
    starts = [way for way in _each_once(starts) if smaller_count(way) >= LEAST_WINDOWS]
    return _each_once([_refined(points, way, windows) for way in starts])


def _cuts(points: FloatArray, windows: list[Window]) -> npt.NDArray[np.bool_]:
    """Return on which side of normalised cuts each window is, shape (windows, cuts)."""
    ties = np.maximum(points @ points.T, 0.0) * _nearness(windows, seconds=_TIED_SECONDS)
    ties = (ties + ties.T + _LOOSELY_TIED).astype(np.float64)
    scale = 1.0 / np.sqrt(ties.sum(axis=1))
    # By the size of their eigenvalues; the last one cuts nothing.
    vectors = np.linalg.eigh(scale[:, None] * ties * scale[None])[1]
    return np.asarray(vectors[:, -1 - _DIRECTIONS : -1] > 0.0)


def _nearness(windows: list[Window], *, seconds: float) -> FloatArray:
    """Return how near in time windows are, 0–1, once for each pair that does not overlap."""
    middles = np.array([window.middle for window in windows]) / MASK_RATE_HZ
    apart = np.abs(middles[:, None] - middles[None])
    # Windows that overlap are alike for that reason.
    return np.triu(np.exp(-apart / seconds) * (apart >= WINDOW_SECONDS), 1).astype(np.float32)


def clearest_way(
    points: FloatArray, ways: list[Labels], windows: list[Window]
) -> tuple[Labels, float]:
    """Return the way with the most contrast, and the largest rival's share of other labels."""
    everywhere = [way for way in ways if least_part(way) >= LEAST_PART] or ways
    near = _nearness(windows, seconds=_NEAR_SECONDS)
    near_likeness = near * (points @ points.T)
    contrasts = [
        _contrast(points, way, windows) + _NEAR_WEIGHT * _near_margin(near, near_likeness, way)
        for way in everywhere
    ]
    best = int(np.argmax(contrasts))
    differences = [
        float(np.mean(way != everywhere[best]))
        for way, contrast in zip(everywhere, contrasts, strict=True)
        if contrast >= contrasts[best] - _NEARLY_AS_GOOD
    ]
    # Which of the two is called the first says nothing.
    return everywhere[best], max(min(share, 1.0 - share) for share in differences)


def evidence_of(points: FloatArray, labels: Labels, windows: list[Window]) -> float:
    """Return how much turns, each as a whole, speak for two people."""
    names = np.array([window.stretch for window in windows]) * 2 + labels
    turns = np.unique(names)
    whose = turns % 2
    if smaller_count(whose) < 2:
        return -np.inf
    middles = np.stack([middle_of(points[names == turn]) for turn in turns])
    evenness = min(least_part(labels), _GOOD_PART)
    return (
        margin_of(middles, whose)
        - _LIKENESS_WEIGHT * likeness_of(middles, whose)
        + _EVENNESS_WEIGHT * evenness
    )


def _contrast(points: FloatArray, labels: Labels, windows: list[Window]) -> float:
    """Return how much speaks for two people who take turns, rather than one's two moods."""
    evenness = min(least_part(labels), _GOOD_PART)
    alone = np.diff(np.flatnonzero(np.diff(labels, prepend=-1, append=-1)))
    return (
        margin_of(points, labels)
        - likeness_of(points, labels)
        + evenness
        - _LONGEST_WEIGHT * float(alone.max()) / len(labels)
        + _TURNS_WEIGHT * evidence_of(points, labels, windows)
    )


def _near_margin(near: FloatArray, near_likeness: FloatArray, labels: Labels) -> float:
    """Return by how much windows near in time are more alike within voices than across them."""
    same = labels[:, None] == labels[None]
    within, across = (
        float(near_likeness[pairs].sum() / max(near[pairs].sum(), _TINY)) for pairs in (same, ~same)
    )
    return within - across


def group_centres(points: FloatArray) -> FloatArray | None:
    """Return the centres of two to ``_MOST_GROUPS`` groups of windows, of unit length, or None."""
    return max(_groupings(points), key=len, default=None)


def _groupings(points: FloatArray) -> list[FloatArray]:
    """Return the centres of groups of windows, coarse to fine, each time more or others."""
    if len(points) < 2:
        return []
    tree = linkage(points, method="average", metric="cosine")
    least = max(LEAST_WINDOWS - 1, _LEAST_SHARE * len(points))
    found: list[FloatArray] = []
    for count in range(2, _MOST_CLUSTERS + 1):
        labels = fcluster(tree, count, criterion="maxclust")
        names, sizes = np.unique(labels, return_counts=True)
        large = [middle_of(points[labels == name]) for name in names[sizes >= least]]
        if len(large) < 2:
            continue
        centres = np.stack(large[:_MOST_GROUPS])
        if not found or not np.array_equal(centres, found[-1]):
            found.append(centres)
    return found


def ways_to_join(points: FloatArray, groups: FloatArray, windows: list[Window]) -> list[Labels]:
    """Return the ways in which groups of windows may be two people's: a label a window."""
    similarity = points @ groups.T
    ways = []
    for number in range(1, 2 ** (len(groups) - 1)):
        second = (number >> np.arange(len(groups))) & 1 == 1
        nearest = [similarity[:, side].max(axis=1) for side in (~second, second)]
        labels = whose_windows(np.stack(nearest, axis=1), windows)
        if smaller_count(labels) >= LEAST_WINDOWS:
            ways.append(labels)
    return ways


def _each_once(ways: list[Labels]) -> list[Labels]:
    # Which of the two is called the first says nothing.
    same = [way if way[0] == 0 else 1 - way for way in ways]
    return list({way.tobytes(): way for way in same}.values())


def _refined(points: FloatArray, labels: Labels, windows: list[Window]) -> Labels:
    """Give every window to the nearer of the two voices, as long as both stay everywhere."""
    for _ in range(_ROUNDS):
        nearer = whose_windows(points @ middles_of(points, labels).T, windows)
        if smaller_count(nearer) < LEAST_WINDOWS or least_part(nearer) < LEAST_PART:
            break
        labels = nearer
    return labels


def smaller_count(labels: Labels) -> int:
    """Return how many windows the one of two voices has that has fewer."""
    return int(min(np.sum(labels == 0), np.sum(labels == 1)))


def least_part(labels: Labels) -> float:
    """Return the smaller voice's share in that part of the call where it is least."""
    return min(smaller_count(part) / max(len(part), 1) for part in np.array_split(labels, _PARTS))


def likeness_of(points: FloatArray, labels: Labels) -> float:
    """Return how like each other the means of two voices are, -1 to 1."""
    first, second = middles_of(points, labels)
    return float(first @ second)


def margin_of(points: FloatArray, labels: Labels) -> float:
    """Return by how much windows of one voice are more alike than those of two."""
    likeness = points @ points.T
    pairs = np.triu_indices(len(points), 1)
    same = (labels[:, None] == labels[None])[pairs]
    return float(likeness[pairs][same].mean() - likeness[pairs][~same].mean())


def middles_of(points: FloatArray, labels: Labels) -> FloatArray:
    """Return the means of two voices, of unit length, shape (2, 192)."""
    return np.stack([middle_of(points[labels == voice]) for voice in (0, 1)])


def middle_of(points: FloatArray) -> FloatArray:
    """Return the mean of some points, of unit length."""
    mean = points.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def whose_windows(similarity: FloatArray, windows: list[Window]) -> Labels:
    """Return the likelier of two voices of each window, by likeness of shape (windows, 2)."""
    costs = [
        _CHANGE_WITHIN if window.stretch == before.stretch else _CHANGE_BETWEEN
        for before, window in itertools.pairwise(windows)
    ]
    return likeliest_path(similarity.astype(np.float64) / SIMILARITY_UNIT, np.array(costs))
