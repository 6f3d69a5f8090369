"""Train, evaluate and compare the Keras networks; the command line ``python model.py``.

python train_data_preprocessing.py --data data/AudioWAV --output data/training
python model.py train --training-set data/training --run runs/default
python model.py cross-validate --training-set data/training --run runs/cross-validation
python model.py evaluate --data data/AudioWAV --speakers validation [--telephone]
python model.py compare
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from calmscore.analysis.scoring import DISTRESS_MIDPOINT, DISTRESS_SLOPE
from calmscore.emotions import EMOTIONS
from calmscore.errors import CalmscoreError, CorpusError
from calmscore.network.classifier import (
    DEFAULT_ARTIFACTS,
    MODEL_FILE,
    SETTINGS_FILE,
    ArtifactSettings,
    EmotionClassifier,
    Hearing,
    load_classifier,
    without_native_messages,
)
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.reading import read_corpus
from calmscore.training.evaluation import Metrics, fit_distress_scale, measure, measure_heard
from calmscore.training.recipe import CROSS_VALIDATED, FINAL, MEMBER, TRUNK, Recipe

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

FloatArray = npt.NDArray[np.float32]

MODEL_NAME = "calmscore-whisper-transformer"
METRICS_FILE = "metrics.json"
RECIPE_FILE = "recipe.json"
CROSS_VALIDATION_FILE = "cross_validation.json"
DEMOGRAPHICS_FILE = "VideoDemographics.csv"
_CLIPS_AT_ONCE = 64


def train(options: argparse.Namespace) -> None:
    """Train the trunk and its members, average them, and write the artifact.

    Without prepared ordinary speech the trunk alone is trained.

    Parameters
    ----------
    options : argparse.Namespace
        ``training_set``, ``run``, ``artifacts``, ``version``, ``whisper_weights``,
        ``member_epochs``, ``member_rate``, ``ordinary_per_member_batch``, and the fields
        of the trunk's recipe.
    """
    from calmscore.training.fine_tuning import FineTuning, average_members, package
    from calmscore.training.training_sets import load_training_set

    trunk = _recipe(options)
    whisper = dict(options.whisper_weights).get(trunk.whisper)
    acted: dict[str, Any] = {"train": load_training_set(options.training_set / "train"),
             "validation": load_training_set(options.training_set / "validation")}  # fmt: skip
    ordinary = options.training_set / "ordinary"
    voices = [acted["train"], *([load_training_set(ordinary)] if ordinary.is_dir() else [])]
    print("trunk", flush=True)
    weights = [FineTuning(trunk, **acted, folder=options.run / "trunk", whisper=whisper).run()]
    members = {}
    if ordinary.is_dir():
        members = _members(options, trunk, sources=sorted(set(voices[1].sources)))
        start = weights.pop()
        for source, member in members.items():
            print(f"member without {source}", flush=True)
            folder = options.run / f"without-{source}"
            tuning = FineTuning(member, **acted, ordinary=voices[1], folder=folder, start=start)
            weights.append(tuning.run())
    else:
        print(f"{ordinary}: no ordinary speech; acted speech alone is learnt", file=sys.stderr)
    standardise_on = _for_standardising(acted["train"])
    model = average_members(weights, recipe=trunk, standardise_on=standardise_on)
    final = None
    if members and options.final_epochs > 0:
        print("final", flush=True)
        start = options.run / "members.weights.h5"
        model.save_weights(start)
        final = _final(options, trunk)
        tuning = FineTuning(
            final, **acted, ordinary=voices[1], folder=options.run / "final", start=start
        )
        model = average_members([tuning.run()], recipe=trunk, standardise_on=standardise_on)
    options.artifacts.mkdir(parents=True, exist_ok=True)
    model, settings, metrics = package(model, validation=acted["validation"], voices=voices)
    model.save(options.artifacts / MODEL_FILE)
    ArtifactSettings(
        name=MODEL_NAME,
        version=options.version,
        speech_level_db=acted["train"].speech_level_db,
        log_mel=acted["train"].settings,
        **settings,
    ).write(options.artifacts / SETTINGS_FILE)
    _write_json(
        options.artifacts / RECIPE_FILE,
        {
            "trunk": trunk.to_dict(),
            "members_without": {name: member.to_dict() for name, member in members.items()},
            "final": None if final is None else final.to_dict(),
        },
    )
    _write_json(options.artifacts / METRICS_FILE, metrics)
    print(json.dumps(metrics, indent=2))


def _members(
    options: argparse.Namespace, trunk: Recipe, *, sources: Sequence[str]
) -> dict[str, Recipe]:
    """Return the recipe of the member that leaves each source out."""
    return {
        source: replace(
            trunk,
            seed=trunk.seed + _FIRST_MEMBER + index,
            head_epochs=0,
            epochs=options.member_epochs,
            encoder_rate=options.member_rate,
            ordinary_per_batch=options.ordinary_per_member_batch,
            left_out=source,
        )
        for index, source in enumerate(sources)
    }


def _final(options: argparse.Namespace, trunk: Recipe) -> Recipe:
    """Return the recipe that goes on from the members' average, with every source."""
    return replace(
        trunk,
        seed=trunk.seed + _FINAL,
        head_epochs=0,
        epochs=options.final_epochs,
        encoder_rate=options.final_rate,
        ordinary_per_batch=options.ordinary_per_member_batch,
        layer_decay=options.final_layer_decay,
    )


