"""Classify a clip: one short recording of one voice, without a score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from calmscore.analysis.call_channels import customer_samples
from calmscore.analysis.cutting import level_gain, voiced_stretch
from calmscore.audio.recording import ANALYSIS_RATE_HZ, read_recording
from calmscore.audio.voice_activity import mask_seconds, speech_mask
from calmscore.emotions import EMOTIONS
from calmscore.errors import CallFileError
from calmscore.network.classifier import EmotionClassifier

LONGEST_CLIP_SECONDS = 60.0
LARGEST_CLIP_BYTES = 32 * 1024**2


def classify_clip(
    path: Path,
    *,
    file_name: str,
    classifier: EmotionClassifier,
    raw_format: str | None = None,
) -> dict[str, Any]:
    """Classify the speech of a clip as a whole.

    Parameters
    ----------
    path : Path
        The clip; two channels are mixed.
    file_name : str
        What the clip is called.
    raw_format : str, optional
        As in `read_recording`.

    Returns
    -------
    dict
        ``file_name``, ``duration_seconds``, ``speech_seconds``, ``emotion``,
        ``probabilities`` by emotion, and ``model``.

    Raises
    ------
    CallFileError
        If the clip cannot be read, is longer than `LONGEST_CLIP_SECONDS`, or holds no
        speech.
    """
    with path.open("rb") as source:
        recording = read_recording(source, file_name=file_name, raw_format=raw_format)
    if recording.duration_seconds > LONGEST_CLIP_SECONDS:
        raise CallFileError(
            "clip_too_long",
            f"{recording.file_name} lasts {recording.duration_seconds:.1f} s, above the limit of "
            f"{LONGEST_CLIP_SECONDS:g} s for a clip; send it as a call to /v1/calls.",
        )
    samples = customer_samples(recording, "mixed").astype(np.float32)
    speech = speech_mask(samples)
    if not speech.any():
        raise CallFileError(
            "no_speech", f"No speech was found in {recording.file_name}; send a clip with a voice."
        )
    voiced = voiced_stretch(samples, speech)
    gain = level_gain([voiced], wanted_level_db=classifier.settings.speech_level_db)
    probabilities = classifier.predict_proba(
        [np.clip(voiced * gain, -1.0, 1.0)], sample_rate_hz=ANALYSIS_RATE_HZ
    )[0]
    return {
        "file_name": recording.file_name,
        "duration_seconds": recording.duration_seconds,
        "speech_seconds": mask_seconds(speech),
        "emotion": EMOTIONS[int(probabilities.argmax())],
        "probabilities": dict(zip(EMOTIONS, probabilities.tolist(), strict=True)),
        "model": {
            "name": classifier.settings.name,
            "version": classifier.settings.version,
            "sha256": classifier.sha256,
        },
    }
