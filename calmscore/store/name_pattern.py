"""The pattern of file names: regular expressions that take linear time, whatever the name.

Python's own engine can need more than a lifetime for a name of 40 letters. RE2 cannot; in
exchange it knows no look-around and no references back. Its time grows with the pattern
times the name; both are bounded here, so that the hardest of them takes a fraction of a second.
"""

from __future__ import annotations

import time
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
# Names that match nearly everywhere and then not; the hardest pattern that is known takes 0.1 s.
_HARD_NAMES = tuple((part * LONGEST_NAME)[:LONGEST_NAME] for part in ("a", "0", "_", "ab_0-", "é"))
_MOST_SECONDS = 0.5
_REPEAT_LESS = "repeat less within it, such as \\w+ in place of \\w{1,500}"


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


def try_out(pattern: str) -> None:
    """Search hard names with a pattern before it is kept.

    Parameters
    ----------
    pattern : str
        As `compiled` takes it.

    Raises
    ------
    ParameterError
        If it cannot be read, or one name alone takes more than half a second of processor time.
    """
    expression = compiled(pattern)
    for name in _HARD_NAMES:
        # Of this thread alone: others may keep the machine busy.
        started = time.thread_time()
        expression.search(name)
        if time.thread_time() - started > _MOST_SECONDS:
            raise ParameterError(
                f"file_name_pattern {pattern!r} takes too long for a name of {LONGEST_NAME} "
                f"characters; {_REPEAT_LESS}"
            )


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
        If it cannot be read, is longer, or needs too much memory.
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
        reason = _reason(error)
        if "pattern too large" in reason:
            raise ParameterError(
                f"file_name_pattern {pattern!r} needs too much memory; {_REPEAT_LESS}"
            ) from error
        raise ParameterError(
            f"file_name_pattern {pattern!r} cannot be read: {reason}; look-around such as "
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