# Seeds of members are apart from the trunk's: other orders, other dropout.
_FIRST_MEMBER, _FINAL = 11, 31


def _for_standardising(training_set: Any) -> FloatArray:
    # A clip in four, each in another of its copies: enough for means and variances.
    rows = np.arange(0, len(training_set.labels), 4)
    copies = np.arange(rows.size) % len(training_set.log_mel)
    return np.asarray(training_set.log_mel[copies, rows], dtype=np.float32)


def validate_across(options: argparse.Namespace) -> None:
    """Cross-validate the recipe on the command line and store the figures.

    Parameters
    ----------
    options : argparse.Namespace
        ``training_set``, ``run``, ``folds``, ``json`` and the recipe's fields.
    """
    from calmscore.training.cross_validation import cross_validate
    from calmscore.training.training_sets import load_training_set

    recipe = _recipe(options)
    result = cross_validate(
        recipe,
        everyone=load_training_set(options.training_set / "everyone"),
        folder=options.run,
        whisper=dict(options.whisper_weights).get(recipe.whisper),
        folds=options.folds,
    )
    _write_json(options.json, result)
    for line in ("clean", "telephone"):
        for name, figure in result[line].items():
            print(f"{line:<10} {name:<28} {figure['mean']:.3f} ± {figure['sd']:.3f}")


def _recipe(options: argparse.Namespace) -> Recipe:
    return Recipe(**{field.name: getattr(options, field.name) for field in fields(Recipe)})


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def listen_to_clips(
    classifier: EmotionClassifier, clips: Sequence[Clip], *, telephone: bool, seed: int = 0
) -> Hearing:
    """Classify clips, each on its own.

    Parameters
    ----------
    classifier : EmotionClassifier
        The model.
    clips : sequence of Clip
        What to read.
    telephone : bool
        Send each clip through a telephone line first: 8 kHz, 300–3400 Hz, μ-law,
        20–30 dB signal-to-noise ratio.
    seed : int
        Fixes the line's noise.

    Returns
    -------
    Hearing
        What listeners would hear, and what was meant, with a row per clip.
    """
    from calmscore.training.training_sets import read_sounds

    rate = classifier.settings.log_mel.sample_rate_hz
    sounds = read_sounds(clips, telephone=telephone, seed=seed)
    parts = []
    for _ in tqdm(range(0, len(clips), _CLIPS_AT_ONCE), desc="classifying", disable=None):
        batch = list(islice(sounds, _CLIPS_AT_ONCE))
        parts.append(classifier.listen(batch, sample_rate_hz=rate))
    return Hearing(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Hearing)
        }
    )


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """Measure the artifact on a folder of clips, and print and return the figures.

    Parameters
    ----------
    options : argparse.Namespace
        ``data``, ``artifacts``, ``speakers``, ``telephone``, ``corpus``, ``json``.

    Returns
    -------
    dict
        Figures of what was meant in all clips under ``all``, and of each group under
        ``groups``; of what was heard under ``heard``, None without listeners' votes.
    """
    clips = _labelled_clips(options)
    classifier = load_classifier(options.artifacts)
    hearing = listen_to_clips(classifier, clips, telephone=options.telephone)
    labels = np.array([EMOTIONS.index(str(clip.emotion)) for clip in clips])
    overall = measure(hearing.intended, labels)
    groups = {
        name: measure(hearing.intended[members], labels[members])
        for name, members in _groups(clips, options.data).items()
    }
    line = "through a telephone line" if options.telephone else "clean"
    print(f"{len(clips)} clips of {len({c.speaker for c in clips})} speakers, {line}")
    print("what was meant")
    _print_metrics(overall)
    for name, figures in groups.items():
        print(f"  {name:<16} n {figures.clips:5d}   UAR {figures.uar:.3f}")
    result = {
        "clips": len(clips),
        "telephone": options.telephone,
        "model": {"version": classifier.settings.version, "sha256": classifier.sha256},
        "all": overall.to_dict(),
        "groups": {name: figures.to_dict() for name, figures in groups.items()},
        "heard": _heard_figures(clips, hearing, options.data),
    }
    if options.json is not None:
        _write_json(options.json, result)
    return result


