"""Figures of agents: averages with their uncertainty, weeks, moments to listen to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy import stats
from shared_sessions import shared_session
from stored_calls import add, call_id_of, scored_report, with_moments

from calmscore.analysis.call_score import (
    CALM_THROUGHOUT,
    DE_ESCALATED,
    ESCALATED,
    INSUFFICIENT_EVIDENCE,
    UNRESOLVED,
)
from calmscore.store.agents import agent_figures, agent_moments, weekly_scores
from calmscore.store.remarks import answer, reply

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
SCORES = (9.1, 2.0, 5.5, 7.25, 8.0)


def add_scored(store, agent, scores, *, outcome=DE_ESCALATED, at=MONDAY):
    for place, score in enumerate(scores):
        name = f"{agent}-{outcome}-{at:%Y%m%d%H%M%S}-{place}.wav"
        add(
            store, name, scored_report(name, score, outcome),
            with_audio=False, agent=agent, called_at=at,
        )  # fmt: skip


def set_aside(store, call_id, *, decided=True):
    number = shared_session(store, "Ben", call_id)
    with store.database.writing() as session:
        contest = answer(
            session, number, kind="contested", author="Ben", call_id=call_id, text="No."
        )
        if decided:
            reply(session, contest, text="Right.", author="Sam", decision="upheld")


def figures(store, **period):
    with store.database.reading() as session:
        return {row.agent: row for row in agent_figures(session, **period)}


def weeks(store, agent, **period):
    with store.database.reading() as session:
        return weekly_scores(session, agent, **period)


def moments(store, agent, **options):
    with store.database.reading() as session:
        return agent_moments(session, agent, **options)


def test_the_interval_is_that_of_the_spread_of_all_calls(store):
    add_scored(store, "Ben", SCORES)
    ben = figures(store)["Ben"]
    assert ben.average_score == pytest.approx(np.mean(SCORES))
    freedom = 4 + len(SCORES) - 1
    variance = (4 * 2.0**2 + (len(SCORES) - 1) * np.var(SCORES, ddof=1)) / freedom
    low, high = stats.t.interval(
        0.95, freedom, loc=np.mean(SCORES), scale=np.sqrt(variance / len(SCORES))
    )
    assert ben.interval == pytest.approx((low, min(high, 10.0)))


def test_few_calls_that_agree_are_never_surer_than_many(store):
    add_scored(store, "Two alike", [6.3, 6.3])
    add_scored(store, "Five alike", [6.3] * 5)
    add_scored(store, "Many apart", [3.0, 9.0] * 10)
    found = figures(store)
    assert found["Two alike"].interval is None

    def width(name: str) -> float:
        low, high = found[name].interval
        return high - low

    assert width("Five alike") > width("Many apart")


@pytest.mark.parametrize("average", [1.0, 1.5, 5.0, 9.8, 10.0])
def test_the_shortest_bar_is_never_that_of_few_calls(store, average):
    # Few calls at the end of the scale, where a bar would be cut; many in the middle.
    for count in (2, 4):
        add_scored(store, f"{count} calls", [average] * count)
    for count in (5, 9, 19, 40):
        at = average if count < 19 else 5.5
        add_scored(
            store, f"{count} calls", [at - 0.5, at + 0.5] * (count // 2) + [at] * (count % 2)
        )
    bars = sorted(
        (agent for agent in figures(store).values() if agent.interval is not None),
        key=lambda agent: agent.scored_calls,
    )
    assert [agent.scored_calls for agent in bars] == [5, 9, 19, 40]
    widths = [agent.interval[1] - agent.interval[0] for agent in bars]
    assert widths == sorted(widths, reverse=True)
    for agent in bars:
        low, high = agent.interval
        assert 1.0 <= low <= agent.average_score <= high <= 10.0


def test_a_score_that_was_set_aside_counts_for_nothing_but_its_number(store):
    add_scored(store, "Ben", [2.0, 4.0, 9.0], outcome=UNRESOLVED)
    aside = add(store, "aside.wav", with_moments("aside.wav", 9.0), agent="Ben", called_at=MONDAY)
    set_aside(store, aside)
    ben = figures(store)["Ben"]
    assert (ben.calls, ben.scored_calls, ben.set_aside, ben.judged_calls) == (4, 3, 1, 3)
    assert ben.average_score == pytest.approx(5.0)
    assert ben.outcomes == {UNRESOLVED: 3}
    assert [(row.scored_calls, row.average_score) for row in weeks(store, None)] == [(3, 5.0)]
    assert moments(store, "Ben", best=True) == []


def test_a_contested_score_counts_until_it_is_set_aside(store):
    call_id = add(store, "a.wav", agent="Ben", called_at=MONDAY)
    set_aside(store, call_id, decided=False)
    assert (figures(store)["Ben"].scored_calls, figures(store)["Ben"].set_aside) == (1, 0)


def test_the_interval_stays_within_the_scale(store):
    add_scored(store, "Best", [10.0] * 5)
    assert figures(store)["Best"].interval[1] == 10.0


def test_the_team_has_weeks_too(store):
    add_scored(store, "Ben", [2.0])
    add_scored(store, "Amira", [6.0])
    assert [(row.scored_calls, row.average_score) for row in weeks(store, None)] == [(2, 4.0)]


def test_calm_and_insufficient_calls_are_counted_apart(store):
    add_scored(store, "Ben", [2.0, 4.0], outcome=UNRESOLVED)
    add_scored(store, "Ben", [9.0])
    add_scored(store, "Ben", [7.0, 7.0, 7.0], outcome=CALM_THROUGHOUT)
    add_scored(store, "Ben", [None, None], outcome=INSUFFICIENT_EVIDENCE)
    ben = figures(store)["Ben"]
    assert (ben.calls, ben.scored_calls) == (8, 3)
    assert ben.average_score == pytest.approx(5.0)
    assert ben.outcomes == {
        UNRESOLVED: 2, DE_ESCALATED: 1, CALM_THROUGHOUT: 3, INSUFFICIENT_EVIDENCE: 2,
    }  # fmt: skip


def test_an_agent_with_nothing_to_judge_by_has_no_average(store):
    add_scored(store, "Ben", [7.0], outcome=CALM_THROUGHOUT)
    add_scored(store, "Ben", [None], outcome=INSUFFICIENT_EVIDENCE)
    ben = figures(store)["Ben"]
    assert (ben.calls, ben.scored_calls, ben.average_score, ben.interval) == (2, 0, None, None)
    assert weeks(store, "Ben") == []


def test_a_period_includes_its_start_and_not_its_end(store):
    for day in range(3):
        add_scored(store, "Ben", [2.0 + day], outcome=ESCALATED, at=MONDAY + timedelta(days=day))
    tuesday = MONDAY + timedelta(days=1)
    assert figures(store, since=tuesday)["Ben"].calls == 2
    assert figures(store, until=tuesday)["Ben"].calls == 1
    assert figures(store, since=tuesday, until=tuesday) == {}
    assert weeks(store, "Ben", since=tuesday)[0].average_score == pytest.approx(3.5)


def test_weeks_begin_on_monday_in_utc(store):
    second = timedelta(seconds=1)
    week = timedelta(days=7)
    for at, score in (
        (MONDAY - second, 2.0), (MONDAY, 4.0), (MONDAY + week - second, 6.0), (MONDAY + week, 9.0),
    ):  # fmt: skip
        add_scored(store, "Ben", [score], at=at)
    found = [(row.monday, row.scored_calls, row.average_score) for row in weeks(store, "Ben")]
    assert found == [(MONDAY - week, 1, 2.0), (MONDAY, 2, 5.0), (MONDAY + week, 1, 9.0)]


def test_the_best_and_the_worst_moments_come_with_their_calls(store):
    add(store, "a.wav", with_moments("a.wav", 1.5, -2.0, 0.25), agent="Ben", called_at=MONDAY)
    later = MONDAY + timedelta(days=1)
    add(store, "b.wav", with_moments("b.wav", 3.0, -0.5, 0.0), agent="Ben", called_at=later)
    add(store, "c.wav", with_moments("c.wav", 9.0, -9.0), agent="Amira")
    best = moments(store, "Ben", best=True)
    assert [(row.file_name, row.points) for row in best] == [
        ("b.wav", 3.0), ("a.wav", 1.5), ("a.wav", 0.25),
    ]  # fmt: skip
    assert [row.points for row in moments(store, "Ben", best=False)] == [-2.0, -0.5]
    assert len(moments(store, "Ben", best=True, limit=1)) == 1
    assert [row.points for row in moments(store, "Ben", best=True, until=later)] == [1.5, 0.25]
    first = best[0]
    assert (first.call_id, first.called_at, first.at_seconds) == (call_id_of("b.wav"), later, 0.0)
    assert (first.from_emotion, first.to_emotion) == ("anger", "neutral")
