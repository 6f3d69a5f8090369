"""Write the model card and its pictures from the figures that lie with the artifact.

    python -m calmscore.training.evaluation --data data/AudioWAV --other-corpora FOLDER
    python -m calmscore.training.call_evaluation --json artifacts/score_evaluation.json
    python -m calmscore.training.ordinary_evaluation --json artifacts/ordinary_evaluation.json
    python -m calmscore.training.model_card

The text is in ``model_card.md.jinja``. No figure of it is typed by hand: each comes from
a JSON file beside the model.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from calmscore.analysis.distress import DISTRESS_MIDPOINT, DISTRESS_SLOPE
from calmscore.emotions import EMOTIONS
from calmscore.errors import ArtifactError
from calmscore.network.classifier import (
    DEFAULT_ARTIFACTS,
    MODEL_FILE,
    SETTINGS_FILE,
    ArtifactSettings,
)
from calmscore.training.call_evaluation import NAMED, SHIPPED
from calmscore.training.card_pictures import draw_pictures
from calmscore.training.emotion_training import CROSS_VALIDATION_FILE, RECIPE_FILE
from calmscore.training.ending import with_exit_code
from calmscore.training.evaluation import EVALUATION_FILE, SECTIONS
from calmscore.training.ordinary_evaluation import ORDINARY_EVALUATION_FILE

Figures = dict[str, Any]

CARD_FILE = "MODEL_CARD.md"
SCORE_FILE = "score_evaluation.json"
_TEMPLATE = Path(__file__).resolve().with_name("model_card.md.jinja")
COMPARISON_FILE = "comparison.json"
# Other corpora need a folder that not everybody has.
_OPTIONAL = "other_corpora"
_RARELY_FOUND = 0.5


def write_card(artifacts: Path) -> Path:
    """Write the card of an artifact and its pictures from the figures beside it.

    Returns
    -------
    Path
        The card.

    Raises
    ------
    ArtifactError
        If figures are missing, of another form or of another model.
    """
    try:
        model = (artifacts / MODEL_FILE).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{artifacts / MODEL_FILE}: no model to describe ({error})") from error
    sections = _read_sections(artifacts, sha256=hashlib.sha256(model).hexdigest())
    figures = {name: section["figures"] for name, section in sections.items()}
    settings = ArtifactSettings.read(artifacts / SETTINGS_FILE)
    real = _read_if_there(artifacts / ORDINARY_EVALUATION_FILE)
    if real is not None and real["model"]["sha256"] != hashlib.sha256(model).hexdigest():
        raise ArtifactError(
            f"{artifacts / ORDINARY_EVALUATION_FILE}: of another model; measure again"
        )
    recipe, scores = _read(artifacts / RECIPE_FILE), _read(artifacts / SCORE_FILE)
    try:
        text = _template().render(
            **figures,
            commands={name: section["command"] for name, section in sections.items()},
            emotions=EMOTIONS,
            settings=settings,
            recipe=recipe,
            members=_members_alike(recipe["members"]),
            megabytes=len(model) / 1e6,
            calls=scores[SHIPPED],
            named=scores[NAMED]["told"],
            real=real,
            scale={"midpoint": DISTRESS_MIDPOINT, "slope": DISTRESS_SLOPE},
            by_emotion=_by_emotion(figures["overall"]),
            mistakes=_mistakes(figures["overall"]["telephone"]["confusion"]),
            missed=_missed(figures.get(_OPTIONAL, [])),
            cross_validation=_read_if_there(artifacts / CROSS_VALIDATION_FILE),
            compared=(artifacts / COMPARISON_FILE).is_file(),
        )
        draw_pictures(figures["overall"], artifacts)
    except (jinja2.UndefinedError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"{artifacts}: the stored figures are of another form ({error}); measure again"
        ) from error
    card = artifacts / CARD_FILE
    card.write_text(text, encoding="utf-8")
    return card


def _read(path: Path) -> Figures:
    try:
        content: Figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: cannot be read ({error}); measure the model first") from error
    return content


def _read_if_there(path: Path) -> Figures | None:
    return _read(path) if path.is_file() else None


def _read_sections(artifacts: Path, *, sha256: str) -> Figures:
    file = artifacts / EVALUATION_FILE
    sections = _read(file)
    missing = [name for name in SECTIONS if name not in sections and name != _OPTIONAL]
    if missing:
        command = f"calmscore.training.evaluation --only {' '.join(missing)}"
        raise ArtifactError(f"{file}: lacks {', '.join(missing)}; run {command}")
    others = [name for name, section in sections.items() if section["model"]["sha256"] != sha256]
    if others:
        raise ArtifactError(
            f"{file}: {', '.join(others)} measured another model; run evaluation.py again"
        )
    return sections


def _template() -> jinja2.Template:
    # Markdown is made here, from our own figures.
    environment = jinja2.Environment(  # nosec B701
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["percent"] = lambda share: "–" if share is None else f"{share:.1%}"
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))


def _members_alike(members: list[Figures]) -> list[Figures]:
    """Count the members that leave the same sources of ordinary speech out."""
    counts = Counter(tuple(member["left_out"]) for member in members)
    return [{"left_out": left_out, "count": count} for left_out, count in counts.items()]


def _by_emotion(overall: Figures) -> list[Figures]:
    """Return recall ("found") and precision ("trusted") of each emotion, None where unknown."""
    rows: list[Figures] = []
    for index, name in enumerate(EMOTIONS):
        row: Figures = {"emotion": name, "clips": sum(overall["clean"]["confusion"][index])}
        for condition in ("clean", "telephone"):
            confusion = np.array(overall[condition]["confusion"])
            right, meant, heard = (
                confusion[index, index], confusion[index].sum(), confusion[:, index].sum()
            )  # fmt: skip
            row[condition] = {
                "found": float(right / meant) if meant else None,
                "trusted": float(right / heard) if heard else None,
            }
        rows.append(row)
    return rows


def _mistakes(confusion: list[list[int]]) -> list[Figures]:
    """Return the wrong answers by their share of the intended emotion, the largest first."""
    shares = [
        {"emotion": true, "heard_as": heard, "share": count / max(sum(row), 1)}
        for true, row in zip(EMOTIONS, confusion, strict=True)
        for heard, count in zip(EMOTIONS, row, strict=True)
        if true != heard
    ]
    return sorted(shares, key=lambda mistake: -mistake["share"])


def _missed(corpora: list[Figures]) -> list[Figures]:
    return [
        {"corpus": row["corpus"], "emotion": emotion, "recall": recall}
        for row in corpora
        for emotion, recall in row["recalls"].items()
        if recall < _RARELY_FOUND
    ]


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--artifacts", type=Path, default=DEFAULT_ARTIFACTS)
    options = parser.parse_args(arguments)
    print(write_card(options.artifacts))


if __name__ == "__main__":
    sys.exit(main())
