"""Measure the score itself: on composed calls of which listeners said what they heard.

    python -m calmscore.training.call_evaluation --data data/AudioWAV [--json FILE]

Calls are composed of the clips of one validation speaker each, twelve trajectories
per speaker, through a telephone line. The analysis is the one that the product runs.
Its score is compared with the score of the listeners' votes on the same clips, and
its interval is counted as right where it holds that score. The last row scores voice and words,
of sentences that say nothing of a mood: how much harm the words do where they carry nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from scipy.stats import spearmanr
from tqdm import tqdm

from calmscore.analysis.call import listen_to_call, score_given_the_call
from calmscore.analysis.call_score import INSUFFICIENT_EVIDENCE, CallScore
from calmscore.analysis.distress import DISTRESSED, distress, told_emotions
from calmscore.analysis.inertia import STAY_PROBABILITY, smooth_probabilities
from calmscore.analysis.scoring import score_probabilities
from calmscore.analysis.segments import SegmentedCall, segment_call
from calmscore.analysis.voice_and_words import joined_probabilities, reach_of
from calmscore.emotions import BY_NAME, EMOTIONS
from calmscore.errors import CorpusError
from calmscore.network.classifier import DEFAULT_ARTIFACTS, EmotionClassifier, load_classifier
from calmscore.training.clip_sounds import read_clip
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.composed import (
    LINE_GAIN_DB,
    TRAJECTORIES,
    ComposedCall,
    compose_calls,
)
from calmscore.training.corpora.reading import validation_clips
from calmscore.training.ending import with_exit_code, write_json
from calmscore.words.text_emotion import TextEmotionClassifier, load_text_classifier

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Smoothing = Callable[[FloatArray, IntArray], FloatArray]
Votes = Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class HeardCall:
    """A composed call after segmentation and classification.

    Attributes
    ----------
    call : ComposedCall
        With what was meant.
    segmented : SegmentedCall
        As the analysis cuts it.
    heard : array, shape (judged segments, 6)
        What the classifier says of each segment alone.
    votes : array, shape (segments, 6)
        Share of the listeners' votes on each segment's clip.
    truth : CallScore
        The score of the listeners' votes.
    """

    call: ComposedCall
    segmented: SegmentedCall
    heard: FloatArray
    votes: FloatArray
    truth: CallScore


def hear(call: ComposedCall, classifier: EmotionClassifier, votes: Votes) -> HeardCall:
    """Segment and classify a composed call, as an analysis does.

    Parameters
    ----------
    call : ComposedCall
        The call.
    votes : mapping of str to array, shape (6,)
        Share of the listeners' votes by clip name.
    """
    segmented = segment_call(call.recording, customer_channel="left")
    table = np.stack([votes[name] for name in call.clips]).astype(np.float64)
    return HeardCall(
        call=call,
        segmented=segmented,
        heard=listen_to_call(segmented, classifier).heard.astype(np.float64),
        votes=table,
        truth=score_probabilities(table, speech_seconds=np.full(len(table), 3.0)),
    )


def _average(probabilities: FloatArray, _: IntArray) -> FloatArray:
    if not len(probabilities):
        return probabilities
    padded = np.pad(probabilities, ((1, 1), (0, 0)), mode="edge")
    return np.asarray(0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:])


def _inertia(probabilities: FloatArray, indices: IntArray, *, stay: float) -> FloatArray:
    return smooth_probabilities(probabilities, indices=indices, stay_probability=stay)


def shifted_to_usual(
    probabilities: FloatArray, indices: IntArray, *, largest_shift: float
) -> FloatArray:
    """Smooth a call whose zero point was moved towards that of most calls.

    The quarter of the segments that is calmest tells how a person sounds when nothing is
    wrong. Its log-odds of distress are drawn towards the usual ones.

    Parameters
    ----------
    probabilities : array, shape (n, 6)
        What the classifier says of each segment alone.
    indices : array of int, shape (n,)
        Where in the call each segment is.
    largest_shift : float
        Bound of the shift, in log-odds of the negative emotions.

    Returns
    -------
    array, shape (n, 6)
    """
    if len(probabilities):
        level = float(np.percentile(logit(np.clip(distress(probabilities), 1e-4, 1 - 1e-4)), 25))
        shift = np.clip(_SHARE_OF_THE_WAY * (_USUAL_LEVEL - level), -largest_shift, largest_shift)
        probabilities = probabilities * np.where(_NEGATIVE, np.exp(shift), 1.0)
        probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    return smooth_probabilities(probabilities, indices=indices)


# The median of the composed calls, which favours the shift.
_USUAL_LEVEL = -2.0
_SHARE_OF_THE_WAY = 0.3
_NEGATIVE = np.array([BY_NAME[name].valence == "negative" for name in EMOTIONS])
_STAYS = (0.2, 0.3, 0.35, 0.4, 0.5, 0.7)
SMOOTHINGS: dict[str, Smoothing] = {
    "none": lambda probabilities, _: probabilities,
    "average of three": _average,
    **{f"Markov, stay {stay}": partial(_inertia, stay=stay) for stay in _STAYS},
    **{
        f"usual voice, up to {largest}": partial(shifted_to_usual, largest_shift=largest)
        for largest in (0.3, 1.0)
    },
}
WITH_WORDS = "voice and words"
SHIPPED = f"Markov, stay {STAY_PROBABILITY}"
NAMED = "named"


def smoothed_score(call: HeardCall, smoothing: Smoothing) -> CallScore:
    """Score a call by its voice, its probabilities smoothed."""
    return score_given_the_call(call.segmented, smoothing(call.heard, _places(call)))


def score_with_words(call: HeardCall, words: TextEmotionClassifier) -> CallScore:
    """Score a call by voice and words, as the setting *voice and words* does.

    The words are the clips' sentences, as if every one had been written down.
    """
    voice = smooth_probabilities(call.heard, indices=_places(call))
    sentences = [
        crema_d.parse_name(call.call.clips[place]).sentence or "" for place in _places(call)
    ]
    joined = joined_probabilities(
        voice,
        words.predict_proba(sentences),
        matter_of_fact=words.settings.matter_of_fact,
        shares=np.ones(len(voice)),
    )
    alone = score_given_the_call(call.segmented, voice)
    return score_given_the_call(call.segmented, joined, least_reach=reach_of(alone))


def naming(calls: Sequence[HeardCall]) -> dict[str, dict[str, float]]:
    """Compare what segments are told as with what listeners call their clips.

    Parameters
    ----------
    calls : sequence of HeardCall
        One or more, with judged segments.

    Returns
    -------
    dict
        Of what a report tells and, for comparison, of the likeliest emotion: ``same_majority``,
        the share of segments told as the emotion with the most votes; ``same_side``, that of
        segments told as negative where most votes are, and otherwise not; ``contradicts``, that
        of segments told as calm or happy though distressed, or as negative though not.
    """
    given = np.concatenate(
        [smooth_probabilities(call.heard, indices=_places(call)) for call in calls]
    )
    votes = np.concatenate([call.votes[_places(call)] for call in calls])
    levels = distress(given)
    upset = votes[:, _NEGATIVE].sum(axis=1) > 0.5 * votes.sum(axis=1)
    named = {"told": told_emotions(given, levels), "likeliest": given.argmax(axis=1)}
    return {
        way: {
            "same_majority": float(np.mean(votes[range(len(votes)), names] == votes.max(axis=1))),
            "same_side": float(np.mean(_NEGATIVE[names] == upset)),
            "contradicts": float(np.mean(_NEGATIVE[names] != (levels >= DISTRESSED))),
        }
        for way, names in named.items()
    }


def _places(call: HeardCall) -> IntArray:
    return np.array([segment.index for segment in call.segmented.judged], dtype=np.int64)


def compare(
    calls: Sequence[HeardCall], score_of: Callable[[HeardCall], CallScore]
) -> dict[str, Any]:
    """Compare scores of what the model heard with scores of what listeners heard.

    Parameters
    ----------
    calls : sequence of HeardCall
        What to score.
    score_of : callable
        Scores a call.

    Returns
    -------
    dict
        Number of calls and of those without a score; mean absolute error and bias in
        points, Spearman's rank correlation, share of equal outcomes; share of intervals
        that hold the listeners' score and their mean width, of all calls that have an
        interval; and the mean absolute error of each trajectory.
    """
    errors: dict[str, list[float]] = {name: [] for name in TRAJECTORIES}
    pairs, same_outcome, held, widths = [], [], [], []
    unsure = 0
    for call in calls:
        score = score_of(call)
        truth = call.truth.value
        if truth is None or score.low is None or score.high is None:
            continue
        held.append(score.low <= truth <= score.high)
        widths.append(score.high - score.low)
        if score.value is None:
            unsure += 1
            continue
        pairs.append((score.value, truth))
        same_outcome.append(score.outcome == call.truth.outcome)
        errors[call.call.trajectory].append(abs(score.value - truth))
    predicted, true = np.array(pairs).T
    return {
        "calls": len(pairs),
        "without_score": len(calls) - len(pairs),
        "too_unsure": unsure,
        "mean_absolute_error": float(np.abs(predicted - true).mean()),
        "bias": float((predicted - true).mean()),
        "rank_correlation": float(spearmanr(predicted, true).statistic),
        "same_outcome": float(np.mean(same_outcome)),
        "interval_holds": float(np.mean(held)),
        "interval_width": float(np.mean(widths)),
        "by_trajectory": {name: float(np.mean(v)) for name, v in errors.items() if v},
    }


def heard_calls(
    data: Path,
    classifier: EmotionClassifier,
    *,
    seed: int = 0,
    line_gain_db: tuple[float, float] = LINE_GAIN_DB,
) -> list[HeardCall]:
    """Compose and classify calls of the validation speakers.

    Parameters
    ----------
    data : Path
        Folder with CREMA-D's clips and, there or above it, the listeners' votes.
    seed : int
        Fixes the calls.
    line_gain_db : tuple of float
        Range from which a call's gain is drawn.

    Returns
    -------
    list of HeardCall
        Those whose truth has a score.

    Raises
    ------
    CorpusError
        If the folder has no clip of the validation speakers, or no votes.
    """
    votes = crema_d.votes_by_name(data)
    clips = [clip for clip in validation_clips(data) if clip.name in votes]
    if not clips:
        raise CorpusError(f"{data}: holds no clip of the validation speakers with votes")
    composed = compose_calls(clips, read_clip=read_clip, seed=seed, line_gain_db=line_gain_db)
    total = len({clip.speaker for clip in clips}) * len(TRAJECTORIES)
    calls = [
        hear(call, classifier, votes)
        for call in tqdm(composed, total=total, desc="composed calls", disable=None)
    ]
    return [call for call in calls if call.truth.outcome != INSUFFICIENT_EVIDENCE]


def _print(results: dict[str, Any], named: dict[str, dict[str, float]]) -> None:
    print(
        f"{'':22}{'error':>6}{'bias':>7}{'rank':>7}{'outcome':>9}{'interval':>10}{'width':>7}"
        f"{'n':>5}{'unsure':>8}"
    )
    for name, row in results.items():
        print(
            f"{name:<22}{row['mean_absolute_error']:6.2f}{row['bias']:+7.2f}"
            f"{row['rank_correlation']:7.3f}{row['same_outcome']:9.0%}"
            f"{row['interval_holds']:10.0%}{row['interval_width']:7.2f}{row['calls']:5d}"
            f"{row['too_unsure']:8d}{'  (shipped)' if name == SHIPPED else ''}"
        )
    print("\nMean absolute error by trajectory, as shipped")
    for name, error in results[SHIPPED]["by_trajectory"].items():
        print(f"  {name:<30}{error:5.2f}")
    print("\nWhat segments are told as, and their likeliest emotion")
    for way, row in named.items():
        print(
            f"  {way:<10} the most votes {row['same_majority']:.1%}, upset or not as most votes "
            f"{row['same_side']:.1%}, against their distress {row['contradicts']:.1%}"
        )


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="CREMA-D's clips")
    parser.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--line-gain-db",
        type=float,
        nargs=2,
        default=LINE_GAIN_DB,
        metavar=("LEAST", "MOST"),
        help="how much softer and louder the lines are (default: {:g} {:g})".format(*LINE_GAIN_DB),
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    options = parser.parse_args(arguments)
    calls = heard_calls(
        options.data,
        load_classifier(options.artifacts),
        seed=options.seed,
        line_gain_db=tuple(options.line_gain_db),
    )
    results = {
        name: compare(calls, partial(smoothed_score, smoothing=smoothing))
        for name, smoothing in SMOOTHINGS.items()
    }
    words = load_text_classifier(options.artifacts)
    results[WITH_WORDS] = compare(calls, partial(score_with_words, words=words))
    named = naming([call for call in calls if len(call.heard)])
    _print(results, named)
    write_json(options.json, results | {NAMED: named})


if __name__ == "__main__":
    sys.exit(main())
