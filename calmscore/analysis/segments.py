"""A call file becomes channels, then the customer's voiced 3-second segments."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from calmscore.analysis.call_channels import (
    CHANNEL_CHOICES,
    ChannelChoice,
    channel_name,
    chosen_place,
    customer_samples,
)
from calmscore.analysis.customer import (
    UNCLEAR_DOUBT,
    UNCLEAR_VOICES_DOUBT,
    WORTH_SAYING_DOUBT,
    CallDirection,
    guess_customer,
    without_slips,
)
from calmscore.analysis.customer_side import (
    choose_side,
    customer_cue,
    first_voice,
    own_speech,
    sides_of,
)
from calmscore.analysis.other_voice import other_voice_on
from calmscore.analysis.report import CustomerChannel, CustomerCue, SegmentStatus, Speakers, Talk
from calmscore.analysis.side_notices import (
    VOICES_ALIKE,
    customer_by_words,
    customer_unclear,
    line_notices,
    mixed_reason,
    not_apart,
    sides_overheard,
    speed_notices,
)
from calmscore.analysis.spoken_cues import Said
from calmscore.analysis.talk import talk_of
from calmscore.analysis.voices import TwoVoices, two_voices
from calmscore.audio.channels import HalfArray, Stretch, stretches_together, without_direct_current
from calmscore.audio.crosstalk import LouderSides, louder_sides
from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording
from calmscore.audio.voice_activity import (
    MASK_RATE_HZ,
    Mask,
    mask_seconds,
    near_voices,
    speech_mask,
)
from calmscore.errors import Notice, ParameterError

Sound = TypeVar("Sound", npt.NDArray[np.float16], npt.NDArray[np.float32])

SEGMENT_SECONDS = 3.0
MINIMUM_SPEECH_SECONDS = 0.5

# More of a segment at full scale than this is heard as harshness.
_CLIPPED_SHARE, _CLIPPED = 0.05, 0.985
# So far below the call's usual level, noise covers the voice.
_QUIETEST_BELOW_CALL_DB = 30.0
# Beyond this share of the speech, a call is taken as a mix altogether.
_LARGEST_MIXED_SHARE = 0.5
# Above this doubt, two voices on one channel are not taken apart.
_LARGEST_DOUBT = 0.5
_TOO_ALIKE = (
    "There is no score: two people seem to share one channel, and their voices are too much alike "
    "to tell the customer's from the agent's. If only the customer is heard, choose mixed."
)
_NOBODY_KNOWS = "There is no score: nobody can tell who is the customer until somebody says so."
_CHOSEN: CustomerCue | None = "chosen"
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


@dataclass(frozen=True, kw_only=True)
class SegmentedCall:
    """A call, cut up for the classifier.

    Attributes
    ----------
    customer_channel : str
        Channel taken for the customer: ``left``, ``right`` or ``mixed``.
    speakers : Speakers
        How the customer was told from the agent.
    segments : tuple of Segment
        On the call's clock, without gaps.
    talk : Talk
        Who spoke for how long.
    warnings : tuple of Notice
        What a reader must know.
    withheld_because : str or None
        Why there is no score, whatever the segments hold.
    """

    customer_channel: CustomerChannel
    speakers: Speakers
    segments: tuple[Segment, ...]
    talk: Talk
    warnings: tuple[Notice, ...]
    withheld_because: str | None = None

    @property
    def judged(self) -> tuple[Segment, ...]:
        """The segments whose sound the classifier gets."""
        return tuple(segment for segment in self.segments if segment.samples is not None)


def segment_call(
    recording: Recording,
    *,
    customer_channel: ChannelChoice = "auto",
    direction: CallDirection = CallDirection(),  # noqa: B008 - frozen
    said: Sequence[Said] = (),
) -> SegmentedCall:
    """Find the customer's speech and cut it into segments of 3 s.

    Parameters
    ----------
    recording : Recording
        The call.
    customer_channel : {"auto", "left", "right", "mixed", "1", …, "8"}
        Where the customer is. ``auto`` guesses, see `customer.guess_customer`; where that is
        too doubtful nothing is scored. ``mixed`` analyses all voices as one. Where both
        people are on one channel and can be told apart, ``left`` is who speaks first,
        ``right`` who speaks second.
    direction : CallDirection
        Who called whom.
    said : sequence of Said
        What the two say, where that is known: a cue more for who is the customer.

    Returns
    -------
    SegmentedCall

    Raises
    ------
    ParameterError
        If ``customer_channel`` is none of these.
    CallFileError
        If the call has no such channel.
    """
    if customer_channel not in CHANNEL_CHOICES:
        raise ParameterError(
            f"customer channel {customer_channel!r} is not one of {', '.join(CHANNEL_CHOICES)}"
        )
    recording = replace(recording, samples=without_direct_current(recording.samples))
    mixed = mixed_reason(recording, customer_channel)
    if mixed is not None:
        return _segment_mixed(recording, mixed, customer_channel, direction, said)
    chosen = chosen_place(recording, customer_channel)
    with ThreadPoolExecutor(2) as pool:
        heard = list(pool.map(speech_mask, recording.samples))
    sides = sides_of(heard, chosen)
    together: list[Stretch] = []
    louder: LouderSides | None = None
    if len(sides) == 2:
        both = recording.samples if len(heard) == 2 else recording.samples[sides]
        both_heard = (heard[sides[0]], heard[sides[1]])
        together = stretches_together(both, both_heard)
        louder = louder_sides(both, both_heard, within=together)
        together = together if louder is None else louder.together
        if _share_of_speech(together, both_heard) > _LARGEST_MIXED_SHARE:
            reason = not_apart(recording.file_name)
            return _segment_mixed(recording, reason, customer_channel, direction, said)
    if louder is None:
        masks = {side: own_speech(recording.samples, heard, side, sides) for side in sides}
    else:
        masks = {
            side: near_voices(recording.samples[side], mask)
            for side, mask in zip(sides, louder.masks, strict=True)
        }
    customer, speakers, warnings = choose_side(
        masks, count=len(heard), chosen=chosen, direction=direction, said=said
    )
    agents = reduce(np.logical_or, [masks[side] for side in sides if side != customer])
    channel = channel_name(customer, len(heard))
    other_voice, other_notices = other_voice_on(recording.samples, masks, customer)
    spoken = masks[customer] & ~other_voice
    segments = _cut(
        customer_samples(recording, channel), spoken, together=together, other_voice=other_voice
    )
    if speakers.doubt >= UNCLEAR_DOUBT:
        segments = _unjudged(segments)
    return SegmentedCall(
        customer_channel=channel,
        speakers=speakers,
        segments=segments,
        talk=talk_of(spoken, agents, recording.duration_seconds),
        warnings=(
            *warnings,
            *other_notices,
            *line_notices(recording.samples, masks, together),
            *([] if louder is None else [sides_overheard(louder.separation_db)]),
            *_overdriven(segments),
            *speed_notices(recording, recording.samples, heard),
        ),
        withheld_because=_NOBODY_KNOWS if speakers.customer_from is None else None,
    )


def _unjudged(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Keep a voice from the classifier that may be the agent's."""
    return tuple(
        segment
        if segment.samples is None
        else replace(segment, status="low_information", samples=None)
        for segment in segments
    )


