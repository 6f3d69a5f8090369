"""One call on one page of A4, to print or to send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from calmscore.analysis.call_channels import speaker_names
from calmscore.analysis.call_score import HIGHEST_VALUE, LOWEST_VALUE, CallScore
from calmscore.analysis.formats import format_change, format_clock, format_duration, format_points
from calmscore.analysis.report import CallReport, Speaker, Talk, Words
from calmscore.analysis.transitions import Transition
from calmscore.outputs.pdf_page import (
    INK,
    LINE_SPACING,
    MARGIN_MM,
    POINT_MM,
    QUIET_INK,
    RULE,
    SECTION_GAP_MM,
    Page,
    footer,
    section,
)
from calmscore.outputs.pdf_timeline import Timeline
from calmscore.store.calls import CallRow
from calmscore.store.coaching import NoteRow

_ROWS_WITH_NOTES = 7
_ROWS_WITHOUT_NOTES = 12
_MOST_WARNINGS = 3
_LINES_OF_A_WARNING = 2
_LINES_OF_A_NOTE = 3
_LINES_OF_A_TURN = 6
_WORDS_CLOCK_MM, _WORDS_LEFT_MM = 11.0, 30.0


def call_pdf(
    report: CallReport, *, notes: Sequence[NoteRow] = (), details: CallRow | None = None
) -> bytes:
    """Return a call as a PDF of one page, and of a second one where there are words.

    What does not fit is left out, and the page says how much: changes that moved the
    score least, the last notes, the last warnings, the last turns of words.

    Parameters
    ----------
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
    page = Page()
    _heading(page, report, details)
    _score(page, report.score)
    shown = _largest(
        report.score.transitions, most=_ROWS_WITH_NOTES if notes else _ROWS_WITHOUT_NOTES
    )
    section(page, "Emotion timeline")
    Timeline(page, report).draw(shown)
    if report.score.start_value is not None:
        section(page, "What moved the score")
        _evidence(page, report.score, shown)
    section(page, "Who spoke")
    _talk(page, report.talk, speaker_names(report))
    warnings = _fit_warnings(page, [notice.message for notice in report.warnings])
    if notes:
        _notes(page, notes, bottom_mm=page.bottom_mm - warnings.height_mm)
    _warnings(page, warnings)
    _footer(page, report)
    if report.words is not None:
        page.add_page()
        _words(page, report.words, speaker_names(report))
        _footer(page, report)
    return bytes(page.output())


def _words(page: Page, words: Words, names: Mapping[Speaker | None, str]) -> None:
    page.pen(12, bold=True)
    page.put("What was said", width_mm=page.epw)
    page.ln(page.line_mm + 1)
    for place, turn in enumerate(words.turns):
        page.pen(8)
        lines = page.wrap(turn.text, width_mm=page.epw - _WORDS_LEFT_MM, most=_LINES_OF_A_TURN)
        # A line stays free for what is left out.
        if page.get_y() + (len(lines) + 1) * page.line_mm > page.bottom_mm:
            page.pen(8, colour=QUIET_INK)
            page.put(f"{len(words.turns) - place} more turns are not shown.", width_mm=page.epw)
            return
        page.pen(8, colour=QUIET_INK)
        page.put(format_clock(turn.start_seconds), width_mm=_WORDS_CLOCK_MM)
        page.pen(8, bold=turn.speaker == "customer")
        page.put(
            names[turn.speaker],
            width_mm=_WORDS_LEFT_MM - _WORDS_CLOCK_MM,
        )
        page.pen(8)
        page.put_lines(lines, indent_mm=_WORDS_LEFT_MM)


def _heading(page: Page, report: CallReport, details: CallRow | None) -> None:
    page.set_title(page.clean(f"Call report: {report.call.file_name}"))
    page.pen(9, colour=QUIET_INK)
    page.put("Calmscore · call report", width_mm=page.epw)
    page.ln(page.line_mm + 1)
    page.pen(14, bold=True)
    page.put_lines(page.wrap(report.call.file_name, width_mm=page.epw, most=2))
    page.pen(9, colour=QUIET_INK)
    facts = [format_duration(report.call.duration_seconds)]
    if details is not None:
        agent = details.agent or "not known"
        facts = [_moment(details.called_at), *facts, f"Agent: {agent}"]
    if details is not None and details.standing is not None:
        facts.append(f"The score is {details.standing}")
    page.put(" · ".join(facts), width_mm=page.epw)
    page.ln(page.line_mm)


def _moment(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y, %H:%M %Z}".strip()


def _score(page: Page, score: CallScore) -> None:
    top = page.get_y() + 3
    page.set_y(top)
    page.pen(40, bold=True)
    value = "–" if score.value is None else f"{score.value:.1f}"
    value_mm = page.get_string_width(value) + 2
    page.cell(value_mm, 16, value)
    if score.value is not None:
        page.pen(9, colour=QUIET_INK)
        page.set_xy(page.get_x(), top + 9)
        page.put("out of 10", width_mm=20)
    left = max(page.get_x(), MARGIN_MM + 50) + 4
    page.set_xy(left, top + 1.5)
    page.pen(12, bold=True)
    page.cell(0, page.line_mm, score.outcome[0].upper() + score.outcome[1:])
    page.pen(9)
    page.set_y(top + 8)
    lines = page.wrap(score.summary, width_mm=page.w - MARGIN_MM - left, most=2)
    page.put_lines(lines, indent_mm=left - MARGIN_MM)
    _scale(page, score.value, y_mm=top + 18.5)
    page.set_y(top + 19)


