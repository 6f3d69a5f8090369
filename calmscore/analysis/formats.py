"""Times, changes and points as people read them."""

from __future__ import annotations

from calmscore.emotions import BY_NAME


def format_clock(seconds: float) -> str:
    """Return a place in a call for people: ``1:05`` or ``1:02:05``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_duration(seconds: float) -> str:
    """Return a duration for people: ``45 s`` or ``2 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def format_change(from_emotion: str, to_emotion: str) -> str:
    """Return how the customer changed, for people: ``angry → calm``, or ``angry`` alone."""
    return " → ".join(BY_NAME[name].heard_as for name in dict.fromkeys([from_emotion, to_emotion]))


def format_points(points: float, *, decimals: int = 1) -> str:
    """Return points with their sign, for people: ``+1.6`` or ``−6.1``."""
    return f"{points:+.{decimals}f}".replace("-", "−")
