"""Two people on one channel: who speaks when, by their voices alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage

from calmscore.analysis.voice_borders import (
    CEPSTRA,
    Labels,
    averaged_cepstra,
    likeliest_path,
    pauses_within,
    place_borders,
)
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
_MOST_WINDOWS, _MOST_SIDE_WINDOWS = 220, 60
# What is shorter says little of whose it is, and follows the rest.
_TELLING_SECONDS = 0.8
_LEAST_WINDOWS = 4
# Voices and moods of a call: so many groups of windows, each with a share of them.
_MOST_GROUPS, _LEAST_SHARE, _MOST_CLUSTERS = 4, 0.06, 24
# One person's moods follow one another; two people take turns in every part of a call. So
# groups are joined to two voices in the way that leaves both in every quarter of it.
_PARTS, _LEAST_PART, _GOOD_PART = 4, 0.05, 0.25
# Nor does one of two people speak for long alone, and whole turns are like one another: so much
# each counts. From 0.8 to 2, and from 0.75 to 1.25, calls hardly change.
_LONGEST_WEIGHT, _TURNS_WEIGHT = 1.25, 1.25
# Beside the groups, what lies on either side of the points' middle along so many directions.
_DIRECTIONS = 3
# By how much turns of one voice are more alike than those of two, less a share of how alike the
# two voices are, and with one of how evenly both speak. Natural speech of one person cut in two
# has -0.07 or less, acted speech mostly -0.03 or less; two people have -0.02 or more, few pairs
# of like voices less. Below the first it is taken for one person, from the second on for two; at
# the last, one person is out of the question.
_LIKENESS_WEIGHT, _EVENNESS_WEIGHT = 0.3, 0.2
_LEAST_EVIDENCE, _TELLING_EVIDENCE, _CLEAR_EVIDENCE = -0.04, -0.02, 0.13
# Another way to tell two people apart is nearly as good if it has so little less contrast. Of 40
# calls of like voices three had one that gives 14 % of the windows or more to the other person;
# with 17, 13 and 9 % error before borders are placed they are among the six worst. From 10 % on
# it is told, as one call with 24 % error had 11 %.
_NEARLY_AS_GOOD, _LARGE_RIVAL = 0.1, 0.17
# Where so much of a call is long silence, the other person's line may not be in it at all.
_LONG_SILENCE_SECONDS, _MOST_SILENCE, _SILENCE_WEIGHT = 1.5, 0.3, 0.1
_LEAST_CHANGES = 6
_ROUNDS = 3
# By how much the sides must be more alike crosswise, before and after, than each with itself:
# -0.94 or less in 23 calls, 0.56 or more in the same calls exchanged midway.
_LEAST_EXCHANGE = 0.0
# And so much alike one of the two must be across. Where two calls of four people were joined it
# was 0.45 at the most; the same person had 0.78 or more.
_LEAST_SAME_PERSON = 0.6
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
        How much speaks for two people, about -0.3 to 0.5.
    rival : float
        Share of the windows, 0–0.5, that another way to tell the two apart, nearly as
        likely, gives to the other person.
    """

    masks: tuple[Mask, Mask]
    evidence: float
    rival: float = 0.0

    @property
    def doubt(self) -> float:
        """How likely it is that they are not these two, 0–0.5; 1 where nobody can tell."""
        if self.evidence < _TELLING_EVIDENCE:
            return 1.0
        missing = (_CLEAR_EVIDENCE - self.evidence) / (_CLEAR_EVIDENCE - _TELLING_EVIDENCE)
        return float(0.5 * np.clip(max(missing, self.rival / _LARGE_RIVAL), 0.0, 1.0))


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
    voices, and moods of voices. For each way to join these to two people every window goes
    to the nearer one, with changes rare within a stretch of speech. Of what comes of that, the
    one is taken in which the two are least alike, both speak in every part of the call, and
    neither speaks for long alone.

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
    bounds = _stretches(mask)
    frames = np.zeros((mask.size, CEPSTRA), np.float32)
    placed = _placed(samples, _windows(bounds, most=_MOST_WINDOWS), bounds, frames=frames)
    windows, points = placed.windows, placed.points
    ways = _refined_ways(points, windows)
    if not ways:
        return None
    labels, rival = _clearest(points, ways, windows)
    evidence = _evidence(points, labels, windows) - _SILENCE_WEIGHT * _mostly_waits(mask)
    if (
        evidence < _LEAST_EVIDENCE
        or _least_part(labels) < _LEAST_PART
        or np.count_nonzero(np.diff(labels)) < _LEAST_CHANGES
    ):
        return None
    second = place_borders(
        spread_labels(labels, windows, size=mask.size) == 1,
        _leaning(points, labels, windows, size=mask.size),
        frames, mask=mask, pauses=pauses_within(samples, bounds, size=mask.size),
    )  # fmt: skip
    return TwoVoices(masks=(mask & ~second, mask & second), evidence=evidence, rival=rival)


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
    windows = _windows(_stretches(mask), most=most)
    if len(windows) > most:
        places = np.linspace(0, len(windows) - 1, most).astype(int)
        windows = [windows[place] for place in places.tolist()]
    return _placed(samples, windows)


