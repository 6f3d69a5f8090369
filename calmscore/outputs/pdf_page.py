"""A page of A4 for print: its fonts, text that fits its place, headings, the line at its foot."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import MethodReturnValue
from fpdf.fonts import TTFFont

MARGIN_MM = 16.0
FOOTER_MM = 13.0
POINT_MM = 25.4 / 72
LINE_SPACING = 1.35
SECTION_GAP_MM = 4.5

INK = "#1D2A30"
QUIET_INK = "#5B6870"
RULE = "#D5DADD"

_FONTS = Path(__file__).resolve().parent / "fonts"
_FAMILY = "DejaVu Sans"
# No line of any block holds more; what is longer is not even measured.
_MOST_CHARACTERS = 600
_DISCLAIMER = (
    "A coaching aid with evidence, not a verdict: the model can be wrong about any segment. "
    "Listen before you conclude."
)


class Page(FPDF):
    """A page that never breaks, and text that always fits the place it is given."""

    def __init__(self) -> None:
        super().__init__(orientation="portrait", unit="mm", format="A4")
        self.set_auto_page_break(False)
        self.set_margin(MARGIN_MM)
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
        return float(self.h - MARGIN_MM - FOOTER_MM)

    def pen(self, size: float, *, bold: bool = False, colour: str = INK) -> None:
        """Choose how text looks; ``size`` in points."""
        self.set_font(_FAMILY, "B" if bold else "", size)
        self.set_text_color(colour)

    @property
    def line_mm(self) -> float:
        """Distance from one line of text to the next."""
        return float(self.font_size_pt * POINT_MM * LINE_SPACING)

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
            self.set_x(MARGIN_MM + indent_mm)
            self.cell(0, self.line_mm, line)
            self.ln(self.line_mm)


def section(page: Page, title: str) -> None:
    """Write the heading of a part of the page."""
    page.set_y(page.get_y() + SECTION_GAP_MM)
    page.pen(10, bold=True)
    page.put(title, width_mm=page.epw)
    page.ln(page.line_mm + 0.8)


def footer(page: Page, told: str) -> None:
    """Write what a score is not at the foot of a page, and what the page rests on."""
    page.set_y(page.h - MARGIN_MM - FOOTER_MM + 3)
    page.set_draw_color(RULE)
    page.set_line_width(0.2)
    page.line(MARGIN_MM, page.get_y(), page.w - MARGIN_MM, page.get_y())
    page.set_y(page.get_y() + 1.5)
    page.pen(7.5, bold=True)
    page.put(_DISCLAIMER, width_mm=page.epw)
    page.ln(page.line_mm)
    page.pen(7, colour=QUIET_INK)
    page.put(told, width_mm=page.epw)
