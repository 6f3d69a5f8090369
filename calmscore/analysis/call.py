"""Analyse a call: load → segment → classify → score → report."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from calmscore.analysis.call_channels import ChannelChoice, called
from calmscore.analysis.call_direction import CallDirection, call_direction
from calmscore.analysis.call_score import CallScore
from calmscore.analysis.cutting import SEGMENT_SECONDS, Segment, level_gain
from calmscore.analysis.distress import told_emotions
from calmscore.analysis.inertia import smooth_probabilities
from calmscore.analysis.report import (
    CallInfo,
    CallReport,
    Direction,
    ModelInfo,
    SegmentReport,
    Talk,
)
from calmscore.analysis.scoring import MINIMUM_SCORED_SEGMENTS, score_probabilities
from calmscore.analysis.segments import SegmentedCall, segment_call
from calmscore.analysis.spoken_cues import Said
from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording, read_recording
from calmscore.emotions import EMOTIONS
from calmscore.errors import CalmscoreError, Notice
from calmscore.network.classifier import EmotionClassifier, Hearing, load_classifier
from calmscore.settings import read_environment

Progress = Callable[[int, int], None]
Source = str | os.PathLike[str] | BinaryIO

# What the agent said longer ago than this is not what changed the customer's voice.
_LONGEST_LEAD_SECONDS = 30.0
# Notices that say already why nothing is judged.
_NOBODY_CHOSEN = ("one_side_silent", "customer_unclear")


def run(path: str | os.PathLike[str]) -> tuple[list[str], float | None]:
    """Analyse one call and return the two things most wanted.

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
    names = [str(segment.emotion) for segment in report.segments if segment.emotion is not None]
    return names, report.score.value


def analyze_call(
    source: Source,
    *,
    customer_channel: ChannelChoice = "auto",
    direction: Direction | None = None,
    classifier: EmotionClassifier | None = None,
    progress: Progress | None = None,
) -> CallReport:
    """Analyse one call.

    Parameters
    ----------
    source : path or binary file object
        The recording. The name of a file object is taken from its ``name``.
    customer_channel : {"auto", "left", "right", "mixed", "1", …, "8"}
        Where the customer is; see `segments.segment_call`.
    direction : {"inbound", "outbound", "unknown"}, optional
        Who called whom; by default what the file's name or CALMSCORE_DIRECTION tells.
    classifier : EmotionClassifier, optional
        The shipped one by default.
    progress : callable, optional
        Called as ``progress(completed, total)`` while segments are classified.

    Raises
    ------
    CallFileError
        If the recording cannot be analysed; the message names file, reason and remedy.
    ParameterError
        If ``customer_channel`` is none of these.
    ArtifactError
        If the shipped model cannot be loaded.
    """
    if classifier is None:
        # Starts in the background: the model loads while the call is read.
        threading.Thread(target=_warm_up, daemon=True).start()
    # Not named here: the analysis lets go of the sound as soon as it is cut up.
    return analyze_recording(
        read_recording(source),
        customer_channel=customer_channel,
        direction=direction,
        classifier=classifier,
        progress=progress,
    )


def known_direction(file_name: str, *, said: Direction | None = None) -> CallDirection:
    """Return who called whom, as somebody, the file's name or else the environment says."""
    return call_direction(file_name, said=said, usual=read_environment().direction)


def _warm_up() -> None:
    try:
        load_classifier()
    except CalmscoreError:
        return  # raised again, to the caller, where the classifier is needed


def analyze_recording(
    recording: Recording,
    *,
    customer_channel: ChannelChoice = "auto",
    direction: Direction | None = None,
    said: Sequence[Said] = (),
    classifier: EmotionClassifier | None = None,
    progress: Progress | None = None,
) -> CallReport:
    """Analyse a recording that was read already; see `analyze_call` and, for ``said``, `segments`.

    What is said is known only where a call was analysed before; see `second_look`.
    """
    known = known_direction(recording.file_name, said=direction)
    call = segment_call(recording, customer_channel=customer_channel, direction=known, said=said)
    # An hour's call takes 230 MB, which the classifier can use better.
    recording = replace(recording, samples=recording.samples[:, :0].copy())
    model = classifier or load_classifier()
    hearing = listen_to_call(call, model, progress=progress)
    return CallReport(
        call=CallInfo(
            id=recording.sha256,
            file_name=recording.file_name,
            duration_seconds=recording.duration_seconds,
            sample_rate_hz=recording.sample_rate_hz,
            channels=len(recording.samples),
            customer_channel=call.customer_channel,
            direction=known.value,
        ),
        speakers=call.speakers,
        model=ModelInfo(
            name=model.settings.name, version=model.settings.version, sha256=model.sha256
        ),
        **_judgement(call, hearing.heard),
        talk=call.talk,
        warnings=(
            *recording.warnings,
            *call.warnings,
            *_speech_warnings(call, recording),
            *_voice_warnings(hearing.voices, model),
        ),
    )


def listen_to_call(
    call: SegmentedCall, classifier: EmotionClassifier, *, progress: Progress | None = None
) -> Hearing:
    """Ask the classifier about a call's judged segments, at the level of training.

    Parameters
    ----------
    progress : callable, optional
        Called as ``progress(completed, total)``.

    Returns
    -------
    Hearing
        With a row per segment of ``call.judged``.
    """
    sounds = [segment.samples for segment in call.judged if segment.samples is not None]
    gain = level_gain(sounds, wanted_level_db=classifier.settings.speech_level_db)
    return classifier.listen(
        [_amplified(sound, gain) for sound in sounds],
        sample_rate_hz=ANALYSIS_RATE_HZ,
        progress=progress,
    )


