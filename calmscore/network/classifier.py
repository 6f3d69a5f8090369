"""The trained model, ready to classify: load an artifact, run it in batches."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
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
from calmscore.network.exported_network import EXPORTED_FILE, open_exported_network
from calmscore.network.keras_network import compiled, load_keras_network
from calmscore.network.settings_file import read_settings_file, write_settings_file
from calmscore.settings import Runtime, read_environment

FloatArray = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]
Network = Callable[[FloatArray], Mapping[str, Any]]

DEFAULT_ARTIFACTS = shipped("artifacts")
MODEL_FILE = "emotion_recognition_model.keras"
SETTINGS_FILE = "settings.json"

_log = logging.getLogger("calmscore.network")

_MADE_FOR = {"emotions": EMOTIONS}
_NUMBERS = ("heard_temperature", "meant_temperature", "voice_distance_limit", "speech_level_db")

# Larger batches are hardly faster, and cost an hour-long call 300 MB.
_BATCH_SIZE = 16


@dataclass(frozen=True, kw_only=True)
class ArtifactSettings:
    """What travels with the model's weights.

    Attributes
    ----------
    name, version : str
        Of the model.
    heard_temperature, meant_temperature : float
        Divide the logits of either head before the softmax; fitted on validation speakers.
    heard_bias : tuple of float
        Added to the divided logits of what is heard, in the order of ``EMOTIONS``.
    voice_distance_limit : float
        Distance of a call's voice from those of training above which a report warns.
    speech_level_db : float
        Median level of a clip's speech in training, in decibels of full scale. A
        call's speech is brought to it as a whole, so that its own ups and downs stay.
    log_mel : LogMelSettings
        Front end that the model was trained with.
    """

    name: str
    version: str
    heard_temperature: float
    meant_temperature: float
    heard_bias: tuple[float, ...]
    voice_distance_limit: float
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
        return read_settings_file(path, cls._of_fields, made_for=_MADE_FOR)

    @classmethod
    def _of_fields(cls, fields: dict[str, Any]) -> ArtifactSettings:
        numbers = {name: float(fields[name]) for name in _NUMBERS}
        for name in ("heard_temperature", "meant_temperature"):
            if not numbers[name] > 0.0:
                raise ValueError(f"{name} {numbers[name]} is not above 0")
        return cls(
            name=str(fields["name"]),
            version=str(fields["version"]),
            heard_bias=_checked_bias(fields["heard_bias"]),
            **numbers,
            log_mel=LogMelSettings(**fields["log_mel"]),
        )

    def write(self, path: Path) -> None:
        """Write the settings file of an artifact."""
        fields = {**vars(self), "log_mel": self.log_mel.to_dict()}
        write_settings_file(path, fields, made_for=_MADE_FOR)


def _checked_bias(values: Sequence[float]) -> tuple[float, ...]:
    if len(values) != len(EMOTIONS):
        raise ValueError(f"heard_bias has {len(values)} values, not {len(EMOTIONS)}")
    return tuple(float(value) for value in values)


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """What the classifier says of some sounds, each table with a row per sound.

    Attributes
    ----------
    heard : array of float32, shape (n, 6)
        Calibrated probabilities of what listeners would hear, in the order of ``EMOTIONS``.
    intended : array of float32, shape (n, 6)
        Calibrated probabilities of what an actor would have meant.
    voices : array of float32, shape (n, m)
        Coordinates of the voice among those of training, of which each has a mean of 0
        and a mean square of 1 there.
    """

    heard: FloatArray
    intended: FloatArray
    voices: FloatArray


class EmotionClassifier:
    """A loaded artifact. Safe to use from several threads.

    Parameters
    ----------
    network : callable
        From log-mel inputs of shape (n, frames, bands) to a dict of arrays with n rows:
        the logits ``heard`` and ``meant``, and the coordinates ``voice``.
    settings : ArtifactSettings
        What travels with the weights.
    sha256 : str
        Digest of the model file, in hex.
    """

    def __init__(
        self,
        network: Network,
        *,
        settings: ArtifactSettings,
        sha256: str,
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
        """Tell what listeners would hear in sounds; see `listen`.

        Returns
        -------
        array of float32, shape (len(segments), 6)
            Calibrated probabilities in the order of ``EMOTIONS``: the share of
            listeners who would name each.
        """
        return self.listen(segments, sample_rate_hz=sample_rate_hz, progress=progress).heard

    def predict_intended_proba(
        self,
        segments: Sequence[npt.NDArray[Any]],
        *,
        sample_rate_hz: int,
        progress: Progress | None = None,
    ) -> FloatArray:
        """Tell what an actor would have meant in sounds, as papers report it; see `listen`.

        Returns
        -------
        array of float32, shape (len(segments), 6)
            Calibrated probabilities in the order of ``EMOTIONS``.
        """
        return self.listen(segments, sample_rate_hz=sample_rate_hz, progress=progress).intended

    def listen(
        self,
        segments: Sequence[npt.NDArray[Any]],
        *,
        sample_rate_hz: int,
        progress: Progress | None = None,
    ) -> Hearing:
        """Answer all questions about sounds in one go.

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
        Hearing
            A sound without a single sample tells nothing: its probabilities are uniform.

        Raises
        ------
        ParameterError
            If a sound is not one-dimensional or not finite, or the rate is not above 0.
        """
        if sample_rate_hz <= 0:
            raise ParameterError(f"sample_rate_hz is {sample_rate_hz}, not above 0")
        sums: dict[str, npt.NDArray[np.float64]] = {}
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
                for name, rows in self._answers(windows).items():
                    total = sums.setdefault(name, np.zeros((len(segments), rows.shape[1])))
                    np.add.at(total, owners, rows)
                np.add.at(counts, owners, 1)
                windows, owners = [], []
                if progress is not None:
                    progress(index + 1, len(segments))
        means = {name: total / np.maximum(counts, 1)[:, None] for name, total in sums.items()}
        nothing = np.zeros((len(segments), len(EMOTIONS)))
        settings = self.settings
        heard = means.get("heard", nothing) / settings.heard_temperature
        # A sound without a sample stays uniform: the bias is for what was heard.
        heard += np.array(settings.heard_bias) * (counts[:, None] > 0)
        return Hearing(
            heard=_softmax(heard),
            intended=_softmax(means.get("meant", nothing) / settings.meant_temperature),
            voices=means.get("voice", nothing[:, :0]).astype(np.float32),
        )

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

    def _answers(self, windows: list[FloatArray]) -> dict[str, npt.NDArray[np.float64]]:
        parts: dict[str, list[npt.NDArray[np.float64]]] = {}
        for start in range(0, len(windows), _BATCH_SIZE):
            inputs = log_mel(windows[start : start + _BATCH_SIZE], settings=self.settings.log_mel)
            for name, rows in self._network(inputs).items():
                parts.setdefault(name, []).append(np.asarray(rows, dtype=np.float64))
        return {name: np.concatenate(rows) for name, rows in parts.items()}


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


def load_classifier(
    artifacts: str | os.PathLike[str] = DEFAULT_ARTIFACTS,
    *,
    runtime: Runtime | None = None,
) -> EmotionClassifier:
    """Load a trained model; each folder is loaded once per process.

    Parameters
    ----------
    artifacts : path
        Folder with ``emotion_recognition_model.keras``, its export and
        ``settings.json``; a relative one that does not exist here is looked for beside
        the shipped one.
    runtime : {"onnx", "keras"}, optional
        What runs the network: its export, or Keras, which takes seconds to start;
        ``CALMSCORE_RUNTIME`` by default. Keras also stands in for an export that is
        missing, damaged or made of another file, and the log says so.

    Returns
    -------
    EmotionClassifier

    Raises
    ------
    ArtifactError
        If the model is missing, damaged or of another version.
    ParameterError
        If ``CALMSCORE_RUNTIME`` is neither.
    """
    folder = Path(artifacts)
    if not folder.is_absolute() and not folder.exists():
        folder = DEFAULT_ARTIFACTS.parent / folder
    runtime = runtime or read_environment().runtime
    with _loading:
        return _load(folder.resolve(), runtime)


_loading = threading.Lock()


@lru_cache(maxsize=2)
def _load(folder: Path, runtime: Runtime) -> EmotionClassifier:
    path = folder / MODEL_FILE
    settings = ArtifactSettings.read(folder / SETTINGS_FILE)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ArtifactError(
            f"{path}: the trained model cannot be read ({error.strerror}); "
            "install Calmscore again or train a model"
        ) from error
    return EmotionClassifier(_network(folder, digest, runtime), settings=settings, sha256=digest)


def _network(folder: Path, sha256: str, runtime: Runtime) -> Network:
    if runtime == "onnx":
        try:
            return open_exported_network(folder / EXPORTED_FILE, keras_sha256=sha256)
        except ArtifactError as error:
            _log.warning("the network is run by Keras, which starts slowly: %s", error)
    return compiled(load_keras_network(folder / MODEL_FILE))


def with_network(classifier: EmotionClassifier, model: Any) -> EmotionClassifier:
    """Return a classifier with another network under the same settings.

    Parameters
    ----------
    classifier : EmotionClassifier
        Whose settings to take.
    model : keras.Model
        From `network.layers.build_emotion_network`.

    Returns
    -------
    EmotionClassifier
    """
    return EmotionClassifier(compiled(model), settings=classifier.settings, sha256="")
