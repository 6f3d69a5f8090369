"""One call on one page of A4, to print or to send."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import MethodReturnValue
from fpdf.fonts import TTFFont

from calmscore.analysis.report import CallReport, SegmentReport, Talk, Words
from calmscore.analysis.scoring import (
    CALM,
    DISTRESSED,
    HIGHEST_VALUE,
    LOWEST_VALUE,
    CallScore,
    Transition,
    format_clock,
    format_duration,
)
from calmscore.emotions import BY_NAME, EMOTIONS
from calmscore.store.calls import CallRow
from calmscore.store.coaching import NoteRow

_FONTS = Path(__file__).resolve().parent / "fonts"
_FAMILY = "DejaVu Sans"
_MARGIN_MM = 16.0
_FOOTER_MM = 13.0
_POINT_MM = 25.4 / 72
_LINE_SPACING = 1.35
_SECTION_GAP_MM = 4.5

_INK = "#1D2A30"
_QUIET_INK = "#5B6870"
_RULE = "#D5DADD"
_CALM_TINT = "#E5F5F1"
_DISTRESS_TINT = "#FBEBE0"

_PLOT_HEIGHT_MM = 34.0
_PLOT_LEFT_MM = 10.0
_WIDEST_HAIRLINE_MM = 0.4
_MOST_LINE_POINTS = 180
_TICK_SECONDS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MOST_TICKS = 9

_ROWS_WITH_NOTES = 7
_ROWS_WITHOUT_NOTES = 12
_MOST_WARNINGS = 3
_LINES_OF_A_WARNING = 2
_LINES_OF_A_NOTE = 3
_LINES_OF_A_TURN = 6
_WORDS_CLOCK_MM, _WORDS_LEFT_MM = 11.0, 30.0
# No line of any block holds more; what is longer is not even measured.
_MOST_CHARACTERS = 600
_DISCLAIMER = (
    "A coaching aid with evidence, not a verdict: the model can be wrong about any segment. "
    "Listen before you conclude."
)


def call_pdf(
    report: CallReport, *, notes: Sequence[NoteRow] = (), details: CallRow | None = None
) -> bytes:
    """Return a call as a PDF of one page, and of a second one where there are words.

    What does not fit is left out, and the page says how much: changes that moved the
    score least, the last notes, the last warnings, the last turns of words.

    Parameters
    ----------
    report : CallReport
        A finished analysis.
    notes : sequence of NoteRow, optional
        Notes on the call, in the order in which they are to be read.
    details : CallRow, optional
        The stored call, for its agent and time. The time is printed in the zone that it
        carries.

    Returns
    -------
    bytes
        A4, upright; text can be selected and searched.
    """
    page = _Page()
    _heading(page, report, details)
    _score(page, report.score)
    shown = _largest(
        report.score.transitions, most=_ROWS_WITH_NOTES if notes else _ROWS_WITHOUT_NOTES
    )
    _section(page, "Emotion timeline")
    _Timeline(page, report).draw(shown)
    if report.score.start_value is not None:
        _section(page, "What moved the score")
        _evidence(page, report.score, shown)
    _section(page, "Who spoke")
    _talk(page, report.talk)
    warnings = _fit_warnings(page, [notice.message for notice in report.warnings])
    if notes:
        _notes(page, notes, bottom_mm=page.bottom_mm - warnings.height_mm)
    _warnings(page, warnings)
    _footer(page, report)
    if report.words is not None:
        page.add_page()
        _words(page, report.words)
        _footer(page, report)
    return bytes(page.output())


def _words(page: _Page, words: Words) -> None:
    page.pen(12, bold=True)
    page.put("What was said", width_mm=page.epw)
    page.ln(page.line_mm + 1)
    for place, turn in enumerate(words.turns):
        page.pen(8)
        lines = page.wrap(turn.text, width_mm=page.epw - _WORDS_LEFT_MM, most=_LINES_OF_A_TURN)
        # A line stays free for what is left out.
        if page.get_y() + (len(lines) + 1) * page.line_mm > page.bottom_mm:
            page.pen(8, colour=_QUIET_INK)
            page.put(f"{len(words.turns) - place} more turns are not shown.", width_mm=page.epw)
            return
        page.pen(8, colour=_QUIET_INK)
        page.put(format_clock(turn.start_seconds), width_mm=_WORDS_CLOCK_MM)
        page.pen(8, bold=turn.speaker == "customer")
        page.put(
            (turn.speaker or "somebody").capitalize(), width_mm=_WORDS_LEFT_MM - _WORDS_CLOCK_MM
        )
        page.pen(8)
        page.put_lines(lines, indent_mm=_WORDS_LEFT_MM)


class _Page(FPDF):
    """A page that never breaks, and text that always fits the place it is given."""

    def __init__(self) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        self.set_auto_page_break(False)
        self.set_margin(_MARGIN_MM)
        self.c_margin = 0.0
        # A note that contains the alias is no page count.
        self.alias_nb_pages(None)  # type: ignore[arg-type]
        self.add_font(_FAMILY, "", _FONTS / "DejaVuSans.ttf")
        self.add_font(_FAMILY, "B", _FONTS / "DejaVuSans-Bold.ttf")
        self.set_creator("Calmscore")
        self.set_lang("en-GB")
        self.add_page()
        fonts = [font for font in self.fonts.values() if isinstance(font, TTFFont)]
        self._drawable = set.intersection(*(set(font.cmap) for font in fonts))

    @property
    def bottom_mm(self) -> float:
        """Where the room above the footer ends."""
        return float(self.h - _MARGIN_MM - _FOOTER_MM)

    def pen(self, size: float, *, bold: bool = False, colour: str = _INK) -> None:
        """Choose how text looks; ``size`` in points."""
        self.set_font(_FAMILY, "B" if bold else "", size)
        self.set_text_color(colour)

    @property
    def line_mm(self) -> float:
        """Distance from one line of text to the next."""
        return float(self.font_size_pt * _POINT_MM * _LINE_SPACING)

    def clean(self, text: str) -> str:
        """Return text on one line, with � for what the fonts do not have."""
        shown = (c for c in " ".join(text.split()) if not unicodedata.category(c).startswith("C"))
        return "".join(
            c if ord(c) in self._drawable else "\N{REPLACEMENT CHARACTER}" for c in shown
        )

    def wrap(self, text: str, *, width_mm: float, most: int) -> list[str]:
        """Return text as at most so many lines, the last one ending in … if more was there."""
        clean = self.clean(text)
        cut = clean[:_MOST_CHARACTERS]
        lines: list[str] = self.multi_cell(  # type: ignore[assignment]
            width_mm, text=cut, dry_run=True, output=MethodReturnValue.LINES, align="L"
        )
        if len(lines) <= most and cut == clean:
            return lines
        *before, last = lines[:most] or [""]
        while last and self.get_string_width(last + "…") > width_mm:
            last = last[:-1].rstrip()
        return [*before, last.rstrip() + "…"]

    def put(self, text: str, *, width_mm: float, align: str = "L") -> None:
        """Write one line at the current place, cut to its width, and move to its right."""
        (line,) = self.wrap(text, width_mm=width_mm, most=1) or [""]
        self.cell(width_mm, self.line_mm, line, align=align)

    def put_lines(self, lines: Sequence[str], *, indent_mm: float = 0.0) -> None:
        """Write lines below one another and move to the start of the next."""
        for line in lines:
            self.set_x(_MARGIN_MM + indent_mm)
            self.cell(0, self.line_mm, line)
            self.ln(self.line_mm)


def _heading(page: _Page, report: CallReport, details: CallRow | None) -> None:
    page.set_title(page.clean(f"Call report: {report.call.file_name}"))
    page.pen(9, colour=_QUIET_INK)
    page.put("Calmscore · call report", width_mm=page.epw)
    page.ln(page.line_mm + 1)
    page.pen(14, bold=True)
    page.put_lines(page.wrap(report.call.file_name, width_mm=page.epw, most=2))
    page.pen(9, colour=_QUIET_INK)
    facts = [format_duration(report.call.duration_seconds)]
    if details is not None:
        agent = details.agent or "not known"
        facts = [_moment(details.called_at), *facts, f"Agent: {agent}"]
    page.put(" · ".join(facts), width_mm=page.epw)
    page.ln(page.line_mm)


def _moment(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y, %H:%M %Z}".strip()


def _score(page: _Page, score: CallScore) -> None:
    top = page.get_y() + 3
    page.set_y(top)
    page.pen(40, bold=True)
    value = "–" if score.value is None else f"{score.value:.1f}"
    value_mm = page.get_string_width(value) + 2
    page.cell(value_mm, 16, value)
    if score.value is not None:
        page.pen(9, colour=_QUIET_INK)
        page.set_xy(page.get_x(), top + 9)
        page.put("out of 10", width_mm=20)
    left = max(page.get_x(), _MARGIN_MM + 50) + 4
    page.set_xy(left, top + 1.5)
    page.pen(12, bold=True)
    page.cell(0, page.line_mm, score.outcome[0].upper() + score.outcome[1:])
    page.pen(9)
    page.set_y(top + 8)
    lines = page.wrap(score.summary, width_mm=page.w - _MARGIN_MM - left, most=2)
    page.put_lines(lines, indent_mm=left - _MARGIN_MM)
    _scale(page, score.value, y_mm=top + 18.5)
    page.set_y(top + 19)


def _scale(page: _Page, value: float | None, *, y_mm: float) -> None:
    """Draw the whole range of scores with the place of this one in it."""
    if value is None:
        return
    width = 46.0
    page.set_fill_color(_RULE)
    page.rect(_MARGIN_MM, y_mm, width, 1.2, style="F")
    page.set_fill_color(_INK)
    share = (value - LOWEST_VALUE) / (HIGHEST_VALUE - LOWEST_VALUE)
    page.rect(_MARGIN_MM, y_mm, width * share, 1.2, style="F")


def _section(page: _Page, title: str) -> None:
    page.set_y(page.get_y() + _SECTION_GAP_MM)
    page.pen(10, bold=True)
    page.put(title, width_mm=page.epw)
    page.ln(page.line_mm + 0.8)


class _Timeline:
    """The customer's emotions over the call, with distress as a line."""

    def __init__(self, page: _Page, report: CallReport) -> None:
        self._page = page
        self._segments = report.segments
        self._duration = max(report.call.duration_seconds, 1.0)
        self._left = _MARGIN_MM + _PLOT_LEFT_MM
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
        self._page.pen(7, colour=_QUIET_INK)
        self._page.set_draw_color(_RULE)
        self._page.set_line_width(0.15)
        for share in (0.0, 0.5, 1.0):
            y = self._y(share)
            self._page.line(self._left, y, self._left + self._width, y)
            self._page.set_xy(_MARGIN_MM, y - self._page.line_mm / 2)
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
            for colour, width in (("#FFFFFF", 1.1), (_INK, 0.5)):
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
        page.pen(7, colour=_QUIET_INK)
        page.set_draw_color(_QUIET_INK)
        page.set_line_width(0.2)
        y = self._y(0.0)
        page.line(self._left, y, self._left + self._width, y)
        for seconds in _ticks(self._duration):
            x = self._x(seconds)
            page.line(x, y, x, y + 1)
            text = format_clock(seconds)
            width = page.get_string_width(text) + 0.1
            page.set_xy(min(x - width / 2, page.w - _MARGIN_MM - width), y + 1.2)
            page.put(text, width_mm=width)
        page.set_y(y + 1.2 + page.line_mm)

    def _legend(self, marked: Sequence[Transition]) -> None:
        page = self._page
        page.pen(7.5, colour=_INK)
        page.set_xy(self._left, page.get_y() + 0.8)
        present = {segment.emotion for segment in self._segments}
        for name in EMOTIONS:
            if name in present:
                page.set_fill_color(BY_NAME[name].colour)
                page.rect(page.get_x(), page.get_y() + 0.7, 2.4, 2.4, style="F")
                self._label(name.capitalize(), symbol_mm=2.4)
        x, y = page.get_x(), page.get_y() + 1.9
        page.set_draw_color(_INK)
        page.set_line_width(0.5)
        page.line(x, y, x + 4, y)
        self._label("Distress", symbol_mm=4)
        for label, earned in (("Earned points", True), ("Cost points", False)):
            if any((change.points > 0) == earned for change in marked):
                _triangle(page, page.get_x() + 1.2, page.get_y() + 1.9, earned=earned)
                self._label(label, symbol_mm=2.4)
        page.ln(page.line_mm)
        page.pen(7, colour=_QUIET_INK)
        page.set_x(self._left)
        page.put(
            "The higher a bar, the surer the model. Shaded orange where the customer counts as "
            "distressed, green where calm.",
            width_mm=self._width,
        )
        page.ln(page.line_mm)
        not_judged = _not_judged(self._segments)
        if not_judged:
            page.set_x(self._left)
            page.put(not_judged, width_mm=self._width)
            page.ln(page.line_mm)

    def _label(self, text: str, *, symbol_mm: float) -> None:
        page = self._page
        page.set_x(page.get_x() + symbol_mm + 1)
        page.put(text, width_mm=page.get_string_width(text) + 0.1)
        page.set_x(page.get_x() + 3.5)


