"""Figures of agents as Plotly figures."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from calmscore.analysis.call_score import OUTCOMES
from calmscore.dashboard.outcomes import (
    BETTER_COLOUR,
    OUTCOME_COLOURS,
    WORSE_COLOUR,
    outcome_label,
)
from calmscore.store.agents import AgentFigures, Week
from calmscore.store.settings import Settings

_DOT_COLOUR = "#1F8A95"
_BAND_OPACITY = 0.12
_ROW_HEIGHT, _LINE_HEIGHT, _FRAME_HEIGHT = 34, 17, 90
_LABEL_LETTERS, _MOST_LABEL_LINES = 20, 4
_MOST_WEEKS = 8
_SCORE_AXIS: dict[str, Any] = {
    "range": [0.8, 10.2],
    "tickvals": list(range(1, 11)),
    "zeroline": False,
    "fixedrange": True,
    "title": None,
}
_LAYOUT: dict[str, Any] = {
    "margin": {"l": 8, "r": 24, "t": 8, "b": 8},
    "dragmode": False,
    "hoverlabel": {"font": {"color": "#1D2A30"}, "bgcolor": "#FFFFFF"},
}


def average_scores(agents: Sequence[AgentFigures], settings: Settings) -> go.Figure:
    """Draw each agent's average score as a dot with its confidence interval.

    Parameters
    ----------
    agents : sequence of AgentFigures
        From top to bottom; those without a scored call are left out.
    settings : Settings
        Whose score bands are tinted.
    """
    shown = [agent for agent in agents if agent.average_score is not None]
    figure = go.Figure(
        [
            _dots([agent for agent in shown if agent.interval is not None]),
            # Hollow and without a bar: too few calls to say how sure it is.
            _dots([agent for agent in shown if agent.interval is None], symbol="circle-open"),
        ]
    )
    figure.update_layout(
        **_LAYOUT,
        height=_height(shown),
        xaxis=_SCORE_AXIS,
        yaxis=_names_axis(shown),
        shapes=[
            _band(settings.good_score, 10.0, BETTER_COLOUR, axis="x"),
            _band(1.0, settings.poor_score, WORSE_COLOUR, axis="x"),
        ],
    )
    return figure


def outcome_shares(agents: Sequence[AgentFigures]) -> go.Figure:
    """Draw the share of each outcome in each agent's calls, as stacked bars.

    Parameters
    ----------
    agents : sequence of AgentFigures
        From top to bottom, each with a call whose outcome counts.
    """
    figure = go.Figure()
    for outcome in OUTCOMES:
        counts = [agent.outcomes.get(outcome, 0) for agent in agents]
        if any(counts):
            figure.add_trace(
                go.Bar(
                    name=outcome_label(outcome),
                    x=[
                        count / agent.judged_calls
                        for count, agent in zip(counts, agents, strict=True)
                    ],
                    y=[agent.agent for agent in agents],
                    orientation="h",
                    marker={"color": OUTCOME_COLOURS[outcome], "line": {"width": 0}},
                    customdata=[
                        [html.escape(agent.agent), count, agent.judged_calls]
                        for count, agent in zip(counts, agents, strict=True)
                    ],
                    hovertemplate=(
                        f"<b>%{{customdata[0]}}</b><br>{outcome_label(outcome)}: "
                        "%{customdata[1]} of %{customdata[2]} calls (%{x:.0%})<extra></extra>"
                    ),
                )
            )
    figure.update_layout(
        **_LAYOUT,
        height=_height(agents) + 40,
        barmode="stack",
        bargap=0.35,
        xaxis={
            "range": [0, 1], "tickformat": ".0%", "tickvals": [0, 0.25, 0.5, 0.75, 1],
            "zeroline": False, "fixedrange": True, "title": None,
        },
        yaxis=_names_axis(agents),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": None,
                "traceorder": "normal"},
    )  # fmt: skip
    return figure


def weekly_trend(weeks: Sequence[Week], settings: Settings) -> go.Figure:
    """Draw an agent's average score of each week; larger dots stand for more calls.

    Parameters
    ----------
    weeks : sequence of Week
        In the order of time.
    settings : Settings
        Whose score bands are tinted.
    """
    most = max(week.scored_calls for week in weeks)
    figure = go.Figure(
        go.Scatter(
            x=[week.monday for week in weeks],
            y=[week.average_score for week in weeks],
            mode="lines+markers",
            line={"color": _DOT_COLOUR, "width": 2},
            marker={
                "color": _DOT_COLOUR,
                "size": [7 + 11 * (week.scored_calls / most) ** 0.5 for week in weeks],
                "opacity": 1,
            },
            customdata=[[_week_hover(week)] for week in weeks],
            hovertemplate="%{customdata[0]}<extra></extra>",
        )
    )
    figure.update_layout(
        **_LAYOUT,
        height=300,
        xaxis={
            "fixedrange": True, "title": None, "showgrid": False, "tickformat": "%-d %b",
            "tickvals": [week.monday for week in weeks[:: -(-len(weeks) // _MOST_WEEKS)]],
        },
        yaxis=_SCORE_AXIS | {"tickvals": [1, 4, 7, 10]},
        shapes=[
            _band(settings.good_score, 10.0, BETTER_COLOUR, axis="y"),
            _band(1.0, settings.poor_score, WORSE_COLOUR, axis="y"),
        ],
    )  # fmt: skip
    return figure


def _dots(agents: Sequence[AgentFigures], *, symbol: str = "circle") -> go.Scatter:
    bars = [
        (agent.interval[1] - agent.average_score, agent.average_score - agent.interval[0])
        for agent in agents
        if agent.interval is not None and agent.average_score is not None
    ]
    return go.Scatter(
        x=[agent.average_score for agent in agents],
        y=[agent.agent for agent in agents],
        mode="markers",
        showlegend=False,
        marker={"size": 11, "color": _DOT_COLOUR, "symbol": symbol},
        error_x={
            "type": "data",
            "visible": bool(bars),
            "symmetric": False,
            "array": [above for above, _ in bars],
            "arrayminus": [below for _, below in bars],
            "color": _DOT_COLOUR,
            "thickness": 2,
            "width": 5,
        },
        customdata=[[_average_hover(agent)] for agent in agents],
        hovertemplate="%{customdata[0]}<extra></extra>",
    )


def _label_lines(name: str) -> list[str]:
    """Break a name into lines that leave room for the chart on a phone."""
    return textwrap.wrap(
        name, _LABEL_LETTERS, max_lines=_MOST_LABEL_LINES, placeholder="…"
    )  # fmt: skip


def _label(name: str) -> str:
    return "<br>".join(html.escape(line) for line in _label_lines(name))


def _average_hover(agent: AgentFigures) -> str:
    lines = [f"<b>{html.escape(agent.agent)}</b>", f"Average {agent.average_score:.1f}"]
    if agent.interval is not None:
        lines.append(f"95 % interval {agent.interval[0]:.1f} to {agent.interval[1]:.1f}")
    return "<br>".join([*lines, f"{agent.scored_calls} scored calls"])


def _week_hover(week: Week) -> str:
    calls = "1 scored call" if week.scored_calls == 1 else f"{week.scored_calls} scored calls"
    return f"<b>Week of {week.monday:%-d %b %Y}</b><br>{week.average_score:.1f} from {calls}"


def _names_axis(agents: Sequence[AgentFigures]) -> dict[str, Any]:
    names = [agent.agent for agent in reversed(agents)]
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": names,
        "tickvals": names,
        "ticktext": [_label(name) for name in names],
        "fixedrange": True,
        "title": None,
        "automargin": True,
    }


def _height(agents: Sequence[AgentFigures]) -> int:
    lines = max((len(_label_lines(agent.agent)) for agent in agents), default=1)
    return _FRAME_HEIGHT + max(_ROW_HEIGHT, _LINE_HEIGHT * lines + 4) * len(agents)


def _band(low: float, high: float, colour: str, *, axis: str) -> dict[str, Any]:
    other = "y" if axis == "x" else "x"
    return {
        "type": "rect", "layer": "below", "fillcolor": colour,
        "opacity": _BAND_OPACITY, "line": {"width": 0},
        f"{axis}ref": axis, f"{axis}0": low, f"{axis}1": high,
        f"{other}ref": "paper", f"{other}0": 0, f"{other}1": 1,
    }  # fmt: skip
