"""A model, and the labelled clips on which it is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.emotions import EMOTIONS
from calmscore.errors import CorpusError
from calmscore.network.classifier import EmotionClassifier
from calmscore.training.augmentation import telephone_line
from calmscore.training.clip_sounds import read_clip
from calmscore.training.corpora.clips import Clip
from calmscore.training.metrics import measure

FloatArray = npt.NDArray[np.float32]

IntArray = npt.NDArray[np.int64]

Figures = dict[str, Any]

Change = Callable[[int, np.random.Generator], FloatArray]

# Fixes all noise and all draws.
SEED = 0


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A model, and the clips on which it is measured.

    Attributes
    ----------
    clips : sequence of Clip
        Of speakers that the model was not trained on.
    other_clips : sequence of Clip
        The other speakers' clips in the same folder.
    data : Path
        That folder; votes and demographics lie in it or in the one above.
    other_corpora : Path or None
        Folder with one folder for each other corpus.
    """

    classifier: EmotionClassifier
    clips: Sequence[Clip]
    other_clips: Sequence[Clip]
    data: Path
    other_corpora: Path | None = None

    @cached_property
    def sounds(self) -> list[FloatArray]:
        """Samples of each clip, at 16 kHz."""
        return [read_clip(clip.path) for clip in self.clips]

    @cached_property
    def labels(self) -> IntArray:
        """Intended emotion of each clip, as its place in ``EMOTIONS``."""
        return labels_of(self.clips)

    @cached_property
    def speakers(self) -> npt.NDArray[np.str_]:
        """Speaker of each clip."""
        return np.array([clip.speaker_id for clip in self.clips])

    @cached_property
    def clean(self) -> FloatArray:
        """Probabilities of the clips as they are, shape (n, 6)."""
        return self.classify(lambda index, _: self.sounds[index])

    @cached_property
    def telephone(self) -> FloatArray:
        """Probabilities of the clips over a μ-law line, shape (n, 6)."""
        return self.over_line()

    @cached_property
    def heard(self) -> FloatArray:
        """Ask what listeners would hear in the clips over a μ-law line, shape (n, 6)."""
        generator = np.random.default_rng(SEED)
        lines = [
            telephone_line(sound, sample_rate_hz=ANALYSIS_RATE_HZ, generator=generator)
            for sound in self.sounds
        ]
        return self.classifier.predict_proba(lines, sample_rate_hz=ANALYSIS_RATE_HZ)

    def over_line(self, **options: Any) -> FloatArray:
        """Classify the clips after a line with options of `telephone_line`."""
        rate_hz = ANALYSIS_RATE_HZ
        return self.classify(
            lambda index, draw: telephone_line(
                self.sounds[index], sample_rate_hz=rate_hz, generator=draw, **options
            )
        )

    def classify(self, change: Change, indices: IntArray | None = None) -> FloatArray:
        """Ask what was meant in clips, all or those at ``indices``, each after a change."""
        generator = np.random.default_rng(SEED)
        chosen = np.arange(len(self.clips)) if indices is None else indices
        sounds = [change(int(index), generator) for index in chosen]
        return self.classifier.predict_intended_proba(sounds, sample_rate_hz=ANALYSIS_RATE_HZ)

    def table(self, name: str) -> Path:
        """Return the place of one of CREMA-D's tables."""
        for folder in (self.data, self.data.parent):
            if (folder / name).is_file():
                return folder / name
        raise CorpusError(f"{self.data}: {name} is neither here nor one above; download CREMA-D")


def labels_of(clips: Sequence[Clip]) -> IntArray:
    """Return the intended emotions as places in ``EMOTIONS``."""
    return np.array([EMOTIONS.index(str(clip.emotion)) for clip in clips], dtype=np.int64)


def summary_of(probabilities: npt.NDArray[Any], labels: IntArray) -> Figures:
    """Return the figures of `metrics.measure` without the confusion matrix."""
    figures = measure(probabilities, labels).to_dict()
    del figures["confusion"]
    return figures
