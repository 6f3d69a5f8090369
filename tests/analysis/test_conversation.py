"""How a conversation went, by who spoke when."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from made_calls import CALM, made_report

from calmscore.analysis.conversation import Conversation, conversation_of
from calmscore.analysis.report import CallReport, Turn


def call(*turns: tuple[str, float, float], known: bool = True) -> CallReport:
    report = made_report(CALM)
    seconds = {who: sum(b - a for w, a, b in turns if w == who) for who in ("agent", "customer")}
    return replace(
        report,
        talk=replace(
            report.talk,
            agent_seconds=seconds["agent"],
            customer_seconds=seconds["customer"],
            turns=tuple(
                Turn(speaker=who, start_seconds=start, end_seconds=end) for who, start, end in turns
            ),
        ),
        speakers=replace(report.speakers, customer_from="greeting" if known else None),
    )


def test_shares_and_pauses_are_of_what_both_say():
    talk = (("agent", 0, 6), ("customer", 6.5, 8.5), ("agent", 11.5, 13.5), ("customer", 16, 17))
    found = conversation_of(call(*talk))
    assert found.agent_share == pytest.approx(8 / 11)
    assert found.pauses == 1
    # A silence under somebody's long turn is none.
    covered = call(("agent", 0, 20), ("customer", 2, 3), ("customer", 9, 10))
    assert conversation_of(covered).pauses == 0


@pytest.mark.parametrize(
    ("talk", "agent", "customer"),
    [
        ([("customer", 0, 5), ("agent", 3, 8)], 1, 0),
        ([("agent", 0, 5), ("customer", 3, 8)], 0, 1),
        # "Mhm" takes no word from anybody, nor does who gives up.
        ([("customer", 0, 5), ("agent", 3, 3.6)], 0, 0),
        ([("customer", 0, 9), ("agent", 3, 6)], 0, 0),
        # A little too early is how people answer, and both may begin at once.
        ([("customer", 0, 5), ("agent", 4.8, 8)], 0, 0),
        ([("customer", 0, 5), ("agent", 0.4, 8)], 0, 0),
        ([("customer", 0, 5), ("agent", 3, 8), ("customer", 6, 10)], 1, 1),
    ],
)
def test_who_takes_the_word_interrupts(talk, agent, customer):
    found = conversation_of(call(*talk))
    assert (found.agent_interruptions, found.customer_interruptions) == (agent, customer)
    assert found.interruptions == agent + customer


def interruptions_by_every_pair(talk, by: str) -> int:
    """Count them as they are defined, each turn held against every other."""
    return sum(
        end - start >= 1.0
        and any(
            other != by and begun + 1.0 <= start and start + 0.5 <= ended < end
            for other, begun, ended in talk
        )
        for speaker, start, end in talk
        if speaker == by
    )


@pytest.mark.parametrize("seed", range(20))
def test_turns_that_overlap_in_any_way_are_counted_as_every_pair_of_them_says(seed):
    generator = random.Random(seed)
    # On a grid, so that ends and starts often fall together.
    talk = [
        (generator.choice(["agent", "customer"]), start, start + generator.randint(1, 24) / 4)
        for start in (generator.randint(0, 120) / 4 for _ in range(40))
    ]
    found = conversation_of(call(*talk))
    expected = [interruptions_by_every_pair(talk, by) for by in ("agent", "customer")]
    assert [found.agent_interruptions, found.customer_interruptions] == expected
    assert all(expected)


def test_nobody_is_named_where_nobody_knows_who_is_who():
    found = conversation_of(call(("agent", 0, 5), ("customer", 3, 8), known=False))
    assert (found.interruptions, found.pauses) == (1, 0)
    assert found.agent_share is None and found.agent_interruptions is None


def test_of_voices_that_are_not_apart_nothing_is_told():
    report = call(("agent", 0, 5))
    mixed = replace(report, talk=replace(report.talk, agent_seconds=None, turns=()))
    assert conversation_of(mixed) == Conversation()
