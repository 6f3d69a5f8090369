"""The trained model, ready to classify: load an artifact, run it in batches."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from calmscore.audio.log_mel import LogMelSettings, log_mel
from calmscore.emotions import EMOTIONS
from calmscore.errors import ArtifactError, ParameterError
from calmscore.locations import shipped

FloatArray = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]

DEFAULT_ARTIFACTS = shipped("artifacts")
MODEL_FILE = "emotion_recognition_model.keras"
SETTINGS_FILE = "settings.json"

# Larger batches are hardly faster, and cost an hour-long call 300 MB.
_BATCH_SIZE = 16


@dataclass(frozen=True, kw_only=True)
class ArtifactSettings:
    """What travels with the model's weights.

    Attributes
    ----------
    name, version : str
        Of the model.
    temperature : float
        Divides the logits before the softmax; fitted on validation speakers.
    speech_level_db : float
        Median level of a clip's speech in training, in decibels of full scale. A
        call's speech is brought to it as a whole, so that its own ups and downs stay.
    log_mel : LogMelSettings
        Front end that the model was trained with.
    """

    name: str
    version: str
    temperature: float
    speech_level_db: float
    log_mel: LogMelSettings

    @classmethod
    def read(cls, path: Path) -> ArtifactSettings:
        """Read the settings file of an artifact.

        Raises
        ------
        ArtifactError
            If it is missing or not in this version's form.
        """
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields["emotions"] != list(EMOTIONS):
                raise ValueError(f"made for other emotions: {fields['emotions']}")
            if not float(fields["temperature"]) > 0.0:
                raise ValueError(f"temperature {fields['temperature']} is not above 0")
            return cls(
                name=str(fields["name"]),
                version=str(fields["version"]),
                temperature=float(fields["temperature"]),
                speech_level_db=float(fields["speech_level_db"]),
                log_mel=LogMelSettings(**fields["log_mel"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(
                f"{path}: the model's settings cannot be read ({error}); "
                "install Calmscore again or train a model"
            ) from error

    def write(self, path: Path) -> None:
        """Write the settings file of an artifact."""
        fields: dict[str, Any] = {**vars(self), "log_mel": self.log_mel.to_dict()}
        fields["emotions"] = list(EMOTIONS)
        path.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")


class EmotionClassifier:
    """A loaded artifact. Safe to use from several threads.

    Parameters
    ----------
    network : callable
        From log-mel inputs of shape (n, frames, bands) to logits of shape (n, 6).
    settings : ArtifactSettings
        What travels with the weights.
    sha256 : str
        Digest of the model file, in hex.
    """

    def __init__(
        self, network: Callable[[FloatArray], Any], *, settings: ArtifactSettings, sha256: str
    ) -> None:
        self._network = network
        self.settings = settings
        self.sha256 = sha256

    def predict_proba(
        self,
        segments: Sequence[npt.NDArray[Any]],
        *,
        sample_rate_hz: int,
        progress: Progress | None = None,
    ) -> FloatArray:
        """Classify sounds.

        Parameters
        ----------
        segments : sequence of array, each of shape (n,)
            Mono sounds of any length, full scale 1. One that is longer than the
            model's input is read in overlapping windows, whose logits are averaged.
        sample_rate_hz : int
            Rate of the sounds.
        progress : callable, optional
            Called as ``progress(completed, total)`` after each batch.

        Returns
        -------
        array of float32, shape (len(segments), 6)
            Calibrated probabilities in the order of ``EMOTIONS``. A sound without a
            single sample tells nothing: its row is uniform.

        Raises
        ------
        ParameterError
            If a sound is not one-dimensional or not finite, or the rate is not above 0.
        """
        if sample_rate_hz <= 0:
            raise ParameterError(f"sample_rate_hz is {sample_rate_hz}, not above 0")
        sums = np.zeros((len(segments), len(EMOTIONS)))
        counts = np.zeros(len(segments))
        windows: list[FloatArray] = []
        owners: list[int] = []
        for index, segment in enumerate(segments):
            samples = _resampled(segment, index, sample_rate_hz, self._rate_hz)
            for window in self._windows(samples):
                windows.append(window)
                owners.append(index)
            # Classified as soon as a batch is full: a long call's windows are not kept.
            if len(windows) >= _BATCH_SIZE or index == len(segments) - 1:
                np.add.at(sums, owners, self._logits(windows))
                np.add.at(counts, owners, 1)
                windows, owners = [], []
                if progress is not None:
                    progress(index + 1, len(segments))
        logits = sums / np.maximum(counts, 1)[:, None]
        return _softmax(logits / self.settings.temperature)

    @property
    def _rate_hz(self) -> int:
        return self.settings.log_mel.sample_rate_hz

    def _windows(self, samples: FloatArray) -> list[FloatArray]:
        length = self.settings.log_mel.samples
        if samples.size <= length:
            return [samples] if samples.size else []
        # Evenly spread, at most half a window apart, from the first to the last sample.
        count = 1 + -(-(samples.size - length) // (length // 2))
        starts = np.linspace(0, samples.size - length, count).astype(int)
        return [samples[start : start + length] for start in starts]

    def _logits(self, windows: list[FloatArray]) -> npt.NDArray[np.float64]:
        rows = [np.zeros((0, len(EMOTIONS)))]
        for start in range(0, len(windows), _BATCH_SIZE):
            inputs = log_mel(windows[start : start + _BATCH_SIZE], settings=self.settings.log_mel)
            rows.append(np.asarray(self._network(inputs), dtype=np.float64))
        return np.concatenate(rows)


def _resampled(
    segment: npt.NDArray[Any], index: int, rate_hz: int, wanted_rate_hz: int
) -> FloatArray:
    samples = np.asarray(segment, dtype=np.float32)
    if samples.ndim != 1:
        raise ParameterError(f"segment {index} has shape {samples.shape}, not one dimension")
    if not np.all(np.isfinite(samples)):
        raise ParameterError(f"segment {index} holds values that are not finite numbers")
    if rate_hz != wanted_rate_hz and samples.size:
        samples = np.asarray(soxr.resample(samples, rate_hz, wanted_rate_hz), dtype=np.float32)
    return samples


def _softmax(logits: npt.NDArray[np.float64]) -> FloatArray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float32)


def load_classifier(artifacts: str | os.PathLike[str] = DEFAULT_ARTIFACTS) -> EmotionClassifier:
    """Load a trained model; each folder is loaded once per process.

    Parameters
    ----------
    artifacts : path
        Folder with ``emotion_recognition_model.keras`` and ``settings.json``; a
        relative one that does not exist here is looked for beside the shipped one.

    Returns
    -------
    EmotionClassifier

    Raises
    ------
    ArtifactError
        If the model is missing, damaged or of another version.
    """
    folder = Path(artifacts)
    if not folder.is_absolute() and not folder.exists():
        folder = DEFAULT_ARTIFACTS.parent / folder
    with _loading:
        return _load(folder.resolve())


_loading = threading.Lock()


@lru_cache(maxsize=2)
def _load(folder: Path) -> EmotionClassifier:
    path = folder / MODEL_FILE
    settings = ArtifactSettings.read(folder / SETTINGS_FILE)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ArtifactError(
            f"{path}: the trained model cannot be read ({error.strerror}); "
            "install Calmscore again or train a model"
        ) from error
    with _objects_to_stay():
        network = _network(path)
    return EmotionClassifier(network, settings=settings, sha256=digest)


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


def _network(path: Path) -> Callable[[FloatArray], Any]:
    # Imported here, because it takes seconds that a wrong file name should not cost.
    with without_native_messages():
        import keras
        import tensorflow as tf

        from calmscore.network import layers  # noqa: F401  (registers the layers)

    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises many kinds for a damaged file
        raise ArtifactError(
            f"{path}: the trained model is damaged or of another version ({error}); "
            "install Calmscore again or train a model"
        ) from error
    signature = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
    # Traced now: a model that loads in the background is then ready to answer at once.
    compiled = tf.function(
        lambda inputs: model(inputs, training=False), input_signature=[signature]
    ).get_concrete_function()
    return lambda inputs: compiled(tf.convert_to_tensor(inputs)).numpy()
