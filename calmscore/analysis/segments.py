"""A call file becomes channels, then the customer's voiced 3-second segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from calmscore.analysis.announcements import announcement
from calmscore.analysis.call_channels import (
    CHANNEL_CHOICES,
    ChannelChoice,
    called,
    channel_name,
    chosen_place,
    clipped_shares_of,
    customer_samples,
    overflowed_seconds_of,
)
from calmscore.analysis.call_direction import CallDirection
from calmscore.analysis.customer import (
    LATE_LINE_ORDER_DOUBT,
    UNCLEAR_DOUBT,
    UNKNOWN_ORDER_DOUBT,
    guess_customer,
    order_doubt_of,
    without_slips,
)
from calmscore.analysis.customer_side import (
    choose_side,
    customer_cue,
    dead_lines,
    first_voice,
    opens_in_background,
    own_speech,
    sides_of,
    speaking_sides,
)
from calmscore.analysis.cutting import Segment, cut_segments, overdriven, unjudged
from calmscore.analysis.other_voice import announcement_heard, other_voice_on
from calmscore.analysis.report import CustomerChannel, CustomerCue, Speakers, Talk
from calmscore.analysis.side_notices import (
    VOICES_ALIKE,
    background_notices,
    customer_by_words,
    customer_unclear,
    line_notices,
    mixed_reason,
    not_apart,
    one_side_silent,
    overflown,
    sides_overheard,
    speed_notices,
    unheard_to_the_end,
)
from calmscore.analysis.spoken_cues import Said
from calmscore.analysis.talk import lost_seconds, talk_of
from calmscore.analysis.unanswered import unanswered_ends
from calmscore.analysis.voices import TwoVoices, two_voices
from calmscore.audio.channels import (
    HalfArray,
    Stretch,
    echoing_side,
    holds_late_copy,
    inside_stretches,
    speaks_only_near,
    stretches_together,
)
from calmscore.audio.crosstalk import LouderSides, louder_sides
from calmscore.audio.line_noise import without_line_noise
from calmscore.audio.overflow import LEAST_SECONDS
from calmscore.audio.recording import Recording
from calmscore.audio.voice_activity import MASK_RATE_HZ, Mask, near_voices, speech_mask, widened
from calmscore.errors import Notice, ParameterError

# Beyond this share of the speech, a call is taken as a mix altogether.
_LARGEST_MIXED_SHARE = 0.5
# Below this share, the rest tells that there are two people.
_WHOLLY_MIXED_SHARE = 0.9
# Above the first doubt, two voices on one channel are called alike; above the second, they are
# not taken apart.
_LIKE_VOICES_DOUBT, _LARGEST_DOUBT = 0.3, 0.5
# Beside somebody louder, the soft beginnings and ends of words are missed.
_SOFT_ENDS_STEPS = MASK_RATE_HZ // 5
# Of who greets softly so much may be lost in the noise of both lines: of 72 first turns heard on
# one channel 29 were heard at least 0.2 s late, by 0.6 s mostly, against the same on their own.
_MISSED_BEGINNING_SECONDS = 0.6
# A line that is dead from here on was recorded late.
_BEGINNING_SECONDS = 1.0
_TOO_ALIKE = (
    "There is no score: two people seem to share one channel, and their voices are too much alike "
    "to tell the customer's from the agent's. If only the customer is heard, choose mixed."
)
_NOBODY_KNOWS = "There is no score: nobody can tell who is the customer until somebody says so."
# What was missed may be what would have decided the outcome.
_MISSED = {
    "overflown": "There is no score: what was loudest overflowed in the recording, and is noise.",
    "voice_covered": "There is no score: noise, music or a tone all but covers the voice.",
}
_CHOSEN: CustomerCue | None = "chosen"


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
    lost_seconds : float
        How much the customer probably said while their line was not recorded.
    """

    customer_channel: CustomerChannel
    speakers: Speakers
    segments: tuple[Segment, ...]
    talk: Talk
    warnings: tuple[Notice, ...]
    withheld_because: str | None = None
    lost_seconds: float = 0.0

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
    call = _segment(recording, customer_channel, direction, said)
    overflowed = overflowed_seconds_of(recording, call.customer_channel)
    if overflowed >= LEAST_SECONDS:
        call = replace(call, warnings=(*call.warnings, overflown(overflowed)))
    missed = (_MISSED[notice.code] for notice in call.warnings if notice.code in _MISSED)
    return replace(call, withheld_because=call.withheld_because or next(missed, None))


