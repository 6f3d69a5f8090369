"""Text that a spreadsheet takes for what it is, and never for a formula to run."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FORMULA_STARTS = ("=", "+", "-", "@")
_BREAKS = ("\t", "\r", "\n")
# White space to the eye, though not to Python.
_UNSEEN = "\ufeff\u200b\u200c\u200d\u2060"


def safe_cell(cell: Any) -> Any:
    """Return a cell with an apostrophe in front if it is text that may be taken for a formula.

    That is text that begins with ``=``, ``+``, ``-`` or ``@``, in any width, or with white
    space before one of them, and text that begins with a tab or a line break.
    """
    if not isinstance(cell, str):
        return cell
    begin = unicodedata.normalize("NFKC", cell.lstrip().lstrip(_UNSEEN).lstrip()[:1])
    dangerous = begin in _FORMULA_STARTS or cell.lstrip(" ").startswith(_BREAKS)
    return f"'{cell}" if dangerous else cell


def safe_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its cells as `safe_cell` makes them."""
    return {name: safe_cell(cell) for name, cell in row.items()}


def safe_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its text as `safe_cell` makes it; numbers stay numbers."""
    texts = table.select_dtypes(include=["object", "str"])
    return table.assign(**{str(name): column.map(safe_cell) for name, column in texts.items()})