def _not_judged(segments: Sequence[SegmentReport]) -> str:
    kinds = {"other_voice": "another voice", "low_information": "too quiet or not clear"}
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


def _triangle(page: _Page, x_mm: float, y_mm: float, *, earned: bool) -> None:
    up = 1.0 if earned else -1.0
    page.set_fill_color(BY_NAME["happy" if earned else "anger"].colour)
    page.polygon([(x_mm - 1.2, y_mm + up), (x_mm + 1.2, y_mm + up), (x_mm, y_mm - up)], style="F")


def _ticks(duration_seconds: float) -> list[int]:
    fitting = (step for step in _TICK_SECONDS if duration_seconds / step <= _MOST_TICKS)
    step = next(fitting, -(-int(duration_seconds) // _MOST_TICKS))
    return list(range(0, int(duration_seconds) + 1, step))


def _largest(transitions: Sequence[Transition], *, most: int) -> list[Transition]:
    """Return the changes with the most points, in the order of the call."""
    kept = sorted(transitions, key=lambda change: -abs(change.points))[:most]
    return sorted(kept, key=lambda change: change.at_seconds)


def _evidence(page: _Page, score: CallScore, shown: Sequence[Transition]) -> None:
    rows = [("", "Start value", f"{score.start_value:.2f}", "How the customer opened the call.")]
    for change in shown:
        names = list(dict.fromkeys([change.from_emotion, change.to_emotion]))
        rows.append(
            (
                format_clock(change.at_seconds),
                " → ".join(names).capitalize(),
                f"{change.points:+.2f}",
                change.reason,
            )
        )
    page.pen(7.5, colour=_QUIET_INK)
    _evidence_row(page, ("Time", "Change", "Points", "Why"))
    page.pen(8)
    for row in rows:
        _evidence_row(page, row)
    left_out = len(score.transitions) - len(shown)
    if left_out:
        points = sum(row.points for row in score.transitions) - sum(row.points for row in shown)
        page.pen(7.5, colour=_QUIET_INK)
        more = "1 smaller change" if left_out == 1 else f"{left_out} smaller changes"
        page.put(f"Not shown: {more}, {points:+.2f} points in sum.", width_mm=page.epw)
        page.ln(page.line_mm)


def _evidence_row(page: _Page, cells: tuple[str, str, str, str]) -> None:
    height = page.line_mm + 0.9
    widths = (14.0, 31.0, 12.0, page.epw - 61.0)
    page.set_x(_MARGIN_MM)
    for text, width, align in zip(cells, widths, "LLRL", strict=True):
        page.put(text, width_mm=width, align=align)
        if align == "R":
            page.set_x(page.get_x() + 4)
    page.set_draw_color(_RULE)
    page.set_line_width(0.15)
    y = page.get_y() + height - 0.45
    page.line(_MARGIN_MM, y, page.w - _MARGIN_MM, y)
    page.set_xy(_MARGIN_MM, page.get_y() + height)


def _talk(page: _Page, talk: Talk) -> None:
    figures = [("Customer", talk.customer_seconds)]
    if talk.agent_seconds is not None and talk.overtalk_seconds is not None:
        figures.append(("Agent", talk.agent_seconds))
        figures.append(("Both at once", talk.overtalk_seconds))
    figures.append(("Silence", talk.silence_seconds))
    figures.append(("Longest silence", talk.longest_silence_seconds))
    width = page.epw / 5
    page.pen(7.5, colour=_QUIET_INK)
    for label, _ in figures:
        page.put(label, width_mm=width)
    page.ln(page.line_mm)
    page.pen(9.5, bold=True)
    for _, seconds in figures:
        page.put(format_duration(seconds), width_mm=width)
    page.ln(page.line_mm)


@dataclass(frozen=True, kw_only=True)
class _Warnings:
    """Warnings as lines, and the room that they take with their heading."""

    lines: tuple[str, ...]
    height_mm: float


def _fit_warnings(page: _Page, messages: Sequence[str]) -> _Warnings:
    page.pen(8)
    lines: list[str] = []
    for message in messages[:_MOST_WARNINGS]:
        lines += page.wrap(message, width_mm=page.epw, most=_LINES_OF_A_WARNING)
    left_out = len(messages) - _MOST_WARNINGS
    if left_out > 0:
        lines.append(f"Not shown: {left_out} more.")
    heading = _SECTION_GAP_MM + 0.8 + 10 * _POINT_MM * _LINE_SPACING
    height = heading + len(lines) * page.line_mm if lines else 0.0
    return _Warnings(lines=tuple(lines), height_mm=height)


def _warnings(page: _Page, warnings: _Warnings) -> None:
    if warnings.lines:
        _section(page, "To keep in mind")
        page.pen(8)
        page.put_lines(warnings.lines)


def _notes(page: _Page, notes: Sequence[NoteRow], *, bottom_mm: float) -> None:
    _section(page, "Notes")
    page.pen(7.5)
    last_line_mm = page.line_mm
    for place, note in enumerate(notes):
        page.pen(8)
        where = "Whole call" if note.at_seconds is None else format_clock(note.at_seconds)
        lines = page.wrap(
            f"{note.author}: {note.text}", width_mm=page.epw - 20, most=_LINES_OF_A_NOTE
        )
        needed = len(lines) * page.line_mm + 0.8
        rest = last_line_mm if place + 1 < len(notes) else 0.0
        if page.get_y() + needed + rest > bottom_mm:
            left_out = len(notes) - place
            page.pen(7.5, colour=_QUIET_INK)
            more = "1 more note" if left_out == 1 else f"{left_out} more notes"
            page.put(f"Not shown: {more}.", width_mm=page.epw)
            page.ln(page.line_mm)
            return
        page.put(where, width_mm=19)
        page.put_lines(lines, indent_mm=20)
        page.set_y(page.get_y() + 0.8)


def _footer(page: _Page, report: CallReport) -> None:
    page.set_y(page.h - _MARGIN_MM - _FOOTER_MM + 3)
    page.set_draw_color(_RULE)
    page.set_line_width(0.2)
    page.line(_MARGIN_MM, page.get_y(), page.w - _MARGIN_MM, page.get_y())
    page.set_y(page.get_y() + 1.5)
    page.pen(7.5, bold=True)
    page.put(_DISCLAIMER, width_mm=page.epw)
    page.ln(page.line_mm)
    page.pen(7, colour=_QUIET_INK)
    model = f"Model: {report.model.name} {report.model.version} ({report.model.sha256[:12]})"
    page.put(f"{model} · Recording: {report.call.id[:12]}", width_mm=page.epw)
