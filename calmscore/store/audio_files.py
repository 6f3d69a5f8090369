"""Recordings on disk, under the hash of their content; never in the database."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from calmscore.errors import ParameterError, StoreError

_HASH = re.compile(r"[0-9a-f]{64}")
_PART_SUFFIX = ".part"
_FOLDER_ID = "folder-id"
# What is younger may still be on its way in.
LEFT_AFTER = timedelta(hours=1)


def sync_folder(folder: Path) -> None:
    """See to it that the names in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_older(path: Path, age: timedelta) -> bool:
    """Tell whether a file was last written longer ago than this; one that is gone was not."""
    try:
        return time.time() - path.stat().st_mtime > age.total_seconds()
    except FileNotFoundError:
        return False


class AudioFiles:
    """A folder of recordings.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def folder_id(self) -> str | None:
        """What tells this folder from every other one, once it was marked."""
        with suppress(OSError):
            return (self.folder / _FOLDER_ID).read_text(encoding="ascii").strip()
        return None

    def mark(self, folder_id: str) -> None:
        """Give this folder its id."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _FOLDER_ID).write_text(f"{folder_id}\n", encoding="ascii")

    def path(self, call_id: str) -> Path:
        """Return where the recording of a call is, or would be.

        Raises
        ------
        ParameterError
            If ``call_id`` is not a SHA-256 in hex: names of uploads are never paths.
        """
        if not _HASH.fullmatch(call_id):
            raise ParameterError(f"{call_id!r} is not the id of a call")
        return self.folder / call_id[:2] / call_id

    def holds(self, call_id: str) -> bool:
        """Tell whether the recording of a call is here."""
        return self.path(call_id).is_file()

    def put(self, call_id: str, source: BinaryIO) -> None:
        """Keep a recording; one that is there already stays as it is.

        Parameters
        ----------
        call_id : str
            SHA-256 of the content.
        source : binary file object
            Read from its start.

        Raises
        ------
        StoreError
            If the content is not what ``call_id`` says, or cannot be written.
        """
        target = self.path(call_id)
        source.seek(0)
        try:
            with suppress(FileNotFoundError):
                # Young again: its row may be about to be written.
                os.utime(target)
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=target.parent, suffix=_PART_SUFFIX, delete=False
            ) as part:
                try:
                    shutil.copyfileobj(source, part)
                    part.flush()
                    os.fsync(part.fileno())
                    part.seek(0)
                    if hashlib.file_digest(part, "sha256").hexdigest() != call_id:
                        raise StoreError(f"the recording of call {call_id[:12]} changed meanwhile")
                    Path(part.name).replace(target)
                    sync_folder(target.parent)
                except BaseException:
                    Path(part.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise StoreError(
                f"{target.parent}: the recording cannot be kept ({error.strerror}); check the "
                "disk's free space and rights"
            ) from error

    def delete(self, call_id: str) -> bool:
        """Delete the recording of a call, and tell whether there was one."""
        path = self.path(call_id)
        if not path.is_file():
            return False
        path.unlink(missing_ok=True)
        return True

    def ids(self) -> list[str]:
        """Return the ids of all recordings that are here."""
        if not self.folder.is_dir():
            return []
        return sorted(p.name for p in self.folder.glob("??/*") if _HASH.fullmatch(p.name))

    def left(self, *, kept: Collection[str]) -> list[Path]:
        """Return what a broken run left: old parts, and old recordings that are not kept."""
        found = [*self.folder.glob(f"??/*{_PART_SUFFIX}")]
        found += [self.path(call_id) for call_id in self.ids() if call_id not in kept]
        return [path for path in found if is_older(path, LEFT_AFTER)]
