"""Work that one process takes for a while and others leave alone meanwhile."""

from __future__ import annotations

import os
import platform
import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_


def new_owner() -> str:
    """Return a name that no other taker of work has, on this machine or another."""
    return f"{platform.node()[:20]}-{os.getpid()}-{uuid.uuid4().hex[:16]}"


def has_come(moment: Any, now: datetime, *, furthest: timedelta) -> ColumnElement[bool]:
    """Return the condition that a moment is past; one that is not there never is.

    Parameters
    ----------
    moment : column
        Written when something was put off or taken.
    now : datetime
    furthest : timedelta
        What lies further ahead was written before the clock was put right.
    """
    return or_(moment <= now, moment > now + furthest)