def _heard_figures(clips: Sequence[Clip], hearing: Hearing, data: Path) -> dict[str, Any] | None:
    """Compare with the listeners' votes, and print the scale that they would give."""
    votes = crema_d.votes_by_name(data)
    rows = [index for index, clip in enumerate(clips) if clip.name in votes]
    if not rows:
        return None
    shares = np.stack([votes[clips[index].name] for index in rows]).astype(np.float64)
    heard = hearing.heard[rows].astype(np.float64)
    figures = measure_heard(heard, shares)
    midpoint, slope = fit_distress_scale(heard, shares)
    print(f"what listeners heard ({figures.clips} clips with votes)")
    print(f"divergence from the votes   {figures.divergence:.3f}")
    print(f"same majority               {figures.same_majority:.3f}")
    print(f"correlation of distress     {figures.distress_correlation:.3f}")
    print(
        f"scale of distress: midpoint {midpoint:.3f}, slope {slope:.2f} "
        f"(in use: {DISTRESS_MIDPOINT}, {DISTRESS_SLOPE})"
    )
    return {**figures.to_dict(), "distress_scale": {"midpoint": midpoint, "slope": slope}}


def _labelled_clips(options: argparse.Namespace) -> list[Clip]:
    clips = [clip for clip in read_corpus(options.data, corpus=options.corpus) if clip.emotion]
    clips = [clip for clip in clips if clip.corpus != crema_d.CORPUS or crema_d.usable(clip)]
    if options.speakers == "validation":
        clips = [clip for clip in clips if clip.speaker_id in crema_d.VALIDATION_SPEAKERS]
    elif options.speakers != "all":
        wanted = set(options.speakers.split(","))
        clips = [clip for clip in clips if clip.speaker_id in wanted]
    if not clips:
        raise CorpusError(f"{options.data}: holds no clip of speakers {options.speakers!r}")
    return clips


def _groups(clips: Sequence[Clip], data: Path) -> dict[str, npt.NDArray[np.bool_]]:
    tables = [folder / DEMOGRAPHICS_FILE for folder in (data, data.parent)]
    table = next((path for path in tables if path.is_file()), None)
    if table is None:
        return {}
    people = crema_d.read_demographics(table)
    known = [people.loc[clip.speaker_id] if clip.speaker_id in people.index else None
             for clip in clips]  # fmt: skip
    groups: dict[str, npt.NDArray[np.bool_]] = {}
    for column in ("sex", "age_band", "race"):
        values = [None if person is None else str(person[column]) for person in known]
        for value in sorted({value for value in values if value is not None}):
            groups[value] = np.array([other == value for other in values])
    return groups


def _print_metrics(figures: Metrics) -> None:
    print(f"accuracy                    {figures.accuracy:.3f}")
    print(f"UAR                         {figures.uar:.3f}")
    print(f"macro-F1                    {figures.macro_f1:.3f}")
    print(f"expected calibration error  {figures.expected_calibration_error:.3f}")
    print(f"UAR negative/neutral/positive  {figures.valence_uar:.3f}")
    print("confusion matrix (rows true, columns predicted)")
    print(" " * 10 + "".join(f"{name:>9}" for name in EMOTIONS))
    for name, row in zip(EMOTIONS, figures.confusion, strict=True):
        print(f"{name:<10}" + "".join(f"{count:9d}" for count in row))


