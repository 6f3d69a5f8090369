"""The emotion timeline as a Plotly figure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import plotly.graph_objects as go

from calmscore.analysis.report import CallReport, SegmentReport
from calmscore.analysis.scoring import CALM, DISTRESSED, Transition
from calmscore.emotions import BY_NAME, EMOTIONS

_CALM_TINT = "rgba(0, 158, 115, 0.10)"
_DISTRESS_TINT = "rgba(213, 94, 0, 0.12)"
_LINE_COLOUR = "#7A6BB0"
_MARK_HEIGHT = 1.09
_CLOCK_TICKS_SECONDS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)
_MOST_TICKS = 9


def clock(seconds: float) -> str:
    """Return a place in the call as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def timeline(report: CallReport, *, span_seconds: float | None = None) -> go.Figure:
    """Draw a call: one bar per segment, distress, tints, and what moved the score.

    Parameters
    ----------
    report : CallReport
        A finished analysis.
    span_seconds : float, optional
        What the width stands for; the length of the call by default.

    Returns
    -------
    plotly.graph_objects.Figure
        Every bar, mark and point of the line carries the second at which it
        starts as the first value of its ``customdata``.
    """
    figure = go.Figure()
    for name in EMOTIONS:
        segments = [segment for segment in report.segments if segment.emotion == name]
        if segments:
            figure.add_trace(_bars(name, segments))
    figure.add_trace(_distress_line(report.segments))
    for trace in _marks(report.score.transitions):
        figure.add_trace(trace)
    span = span_seconds or report.call.duration_seconds
    ticks = _ticks(span)
    figure.update_layout(
        height=380,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        # All at once: Plotly copies every shape that is there for each one added.
        shapes=_tints(report.segments),
        bargap=0,
        barmode="overlay",
        hovermode="closest",
        hoverlabel={"font": {"color": "#1D2A30"}, "bgcolor": "#FFFFFF"},
        dragmode=False,
        legend={"orientation": "h", "y": -0.16, "x": 0, "title": None},
        xaxis={
            "range": [0, span],
            "tickvals": ticks,
            "ticktext": [clock(tick) for tick in ticks],
            "showgrid": False,
            "zeroline": False,
            "title": None,
            "fixedrange": True,
        },
        yaxis={
            "range": [0, 1.16],
            "tickvals": [0, 0.5, 1],
            "ticktext": ["0 %", "50 %", "100 %"],
            "zeroline": False,
            "title": None,
            "fixedrange": True,
        },
    )
    return figure


def _bars(name: str, segments: list[SegmentReport]) -> go.Bar:
    return go.Bar(
        name=name.capitalize(),
        x=[(segment.start_seconds + segment.end_seconds) / 2 for segment in segments],
        y=[segment.confidence for segment in segments],
        # A hairline between neighbours of the same colour.
        width=[0.94 * (segment.end_seconds - segment.start_seconds) for segment in segments],
        marker={"color": BY_NAME[name].colour, "line": {"width": 0}},
        customdata=[[segment.start_seconds, _hover(segment)] for segment in segments],
        hovertemplate="%{customdata[1]}<extra></extra>",
    )


def _hover(segment: SegmentReport) -> str:
    shares = zip(EMOTIONS, segment.probabilities or (), strict=True)
    ordered = sorted(shares, key=lambda pair: -pair[1])
    lines = "<br>".join(f"{name.capitalize()} {share:.0%}" for name, share in ordered)
    span = f"{clock(segment.start_seconds)}–{clock(segment.end_seconds)}"
    return f"<b>{str(segment.emotion).capitalize()}</b> · {span}<br>{lines}"


def _distress_line(segments: tuple[SegmentReport, ...]) -> go.Scatter:
    return go.Scatter(
        name="Distress",
        x=[(segment.start_seconds + segment.end_seconds) / 2 for segment in segments],
        y=[segment.smoothed_distress for segment in segments],
        customdata=[[segment.start_seconds] for segment in segments],
        mode="lines+markers",
        line={"color": _LINE_COLOUR, "width": 2.5, "shape": "spline", "smoothing": 0.6},
        marker={"size": 4, "color": _LINE_COLOUR},
        connectgaps=False,
        hovertemplate="Distress %{y:.0%}<extra></extra>",
    )


def _marks(transitions: tuple[Transition, ...]) -> Iterator[go.Scatter]:
    for name, symbol, colour, wanted in (
        ("Earned points", "triangle-up", BY_NAME["happy"].colour, True),
        ("Cost points", "triangle-down", BY_NAME["anger"].colour, False),
    ):
        rows = [row for row in transitions if (row.points > 0) == wanted]
        if rows:
            yield go.Scatter(
                name=name,
                x=[row.at_seconds for row in rows],
                y=[_MARK_HEIGHT] * len(rows),
                mode="markers",
                marker={"symbol": symbol, "size": 12, "color": colour},
                customdata=[[row.at_seconds, _mark_hover(row)] for row in rows],
                hovertemplate="%{customdata[1]}<extra></extra>",
            )


def _mark_hover(row: Transition) -> str:
    change = f"{row.from_emotion.capitalize()} → {row.to_emotion}"
    return f"<b>{row.points:+.1f} points</b> · {clock(row.at_seconds)}<br>{change}"


def _tint(segment: SegmentReport) -> str | None:
    if segment.smoothed_distress is None:
        return None
    if segment.smoothed_distress >= DISTRESSED:
        return _DISTRESS_TINT
    return _CALM_TINT if segment.smoothed_distress <= CALM else None


def _tints(segments: tuple[SegmentReport, ...]) -> list[dict[str, Any]]:
    """Return one rectangle for each stretch of segments that are tinted alike."""
    rectangles: list[dict[str, Any]] = []
    for tint, stretch in itertools.groupby(segments, key=_tint):
        if tint is not None:
            members = list(stretch)
            rectangles.append(
                {
                    "type": "rect",
                    "xref": "x",
                    "yref": "paper",
                    "x0": members[0].start_seconds,
                    "x1": members[-1].end_seconds,
                    "y0": 0,
                    "y1": 1,
                    "fillcolor": tint,
                    "line": {"width": 0},
                    "layer": "below",
                }
            )
    return rectangles


def _ticks(duration_seconds: float) -> list[int]:
    fitting = (step for step in _CLOCK_TICKS_SECONDS if duration_seconds / step <= _MOST_TICKS)
    step = next(fitting, _CLOCK_TICKS_SECONDS[-1])
    return list(range(0, int(duration_seconds) + 1, step))
