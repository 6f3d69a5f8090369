"""Folders that are the service's own, though others may write into the folder above.

Whoever delivers recordings may be able to put a link in the place of ``failed``. What is
opened here is never a link and never somebody else's, and a file is made or moved within
the folder that was opened, whatever its path means by then.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST_NAME_BYTES = 255
_ROOM_FOR_A_NUMBER = len("-99999")


@contextmanager
def opened(folder: Path, *, own: bool = True) -> Iterator[int]:
    """Open a folder and yield its descriptor, for ``dir_fd``.

    Parameters
    ----------
    folder : Path
        No link.
    own : bool
        Whether it has to belong to the user of this process, and be closed to the world.

    Raises
    ------
    OSError
        If it is a link, no folder, missing or not as it has to be.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        if folder.is_symlink():
            raise OSError(error.errno, f"{folder.name} is a link, not a folder") from error
        raise
    try:
        state = os.fstat(descriptor)
        if own and (state.st_uid != os.geteuid() or state.st_mode & stat.S_IWOTH):
            raise PermissionError(
                errno.EPERM, f"{folder.name} belongs to another user, or everybody may write there"
            )
        yield descriptor
    finally:
        os.close(descriptor)


def move_into(folder: int, source: Path, name: str, *, room_bytes: int) -> str:
    """Move a file into an opened folder; nothing there is written over.

    Parameters
    ----------
    folder : int
        As `opened` gives it.
    name : str
        What it should be called; cut, or numbered, where that cannot be.
    room_bytes : int
        How much longer the names of files beside it are.

    Returns
    -------
    str
        What it is called.

    Raises
    ------
    OSError
        If it cannot be moved.
    """
    name = _free_name(folder, _cut(name, LONGEST_NAME_BYTES - room_bytes - _ROOM_FOR_A_NUMBER))
    try:
        os.rename(source, name, dst_dir_fd=folder)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, name, folder)
        source.unlink()
    return name


def write_text(folder: int, name: str, text: str) -> None:
    """Write a new file, for its owner alone, into an opened folder."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(name, flags, 0o600, dir_fd=folder), "w", encoding="utf-8") as file:
        file.write(text)


def _copy(source: Path, name: str, folder: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with (
        open(os.open(source, os.O_RDONLY | os.O_NOFOLLOW), "rb") as read,
        open(os.open(name, flags, 0o600, dir_fd=folder), "wb") as written,
    ):
        shutil.copyfileobj(read, written)


def _cut(name: str, most_bytes: int) -> str:
    stem, suffix = os.path.splitext(name)
    room = max(most_bytes - len(suffix.encode()), 1)
    return stem.encode()[:room].decode(errors="ignore") + suffix


def _free_name(folder: int, name: str) -> str:
    stem, suffix = os.path.splitext(name)
    number, free = 2, name
    while _exists(folder, free):
        free = f"{stem}-{number}{suffix}"
        number += 1
    return free


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
