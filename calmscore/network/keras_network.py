"""The Keras network itself: what training makes, and what its export is measured against.

TensorFlow takes seconds and half a gigabyte: it is imported here, inside of functions,
and nowhere else on the way of a call.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.errors import ArtifactError

FloatArray = npt.NDArray[np.float32]


def load_keras_network(path: Path) -> Any:
    """Load a saved network.

    Parameters
    ----------
    path : Path
        Of `layers.build_emotion_network`, saved.

    Raises
    ------
    ArtifactError
        If it is missing, damaged or of another version.
    """
    with _objects_to_stay(), without_native_messages():
        import keras

        from calmscore.network import layers  # noqa: F401  (registers the layers)

        try:
            return keras.models.load_model(path, compile=False)
        except Exception as error:  # Keras raises many kinds for a damaged file
            raise ArtifactError(
                f"{path}: the trained model is damaged or of another version ({error}); "
                "install Calmscore again or train a model"
            ) from error


def compiled(model: Any) -> Callable[[FloatArray], Mapping[str, Any]]:
    """Return a network as a function from log-mel inputs to a dict of arrays.

    Parameters
    ----------
    model : keras.Model
        Of fixed frames and bands.
    """
    import tensorflow as tf

    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    # Traced now: a model that loads in the background is then ready to answer at once.
    traced = tf.function(
        lambda inputs: model(inputs, training=False), input_signature=[signature]
    ).get_concrete_function()
    return lambda inputs: traced(tf.convert_to_tensor(inputs))


@contextmanager
def _objects_to_stay() -> Iterator[None]:
    """Spare the garbage collector what is made here and lives as long as the process.

    TensorFlow brings half a million objects. Searched again and again while they are
    imported, and once more at the end, they cost a command more than a second.
    """
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collecting:
            gc.enable()


@contextmanager
def without_native_messages() -> Iterator[None]:
    """Keep TensorFlow's start-up messages, which no setting stops, off the terminal.

    They are written below Python, so the file descriptor itself is turned away.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
