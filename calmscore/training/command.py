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
from pathlib import Path
from typing import Any

from calmscore.network.classifier import DEFAULT_ARTIFACTS
from calmscore.network.keras_network import without_native_messages
from calmscore.training.clip_evaluation import evaluate
from calmscore.training.emotion_training import (
    CROSS_VALIDATION_FILE,
    export,
    train,
    validate_across,
)
from calmscore.training.ending import with_exit_code
from calmscore.training.recipe import (
    CROSS_VALIDATED,
    MEMBER,
    MEMBERS,
    TRUNK,
    Recipe,
    Stages,
    with_ordinary_early,
)
from calmscore.training.text_command import add_word_commands

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


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
    training.add_argument("--trunks", type=int, default=Stages.trunks)
    training.add_argument("--member-epochs", type=int, default=MEMBER.epochs)
    training.add_argument("--member-rate", type=float, default=MEMBER.encoder_rate)
    training.add_argument(
        "--ordinary-per-member-batch", type=int, default=MEMBER.ordinary_per_batch
    )
    training.add_argument("--early-share", type=float, default=Stages.early_share)
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
            parser.add_argument(option, type=_names, default=value, metavar="NAME,NAME,…")
        else:
            parser.add_argument(option, type=type(value), default=value)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _train(**options: Any) -> None:
    weights = dict(options.pop("whisper_weights"))
    trunk, rest = _recipe(options)
    changes = {
        "epochs": rest.pop("member_epochs"),
        "encoder_rate": rest.pop("member_rate"),
        "ordinary_per_batch": rest.pop("ordinary_per_member_batch"),
    }
    stages = Stages(
        trunk=trunk,
        trunks=rest.pop("trunks"),
        members=tuple(_member(member, trunk, changes) for member in MEMBERS if changes["epochs"]),
        early=with_ordinary_early(trunk),
        early_share=rest.pop("early_share"),
    )
    metrics = train(stages=stages, whisper=weights.get(trunk.whisper), **rest)
    print(json.dumps(metrics, indent=2))


def _member(shipped: Recipe, trunk: Recipe, changes: dict[str, Any]) -> Recipe:
    # What is said of the trunk holds for what goes on from it; else a member has its own ways.
    own = {
        field.name: getattr(shipped, field.name)
        for field in fields(Recipe)
        if field.name in _OWN_FIELDS or getattr(trunk, field.name) == getattr(TRUNK, field.name)
    }
    # As far from the trunk's as in the shipped recipe: other orders, other dropout.
    own["seed"] = trunk.seed + shipped.seed - TRUNK.seed
    return replace(trunk, **own | changes)


_OWN_FIELDS = ("head_epochs", "layer_decay", "left_out", "ordinary_teaches_heads_alone")


def _validate_across(**options: Any) -> None:
    weights = dict(options.pop("whisper_weights"))
    recipe, rest = _recipe(options)
    validate_across(recipe=recipe, whisper=weights.get(recipe.whisper), **rest)


def _recipe(options: dict[str, Any]) -> tuple[Recipe, dict[str, Any]]:
    """Take the fields of a recipe out of the options."""
    names = {field.name for field in fields(Recipe)}
    rest = {name: value for name, value in options.items() if name not in names}
    return Recipe(**{name: options[name] for name in names}), rest


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    command(**options)


if __name__ == "__main__":
    sys.exit(main())
