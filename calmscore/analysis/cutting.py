"""The clock of a call, cut into segments of 3 s; what the customer says in each; their gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from calmscore.analysis.report import SegmentStatus
from calmscore.audio.channels import HalfArray, Stretch
from calmscore.audio.recording import ANALYSIS_RATE_HZ
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, mask_seconds, widened
from calmscore.errors import Notice

Sound = TypeVar("Sound", npt.NDArray[np.float16], npt.NDArray[np.float32])

SEGMENT_SECONDS = 3.0
MINIMUM_SPEECH_SECONDS = 0.5

# More of a segment at full scale than this is heard as harshness.
_CLIPPED_SHARE, _CLIPPED = 0.05, 0.985
# So far below the call's usual level, noise covers the voice.
_QUIETEST_BELOW_CALL_DB = 30.0
_LARGEST_GAIN_DB = 60.0
# Kept around the speech of a segment: onsets are softer than the threshold.
_MARGIN_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Three seconds of the call's clock and what the customer says in them.

    Attributes
    ----------
    index : int
        Place in the call, from 0.
    start_seconds, end_seconds : float
        From the start of the call.
    speech_seconds : float
        The customer's speech in it.
    status : str
        ``scored``, ``no_speech``, ``low_information`` or ``other_voice``.
    samples : array of float16 or None, shape (n,)
        The stretch of speech at 16 kHz, where the status is ``scored``.
    """

    index: int
    start_seconds: float
    end_seconds: float
    speech_seconds: float
    status: SegmentStatus
    samples: HalfArray | None = None


def cut_segments(
    samples: HalfArray,
    mask: Mask,
    *,
    together: Sequence[Stretch] = (),
    other_voice: Mask | None = None,
) -> tuple[Segment, ...]:
    """Cut the customer's sound into segments of 3 s on the call's clock, without gaps.

    Parameters
    ----------
    samples : array of float16, shape (n,)
        The customer's sound at 16 kHz.
    mask : array of bool, shape (ceil(n / 160),)
        Where the customer speaks.
    together : sequence of Stretch
        Where the customer's channel holds both people: no segment there is judged.
    other_voice : array of bool, like ``mask``, or None
        Where somebody else speaks on the customer's channel.
    """
    other = np.zeros_like(mask) if other_voice is None else other_voice
    length = int(SEGMENT_SECONDS * ANALYSIS_RATE_HZ)
    count = -(-samples.size // length)
    segments = [
        _segment(index, samples[index * length : (index + 1) * length], mask, other)
        for index in range(count)
    ]
    levels = [_level_db(segment.samples) for segment in segments if segment.samples is not None]
    quietest = float(np.median(levels)) - _QUIETEST_BELOW_CALL_DB if levels else -np.inf
    return tuple(
        replace(segment, status="low_information", samples=None)
        if segment.samples is not None
        and (_level_db(segment.samples) < quietest or _within(segment, together))
        else segment
        for segment in segments
    )


def _within(segment: Segment, stretches: Sequence[Stretch]) -> bool:
    return any(
        part.start_seconds < segment.end_seconds and segment.start_seconds < part.end_seconds
        for part in stretches
    )


def _segment(index: int, samples: HalfArray, mask: Mask, other_voice: Mask) -> Segment:
    start = index * SEGMENT_SECONDS
    first = int(start * MASK_RATE_HZ)
    last = first + int(SEGMENT_SECONDS * MASK_RATE_HZ)
    speech = mask[first:last]
    speech_seconds = mask_seconds(speech)
    status: SegmentStatus = "no_speech"
    voiced: HalfArray | None = None
    if speech_seconds >= MINIMUM_SPEECH_SECONDS:
        voiced = voiced_stretch(samples, speech)
        status = "scored"
    elif mask_seconds(other_voice[first:last]) >= MINIMUM_SPEECH_SECONDS:
        status = "other_voice"
    return Segment(
        index=index,
        start_seconds=start,
        end_seconds=min(start + SEGMENT_SECONDS, start + samples.size / ANALYSIS_RATE_HZ),
        speech_seconds=speech_seconds,
        status=status,
        samples=voiced,
    )


def voiced_stretch(samples: Sound, speech: Mask) -> Sound:
    """Return the sound from the first to the last speech, pauses kept, the rest cut off.

    What lies outside may be music or the other person; what lies between two
    stretches of speech is muted where it is longer than a breath.

    Parameters
    ----------
    samples : array of float, shape (n,)
        At 16 kHz.
    speech : array of bool, shape (ceil(n / 160),)
        Where somebody speaks; true somewhere.

    Returns
    -------
    array of the same kind, shape (m,)
        No longer than ``samples``, and its own copy.
    """
    step = ANALYSIS_RATE_HZ // MASK_RATE_HZ
    margin = int(_MARGIN_SECONDS * MASK_RATE_HZ)
    kept = np.repeat(widened(speech, margin), step)[: samples.size]
    places = np.flatnonzero(kept)
    quiet = np.where(kept, samples[: kept.size], samples.dtype.type(0.0))
    # A copy of its own: a view would keep the whole segment in memory.
    return quiet[places[0] : places[-1] + 1].copy()


def _level_db(samples: HalfArray) -> float:
    return float(10.0 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def level_gain(
    sounds: Sequence[npt.NDArray[np.floating[Any]]], *, wanted_level_db: float
) -> np.float32:
    """Return the one gain that brings a call's speech to a wanted level.

    The whole call gets the same gain, so a voice that is raised stays raised.

    Parameters
    ----------
    sounds : sequence of array of float
        Stretches of the customer's speech.
    wanted_level_db : float
        Level that the median stretch gets, in decibels of full scale.

    Returns
    -------
    float32
        Factor, within ±60 dB.
    """
    levels = [np.sqrt(np.mean(np.square(sound, dtype=np.float64))) for sound in sounds]
    if not levels:
        return np.float32(1.0)
    level_db = 20.0 * np.log10(max(float(np.median(levels)), 1e-9))
    gain_db = np.clip(wanted_level_db - level_db, -_LARGEST_GAIN_DB, _LARGEST_GAIN_DB)
    return np.float32(10.0 ** (gain_db / 20.0))


def unjudged(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Keep a voice from the classifier that may be the agent's."""
    return tuple(
        segment
        if segment.samples is None
        else replace(segment, status="low_information", samples=None)
        for segment in segments
    )


def overdriven(
    segments: Sequence[Segment], clipped_shares: npt.NDArray[np.floating[Any]]
) -> tuple[Notice, ...]:
    """Say in how many segments the customer's voice is cut off at one level, if in any.

    Parameters
    ----------
    segments : sequence of Segment
        The customer's.
    clipped_shares : array of float, shape (seconds,)
        Which share of each second of the customer's channel the file holds cut off, also where
        that was made softer afterwards.
    """
    shares = [
        float(np.mean(np.abs(segment.samples) >= _CLIPPED))
        + float(
            clipped_shares[int(segment.start_seconds) : int(segment.end_seconds)].max(initial=0)
        )
        for segment in segments
        if segment.samples is not None
    ]
    count = sum(share > _CLIPPED_SHARE for share in shares)
    if not count:
        return ()
    return (
        Notice(
            code="overdriven",
            message=f"The customer's voice is overdriven in {count} of {len(shares)} segments; "
            "it may sound harsher than it was. Lower the recording level.",
        ),
    )
