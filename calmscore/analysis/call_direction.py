"""Who called whom, as somebody, the file's name or a setting says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from calmscore.analysis.report import CustomerCue, Direction

_DIRECTION_WORDS: Mapping[str, Direction] = {
    "in": "inbound", "inbound": "inbound", "incoming": "inbound",
    "out": "outbound", "outbound": "outbound", "outgoing": "outbound",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CallDirection:
    """Who called whom, and what tells so.

    Attributes
    ----------
    value : {"inbound", "outbound", "unknown"}
        Inbound: the customer called.
    cue : {"direction", "file_name"} or None
        Whether somebody said so, or the file's name does.
    """

    value: Direction = "unknown"
    cue: CustomerCue | None = None


def call_direction(
    file_name: str, *, said: Direction | None = None, usual: Direction = "unknown"
) -> CallDirection:
    """Find out who called whom.

    Parameters
    ----------
    file_name : str
        A name with ``in``, ``inbound``, ``incoming``, ``out``, ``outbound`` or ``outgoing``
        between underscores, hyphens, dots or blanks tells; one with both kinds does not.
    said : str, optional
        What somebody said of this call; goes first.
    usual : str
        What calls are where nothing else is known.

    Returns
    -------
    CallDirection
    """
    if said is not None:
        return CallDirection(value=said, cue=None if said == "unknown" else "direction")
    words = re.split(r"[\W_]+", PurePath(file_name).stem.lower())
    named = {_DIRECTION_WORDS[word] for word in words if word in _DIRECTION_WORDS}
    if len(named) == 1:
        return CallDirection(value=named.pop(), cue="file_name")
    return CallDirection(value=usual, cue=None if usual == "unknown" else "direction")