def score_given_the_call(
    call: SegmentedCall,
    probabilities: npt.NDArray[np.floating[Any]],
    *,
    least_reach: tuple[float, float] = (0.0, 0.0),
) -> CallScore:
    """Score a segmented call.

    Parameters
    ----------
    probabilities : array, shape (judged segments, 6)
        Of the judged segments, given the whole call.
    least_reach : tuple of float
        As in `score_probabilities`.
    """
    table = np.zeros((len(call.segments), len(EMOTIONS)))
    speech = np.zeros(len(call.segments))
    # A call that is too short has no score whoever is the customer.
    too_short = len(call.segments) < MINIMUM_SCORED_SEGMENTS
    for segment, row in zip(call.judged, probabilities, strict=True):
        table[segment.index] = row
        speech[segment.index] = segment.speech_seconds
    return score_probabilities(
        table,
        speech_seconds=speech,
        segment_seconds=SEGMENT_SECONDS,
        unjudged_seconds=call.lost_seconds
        + sum(
            segment.speech_seconds
            for segment in call.segments
            if segment.status == "low_information"
        ),
        withheld_because=None if too_short else call.withheld_because,
        least_reach=least_reach,
    )


def _judgement(call: SegmentedCall, heard: npt.NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Return the fields ``score`` and ``segments`` of the report."""
    places = [segment.index for segment in call.judged]
    probabilities = smooth_probabilities(heard, indices=np.array(places, dtype=np.int64))
    score = score_given_the_call(call, probabilities)
    alone = dict(zip(places, heard, strict=True))
    given_the_call = dict(zip(places, probabilities, strict=True))
    segments = tuple(
        _segment_report(segment, alone, given_the_call, score) for segment in call.segments
    )
    return {"score": with_places_to_play(score, call.talk), "segments": segments}


def with_places_to_play(score: CallScore, talk: Talk) -> CallScore:
    """Say of each change where to listen from: what the agent said before it."""
    turns = [turn.start_seconds for turn in talk.in_one_go("agent")]
    transitions = tuple(
        replace(change, plays_from_seconds=_place_to_play(change.at_seconds, turns))
        for change in score.transitions
    )
    return replace(score, transitions=transitions)


def _place_to_play(at_seconds: float, agent_turns: Sequence[float]) -> float:
    before = [start for start in agent_turns if start < at_seconds]
    if before and at_seconds - before[-1] <= _LONGEST_LEAD_SECONDS:
        return before[-1]
    return max(at_seconds - SEGMENT_SECONDS, 0.0)


def _amplified(sound: npt.NDArray[np.float16], gain: np.float32) -> npt.NDArray[np.float16]:
    return np.asarray(np.clip(sound * gain, -1.0, 1.0), dtype=np.float16)


def _segment_report(
    segment: Segment,
    heard: Mapping[int, npt.NDArray[np.floating[Any]]],
    given_the_call: Mapping[int, npt.NDArray[np.float64]],
    score: CallScore,
) -> SegmentReport:
    known: dict[str, Any] = {
        "index": segment.index,
        "start_seconds": segment.start_seconds,
        "end_seconds": segment.end_seconds,
        "speech_seconds": segment.speech_seconds,
        "status": segment.status,
    }
    if segment.index not in heard:
        return SegmentReport(**known)
    return SegmentReport(
        **known,
        heard=tuple(heard[segment.index].tolist()),
        **judgement(given_the_call[segment.index], score, segment.index),
    )


def judgement(shares: npt.NDArray[np.float64], score: CallScore, index: int) -> dict[str, Any]:
    """Return what a report tells of a scored segment.

    Parameters
    ----------
    shares : array, shape (6,)
        Its probabilities given the whole call.
    score : CallScore
        Of the call.
    index : int
        Place of the segment.

    Returns
    -------
    dict
        Fields of `SegmentReport`: what follows from the probabilities, and these themselves.
    """
    distress = score.distress[index]
    assert distress is not None
    told_as = int(told_emotions(shares[None], np.array([distress]))[0])
    return {
        "probabilities": tuple(shares.tolist()),
        "emotion": EMOTIONS[told_as],
        "confidence": float(shares[told_as]),
        "distress": distress,
        "smoothed_distress": score.smoothed_distress[index],
    }


def _speech_warnings(call: SegmentedCall, recording: Recording) -> list[Notice]:
    name = recording.file_name
    if any(notice.code in _NOBODY_CHOSEN for notice in call.warnings):
        return []
    if not any(segment.speech_seconds for segment in call.segments):
        heard = "" if call.customer_channel == "mixed" else f" on {called(call.customer_channel)}"
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
            "the voice is too quiet, or not apart from the other one. Check the recording.",
        )
    ]


def _voice_warnings(
    voices: npt.NDArray[np.floating[Any]], model: EmotionClassifier
) -> list[Notice]:
    if not voices.size:
        return []
    # The mean of the call: a segment alone may lie anywhere.
    distance = float(np.sqrt(np.mean(np.square(voices.mean(axis=0)))))
    if distance <= model.settings.voice_distance_limit:
        return []
    return [
        Notice(
            code="unfamiliar_voice",
            message="This voice, or the line it came over, is unlike all that the model was "
            "trained on, so it may be wrong more often than usual: listen before you conclude "
            "anything.",
        )
    ]
