"""Train the whole family of models under one protocol, and measure the shipped one beside it.

Every baseline learns from the clean and the telephone copy of the training
speakers' clips, and is measured on the validation speakers, whom it has never
heard. A second training on a random split of the clips, with every speaker on
both sides, shows how much such a split flatters.
"""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from calmscore.audio.log_mel import LogMelSettings
from calmscore.errors import CorpusError, ParameterError
from calmscore.network.classifier import DEFAULT_ARTIFACTS, MODEL_FILE, load_classifier
from calmscore.training.baseline_inputs import (
    COPIES_LEARNT_FROM,
    TRAINING_SHARE,
    Examples,
    InputKind,
    coarse_frames,
    labelled,
    labels_of,
    random_split,
    read_inputs,
    read_training_averages,
)
from calmscore.training.baselines import FAMILY, Baseline, TrainedBaseline
from calmscore.training.clip_sounds import read_clip, read_sounds
from calmscore.training.comparison_results import Results, stored_rows, write_results
from calmscore.training.corpora import crema_d
from calmscore.training.corpora.reading import read_corpus, split_by_speaker
from calmscore.training.metrics import measure
from calmscore.training.model_costs import (
    logged_training_seconds,
    milliseconds_per_segment,
    network_parameters,
)
from calmscore.training.training_sets import load_training_set

FloatArray = npt.NDArray[np.float32]

WHISPER = "whisper"
MODELS: tuple[str, ...] = (*(baseline.name for baseline in FAMILY), WHISPER)
"""Names of all models, in the order of the table."""

FEATURES_FILE = "averaged_features.npz"

_CLIPS_AT_ONCE = 64
_SEGMENTS_TIMED = 32
_RUNS = DEFAULT_ARTIFACTS.parent / "docs" / "runs"


