"""Times as whoever looks at the page reads them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st


def local_zone() -> tzinfo:
    """Return the time zone of the browser; UTC where it does not tell."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def format_moment(moment: datetime) -> str:
    """Return a moment as ``20 Nov 2025, 14:05``."""
    return f"{format_day(moment)}, {moment.astimezone(local_zone()):%H:%M}"


def format_day(moment: datetime) -> str:
    """Return the day of a moment as ``20 Nov 2025``."""
    return format_date(moment.astimezone(local_zone()).date())


def format_date(day: date) -> str:
    """Return a day as ``20 Nov 2025``."""
    return f"{day.day} {day:%b %Y}"


def day_start(day: date) -> datetime:
    """Return the beginning of a day where the reader is."""
    return datetime.combine(day, time.min, local_zone())


def day_end(day: date) -> datetime:
    """Return the beginning of the next day where the reader is."""
    return day_start(day + timedelta(days=1))
