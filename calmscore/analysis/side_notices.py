"""What a reader must know of a call's sides: the wording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from calmscore.analysis.call_channels import ChannelChoice, called, channel_name
from calmscore.analysis.call_direction import CallDirection
from calmscore.analysis.customer import (
    UNCLEAR_DOUBT,
    WORTH_SAYING_DOUBT,
    CustomerGuess,
)
from calmscore.analysis.formats import format_clock
from calmscore.analysis.report import CustomerChannel
from calmscore.audio.background import background_below_db
from calmscore.audio.channels import HalfArray, Stretch
from calmscore.audio.crosstalk import LouderSides
from calmscore.audio.recording import Recording
from calmscore.audio.speed import true_rate_hz
from calmscore.audio.voice_activity import Mask
from calmscore.errors import Notice

# Clean lines have 17 dB and more; from 8 dB on, scores change by more than half a point.
_LEAST_BELOW_DB = 15.0
# From here on, speech is missed: of two sample calls under noise or a tone, up to half.
_COVERED_BELOW_DB = 9.0
VOICES_ALIKE = "The voices are much alike, so parts may be the other person's. "


def speed_notices(
    recording: Recording, samples: HalfArray, masks: Sequence[Mask]
) -> tuple[Notice, ...]:
    """Return a notice where the file says a wrong rate, so that voices are too fast or slow."""
    rate_hz = recording.sample_rate_hz
    true_hz = true_rate_hz(samples, masks, rate_hz=rate_hz)
    if true_hz is None:
        return ()
    return (
        Notice(
            code="wrong_speed",
            message=f"The voices seem to be about {rate_hz / true_hz:.1f} times as fast as people "
            f"speak: the file says {rate_hz} samples a second, and there were probably {true_hz}. "
            "Do not trust the emotions or the score. Listen, and if it sounds wrong, put it right "
            f"with 'ffmpeg -i FILE -af asetrate={true_hz} call.wav' and score that.",
        ),
    )


def overflown(seconds: int) -> Notice:
    """Return a notice that loud sound overflowed, at least in so many seconds."""
    return Notice(
        code="overflown",
        message=f"The recording was too loud for its numbers in {seconds} seconds or more: what "
        "goes beyond the highest came back as the lowest, and is noise. Loud speech may be taken "
        "for none, so there is no score. Lower the recording level.",
    )


def background_notices(
    samples: HalfArray, mask: Mask, others: Sequence[Mask] = ()
) -> tuple[Notice, ...]:
    """Return a notice where noise or music is there all the time, nearly as loud as the voice."""
    below_db = background_below_db(samples, mask, others=others)
    if below_db is None or below_db >= _LEAST_BELOW_DB:
        return ()
    if below_db < _COVERED_BELOW_DB:
        return (
            Notice(
                code="voice_covered",
                message="Noise, music or a tone is there all the time and only about "
                f"{max(below_db, 0.0):.0f} dB softer than the voice. Speech was probably missed, "
                "so there is no score.",
            ),
        )
    return (
        Notice(
            code="loud_background",
            message="Noise or music is heard behind the voice all the time, only about "
            f"{max(below_db, 0.0):.0f} dB softer. Words may have been missed, and the emotions may "
            "be wrong: listen before you conclude anything.",
        ),
    )


def not_apart(name: str) -> Notice:
    """Say that both channels of a file hold the same voices."""
    return Notice(
        code="voices_mixed",
        message=f"{name} is stereo, but both channels hold the same voices, so customer and agent "
        "are mixed. The emotions may be either person's: listen before you conclude anything.",
    )


def sides_overheard(told: LouderSides, names: Sequence[CustomerChannel]) -> Notice:
    """Say that people are also heard on each other's side, or one of them is."""
    if told.overhears is None:
        who = (
            "Each person is also heard on the other one's side, only "
            f"{told.separation_db:.0f} dB softer"
        )
    else:
        both, own = called(names[told.overhears]), called(names[1 - told.overhears])
        who = f"{both.capitalize()} holds both people: who is on {own} is heard there, too"
    return Notice(
        code="crosstalk",
        message=f"{who}. Who speaks was told by which side is louder; short words "
        "may have gone to the wrong person. Record with one person per channel to be sure.",
    )


def line_notices(
    dead: Mapping[int, Sequence[Stretch]], *, count: int, together: Sequence[Stretch]
) -> list[Notice]:
    """Say where both people are on both of so many channels, and where a channel is dead."""
    notices = [
        Notice(
            code="voices_not_apart",
            message=f"From {_from_to(part)} both channels hold both voices; this part is "
            "not scored.",
            at_seconds=part.start_seconds,
        )
        for part in together
    ]
    notices += [
        Notice(
            code="side_silent",
            message=f"{called(channel_name(place, count)).capitalize()} holds no sound at all from "
            f"{_from_to(part)}, while somebody else speaks; its line may not have been recorded.",
            at_seconds=part.start_seconds,
        )
        for place, parts in dead.items()
        for part in parts
    ]
    return notices


def unheard_to_the_end(unanswered: Mapping[int, Sequence[Stretch]], *, count: int) -> list[Notice]:
    """Say on which of so many channels nobody is heard any more while the other one goes on."""
    return [
        Notice(
            code="side_unheard",
            message=f"Nobody is heard on {called(channel_name(place, count))} from "
            f"{_from_to(part)}, though somebody else goes on talking to them; the line may have "
            "failed.",
            at_seconds=part.start_seconds,
        )
        for place, parts in unanswered.items()
        for part in parts
    ]


def customer_unclear(what: str, guess: CustomerGuess) -> Notice:
    """Say that nobody knows which of the channels, or voices, is the customer's."""
    why = "How the two people begin to talk does not tell"
    if guess.doubt != guess.doubt_without_words:
        why = "What is said points to one person as the customer, all else to the other one"
    return Notice(
        code="customer_unclear",
        message=f"{why}, so nobody can say which of the {what} is the customer's, and nothing is "
        "scored. Listen, and choose where the customer is.",
    )


def customer_by_words(customer: str, guess: CustomerGuess) -> Notice:
    """Say that it is the words that tell who is the customer."""
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


def mixed_reason(recording: Recording, choice: ChannelChoice) -> Notice | None:
    """Say why all voices of a call are taken together; None where they are not."""
    name = recording.file_name
    if len(recording.samples) == 1:
        known = choice in ("auto", "mixed", "1")
        ignored = "" if known else f" (there is no {called(choice).removeprefix('the ')})"
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


def line_late(channel: CustomerChannel, seconds: float) -> Notice:
    """Say that one channel is late against the other one."""
    return Notice(
        code="side_late",
        message=f"{called(channel).capitalize()} seems to be about {seconds:.0f} s late against "
        "the other one: as recorded, both talk at once much of the time. Each person's own times "
        "are right; who answers whom, and how long both talk, is not.",
    )


def one_side_silent(heard: CustomerChannel, *, few_words: bool = False) -> Notice:
    """Say that only one channel holds speech, or more of it than a few words."""
    speech = "more than a few words" if few_words else "speech"
    return Notice(
        code="one_side_silent",
        message=f"Only {called(heard)} holds {speech}, and nobody can tell whether "
        "it is the customer or the agent, so nothing is scored. Listen, and choose "
        f"{called(heard)} if it is the customer.",
    )


def customer_guessed(
    guess: CustomerGuess, names: Sequence[CustomerChannel], direction: CallDirection
) -> Notice:
    """Say which channel was taken for the customer's, and why."""
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
