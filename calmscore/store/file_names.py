"""Agent, customer and time from the name of a recording."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path, PurePath

from calmscore.store.calls import CallDetails
from calmscore.store.name_pattern import search_name
from calmscore.store.settings import Settings


def readable_name(path: str | Path) -> str:
    """Return a file's name as text that can be stored, shown and written anywhere.

    A name that is not UTF-8 is read as Latin-1, which older telephone systems write.
    """
    raw = os.fsencode(os.path.basename(path))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def details_from_name(file_name: str, settings: Settings) -> CallDetails:
    """Read a file name by the pattern in the settings.

    Parameters
    ----------
    file_name : str
        Name of the recording, without its folder.
    settings : Settings
        ``file_name_pattern`` and ``time_format``.

    Returns
    -------
    CallDetails
        Empty where the pattern does not match. A time without a zone is local time; one
        that does not fit the format stays unknown.
    """
    if not settings.file_name_pattern:
        return CallDetails()
    name = PurePath(file_name).name.encode(errors="replace").decode()
    found = search_name(settings.file_name_pattern, name)
    groups = {key: text.strip() for key, text in found.items()}
    return CallDetails(
        agent=groups.get("agent") or None,
        customer=groups.get("customer") or None,
        called_at=_moment(groups.get("time"), settings.time_format),
    )


def _moment(text: str | None, time_format: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, time_format).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
