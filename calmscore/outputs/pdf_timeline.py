"""The customer's emotions over a call, drawn on a page for print."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from calmscore.analysis.call_channels import customer_known
from calmscore.analysis.distress import DISTRESSED
from calmscore.analysis.formats import format_clock
from calmscore.analysis.report import CallReport, SegmentReport
from calmscore.analysis.scoring import CALM
from calmscore.analysis.transitions import Transition
from calmscore.emotions import BY_NAME, EMOTIONS
from calmscore.outputs.pdf_page import INK, MARGIN_MM, QUIET_INK, RULE, Page

_CALM_TINT = "#E5F5F1"
_DISTRESS_TINT = "#FBEBE0"

_PLOT_HEIGHT_MM = 34.0
_PLOT_LEFT_MM = 10.0
_WIDEST_HAIRLINE_MM = 0.4
_MOST_LINE_POINTS = 180
_TICK_SECONDS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MOST_TICKS = 9


class Timeline:
    """The customer's emotions over the call, with distress as a line."""

    def __init__(self, page: Page, report: CallReport) -> None:
        self._page = page
        self._segments = report.segments
        self._customer_known = customer_known(report)
        self._duration = max(report.call.duration_seconds, 1.0)
        self._left = MARGIN_MM + _PLOT_LEFT_MM
        self._width = page.epw - _PLOT_LEFT_MM
        self._top = page.get_y() + 3.5

    def draw(self, marked: Sequence[Transition]) -> None:
        """Draw all of it, with a mark for each of these changes."""
        self._tints()
        self._levels()
        self._bars()
        self._line()
        self._marks(marked)
        self._axis()
        self._legend(marked)

    def _x(self, seconds: float) -> float:
        return self._left + self._width * min(seconds / self._duration, 1.0)

    def _y(self, share: float) -> float:
        return self._top + _PLOT_HEIGHT_MM * (1.0 - share)

    def _tints(self) -> None:
        for tint, stretch in itertools.groupby(self._segments, key=_tint):
            if tint is not None:
                members = list(stretch)
                left, right = (
                    self._x(members[0].start_seconds),
                    self._x(members[-1].end_seconds),
                )
                self._page.set_fill_color(tint)
                self._page.rect(left, self._top, right - left, _PLOT_HEIGHT_MM, style="F")

    def _levels(self) -> None:
        self._page.pen(7, colour=QUIET_INK)
        self._page.set_draw_color(RULE)
        self._page.set_line_width(0.15)
        for share in (0.0, 0.5, 1.0):
            y = self._y(share)
            self._page.line(self._left, y, self._left + self._width, y)
            self._page.set_xy(MARGIN_MM, y - self._page.line_mm / 2)
            self._page.put(f"{share:.0%}", width_mm=_PLOT_LEFT_MM - 1.5, align="R")

    def _bars(self) -> None:
        for segment in self._segments:
            if segment.emotion is None or segment.confidence is None:
                continue
            left, right = self._x(segment.start_seconds), self._x(segment.end_seconds)
            # A hairline between neighbours of the same colour.
            gap = min(0.06 * (right - left), _WIDEST_HAIRLINE_MM)
            self._page.set_fill_color(BY_NAME[segment.emotion].colour)
            height = _PLOT_HEIGHT_MM * segment.confidence
            top = self._y(segment.confidence)
            self._page.rect(left, top, right - left - gap, height, style="F")

    def _line(self) -> None:
        pen = self._page
        for points in _distress_stretches(self._segments):
            places = [(self._x(seconds), self._y(share)) for seconds, share in points]
            # Dark on white, to be seen on every colour.
            for colour, width in (("#FFFFFF", 1.1), (INK, 0.5)):
                pen.set_draw_color(colour)
                pen.set_fill_color(colour)
                pen.set_line_width(width)
                if len(places) == 1:
                    pen.circle(*places[0], radius=width, style="F")
                else:
                    pen.polyline(places)

    def _marks(self, marked: Sequence[Transition]) -> None:
        for change in marked:
            _triangle(
                self._page, self._x(change.at_seconds), self._top - 1.6, earned=change.points > 0
            )

    def _axis(self) -> None:
        page = self._page
        page.pen(7, colour=QUIET_INK)
        page.set_draw_color(QUIET_INK)
        page.set_line_width(0.2)
        y = self._y(0.0)
        page.line(self._left, y, self._left + self._width, y)
        for seconds in _ticks(self._duration):
            x = self._x(seconds)
            page.line(x, y, x, y + 1)
            text = format_clock(seconds)
            width = page.get_string_width(text) + 0.1
            page.set_xy(min(x - width / 2, page.w - MARGIN_MM - width), y + 1.2)
            page.put(text, width_mm=width)
        page.set_y(y + 1.2 + page.line_mm)

    def _legend(self, marked: Sequence[Transition]) -> None:
        page = self._page
        page.pen(7.5, colour=INK)
        page.set_xy(self._left, page.get_y() + 0.8)
        present = {segment.emotion for segment in self._segments}
        for name in EMOTIONS:
            if name in present:
                page.set_fill_color(BY_NAME[name].colour)
                page.rect(page.get_x(), page.get_y() + 0.7, 2.4, 2.4, style="F")
                self._label(BY_NAME[name].heard_as.capitalize(), symbol_mm=2.4)
        x, y = page.get_x(), page.get_y() + 1.9
        page.set_draw_color(INK)
        page.set_line_width(0.5)
        page.line(x, y, x + 4, y)
        self._label("Distress", symbol_mm=4)
        for label, earned in (("Earned points", True), ("Cost points", False)):
            if any((change.points > 0) == earned for change in marked):
                _triangle(page, page.get_x() + 1.2, page.get_y() + 1.9, earned=earned)
                self._label(label, symbol_mm=2.4)
        page.ln(page.line_mm)
        page.pen(7, colour=QUIET_INK)
        page.set_x(self._left)
        page.put(
            "The higher a bar, the surer the model. Shaded orange where the customer counts as "
            "distressed, green where calm.",
            width_mm=self._width,
        )
        page.ln(page.line_mm)
        not_judged = _not_judged(self._segments, known=self._customer_known)
        if not_judged:
            page.set_x(self._left)
            page.put(not_judged, width_mm=self._width)
            page.ln(page.line_mm)

    def _label(self, text: str, *, symbol_mm: float) -> None:
        page = self._page
        page.set_x(page.get_x() + symbol_mm + 1)
        page.put(text, width_mm=page.get_string_width(text) + 0.1)
        page.set_x(page.get_x() + 3.5)


