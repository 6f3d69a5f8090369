"""The customer's distress over a call, as a small picture."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

_WIDTH, _HEIGHT, _EDGE = 120.0, 40.0, 2.0
DISTRESS_COLOUR = "#7A6BB0"
"""Of the line of distress, wherever it is drawn."""


def trend_picture(trend: Sequence[float]) -> str:
    """Return a line of distress, 0–1, from the beginning to the end, as an image element.

    It says nothing that the score and the outcome beside it do not, so it is hidden
    from screen readers.
    """
    return f'<img class="trend" alt="" src="{trend_source(trend)}">'


def trend_source(trend: Sequence[float]) -> str:
    """Return the same picture as the source of an image."""
    values = [*trend] * 2 if len(trend) == 1 else [*trend]
    steps = max(len(values) - 1, 1)
    points = " ".join(
        f"{_EDGE + place * (_WIDTH - 2 * _EDGE) / steps:.1f},"
        f"{_HEIGHT - _EDGE - value * (_HEIGHT - 2 * _EDGE):.1f}"
        for place, value in enumerate(values)
    )
    line = f"M{points.replace(' ', ' L')}" if points else ""
    base = _HEIGHT - _EDGE
    area = f"{line} L{_WIDTH - _EDGE},{base} L{_EDGE},{base} Z" if line else ""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}">'
        f'<path d="{area}" fill="{DISTRESS_COLOUR}" fill-opacity="0.18"/>'
        f'<path d="{line}" fill="none" stroke="{DISTRESS_COLOUR}" stroke-width="2"/></svg>'
    )
    return f"data:image/svg+xml,{quote(svg)}"
