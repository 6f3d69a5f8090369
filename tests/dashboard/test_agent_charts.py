"""Charts of agents: whole names, one row for each, no bar where nothing can be said."""

from __future__ import annotations

from calmscore.dashboard.agent_charts import average_scores, outcome_shares
from calmscore.store.agents import AgentFigures
from calmscore.store.settings import Settings

LONG = "Maximiliane von Hohenberg-Schleinitz"


def figures(name: str, *, interval: tuple[float, float] | None = (5.0, 7.0)) -> AgentFigures:
    return AgentFigures(
        agent=name, calls=6, scored_calls=6, average_score=6.0, interval=interval,
        outcomes={"escalated": 2, "unresolved": 4}, set_aside=0,
    )  # fmt: skip


def both_charts(*names: str):
    agents = [figures(name) for name in names]
    return average_scores(agents, Settings()), outcome_shares(agents)


def test_a_long_name_stands_in_lines_and_whole():
    for chart in both_charts("Ben Li", LONG):
        labels = dict(zip(chart.layout.yaxis.tickvals, chart.layout.yaxis.ticktext, strict=True))
        assert labels["Ben Li"] == "Ben Li"
        lines = labels[LONG].split("<br>")
        assert " ".join(lines).replace("- ", "-") == LONG
        assert max(map(len, lines)) <= 20
    short, long = both_charts("Ben Li")[0], both_charts(LONG)[0]
    assert long.layout.height > short.layout.height


def test_names_that_begin_alike_have_a_row_each():
    names = [f"Alexandra Konstantinopolous {number}" for number in (1, 2)]
    averages, outcomes = both_charts(*names)
    assert list(averages.data[0].y) == names
    assert list(averages.data[0].error_x.array) == [1.0, 1.0]
    assert all(list(trace.y) == names for trace in outcomes.data)
    assert list(averages.layout.yaxis.categoryarray) == names[::-1]


def test_a_name_is_no_markup():
    for chart in both_charts("<b>Bold</b>"):
        assert chart.layout.yaxis.ticktext == ("&lt;b&gt;Bold&lt;/b&gt;",)


def test_too_few_calls_have_a_dot_without_a_bar():
    agents = [figures("Ben Li"), figures("Dana", interval=None)]
    sure, unsure = average_scores(agents, Settings()).data
    assert (list(sure.y), list(sure.error_x.array), sure.error_x.visible) == (
        ["Ben Li"],
        [1.0],
        True,
    )
    assert (list(unsure.y), unsure.error_x.visible) == (["Dana"], False)
    assert unsure.marker.symbol == "circle-open"
