"""The emotion network's export, run without TensorFlow, in products of 8-bit numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from calmscore.errors import ArtifactError
from calmscore.network.onnx_session import open_onnx, run_in_parts

FloatArray = npt.NDArray[np.float32]

EXPORTED_FILE = "emotion_recognition_model.onnx"
INPUT = "log_mel"
KERAS_SHA256 = "keras_sha256"
"""What the file calls the digest of the Keras file that it was made of."""


def open_exported_network(
    path: Path, *, keras_sha256: str
) -> Callable[[FloatArray], dict[str, FloatArray]]:
    """Load the export of a network.

    Parameters
    ----------
    keras_sha256 : str
        Digest of the Keras file, in hex.

    Returns
    -------
    callable
        From log-mel inputs of shape (n, frames, bands) to a dict of arrays with n rows.

    Raises
    ------
    ArtifactError
        If it is missing, damaged, or made of another Keras file.
    """
    try:
        session = open_onnx(path)
        made_of = session.get_modelmeta().custom_metadata_map.get(KERAS_SHA256)
    except Exception as error:  # ONNX Runtime has no error of its own for this
        raise ArtifactError(f"{path}: cannot be loaded ({error}); {_REMEDY}") from error
    if made_of != keras_sha256:
        raise ArtifactError(
            f"{path}: made of the Keras file {made_of}, not of {keras_sha256}; {_REMEDY}"
        )
    names = [output.name for output in session.get_outputs()]
    # Alone, so that the 8 bits of a sound's values do not depend on the sounds beside it.
    return lambda inputs: run_in_parts(session, names, np.split(inputs, len(inputs)))


_REMEDY = "write it again with `python model.py export`"
