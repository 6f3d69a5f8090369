"""The files of the pages, wherever the dashboard was started from."""

from __future__ import annotations

from pathlib import Path

PAGES_FOLDER = Path(__file__).parent


def page_file(name: str) -> str:
    """Return the path of a page's file by its name, for example ``call``."""
    return str(PAGES_FOLDER / f"{name}.py")
