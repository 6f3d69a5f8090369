"""A call file becomes channels, then the customer's voiced 3-second segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from calmscore.analysis.report import CustomerChannel, SegmentStatus, Speaker, Speakers, Talk, Turn
from calmscore.analysis.scoring import format_clock
from calmscore.analysis.voices import TwoVoices, two_voices
from calmscore.audio.channels import (
    Stretch,
    dead_stretch,
    holds_one_mix,
    stretches_together,
    without_direct_current,
)
from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording
from calmscore.audio.voice_activity import (
    MASK_RATE_HZ,
    Mask,
    leak_mask,
    near_voices,
    speech_mask,
    stretches,
)
from calmscore.errors import Notice, ParameterError

HalfArray = npt.NDArray[np.float16]
Sound = TypeVar("Sound", npt.NDArray[np.float16], npt.NDArray[np.float32])

ChannelChoice = Literal["auto", "left", "right", "mixed"]
CHANNEL_CHOICES: tuple[ChannelChoice, ...] = ("auto", "left", "right", "mixed")

SEGMENT_SECONDS = 3.0
MINIMUM_SPEECH_SECONDS = 0.5

# More of a segment at full scale than this is heard as harshness.
_CLIPPED_SHARE, _CLIPPED = 0.05, 0.985
# So far below the call's usual level, noise covers the voice.
_QUIETEST_BELOW_CALL_DB = 30.0
# Beyond this share of the speech, a call is taken as a mix altogether.
_LARGEST_MIXED_SHARE = 0.5
# Somebody has begun to talk once a second of speech stands within two.
_OPENING_SPEECH_SECONDS = 1.0
_OPENING_WINDOW_SECONDS = 2.0
_CLEAR_LEAD_SECONDS = 1.0
# How likely the wrong side is taken: by who greets, and where nobody clearly does.
_DOUBT_AFTER_GREETING, _DOUBT_WITHOUT_CUE = 0.2, 0.5
# Above this doubt the notice says that the voices are much alike; above the next they
# are not taken apart.
_UNSURE, _LARGEST_DOUBT = 0.3, 0.5
_TOO_ALIKE = (
    "There is no score: two people seem to share one channel, and their voices are too much alike "
    "to tell the customer's from the agent's. If only the customer is heard, choose mixed."
)
# A breath within what somebody says is no end of a turn.
_LONGEST_BREATH_SECONDS = 0.6
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
        ``scored``, ``no_speech`` or ``low_information``.
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
    recording: Recording, *, customer_channel: ChannelChoice = "auto"
) -> SegmentedCall:
    """Find the customer's speech and cut it into segments of 3 s.

    Parameters
    ----------
    recording : Recording
        The call.
    customer_channel : {"auto", "left", "right", "mixed"}
        Where the customer is. ``auto`` takes the channel that begins to talk
        second, since agents greet first; where neither clearly leads, the left.
        ``mixed`` analyses both voices as one. Where both people are on one channel
        and can be told apart, ``left`` is who speaks first, ``right`` who speaks second.

    Returns
    -------
    SegmentedCall

    Raises
    ------
    ParameterError
        If ``customer_channel`` is none of the four.
    """
    if customer_channel not in CHANNEL_CHOICES:
        raise ParameterError(
            f"customer channel {customer_channel!r} is not one of {', '.join(CHANNEL_CHOICES)}"
        )
    recording = replace(recording, samples=without_direct_current(recording.samples))
    mixed = _mixed_reason(recording, customer_channel)
    if mixed is not None:
        return _segment_mixed(recording, mixed, customer_channel)
    with ThreadPoolExecutor(2) as pool:
        heard = list(pool.map(speech_mask, recording.samples))
    together = stretches_together(recording.samples, (heard[0], heard[1]))
    if _share_of_speech(together, heard) > _LARGEST_MIXED_SHARE:
        return _segment_mixed(recording, _not_apart(recording.file_name), customer_channel)
    left, right = recording.samples
    masks = (
        near_voices(left, heard[0] & ~leak_mask(left, right, heard=heard[0], other_heard=heard[1])),
        near_voices(
            right, heard[1] & ~leak_mask(right, left, heard=heard[1], other_heard=heard[0])
        ),
    )
    channel, speakers, warnings = _choose_channel(masks, customer_channel)
    customer = _PLACES[channel]
    segments = _cut(customer_samples(recording, channel), masks[customer], together=together)
    return SegmentedCall(
        customer_channel=channel,
        speakers=speakers,
        segments=segments,
        talk=_talk(masks[customer], masks[1 - customer], recording.duration_seconds),
        warnings=(
            *warnings,
            *_line_notices(recording.samples, masks, together),
            *_overdriven(segments),
        ),
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


def _not_apart(name: str) -> Notice:
    return Notice(
        code="voices_mixed",
        message=f"{name} is stereo, but both channels hold the same voices, so customer and agent "
        "are mixed. The emotions may be either person's: listen before you conclude anything.",
    )


def _line_notices(
    samples: HalfArray, masks: tuple[Mask, Mask], together: Sequence[Stretch]
) -> list[Notice]:
    notices = [
        Notice(
            code="voices_not_apart",
            message=f"From {_from_to(part)} both "
            "channels hold both voices; this part is not scored.",
            at_seconds=part.start_seconds,
        )
        for part in together
    ]
    for name, place in _PLACES.items():
        dead = dead_stretch(samples[place], other_speech=masks[1 - place])
        if dead is not None:
            notices.append(
                Notice(
                    code="side_silent",
                    message=f"The {name} channel holds no sound at all from "
                    f"{_from_to(dead)}, while the other "
                    "one speaks; its line may not have been recorded.",
                    at_seconds=dead.start_seconds,
                )
            )
    return notices


def _segment_separated(
    recording: Recording, samples: HalfArray, voices: TwoVoices, choice: ChannelChoice
) -> SegmentedCall:
    """Cut up a call of one channel, whose two people were told apart by their voices."""
    opened = [_opening_seconds(mask) for mask in voices.masks]
    # Who never says a whole sentence comes last.
    order = sorted((0, 1), key=lambda voice: (opened[voice] is None, opened[voice]))
    first, second = (voices.masks[voice] for voice in order)
    customer, agent = (first, second) if choice == "left" else (second, first)
    segments = _cut(samples, customer)
    if choice in ("left", "right"):
        taken = f"who speaks {'first' if choice == 'left' else 'second'} is the customer, as chosen"
    else:
        # Agents greet.
        taken = "who speaks first was taken for the agent"
    unsure = voices.doubt > _UNSURE
    return SegmentedCall(
        customer_channel="mixed" if choice == "auto" else choice,
        speakers=Speakers(
            how="separated",
            customer_from="greeting" if choice == "auto" else "chosen",
            doubt=max(voices.doubt, _DOUBT_AFTER_GREETING if choice == "auto" else 0.0),
        ),
        segments=segments,
        talk=_talk(customer, agent, recording.duration_seconds),
        warnings=(
            Notice(
                code="voices_separated",
                message=f"{recording.file_name} holds both people on one channel; they were told "
                f"apart by their voices, and {taken}. "
                + ("The voices are much alike, so parts may be the other person's. " * unsure)
                + "Listen whether that is right; record in stereo to be sure.",
            ),
            *_overdriven(segments),
        ),
    )


def _from_to(part: Stretch) -> str:
    return f"{format_clock(part.start_seconds)} to {format_clock(part.end_seconds)}"


_PLACES = {"left": 0, "right": 1}


def customer_samples(recording: Recording, channel: CustomerChannel) -> HalfArray:
    """Return the sound that is taken for the customer's, whoever asks.

    Parameters
    ----------
    recording : Recording
        The call.
    channel : {"left", "right", "mixed"}
        Where the customer is, by the report.

    Returns
    -------
    array of float16, shape (n,)
        At ``ANALYSIS_RATE_HZ``, full scale 1. Two mixed channels are averaged; those
        that hold the same sound are taken once, because with one of them inverted or late
        the average would be silence or an echo.
    """
    samples = recording.samples
    if len(samples) == 1:
        return np.asarray(samples[0])
    if channel != "mixed":
        return np.asarray(samples[_PLACES[channel]])
    if holds_one_mix(samples):
        return np.asarray(samples[0])
    half = np.float16(0.5)
    return np.asarray(samples[0] * half + samples[1] * half, dtype=np.float16)


def _mixed_reason(recording: Recording, choice: ChannelChoice) -> Notice | None:
    name = recording.file_name
    if len(recording.samples) == 1:
        ignored = "" if choice in ("auto", "mixed") else f" (there is no {choice} channel)"
        return Notice(
            code="voices_mixed",
            message=f"{name} has one channel, so customer and agent are mixed{ignored}. "
            "The emotions may be either person's: listen before you conclude anything. "
            "Record in stereo, one person per channel, to score the customer alone.",
        )
    if choice == "mixed":
        return Notice(
            code="voices_mixed",
            message="Both channels were mixed as asked, so the emotions may be either person's: "
            "listen before you conclude anything.",
        )
    return None


def _segment_mixed(recording: Recording, reason: Notice, choice: ChannelChoice) -> SegmentedCall:
    samples = customer_samples(recording, "mixed")
    mask = speech_mask(samples)
    # Whoever asks for a mix gets it.
    voices = None if choice == "mixed" else two_voices(samples, mask)
    if voices is not None and voices.doubt <= _LARGEST_DOUBT:
        return _segment_separated(recording, samples, voices, choice)
    segments = _cut(samples, mask)
    return SegmentedCall(
        customer_channel="mixed",
        speakers=Speakers(how="mixed", customer_from=None, doubt=1.0),
        segments=segments,
        talk=_talk(mask, None, recording.duration_seconds),
        warnings=(reason, *_overdriven(segments)),
        withheld_because=None if voices is None else _TOO_ALIKE,
    )


def _choose_channel(
    masks: tuple[Mask, Mask], choice: ChannelChoice
) -> tuple[CustomerChannel, Speakers, tuple[Notice, ...]]:
    if choice in ("left", "right"):
        chosen = Speakers(how="channels", customer_from="chosen", doubt=0.0)
        return ("left" if choice == "left" else "right"), chosen, ()
    left, right = (_opening_seconds(mask) for mask in masks)
    doubt = _DOUBT_WITHOUT_CUE
    if left is None and right is None:
        return "left", Speakers(how="channels", customer_from="greeting", doubt=doubt), ()
    if left is None or right is None:
        # The silent side: whoever speaks may be the agent, who is never scored.
        channel: CustomerChannel = "left" if left is None else "right"
        heard = "right" if left is None else "left"
        return (
            channel,
            Speakers(how="channels", customer_from=None, doubt=doubt),
            (
                Notice(
                    code="one_side_silent",
                    message=f"Only the {heard} channel holds speech, and nobody can tell whether "
                    "it is the customer or the agent, so nothing is scored. Listen, and choose the "
                    f"{heard} channel if it is the customer.",
                ),
            ),
        )
    if abs(left - right) < _CLEAR_LEAD_SECONDS:
        channel, why = "left", "both begin to talk at about the same time, and left is usual"
    else:
        channel, doubt = ("left" if left > right else "right"), _DOUBT_AFTER_GREETING
        other = "right" if channel == "left" else "left"
        why = f"the {other} channel speaks first, as agents do when they greet"
    return (
        channel,
        Speakers(how="channels", customer_from="greeting", doubt=doubt),
        (
            Notice(
                code="customer_channel_guessed",
                message=f"The {channel} channel was taken for the customer because {why}. "
                "If that is wrong, choose the other channel.",
            ),
        ),
    )


def _opening_seconds(mask: Mask) -> float | None:
    """Return when somebody begins to talk in earnest, not just clears the throat."""
    window = int(_OPENING_WINDOW_SECONDS * MASK_RATE_HZ)
    total = np.concatenate([[0], np.cumsum(mask)])
    first = np.minimum(np.arange(mask.size) + window, mask.size)
    enough = total[first] - total[:-1] >= _OPENING_SPEECH_SECONDS * MASK_RATE_HZ
    starts = np.flatnonzero(enough & mask)
    return float(starts[0]) / MASK_RATE_HZ if starts.size else None


def _cut(
    samples: HalfArray, mask: Mask, *, together: Sequence[Stretch] = ()
) -> tuple[Segment, ...]:
    length = int(SEGMENT_SECONDS * ANALYSIS_RATE_HZ)
    count = -(-samples.size // length)
    segments = [
        _segment(index, samples[index * length : (index + 1) * length], mask)
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


def _segment(index: int, samples: HalfArray, mask: Mask) -> Segment:
    start = index * SEGMENT_SECONDS
    first = int(start * MASK_RATE_HZ)
    speech = mask[first : first + int(SEGMENT_SECONDS * MASK_RATE_HZ)]
    speech_seconds = float(speech.sum()) / MASK_RATE_HZ
    status: SegmentStatus = "no_speech"
    voiced: HalfArray | None = None
    if speech_seconds >= MINIMUM_SPEECH_SECONDS:
        voiced = voiced_stretch(samples, speech)
        status = "scored"
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


def _talk(customer: Mask, agent: Mask | None, duration_seconds: float) -> Talk:
    anybody = customer if agent is None else customer | agent
    return Talk(
        customer_seconds=_seconds(customer),
        agent_seconds=None if agent is None else _seconds(agent),
        silence_seconds=max(duration_seconds - _seconds(anybody), 0.0),
        overtalk_seconds=None if agent is None else _seconds(customer & agent),
        longest_silence_seconds=_longest_run(~anybody) / MASK_RATE_HZ,
        turns=() if agent is None else _turns({"customer": customer, "agent": agent}),
    )


def _turns(masks: Mapping[Speaker, Mask]) -> tuple[Turn, ...]:
    turns = [
        Turn(
            speaker=speaker,
            start_seconds=first / MASK_RATE_HZ,
            end_seconds=last / MASK_RATE_HZ,
        )
        for speaker, mask in masks.items()
        for first, last in stretches(mask, breath=int(_LONGEST_BREATH_SECONDS * MASK_RATE_HZ))
    ]
    return tuple(sorted(turns, key=lambda turn: (turn.start_seconds, turn.speaker)))


def _seconds(mask: Mask) -> float:
    return float(mask.sum()) / MASK_RATE_HZ


def _longest_run(mask: Mask) -> int:
    return max((last - first for first, last in stretches(mask)), default=0)


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
