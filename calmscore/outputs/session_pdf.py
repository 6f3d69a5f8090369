"""A coaching session on one page of A4: to take along, to talk over, to sign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from calmscore.analysis.formats import format_clock, format_duration
from calmscore.outputs.pdf_page import (
    LINE_SPACING,
    MARGIN_MM,
    POINT_MM,
    QUIET_INK,
    RULE,
    Page,
    footer,
    section,
)
from calmscore.store.calls import CallRow
from calmscore.store.remarks import RemarkRow
from calmscore.store.sessions import SessionItem, SessionRow

_SIGNATURES_MM = 22.0
_SIGNATURE_WIDTH_MM = 78.0
_SCORE_LEFT_MM, _MOMENT_LEFT_MM = 12.0, 33.0
_REPLY_LEFT_MM = 6.0
_LINES_OF_A_NOTE, _LINES_OF_A_REMARK, _LINES_AGREED = 3, 4, 6
_GAP_MM = 1.4
# A long playlist leaves so much of the page to what was agreed and answered.
_PLAYLIST_SHARE = 0.6
_TEXT_SIZE, _SMALL_SIZE = 8.5, 8.0
_DID = {"acknowledged": "acknowledged", "contested": "contests", "reply": "replied"}
_DECIDED = {"upheld": "the score is set aside", "kept": "the score stays"}


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A line of text, and what stands before it at its own place."""

    text: str
    left_mm: float = 0.0
    lead: str = ""
    lead_mm: float = 0.0
    size: float = _TEXT_SIZE
    bold: bool = False
    quiet: bool = False


# What is written as a whole or left out.
_Entry = list[_Line]


def session_pdf(row: SessionRow, *, zone: tzinfo) -> bytes:
    """Return a session as a PDF of one page.

    What does not fit is left out, and the page says how much: the last moments, the last
    remarks, the end of long texts.

    Parameters
    ----------
    row : SessionRow
        With playlist and remarks.
    zone : tzinfo
        In which times are told.

    Returns
    -------
    bytes
        A4, upright; text can be selected and searched.
    """
    page = Page()
    bottom_mm = page.bottom_mm - _SIGNATURES_MM
    _heading(page, row, zone)
    section(page, "What we listen to")
    share = _PLAYLIST_SHARE if row.agreed or row.remarks else 1.0
    playlist_mm = (bottom_mm - page.get_y()) * share
    _flow(page, list(_moments(page, row, zone)), bottom_mm=page.get_y() + playlist_mm, of="moment")
    if row.agreed:
        section(page, "What we agreed")
        for line in _wrapped(page, row.agreed, most=_LINES_AGREED):
            _write(page, line)
    if row.remarks:
        section(page, "What was answered")
        remarks = [_remark(page, one, zone) for one in _in_threads(row.remarks)]
        _flow(page, remarks, bottom_mm=bottom_mm, of="remark")
    _signatures(page, row)
    footer(page, f"Coaching session {row.id} · Scored is the customer's voice, never the agent's.")
    return bytes(page.output())


def _heading(page: Page, row: SessionRow, zone: tzinfo) -> None:
    page.set_title(page.clean(f"Coaching session: {row.agent}"))
    page.pen(9, colour=QUIET_INK)
    page.put("Calmscore · coaching session", width_mm=page.epw)
    page.ln(page.line_mm + 1)
    page.pen(14, bold=True)
    page.put_lines(page.wrap(row.agent, width_mm=page.epw, most=1))
    page.pen(9, colour=QUIET_INK)
    held = row.held_on
    talked = "Not talked about yet" if held is None else f"Talked about on {held.day} {held:%b %Y}"
    facts = [talked, f"planned on {_day(row.created_at, zone)} by {row.author}"]
    if row.shared_at is not None:
        facts.append(f"shared on {_day(row.shared_at, zone)}")
    page.put_lines(page.wrap(" · ".join(facts), width_mm=page.epw, most=2))


def _moments(page: Page, row: SessionRow, zone: tzinfo) -> Iterator[_Entry]:
    """Yield the moments by call; the first of each together with what its call is."""
    for call in row.calls:
        head = _call(call, zone)
        for item in row.items:
            if item.call.number == call.number:
                yield [*head, *_moment(page, item)]
                head = []


