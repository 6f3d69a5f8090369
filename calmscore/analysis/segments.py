"""A call file becomes channels, then the customer's voiced 3-second segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Literal, TypeVar, cast, get_args

import numpy as np
import numpy.typing as npt

from calmscore.analysis.customer import (
    CallDirection,
    CustomerGuess,
    guess_customer,
    without_slips,
)
from calmscore.analysis.report import (
    CustomerChannel,
    CustomerCue,
    SegmentStatus,
    Speaker,
    Speakers,
    Talk,
    Turn,
)
from calmscore.analysis.scoring import format_clock
from calmscore.analysis.spoken_cues import Said
from calmscore.analysis.strangers import find_stranger
from calmscore.analysis.voices import TwoVoices, exchanged_at, place_voices, two_voices
from calmscore.audio.channels import (
    Stretch,
    dead_stretch,
    holds_one_mix,
    lateness_seconds,
    stretches_together,
    without_direct_current,
)
from calmscore.audio.crosstalk import LouderSides, louder_sides
from calmscore.audio.recording import ANALYSIS_RATE_HZ, Recording
from calmscore.audio.speed import wrong_speed
from calmscore.audio.voice_activity import (
    MASK_RATE_HZ,
    Mask,
    leak_mask,
    near_voices,
    speech_mask,
    stretches,
)
from calmscore.errors import CallFileError, Notice, ParameterError

HalfArray = npt.NDArray[np.float16]
Sound = TypeVar("Sound", npt.NDArray[np.float16], npt.NDArray[np.float32])

ChannelChoice = Literal["auto", CustomerChannel]
CHANNEL_CHOICES: tuple[ChannelChoice, ...] = get_args(ChannelChoice)

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
# From here on somebody has to say who is the customer before anything is scored; above the
# second, the doubt is spoken of.
UNCLEAR_DOUBT, WORTH_SAYING_DOUBT = 0.45, 0.3
# Two voices on one channel are cut less surely than two channels, and so is who begins.
UNCLEAR_VOICES_DOUBT = 0.35
# Above this doubt, two voices on one channel are not taken apart.
_LARGEST_DOUBT = 0.5
_TOO_ALIKE = (
    "There is no score: two people seem to share one channel, and their voices are too much alike "
    "to tell the customer's from the agent's. If only the customer is heard, choose mixed."
)
_ALIKE = "The voices are much alike, so parts may be the other person's. "
_NOBODY_KNOWS = "There is no score: nobody can tell who is the customer until somebody says so."
_CHOSEN: CustomerCue | None = "chosen"
# A channel that holds so much of all the others' speech is their mix.
_MIX_SHARE = 0.9
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
    mixed = _mixed_reason(recording, customer_channel)
    if mixed is not None:
        return _segment_mixed(recording, mixed, customer_channel, direction, said)
    chosen = _chosen_place(recording, customer_channel)
    with ThreadPoolExecutor(2) as pool:
        heard = list(pool.map(speech_mask, recording.samples))
    sides = _sides(heard, chosen)
    together: list[Stretch] = []
    louder: LouderSides | None = None
    if len(sides) == 2:
        both = recording.samples if len(heard) == 2 else recording.samples[sides]
        both_heard = (heard[sides[0]], heard[sides[1]])
        together = stretches_together(both, both_heard)
        louder = louder_sides(both, both_heard, within=together)
        together = together if louder is None else louder.together
        if _share_of_speech(together, both_heard) > _LARGEST_MIXED_SHARE:
            reason = _not_apart(recording.file_name)
            return _segment_mixed(recording, reason, customer_channel, direction, said)
    if louder is None:
        masks = {side: _own_speech(recording.samples, heard, side, sides) for side in sides}
    else:
        masks = {
            side: near_voices(recording.samples[side], mask)
            for side, mask in zip(sides, louder.masks, strict=True)
        }
    customer, speakers, warnings = _choose_side(
        masks, count=len(heard), chosen=chosen, direction=direction, said=said
    )
    agents = reduce(np.logical_or, [masks[side] for side in sides if side != customer])
    channel = _channel_name(customer, len(heard))
    other_voice, other_notices = _other_voice(recording.samples, masks, customer)
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
        talk=_talk(spoken, agents, recording.duration_seconds),
        warnings=(
            *warnings,
            *other_notices,
            *_line_notices(recording.samples, masks, together),
            *([] if louder is None else [_crosstalk(louder.separation_db)]),
            *_overdriven(segments),
            *_speed_notices(recording, recording.samples, heard),
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


def _chosen_place(recording: Recording, choice: ChannelChoice) -> int | None:
    if choice == "auto":
        return None
    place = _place(choice)
    count = len(recording.samples)
    if place >= count:
        raise CallFileError(
            "no_such_channel",
            f"{recording.file_name} has {count} channels, so the customer cannot be on channel "
            f"{place + 1}; choose another one, or auto.",
        )
    return place


def _sides(heard: Sequence[Mask], chosen: int | None) -> list[int]:
    """Return the channels on which people are: both of a stereo call, else those that speak."""
    if len(heard) == 2:
        return [0, 1]
    speaking = [place for place, mask in enumerate(heard) if _opening_seconds(mask) is not None]
    sides = {place for place in speaking if not _is_mix(place, speaking, heard)}
    if chosen is not None:
        sides.add(chosen)
    # Two at least: one who speaks, and one who does not.
    silent = [place for place in range(len(heard)) if place not in sides]
    return sorted([*sides, *silent[: max(2 - len(sides), 0)]])


def _is_mix(place: int, speaking: Sequence[int], heard: Sequence[Mask]) -> bool:
    """Tell whether a channel holds what at least two others hold, as some recorders add."""
    others = [heard[other] for other in speaking if other != place]
    return len(others) > 1 and all(
        (mask & heard[place]).sum() >= _MIX_SHARE * mask.sum() for mask in others
    )


def _own_speech(samples: HalfArray, heard: Sequence[Mask], side: int, sides: Sequence[int]) -> Mask:
    """Return where a side speaks, without what leaks into it from the others."""
    own = heard[side]
    for other in sides:
        if other != side:
            own = own & ~leak_mask(
                samples[side], samples[other], heard=heard[side], other_heard=heard[other]
            )
    return near_voices(samples[side], own)


def _other_voice(
    samples: HalfArray, masks: Mapping[int, Mask], customer: int
) -> tuple[Mask, tuple[Notice, ...]]:
    """Return where another voice is on the customer's side, and what to say of it."""
    mask = masks[customer]
    voices = place_voices(samples[customer], mask)
    others = [side for side in masks if side != customer]
    step = None
    # Of three people and more, nobody knows who should be exchanged with whom.
    if voices.windows and len(others) == 1:
        step = exchanged_at((voices, place_voices(samples[others[0]], masks[others[0]])))
    if step is not None:
        return mask & (np.arange(mask.size) >= step), (
            Notice(
                code="sides_exchanged",
                message=f"From {format_clock(step / MASK_RATE_HZ)} on the two people seem to be on "
                "each other's side. That part is not scored.",
                at_seconds=step / MASK_RATE_HZ,
            ),
        )
    agents = reduce(np.logical_or, [masks[side] for side in others])
    stranger = find_stranger(samples[customer], voices, mask, other_mask=agents)
    if stranger is None:
        return np.zeros_like(mask), ()
    at_seconds = float(np.argmax(stranger.mask)) / MASK_RATE_HZ
    seconds = round(_seconds(stranger.mask))
    if not stranger.certain:
        return np.zeros_like(mask), (
            Notice(
                code="perhaps_other_voice",
                message="More than one voice may be on the customer's side: from "
                f"{format_clock(at_seconds)} on somebody else may speak for {seconds} s. All of "
                "it is scored as the customer's. Listen whether that is right.",
                at_seconds=at_seconds,
            ),
        )
    return stranger.mask, (
        Notice(
            code="other_voice",
            message=f"Another voice speaks on the customer's side for {seconds} s, "
            f"first at {format_clock(at_seconds)}: somebody who took over, or an announcement. It "
            "is not scored. Listen whether that is right.",
            at_seconds=at_seconds,
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


def _speed_notices(
    recording: Recording, samples: HalfArray, masks: Sequence[Mask]
) -> tuple[Notice, ...]:
    speed = wrong_speed(samples, masks)
    if speed is None:
        return ()
    rate_hz = recording.sample_rate_hz
    true_rate_hz = 2 * rate_hz if speed == "half" else rate_hz // 2
    return (
        Notice(
            code="wrong_speed",
            message=f"The voices seem to speak at {speed} speed: the file says {rate_hz} samples a "
            f"second, and there were probably {true_rate_hz}. Do not trust the emotions or the "
            "score. Listen, and if it sounds wrong, put it right with 'ffmpeg -i FILE "
            f"-af asetrate={true_rate_hz} call.wav' and score that.",
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


def _crosstalk(separation_db: float) -> Notice:
    return Notice(
        code="crosstalk",
        message="Each person is also heard on the other one's side, only "
        f"{separation_db:.0f} dB softer. Who speaks was told by which side is louder; short words "
        "may have gone to the wrong person. Record with one person per channel to be sure.",
    )


def _line_notices(
    samples: HalfArray, masks: Mapping[int, Mask], together: Sequence[Stretch]
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
    for place in masks:
        others = reduce(np.logical_or, [mask for other, mask in masks.items() if other != place])
        dead = dead_stretch(samples[place], other_speech=others)
        if dead is not None:
            name = called(_channel_name(place, len(samples))).capitalize()
            notices.append(
                Notice(
                    code="side_silent",
                    message=f"{name} holds no sound at all from "
                    f"{_from_to(dead)}, while somebody else "
                    "speaks; its line may not have been recorded.",
                    at_seconds=dead.start_seconds,
                )
            )
    return notices


def _segment_separated(
    recording: Recording,
    samples: HalfArray,
    voices: TwoVoices,
    choice: ChannelChoice,
    direction: CallDirection,
    said: Sequence[Said],
) -> SegmentedCall:
    """Cut up a call of one channel, whose two people were told apart by their voices."""
    first = _first_voice(voices.masks)
    by_voice = [replace(one, place=first if one.place == 0 else 1 - first) for one in said]
    guess = guess_customer(without_slips(voices.masks), direction=direction.value, said=by_voice)
    channel: CustomerChannel = "mixed"
    if choice in ("left", "right"):
        customer, doubt, cue = first if choice == "left" else 1 - first, 0.0, _CHOSEN
        channel, taken = choice, "is the customer, as chosen"
    else:
        customer, doubt = guess.voice, guess.doubt
        cue = _cue(guess, direction, unclear=UNCLEAR_VOICES_DOUBT)
        channel, taken = "left" if customer == first else "mixed", "was taken for the customer"
    segments = _cut(samples, voices.masks[customer])
    place = "first" if customer == first else "second"
    warnings = [
        Notice(
            code="voices_separated",
            message=f"{recording.file_name} holds both people on one channel; they were told "
            f"apart by their voices, and who speaks {place} {taken}. "
            + _ALIKE * (voices.doubt > WORTH_SAYING_DOUBT)
            + "Listen whether that is right; record in stereo to be sure.",
        )
    ]
    if doubt >= UNCLEAR_VOICES_DOUBT:
        segments = _unjudged(segments)
        warnings.append(_unclear("voices", guess))
    elif cue == "words":
        warnings.append(_by_words(f"who speaks {place}", guess))
    return SegmentedCall(
        customer_channel=channel,
        speakers=Speakers(how="separated", customer_from=cue, doubt=max(voices.doubt, doubt)),
        segments=segments,
        talk=_talk(voices.masks[customer], voices.masks[1 - customer], recording.duration_seconds),
        warnings=(*warnings, *_overdriven(segments)),
        withheld_because=_NOBODY_KNOWS if cue is None else None,
    )


def _first_voice(masks: Sequence[Mask]) -> int:
    """Return who of two speaks first; who never says a whole sentence comes last."""
    opened = [_opening_seconds(mask) for mask in masks]
    return min((0, 1), key=lambda voice: (opened[voice] is None, opened[voice]))


def _cue(
    guess: CustomerGuess, direction: CallDirection, *, unclear: float = UNCLEAR_DOUBT
) -> CustomerCue | None:
    if guess.doubt >= unclear:
        return None
    if guess.doubt_without_words >= unclear:
        return "words"
    return direction.cue or "greeting"


def _unclear(what: str, guess: CustomerGuess) -> Notice:
    why = "How the two people begin to talk does not tell"
    if guess.doubt != guess.doubt_without_words:
        why = "What is said points to one person as the customer, all else to the other one"
    return Notice(
        code="customer_unclear",
        message=f"{why}, so nobody can say which of the {what} is the customer's, and nothing is "
        "scored. Listen, and choose where the customer is.",
    )


def _by_words(customer: str, guess: CustomerGuess) -> Notice:
    against = guess.doubt_without_words > 1.0 - UNCLEAR_DOUBT
    other = "told the opposite" if against else "did not tell"
    return Notice(
        code="customer_by_words",
        message=f"By what is said, {customer} is the customer: the other one speaks like an agent "
        f"(greets for a company, offers help). How the call begins {other}, so the call was "
        "analysed again. Listen, and choose the other side if that is wrong.",
    )


def _from_to(part: Stretch) -> str:
    return f"{format_clock(part.start_seconds)} to {format_clock(part.end_seconds)}"


_PLACES = {"left": 0, "right": 1}


def _place(channel: CustomerChannel) -> int:
    return _PLACES[channel] if channel in _PLACES else int(channel) - 1


def channel_names(count: int) -> tuple[CustomerChannel, ...]:
    """Return what the channels of a call of so many are called, in order."""
    if count == 2:
        return ("left", "right")
    return cast("tuple[CustomerChannel, ...]", tuple(str(place + 1) for place in range(count)))


def _channel_name(place: int, count: int) -> CustomerChannel:
    return channel_names(count)[place]


def called(channel: str) -> str:
    """Return what a channel is called in a sentence."""
    return f"the {channel} channel" if channel in _PLACES else f"channel {channel}"


def customer_samples(recording: Recording, channel: CustomerChannel) -> HalfArray:
    """Return the sound that is taken for the customer's, whoever asks.

    Parameters
    ----------
    recording : Recording
        The call.
    channel : {"left", "right", "mixed", "1", …, "8"}
        Where the customer is, by the report.

    Returns
    -------
    array of float16, shape (n,)
        At ``ANALYSIS_RATE_HZ``, full scale 1. Mixed channels are averaged; two
        that hold the same sound are taken once, because with one of them inverted or late
        the average would be silence or an echo.
    """
    samples = recording.samples
    if len(samples) == 1:
        return np.asarray(samples[0])
    if channel != "mixed":
        return np.asarray(samples[_place(channel)])
    if len(samples) == 2 and holds_one_mix(samples):
        return np.asarray(samples[0])
    share = np.float16(1.0 / len(samples))
    return np.asarray(reduce(np.add, [side * share for side in samples]), dtype=np.float16)


def _mixed_reason(recording: Recording, choice: ChannelChoice) -> Notice | None:
    name = recording.file_name
    if len(recording.samples) == 1:
        known = choice in ("auto", "mixed", "1")
        wanted = f"{choice} channel" if choice in _PLACES else f"channel {choice}"
        ignored = "" if known else f" (there is no {wanted})"
        return Notice(
            code="voices_mixed",
            message=f"{name} has one channel, so customer and agent are mixed{ignored}. "
            "The emotions may be either person's: listen before you conclude anything. "
            "Record in stereo, one person per channel, to score the customer alone.",
        )
    if choice == "mixed":
        all_of_them = "Both" if len(recording.samples) == 2 else "All"
        return Notice(
            code="voices_mixed",
            message=f"{all_of_them} channels were mixed as asked, so the emotions may be either "
            "person's: listen before you conclude anything.",
        )
    return None


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
    speed = _speed_notices(recording, samples[None], [mask])
    if voices is not None and voices.doubt <= _LARGEST_DOUBT:
        call = _segment_separated(recording, samples, voices, choice, direction, said)
        return replace(call, warnings=(*call.warnings, *speed))
    segments = _cut(samples, mask)
    return SegmentedCall(
        customer_channel="mixed",
        speakers=Speakers(how="mixed", customer_from=None, doubt=1.0),
        segments=segments,
        talk=_talk(mask, None, recording.duration_seconds),
        warnings=(reason, *_overdriven(segments), *speed),
        withheld_because=None if voices is None else _TOO_ALIKE,
    )


def _choose_side(
    masks: Mapping[int, Mask],
    *,
    count: int,
    chosen: int | None,
    direction: CallDirection,
    said: Sequence[Said],
) -> tuple[int, Speakers, tuple[Notice, ...]]:
    """Return the customer's place among the channels, what tells so, and what to know."""
    if chosen is not None:
        return chosen, Speakers(how="channels", customer_from="chosen", doubt=0.0), ()
    speaking = [side for side, mask in masks.items() if _opening_seconds(mask) is not None]
    if len(speaking) < 2:
        # The silent side: whoever speaks may be the agent, who is never scored.
        silent = next(side for side in masks if side not in speaking)
        notices = [_one_side_silent(_channel_name(side, count)) for side in speaking]
        cue: CustomerCue | None = None if speaking else "greeting"
        return silent, Speakers(how="channels", customer_from=cue, doubt=0.5), tuple(notices)
    voices = [masks[side] for side in speaking]
    late = lateness_seconds((voices[0], voices[1])) if len(masks) == len(voices) == 2 else 0.0
    by_voice = [
        replace(one, place=speaking.index(one.place)) for one in said if one.place in speaking
    ]
    guess = guess_customer(_put_right(voices, late), direction=direction.value, said=by_voice)
    speakers = Speakers(how="channels", customer_from=_cue(guess, direction), doubt=guess.doubt)
    customer = speaking[guess.voice]
    if guess.doubt >= UNCLEAR_DOUBT:
        return customer, speakers, (_unclear("channels", guess),)
    names = [_channel_name(side, count) for side in speaking]
    if speakers.customer_from == "words":
        told = [_by_words(called(names[guess.voice]), guess)]
    else:
        told = [_guessed(guess, names, direction)]
    if late:
        told.append(_line_late(names[1 if late > 0 else 0], abs(late)))
    return customer, speakers, tuple(told)


def _put_right(masks: Sequence[Mask], late_seconds: float) -> list[Mask]:
    """Move the first of two masks as far back as the second is late, or the other way."""
    if not late_seconds:
        return list(masks)
    missing = np.zeros(round(abs(late_seconds) * MASK_RATE_HZ), dtype=np.bool_)
    early = 0 if late_seconds > 0 else 1
    return [
        np.concatenate([missing, mask] if place == early else [mask, missing])
        for place, mask in enumerate(masks)
    ]


def _line_late(channel: CustomerChannel, seconds: float) -> Notice:
    return Notice(
        code="side_late",
        message=f"{called(channel).capitalize()} seems to be about {seconds:.0f} s late against "
        "the other one: as recorded, both talk at once much of the time. Each person's own times "
        "are right; who answers whom, and how long both talk, is not.",
    )


def _one_side_silent(heard: CustomerChannel) -> Notice:
    return Notice(
        code="one_side_silent",
        message=f"Only {called(heard)} holds speech, and nobody can tell whether "
        "it is the customer or the agent, so nothing is scored. Listen, and choose "
        f"{called(heard)} if it is the customer.",
    )


def _guessed(
    guess: CustomerGuess, names: Sequence[CustomerChannel], direction: CallDirection
) -> Notice:
    customer = names[guess.voice]
    if guess.first is None:
        why = "it has more of what customers do later in the call, though both begin at once"
    elif guess.opens_with_hello:
        why = "it says hello first, as people do who are called"
    else:
        why = f"{called(names[guess.first])} speaks first, as agents do when they greet"
    known = "" if direction.value == "unknown" else f" (the call is {direction.value})"
    doubtful = " This is doubtful." if guess.doubt > WORTH_SAYING_DOUBT else ""
    other = "the other channel" if len(names) == 2 else "another channel"
    return Notice(
        code="customer_channel_guessed",
        message=f"{called(customer).capitalize()} was taken for the customer because {why}"
        f"{known}.{doubtful} If that is wrong, choose {other}.",
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
    speech_seconds = float(speech.sum()) / MASK_RATE_HZ
    status: SegmentStatus = "no_speech"
    voiced: HalfArray | None = None
    if speech_seconds >= MINIMUM_SPEECH_SECONDS:
        voiced = voiced_stretch(samples, speech)
        status = "scored"
    elif _seconds(other_voice[first:last]) >= MINIMUM_SPEECH_SECONDS:
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