def _scale(page: Page, value: float | None, *, y_mm: float) -> None:
    """Draw the whole range of scores with the place of this one in it."""
    if value is None:
        return
    width = 46.0
    page.set_fill_color(RULE)
    page.rect(MARGIN_MM, y_mm, width, 1.2, style="F")
    page.set_fill_color(INK)
    share = (value - LOWEST_VALUE) / (HIGHEST_VALUE - LOWEST_VALUE)
    page.rect(MARGIN_MM, y_mm, width * share, 1.2, style="F")


def _largest(transitions: Sequence[Transition], *, most: int) -> list[Transition]:
    """Return the changes with the most points, in the order of the call."""
    kept = sorted(transitions, key=lambda change: -abs(change.points))[:most]
    return sorted(kept, key=lambda change: change.at_seconds)


def _evidence(page: Page, score: CallScore, shown: Sequence[Transition]) -> None:
    rows = [("", "Start value", f"{score.start_value:.2f}", "How the customer opened the call.")]
    for change in shown:
        rows.append(
            (
                format_clock(change.at_seconds),
                format_change(change.from_emotion, change.to_emotion).capitalize(),
                format_points(change.points, decimals=2),
                change.reason,
            )
        )
    page.pen(7.5, colour=QUIET_INK)
    _evidence_row(page, ("Time", "Change", "Points", "Why"))
    page.pen(8)
    for row in rows:
        _evidence_row(page, row)
    left_out = len(score.transitions) - len(shown)
    if left_out:
        points = sum(row.points for row in score.transitions) - sum(row.points for row in shown)
        page.pen(7.5, colour=QUIET_INK)
        more = "1 smaller change" if left_out == 1 else f"{left_out} smaller changes"
        told = format_points(points, decimals=2)
        page.put(f"Not shown: {more}, {told} points in sum.", width_mm=page.epw)
        page.ln(page.line_mm)


def _evidence_row(page: Page, cells: tuple[str, str, str, str]) -> None:
    height = page.line_mm + 0.9
    widths = (14.0, 31.0, 12.0, page.epw - 61.0)
    page.set_x(MARGIN_MM)
    for text, width, align in zip(cells, widths, "LLRL", strict=True):
        page.put(text, width_mm=width, align=align)
        if align == "R":
            page.set_x(page.get_x() + 4)
    page.set_draw_color(RULE)
    page.set_line_width(0.15)
    y = page.get_y() + height - 0.45
    page.line(MARGIN_MM, y, page.w - MARGIN_MM, y)
    page.set_xy(MARGIN_MM, page.get_y() + height)


def _talk(page: Page, talk: Talk, names: Mapping[Speaker | None, str]) -> None:
    figures = [(names["customer"], talk.customer_seconds)]
    if talk.agent_seconds is not None and talk.overtalk_seconds is not None:
        figures.append((names["agent"], talk.agent_seconds))
        figures.append(("Both at once", talk.overtalk_seconds))
    figures.append(("Silence", talk.silence_seconds))
    figures.append(("Longest silence", talk.longest_silence_seconds))
    width = page.epw / 5
    page.pen(7.5, colour=QUIET_INK)
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


def _fit_warnings(page: Page, messages: Sequence[str]) -> _Warnings:
    page.pen(8)
    lines: list[str] = []
    for message in messages[:_MOST_WARNINGS]:
        lines += page.wrap(message, width_mm=page.epw, most=_LINES_OF_A_WARNING)
    left_out = len(messages) - _MOST_WARNINGS
    if left_out > 0:
        lines.append(f"Not shown: {left_out} more.")
    heading = SECTION_GAP_MM + 0.8 + 10 * POINT_MM * LINE_SPACING
    height = heading + len(lines) * page.line_mm if lines else 0.0
    return _Warnings(lines=tuple(lines), height_mm=height)


def _warnings(page: Page, warnings: _Warnings) -> None:
    if warnings.lines:
        section(page, "To keep in mind")
        page.pen(8)
        page.put_lines(warnings.lines)


def _notes(page: Page, notes: Sequence[NoteRow], *, bottom_mm: float) -> None:
    section(page, "Notes")
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
            page.pen(7.5, colour=QUIET_INK)
            more = "1 more note" if left_out == 1 else f"{left_out} more notes"
            page.put(f"Not shown: {more}.", width_mm=page.epw)
            page.ln(page.line_mm)
            return
        page.put(where, width_mm=19)
        page.put_lines(lines, indent_mm=20)
        page.set_y(page.get_y() + 0.8)


def _footer(page: Page, report: CallReport) -> None:
    model = f"Model: {report.model.name} {report.model.version} ({report.model.sha256[:12]})"
    footer(page, f"{model} · Recording: {report.call.id[:12]}")