def _call(call: CallRow, zone: tzinfo) -> _Entry:
    told = [call.outcome[0].upper() + call.outcome[1:]]
    if call.interval is not None:
        told.append(f"80 % sure: {call.interval[0]:.1f} to {call.interval[1]:.1f}")
    if call.standing is not None:
        told.append(f"score {call.standing}")
    facts = (_moment_text(call.called_at, zone), format_duration(call.duration_seconds))
    return [
        _Line(
            lead="–" if call.score is None else f"{call.score:.1f}", text=" · ".join(told),
            left_mm=_SCORE_LEFT_MM, size=10, bold=True,
        ),
        _Line(
            text=" · ".join((*facts, call.file_name)), left_mm=_SCORE_LEFT_MM, size=_SMALL_SIZE,
            quiet=True,
        ),
    ]  # fmt: skip


def _moment(page: Page, item: SessionItem) -> _Entry:
    where = "Whole call" if item.at_seconds is None else f"At {format_clock(item.at_seconds)}"
    first, *others = _wrapped(page, item.note, left_mm=_MOMENT_LEFT_MM, most=_LINES_OF_A_NOTE)
    placed = _Line(
        text=first.text, left_mm=_MOMENT_LEFT_MM, lead=where, lead_mm=_SCORE_LEFT_MM
    )  # fmt: skip
    return [placed, *others]


def _remark(page: Page, remark: RemarkRow, zone: tzinfo) -> _Entry:
    left_mm, did = 0.0, f"{_DID[remark.kind]} {remark.file_name or 'the session'}"
    if remark.kind == "reply":
        left_mm, did = _REPLY_LEFT_MM, _DID[remark.kind]
    decided = "" if remark.decision is None else f": {_DECIDED[remark.decision]}"
    head = _Line(
        text=f"{_moment_text(remark.created_at, zone)} · {remark.author} {did}{decided}",
        left_mm=left_mm, size=_SMALL_SIZE, quiet=True,
    )  # fmt: skip
    if not remark.text:
        return [head]
    return [head, *_wrapped(page, remark.text, left_mm=left_mm, most=_LINES_OF_A_REMARK)]


def _in_threads(remarks: Sequence[RemarkRow]) -> Iterator[RemarkRow]:
    """Yield each answer, and its replies after it."""
    for one in remarks:
        if one.kind != "reply":
            yield one
            yield from (other for other in remarks if other.reply_to == one.id)


def _wrapped(page: Page, text: str, *, most: int, left_mm: float = 0.0) -> list[_Line]:
    page.pen(_TEXT_SIZE)
    lines = page.wrap(text, width_mm=page.epw - left_mm, most=most) or [""]
    return [_Line(text=line, left_mm=left_mm) for line in lines]


def _flow(page: Page, entries: Sequence[_Entry], *, bottom_mm: float, of: str) -> None:
    """Write entries as long as there is room, then how many more there are."""
    for place, entry in enumerate(entries):
        rest = len(entries) - place
        told_mm = 0.0 if rest == 1 else _height_mm(_SMALL_SIZE)
        if page.get_y() + sum(_height_mm(line.size) for line in entry) + told_mm > bottom_mm:
            _write(
                page,
                _Line(text=f"and {rest} more {of}{'' if rest == 1 else 's'}", size=_SMALL_SIZE,
                      quiet=True),
            )  # fmt: skip
            return
        for line in entry:
            _write(page, line)
        page.set_y(page.get_y() + _GAP_MM)


def _height_mm(size: float) -> float:
    return size * POINT_MM * LINE_SPACING


def _write(page: Page, line: _Line) -> None:
    if line.lead:
        page.pen(line.size, bold=True)
        page.set_x(MARGIN_MM + line.lead_mm)
        page.put(line.lead, width_mm=line.left_mm - line.lead_mm)
    if line.quiet:
        page.pen(line.size, bold=line.bold, colour=QUIET_INK)
    else:
        page.pen(line.size, bold=line.bold)
    page.set_x(MARGIN_MM + line.left_mm)
    page.put(line.text, width_mm=page.epw - line.left_mm)
    page.ln(page.line_mm)


def _signatures(page: Page, row: SessionRow) -> None:
    y_mm = page.bottom_mm - 8.0
    page.set_draw_color(RULE)
    page.set_line_width(0.3)
    for left_mm, who in (
        (MARGIN_MM, row.agent),
        (page.w - MARGIN_MM - _SIGNATURE_WIDTH_MM, row.author),
    ):
        page.line(left_mm, y_mm, left_mm + _SIGNATURE_WIDTH_MM, y_mm)
        page.set_xy(left_mm, y_mm + 0.8)
        page.pen(_SMALL_SIZE, colour=QUIET_INK)
        page.put(f"Date, {who}", width_mm=_SIGNATURE_WIDTH_MM)


def _day(moment: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y}"


def _moment_text(moment: datetime, zone: tzinfo) -> str:
    return f"{_day(moment, zone)}, {moment.astimezone(zone):%H:%M}"