def _placed(
    samples: npt.NDArray[np.floating[Any]],
    windows: list[Window],
    whole_stretches: list[tuple[int, int]] | None = None,
    *,
    frames: FloatArray | None = None,
) -> Voices:
    if sum(window.telling for window in windows) < 2 * _LEAST_WINDOWS:
        return Voices([], np.zeros((0, 1), dtype=np.float32))
    features = _features(samples, windows, whole_stretches, frames)
    return Voices(windows, load_speaker_embedding().embed(features))


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
        crossed = (left @ right_after, right @ left_after)
        gain = float(2.0 * min(crossed) - left @ left_after - right @ right_after)
        if gain > best and max(crossed) >= _LEAST_SAME_PERSON:
            best, found = gain, step
    return found


def group_centres(points: FloatArray) -> FloatArray | None:
    """Return the centres of two to ``_MOST_GROUPS`` groups of windows, of unit length, or None."""
    return max(_groupings(points), key=len, default=None)


def _groupings(points: FloatArray) -> list[FloatArray]:
    """Return the centres of groups of windows, coarse to fine, each time more or others."""
    if len(points) < 2:
        return []
    tree = linkage(points, method="average", metric="cosine")
    least = max(_LEAST_WINDOWS - 1, _LEAST_SHARE * len(points))
    found: list[FloatArray] = []
    for count in range(2, _MOST_CLUSTERS + 1):
        labels = fcluster(tree, count, criterion="maxclust")
        names, sizes = np.unique(labels, return_counts=True)
        large = [_unit(points[labels == name].mean(axis=0)) for name in names[sizes >= least]]
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
        labels = _path(np.stack(nearest, axis=1), windows)
        if smaller_count(labels) >= _LEAST_WINDOWS:
            ways.append(labels)
    return ways


def _refined_ways(points: FloatArray, windows: list[Window]) -> list[Labels]:
    """Return all that two voices may be, each told once."""
    telling = points[[window.telling for window in windows]]
    starts = [
        way for groups in _groupings(telling) for way in ways_to_join(points, groups, windows)
    ]
    if len(telling):
        middle = telling.mean(axis=0)
        directions = np.linalg.svd(telling - middle, full_matrices=False)[2][:_DIRECTIONS]
        along = (points - middle) @ directions.T
        starts += list((along > 0.0).T.astype(np.int64))
        starts += list((along > np.median(along, axis=0)).T.astype(np.int64))
    starts = [way for way in _each_once(starts) if smaller_count(way) >= _LEAST_WINDOWS]
    return _each_once([_refined(points, way, windows) for way in starts])


