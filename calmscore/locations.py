"""Where Calmscore lies and what comes with it: a checkout, or an installed package."""

from __future__ import annotations

import shlex
import sys
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


def install_command(extra: str) -> str:
    """Return the command that adds optional packages to this very installation.

    Parameters
    ----------
    extra : str
        Their name in ``pyproject.toml``, for example ``server``.

    Returns
    -------
    str
        For a shell. Calmscore is on no package index: a checkout is installed from its
        folder, and pip takes an installed package's list from the package.
    """
    checkout = PACKAGE.parent
    editable = (checkout / "pyproject.toml").is_file()
    what = f"{checkout}[{extra}]" if editable else f"calmscore[{extra}]"
    options = ["--editable"] if editable else []
    return shlex.join([sys.executable, "-m", "pip", "install", *options, what])
