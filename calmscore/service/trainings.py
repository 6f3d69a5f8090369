"""Training in the background: one at a time, beside the service, never over its model.

A training is a process of its own, of the lowest priority, that goes on when the
service ends. It holds a lock as long as it runs; what it left in its folder says how
it ended, so that the next service can tell, too.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy.orm import Session

from calmscore.service.problems import ProblemError
from calmscore.store import Store, audit
from calmscore.store.jobs import (
    JobKind,
    JobRow,
    add_job,
    fail_job,
    finish_job,
    open_job_ids,
    take_job,
)

_KIND: JobKind = "training"
TRAIN_COMMAND = (sys.executable, "-m", "calmscore.training.command", "train")
# Written last by the training.
_METRICS_FILE = "metrics.json"
_ARTIFACTS = "artifacts"
_PARTS = ("train", "validation")
_LOWEST_PRIORITY = ("nice", "-n", "19")
_LOG_LINES = 20
_LOG_BYTES = 16 * 1024

_log = logging.getLogger("calmscore.service")


class Trainings:
    """The trainings of one store.

    Parameters
    ----------
    store : Store
        Holds the jobs; each gets a folder under ``training`` in the store's folder.
    sets : Path or None
        Folder of prepared training sets; None switches training off. Weights of
        Whisper in its folder ``whisper`` (``tiny.en.bin``) are used instead of a
        download.
    command : sequence of str
        What trains; gets the options of ``model.py train``.
    """

    def __init__(
        self, store: Store, *, sets: Path | None, command: Sequence[str] = TRAIN_COMMAND
    ) -> None:
        self._store = store
        self._sets = sets
        self._command = tuple(command)
        self._folder = store.folder / "training"
        self._turn = threading.Lock()

    def resume(self) -> None:
        """Follow a training that an earlier service began, or note how it ended."""
        with self._store.database.reading() as session:
            left = open_job_ids(session, kind=_KIND)
        for job_id in left:
            self._follow(job_id, None)

    def start(self, *, training_set: str, options: dict[str, Any], actor: str) -> JobRow:
        """Start a training.

        Parameters
        ----------
        training_set : str
            Name of a folder among the prepared sets.
        options : dict
            Further options of ``model.py train``, by name.
        actor : str
            Who asks, for the audit.

        Raises
        ------
        Problem
            If training is switched off or another one runs (409), or there is no such
            set (404).
        """
        path = self._set_path(training_set)
        with self._turn:
            lock = self._take_lock()
            with lock:
                with self._store.database.writing() as session:
                    job = self._add(session, training_set, options, actor)
                process = self._spawn(job, path, options, lock)
        self._follow(job.id, process)
        return job

    def artifacts(self, job_id: str) -> Path:
        """Return where a training writes, or wrote, its model."""
        return self._folder / job_id / _ARTIFACTS

    def metrics(self, job_id: str) -> dict[str, Any] | None:
        """Return the figures of a finished training."""
        try:
            figures: dict[str, Any] = json.loads(
                (self.artifacts(job_id) / _METRICS_FILE).read_text(encoding="utf-8")
            )
        except (OSError, ValueError):
            return None
        return figures

    def log_lines(self, job_id: str) -> list[str]:
        """Return the last lines of a training's log."""
        try:
            with self._log_path(job_id).open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - _LOG_BYTES, 0))
                text = file.read().decode(errors="replace")
        except OSError:
            return []
        # A progress bar writes over its own line again and again.
        lines = [line.rsplit("\r", 1)[-1].rstrip() for line in text.splitlines()]
        return [line for line in lines if line][-_LOG_LINES:]

    def _set_path(self, name: str) -> Path:
        if self._sets is None:
            raise ProblemError(
                HTTPStatus.CONFLICT,
                "training_not_configured",
                "training is switched off here; set CALMSCORE_TRAINING_FOLDER to the folder of "
                "prepared training sets and start the service again",
            )
        # Chosen among those that are there, never made into a path.
        known = {
            path.name: path
            for path in self._sets.iterdir()
            if all((path / part).is_dir() for part in _PARTS)
        }
        if name not in known:
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                "training_set_unknown",
                f"there is no training set {name!r}; there "
                + (f"are {', '.join(sorted(known))}" if known else "is none"),
            )
        return known[name]

    def _take_lock(self) -> BinaryIO:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        lock = self._lock_path.open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise ProblemError(
                HTTPStatus.CONFLICT,
                "training_runs",
                "another training runs; one at a time is possible",
            ) from error
        return lock

    def _add(
        self, session: Session, training_set: str, options: dict[str, Any], actor: str
    ) -> JobRow:
        add_job(
            session,
            kind=_KIND,
            parameters={"training_set": training_set, "actor": actor, **options},
        )
        audit.record(session, actor=actor, action="training started")
        job = take_job(session, kind=_KIND)
        assert job is not None
        return job

    def _spawn(
        self, job: JobRow, training_set: Path, options: dict[str, Any], lock: BinaryIO
    ) -> subprocess.Popen[bytes] | None:
        folder = self._folder / job.id
        arguments = training_arguments(training_set, folder=folder, options=options)
        try:
            folder.mkdir(mode=0o700)
            with self._log_path(job.id).open("wb") as log:
                return subprocess.Popen(
                    [*_LOWEST_PRIORITY, *self._command, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    start_new_session=True,
                    # The lock lasts until the last process that has it open has ended.
                    pass_fds=(lock.fileno(),),
                )
        except OSError:
            _log.exception("training %s could not be started", job.id)
            return None

    def _follow(self, job_id: str, process: subprocess.Popen[bytes] | None) -> None:
        def wait() -> None:
            if process is not None:
                process.wait()
            else:
                with self._lock_path.open("ab") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
            self._note_end(job_id)

        threading.Thread(target=wait, name=f"training {job_id}", daemon=True).start()

    def _note_end(self, job_id: str) -> None:
        finished = self.metrics(job_id) is not None
        lines = self.log_lines(job_id)
        reason = lines[-1] if lines else "it left no word why"
        with self._store.database.writing() as session:
            if finished:
                finish_job(session, job_id)
            else:
                fail_job(
                    session, job_id, code="training_failed", message=f"the training ended: {reason}"
                )

    @property
    def _lock_path(self) -> Path:
        return self._folder / "running.lock"

    def _log_path(self, job_id: str) -> Path:
        return self._folder / job_id / "log.txt"


def training_arguments(
    training_set: Path, *, folder: Path, options: Mapping[str, Any]
) -> list[str]:
    """Return the arguments of ``model.py train``.

    Parameters
    ----------
    training_set : Path
        A prepared set; weights of Whisper may lie beside it, in ``whisper``.
    folder : Path
        Gets checkpoints and, in a folder of its own, the model.
    options : mapping
        Further options by name.
    """
    arguments = [
        "--training-set", str(training_set), "--run", str(folder / "run"),
        "--artifacts", str(folder / _ARTIFACTS),
    ]  # fmt: skip
    for name, value in options.items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    weights = sorted((training_set.parent / "whisper").glob("*.bin"))
    if weights:
        arguments += ["--whisper-weights", *(f"{path.stem}={path}" for path in weights)]
    return arguments
