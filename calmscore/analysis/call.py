"""Analyse a call: load → segment → classify → score → report."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from calmscore.analysis.inertia import smooth_probabilities
from calmscore.analysis.report import (
    CallInfo,
    CallReport,
    ModelInfo,
    SegmentReport,
)
from calmscore.analysis.scoring import CallScore, score_probabilities
from calmscore.analysis.segments import (
    SEGMENT_SECONDS,
    ChannelChoice,
    Segment,
    SegmentedCall,
    level_gain,
    segment_call,
)
from calmscore.audio.recording import ANALYSIS_RATE_HZ, ReadingLimits, Recording, read_recording
from calmscore.emotions import EMOTIONS
from calmscore.errors import CalmscoreError, Notice
from calmscore.network.classifier import EmotionClassifier, load_classifier

Progress = Callable[[int, int], None]
Source = str | os.PathLike[str] | BinaryIO


def run(path: str | os.PathLike[str]) -> tuple[list[str], float | None]:
    """Analyse one call and return the two things most wanted.

    Parameters
    ----------
    path : path
        The recording.

    Returns
    -------
    predictions : list of str
        One emotion name per scored segment.
    score : float or None
        1.0–10.0; None where the evidence is too thin.

    Raises
    ------
    CallFileError
        If the recording cannot be analysed.
    """
    report = analyze_call(path)
    names = [segment.emotion for segment in report.segments if segment.emotion is not None]
    return names, report.score.value


def analyze_call(
    source: Source,
    *,
    customer_channel: ChannelChoice = "auto",
    classifier: EmotionClassifier | None = None,
    progress: Progress | None = None,
) -> CallReport:
    """Analyse one call.

    Parameters
    ----------
    source : path or binary file object
        The recording. The name of a file object is taken from its ``name``.
    customer_channel : {"auto", "left", "right", "mixed"}
        Where the customer is; see `segments.segment_call`.
    classifier : EmotionClassifier, optional
        The shipped one by default.
    progress : callable, optional
        Called as ``progress(completed, total)`` while segments are classified.

    Returns
    -------
    CallReport

    Raises
    ------
    CallFileError
        If the recording cannot be analysed; the message names file, reason and remedy.
    ParameterError
        If ``customer_channel`` is none of the four.
    ArtifactError
        If the shipped model cannot be loaded.
    """
    if classifier is None:
        # Starts in the background: the model loads while the call is read.
        threading.Thread(target=_warm_up, daemon=True).start()
    # Not named here: the analysis lets go of the sound as soon as it is cut up.
    return analyze_recording(
        read_recording(source, limits=ReadingLimits.from_environment()),
        customer_channel=customer_channel,
        classifier=classifier,
        progress=progress,
    )


def _warm_up() -> None:
    try:
        load_classifier()
    except CalmscoreError:
        return  # raised again, to the caller, where the classifier is needed


def analyze_recording(
    recording: Recording,
    *,
    customer_channel: ChannelChoice = "auto",
    classifier: EmotionClassifier | None = None,
    progress: Progress | None = None,
) -> CallReport:
    """Analyse a recording that was read already; see `analyze_call`."""
    call = segment_call(recording, customer_channel=customer_channel)
    # An hour's call takes 230 MB, which the classifier can use better.
    recording = replace(recording, samples=recording.samples[:, :0].copy())
    model = classifier or load_classifier()
    voices = [segment for segment in call.segments if segment.samples is not None]
    probabilities = smooth_probabilities(
        _classify(voices, model, progress),
        indices=np.array([segment.index for segment in voices], dtype=np.int64),
    )
    table = np.zeros((len(call.segments), len(EMOTIONS)))
    speech = np.zeros(len(call.segments))
    for segment, row in zip(voices, probabilities, strict=True):
        table[segment.index] = row
        speech[segment.index] = segment.speech_seconds
    score = score_probabilities(table, speech_seconds=speech, segment_seconds=SEGMENT_SECONDS)
    return CallReport(
        call=CallInfo(
            id=recording.sha256,
            file_name=recording.file_name,
            duration_seconds=recording.duration_seconds,
            sample_rate_hz=recording.sample_rate_hz,
            channels=len(recording.samples),
            customer_channel=call.customer_channel,
        ),
        model=ModelInfo(
            name=model.settings.name, version=model.settings.version, sha256=model.sha256
        ),
        score=score,
        segments=tuple(
            _segment_report(segment, table[segment.index], score) for segment in call.segments
        ),
        talk=call.talk,
        warnings=(*recording.warnings, *call.warnings, *_speech_warnings(call, recording)),
    )


def _classify(
    voices: list[Segment], model: EmotionClassifier, progress: Progress | None
) -> npt.NDArray[np.float32]:
    sounds = [segment.samples for segment in voices if segment.samples is not None]
    gain = level_gain(sounds, wanted_level_db=model.settings.speech_level_db)
    return model.predict_proba(
        [_amplified(sound, gain) for sound in sounds],
        sample_rate_hz=ANALYSIS_RATE_HZ,
        progress=progress,
    )


def _amplified(sound: npt.NDArray[np.float16], gain: np.float32) -> npt.NDArray[np.float16]:
    return np.asarray(np.clip(sound * gain, -1.0, 1.0), dtype=np.float16)


def _segment_report(
    segment: Segment, probabilities: npt.NDArray[np.float64], score: CallScore
) -> SegmentReport:
    scored = segment.status == "scored"
    best = int(probabilities.argmax())
    return SegmentReport(
        index=segment.index,
        start_seconds=segment.start_seconds,
        end_seconds=segment.end_seconds,
        speech_seconds=segment.speech_seconds,
        status=segment.status,
        emotion=EMOTIONS[best] if scored else None,
        confidence=float(probabilities[best]) if scored else None,
        probabilities=tuple(float(value) for value in probabilities) if scored else None,
        distress=score.distress[segment.index],
        smoothed_distress=score.smoothed_distress[segment.index],
    )


def _speech_warnings(call: SegmentedCall, recording: Recording) -> list[Notice]:
    name = recording.file_name
    if not any(segment.speech_seconds for segment in call.segments):
        heard = "" if call.customer_channel == "mixed" else f" on the {call.customer_channel} side"
        return [
            Notice(
                code="no_speech",
                message=f"No speech was found in {name}{heard}. Check that the right recording "
                "was taken and that the customer's channel was recorded.",
            )
        ]
    poor = sum(segment.status == "low_information" for segment in call.segments)
    if not poor:
        return []
    return [
        Notice(
            code="low_information",
            message=f"{poor} segment{'s' if poor > 1 else ''} of {name} could not be scored: "
            "the voice is too quiet or too distorted. Check the recording level.",
        )
    ]
