"""The pattern of file names: regular expressions that take linear time, whatever the name.

Python's own engine can need more than a lifetime for a name of 40 letters. RE2 cannot; in
exchange it knows no look-around and no references back. Its time grows with the pattern
times the name; both are bounded here, so that the hardest of them takes a fraction of a second.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

from calmscore.errors import ParameterError

# Python's \w, which RE2 would take for ASCII alone.
_LETTERS = r"\p{L}\p{M}\p{N}_"
# What people write for letters alone; within a class, RE2 could not say it.
_IDIOMS = {r"[^\W_]": r"[\p{L}\p{M}\p{N}]", r"[^\W\d_]": r"[\p{L}\p{M}]"}


LONGEST_PATTERN = 500
# What a file system takes; what a client calls an upload has no bound of its own.
LONGEST_NAME = 255


def search_name(pattern: str, name: str) -> dict[str, str]:
    """Return what the named groups of a pattern find in a file name; empty without a match.

    Parameters
    ----------
    pattern : str
        As `compiled` takes it.
    name : str
        Its first 255 characters are searched.

    Raises
    ------
    ParameterError
        If the pattern cannot be read.
    """
    found = compiled(pattern).search(name[:LONGEST_NAME])
    return {} if found is None else {key: text for key, text in found.groupdict().items() if text}


@lru_cache(maxsize=16)
def compiled(pattern: str) -> Any:
    """Return a pattern ready to search with.

    Parameters
    ----------
    pattern : str
        Regular expression of at most 500 characters.

    Raises
    ------
    ParameterError
        If it cannot be read, or is longer.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise ParameterError(
            f"file_name_pattern has {len(pattern)} characters; write it in {LONGEST_PATTERN}"
        )
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(_with_all_letters(pattern), options=options)
    except (re2.error, ValueError) as error:
        raise ParameterError(
            f"file_name_pattern {pattern!r} cannot be read: {_reason(error)}; look-around such as "
            "(?=…) and references back such as (?P=…) are not known here"
        ) from error


def _reason(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return told.decode(errors="replace") if isinstance(told, bytes) else str(told)


def _with_all_letters(pattern: str) -> str:
    r"""Let ``\w`` and ``\W`` mean letters of every language."""
    for idiom, meaning in _IDIOMS.items():
        pattern = pattern.replace(idiom, meaning)
    parts, in_class, place = [], False, 0
    while place < len(pattern):
        part = pattern[place : place + (2 if pattern[place] == "\\" else 1)]
        place += len(part)
        if part == r"\w":
            part = _LETTERS if in_class else f"[{_LETTERS}]"
        elif part == r"\W":
            if in_class:
                raise ValueError(r"\W stands in brackets; write out what is meant")
            part = f"[^{_LETTERS}]"
        elif part == "[" and not in_class:
            in_class = True
            # A bracket that stands first is one of the characters.
            for first in ("^", "]"):
                if pattern.startswith(first, place):
                    part, place = part + first, place + 1
        elif part == "]":
            in_class = False
        parts.append(part)
    return "".join(parts)
