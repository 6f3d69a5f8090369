"""Train, evaluate and compare the Keras networks; the command line ``python model.py``.

python train_data_preprocessing.py --data data/AudioWAV --output data/training
python model.py train --training-set data/training --run runs/default
python model.py cross-validate --training-set data/training --run runs/cross-validation
python model.py export
python model.py evaluate --data data/AudioWAV --speakers validation [--telephone]
python model.py compare
python model.py train-words --data data/text --minilm WHEEL
python model.py evaluate-words --data FILE
python model.py compare-words --data FILE --minilm WHEEL
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
from typing import TYPE_CHECKING, Any

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
)
from calmscore.network.keras_network import without_native_messages
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.ordinary import source_shares
from calmscore.training.corpora.reading import read_corpus
from calmscore.training.metrics import Metrics, fit_distress_scale, measure, measure_heard
from calmscore.training.recipe import CROSS_VALIDATED, FINAL, MEMBER, ONWARD, TRUNK, Recipe
from calmscore.training.text_command import add_word_commands

if TYPE_CHECKING:
    from calmscore.training.training_sets import TrainingSet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

FloatArray = npt.NDArray[np.float32]

MODEL_NAME = "calmscore-whisper-transformer"
METRICS_FILE = "metrics.json"
RECIPE_FILE = "recipe.json"
CROSS_VALIDATION_FILE = "cross_validation.json"
DEMOGRAPHICS_FILE = "VideoDemographics.csv"
_CLIPS_AT_ONCE = 64
# Of the last network and of the members' average: some of what the latter knows of natural anger.
_ONWARD_SHARES = (10.0, 1.0)


def train(
    *,
    training_set: Path,
    run: Path,
    artifacts: Path,
    version: str,
    whisper: Path | None = None,
    trunk: Recipe = TRUNK,
    member: Recipe = MEMBER,
    final: Recipe = FINAL,
    onward: Recipe = ONWARD,
) -> dict[str, Any]:
    """Train the trunk and its members, average them, go on from there; write the artifact.

    Without prepared ordinary speech the trunk alone is trained.

    Parameters
    ----------
    training_set : Path
        From ``train_data_preprocessing.py``.
    run : Path
        Gets checkpoints and logs, a folder for each network.
    artifacts : Path
        Gets the model, its settings, the recipes and the figures.
    version : str
        Of the model.
    whisper : Path, optional
        Whisper's ``model.bin``; downloaded by name by default.
    trunk, member, final, onward : Recipe
        What to do. Each source of ordinary speech has a member that leaves it out; a
        stage that has no epochs is not made, nor what goes on from it.

    Returns
    -------
    dict
        Figures on the validation speakers, as in ``metrics.json``.
    """
    from calmscore.training.fine_tuning import FineTuning, average_members, package
    from calmscore.training.training_sets import load_training_set

    acted: dict[str, Any] = {"train": load_training_set(training_set / "train"),
             "validation": load_training_set(training_set / "validation")}  # fmt: skip
    folder = training_set / "ordinary"
    ordinary = load_training_set(folder) if folder.is_dir() else None
    print("trunk", flush=True)
    weights = [FineTuning(trunk, **acted, folder=run / "trunk", whisper=whisper).run()]
    recipes: dict[str, Any] = {
        "trunk": trunk.to_dict(), "members_without": {}, "final": None, "onward": None,
    }  # fmt: skip
    standardise_on = inputs_as_trained(acted["train"], ordinary)
    if ordinary is None:
        print(f"{folder}: no ordinary speech; acted speech alone is learnt", file=sys.stderr)
    else:
        start = weights.pop()
        for index, source in enumerate(sorted(set(ordinary.sources))):
            print(f"member without {source}", flush=True)
            recipe = replace(member, seed=member.seed + index, left_out=str(source))
            recipes["members_without"][str(source)] = recipe.to_dict()
            tuning = FineTuning(
                recipe, **acted, ordinary=ordinary, folder=run / f"without-{source}", start=start
            )
            weights.append(tuning.run())
    model = average_members(weights, recipe=trunk, standardise_on=standardise_on)
    if ordinary is not None and final.epochs > 0:
        print("final", flush=True)
        start = run / "members.weights.h5"
        model.save_weights(start)
        recipes["final"] = final.to_dict()
        tuning = FineTuning(final, **acted, ordinary=ordinary, folder=run / "final", start=start)
        # Half way back to its start: most of what was learnt of listeners is kept, and most of
        # what the start knew of natural anger.
        model = average_members([start, tuning.run()], recipe=trunk)
        if onward.epochs > 0:
            print("onward", flush=True)
            half_way = run / "half-way.weights.h5"
            model.save_weights(half_way)
            recipes["onward"] = onward.to_dict()
            tuning = FineTuning(
                onward, **acted, ordinary=ordinary, folder=run / "onward", start=half_way
            )
            model = average_members([tuning.run(), start], recipe=trunk, shares=_ONWARD_SHARES)
    voices = [acted["train"], *([] if ordinary is None else [ordinary])]
    model, settings, metrics = package(model, validation=acted["validation"], voices=voices)
    artifacts.mkdir(parents=True, exist_ok=True)
    model.save(artifacts / MODEL_FILE)
    ArtifactSettings(
        name=MODEL_NAME,
        version=version,
        speech_level_db=acted["train"].speech_level_db,
        log_mel=acted["train"].settings,
        **settings,
    ).write(artifacts / SETTINGS_FILE)
    export(artifacts=artifacts)
    _write_json(artifacts / RECIPE_FILE, recipes)
    _write_json(artifacts / METRICS_FILE, metrics)
    return metrics


def export(*, artifacts: Path) -> None:
    """Write the ONNX export of a Keras model beside it; see `emotion_export`.

    Parameters
    ----------
    artifacts : Path
        Folder of the model.
    """
    with without_native_messages():
        from calmscore.training.emotion_export import export_emotion_network

    print(f"exported to {export_emotion_network(artifacts)}", flush=True)


def inputs_as_trained(acted: TrainingSet, ordinary: TrainingSet | None) -> FloatArray:
    """Return inputs like those of the training's batches: all kinds of copies, masked.

    Parameters
    ----------
    acted, ordinary : TrainingSet
        One clip in four of the first, each in another of its copies, and a quarter as
        many windows of the second: enough for means and variances.

    Returns
    -------
    array of float32, shape (n, frames, bands)
    """
    from calmscore.training.fine_tuning import mask_spectrogram

    generator = np.random.default_rng(0)
    rows = np.arange(0, len(acted.labels), 4)
    parts = [acted.log_mel[np.arange(rows.size) % len(acted.log_mel), rows]]
    if ordinary is not None:
        count = max(rows.size // 4, 1)
        windows = generator.choice(
            len(ordinary.labels), size=count, p=source_shares(ordinary.sources)
        )
        copies = np.arange(count) % len(ordinary.log_mel)
        parts.append(ordinary.log_mel[copies, windows])
    return mask_spectrogram(np.concatenate(parts).astype(np.float32), generator)


def validate_across(
    *,
    training_set: Path,
    run: Path,
    json_file: Path,
    folds: int,
    recipe: Recipe,
    whisper: Path | None = None,
) -> None:
    """Cross-validate a recipe, store the figures and print them.

    Parameters
    ----------
    training_set : Path
        Holds the set of everyone.
    run : Path
        Gets checkpoints and logs.
    json_file : Path
        Gets the figures.
    folds : int
        Groups of speakers.
    recipe : Recipe
        What is judged.
    whisper : Path, optional
        Whisper's ``model.bin``; downloaded by name by default.
    """  # fmt: skip
    from calmscore.training.cross_validation import cross_validate
    from calmscore.training.training_sets import load_training_set

    result = cross_validate(
        recipe,
        everyone=load_training_set(training_set / "everyone"),
        folder=run,
        whisper=whisper,
        folds=folds,
    )
    _write_json(json_file, result)
    for line in ("clean", "telephone"):
        for name, figure in result[line].items():
            print(f"{line:<10} {name:<28} {figure['mean']:.3f} ± {figure['sd']:.3f}")


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
    from calmscore.training.clip_sounds import read_sounds

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


def evaluate(
    *,
    data: Path,
    artifacts: Path = DEFAULT_ARTIFACTS,
    corpus: str | None = None,
    speakers: str = "all",
    telephone: bool = False,
    json_file: Path | None = None,
) -> dict[str, Any]:
    """Measure the artifact on a folder of clips, and print and return the figures.

    Parameters
    ----------
    data : Path
        Folder of clips.
    artifacts : Path
        Of the model.
    corpus : str, optional
        Its name; told by the file names by default.
    speakers : str
        ``all``, ``validation``, or ids with commas between.
    telephone : bool
        Whether each clip goes through a telephone line.
    json_file : Path, optional
        Gets the figures too.

    Returns
    -------
    dict
        Figures of what was meant in all clips under ``all``, and of each group under
        ``groups``; of what was heard under ``heard``, None without listeners' votes.
    """
    clips = _labelled_clips(data, corpus=corpus, speakers=speakers)
    classifier = load_classifier(artifacts)
    hearing = listen_to_clips(classifier, clips, telephone=telephone)
    labels = np.array([EMOTIONS.index(str(clip.emotion)) for clip in clips])
    overall = measure(hearing.intended, labels)
    groups = {
        name: measure(hearing.intended[members], labels[members])
        for name, members in _groups(clips, data).items()
    }
    line = "through a telephone line" if telephone else "clean"
    print(f"{len(clips)} clips of {len({c.speaker for c in clips})} speakers, {line}")
    print("what was meant")
    _print_metrics(overall)
    for name, figures in groups.items():
        print(f"  {name:<16} n {figures.clips:5d}   UAR {figures.uar:.3f}")
    result = {
        "clips": len(clips),
        "telephone": telephone,
        "model": {"version": classifier.settings.version, "sha256": classifier.sha256},
        "all": overall.to_dict(),
        "groups": {name: figures.to_dict() for name, figures in groups.items()},
        "heard": _heard_figures(clips, hearing, data),
    }
    if json_file is not None:
        _write_json(json_file, result)
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
    print(f"what listeners heard ({figures.clips} clips with votes)")
    print(f"divergence from the votes   {figures.divergence:.3f}")
    print(f"same majority               {figures.same_majority:.3f}")
    print(f"correlation of distress     {figures.distress_correlation:.3f}")
    try:
        midpoint, slope = fit_distress_scale(heard, shares)
    except ValueError:  # all of these clips are on one side
        print("scale of distress: not to be told from clips that are all alike")
        return {**figures.to_dict(), "distress_scale": None}
    print(
        f"scale of distress: midpoint {midpoint:.3f}, slope {slope:.2f} "
        f"(in use: {DISTRESS_MIDPOINT}, {DISTRESS_SLOPE})"
    )
    return {**figures.to_dict(), "distress_scale": {"midpoint": midpoint, "slope": slope}}


def _labelled_clips(data: Path, *, corpus: str | None, speakers: str) -> list[Clip]:
    clips = [clip for clip in read_corpus(data, corpus=corpus) if clip.emotion]
    clips = [clip for clip in clips if clip.corpus != crema_d.CORPUS or crema_d.usable(clip)]
    if speakers == "validation":
        clips = [clip for clip in clips if clip.speaker_id in crema_d.VALIDATION_SPEAKERS]
    elif speakers != "all":
        wanted = set(speakers.split(","))
        clips = [clip for clip in clips if clip.speaker_id in wanted]
    if not clips:
        raise CorpusError(f"{data}: holds no clip of speakers {speakers!r}")
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


def compare(
    *,
    data: Path,
    training_set: Path,
    artifacts: Path,
    json_file: Path,
    page: Path,
    models: Sequence[str] | None = None,
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = False,
) -> None:
    """Train and measure the family of simpler models, and print, store and document the table.

    Parameters
    ----------
    data, training_set, artifacts : Path
        Clips, prepared set and shipped model.
    json_file, page : Path
        Get the results and the page of the documentation.
    models : sequence of str, optional
        Only these; the others' rows are kept.
    epochs : int, optional
        Most epochs of every network.
    seed : int
        Fixes all randomness.
    resume : bool
        Keep rows that were made with the same settings.
    """
    with without_native_messages():
        from calmscore.training.comparison import MODELS, Comparison
        from calmscore.training.comparison import compare as run_comparison
    from calmscore.training.comparison_results import comparison_page, comparison_table
    from calmscore.training.text_comparison_results import text_part_of, with_text_part

    comparison = Comparison(
        data=data, training_set=training_set, artifacts=artifacts, seed=seed, epochs=epochs
    )
    results = run_comparison(comparison, output=json_file, models=models or MODELS, resume=resume)
    page.parent.mkdir(parents=True, exist_ok=True)
    text = with_text_part(comparison_page(results), text_part_of(page))
    page.write_text(text.rstrip() + "\n", encoding="utf-8")
    print(comparison_table(results), end="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="model.py", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("train", help="train a network and write the artifact")
    _add_training_options(training, run="default", recipe=TRUNK)
    for name, stage in (("member", MEMBER), ("final", FINAL), ("onward", ONWARD)):
        training.add_argument(f"--{name}-epochs", type=int, default=stage.epochs)
        training.add_argument(f"--{name}-rate", type=float, default=stage.encoder_rate)
    training.add_argument(
        "--ordinary-per-member-batch", type=int, default=MEMBER.ordinary_per_batch
    )
    training.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    training.add_argument("--version", default="1.0.0", help="version of the trained model")
    training.set_defaults(command=_train)
    exporting = commands.add_parser("export", help="write the model's ONNX export again")
    exporting.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    exporting.set_defaults(command=export)
    validating = commands.add_parser(
        "cross-validate", help="train and judge a network per group of speakers"
    )
    _add_training_options(validating, run="cross-validation", recipe=CROSS_VALIDATED)
    validating.add_argument("--folds", type=int, default=5)
    validating.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        dest="json_file",
        default=DEFAULT_ARTIFACTS / CROSS_VALIDATION_FILE,
    )
    validating.set_defaults(command=_validate_across)
    measuring = commands.add_parser("evaluate", help="measure the artifact on labelled clips")
    measuring.add_argument("--data", type=Path, required=True, help="folder of clips")
    measuring.add_argument("--corpus", help="name of the corpus (default: told by the file names)")
    measuring.add_argument(
        "--speakers", default="all", help="all, validation, or ids with commas between"
    )
    measuring.add_argument("--telephone", action="store_true", help="through a telephone line")
    measuring.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    measuring.add_argument(
        "--json", type=Path, metavar="FILE", dest="json_file", help="write the figures here too"
    )
    measuring.set_defaults(command=evaluate)
    _add_comparison(commands.add_parser("compare", help="train and measure simpler models too"))
    add_word_commands(commands)
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
        dest="json_file",
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
        elif isinstance(value, tuple):
            parser.add_argument(option, type=_places, default=value, metavar="PLACE,PLACE,…")
        else:
            parser.add_argument(option, type=type(value), default=value)


def _places(text: str) -> tuple[int, ...]:
    return tuple(int(place) for place in text.split(",") if place)


def _train(**options: Any) -> None:
    weights = dict(options.pop("whisper_weights"))
    trunk, rest = _recipe(options)
    ordinary = rest.pop("ordinary_per_member_batch")
    member = _stage("member", MEMBER, trunk, rest, ordinary_per_batch=ordinary)
    final = _stage("final", FINAL, trunk, rest, ordinary_per_batch=ordinary)
    onward = _stage("onward", ONWARD, trunk, rest, ordinary_per_batch=ordinary)
    metrics = train(
        trunk=trunk,
        member=member,
        final=final,
        onward=onward,
        whisper=weights.get(trunk.whisper),
        **rest,
    )
    print(json.dumps(metrics, indent=2))


def _stage(
    name: str, stage: Recipe, trunk: Recipe, options: dict[str, Any], *, ordinary_per_batch: int
) -> Recipe:
    # What is said of the trunk holds for what goes on from it; else the stage has its own ways.
    own = {
        field.name: getattr(stage, field.name)
        for field in fields(Recipe)
        if field.name in _STAGE_FIELDS or getattr(trunk, field.name) == getattr(TRUNK, field.name)
    }
    epochs, rate = options.pop(f"{name}_epochs"), options.pop(f"{name}_rate")
    own |= {
        # As far from the trunk's as in the shipped recipe: other orders, other dropout.
        "seed": trunk.seed + stage.seed - TRUNK.seed,
        "epochs": epochs,
        "encoder_rate": rate,
        "ordinary_per_batch": ordinary_per_batch,
        "drawn_copies": tuple(place for place in stage.drawn_copies if place < trunk.copies),
    }
    return replace(trunk, **own)


_STAGE_FIELDS = ("head_epochs", "layer_decay")


def _validate_across(**options: Any) -> None:
    weights = dict(options.pop("whisper_weights"))
    recipe, rest = _recipe(options)
    validate_across(recipe=recipe, whisper=weights.get(recipe.whisper), **rest)


def _recipe(options: dict[str, Any]) -> tuple[Recipe, dict[str, Any]]:
    """Take the fields of a recipe out of the options."""
    names = {field.name for field in fields(Recipe)}
    rest = {name: value for name, value in options.items() if name not in names}
    return Recipe(**{name: options[name] for name in names}), rest


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code: 0, or 3 with one line of reason."""
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        command(**options)
    except CalmscoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
