"""Measure the score itself: on composed calls whose true emotions are known.

    python -m calmscore.training.call_evaluation --data data/AudioWAV [--json FILE]

Calls are composed of the clips of one validation speaker each, twelve trajectories
per speaker, through a telephone line. The score of the whole analysis is compared
with the score of the true emotions, for several ways of adapting to the call and of
smoothing over time.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from scipy.stats import spearmanr
from tqdm import tqdm

from calmscore.analysis.inertia import STAY_PROBABILITY, smooth_probabilities
from calmscore.analysis.scoring import CallScore, score_emotions, score_probabilities
from calmscore.analysis.segments import level_gain, segment_call
from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.emotions import EMOTIONS
from calmscore.errors import CalmscoreError, CorpusError
from calmscore.network.classifier import DEFAULT_ARTIFACTS, EmotionClassifier, load_classifier
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.composed import (
    LINE_GAIN_DB,
    TRAJECTORIES,
    ComposedCall,
    compose_calls,
)
from calmscore.training.corpora.reading import read_corpus
from calmscore.training.training_sets import read_clip

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Smoothing = Callable[[FloatArray, IntArray], FloatArray]

_CENTRED_SHARES = (0.25, 0.5, 1.0)


@dataclass(frozen=True, kw_only=True)
class ClassifiedCall:
    """A composed call after segmentation and classification.

    Attributes
    ----------
    call : ComposedCall
        With the truth.
    indices : array of int, shape (n,)
        Segments that were scored.
    speech_seconds : array, shape (n,)
        Their speech.
    probabilities : dict of str to array, shape (n, 6)
        Without smoothing, by adaptation to the call: its speech brought to the training
        level (``level adapted``), that and `centred` by a share, or ``as recorded``.
    """

    call: ComposedCall
    indices: IntArray
    speech_seconds: FloatArray
    probabilities: dict[str, FloatArray]


def classify(call: ComposedCall, classifier: EmotionClassifier) -> ClassifiedCall:
    """Segment and classify a composed call, as an analysis does."""
    segments = segment_call(call.recording, customer_channel="left").segments
    voices = [segment for segment in segments if segment.samples is not None]
    sounds = [segment.samples for segment in voices if segment.samples is not None]
    gain = level_gain(sounds, wanted_level_db=classifier.settings.speech_level_db)
    probabilities: dict[str, FloatArray] = {
        name: classifier.predict_proba(
            [np.clip(sound * factor, -1.0, 1.0) for sound in sounds],
            sample_rate_hz=ANALYSIS_RATE_HZ,
        ).astype(np.float64)
        for name, factor in (("level adapted", gain), ("as recorded", np.float32(1.0)))
    }
    for share in _CENTRED_SHARES:
        probabilities[f"centred {share:.0%}"] = centred(probabilities["level adapted"], share=share)
    return ClassifiedCall(
        call=call,
        indices=np.array([segment.index for segment in voices], dtype=np.int64),
        speech_seconds=np.array([segment.speech_seconds for segment in voices]),
        probabilities=probabilities,
    )


def centred(probabilities: FloatArray, *, share: float) -> FloatArray:
    """Normalise to the speaker: move the mean of a call's logits towards equal emotions.

    The classifier is linear in its pooled features, so this is what subtracting a
    share of the speaker's mean features does.

    Parameters
    ----------
    probabilities : array, shape (n, 6)
        Of the segments of one call.
    share : float
        0 leaves them, 1 makes every emotion equally likely on average.
    """
    logits = np.log(np.maximum(probabilities, 1e-9))
    return np.asarray(softmax(logits - share * logits.mean(axis=0), axis=1))


def _argmax(probabilities: FloatArray, _: IntArray) -> FloatArray:
    return np.asarray(np.eye(len(EMOTIONS))[probabilities.argmax(axis=1)])


def _average(probabilities: FloatArray, _: IntArray) -> FloatArray:
    if not len(probabilities):
        return probabilities
    padded = np.pad(probabilities, ((1, 1), (0, 0)), mode="edge")
    return np.asarray(0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:])


def _inertia(probabilities: FloatArray, indices: IntArray, *, stay: float) -> FloatArray:
    return smooth_probabilities(probabilities, indices=indices, stay_probability=stay)


SMOOTHINGS: dict[str, Smoothing] = {
    "none": lambda probabilities, _: probabilities,
    "best emotion per segment": _argmax,
    "average of three": _average,
    **{f"Markov, stay {p}": partial(_inertia, stay=p) for p in (0.5, 0.6, 0.7, 0.8, 0.9)},
}
SHIPPED = ("level adapted", f"Markov, stay {STAY_PROBABILITY}")


def _score(classified: ClassifiedCall, probabilities: FloatArray) -> CallScore:
    count = len(classified.call.emotions)
    table, speech = np.zeros((count, len(EMOTIONS))), np.zeros(count)
    table[classified.indices] = probabilities
    speech[classified.indices] = classified.speech_seconds
    return score_probabilities(table, speech_seconds=speech)


def compare(
    calls: Sequence[ClassifiedCall], adaptation: str, smoothing: Smoothing
) -> dict[str, Any]:
    """Compare scores from predictions with scores from the true emotions.

    Parameters
    ----------
    calls : sequence of ClassifiedCall
        What to score.
    adaptation : str
        A key of the calls' ``probabilities``.
    smoothing : callable
        From probabilities and places to probabilities.

    Returns
    -------
    dict
        Number of calls and of those without a score, mean absolute error and bias in
        points, Spearman's rank correlation, share of equal outcomes, share of right
        segments, and the mean absolute error of each trajectory.
    """
    errors: dict[str, list[float]] = {name: [] for name in TRAJECTORIES}
    predicted, true, same_outcome, right = [], [], [], []
    unscored = 0
    for classified in calls:
        probabilities = smoothing(classified.probabilities[adaptation], classified.indices)
        score, truth = _score(classified, probabilities), score_emotions(classified.call.emotions)
        if score.value is None or truth.value is None:
            unscored += 1
            continue
        predicted.append(score.value)
        true.append(truth.value)
        same_outcome.append(score.outcome == truth.outcome)
        names = [EMOTIONS[i] for i in probabilities.argmax(axis=1)]
        right += [
            name == classified.call.emotions[i]
            for name, i in zip(names, classified.indices, strict=True)
        ]
        errors[classified.call.trajectory].append(abs(score.value - truth.value))
    difference = np.array(predicted) - np.array(true)
    return {
        "calls": len(predicted),
        "without_score": unscored,
        "mean_absolute_error": float(np.abs(difference).mean()),
        "bias": float(difference.mean()),
        "rank_correlation": float(spearmanr(predicted, true).statistic),
        "same_outcome": float(np.mean(same_outcome)),
        "segment_accuracy": float(np.mean(right)),
        "by_trajectory": {name: float(np.mean(v)) for name, v in errors.items() if v},
    }


def evaluate_calls(
    data: Path,
    classifier: EmotionClassifier,
    *,
    seed: int = 0,
    line_gain_db: tuple[float, float] = LINE_GAIN_DB,
) -> dict[str, Any]:
    """Compose, classify and score calls of the validation speakers.

    Parameters
    ----------
    data : Path
        Folder with CREMA-D's clips.
    classifier : EmotionClassifier
        The model.
    seed : int
        Fixes the calls.
    line_gain_db : tuple of float
        Range from which a call's gain is drawn.

    Returns
    -------
    dict
        The figures of `compare`, by adaptation and smoothing.

    Raises
    ------
    CorpusError
        If the folder has no clip of the validation speakers.
    """
    clips = [
        clip
        for clip in read_corpus(data, corpus=crema_d.CORPUS)
        if crema_d.usable(clip) and clip.speaker_id in crema_d.VALIDATION_SPEAKERS
    ]
    if not clips:
        raise CorpusError(f"{data}: holds no clip of the validation speakers")
    composed = compose_calls(clips, read_clip=read_clip, seed=seed, line_gain_db=line_gain_db)
    total = len({clip.speaker for clip in clips}) * len(TRAJECTORIES)
    calls = [
        classify(call, classifier)
        for call in tqdm(composed, total=total, desc="composed calls", disable=None)
    ]
    return {
        adaptation: {
            name: compare(calls, adaptation, function) for name, function in SMOOTHINGS.items()
        }
        for adaptation in calls[0].probabilities
    }


def _print(results: dict[str, Any]) -> None:
    print(f"{'':14}{'':26}{'MAE':>6}{'bias':>7}{'rank':>7}{'outcome':>9}{'segments':>10}{'n':>5}")
    for adaptation, rows in results.items():
        for name, row in rows.items():
            shipped = "  (shipped)" if (adaptation, name) == SHIPPED else ""
            print(
                f"{adaptation:<14}{name:<26}{row['mean_absolute_error']:6.2f}{row['bias']:+7.2f}"
                f"{row['rank_correlation']:7.3f}{row['same_outcome']:9.0%}"
                f"{row['segment_accuracy']:10.1%}{row['calls']:5d}{shipped}"
            )
    print("\nMean absolute error by trajectory, as shipped")
    for name, error in results[SHIPPED[0]][SHIPPED[1]]["by_trajectory"].items():
        print(f"  {name:<30}{error:5.2f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 0, or 3 with one line of reason."""
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
    try:
        results = evaluate_calls(
            options.data,
            load_classifier(options.artifacts),
            seed=options.seed,
            line_gain_db=tuple(options.line_gain_db),
        )
    except CalmscoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    _print(results)
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
