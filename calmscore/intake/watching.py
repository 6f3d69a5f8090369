"""A folder that recordings arrive in: each is scored and moved out of the way."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from calmscore.errors import ArtifactError, ParameterError, StoreError
from calmscore.intake.batch import RecordingResult, Workers, is_recording_name

Report = Callable[[RecordingResult], None]

# Faults of the installation; the recording may well be good.
_NOT_MOVED = "not_moved"
_TRIED_AGAIN = (StoreError.code, ArtifactError.code, _NOT_MOVED)

_REASON_SUFFIX = ".reason.txt"


@dataclass(frozen=True, kw_only=True)
class WatchedFolder:
    """Where recordings arrive, and where they go.

    Attributes
    ----------
    incoming : Path
        Watched; recordings are taken from it alone, not from folders in it.
    done, failed : Path
        Get the recordings afterwards, and beside a failed one the reason as text.
    """

    incoming: Path
    done: Path
    failed: Path

    def prepare(self) -> None:
        """Make the folders that are missing.

        Raises
        ------
        ParameterError
            If one cannot be made, or recordings would come back to where they arrive.
        """
        for folder in (self.incoming, self.done, self.failed):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ParameterError(
                    f"{folder}: cannot be made ({error.strerror}); choose another folder"
                ) from error
        if self.incoming.resolve() in (self.done.resolve(), self.failed.resolve()):
            raise ParameterError(f"{self.incoming}: choose other folders for --done and --failed")

    def put_away(self, result: RecordingResult) -> None:
        """Move a recording to where it belongs after it was tried."""
        folder = self.failed if result.state == "failed" else self.done
        target = _free_name(folder / result.path.name)
        if result.state == "failed":
            reason = f"{result.code}: {result.message}\n"
            target.with_name(target.name + _REASON_SUFFIX).write_text(reason, encoding="utf-8")
        shutil.move(result.path, target)


def _free_name(path: Path) -> Path:
    number, free = 2, path
    while free.exists():
        free = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return free


def delete_put_away(folders: Sequence[Path], *, days: int, now: float | None = None) -> int:
    """Delete the recordings, and the reasons, that were put away long enough ago.

    Other files stay, and so do folders in the folders.

    Parameters
    ----------
    folders : sequence of Path
        Where `watch` moves recordings.
    days : int
        How long they may lie there.
    now : float, optional
        Seconds since 1970; the present by default.

    Returns
    -------
    int
        Number of recordings deleted.

    Raises
    ------
    ParameterError
        If a folder or a file cannot be reached; what can be deleted is deleted first.
    """
    latest = (time.time() if now is None else now) - timedelta(days=days).total_seconds()
    recordings, faults = 0, []
    for folder in folders:
        try:
            paths = sorted(folder.iterdir())
        except OSError as error:
            faults.append(f"{folder} ({error.strerror})")
            continue
        for path in paths:
            try:
                recordings += _delete_if_put_away(path, latest=latest)
            except OSError as error:
                faults.append(f"{path} ({error.strerror})")
    if faults:
        raise ParameterError(
            f"not deleted: {', '.join(faults)}; name folders that exist and allow deleting"
        )
    return recordings


def _delete_if_put_away(path: Path, *, latest: float) -> bool:
    """Delete a recording or a reason that is old enough; return whether a recording went."""
    recording = is_recording_name(path)
    if not (recording or path.name.endswith(_REASON_SUFFIX)) or not path.is_file():
        return False
    # A move changes this time, and not the one of the recording's content.
    if path.stat().st_ctime > latest:
        return False
    path.unlink()
    return recording


def watch(
    folder: WatchedFolder,
    workers: Workers,
    *,
    stop: threading.Event,
    report: Report,
    look_every_seconds: float = 2.0,
    retry_every_seconds: float = 30.0,
) -> None:
    """Score what arrives in a folder until told to stop.

    A recording is taken once its size and time have stayed the same between two looks,
    so half-copied files wait. It is moved only after it was stored: whatever ends this
    process, a new start finds it again, and the store has each call once. Looking,
    rather than being told by the system, works on network folders too.

    Where the store does not answer, the model cannot be loaded or a folder cannot be
    reached, recordings stay where they are and are tried again.

    Parameters
    ----------
    folder : WatchedFolder
        Where to look.
    workers : Workers
        What scores.
    stop : threading.Event
        Ends the watching after the recordings that are being scored.
    report : callable
        Told of every result.
    look_every_seconds, retry_every_seconds : float
        Time between two looks, and after one that found such a fault.
    """
    folder.prepare()
    before: dict[Path, tuple[int, int]] = {}
    while not stop.is_set():
        pause = look_every_seconds
        now = _arrived(folder.incoming, report)
        if now is None:
            stop.wait(retry_every_seconds)
            continue
        settled = sorted(path for path, state in now.items() if before.get(path) == state)
        before = now
        for result in workers.score(_until(stop, settled)):
            result = _put_away(result, folder)
            if result.code in _TRIED_AGAIN:
                pause = retry_every_seconds
            report(result)
        stop.wait(pause)


def _until(stop: threading.Event, paths: list[Path]) -> list[Path]:
    return [] if stop.is_set() else paths


def _put_away(result: RecordingResult, folder: WatchedFolder) -> RecordingResult:
    if result.code in _TRIED_AGAIN:
        return result
    try:
        folder.put_away(result)
    except OSError as error:
        reason = f"{result.path.name} cannot be moved ({error.strerror or error}); trying again"
        return replace(result, state="failed", code=_NOT_MOVED, message=reason)
    return result


def _arrived(folder: Path, report: Report) -> dict[Path, tuple[int, int]] | None:
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        reason = f"{folder}: cannot be read ({error.strerror}); trying again"
        report(
            RecordingResult(path=folder, state="failed", code="folder_unreadable", message=reason)
        )
        return None
    found = {}
    for path in paths:
        if is_recording_name(path) and not path.name.startswith("."):
            try:
                state = path.stat()
            except FileNotFoundError:  # moved between the two calls
                continue
            found[path] = (state.st_size, state.st_mtime_ns)
    return found
