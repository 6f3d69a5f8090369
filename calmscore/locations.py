"""Where the files that are no code lie: in the checkout, or inside the installed package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Return a folder that ships with Calmscore.

    Parameters
    ----------
    name : str
        ``artifacts``, ``samples`` or ``docs``.

    Returns
    -------
    Path
        In an installed package the copy inside of it, in a checkout the folder beside it.
    """
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name
