"""What a queue does beside its work: leases are renewed, the disk is tried, leftovers go."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
import threading
import time
from collections.abc import Collection

from calmscore.audio.recording_file import hash_recording, open_recording
from calmscore.errors import StoreError
from calmscore.intake.queue_timing import QueueTiming
from calmscore.store import Store
from calmscore.store.jobs import CALL, ENDED, add_job, renew_leases, states_of

_PROBE = b"\0" * (1 << 16)

_log = logging.getLogger("calmscore.queue")


class Upkeep:
    """Keeps what this owner holds, and says whether anything can be stored.

    Parameters
    ----------
    owner : str
        Who holds jobs.
    held : collection of str
        The jobs whose leases are renewed; their holder adds to it and takes from it.
    timing : QueueTiming
    stopping : threading.Event
        Ends it.
    """

    def __init__(
        self,
        store: Store,
        *,
        owner: str,
        held: Collection[str],
        timing: QueueTiming,
        stopping: threading.Event,
    ) -> None:
        self._store = store
        self._owner = owner
        self._held = held
        self._timing = timing
        self._stopping = stopping
        self._beaten_at = -float("inf")
        self._trouble = ""

    def start(self) -> threading.Thread:
        """Begin, in a thread of its own, and return it."""
        self._beaten_at = time.monotonic()
        thread = threading.Thread(target=self._run, name="lease", daemon=True)
        thread.start()
        return thread

    @property
    def trouble(self) -> str:
        """Why nothing can be stored at present; empty if it can."""
        late = time.monotonic() - self._beaten_at
        if not self._trouble and late > self._timing.late_seconds:
            return f"the store has taken nothing for {late:.0f} s; something holds its lock"
        return self._trouble

    def _run(self) -> None:
        tidied_at: float | None = None
        while True:
            now, starting = time.monotonic(), tidied_at is None
            try:
                if tidied_at is None or now - tidied_at > self._timing.tidy_every_seconds:
                    tidied_at = now
                    self._tidy(starting=starting)
                self._probe_disk()
                with self._store.database.writing() as session:
                    renew_leases(session, list(self._held), owner=self._owner)
            except Exception as error:  # the next beat may find it mended
                if not self._trouble:
                    _log.exception("nothing can be stored")
                self._trouble = _plain(error)
            else:
                self._trouble, self._beaten_at = "", time.monotonic()
            if self._stopping.wait(self._timing.beat_seconds):
                return

    def _probe_disk(self) -> None:
        with tempfile.TemporaryFile(dir=self._store.incoming.folder) as probe:
            probe.write(_PROBE)
            probe.flush()
            os.fsync(probe.fileno())

    def _tidy(self, *, starting: bool) -> None:
        """Take in uploads without a row, and delete what ended jobs and broken uploads left."""
        incoming = self._store.incoming
        here = incoming.job_ids()
        with self._store.database.reading() as session:
            states = states_of(session, here)
        incoming.delete(*(job_id for job_id, state in states.items() if state in ENDED))
        for job_id, parameters in incoming.without_row(states).items():
            with open_recording(incoming.path(job_id), file_name=job_id) as upload:
                call_id = hash_recording(upload, file_name=job_id)
            _log.warning("upload %s has no row; it is taken in again", job_id)
            with self._store.database.writing() as session:
                add_job(session, kind=CALL, parameters=parameters, job_id=job_id, call_id=call_id)
        incoming.delete_left()
        if starting:
            self._store.delete_left()
            self._store.database.wipe()


def _plain(error: Exception) -> str:
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return "the disk of the data folder is full; make room"
        return f"the data folder cannot be written ({error.strerror})"
    if isinstance(error, StoreError):
        return str(error)
    return f"the store cannot be used ({type(error).__name__})"