class Comparison:
    """The protocol on one corpus and its prepared training set.

    Parameters
    ----------
    data : Path
        Folder with the clips of CREMA-D.
    training_set : Path
        Folder that `train_data_preprocessing` wrote from them; the averaged features
        are kept there too.
    artifacts : Path
        Folder of the shipped model.
    seed : int
        Fixes the random split and every training.
    epochs : int, optional
        Most epochs of every network, in place of its own number.
    runs : Path
        Folder with the training logs of the shipped model.

    Raises
    ------
    CorpusError
        If clips or prepared set are missing, or do not belong together.
    ParameterError
        If ``epochs`` is below 1.
    """

    def __init__(
        self,
        *,
        data: Path,
        training_set: Path,
        artifacts: Path = DEFAULT_ARTIFACTS,
        seed: int = 0,
        epochs: int | None = None,
        runs: Path = _RUNS,
    ) -> None:
        if epochs is not None and epochs < 1:
            raise ParameterError(f"epochs is {epochs}, not above 0")
        self.seed, self.artifacts = seed, artifacts
        self._epochs, self._runs = epochs, runs
        self._prepared = load_training_set(training_set / "train")
        self._features_file = training_set / "train" / FEATURES_FILE
        clips = [clip for clip in read_corpus(data, corpus=crema_d.CORPUS) if crema_d.usable(clip)]
        self.training_clips, self.validation_clips = split_by_speaker(
            clips, speakers=crema_d.VALIDATION_SPEAKERS
        )
        if [clip.name for clip in self.training_clips] != self._prepared.names.tolist():
            raise CorpusError(
                f"{training_set}: was not prepared from the clips in {data}; "
                "run train_data_preprocessing.py"
            )
        self._examples: dict[InputKind, tuple[Examples, Examples]] = {}

    @property
    def protocol(self) -> Results:
        """What all models share, as plain values for JSON."""
        return {
            "corpus": crema_d.CORPUS,
            "training_speakers": sorted({clip.speaker_id for clip in self.training_clips}),
            "training_clips": len(self.training_clips),
            "validation_speakers": sorted({clip.speaker_id for clip in self.validation_clips}),
            "validation_clips": len(self.validation_clips),
            "copies_learnt_from": ["clean", "telephone"],
            "random_split_training_share": TRAINING_SHARE,
            "segments_per_timed_batch": _SEGMENTS_TIMED,
        }

    def settings(self, name: str) -> Results:
        """Return what decides a model's figures, besides protocol and seed.

        Raises
        ------
        ArtifactError
            If the shipped model is asked for and cannot be read.
        """
        if name == WHISPER:
            classifier = load_classifier(self.artifacts)
            return {"version": classifier.settings.version, "sha256": classifier.sha256}
        return {"epochs": self._epochs_of(_baseline(name))}

    def run(self, name: str) -> Results:
        """Train and measure one model; the shipped one is measured alone.

        Parameters
        ----------
        name : str
            One of ``MODELS``.

        Returns
        -------
        dict
            The model's row, as plain values for JSON.

        Raises
        ------
        ArtifactError
            If the shipped model cannot be read.
        CorpusError
            If a clip cannot be read.
        """
        row = self._run_shipped() if name == WHISPER else self._run_baseline(_baseline(name))
        return {"name": name, **row, "settings": self.settings(name), "versions": _versions()}

    def examples(self, kind: InputKind) -> tuple[Examples, Examples]:
        """Return the training and the validation speakers' clips, made ready for a kind of model.

        Raises
        ------
        CorpusError
            If a clip cannot be read.
        """
        if kind not in self._examples:
            # One kind at a time: the frames alone fill a third of a gigabyte.
            self._examples = {kind: (self._training(kind), self._validation(kind))}
        return self._examples[kind]

    def _run_baseline(self, baseline: Baseline) -> Results:
        training, validation = self.examples(baseline.kind)
        started = time.monotonic()
        trained = self._train(baseline, training, groups=training.speakers)
        seconds = time.monotonic() - started
        clean, telephone = (
            measure(trained.predict_proba(rows), validation.labels) for rows in validation.inputs
        )
        return {
            "title": baseline.title,
            "inputs": baseline.inputs,
            "clean": clean.to_dict(),
            "telephone": telephone.to_dict(),
            **self._measure_random_split(baseline, trained),
            "parameters": trained.parameters,
            "size_bytes": trained.size_bytes,
            "milliseconds_per_segment": milliseconds_per_segment(
                lambda sounds: trained.predict_proba(read_inputs(sounds, kind=baseline.kind)),
                self._segments(),
            ),
            "training_seconds": round(seconds, 1),
        }

    def _run_shipped(self) -> Results:
        classifier = load_classifier(self.artifacts)
        rate = LogMelSettings().sample_rate_hz
        labels = labels_of(self.validation_clips)
        clean, telephone = (
            measure(classifier.predict_intended_proba(sounds, sample_rate_hz=rate), labels)
            for sounds in map(self._validation_sounds, (False, True))
        )
        network = keras.models.load_model(self.artifacts / MODEL_FILE, compile=False)
        return {
            "title": "Whisper-initialised transformer (shipped)",
            "inputs": "log-mel frames",
            "clean": clean.to_dict(),
            "telephone": telephone.to_dict(),
            "random_split": None,
            "parameters": network_parameters(network),
            "size_bytes": (self.artifacts / MODEL_FILE).stat().st_size,
            "milliseconds_per_segment": milliseconds_per_segment(
                lambda sounds: classifier.predict_intended_proba(sounds, sample_rate_hz=rate),
                self._segments(),
            ),
            "training_seconds": logged_training_seconds(self.artifacts, self._runs),
        }

    def _measure_random_split(self, baseline: Baseline, unfamiliar: TrainedBaseline) -> Results:
        training, validation = self.examples(baseline.kind)
        learnt, measured = random_split(training.joined_with(validation), seed=self.seed)
        trained = self._train(baseline, learnt, groups=learnt.names)
        # The speakers of the two splits are not equally hard, so the same clips are compared too.
        shared = measured.chosen(np.isin(measured.names, validation.names))
        return {
            name: measure(model.predict_proba(clips.inputs[0]), clips.labels).to_dict()
            for name, model, clips in (
                ("random_split", trained, measured),
                ("shared_clips_speakers_heard", trained, shared),
                ("shared_clips_speakers_unheard", unfamiliar, shared),
            )
        }

    def _train(
        self, baseline: Baseline, examples: Examples, *, groups: npt.NDArray[np.str_]
    ) -> TrainedBaseline:
        return baseline.train(
            examples.inputs.reshape(-1, *examples.inputs.shape[2:]),
            np.tile(examples.labels, 2),
            groups=np.tile(groups, 2),
            seed=self.seed,
            epochs=self._epochs_of(baseline),
        )

    def _epochs_of(self, baseline: Baseline) -> int | None:
        return baseline.epochs and (self._epochs or baseline.epochs)

    def _training(self, kind: InputKind) -> Examples:
        if kind == "averages":
            inputs = read_training_averages(self._features_file, self.training_clips)
        else:
            inputs = np.stack(
                [coarse_frames(self._prepared.log_mel[copy]) for copy in COPIES_LEARNT_FROM]
            )
        return labelled(inputs, self.training_clips)

    def _validation(self, kind: InputKind) -> Examples:
        inputs = []
        for telephone in (False, True):
            sounds = self._validation_sounds(telephone)
            starts = range(0, len(sounds), _CLIPS_AT_ONCE)
            rows = [read_inputs(sounds[i : i + _CLIPS_AT_ONCE], kind=kind) for i in starts]
            inputs.append(np.concatenate(rows))
        return labelled(np.stack(inputs), self.validation_clips)

    def _validation_sounds(self, telephone: bool) -> list[FloatArray]:
        return list(read_sounds(self.validation_clips, telephone=telephone))

    def _segments(self) -> list[FloatArray]:
        # Repeated to 3 s: padding with silence would be cheaper than speech is.
        clips = np.resize(np.array(self.validation_clips, dtype=object), _SEGMENTS_TIMED)
        return [np.resize(read_clip(clip.path), LogMelSettings().samples) for clip in clips]


