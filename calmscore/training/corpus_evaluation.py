"""How the model fares on corpora whose speakers, texts and rooms it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from calmscore.analysis.cutting import level_gain
from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.emotions import EMOTIONS
from calmscore.errors import CorpusError, ParameterError
from calmscore.network.classifier import EmotionClassifier
from calmscore.training.clip_sounds import read_clip
from calmscore.training.corpora import emodb, ravdess, savee, tess
from calmscore.training.corpora.clips import Clip
from calmscore.training.corpora.reading import FOR_EVALUATION_ALONE, read_corpus
from calmscore.training.measurement import (
    Figures,
    FloatArray,
    Measurement,
    labels_of,
    summary_of,
)
from calmscore.training.metrics import measure, valence_uar

_OTHER_CORPORA = {
    ravdess.CORPUS: ("RAVDESS", "English (North America)"),
    emodb.CORPUS: ("EmoDB", "German"),
    tess.CORPUS: ("TESS", "English (Canada)"),
    savee.CORPUS: ("SAVEE", "English (Britain)"),
}


def other_corpora(measurement: Measurement) -> list[Figures]:
    """Measure other corpora, as recorded and with each speaker at the training level."""
    folder = measurement.other_corpora
    if folder is None or not folder.is_dir():
        raise ParameterError(f"--other-corpora is {folder}; name a folder with a folder for each")
    parts = sorted(path for path in folder.iterdir() if path.is_dir()) or [folder]
    corpora = [read_corpus(part) for part in parts]
    # Natural speech was never acted, so nothing was meant in it.
    return [
        _corpus_figures(clips, measurement.classifier)
        for clips in corpora
        if clips[0].corpus not in FOR_EVALUATION_ALONE
    ]


def _corpus_figures(clips: Sequence[Clip], classifier: EmotionClassifier) -> Figures:
    if clips[0].corpus not in _OTHER_CORPORA:
        raise CorpusError(f"{clips[0].path}: {clips[0].corpus} is what the model was trained on")
    title, language = _OTHER_CORPORA[clips[0].corpus]
    sounds = [read_clip(clip.path) for clip in clips]
    recorded, levelled = (
        classifier.predict_intended_proba(variant, sample_rate_hz=ANALYSIS_RATE_HZ)
        for variant in (sounds, _at_training_level(sounds, clips, classifier))
    )
    known = [index for index, clip in enumerate(clips) if clip.emotion is not None]
    labels = labels_of([clips[index] for index in known])
    confusion = np.array(measure(levelled[known], labels).confusion)
    valences = [clip.valence for clip in clips]
    present = np.unique(labels)
    return {
        "corpus": title,
        "language": language,
        "speakers": len({clip.speaker for clip in clips}),
        "clips": len(known),
        "chance": 1.0 / len(present),
        "as_recorded": summary_of(recorded[known], labels),
        "level_adapted": summary_of(levelled[known], labels),
        "recalls": {EMOTIONS[i]: float(confusion[i, i] / confusion[i].sum()) for i in present},
        "valence_clips": len(clips),
        "valence_uar": {
            "as_recorded": valence_uar(recorded, valences),
            "level_adapted": valence_uar(levelled, valences),
        },
    }


def _at_training_level(
    sounds: Sequence[FloatArray], clips: Sequence[Clip], classifier: EmotionClassifier
) -> list[FloatArray]:
    """Bring each speaker's clips to the training level with one gain, as calls are."""
    pairs = list(zip(sounds, [clip.speaker for clip in clips], strict=True))
    wanted_db = classifier.settings.speech_level_db
    gains = {
        name: level_gain([own for own, other in pairs if other == name], wanted_level_db=wanted_db)
        for name in {clip.speaker for clip in clips}
    }
    return [np.clip(sound * gains[name], -1.0, 1.0) for sound, name in pairs]
