"""The file of settings that travels with a model's weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from calmscore.errors import ArtifactError

Settings = TypeVar("Settings")
Labels = Mapping[str, Sequence[str]]


def read_settings_file(
    path: Path, make: Callable[[dict[str, Any]], Settings], *, made_for: Labels
) -> Settings:
    """Make settings of the fields in a file.

    Parameters
    ----------
    path : Path
        JSON.
    make : callable
        Makes settings of the fields; raises ValueError, KeyError or TypeError if they do not fit.
    made_for : mapping of str to sequence of str
        Fields that name the model's outputs in order, as this version has them.

    Raises
    ------
    ArtifactError
        If the file is missing or not in this version's form.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        for name, labels in made_for.items():
            if fields[name] != list(labels):
                raise ValueError(f"made for other {name}: {fields[name]}")
        return make(fields)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{path}: the model's settings cannot be read ({error}); "
            "install Calmscore again or train a model"
        ) from error


def write_settings_file(path: Path, fields: Mapping[str, Any], *, made_for: Labels) -> None:
    """Write the fields, and what the model's outputs stand for."""
    told = {**fields, **{name: list(labels) for name, labels in made_for.items()}}
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