def _segment(
    recording: Recording,
    customer_channel: ChannelChoice,
    direction: CallDirection,
    said: Sequence[Said],
) -> SegmentedCall:
    recording = replace(recording, samples=without_line_noise(recording.samples))
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
        # The levels of a late copy go to and fro too, whoever speaks.
        if not holds_late_copy(both):
            louder = louder_sides(both, both_heard, within=together)
        together = together if louder is None else louder.together
        share = _share_of_speech(together, both_heard)
        if share > _LARGEST_MIXED_SHARE:
            return _segment_mixed(
                recording, not_apart(recording.file_name), customer_channel, direction, said,
                two_people=share < _WHOLLY_MIXED_SHARE,
            )  # fmt: skip
    if louder is None:
        masks = {side: own_speech(recording.samples, heard, side, sides) for side in sides}
        if len(heard) == 2 and speaks_only_near((heard[0], heard[1])):
            # An echo that is later than a leak may be, and softer than a copy.
            echo = echoing_side(recording.samples)
            if echo is not None:
                masks[echo] = np.zeros_like(heard[echo])
    else:
        masks = {
            side: near_voices(recording.samples[side], mask)
            for side, mask in zip(sides, louder.masks, strict=True)
        }
    if len(heard) == 2:
        both_on_one = _segment_one_side(recording, masks, customer_channel, direction, said)
        if both_on_one is not None:
            return both_on_one
    dead = dead_lines(recording.samples, masks)
    unanswered = unanswered_ends(masks, dead)
    # Where both sides hold both voices, nobody is told by their side.
    mixed_part = inside_stretches(together, size=heard[0].size)
    told_apart = {side: mask & ~mixed_part for side, mask in masks.items()}
    announced = announcement(recording.samples, told_apart)
    if announced is not None:
        told_apart[announced[0]] &= ~announced[1]
    order_doubt = 0.0
    if announced is None:
        order_doubt = _order_doubt(dead, together)
        if opens_in_background(recording.samples, told_apart):
            order_doubt = UNKNOWN_ORDER_DOUBT
    customer, speakers, warnings = choose_side(
        told_apart, count=len(heard), chosen=chosen, direction=direction, said=said,
        order_doubt=order_doubt,
    )  # fmt: skip
    agents = reduce(np.logical_or, [masks[side] for side in sides if side != customer])
    channel = channel_name(customer, len(heard))
    names = [channel_name(side, len(heard)) for side in sides]
    other_voice, other_notices = other_voice_on(recording.samples, told_apart, customer, dead)
    if announced is not None and announced[0] == customer:
        other_voice = other_voice | announced[1]
        other_notices = (announcement_heard(announced[1]), *other_notices)
    spoken = masks[customer] & ~other_voice
    samples = customer_samples(recording, channel)
    segments = cut_segments(samples, spoken, together=together, other_voice=other_voice)
    if speakers.doubt >= UNCLEAR_DOUBT:
        segments = unjudged(segments)
    return SegmentedCall(
        customer_channel=channel,
        speakers=speakers,
        segments=segments,
        talk=talk_of(spoken, agents, recording.duration_seconds),
        warnings=(
            *warnings,
            *other_notices,
            *line_notices(dead, count=len(heard), together=together),
            *unheard_to_the_end(unanswered, count=len(heard)),
            *([] if louder is None else [sides_overheard(louder, names)]),
            *overdriven(segments, clipped_shares_of(recording, channel)),
            *background_notices(samples, heard[customer], heard),
            *speed_notices(recording, recording.samples, heard),
        ),
        withheld_because=_NOBODY_KNOWS if speakers.customer_from is None else None,
        lost_seconds=lost_seconds(spoken, agents, [*dead[customer], *unanswered.get(customer, [])]),
    )


def _segment_one_side(
    recording: Recording,
    masks: Mapping[int, Mask],
    choice: ChannelChoice,
    direction: CallDirection,
    said: Sequence[Said],
) -> SegmentedCall | None:
    """Cut up a call of two channels that holds both people on one of them; None elsewhere."""
    sides = speaking_sides(masks)
    if len(sides) != 1:
        return None
    (side,) = sides
    samples, mask = recording.samples[side], masks[side]
    voices = two_voices(samples, mask)
    if voices is None or voices.doubt > _LIKE_VOICES_DOUBT:
        return None
    where = called(channel_name(side, len(recording.samples)))
    call = _segment_separated(recording, samples, voices, choice, direction, said, where=where)
    return replace(call, warnings=(*call.warnings, *_sound_notices(recording, samples, mask)))


def _sound_notices(recording: Recording, samples: HalfArray, mask: Mask) -> tuple[Notice, ...]:
    """Return what to know of the sound of a call all of whose speech is on one channel."""
    return (
        *background_notices(samples, mask),
        *speed_notices(recording, samples[None], [mask]),
    )


def _order_doubt(dead: Mapping[int, Sequence[Stretch]], together: Sequence[Stretch]) -> float:
    """Return how much doubt there is of who begins, where the beginning is on no line alone."""
    if _at_beginning(together):
        return UNKNOWN_ORDER_DOUBT
    late = any(_at_beginning(parts) for parts in dead.values())
    return LATE_LINE_ORDER_DOUBT if late else 0.0