def _baseline(name: str) -> Baseline:
    return next(baseline for baseline in FAMILY if baseline.name == name)


def _versions() -> dict[str, str]:
    libraries = ("keras", "librosa", "numpy", "scikit-learn")
    return {
        "python": platform.python_version(),
        "tensorflow": str(tf.__version__),
        **{name: importlib.metadata.version(name) for name in libraries},
    }


def compare(
    comparison: Comparison,
    *,
    output: Path,
    models: Sequence[str] = MODELS,
    resume: bool = False,
) -> Results:
    """Run the protocol for some models and store their rows beside those of the others.

    Parameters
    ----------
    comparison : Comparison
        The protocol.
    output : Path
        JSON file with the results, written after every model.
    models : sequence of str
        Names among ``MODELS``.
    resume : bool
        Keep rows that are stored with the same settings already.

    Returns
    -------
    dict
        What ``output`` holds: ``command``, ``seed``, ``protocol`` and ``models``, in
        the order of ``MODELS``.

    Raises
    ------
    ArtifactError
        If the shipped model cannot be read, or ``output`` holds something else or
        figures under another protocol or seed.
    CorpusError
        If a clip cannot be read.
    ParameterError
        If there is no such model.
    """
    unknown = [name for name in models if name not in MODELS]
    if unknown:
        raise ParameterError(f"there is no model {unknown[0]!r}; known are {', '.join(MODELS)}")
    seed, protocol = comparison.seed, comparison.protocol
    rows = stored_rows(output, seed=seed, protocol=protocol)
    # Before the first training, so that a missing artifact is not found out after the last.
    settings = {name: comparison.settings(name) for name in MODELS if name in models}

    def results() -> Results:
        return {
            "command": f"python model.py compare --seed {seed}",
            "seed": seed,
            "protocol": protocol,
            "models": [rows[name] for name in MODELS if name in rows],
        }

    for name in tqdm(settings, desc="models", disable=None):
        if resume and name in rows and rows[name]["settings"] == settings[name]:
            continue
        rows[name] = row = comparison.run(name)
        write_results(output, results())
        uar, telephone_uar = row["clean"]["uar"], row["telephone"]["uar"]
        tqdm.write(f"{name}: UAR {uar:.3f} clean, {telephone_uar:.3f} telephone", file=sys.stderr)
    return results()