def _overdriven(segments: Sequence[Segment]) -> tuple[Notice, ...]:
    shares = [
        float(np.mean(np.abs(segment.samples) >= _CLIPPED))
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


def _share_of_speech(stretches: Sequence[Stretch], masks: Sequence[Mask]) -> float:
    either = masks[0] | masks[1]
    inside = np.zeros_like(either)
    for part in stretches:
        first, last = (int(s * MASK_RATE_HZ) for s in (part.start_seconds, part.end_seconds))
        inside[first:last] = True
    return float((either & inside).sum()) / max(float(either.sum()), 1.0)


def _segment_separated(
    recording: Recording,
    samples: HalfArray,
    voices: TwoVoices,
    choice: ChannelChoice,
    direction: CallDirection,
    said: Sequence[Said],
) -> SegmentedCall:
    """Cut up a call of one channel, whose two people were told apart by their voices."""
    first = first_voice(voices.masks)
    by_voice = [replace(one, place=first if one.place == 0 else 1 - first) for one in said]
    guess = guess_customer(without_slips(voices.masks), direction=direction.value, said=by_voice)
    channel: CustomerChannel = "mixed"
    if choice in ("left", "right"):
        customer, doubt, cue = first if choice == "left" else 1 - first, 0.0, _CHOSEN
        channel, taken = choice, "is the customer, as chosen"
    else:
        customer, doubt = guess.voice, guess.doubt
        cue = customer_cue(guess, direction, unclear=UNCLEAR_VOICES_DOUBT)
        channel, taken = "left" if customer == first else "mixed", "was taken for the customer"
    segments = _cut(samples, voices.masks[customer])
    place = "first" if customer == first else "second"
    warnings = [
        Notice(
            code="voices_separated",
            message=f"{recording.file_name} holds both people on one channel; they were told "
            f"apart by their voices, and who speaks {place} {taken}. "
            + VOICES_ALIKE * (voices.doubt > WORTH_SAYING_DOUBT)
            + "Listen whether that is right; record in stereo to be sure.",
        )
    ]
    if doubt >= UNCLEAR_VOICES_DOUBT:
        segments = _unjudged(segments)
        warnings.append(customer_unclear("voices", guess))
    elif cue == "words":
        warnings.append(customer_by_words(f"who speaks {place}", guess))
    return SegmentedCall(
        customer_channel=channel,
        speakers=Speakers(how="separated", customer_from=cue, doubt=max(voices.doubt, doubt)),
        segments=segments,
        talk=talk_of(
            voices.masks[customer], voices.masks[1 - customer], recording.duration_seconds
        ),
        warnings=(*warnings, *_overdriven(segments)),
        withheld_because=_NOBODY_KNOWS if cue is None else None,
    )


def _segment_mixed(
    recording: Recording,
    reason: Notice,
    choice: ChannelChoice,
    direction: CallDirection,
    said: Sequence[Said],
) -> SegmentedCall:
    samples = customer_samples(recording, "mixed")
    mask = speech_mask(samples)
    # Whoever asks for a mix gets it.
    voices = None if choice == "mixed" else two_voices(samples, mask)
    speed = speed_notices(recording, samples[None], [mask])
    if voices is not None and voices.doubt <= _LARGEST_DOUBT:
        call = _segment_separated(recording, samples, voices, choice, direction, said)
        return replace(call, warnings=(*call.warnings, *speed))
    segments = _cut(samples, mask)
    return SegmentedCall(
        customer_channel="mixed",
        speakers=Speakers(how="mixed", customer_from=None, doubt=1.0),
        segments=segments,
        talk=talk_of(mask, None, recording.duration_seconds),
        warnings=(reason, *_overdriven(segments), *speed),
        withheld_because=None if voices is None else _TOO_ALIKE,
    )


def _cut(
    samples: HalfArray,
    mask: Mask,
    *,
    together: Sequence[Stretch] = (),
    other_voice: Mask | None = None,
) -> tuple[Segment, ...]:
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
    near = np.convolve(speech, np.ones(2 * margin + 1), mode="same") > 0.0
    kept = np.repeat(near, step)[: samples.size]
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
