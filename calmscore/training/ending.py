"""How the commands of the laboratory end: figures in a file, a fault in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from calmscore.errors import CalmscoreError

Arguments = ParamSpec("Arguments")


def with_exit_code(run: Callable[Arguments, None]) -> Callable[Arguments, int]:
    """Return a command line's exit code: 0, or 3 with the reason in one line on stderr."""

    @wraps(run)
    def main(*args: Arguments.args, **kwargs: Arguments.kwargs) -> int:
        try:
            run(*args, **kwargs)
        except CalmscoreError as error:
            print(f"error: {error}", file=sys.stderr)
            return 3
        return 0

    return main


def write_json(path: Path | None, content: Any) -> None:
    """Write figures into a file, where one is asked for."""
    if path is not None:
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
