"""Uploads that wait for their analysis: each under the id of its job, with a note beside it.

The note holds what was said of the upload, so that it can be taken in again should its
row be lost.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from calmscore.errors import StoreError
from calmscore.store.audio_files import LEFT_AFTER, is_older, sync_folder

_JOB = re.compile(r"[0-9a-f]{32}")
_PART_SUFFIX = ".part"
_NOTE_SUFFIX = ".json"
# Long enough for a service that is just about to write the row.
_WITHOUT_ROW = timedelta(minutes=10)


class IncomingFiles:
    """The folder of uploads on their way in.

    Parameters
    ----------
    folder : Path
        Shared by all services of one store.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Make the folder if it is missing.

        Raises
        ------
        StoreError
            If it cannot be made.
        """
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.folder, error) from error

    def path(self, job_id: str) -> Path:
        """Return where the upload of a job is."""
        return self.folder / job_id

    def receive(self, source: BinaryIO) -> Path:
        """Write an upload down, not yet as a job's, and return where.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        self.prepare()
        part = None
        try:
            descriptor, part = tempfile.mkstemp(dir=self.folder, suffix=_PART_SUFFIX)
            with open(descriptor, "wb") as target:
                source.seek(0)
                while block := source.read(1 << 20):
                    target.write(block)
        except OSError as error:
            if part is not None:
                Path(part).unlink(missing_ok=True)
            raise _unwritable(self.folder, error) from error
        return Path(part)

    def keep(self, part: Path, job_id: str, parameters: dict[str, Any]) -> None:
        """Keep a received upload as that of a job; after this it outlasts a power cut.

        Raises
        ------
        StoreError
            If it cannot be written; nothing is left then.
        """
        note = self._note(job_id)
        try:
            with note.open("w", encoding="utf-8") as file:
                json.dump(parameters, file)
                file.flush()
                os.fsync(file.fileno())
            with part.open("rb") as upload:
                os.fsync(upload.fileno())
            os.replace(part, self.path(job_id))
            sync_folder(self.folder)
        except OSError as error:
            self.delete(job_id)
            raise _unwritable(self.folder, error) from error

    def delete(self, *job_ids: str) -> None:
        """Delete the uploads of jobs, and what was said of them."""
        for job_id in job_ids:
            self.path(job_id).unlink(missing_ok=True)
            self._note(job_id).unlink(missing_ok=True)

    def job_ids(self) -> list[str]:
        """Return the ids under which something lies here."""
        names = {path.name.removesuffix(_NOTE_SUFFIX) for path in self._files()}
        return sorted(name for name in names if _JOB.fullmatch(name))

    def without_row(self, known: Collection[str]) -> dict[str, dict[str, Any]]:
        """Return what was said of the uploads that no row knows, and that no service adds now."""
        return {
            job_id: self._read_note(job_id)
            for job_id in self.job_ids()
            if job_id not in known and is_older(self.path(job_id), _WITHOUT_ROW)
        }

    def delete_left(self) -> int:
        """Delete what uploads left that broke off, after an hour; return how many files."""
        left = [
            path
            for path in self._files()
            if not (_JOB.fullmatch(path.stem) and self.path(path.stem).exists())
            and is_older(path, LEFT_AFTER)
        ]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _files(self) -> Iterable[Path]:
        return self.folder.iterdir() if self.folder.is_dir() else ()

    def _note(self, job_id: str) -> Path:
        return self.folder / f"{job_id}{_NOTE_SUFFIX}"

    def _read_note(self, job_id: str) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            note: dict[str, Any] = json.loads(self._note(job_id).read_text(encoding="utf-8"))
            return note
        return {"file_name": f"recovered upload {job_id[:8]}", "actor": "recovery"}


def _unwritable(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{folder.name}: the upload cannot be written ({error.strerror}); check the disk's free "
        "space and rights"
    )
