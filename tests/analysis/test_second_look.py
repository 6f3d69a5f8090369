"""When words lead to a second analysis."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from said_calls import MATTER_OF_FACT, said_call

from calmscore.analysis import second_look
from calmscore.analysis.report import Turn


def told_apart(how: str, doubt: float):
    report = said_call([MATTER_OF_FACT] * 8, [None] * 8)
    turns = tuple(
        Turn(speaker=speaker, start_seconds=at, end_seconds=at + 4.0)
        for speaker, at in (("agent", 0.0), ("customer", 5.0))
    )
    return replace(
        report,
        speakers=replace(report.speakers, how=how, customer_from=None, doubt=doubt),
        talk=replace(report.talk, turns=turns),
    )


@pytest.mark.parametrize(
    ("how", "before", "after", "again"),
    [
        ("channels", 0.5, 0.25, True),
        ("channels", 0.44, 0.32, False),
        ("separated", 0.44, 0.25, True),
        ("separated", 0.44, 0.32, False),
        ("separated", 0.29, 0.26, False),
    ],
)
def test_a_call_is_analysed_again_where_its_doubt_passes_the_limit_of_a_score(
    monkeypatch, how, before, after, again
):
    monkeypatch.setattr(second_look, "doubt_given_words", lambda *_args, **_options: after)
    report, other = told_apart(how, before), told_apart(how, after)
    told = second_look.look_again(
        report, SimpleNamespace(), [], analyse=lambda *_args, **_options: other
    )
    assert (told is other) == again
