"""Which of the files in a folder are recordings that have arrived whole."""

from __future__ import annotations

import os
import stat
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from calmscore.intake.batch import is_recording_name

State = tuple[int, int, int]
_RIFF_HEADER_BYTES, _RIFF_LEAD_BYTES = 12, 8
# Written while nobody knows yet how long the recording gets.
_UNKNOWN_LENGTHS = (0, 0xFFFFFFFF, 0x7FFFFFFF)


@dataclass(kw_only=True)
class Arrivals:
    """Looks at a folder again and again.

    A recording has arrived once its size and time were the same in two looks and it is as
    long as its header says. Where a header says nothing, it has to have been left alone for
    a while; where it promises more than there is, for longer.

    Attributes
    ----------
    folder : Path
        Where recordings arrive; those in folders in it are not looked at.
    settle_seconds : float
        How long a recording is left alone whose header does not tell its length.
    incomplete_seconds : float
        The same for one that is shorter than its header says.
    tell : callable
        Told once of each path that stays where it is, and why.
    """

    folder: Path
    settle_seconds: float
    incomplete_seconds: float
    tell: Callable[[Path, str], None]
    _since: dict[Path, tuple[State, float]] = field(default_factory=dict)
    _told: set[Path] = field(default_factory=set)

    def look(self) -> dict[Path, State]:
        """Return what has arrived: path to size, time and number of the file.

        Raises
        ------
        OSError
            If the folder cannot be read.
        """
        now = time.monotonic()
        states = {path: state for path in self._named() if (state := self._state_of(path))}
        self._since, before = {}, self._since
        arrived = {}
        for path, state in sorted(states.items()):
            earlier, since = before.get(path, (None, now))
            self._since[path] = (state, since if earlier == state else now)
            if earlier == state and self._is_whole(path, state, quiet_seconds=now - since):
                arrived[path] = state
        return arrived

    def _named(self) -> list[Path]:
        named = []
        for path in self.folder.iterdir():
            if path.name.startswith("."):
                continue
            if is_recording_name(path):
                named.append(path)
            elif self._is_settled_file(path):
                self._tell_once(path, "is no recording by its name, and stays where it is")
        return named

    def _is_settled_file(self, path: Path) -> bool:
        """Tell whether a file has been left alone: others may get their names when whole."""
        try:
            state = path.lstat()
        except OSError:
            return False
        return stat.S_ISREG(state.st_mode) and time.time() - state.st_mtime >= self.settle_seconds

    def _state_of(self, path: Path) -> State | None:
        try:
            state = path.lstat()
        except FileNotFoundError:  # moved between the two calls
            return None
        except OSError as error:
            self._tell_once(path, f"cannot be looked at ({error.strerror})")
            return None
        if stat.S_ISREG(state.st_mode):
            return (state.st_size, state.st_mtime_ns, state.st_ino)
        if not stat.S_ISDIR(state.st_mode):
            what = "a link" if stat.S_ISLNK(state.st_mode) else "no file"
            self._tell_once(path, f"is {what}; put the recording itself there")
        return None

    def _tell_once(self, path: Path, why: str) -> None:
        if path not in self._told:
            self._told.add(path)
            self.tell(path, why)

    def _is_whole(self, path: Path, state: State, *, quiet_seconds: float) -> bool:
        size, written_ns, _ = state
        announced = announced_bytes(path)
        if announced is not None and announced <= size <= announced + 1:
            return True
        quiet_seconds = max(quiet_seconds, time.time() - written_ns / 1e9)
        incomplete = announced is not None and announced > size
        return quiet_seconds >= (self.incomplete_seconds if incomplete else self.settle_seconds)


def announced_bytes(path: Path) -> int | None:
    """Return how long a recording says that it is; None where it does not say.

    Parameters
    ----------
    path : Path
        The recording; of a WAV file the header says it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            header = file.read(_RIFF_HEADER_BYTES)
    except OSError:
        return None
    if len(header) < _RIFF_HEADER_BYTES or header[:4] != b"RIFF" or header[8:] != b"WAVE":
        return None
    (length,) = struct.unpack("<I", header[4:8])
    return None if length in _UNKNOWN_LENGTHS else int(length) + _RIFF_LEAD_BYTES