def _each_once(ways: list[Labels]) -> list[Labels]:
    # Which of the two is called the first says nothing.
    same = [way if way[0] == 0 else 1 - way for way in ways]
    return list({way.tobytes(): way for way in same}.values())


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


def _clearest(
    points: FloatArray, ways: list[Labels], windows: list[Window]
) -> tuple[Labels, float]:
    """Return the way with the most contrast, and the largest rival's share of other labels."""
    everywhere = [way for way in ways if _least_part(way) >= _LEAST_PART] or ways
    contrasts = [_contrast(points, way, windows) for way in everywhere]
    best = int(np.argmax(contrasts))
    differences = [
        float(np.mean(way != everywhere[best]))
        for way, contrast in zip(everywhere, contrasts, strict=True)
        if contrast >= contrasts[best] - _NEARLY_AS_GOOD
    ]
    # Which of the two is called the first says nothing.
    return everywhere[best], max(min(share, 1.0 - share) for share in differences)


def _contrast(points: FloatArray, labels: Labels, windows: list[Window]) -> float:
    """Return how much speaks for two people who take turns, rather than one's two moods."""
    evenness = min(_least_part(labels), _GOOD_PART)
    alone = np.diff(np.flatnonzero(np.diff(labels, prepend=-1, append=-1)))
    return (
        margin_of(points, labels)
        - likeness_of(points, labels)
        + evenness
        - _LONGEST_WEIGHT * float(alone.max()) / len(labels)
        + _TURNS_WEIGHT * _evidence(points, labels, windows)
    )


def _evidence(points: FloatArray, labels: Labels, windows: list[Window]) -> float:
    """Return how much turns, each as a whole, speak for two people."""
    names = np.array([window.stretch for window in windows]) * 2 + labels
    turns = np.unique(names)
    whose = turns % 2
    if smaller_count(whose) < 2:
        return -np.inf
    middles = np.stack([_unit(points[names == turn].mean(axis=0)) for turn in turns])
    evenness = min(_least_part(labels), _GOOD_PART)
    return (
        margin_of(middles, whose)
        - _LIKENESS_WEIGHT * likeness_of(middles, whose)
        + _EVENNESS_WEIGHT * evenness
    )


def _mostly_waits(mask: Mask) -> bool:
    """Tell whether much of what lies between the first word and the last is long silence."""
    spoken = np.flatnonzero(mask)
    within = ~mask[spoken[0] : spoken[-1] + 1]
    silences = [last - first for first, last in stretches(within)]
    long = sum(s for s in silences if s >= _LONG_SILENCE_SECONDS * MASK_RATE_HZ)
    return bool(long > _MOST_SILENCE * within.size)


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


def _leaning(points: FloatArray, labels: Labels, windows: list[Window], *, size: int) -> FloatArray:
    """Return by how much windows speak for the second voice, at each step of a mask."""
    first, second = _voices(points, labels)
    gains = points @ (second - first) / (_SIMILARITY_UNIT * _HOP_SECONDS * MASK_RATE_HZ)
    middles = [(window.first + window.last) / 2.0 for window in windows]
    return np.asarray(np.interp(np.arange(size), middles, gains), dtype=np.float32)


def _stretches(mask: Mask) -> list[tuple[int, int]]:
    return stretches(mask, breath=int(_LONGEST_BREATH_SECONDS * MASK_RATE_HZ))


def _windows(bounds: list[tuple[int, int]], *, most: int) -> list[Window]:
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


def _unit(point: FloatArray) -> FloatArray:
    return np.asarray(point / np.linalg.norm(point), dtype=np.float32)


def _path(similarity: FloatArray, windows: list[Window]) -> Labels:
    """Return the likeliest voice of each window."""
    costs = [
        _CHANGE_WITHIN if window.stretch == before.stretch else _CHANGE_BETWEEN
        for before, window in itertools.pairwise(windows)
    ]
    return likeliest_path(similarity.astype(np.float64) / _SIMILARITY_UNIT, np.array(costs))
