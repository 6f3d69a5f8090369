"""Voice and words side by side, where they disagree, and one score of both.

A turn's words count in each segment in which some of them are said. The two disagree
strongly where the voice was calm (smoothed distress up to ``CALM``) and the words were not
(0.5 or more, and `DISAGREEMENT` above the voice), or where the voice was distressed (0.5
or more) and the words were friendly (happy at `FRIENDLY` or more): thanks that do not sound
so. Matter-of-fact words contradict no voice.

The rule that joins the two is log-linear. With ``v`` the voice's six probabilities given the
call, ``w`` those of the words and ``n`` what the words of matter-of-fact texts get on
average (the prior of words that say nothing of a mood)::

    joined ∝ v · (w / n) ^ (WORDS_WEIGHT · share)

``share`` is how much of the segment's speech was written down, 0–1. Where there are no
words, or words at ``n``, the voice's probabilities stay as they are.

The weight is not fitted: of the corpora at hand, those with emotional voices are read from
neutral sentences, so that their words carry nothing, and those with emotional words have no
voice. It is the weight that a segment's own evidence has beside its neighbours
(``inertia.EVIDENCE_WEIGHT``), halved, because a turn's words count in each of its segments.

How sure the voice is does not change by what is said: the interval of the joined score
reaches at least as far below and above its value as that of the voice alone does.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from calmscore.analysis.call import judgement, with_places_to_play
from calmscore.analysis.call_score import VOICE, VOICE_AND_WORDS, CallScore, VoiceScore
from calmscore.analysis.cutting import SEGMENT_SECONDS
from calmscore.analysis.distress import DISTRESSED
from calmscore.analysis.formats import format_clock
from calmscore.analysis.inertia import EVIDENCE_WEIGHT, smooth_probabilities
from calmscore.analysis.report import (
    CallReport,
    Disagreement,
    SegmentReport,
    WordsBesideVoice,
    words_beside_voice,
)
from calmscore.analysis.scoring import CALM, score_probabilities
from calmscore.emotions import EMOTIONS
from calmscore.errors import Notice

FloatArray = npt.NDArray[np.float64]

WORDS_WEIGHT = EVIDENCE_WEIGHT / 2.0
"""Exponent of what the words say, beside 1 for the voice."""
DISAGREEMENT = 0.4
"""Least difference of the two distresses that is said to be strong."""
FRIENDLY = 0.5
"""Probability of happy from which words are friendly."""
WHAT_DISAGREES: dict[Disagreement, str] = {
    "voice_calm": "The voice sounded calm, the words did not: listen.",
    "voice_distressed": "The words were friendly, the voice did not sound so: listen.",
}
DISAGREEMENT_CODE = "voice_and_words_disagree"
"""Code of the notice that tells where they do."""
RARE = 0.01
"""Probabilities of words below it count as this much: so rare a class is told by few texts."""


@dataclass(frozen=True)
class _SegmentWords:
    """What is said in a segment: ``seconds`` of words, their mean emotions and distress."""

    seconds: float
    emotions: FloatArray
    distress: float


def joined_probabilities(
    voice: npt.ArrayLike, words: npt.ArrayLike, *, matter_of_fact: npt.ArrayLike,
    shares: npt.ArrayLike, weight: float = WORDS_WEIGHT,
) -> FloatArray:  # fmt: skip
    """Join the probabilities of voice and words, segment by segment.

    Parameters
    ----------
    voice, words : array, shape (n, 6)
        Calibrated, in the order of ``EMOTIONS``; rows sum to 1. Rows of words whose share
        is 0 are not looked at.
    matter_of_fact : array, shape (6,)
        What words of no mood get, each above 0.
    shares : array, shape (n,)
        How much of a segment's speech was written down, 0–1.
    weight : float
        Exponent of a segment that was written down wholly, 0 or more.

    Returns
    -------
    array, shape (n, 6)
        Rows sum to 1.

    References
    ----------
    Genest & Zidek (1986), "Combining probability distributions": logarithmic pooling.
    """
    joined = np.array(voice, dtype=np.float64)
    said = np.asarray(shares, dtype=np.float64)
    rows = np.flatnonzero(said > 0.0)
    spoken, usual = (
        np.log(np.maximum(np.asarray(values, dtype=np.float64), RARE))
        for values in (np.asarray(words)[rows], matter_of_fact)
    )
    joined[rows] *= np.exp(weight * said[rows, None] * (spoken - usual))
    joined[rows] /= joined[rows].sum(axis=1, keepdims=True)
    return joined


def beside_the_voice(report: CallReport) -> CallReport:
    """Return a report whose words stand segment by segment beside the voice.

    A notice tells where the two disagree strongly.
    """
    if report.words is None:
        return report
    alone = voice_alone(report)
    rows = tuple(
        _beside(segment, said)
        for segment, said in zip(alone.segments, _words_by_segment(report), strict=True)
        if said is not None and segment.smoothed_distress is not None
    )
    told = replace(report, words=replace(report.words, segments=rows))
    others = [notice for notice in report.warnings if notice.code != DISAGREEMENT_CODE]
    return replace(told, warnings=(*others, *_disagreement_notices(told)))


def _beside(segment: SegmentReport, said: _SegmentWords) -> WordsBesideVoice:
    voice = segment.smoothed_distress or 0.0
    disagreement: Disagreement | None = None
    far = abs(said.distress - voice) >= DISAGREEMENT
    if far and voice <= CALM and said.distress >= DISTRESSED:
        disagreement = "voice_calm"
    elif far and voice >= DISTRESSED and said.emotions[EMOTIONS.index("happy")] >= FRIENDLY:
        disagreement = "voice_distressed"
    return WordsBesideVoice(
        index=segment.index,
        distress=round(said.distress, 4),
        voice_distress=voice,
        disagreement=disagreement,
    )


def _words_by_segment(report: CallReport) -> list[_SegmentWords | None]:
    """Return what the customer says in each scored segment; None where that is nothing."""
    assert report.words is not None
    ends = np.array([segment.end_seconds for segment in report.segments])
    seconds = np.zeros(len(ends))
    emotions = np.zeros((len(ends), len(EMOTIONS)))
    distress = np.zeros(len(ends))
    for turn in report.words.turns:
        if turn.speaker != "customer" or turn.emotions is None or turn.distress is None:
            continue
        for word in turn.words:
            middle = (word.start_seconds + word.end_seconds) / 2.0
            place = int(np.searchsorted(ends, middle, side="right"))
            if place >= len(ends):
                continue
            length = max(word.end_seconds - word.start_seconds, 0.01)
            seconds[place] += length
            emotions[place] += length * np.array(turn.emotions)
            distress[place] += length * turn.distress
    return [
        _SegmentWords(seconds[place], emotions[place] / seconds[place],
                      float(distress[place] / seconds[place]))
        if segment.status == "scored" and seconds[place] > 0.0 else None
        for place, segment in enumerate(report.segments)
    ]  # fmt: skip


def disagreements(report: CallReport) -> list[tuple[float, float, Disagreement]]:
    """Return where voice and words disagree strongly: start, end, and how."""
    beside = words_beside_voice(report)
    found: list[tuple[float, float, Disagreement]] = []
    for segment in report.segments:
        row = beside.get(segment.index)
        if row is None or row.disagreement is None:
            continue
        if found and found[-1][1:] == (segment.start_seconds, row.disagreement):
            found[-1] = (found[-1][0], segment.end_seconds, row.disagreement)
        else:
            found.append((segment.start_seconds, segment.end_seconds, row.disagreement))
    return found


def disagreement_of_moments(report: CallReport) -> list[str]:
    """Return for each moment of the score what is said where voice and words disagree.

    Empty for a moment in which they do not.
    """
    found = disagreements(report)
    begins = sorted({change.at_seconds for change in report.score.transitions})
    ends = dict(itertools.pairwise([*begins, float("inf")]))
    return [
        next(
            (
                WHAT_DISAGREES[kind]
                for start, stop, kind in found
                if start < ends[change.at_seconds] and stop > change.at_seconds
            ),
            "",
        )
        for change in report.score.transitions
    ]


def of_voice_alone(score: VoiceScore) -> str:
    """Return what the voice alone gives, for people: ``by the voice alone 5.3 (4.1 to 6.6)``."""
    span = ""
    if score.low is not None and score.high is not None:
        span = f" ({score.low:.1f} to {score.high:.1f})"
    return f"by the voice alone {score.value:.1f}{span}, {score.outcome}"


def _disagreement_notices(report: CallReport) -> list[Notice]:
    notices = []
    for kind, what in WHAT_DISAGREES.items():
        starts = [start for start, _, found in disagreements(report) if found == kind]
        if not starts:
            continue
        more = len(starts) - 1
        others = f" and in {more} more place{'s' if more > 1 else ''}" if more else ""
        notices.append(
            Notice(
                code=DISAGREEMENT_CODE,
                message=f"At {format_clock(starts[0])}{others}: {what[0].lower()}{what[1:]}",
                at_seconds=starts[0],
            )
        )
    return notices


def joined_score(report: CallReport, *, matter_of_fact: Sequence[float]) -> CallReport:
    """Return a report whose score is made of voice and words.

    Parameters
    ----------
    report : CallReport
        With words.
    matter_of_fact : sequence of float
        As in `joined_probabilities`.

    Returns
    -------
    CallReport
        Scored by the voice alone where there is no score, or no word of the customer's of
        which emotions were read, or where the report is of schema 1 and could not be
        brought back to the voice alone.
    """
    alone = voice_alone(report)
    said = [] if report.words is None else _words_by_segment(report)
    known = all(s.heard is not None for s in report.segments if s.status == "scored")
    if alone.score.value is None or not any(said) or not known:
        return alone
    silent = (0.0,) * len(EMOTIONS)
    table = joined_probabilities(
        np.array([segment.probabilities or silent for segment in alone.segments]),
        np.array([silent if found is None else found.emotions for found in said]),
        matter_of_fact=matter_of_fact,
        shares=[
            0.0 if found is None else min(found.seconds / max(segment.speech_seconds, 0.01), 1.0)
            for segment, found in zip(report.segments, said, strict=True)
        ],
    )
    return _scored(alone, table, voice_score=_as_voice_score(alone.score))


def voice_alone(report: CallReport) -> CallReport:
    """Return a report as the voice alone gives it."""
    if report.score.score_from == VOICE:
        return report
    places = [place for place, s in enumerate(report.segments) if s.heard is not None]
    table = np.zeros((len(report.segments), len(EMOTIONS)))
    table[places] = smooth_probabilities(
        np.array([report.segments[place].heard for place in places]),
        indices=np.array([report.segments[place].index for place in places], dtype=np.int64),
    )
    return _scored(report, table, voice_score=None)


def _scored(report: CallReport, table: FloatArray, *, voice_score: VoiceScore | None) -> CallReport:
    """Score a table of probabilities in the segments' stead."""
    scored = np.array([segment.status == "scored" for segment in report.segments])
    speech = np.array([segment.speech_seconds for segment in report.segments])
    score = score_probabilities(
        table,
        speech_seconds=np.where(scored, speech, 0.0),
        segment_seconds=SEGMENT_SECONDS,
        unjudged_seconds=_unjudged_seconds(report, judged=float(speech[scored].sum())),
        least_reach=reach_of(voice_score),
    )
    score = replace(
        with_places_to_play(score, report.talk),
        score_from=VOICE if voice_score is None else VOICE_AND_WORDS,
        voice_alone=voice_score,
    )
    segments = tuple(
        replace(segment, **judgement(row, score, place)) if segment.status == "scored" else segment
        for place, (segment, row) in enumerate(zip(report.segments, table, strict=True))
    )
    return replace(report, score=score, segments=segments)


def _unjudged_seconds(report: CallReport, *, judged: float) -> float:
    """Return how much of the customer's speech was not judged, by what the report says."""
    coverage = report.score.coverage
    if coverage:
        return judged / coverage - judged
    return sum(s.speech_seconds for s in report.segments if s.status == "low_information")


def _as_voice_score(score: CallScore) -> VoiceScore:
    assert score.value is not None
    return VoiceScore(value=score.value, low=score.low, high=score.high, outcome=score.outcome)


def reach_of(score: CallScore | VoiceScore | None) -> tuple[float, float]:
    """Return how far an interval reaches below and above its value, in points."""
    if score is None or score.value is None or score.low is None or score.high is None:
        return 0.0, 0.0
    return score.value - score.low, score.high - score.value
