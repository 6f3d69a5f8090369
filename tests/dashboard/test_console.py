"""What the console shows of a call, from reports made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_calls import RESCUED, WORSE, made_report, with_made_words
from said_calls import leaning, said_call

from calmscore.analysis.report import Turn
from calmscore.analysis.transitions import Transition
from calmscore.analysis.voice_and_words import beside_the_voice
from calmscore.dashboard.console.reasons import moments, sum_line
from calmscore.dashboard.console.view import console_view, table_rows
from calmscore.dashboard.console.words import words_view


def turn(speaker: str, start: float, end: float) -> Turn:
    return Turn(speaker=speaker, start_seconds=start, end_seconds=end)


def with_turns(report, *turns: Turn):
    return replace(report, talk=replace(report.talk, turns=turns))


def with_points(report, start: float, *points: float):
    rows = tuple(
        Transition(at_seconds=3.0 * place, from_emotion="anger", to_emotion="neutral",
                   points=earned, reason="Made up.")
        for place, earned in enumerate(points)
    )  # fmt: skip
    value = min(max(start + sum(points), 1.0), 10.0)
    return replace(
        report, score=replace(report.score, start_value=start, value=value, transitions=rows)
    )


def test_a_block_is_a_segment_where_the_customer_speaks_in_it():
    report = with_turns(
        made_report(RESCUED), turn("customer", 1.0, 2.0), turn("customer", 2.5, 5.0)
    )
    blocks = console_view(report)["blocks"]
    assert [(block["start"], block["end"]) for block in blocks[:2]] == [(1.0, 3.0), (3.0, 5.0)]
    assert blocks[0]["emotion"] == "anger"


def test_the_agent_has_a_lane_and_no_emotion():
    report = with_turns(made_report(RESCUED), turn("agent", 4.0, 6.0), turn("agent", 6.8, 8.0))
    assert console_view(report)["agent"] == [[4.0, 8.0]]


@pytest.mark.parametrize(
    ("how", "channel", "names"),
    [
        ("channels", "left", ("Left side", "Right side")),
        ("channels", "right", ("Right side", "Left side")),
        ("channels", "3", ("Channel 3", "Others")),
        ("separated", "left", ("First voice", "Second voice")),
        ("separated", "mixed", ("Second voice", "First voice")),
    ],
)
def test_where_nobody_knows_who_is_the_customer_nobody_is_called_so(how, channel, names):
    report = with_made_words(made_report(RESCUED))
    unclear = replace(
        report,
        call=replace(report.call, customer_channel=channel),
        speakers=replace(report.speakers, how=how, customer_from=None, doubt=0.5),
        segments=tuple(
            replace(segment, status="low_information", emotion=None)
            for segment in report.segments
        ),
    )  # fmt: skip
    view = console_view(unclear)
    assert (view["names"]["customer"], view["names"]["agent"]) == names
    assert view["table"]["head"][1] == names[0]
    assert view["statuses"]["low_information"]["label"] == view["table"]["rows"][0][1]
    assert "may be the agent's" in view["table"]["rows"][0][1]
    said = {turn["name"] for turn in words_view(unclear)["turns"]}
    assert said and said <= set(names)
    known = {turn["name"] for turn in words_view(report)["turns"]}
    assert known <= {"Customer", "Agent"}


def test_silence_is_where_nobody_speaks_for_a_while():
    report = with_turns(made_report(RESCUED), turn("agent", 1.0, 6.0), turn("customer", 9.0, 28.5))
    assert console_view(report)["silence"] == [[6.0, 9.0]]


def test_a_moment_tells_what_the_agent_did_before_it():
    report = with_turns(made_report(RESCUED), turn("agent", 6.0, 14.0))
    change = replace(report.score.transitions[0], plays_from_seconds=6.0)
    report = replace(report, score=replace(report.score, transitions=(change,)))
    (moment,) = moments(report)
    assert moment["text"] == "Agent spoke 8 s, then the customer went from angry to calm at 0:15"
    assert moment["from"] == 6.0


def test_without_an_agents_turn_the_moment_tells_of_the_customer_alone():
    (moment,) = moments(made_report(WORSE))
    assert moment["text"] == "The customer went from calm to angry at 0:15"


def test_two_changes_after_one_turn_of_the_agent_are_told_apart():
    report = with_turns(made_report(RESCUED), turn("agent", 2.0, 5.0))
    changes = [
        replace(change, plays_from_seconds=2.0)
        for change in with_points(report, 5.0, 1.0, 0.5).score.transitions
    ]
    report = replace(report, score=replace(report.score, transitions=tuple(changes)))
    first, second = moments(report)
    assert first["from"] == second["from"]
    assert first["text"] != second["text"]


def test_a_moment_quotes_what_the_customer_says_there():
    report = with_made_words(with_points(made_report(RESCUED), 5.0, 1.0, 0.5))
    # The agent speaks at the first change, the customer at the second.
    assert [moment["said"] for moment in moments(report)] == ["", "Nobody ever calls back!"]


@pytest.mark.parametrize(
    ("start", "points", "line"),
    [
        (3.66, (4.94,), "3.7 at the start + 4.9 = 8.6"),
        (4.44, (-0.74, 3.94), "4.4 at the start + 3.9 − 0.7 = 7.6"),
        (5.0, (1.0, 2.0, 0.2, -0.4), "5.0 at the start + 2.0 + 1.0 − 0.4 + 0.2 from 1 more = 7.8"),
        (5.0, (1.0, 2.0, -0.4, 0.01), "5.0 at the start + 2.0 + 1.0 − 0.4 = 7.6"),
        (7.0, (4.0,), "7.0 at the start + 4.0 = 11.0, held to 10.0"),
    ],
)
def test_the_last_line_adds_up_to_the_score(start, points, line):
    report = with_points(made_report(RESCUED), start, *points)
    assert sum_line(report.score) == line


@pytest.mark.parametrize("points", [(0.04, 0.04, 0.04), (1.26, -0.44, 0.35), (-2.05, -0.05)])
def test_the_points_of_the_cards_are_those_of_the_sum(points):
    report = with_points(made_report(RESCUED), 5.0, *points)
    shown = 5.0 + sum(card["points"] for card in moments(report))
    assert round(shown, 1) == round(5.0 + sum(points), 1)


def test_the_largest_moments_come_first_and_small_ones_are_marked():
    cards = moments(with_points(made_report(RESCUED), 5.0, 0.1, -2.0, 1.0))
    assert [card["points"] for card in cards] == [-2.0, 1.0, 0.1]
    assert [card["small"] for card in cards] == [False, False, True]


def test_a_call_without_a_score_has_no_moments_and_no_sum():
    view = console_view(made_report(["anger", "neutral"]))
    assert (view["moments"], view["sum"]) == ([], "")


def test_the_table_tells_the_timeline_in_stretches():
    rows = table_rows(made_report([*RESCUED, None]))
    assert [row[:2] for row in rows] == [
        ["0:00–0:15", "heard as angry"],
        ["0:15–0:30", "heard as calm"],
        ["0:30–0:33", "no speech of the customer"],
    ]
    assert rows[0][2] == "75%"


@pytest.mark.parametrize(
    ("emotion", "points", "words"),
    [
        ("fear", 0.5, "The customer sounded fearful, but less so, from 0:15 on"),
        ("fear", -0.5, "The customer sounded more strongly fearful from 0:15 on"),
        ("neutral", -0.5, "The customer sounded less clearly calm from 0:15 on"),
    ],
)
def test_a_shift_within_one_emotion_is_told_as_one(emotion, points, words):
    report = made_report(RESCUED)
    change = replace(
        report.score.transitions[0], from_emotion=emotion, to_emotion=emotion, points=points
    )
    (moment,) = moments(replace(report, score=replace(report.score, transitions=(change,))))
    assert moment["text"] == words


def test_the_words_stand_beside_the_voice_and_say_where_they_disagree():
    calm, angry = leaning("neutral"), leaning("anger")
    report = beside_the_voice(said_call([angry] * 4 + [calm] * 4, [None] * 6 + [angry, calm]))
    view = console_view(report)
    first, second = view["words_distress"]
    assert (first["at"], second["disagrees"]) == (19.5, "")
    assert first["share"] > 0.5
    assert first["disagrees"] == "The voice sounded calm, the words did not: listen."
    assert view["moments"][0]["why"].endswith(first["disagrees"])
    rows = [row for row in view["table"]["rows"] if row[0] == "0:18–0:21"]
    assert rows[0][4] == f"{first['share']:.0%} · {first['disagrees']}"
    silent = console_view(made_report(RESCUED))
    assert silent["words_distress"] == [] and all(len(row) == 4 for row in silent["table"]["rows"])
