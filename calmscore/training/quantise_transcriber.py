"""Make the shipped transcriber: a Whisper model in CTranslate2's layout, its weights in int8.

    python -m calmscore.training.quantise_transcriber --model FOLDER --output artifacts/transcriber

CTranslate2 quantises when it loads a model, but keeps no file of it; the shipped model
is so half as large. Every row of a matrix gets a scale of its own, as CTranslate2 does it.
"""

from __future__ import annotations

import argparse
import shutil
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from calmscore.errors import PretrainedWeightsError
from calmscore.training.ending import with_exit_code

_WEIGHTS_FILE = "model.bin"
_OTHER_FILES = ("config.json", "tokenizer.json", "vocabulary.json", "vocabulary.txt")
_KINDS = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}
_KIND_OF = {np.dtype(layout): kind for kind, layout in _KINDS.items()}
_FLOATS = ("<f4", "<f2")

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """What a ``model.bin`` holds.

    Attributes
    ----------
    specification : str
        Kind of the model.
    version, revision : int
        Of the layout and of the specification.
    arrays : dict of str to array
        The weights.
    aliases : dict of str to str
        Second names of arrays.
    """

    specification: str
    version: int
    revision: int
    arrays: dict[str, Array]
    aliases: dict[str, str]


def read_model_file(path: Path) -> ModelFile:
    """Read a model in CTranslate2's layout.

    Raises
    ------
    PretrainedWeightsError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            version, specification, revision = _number(file, "I"), _text(file), _number(file, "I")
            arrays = dict(_array(file) for _ in range(_number(file, "I")))
            aliases = {_text(file): _text(file) for _ in range(_number(file, "I"))}
    except (OSError, struct.error, ValueError, KeyError) as error:
        raise PretrainedWeightsError(f"{path}: is no model of CTranslate2 ({error})") from error
    return ModelFile(
        specification=specification,
        version=version,
        revision=revision,
        arrays=arrays,
        aliases=aliases,
    )


def _array(file: BinaryIO) -> tuple[str, Array]:
    name = _text(file)
    shape = [_number(file, "I") for _ in range(_number(file, "B"))]
    layout = _KINDS[_number(file, "B")]
    return name, np.frombuffer(file.read(_number(file, "I")), layout).reshape(shape)


def _number(file: BinaryIO, code: str) -> int:
    layout = "<" + code
    value: int = struct.unpack(layout, file.read(struct.calcsize(layout)))[0]
    return value


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "H")).rstrip(b"\0").decode()


def quantised(model: ModelFile) -> ModelFile:
    """Return a model with its matrices in int8, and a scale for each of their rows.

    What is no matrix of a layer or of the vocabulary stays as it is.
    """
    arrays = dict(model.arrays)
    aliases = dict(model.aliases)
    for name, array in model.arrays.items():
        if not _is_matrix(name, array):
            continue
        largest = np.abs(array.astype(np.float32)).max(axis=1)
        scale = np.float32(127.0) / np.where(largest == 0.0, np.float32(127.0), largest)
        rows = np.rint(array.astype(np.float32) * scale[:, None])
        arrays[name], arrays[f"{name}_scale"] = rows.astype(np.int8), scale
        aliases |= {f"{a}_scale": f"{b}_scale" for a, b in model.aliases.items() if b == name}
    return ModelFile(
        specification=model.specification,
        version=model.version,
        revision=model.revision,
        arrays=arrays,
        aliases=aliases,
    )


def _is_matrix(name: str, array: Array) -> bool:
    of_a_layer = "/linear_" in name or "/embeddings/" in name
    return of_a_layer and name.endswith("/weight") and array.ndim == 2 and array.dtype in _FLOATS


def write_model_file(model: ModelFile, path: Path) -> None:
    """Write a model in CTranslate2's layout."""
    with path.open("wb") as file:
        file.write(struct.pack("<I", model.version) + _packed(model.specification))
        file.write(struct.pack("<II", model.revision, len(model.arrays)))
        for name, array in sorted(model.arrays.items()):
            file.write(_packed(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape))
            file.write(struct.pack("<BI", _KIND_OF[array.dtype], array.nbytes))
            file.write(array.tobytes())
        file.write(struct.pack("<I", len(model.aliases)))
        for alias, name in sorted(model.aliases.items()):
            file.write(_packed(alias) + _packed(name))


def _packed(text: str) -> bytes:
    return struct.pack("<H", len(text.encode()) + 1) + text.encode() + b"\0"


@with_exit_code
def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of the model")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    options = parser.parse_args(arguments)
    model = quantised(read_model_file(options.model / _WEIGHTS_FILE))
    options.output.mkdir(parents=True, exist_ok=True)
    write_model_file(model, options.output / _WEIGHTS_FILE)
    for name in _OTHER_FILES:
        if (options.model / name).is_file():
            shutil.copy(options.model / name, options.output)


if __name__ == "__main__":
    sys.exit(main())
