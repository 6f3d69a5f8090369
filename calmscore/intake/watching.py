"""A folder that recordings arrive in: each is scored and moved out of the way."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from calmscore.errors import ArtifactError, ParameterError, StoreError
from calmscore.intake.arrivals import Arrivals, State
from calmscore.intake.batch import RecordingResult, Workers, is_recording_name
from calmscore.intake.own_folder import move_into, opened, write_text
from calmscore.store.file_names import readable_name

Report = Callable[[RecordingResult], None]

# Faults of the installation; the recording may well be good.
_NOT_MOVED, _UNREADABLE, _GREW = "not_moved", "folder_unreadable", "grew"
_TRIED_AGAIN = (StoreError.code, ArtifactError.code, _NOT_MOVED, _UNREADABLE)

_REASON_SUFFIX = ".reason.txt"
_FOLDER_MODE = 0o700
# So long a recording that was put away is looked at: its writer may only have paused.
_LOOKED_AFTER_SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True)
class WatchedFolder:
    """Where recordings arrive, and where they go.

    Attributes
    ----------
    incoming : Path
        Watched; recordings are taken from it alone, not from folders in it.
    done, failed : Path
        Get the recordings afterwards, and beside a failed one the reason as text. They are
        the service's own, also where others may write into ``incoming``.
    """

    incoming: Path
    done: Path
    failed: Path

    def prepare(self) -> None:
        """Make the folders that are missing.

        Raises
        ------
        ParameterError
            If one cannot be made or used, or recordings would come back to where they arrive.
        """
        for folder in (self.incoming, self.done, self.failed):
            try:
                folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            except OSError as error:
                raise ParameterError(
                    f"{folder}: cannot be made ({error.strerror}); choose another folder"
                ) from error
        if self.incoming.resolve() in (self.done.resolve(), self.failed.resolve()):
            raise ParameterError(f"{self.incoming}: choose other folders for --done and --failed")
        for folder in (self.done, self.failed):
            try:
                with opened(folder):
                    pass
            except OSError as error:
                raise ParameterError(
                    f"{folder}: cannot be used ({error.strerror}); name a folder of the user "
                    "that watches"
                ) from error

    def put_away(self, result: RecordingResult) -> Path:
        """Move a recording to where it belongs after it was tried; return where it is."""
        target = self.failed if result.state == "failed" else self.done
        with opened(target) as folder:
            name = move_into(
                folder, result.path, readable_name(result.path), room_bytes=len(_REASON_SUFFIX)
            )
            if result.state == "failed":
                write_text(folder, name + _REASON_SUFFIX, f"{result.code}: {result.message}\n")
        return target / name

    def bring_back(self, put_away: Path, name: str) -> None:
        """Move a recording back to where it arrived, without the reason beside it."""
        with opened(put_away.parent) as folder, opened(self.incoming, own=False) as incoming:
            move_into(incoming, put_away, name, room_bytes=0)
            try:
                os.unlink(put_away.name + _REASON_SUFFIX, dir_fd=folder)
            except FileNotFoundError:
                return


@dataclass(frozen=True, kw_only=True)
class _PutAway:
    """A recording that was put away: what it was when it was scored, and as which call."""

    state: State
    name: str
    call_id: str
    until: float


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
            with opened(folder, own=False) as descriptor:
                for name in sorted(os.listdir(descriptor)):
                    try:
                        recordings += _delete_if_put_away(name, descriptor, latest=latest)
                    except OSError as error:
                        faults.append(f"{folder / name} ({error.strerror})")
        except OSError as error:
            faults.append(f"{folder} ({error.strerror})")
    if faults:
        raise ParameterError(
            f"not deleted: {', '.join(faults)}; name folders that exist and allow deleting"
        )
    return recordings


def _delete_if_put_away(name: str, folder: int, *, latest: float) -> bool:
    """Delete a recording or a reason that is old enough; return whether a recording went."""
    recording = is_recording_name(Path(name))
    if not (recording or name.endswith(_REASON_SUFFIX)):
        return False
    state = os.stat(name, dir_fd=folder, follow_symlinks=False)
    # A move changes this time, and not the one of the recording's content.
    if not stat.S_ISREG(state.st_mode) or state.st_ctime > latest:
        return False
    os.unlink(name, dir_fd=folder)
    return recording


def watch(
    folder: WatchedFolder,
    workers: Workers,
    *,
    stop: threading.Event,
    report: Report,
    look_every_seconds: float = 2.0,
    retry_every_seconds: float = 30.0,
    settle_seconds: float = 30.0,
    incomplete_seconds: float = 600.0,
) -> None:
    """Score what arrives in a folder until told to stop.

    A recording is taken once it is whole, as far as its header and the time since it was
    written to tell (`Arrivals`), so half-copied files wait. It is moved only after it was
    stored: whatever ends this process, a new start finds it again, and the store has each
    call once. One that grows all the same, while it is analysed or within an hour, is scored
    again, and the call of its first part is deleted. Looking, rather than being told by the
    system, works on network folders too.

    Where the store does not answer, the model cannot be loaded or a folder cannot be
    reached, recordings stay where they are and are tried again.

    Parameters
    ----------
    workers : Workers
        What scores.
    stop : threading.Event
        Ends the watching after the recordings that are being scored.
    report : callable
        Told of every result.
    look_every_seconds, retry_every_seconds : float
        Time between two looks, and after one that found such a fault.
    settle_seconds, incomplete_seconds : float
        How long a recording is left alone whose header does not tell its length, and one
        that is shorter than its header says.
    """
    folder.prepare()
    _Watch(
        folder, workers, report, settle_seconds=settle_seconds,
        incomplete_seconds=incomplete_seconds,
    ).run(stop, look_every_seconds, retry_every_seconds)  # fmt: skip


class _Watch:
    def __init__(
        self,
        folder: WatchedFolder,
        workers: Workers,
        report: Report,
        *,
        settle_seconds: float,
        incomplete_seconds: float,
    ) -> None:
        self._folder, self._workers, self._report = folder, workers, report
        self._put_away: dict[Path, _PutAway] = {}
        self._arrivals = Arrivals(
            folder=folder.incoming,
            settle_seconds=settle_seconds,
            incomplete_seconds=incomplete_seconds,
            tell=self._tell_left_alone,
        )

    def _tell_left_alone(self, path: Path, why: str) -> None:
        self._report(_fault(path, "left_alone", f"{readable_name(path)} {why}"))

    def run(self, stop: threading.Event, look_seconds: float, retry_seconds: float) -> None:
        while not stop.is_set():
            codes = self._look(stop)
            stop.wait(retry_seconds if codes.intersection(_TRIED_AGAIN) else look_seconds)

    def _look(self, stop: threading.Event) -> set[str]:
        """Score what has arrived; return the codes of what went wrong."""
        try:
            arrived = self._arrivals.look()
        except OSError as error:
            reason = f"{self._folder.incoming}: cannot be read ({error.strerror}); trying again"
            self._report(_fault(self._folder.incoming, _UNREADABLE, reason))
            return {_UNREADABLE}
        codes = set()
        paths = [] if stop.is_set() else list(arrived)
        for result in self._workers.score(paths):
            result = self._finish(result, arrived[result.path])
            codes.add(result.code)
            self._report(result)
        self._look_after()
        return codes

    def _finish(self, result: RecordingResult, state: State) -> RecordingResult:
        if result.code in _TRIED_AGAIN:
            return result
        try:
            if _state_of(result.path) != state:
                self._workers.take_back(result)
                name = readable_name(result.path)
                reason = f"{name} grew meanwhile; it is scored when it is whole"
                return replace(result, state="failed", code=_GREW, message=reason)
            target = self._folder.put_away(result)
        except OSError as error:
            why = error.strerror or error
            reason = f"{readable_name(result.path)} cannot be moved ({why}); trying again"
            return replace(result, state="failed", code=_NOT_MOVED, message=reason)
        except StoreError as error:
            return replace(result, state="failed", code=error.code, message=str(error))
        self._put_away[target] = _PutAway(
            state=state, name=readable_name(result.path),
            call_id=result.call_id, until=time.monotonic() + _LOOKED_AFTER_SECONDS,
        )  # fmt: skip
        return result

    def _look_after(self) -> None:
        """Bring back recordings that grew after they were put away."""
        now = time.monotonic()
        for path, was in list(self._put_away.items()):
            try:
                size = path.lstat().st_size
                if size > was.state[0]:
                    self._workers.take_back(
                        RecordingResult(path=path, state="scored", call_id=was.call_id)
                    )
                    self._folder.bring_back(path, was.name)
                    reason = f"{was.name} grew after it was scored; it is scored again"
                    self._report(_fault(path, _GREW, reason))
            except FileNotFoundError:
                size = was.state[0] + 1
            except (OSError, StoreError):
                continue
            if size > was.state[0] or now > was.until:
                del self._put_away[path]


def _state_of(path: Path) -> State:
    state = path.lstat()
    return (state.st_size, state.st_mtime_ns, state.st_ino)


def _fault(path: Path, code: str, message: str) -> RecordingResult:
    return RecordingResult(path=path, state="failed", code=code, message=message)