def compare(options: argparse.Namespace) -> None:
    """Train and measure the family of simpler models, and print, store and document the table.

    Parameters
    ----------
    options : argparse.Namespace
        ``data``, ``training_set``, ``artifacts``, ``models``, ``epochs``, ``seed``,
        ``resume``, ``json``, ``page``.
    """
    with without_native_messages():
        from calmscore.training.comparison import MODELS, Comparison
        from calmscore.training.comparison import compare as run_comparison
    from calmscore.training.comparison_results import comparison_page, comparison_table

    comparison = Comparison(
        data=options.data,
        training_set=options.training_set,
        artifacts=options.artifacts,
        seed=options.seed,
        epochs=options.epochs,
    )
    results = run_comparison(
        comparison, output=options.json, models=options.models or MODELS, resume=options.resume
    )
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(comparison_page(results), encoding="utf-8")
    print(comparison_table(results), end="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="model.py", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("train", help="train a network and write the artifact")
    _add_training_options(training, run="default", recipe=TRUNK)
    training.add_argument("--member-epochs", type=int, default=MEMBER.epochs)
    training.add_argument("--member-rate", type=float, default=MEMBER.encoder_rate)
    training.add_argument("--final-epochs", type=int, default=FINAL.epochs)
    training.add_argument("--final-layer-decay", type=float, default=FINAL.layer_decay)
    training.add_argument("--final-rate", type=float, default=FINAL.encoder_rate)
    training.add_argument(
        "--ordinary-per-member-batch", type=int, default=MEMBER.ordinary_per_batch
    )
    training.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    training.add_argument("--version", default="1.0.0", help="version of the trained model")
    training.set_defaults(command=train)
    validating = commands.add_parser(
        "cross-validate", help="train and judge a network per group of speakers"
    )
    _add_training_options(validating, run="cross-validation", recipe=CROSS_VALIDATED)
    validating.add_argument("--folds", type=int, default=5)
    validating.add_argument(
        "--json", type=Path, metavar="FILE", default=DEFAULT_ARTIFACTS / CROSS_VALIDATION_FILE
    )
    validating.set_defaults(command=validate_across)
    measuring = commands.add_parser("evaluate", help="measure the artifact on labelled clips")
    measuring.add_argument("--data", type=Path, required=True, help="folder of clips")
    measuring.add_argument("--corpus", help="name of the corpus (default: told by the file names)")
    measuring.add_argument(
        "--speakers", default="all", help="all, validation, or ids with commas between"
    )
    measuring.add_argument("--telephone", action="store_true", help="through a telephone line")
    measuring.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    measuring.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    measuring.set_defaults(command=evaluate)
    _add_comparison(commands.add_parser("compare", help="train and measure simpler models too"))
    return parser


def _add_training_options(parser: argparse.ArgumentParser, *, run: str, recipe: Recipe) -> None:
    parser.add_argument("--training-set", type=Path, default=Path("data/training"))
    parser.add_argument("--run", type=Path, default=Path("runs") / run, help="checkpoints")
    parser.add_argument(
        "--whisper-weights",
        type=_named_path,
        nargs="+",
        default=[],
        metavar="NAME=MODEL.BIN",
        help="Whisper's weights in CTranslate2's layout (default: downloaded by name)",
    )
    _add_recipe(parser, recipe)


def _add_comparison(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("data/AudioWAV"), help="CREMA-D's clips")
    parser.add_argument("--training-set", type=Path, default=Path("data/training"))
    parser.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    parser.add_argument(
        "--models", nargs="+", metavar="NAME", help="only these; the others' rows are kept"
    )
    parser.add_argument("--epochs", type=int, help="most epochs of every network")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--resume", action="store_true", help="keep rows that were made with the same settings"
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        default=DEFAULT_ARTIFACTS / "comparison.json",
        help="results, written after every model",
    )
    parser.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        default=DEFAULT_ARTIFACTS.parent / "docs" / "comparison.md",
        help="page of the documentation with the table",
    )
    parser.set_defaults(command=compare)


def _named_path(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=MODEL.BIN")
    return name, Path(path)


def _add_recipe(parser: argparse.ArgumentParser, default: Recipe) -> None:
    for field in fields(Recipe):
        value = getattr(default, field.name)
        option = "--" + field.name.replace("_", "-")
        if isinstance(value, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=value)
        else:
            parser.add_argument(option, type=type(value), default=value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 0, or 3 with one line of reason."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except CalmscoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
