r"""Measure what matters on real callers: ordinary speech, and natural anger.

    python -m calmscore.training.ordinary_evaluation --ordinary data/ordinary \
        --other-corpora data/other-corpora --run runs/default

Ordinary speech is analysed as calls are. Each source is judged by the average of the
members that were trained without it (``--run``), and by the shipped network, which has
heard all of them. Other corpora were never trained on; their clips go through a
telephone line.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from calmscore.analysis.call import analyze_recording
from calmscore.analysis.distress import DISTRESSED, distress
from calmscore.audio.recording import read_recording
from calmscore.network.classifier import (
    DEFAULT_ARTIFACTS,
    EmotionClassifier,
    load_classifier,
    with_network,
)
from calmscore.training.clip_evaluation import listen_to_clips
from calmscore.training.corpora.ordinary import ordinary_recordings, source_of
from calmscore.training.corpora.reading import read_corpus
from calmscore.training.ending import with_exit_code, write_json

Figures = dict[str, Any]
FloatArray = npt.NDArray[np.float64]

ORDINARY_EVALUATION_FILE = "ordinary_evaluation.json"

_LINES = 5


def calm_shares(
    folder: Path, classifiers: Mapping[str, EmotionClassifier], *, shipped: EmotionClassifier
) -> list[Figures]:
    """Measure how much of ordinary speech is taken for distress.

    Parameters
    ----------
    folder : Path
        With a sub-folder of recordings for each source. Of a stereo call the left side,
        the agent's, counts: the customer may have a reason to complain.
    classifiers : mapping of str to EmotionClassifier
        The network that was trained without each source; may be empty.
    shipped : EmotionClassifier
        The network that has heard all of them.

    Returns
    -------
    list of dict
        For each source and network: recordings, scored segments, their share with a
        distress of 0.5 or more, and how often each outcome came up.
    """
    recordings: dict[str, list[Path]] = {}
    for path in ordinary_recordings(folder):
        recordings.setdefault(source_of(path, folder), []).append(path)
    rows = []
    for source, paths in recordings.items():
        networks = {"shipped": shipped}
        if source in classifiers:
            networks = {"trained without it": classifiers[source], **networks}
        for name, classifier in networks.items():
            rows.append({"source": source, "network": name, **_calm_figures(paths, classifier)})
    return rows


def _calm_figures(paths: Sequence[Path], classifier: EmotionClassifier) -> Figures:
    heard: list[float] = []
    given_the_call: list[float] = []
    outcomes: Counter[str] = Counter()
    for path in tqdm(paths, desc=paths[0].parent.name, leave=False, disable=None):
        report = analyze_recording(
            read_recording(path), customer_channel="left", classifier=classifier
        )
        scored = [segment for segment in report.segments if segment.status == "scored"]
        if scored:
            heard += distress(np.array([segment.heard for segment in scored])).tolist()
            given_the_call += [float(segment.distress or 0.0) for segment in scored]
        outcomes[report.score.outcome] += 1
    return {
        "recordings": len(paths),
        "segments": len(heard),
        "distressed": float(np.mean(np.array(given_the_call) >= DISTRESSED)),
        "distressed_alone": float(np.mean(np.array(heard) >= DISTRESSED)),
        "outcomes": dict(sorted(outcomes.items())),
    }


def anger_against_neutral(folder: Path, classifier: EmotionClassifier) -> list[Figures]:
    """Measure how well anger is told from neutral in corpora that nobody trained on.

    Parameters
    ----------
    folder : Path
        With a sub-folder for each corpus.

    Returns
    -------
    list of dict
        For each corpus, over several draws of a telephone line, because one draw of its
        noise moves the figures of a few dozen clips by some points: clips, the area under
        the ROC curve of the distress of angry against neutral clips as a mean, the lowest
        and the highest, and the mean shares of both with a distress of 0.5 or more.
    """
    rows = []
    for part in sorted(path for path in folder.iterdir() if path.is_dir()):
        clips = [clip for clip in read_corpus(part) if clip.original_emotion in _ANGER | _NEUTRAL]
        values = np.stack([
            distress(listen_to_clips(classifier, clips, telephone=True, seed=line).heard)
            for line in range(_LINES)
        ])  # fmt: skip
        angry = np.array([clip.original_emotion in _ANGER for clip in clips])
        areas = [float(roc_auc_score(angry, row)) for row in values]
        rows.append(
            {
                "corpus": clips[0].corpus,
                "clips": len(clips),
                "lines": _LINES,
                "auc": float(np.mean(areas)),
                "auc_lowest": min(areas),
                "auc_highest": max(areas),
                "neutral_distressed": float(np.mean(values[:, ~angry] >= DISTRESSED)),
                "anger_distressed": float(np.mean(values[:, angry] >= DISTRESSED)),
            }
        )
    return rows


# The corpora's own words; calm is another act than neutral and is left out.
_ANGER, _NEUTRAL = {"anger", "angry"}, {"neutral"}


def _members(run: Path | None, shipped: EmotionClassifier) -> dict[str, EmotionClassifier]:
    """Return the networks of a training run by the source that each was trained without."""
    if run is None:
        return {}
    from calmscore.training.trained_network import members_network, members_without

    return {
        source: with_network(shipped, members_network(folders))
        for source, folders in members_without(run).items()
    }


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--ordinary", type=Path, default=Path("data/ordinary"))
    parser.add_argument("--other-corpora", type=Path, default=Path("data/other-corpora"))
    parser.add_argument("--run", type=Path, help="folder of the training run, for its members")
    parser.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    options = parser.parse_args(arguments)
    shipped = load_classifier(options.artifacts)
    results = {
        "model": {"version": shipped.settings.version, "sha256": shipped.sha256},
        "ordinary": calm_shares(options.ordinary, _members(options.run, shipped), shipped=shipped),
        "anger_against_neutral": anger_against_neutral(options.other_corpora, shipped),
    }
    _print(results)
    write_json(options.json, results)


def _print(results: Figures) -> None:
    print("ordinary speech: segments with a distress of 0.5 or more")
    for row in results["ordinary"]:
        print(
            f"  {row['source']:<12}{row['network']:<20}{row['distressed']:7.1%} of "
            f"{row['segments']:5d}  (segment alone {row['distressed_alone']:.1%})  "
            + ", ".join(f"{count} {name}" for name, count in row["outcomes"].items())
        )
    print(f"anger against neutral, mean over {_LINES} draws of a telephone line")
    for row in results["anger_against_neutral"]:
        print(
            f"  {row['corpus']:<12}AUC {row['auc']:.3f} "
            f"({row['auc_lowest']:.3f}–{row['auc_highest']:.3f})  neutral at 0.5 or more "
            f"{row['neutral_distressed']:.1%}, anger {row['anger_distressed']:.1%}"
        )


if __name__ == "__main__":
    sys.exit(main())