def _at_beginning(parts: Sequence[Stretch]) -> bool:
    return any(part.start_seconds < _BEGINNING_SECONDS for part in parts)


def _share_of_speech(stretches: Sequence[Stretch], masks: Sequence[Mask]) -> float:
    either = masks[0] | masks[1]
    inside = inside_stretches(stretches, size=either.size)
    return float((either & inside).sum()) / max(float(either.sum()), 1.0)


def _segment_separated(
    recording: Recording,
    samples: HalfArray,
    voices: TwoVoices,
    choice: ChannelChoice,
    direction: CallDirection,
    said: Sequence[Said],
    *,
    where: str,
) -> SegmentedCall:
    """Cut up a call of one channel, whose two people were told apart by their voices."""
    first = first_voice(voices.masks)
    by_voice = [replace(one, place=first if one.place == 0 else 1 - first) for one in said]
    masks = without_slips(voices.masks)
    guess = guess_customer(
        masks, direction=direction.value, said=by_voice,
        order_doubt=0.0 if voices.leaning is None else order_doubt_of(masks, voices.leaning),
        missed_seconds=_MISSED_BEGINNING_SECONDS,
    )  # fmt: skip
    channel: CustomerChannel = "mixed"
    if choice in ("left", "right"):
        customer, doubt, cue = first if choice == "left" else 1 - first, 0.0, _CHOSEN
        channel, taken = choice, "is the customer, as chosen"
        if guess.voice != customer and guess.doubt < UNCLEAR_DOUBT:
            taken += ", though how the two begin to talk points to the other one"
    else:
        customer, doubt = guess.voice, guess.doubt
        cue = customer_cue(guess, direction)
        channel, taken = "left" if customer == first else "mixed", "was taken for the customer"
    own, other = voices.masks[customer], voices.masks[1 - customer]
    segments = cut_segments(samples, widened(own, _SOFT_ENDS_STEPS) & ~other)
    place = "first" if customer == first else "second"
    told = "" if doubt >= UNCLEAR_DOUBT else f", and who speaks {place} {taken}"
    warnings = [
        Notice(
            code="voices_separated",
            message=f"{recording.file_name} holds both people on {where}; they were told "
            f"apart by their voices{told}. "
            + VOICES_ALIKE * (voices.doubt > _LIKE_VOICES_DOUBT)
            + "Listen whether that is right; record in stereo to be sure.",
        )
    ]
    if doubt >= UNCLEAR_DOUBT:
        segments = unjudged(segments)
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
        warnings=(
            *warnings,
            *overdriven(segments, clipped_shares_of(recording, "mixed")),
        ),
        withheld_because=_NOBODY_KNOWS if cue is None else None,
    )


def _segment_mixed(
    recording: Recording,
    reason: Notice,
    choice: ChannelChoice,
    direction: CallDirection,
    said: Sequence[Said],
    *,
    two_people: bool = False,
) -> SegmentedCall:
    samples = customer_samples(recording, "mixed")
    mask = speech_mask(samples)
    # Whoever asks for a mix gets it.
    voices = None if choice == "mixed" else two_voices(samples, mask)
    line = _sound_notices(recording, samples, mask)
    if voices is not None and voices.doubt <= _LARGEST_DOUBT:
        where = "one channel" if len(recording.samples) == 1 else "each channel"
        call = _segment_separated(recording, samples, voices, choice, direction, said, where=where)
        return replace(call, warnings=(*call.warnings, *line))
    echo = echoing_side(recording.samples) if voices is None and choice == "auto" else None
    if echo is not None:
        return _segment_echo(recording, echo, mask, line)
    segments = cut_segments(samples, mask)
    return SegmentedCall(
        customer_channel="mixed",
        speakers=Speakers(how="mixed", customer_from=None, doubt=1.0),
        segments=segments,
        talk=talk_of(mask, None, recording.duration_seconds),
        warnings=(
            reason,
            *overdriven(segments, clipped_shares_of(recording, "mixed")),
            *line,
        ),
        withheld_because=None if voices is None and not two_people else _TOO_ALIKE,
    )


def _segment_echo(
    recording: Recording, echo: int, mask: Mask, line: Sequence[Notice]
) -> SegmentedCall:
    """Cut up a call of one voice and its echo: it may be the agent's, who is never scored."""
    channel, heard = channel_name(echo, 2), channel_name(1 - echo, 2)
    silent = np.zeros_like(mask)
    return SegmentedCall(
        customer_channel=channel,
        speakers=Speakers(how="channels", customer_from=None, doubt=0.5),
        segments=cut_segments(customer_samples(recording, channel), silent),
        talk=talk_of(silent, mask, recording.duration_seconds),
        warnings=(one_side_silent(heard), *line),
        withheld_because=_NOBODY_KNOWS,
    )
