"""The channels of a call: what they are called, and which samples are the customer's."""

from __future__ import annotations

from functools import reduce
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from calmscore.analysis.report import CallReport, CustomerChannel, Speaker
from calmscore.audio.channels import HalfArray, holds_one_mix
from calmscore.audio.recording import Recording
from calmscore.errors import CallFileError

ChannelChoice = Literal["auto", CustomerChannel]
CHANNEL_CHOICES: tuple[ChannelChoice, ...] = get_args(ChannelChoice)

_PLACES = {"left": 0, "right": 1}


def place_of(channel: CustomerChannel) -> int:
    """Return which channel of the recording it is, from 0."""
    return _PLACES[channel] if channel in _PLACES else int(channel) - 1


def chosen_place(recording: Recording, choice: ChannelChoice) -> int | None:
    """Return the chosen channel, from 0; None where nobody chose.

    Raises
    ------
    CallFileError
        If the call has no such channel.
    """
    if choice == "auto":
        return None
    place = place_of(choice)
    count = len(recording.samples)
    if place >= count:
        raise CallFileError(
            "no_such_channel",
            f"{recording.file_name} has {count} channels, so the customer cannot be on channel "
            f"{place + 1}; choose another one, or auto.",
        )
    return place


def channel_names(count: int) -> tuple[CustomerChannel, ...]:
    """Return what the channels of a call of so many are called, in order."""
    if count == 2:
        return ("left", "right")
    return cast("tuple[CustomerChannel, ...]", tuple(str(place + 1) for place in range(count)))


def channel_name(place: int, count: int) -> CustomerChannel:
    """Return what one of so many channels is called."""
    return channel_names(count)[place]


def called(channel: str) -> str:
    """Return what a channel is called in a sentence."""
    return f"the {channel} channel" if channel in _PLACES else f"channel {channel}"


def customer_known(report: CallReport) -> bool:
    """Tell whether the customer is known, or everybody was analysed as one."""
    return report.speakers.customer_from is not None or report.speakers.how == "mixed"


def speaker_names(report: CallReport) -> dict[Speaker | None, str]:
    """Return what those who speak are called before people.

    Returns
    -------
    dict
        Customer and agent; where nobody knows who is who, by channel or by who speaks first.
        Under None what somebody is called of whom nothing is known.
    """
    customer, agent = _names_of_two(report)
    return {"customer": customer, "agent": agent, None: "Somebody"}


def _names_of_two(report: CallReport) -> tuple[str, str]:
    channel = report.call.customer_channel
    if customer_known(report):
        return "Customer", "Agent"
    if report.speakers.how == "separated":
        names = ("First voice", "Second voice")
    elif channel in _PLACES:
        names = ("Left side", "Right side")
    else:
        return f"Channel {channel}", "Others"
    # The first of two voices on one channel is called left, the second mixed.
    return names if channel == "left" else names[::-1]


def customer_samples(recording: Recording, channel: CustomerChannel) -> HalfArray:
    """Return the sound that is taken for the customer's, whoever asks.

    Parameters
    ----------
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
        return np.asarray(samples[place_of(channel)])
    if len(samples) == 2 and holds_one_mix(samples):
        return np.asarray(samples[0])
    share = np.float16(1.0 / len(samples))
    return np.asarray(reduce(np.add, [side * share for side in samples]), dtype=np.float16)


def overflowed_seconds_of(recording: Recording, channel: CustomerChannel) -> int:
    """Return in how many seconds a channel, or any where they are mixed, overflows."""
    seconds = recording.overflowed_seconds
    known = channel != "mixed" and len(seconds) > 1
    return seconds[place_of(channel)] if known else max(seconds, default=0)


def clipped_shares_of(
    recording: Recording, channel: CustomerChannel
) -> npt.NDArray[np.floating[Any]]:
    """Return which share of each second of a channel, or of any where they are mixed, is cut off.

    Returns
    -------
    array of float, shape (seconds,)
        Empty where nobody knows.
    """
    shares = recording.clipped_shares
    if not shares.size:
        return np.zeros(0)
    known = channel != "mixed" and len(shares) > 1
    return np.asarray(shares[place_of(channel)] if known else shares.max(axis=0))
