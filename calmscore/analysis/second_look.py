"""A call that was analysed is looked at again once it is known what is said in it.

The score does not wait for words. Where they tell who is the customer and nothing else did, or
where they show that the agent was taken for the customer, the call is analysed again, so that no
agent's voice stays scored. What a person chose stays as it was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from calmscore.analysis.call import analyze_recording, known_direction
from calmscore.analysis.call_channels import channel_names
from calmscore.analysis.customer import (
    UNCLEAR_DOUBT,
    WORTH_SAYING_DOUBT,
    doubt_given_words,
)
from calmscore.analysis.report import CallReport, Direction
from calmscore.analysis.spoken_cues import Said
from calmscore.audio.recording import Recording

# Somebody may have chosen the wrong side.
_CHOSEN_DOUBT = 0.02


class Analyse(Protocol):
    """What analyses a recording; `call.analyze_recording` by default."""

    def __call__(
        self, recording: Recording, *, direction: Direction | None, said: Sequence[Said]
    ) -> CallReport:
        """Return its report."""


def places(report: CallReport) -> tuple[int, int] | None:
    """Return the places of customer and agent, as in `spoken_cues.Said`.

    Returns
    -------
    tuple of int, or None
        None where there are not exactly two people who were told apart.
    """
    if report.speakers.how == "separated":
        customer = 0 if report.call.customer_channel == "left" else 1
    elif report.speakers.how == "channels" and report.call.channels == 2:
        customer = channel_names(2).index(report.call.customer_channel)
    else:
        return None
    return customer, 1 - customer


def look_again(
    report: CallReport,
    recording: Recording,
    said: Sequence[Said],
    *,
    analyse: Analyse = analyze_recording,
) -> CallReport:
    """Return a report that heeds what is said.

    Parameters
    ----------
    report : CallReport
        Of a call that was analysed without its words.
    recording : Recording
        The same call.
    said : sequence of Said
        What is said in it, in English.
    analyse : callable, optional
        Analyses it again, where that is to be done.

    Returns
    -------
    CallReport
        The same one where the words tell nothing new, or somebody chose the customer's side;
        with another doubt where they agree; a new one where they decide.
    """
    found = places(report)
    if found is None or report.speakers.customer_from == "chosen" or _one_sided(report):
        return report
    before = report.speakers.doubt
    after = doubt_given_words(before, said, customer=found[0])
    if after == before:
        return report
    if _kind(after) != _kind(before):
        return analyse(recording, direction=_direction(report), said=said)
    # Of voices on one channel, a part of the doubt is whether they were told apart.
    if report.speakers.how != "channels":
        return report
    return replace(report, speakers=replace(report.speakers, doubt=after))


def speaks_like_an_agent(report: CallReport, said: Sequence[Said]) -> bool:
    """Tell whether whom somebody chose as the customer speaks like an agent, beyond doubt."""
    found = places(report)
    return (
        found is not None
        and report.speakers.customer_from == "chosen"
        and doubt_given_words(_CHOSEN_DOUBT, said, customer=found[0]) > UNCLEAR_DOUBT
    )


def _one_sided(report: CallReport) -> bool:
    """Tell whether only one person is heard: then somebody has to say who it is."""
    return len({turn.speaker for turn in report.talk.turns}) < 2


def _kind(doubt: float) -> int:
    """Return what a doubt means: nothing, a word of caution, no score, or somebody else."""
    limits = (WORTH_SAYING_DOUBT, UNCLEAR_DOUBT, 1.0 - UNCLEAR_DOUBT)
    return sum(doubt >= limit for limit in limits)


def _direction(report: CallReport) -> Direction | None:
    """Return the direction that the report heeded, where its file's name does not tell it."""
    file_name, value = report.call.file_name, report.call.direction
    return None if known_direction(file_name).value == value else value
