"""The files of the pages, wherever the dashboard was started from."""

from __future__ import annotations

from pathlib import Path


def page_file(name: str) -> str:
    """Return the path of a page's file by its name, for example ``call``."""
    return str(Path(__file__).with_name(f"{name}.py"))
