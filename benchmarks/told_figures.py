"""How a benchmark with bars tells its figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def tell(figures: dict[str, Any], *, missed: Iterable[str], file: Path | None) -> int:
    """Print figures and the bars that were missed, and keep the figures.

    Parameters
    ----------
    figures : dict
        Of a run.
    missed : iterable of str
        What is beyond a bar, in words.
    file : Path, optional
        Gets the figures as JSON.

    Returns
    -------
    int
        The exit code: 1 where a bar was missed, else 0.
    """
    text = json.dumps(figures, indent=2) + "\n"
    print(text, end="")
    if file is not None:
        file.write_text(text, encoding="utf-8")
    problems = list(missed)
    for problem in problems:
        print(f"missed: {problem}", file=sys.stderr)
    return 1 if problems else 0