def _not_judged(segments: Sequence[SegmentReport], *, known: bool) -> str:
    why = "too quiet or not clear" if known else "it may be the agent's voice"
    kinds = {"other_voice": "another voice", "low_information": why}
    present = {segment.status for segment in segments}
    told = [words for status, words in kinds.items() if status in present]
    return f"Not judged, and so without a bar: {', '.join(told)}." if told else ""


def _tint(segment: SegmentReport) -> str | None:
    if segment.smoothed_distress is None:
        return None
    if segment.smoothed_distress >= DISTRESSED:
        return _DISTRESS_TINT
    return _CALM_TINT if segment.smoothed_distress <= CALM else None


def _distress_stretches(segments: Sequence[SegmentReport]) -> Iterator[list[tuple[float, float]]]:
    """Yield the runs of scored segments as (second, distress from 0 to 1).

    In long calls a point is the mean of neighbours: the line would be a band otherwise.
    """
    count = -(-len(segments) // _MOST_LINE_POINTS) or 1
    points: list[tuple[float, float]] = []
    for first in range(0, len(segments), count):
        group = segments[first : first + count]
        values = [row.smoothed_distress for row in group if row.smoothed_distress is not None]
        if values:
            middle = (group[0].start_seconds + group[-1].end_seconds) / 2
            points.append((middle, sum(values) / len(values)))
        elif points:
            yield points
            points = []
    if points:
        yield points


def _triangle(page: Page, x_mm: float, y_mm: float, *, earned: bool) -> None:
    up = 1.0 if earned else -1.0
    page.set_fill_color(BY_NAME["happy" if earned else "anger"].colour)
    page.polygon([(x_mm - 1.2, y_mm + up), (x_mm + 1.2, y_mm + up), (x_mm, y_mm - up)], style="F")


def _ticks(duration_seconds: float) -> list[int]:
    fitting = (step for step in _TICK_SECONDS if duration_seconds / step <= _MOST_TICKS)
    step = next(fitting, -(-int(duration_seconds) // _MOST_TICKS))
    return list(range(0, int(duration_seconds) + 1, step))
