"""Waiting in tests for what comes soon, with patience: a busy machine takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 180.0


def until(
    condition: Callable[[], object], *, seconds: float = PATIENCE_SECONDS, every: float = 0.02
) -> None:
    """Look again and again until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not come about within {seconds:.0f} s"
        time.sleep(every)
