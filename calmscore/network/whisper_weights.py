"""Read the encoder of a Whisper model stored in CTranslate2's layout.

Whisper's weights (MIT licence) are published in this layout for the package
faster-whisper. Only training needs them: the shipped artifact holds its own.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from calmscore.errors import PretrainedWeightsError

_DTYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}

EncoderWeights = dict[str, npt.NDArray[np.float32]]


def locate_whisper(name: str) -> Path:
    """Download a Whisper model from its publisher, or find the earlier download.

    Parameters
    ----------
    name : str
        A published name, such as ``tiny.en``.

    Returns
    -------
    Path
        The ``model.bin`` file.

    Raises
    ------
    PretrainedWeightsError
        If there is no such model or it cannot be downloaded.
    """
    from faster_whisper import download_model

    try:
        return Path(download_model(name)) / "model.bin"
    except Exception as error:  # the hub client raises many kinds
        raise PretrainedWeightsError(
            f"the Whisper model {name!r} could not be downloaded ({error}); "
            "give the path of its model.bin with --whisper-weights"
        ) from error


def read_encoder(path: Path) -> EncoderWeights:
    """Read every ``encoder/…`` array of a CTranslate2 Whisper file.

    Parameters
    ----------
    path : Path
        The ``model.bin`` file.

    Returns
    -------
    dict of str to array of float32
        Names without the leading ``encoder/``.

    Raises
    ------
    PretrainedWeightsError
        If the file cannot be read or holds no Whisper encoder.
    """
    weights: EncoderWeights = {}
    try:
        with path.open("rb") as file:
            _unsigned(file, "I")  # version of the layout
            specification = _text(file)
            _unsigned(file, "I")  # revision of the specification
            for _ in range(_unsigned(file, "I")):
                name = _text(file)
                shape = [_unsigned(file, "I") for _ in range(_unsigned(file, "B"))]
                dtype = _DTYPES.get(_unsigned(file, "B"))
                data = file.read(_unsigned(file, "I"))
                if name.startswith("encoder/") and name.endswith("_scale"):
                    raise PretrainedWeightsError(
                        f"{path}: its weights are quantised; take the model in float16 or float32"
                    )
                if name.startswith("encoder/") and dtype is not None:
                    array = np.frombuffer(data, dtype).reshape(shape)
                    weights[name.removeprefix("encoder/")] = array.astype(np.float32)
    except (OSError, struct.error, ValueError) as error:
        raise PretrainedWeightsError(
            f"{path}: not a readable CTranslate2 model ({error})"
        ) from error
    if specification != "WhisperSpec" or "conv1/weight" not in weights:
        raise PretrainedWeightsError(f"{path}: holds {specification!r}, not a Whisper model")
    return weights


def _unsigned(file: BinaryIO, code: str) -> int:
    layout = "<" + code
    value: int = struct.unpack(layout, file.read(struct.calcsize(layout)))[0]
    return value


def _text(file: BinaryIO) -> str:
    return file.read(_unsigned(file, "H")).rstrip(b"\0").decode()
